"""Which names a body reads from outside."""

from __future__ import annotations

import ast

import pytest

from jobkernel.rules.free_names import free_names, names_of, names_of_function

READS = {
    "a name rebound from itself": ("raw = raw.dropna()", "raw"),
    "augmented assignment": ("total += 1", "total"),
    "augmented assignment of an attribute": ("frame.total += 1", "frame"),
    "assignment first": ("raw = 1\nraw = raw + 1", ""),
    "item assignment": ("raw['x'] = 1", "raw"),
    "builtins": ("print(len(raw), sum(raw))", "raw"),
    "imports of the body": ("import pandas as pd\nfrom math import pi\nx = pd.DataFrame(raw) * pi", "raw"),
    "dotted import": ("import os.path\nos.path.join(a)", "a"),
    "parameters": ("def f(raw, *rest, key=1, **more): return raw, rest, key, more, other\nf(1)", "other"),
    "defaults": ("def f(x=limit): return x\nf()", "limit"),
    "annotations": ("def f(x: Frame) -> Result: return x\nf(1)", "Frame Result"),
    "variable annotation": ("x: Frame = 1", "Frame"),
    "bare variable annotation": ("x: int\nx", "x"),
    "a function never used": ("def f(): return raw\n1", ""),
    "a function used after its name is made": ("def f(): return raw\nraw = 1\nf()", ""),
    "a function used before": ("def f(): return raw\nf()\nraw = 1", "raw"),
    "functions that name each other": ("def f(): return g() + a\ndef g(): return f() + b\nf()", "b a"),
    "a decorator": ("@cached\ndef f(): return raw", "cached raw"),
    "a lambda": ("f = lambda x, y=k: x + y + z", "k z"),
    "a lambda over what is made": ("z = 1\nf = lambda x: x + z", ""),
    "a comprehension": ("[a for a in rows if a > low]", "rows low"),
    "nested comprehensions": ("[b for a in rows for b in a.items if b in keys]", "rows keys"),
    "a comprehension over itself": ("raw = [raw for raw in raw]", "raw"),
    "dict and set comprehensions": ("{k: v for k, v in pairs}, {s for s in items}", "pairs items"),
    "a generator": ("sum(x * w for x in xs)", "xs w"),
    "walrus": ("(n := len(raw)) > n", "raw"),
    "walrus in a comprehension": ("[y for x in xs if (y := f(x))]\ny", "xs f y"),
    "a walrus that a comprehension uses": ("[y for x in xs if (y := f(x)) and y > low]", "xs f low"),
    "a walrus that reads itself": ("[y for x in xs if (y := f(y))]", "xs y f"),
    "walrus that may not run": ("a and (n := 1)\nn", "a n"),
    "for target": ("for i in xs: pass\ni", "xs i"),
    "for else": ("for i in xs:\n  pass\nelse:\n  k = 1\nk", "xs"),
    "while true": ("while True:\n  k = f()\n  if k: break\nk", "f"),
    "while": ("while ok():\n  k = 1\nk", "ok k"),
    "while with walrus": ("while (line := read()):\n  pass\nline", "read"),
    "a function defined later in a loop": ("for i in xs:\n  if i: f()\n  def f(): return raw", "xs f raw"),
    "both branches": ("if c:\n  x = 1\nelse:\n  x = 2\nx", "c"),
    "one branch": ("if c:\n  x = 1\nx", "c x"),
    "a branch that leaves": ("if c:\n  x = 1\nelse:\n  raise E\nx", "c E"),
    "a conditional expression": ("(x := 1) if c else (x := 2)\nx", "c"),
    "try and except": ("try:\n  x = f()\nexcept E:\n  x = None\nx", "f E"),
    "try, except that forgets": ("try:\n  x = f()\nexcept E:\n  pass\nx", "f E x"),
    "the name of an exception": ("try:\n  f()\nexcept E as e:\n  print(e)", "f E"),
    "the name of an exception afterwards": ("e = 1\ntry:\n  f()\nexcept E as e:\n  pass\ne", "f E e"),
    "finally": ("try:\n  f()\nfinally:\n  x = 1\nx", "f"),
    "try import": ("try:\n  import fast as impl\nexcept ImportError:\n  impl = None\nimpl", ""),
    "exception groups": ("try:\n  f()\nexcept* E as e:\n  print(e)", "f E"),
    "with": ("with open(path) as file:\n  text = file.read()\ntext", "path"),
    "with that suppresses": ("with suppress(E):\n  x = f()\nx", "suppress E f x"),
    "match": (
        "match value:\n  case {'a': x, **rest}: y = x\n  case [first, *others]: y = first\n  case _: y = 0\ny",
        "value",
    ),
    "match without a last case": ("match value:\n  case Point(x=0): y = 1\ny", "value Point y"),
    "match with a guard": ("match v:\n  case x if x > low: pass", "v low"),
    "del": ("x = 1\ndel x\nx", "x"),
    "del of a name from outside": ("del raw", "raw"),
    "a class": ("class A(Base):\n  size = width\n  def m(self): return self.size * height\nA()", "Base width height"),
    "a class attribute is no name of its methods": ("class A:\n  k = 1\n  def m(self): return k\nA()", "k"),
    "a class never used": ("class A:\n  def m(self): return raw", ""),
    "a decorated class": ("@dataclass\nclass A:\n  x: int = start", "dataclass start"),
    "a class in a function": (
        "def f():\n  class A(Base):\n    x = y\n    def m(self): return x, z\n  return A\nf()",
        "y Base x z",
    ),
    "assignments in a function": ("def f():\n  a: T = b\n  a += c\n  d += 1\n  import e\n  return e\nf()", "b c"),
    "f-strings": ("f'{raw!r:>{width}} {len(rows)}'", "raw width rows"),
    "unpacking": ("a, (b, *c) = pairs\na + b\nc", "pairs"),
    "star expression": ("f(*args, **options)", "f args options"),
    "async": ("async with s as r:\n  x = await r.get(url)\nasync for i in r: pass", "s url"),
    "assert": ("assert ok, message", "ok message"),
    "a slice": ("raw[low:high]", "raw low high"),
    "nested functions": ("def f():\n  def g():\n    return deep\n  return g\nf()", "deep"),
    "nonlocal": ("def f():\n  n = 0\n  def g():\n    nonlocal n\n    n += 1\n  g()\nf()", ""),
    "a shell command": ("get_ipython().system('wc -l {path} $name $$home {{x}}')", "path name"),
    "output of a command": ("files = get_ipython().getoutput('ls {folder!r}')\nfiles", "folder"),
    "a timed statement": ("get_ipython().run_line_magic('time', 'orders = raw.dropna()')\norders", "raw"),
    "a timed loop": ("get_ipython().run_line_magic('timeit', '-n 10 f(raw)')", "f raw"),
    "variables of pandas' query": ("frame.query('x > @limit and y < @other')", "frame limit other"),
}


@pytest.mark.parametrize(("source", "expected"), READS.values(), ids=READS.keys())
def test_names_read_before_they_are_surely_written_come_from_outside(source: str, expected: str) -> None:
    assert free_names(source) == tuple(expected.split())


def test_queries_are_kept_with_what_was_written_before() -> None:
    found = names_of(ast.parse("made = 1\nduckdb.sql('select * from raw join made using (x)')"))

    assert [(query.text, sorted(query.written)) for query in found.queries] == [
        ("select * from raw join made using (x)", ["made"])
    ]


NO_QUERIES = ["duckdb.sql(q)", "df.query('x > 1')", "duckdb.sql(f'select {x} from raw')", "sql('from raw')"]


@pytest.mark.parametrize("call", NO_QUERIES)
def test_what_is_no_literal_query_is_none(call: str) -> None:
    assert names_of(ast.parse(call)).queries == ()


def test_a_query_in_a_function_counts_where_the_function_is_used() -> None:
    found = names_of(ast.parse("def f(): return con.execute('from raw')\nraw = 1\nf()"))

    assert [sorted(query.written) for query in found.queries] == [["f", "raw"]]


def test_writes_and_imports_are_told_apart() -> None:
    found = names_of(ast.parse("import a.b, c as d\nx = 1\nfor i in range(3): y = i"))

    assert (sorted(found.imports), sorted(found.writes)) == (["a", "d"], ["a", "d", "i", "x", "y"])
    assert found.builtin_reads == {"range"}


def test_a_function_form_needs_what_its_function_needs() -> None:
    tree = ast.parse("import pandas as pd\ndef orders(raw: pd.DataFrame, n=size):\n  return raw.merge(customers)")

    found = names_of_function(tree, tree.body[1])  # type: ignore[arg-type]

    assert found.reads == ("size", "customers")


def test_a_finally_may_start_after_a_name_was_deleted() -> None:
    source = "a = 1\ntry:\n    del a\n    call()\nexcept ValueError:\n    a = 2\nfinally:\n    print(a)"

    assert "a" in free_names(source)
