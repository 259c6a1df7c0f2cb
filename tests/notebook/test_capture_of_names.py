"""What a body uses of the notebook is held still from launch on."""

from __future__ import annotations

import pickle
import subprocess
import sys
import threading
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from cells_at_work import Notebook, a_body

from jobkernel.errors import InvariantViolation
from jobkernel.notebook.plain_values import LARGE

HELD = {
    "a function": ("def f(): return 1", "f()", "def f(): return 2"),
    "a function that a function calls": ("def g(): return 1\ndef f(): return g()", "f()", "def g(): return 2"),
    "functions that call each other": (
        "def even(n): return n == 0 or odd(n - 1)\ndef odd(n): return n > 0 and even(n - 1)", "even(4)",
        "def odd(n): return None",
    ),
    "a constant of a function": ("k = 1\ndef f(): return k", "f()", "k = 2"),
    "a constant of the body": ("k = 1", "k", "k = 2"),
    "a list changed in place": ("k = [1]", "k", "k.append(2)"),
    "a nested list changed in place": ("k = {'a': [1]}", "k", "k['a'].append(2)"),
    "a default": ("k = [1]\ndef f(x=k): return x", "f()", "k.append(2)"),
    "a keyword default": ("k = [1]\ndef f(*, x=k): return x", "f()", "k.append(2)"),
    "a closure": ("def make():\n  k = [1]\n  def f(): return k\n  return f\nf = make()", "f()", "f().append(2)"),
    "a closure over a function": ("def g(): return 1\ndef make(h): return lambda: h()\nf = make(g)", "f()",
                                  "f = make(lambda: 2)"),
    "a recursive closure": ("def make():\n  def f(n): return k if n < 1 else f(n - 1)\n  return f\nk = 1\nf = make()",
                            "f(3)", "k = 2"),
    "a decorated function": (
        "import functools\ndef twice(f):\n  @functools.wraps(f)\n  def inner(*a): return f(*a) * k\n  return inner\n"
        "k = 2\n@twice\ndef f(x): return x + k", "f(1)", "k = 3",
    ),
    "functools.cache": ("import functools\nk = 1\n@functools.cache\ndef f(): return k", "f()",
                        "k = 2\nf.cache_clear()"),
    "functools.partial": ("import functools\nk = 1\ndef g(x): return x + k\nf = functools.partial(g, 1)", "f()",
                          "k = 2"),
    "a lambda in a dict": ("k = 1\ntable = {'a': lambda: k}", "table['a']()", "k = 2"),
    "a method": ("def g(): return 1\nclass A:\n  def f(self): return g()", "A().f()", "def g(): return 2"),
    "an inherited method": ("def g(): return 1\nclass A:\n  def f(self): return g()\nclass B(A):\n"
                            "  def f(self): return super().f() + 10", "B().f()", "def g(): return 2"),
    "static, class and property": (
        "k = 1\nclass A:\n  @staticmethod\n  def s(): return k\n  @classmethod\n  def c(cls): return k\n"
        "  @property\n  def p(self): return k", "(A.s(), A.c(), A().p)", "k = 2",
    ),
    "a cached property": ("import functools\nk = 1\nclass A:\n  @functools.cached_property\n  def p(self): return k",
                          "A().p", "k = 2"),
    "a class with slots": ("k = 1\nclass A:\n  __slots__ = ('x',)\n  def f(self): return k", "A().f()", "k = 2"),
    "an abstract class": ("import abc\nk = 1\nclass A(abc.ABC):\n  @abc.abstractmethod\n  def f(self): return k\n"
                          "class B(A):\n  def f(self): return super().f()", "B().f()", "k = 2"),
    "an instance": ("k = 1\nclass A:\n  def __init__(self): self.x = [1]\n  def f(self): return (k, self.x)\na = A()",
                    "a.f()", "k = 2\na.x.append(2)"),
    "a bound method": ("k = 1\nclass A:\n  def f(self): return k\nf = A().f", "f()", "k = 2"),
    "a class": ("class A:\n  x = 1", "A.x", "class A:\n  x = 2"),
    "a name in a literal query": ("k = 1\nclass Frame:\n  def query(self, text): return text and k\nframe = Frame()",
                                  "frame.query('x > @k')", "k = 2"),
    "a tuple of functions": ("k = 1\npair = (lambda: k, 2)", "pair[0]()", "k = 2"),
    "a set of functions": ("k = 1\nones = {lambda: k}", "[f() for f in ones]", "k = 2"),
    "a deque": ("import collections\nk = collections.deque([1], maxlen=3)", "list(k)", "k.append(2)"),
    "a defaultdict": ("import collections\nk = 1\nd = collections.defaultdict(lambda: k)", "d['x']", "k = 2"),
    "a query in a helper": (
        "import duckdb, pandas\nlookup = pandas.DataFrame({'a': [1]})\n"
        "def f(): return duckdb.connect().sql('select sum(a)::int from lookup').fetchall()", "f()",
        "lookup = pandas.DataFrame({'a': [2]})",
    ),
    "an async function": ("import asyncio\nk = 1\nasync def g(): return k\ndef f(): return asyncio.run(g())", "f()",
                          "k = 2"),
    "a generator function": ("k = 1\ndef g():\n  yield k", "list(g())", "k = 2"),
}  # fmt: skip


@pytest.mark.parametrize(("before", "text", "after"), HELD.values(), ids=HELD.keys())
def test_redefining_changes_nothing_in_what_was_launched(before: str, text: str, after: str) -> None:
    notebook = Notebook()
    notebook.run(before)
    call = notebook.captured(a_body(text))
    first = call()

    notebook.run(after)

    assert call() == first
    assert notebook.captured(a_body(text))() != first or "@k" in text


@pytest.mark.parametrize(("before", "text", "after"), HELD.values(), ids=HELD.keys())
def test_everything_captured_travels_to_another_process(before: str, text: str, after: str) -> None:
    notebook = Notebook()
    notebook.run(before)
    call = notebook.captured(a_body(text))
    first = call()
    data = pickle.dumps(call)

    assert pickle.loads(data)() == first


def test_another_process_runs_what_was_captured() -> None:
    notebook = Notebook()
    calls, expected = [], []
    for before, text, _ in HELD.values():
        notebook.run(before)
        calls.append(notebook.captured(a_body(text)))
        expected.append(calls[-1]())

    program = "import pickle, sys; print([call() for call in pickle.load(sys.stdin.buffer)])"
    done = subprocess.run([sys.executable, "-c", program], input=pickle.dumps(calls), capture_output=True, timeout=60)

    assert done.stdout.decode() == f"{expected}\n", done.stderr.decode()


def test_a_traceback_in_another_process_shows_the_cell() -> None:
    data = pickle.dumps(Notebook().captured(a_body("x = 0\n1 / x")))
    program = (
        "import pickle, sys, traceback\ntry: pickle.load(sys.stdin.buffer)()\nexcept Exception: traceback.print_exc()"
    )

    done = subprocess.run([sys.executable, "-c", program], input=data, capture_output=True, timeout=60)

    assert "line 3, in orders\n    1 / x" in done.stderr.decode()


SHAPES = """
import dataclasses, enum
def scale(): return 2
class Shape:
    def area(self): return scale()
class Square(Shape): pass
@dataclasses.dataclass
class Point:
    x: int
    def moved(self): return Point(self.x + 1)
class Colour(enum.Enum):
    RED = 1
    def shown(self): return scale()
square = Square()
point = Point(1)
"""


@pytest.mark.parametrize(
    "text",
    [
        "isinstance(square, Shape)",
        "isinstance(square, Square)",
        "isinstance(Square(), Shape)",
        "issubclass(Square, Shape)",
        "not isinstance(point, Shape)",
        "not isinstance(Shape(), Square)",
        "isinstance(square, (int, Shape))",
        "point.moved() == Point(2)",
        "Colour.RED is Colour(1)",
        "type(point) is Point",
        "square.__class__.__name__ == 'Square'",
    ],
)
def test_isinstance_stays_sane(text: str) -> None:
    notebook = Notebook()
    notebook.run(SHAPES)

    assert notebook.captured(a_body(text))() is True


def test_what_a_body_made_is_an_instance_of_the_class_in_the_notebook_and_in_other_runs() -> None:
    notebook = Notebook()
    notebook.run(SHAPES)
    made = notebook.captured(a_body("Square()"))()

    assert isinstance(made, notebook.names["Shape"])
    assert notebook.captured(a_body("isinstance(made, Square)"), made="made")(made=made) is True
    assert notebook.captured(a_body("class Big(Square): pass\nisinstance(made, Big)"), made="made")(made=made) is False


def test_steps_of_one_launch_share_what_they_capture() -> None:
    notebook = Notebook()
    notebook.run(SHAPES)
    memo: dict[Any, Any] = {}

    first, second = (notebook.captured(a_body("Square"), memo)() for _ in range(2))

    assert first is second


def test_a_class_without_helpers_stays_itself() -> None:
    notebook = Notebook()
    notebook.run(SHAPES)

    assert notebook.captured(a_body("Point"))() is notebook.names["Point"]


def test_steps_do_not_see_each_others_changes_of_a_captured_list() -> None:
    notebook = Notebook(seen=[])
    memo: dict[Any, Any] = {}
    first = notebook.captured(a_body("seen.append(1)\nlen(seen)"), memo)
    second = notebook.captured(a_body("len(seen)"), memo)

    assert (first(), second(), notebook.names["seen"]) == (1, 0, [])


FRAMES = {
    "pandas": (lambda: pd.DataFrame({"a": [1, 2]}), "frame.loc[0, 'a'] = 9\nint(frame['a'].sum())"),
    "numpy": (lambda: np.array([1, 2]), "frame[0] = 9\nint(frame.sum())"),
    "polars": (lambda: pl.DataFrame({"a": [1, 2]}), "frame[0, 'a'] = 9\nframe['a'].sum()"),
}


@pytest.mark.parametrize(("make", "text"), FRAMES.values(), ids=FRAMES.keys())
def test_a_body_never_changes_a_small_table_of_the_notebook(make: Any, text: str) -> None:
    notebook = Notebook(frame=make())

    assert notebook.captured(a_body(text))() == 11
    assert notebook.captured(a_body(text.partition("\n")[2]))() == 3


def test_a_large_variable_goes_by_reference_and_is_refused_elsewhere_in_one_sentence() -> None:
    big = np.zeros(LARGE // 8 + 1)
    call = Notebook(big=big).captured(a_body("big"))

    assert call() is big
    assert [(each.name, each.type_name, each.size) for each in call.by_reference] == [
        ("big", "numpy.ndarray", big.nbytes)
    ]
    with pytest.raises(
        InvariantViolation, match=r"asset 'orders' uses the notebook variable 'big' \(numpy.ndarray\), which is 10 MB"
    ):
        pickle.dumps(call)


def test_an_unpicklable_variable_is_refused_elsewhere_by_name() -> None:
    call = Notebook(lock=threading.Lock(), k=1).captured(a_body("lock.locked(), k"))

    assert call() == (False, 1)
    with pytest.raises(InvariantViolation, match=r"'lock' \(_thread.lock\), which cannot be pickled"):
        pickle.dumps(call)


def test_the_shell_of_the_notebook_is_never_captured() -> None:
    notebook = Notebook(get_ipython=threading.Lock().acquire)
    notebook.run("def f(): return get_ipython()")

    assert type(notebook.captured(a_body("f()"))()).__name__ == "BodyShell"


def test_names_that_are_missing_are_errors_of_the_body() -> None:
    with pytest.raises(NameError, match="nowhere"):
        Notebook().captured(a_body("nowhere + 1"))()
