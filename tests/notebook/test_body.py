"""Bodies of definition cells: their two forms, their value, their refusals, where their errors point."""

from __future__ import annotations

import asyncio
import traceback
from types import SimpleNamespace
from typing import Any

import pytest
from cells_at_work import Notebook, a_body, run_body

from jobkernel.errors import InvalidDefinition, InvariantViolation, UnstorableValue

VALUES = {
    "the variable of its name": ("orders = raw + 1\nother = 5", 2),
    "the last expression": ("x = raw + 1\nx * 10", 20),
    "the name before the last expression": ("orders = raw + 1\norders * 10", 2),
    "the name in a branch": ("if raw:\n    orders = 1\nelse:\n    orders = 2", 1),
    "the last expression where the branch with the name was not taken": ("if not raw:\n    orders = 1\n7", 7),
    "a function form": ("def orders(raw): return raw + 1", 2),
    "a function form with an import": ("import math\ndef orders(raw):\n    return math.floor(raw + 1.5)", 2),
    "a docstring above a function": ("'about'\ndef orders(raw): return raw", 1),
    "keyword-only and default parameters": ("def orders(raw, /, *, k=4): return raw + k", 5),
    "any keywords": ("def orders(**values): return sorted(values.items())", [("raw", 1)]),
    "names of itself": ("orders = [raw]\norders.append(2)\norders", [1, 2]),
    "a comprehension over names of the body": ("k = 2\n[x * k for x in range(raw + 1)]", [0, 2]),
    "a function and a class": ("k = 3\ndef f(x): return x + k\nclass A:\n    y = f(raw)\nA.y", 4),
    "a global in a function of the body": ("n = 0\ndef bump():\n    global n\n    n += raw\nbump()\nbump()\nn", 2),
    "eval sees the names of the body": ("k = 3\neval('raw + k')", 4),
}


@pytest.mark.parametrize(("text", "value"), VALUES.values(), ids=VALUES.keys())
def test_the_value_of_a_body(text: str, value: Any) -> None:
    assert run_body(text, raw=1) == value


def test_a_body_without_a_value_gives_none() -> None:
    body = a_body("x = raw")

    assert not body.has_value
    assert run_body("x = raw", raw=1) is None


def test_a_value_that_no_path_assigned_is_an_error_of_one_sentence() -> None:
    with pytest.raises(
        InvariantViolation, match="The body of asset 'orders' ended without a value: 'orders' is assigned on"
    ):
        run_body("if not raw:\n    orders = 1", raw=1)


def test_what_a_body_assigns_is_private() -> None:
    notebook = Notebook(raw=1, k=1)
    notebook.run("def read(): return k")

    assert run_body("k = 50\nraw = raw + 1\norders = (raw, k, read())", notebook=notebook) == (2, 50, 1)
    assert (notebook.names["raw"], notebook.names["k"]) == (1, 1)


def test_each_call_starts_afresh() -> None:
    notebook = Notebook(seen=[])
    call = notebook.captured(a_body("seen.append(1)\nlen(seen)"))

    assert [call(), call()] == [1, 1]
    assert notebook.names["seen"] == []


def test_the_function_gives_the_name() -> None:
    body = a_body("def orders(raw): return raw", name=None)

    assert (body.name, body.function, [each.name for each in body.parameters]) == ("orders", "orders", ["raw"])


def test_the_last_part_of_a_key_is_the_variable_and_the_function() -> None:
    assert a_body("orders = 1", name="sales/orders").assigns_name
    assert a_body("def orders(): return 1", name="sales/orders").name == "sales/orders"


def test_a_function_form_is_described_by_its_docstring_and_knows_its_parameters() -> None:
    body = a_body("def orders(context, raw: Frame, n: int = 3, *, k=None) -> Frame:\n    'All orders.'\n    return raw")

    assert body.description == "All orders."
    assert body.context_parameter == "context"
    assert [(each.name, each.annotation, each.default) for each in body.parameters] == [
        ("raw", "Frame", None), ("n", "int", "3"), ("k", None, "None"),
    ]  # fmt: skip
    assert body.returns == "Frame"


def test_plain_code_that_defines_a_function_too_stays_plain_code() -> None:
    assert a_body("def helper(x): return x\norders = helper(1)").function is None


CONTEXTS = ["context.value", "def orders(context): return context.value", "def orders(_): return _.value"]


@pytest.mark.parametrize("text", CONTEXTS)
def test_the_context_is_bound(text: str) -> None:
    assert a_body(text).takes_context
    assert run_body(text, context=SimpleNamespace(value=3)) == 3


def test_resources_that_a_body_reads_are_known() -> None:
    assert a_body("context.resources.db.query(1)\ncontext.resources.files").resources == {"db", "files"}


ASYNC = {
    "await": "import asyncio\nawait asyncio.sleep(0)\norders = raw + 1",
    "the last expression awaited": "async def f(x): return x + 1\nawait f(raw)",
    "async with": "import contextlib\n@contextlib.asynccontextmanager\nasync def m():\n    yield 2\n"
    "async with m() as orders:\n    pass",
    "async function form": "async def orders(raw): return raw + 1",
    "async comprehension": "async def xs():\n    yield raw + 1\n[x async for x in xs()][0]",
}


@pytest.mark.parametrize("text", ASYNC.values(), ids=ASYNC.keys())
def test_asynchronous_bodies_are_awaited(text: str) -> None:
    assert a_body(text).is_async
    assert asyncio.run(run_body(text, raw=1)) == 2


def test_a_function_that_yields_gives_its_generator() -> None:
    assert list(run_body("def orders(raw):\n    yield raw\n    yield 2", raw=1)) == [1, 2]


def test_shell_commands_and_line_magics_work_in_a_body(capsys: pytest.CaptureFixture[str]) -> None:
    text = "word = 'hello'\n!echo $word {raw + 1}\nlines = !printf 'a\\nb\\n'\norders = list(lines)"

    assert run_body(text, raw=1) == ["a", "b"]
    assert capsys.readouterr().out == "hello 2\n"


def test_a_line_magic_runs_on_the_names_of_the_body(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_body("%time orders = raw + 1\norders", raw=1) == 2
    assert "Wall time" in capsys.readouterr().out


def test_a_failing_command_leaves_its_exit_code() -> None:
    assert run_body("!exit 3\n_exit_code") == 3


REFUSALS = {
    "empty": ("  \n\n", "The body of this asset is empty: write the code that makes its value."),
    "comments only": ("# soon\n", "is empty"),
    "two functions": ("def a(): pass\ndef b(): pass", r"asset 'orders' holds 2 functions \('a', 'b'\); keep one"),
    "names that differ": ("def sales(): pass", "names 'orders' and the function is 'sales'; give both one name"),
    "star import": ("from math import *", r"'import \*' in asset 'orders' hides which names it uses"),
    "return": ("x = 1\nreturn x", "Line 3 of the cell: a body has no 'return'.*'def orders"),
    "yield": ("yield 1", "Line 2 of the cell: a body has no 'yield'"),
    "global": ("global k\nk = 1", "'global k' in asset 'orders', line 2: what a body assigns is private"),
    "global in a function form": ("def orders():\n    global k\n    k = 1", "'global k'"),
    "a cell magic": ("%%time\nx = 1", "Line 2 of the cell is a cell magic inside asset 'orders'"),
    "positional parameters": ("def orders(*rows): pass", r"takes '\*rows', but inputs come by name"),
    "syntax": ("x = 1\nif x:\nprint(1", "Line 4 of the cell is not Python, .*: print"),
    "syntax with its place": ("x = 1 +* 2", r"Line 2 of the cell is not Python, invalid syntax at '\*': x = 1"),
    "indentation": ("x = 1\n  y = 2", "Line 3 of the cell is not Python, unexpected indent: y = 2"),
    "null bytes": ("x = '\0'", "null bytes"),
    "deep nesting": ("(" * 300 + ")" * 300, "not Python|cannot be"),
    "break outside a loop": ("break", "Line 2 of the cell is not Python, 'break' outside loop"),
}


@pytest.mark.parametrize(("text", "sentence"), REFUSALS.values(), ids=REFUSALS.keys())
def test_what_a_body_cannot_be_is_refused_in_one_sentence(text: str, sentence: str) -> None:
    with pytest.raises(InvalidDefinition, match=sentence) as caught:
        a_body(text)

    assert "\n" not in str(caught.value)


def test_plain_code_without_a_name_is_refused() -> None:
    with pytest.raises(InvalidDefinition, match="%%op needs a name"):
        a_body("1 + 1", name=None, kind="op")


NO_VALUES = {
    "lambda x: x": "function .<lambda>.; call it",
    "print": "function .print.",
    "import math\nmath": "module .math.",
    "(x for x in 'a')": "generator .*; make a list of it",
    "def f(): yield 1\nf()": "generator",
    "def orders(): return lambda: 1": "function",
}


@pytest.mark.parametrize(("text", "sentence"), NO_VALUES.items(), ids=NO_VALUES.keys())
def test_functions_modules_and_generators_are_no_values(text: str, sentence: str) -> None:
    with pytest.raises(UnstorableValue, match=f"The value of asset 'orders' is a {sentence}"):
        run_body(text)


def test_a_coroutine_is_no_value() -> None:
    with pytest.raises(UnstorableValue, match=r"coroutine \(f\); await it"):
        run_body("async def f(): pass\norders = f()")


FAILING = "# a comment\nx = 1\n\nx / 0\n"


@pytest.mark.parametrize("text", [FAILING, "!true\n" + FAILING.partition("\n")[2], "\n" + FAILING.partition("\n")[2]])
def test_tracebacks_show_the_line_of_the_cell(text: str) -> None:
    with pytest.raises(ZeroDivisionError) as caught:
        run_body(text)

    last = traceback.extract_tb(caught.value.__traceback__)[-1]
    assert (last.lineno, last.line, last.name) == (5, "x / 0", "orders")


def test_tracebacks_show_the_text_that_was_typed() -> None:
    body = a_body("x = 0\n1 / x", cell_text="%%asset orders --group g\nx = 0\n1 / x", filename="cell 7")

    with pytest.raises(ZeroDivisionError) as caught:
        Notebook().captured(body)()

    last = traceback.extract_tb(caught.value.__traceback__)[-1]
    assert (last.filename, last.lineno, last.line) == ("cell 7", 3, "1 / x")
