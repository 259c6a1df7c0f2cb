"""What a screen is told of an exception, whatever the exception is like."""

from __future__ import annotations

import json
import linecache
from collections.abc import Callable
from typing import Any

import pytest

from jobkernel.executors.failure import TEXT_LIMIT, cell_of, describe_error, register_cell

CELL = "<cell of these tests>"


def run_cell(source: str) -> BaseException:
    """Run source as the code of cell 7 and return what it raises."""
    linecache.cache[CELL] = (len(source), None, source.splitlines(keepends=True), CELL)
    register_cell(CELL, 7)
    try:
        exec(compile(source, CELL, "exec"), {"__name__": "__main__"})
    except BaseException as error:
        return error
    raise AssertionError("the cell did not raise")


def described(error: BaseException, own: Callable[[str], bool] = lambda filename: False) -> dict[str, Any]:
    """Describe, and check that JSON can hold it."""
    shown = describe_error(error, own)
    assert json.loads(json.dumps(shown)) == shown
    return shown


def test_an_error_in_a_cell_points_at_its_line_and_leaves_our_frames_out() -> None:
    error = run_cell("import json\n\ndef load(text):\n    return json.loads(text)\n\nload('{')\n")

    shown = described(error)

    assert (shown["type"], shown["cell"], shown["line"]) == ("json.decoder.JSONDecodeError", 7, 4)
    assert shown["message"].startswith("Expecting property name")
    cells = [frame for frame in shown["frames"] if frame["own"]]
    assert cells == [
        {"where": "cell 7, in <module>", "line": 6, "code": "load('{')", "own": True},
        {"where": "cell 7, in load", "line": 4, "code": "return json.loads(text)", "own": True},
    ]
    assert shown["frames"][-1]["where"].endswith("decoder.py, in raw_decode")
    assert "return json.loads(text)" in shown["text"]
    assert "jobkernel/executors" not in json.dumps(shown)


def test_files_of_the_user_are_own_and_packages_are_not() -> None:
    def raised() -> BaseException:
        try:
            pytest.importorskip("")
        except BaseException as error:
            return error
        raise AssertionError

    shown = describe_error(raised())

    assert [frame["own"] for frame in shown["frames"]][:1] == [True]
    assert not shown["frames"][-1]["own"]
    assert shown["cell"] is None
    assert shown["line"] is not None


def test_causes_are_told_from_the_last_to_the_first() -> None:
    error = run_cell(
        "try:\n    try:\n        1 / 0\n    except ZeroDivisionError as first:\n"
        "        raise KeyError('k') from first\nexcept KeyError:\n    raise ValueError('v')\n"
    )

    shown = described(error)

    assert [shown["type"], shown["cause"]["type"], shown["cause"]["cause"]["type"]] == [
        "ValueError", "KeyError", "ZeroDivisionError",
    ]  # fmt: skip
    assert shown["cause"]["cause"]["line"] == 3
    assert "direct cause" in shown["text"]


def test_a_suppressed_context_is_no_cause() -> None:
    error = run_cell("try:\n    1 / 0\nexcept ZeroDivisionError:\n    raise ValueError('v') from None\n")

    assert "cause" not in described(error)


def test_causes_in_a_circle_end() -> None:
    first, second = ValueError("first"), ValueError("second")
    first.__cause__, second.__cause__ = second, first

    shown = described(first)

    assert shown["cause"]["message"] == "second"
    assert "cause" not in shown["cause"]


def test_groups_list_their_members() -> None:
    error = run_cell("raise ExceptionGroup('several', [ValueError('a'), ExceptionGroup('more', [KeyError('b')])])")

    shown = described(error)

    assert (shown["type"], shown["message"]) == ("ExceptionGroup", "several (2 sub-exceptions)")
    assert [cause["type"] for cause in shown["causes"]] == ["ValueError", "ExceptionGroup"]
    assert shown["causes"][1]["causes"][0]["message"] == "'b'"


def test_a_syntax_error_points_into_the_text_of_the_cell() -> None:
    register_cell(CELL, 7)
    with pytest.raises(SyntaxError) as caught:
        compile("x = 1\ny = = 2\n", CELL, "exec")

    shown = described(caught.value)

    assert (shown["type"], shown["cell"], shown["line"]) == ("SyntaxError", 7, 2)
    assert "y = = 2" in shown["text"]


def test_endless_recursion_is_told_briefly() -> None:
    error = run_cell("def f(n):\n    return g(n + 1)\n\ndef g(n):\n    return f(n)\n\nf(0)\n")

    shown = described(error)

    assert shown["type"] == "RecursionError"
    assert len(shown["frames"]) <= 40
    assert shown["frames"][1]["line"] == 7
    assert len(shown["text"]) < 2 * TEXT_LIMIT


def test_a_keyboard_interrupt_has_no_message() -> None:
    shown = described(run_cell("raise KeyboardInterrupt"))

    assert (shown["type"], shown["message"], shown["line"]) == ("KeyboardInterrupt", "", 1)


def test_a_failure_tells_its_metadata() -> None:
    error = run_cell(
        "class Rows:\n    value = 3\n\n"
        "class Failure(Exception):\n    metadata = {'rows': Rows(), 'path': 'a/b', "
        "'deep': {'x': [1, None, object]}, 9: b'raw'}\n\n"
        "raise Failure('no rows')\n"
    )

    shown = described(error)

    assert (shown["type"], shown["message"]) == ("Failure", "no rows")
    assert shown["metadata"] == {
        "rows": 3, "path": "a/b", "deep": {"x": [1, None, "<class 'object'>"]}, "9": "b'raw'",
    }  # fmt: skip


@pytest.mark.parametrize(
    "members",
    [
        "def __str__(self): raise RuntimeError('no text')",
        "def __str__(self): return 5",
        "def __repr__(self): raise RuntimeError('no text')\n    __str__ = __repr__",
        "metadata = property(lambda self: 1 / 0)",
        "__notes__ = property(lambda self: 1 / 0)",
        "def __eq__(self, other): raise RuntimeError('unequal')\n    __hash__ = None",
        "def __getattribute__(self, name): raise RuntimeError(name)",
        "__module__ = 5\n    __qualname__ = 'Odd'",
    ],
)
def test_describing_never_raises(members: str) -> None:
    error = run_cell(f"class Odd(Exception):\n    {members}\n\nraise Odd('x')\n")

    shown = described(error)

    assert shown["type"].endswith("Odd")
    assert set(shown) >= {"type", "message", "cell", "line", "frames", "text"}


def test_long_messages_and_odd_text_are_bounded_and_kept_as_text() -> None:
    error = run_cell("raise ValueError('<script>\\x1b[31m🐍' + 'x' * 1_000_000 + 'the end')")

    shown = described(error)

    assert len(shown["message"]) < TEXT_LIMIT + 100
    assert shown["message"].startswith("<script>\x1b[31m🐍xxx")
    assert shown["message"].endswith("xthe end")
    assert len(shown["text"]) < TEXT_LIMIT + 100


def test_only_registered_files_are_cells() -> None:
    register_cell("<a registered cell>", 3)
    register_cell("<a cell without number>", None)

    assert (cell_of("<a registered cell>"), cell_of("<a cell without number>"), cell_of("elsewhere.py")) == (
        3,
        None,
        None,
    )
