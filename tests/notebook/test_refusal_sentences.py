"""What is refused is refused in these very words: what, where, and what to do; and nothing has changed or run."""

from __future__ import annotations

import pytest
from shells import Notebook

GIVEN = ("%%asset orders\n1", "%%asset total --ins o=order\no", "%%asset limited --param n:int=1\nn", "%%asset a\nc")

REFUSED = {
    "an unknown option": (
        "%%asset x --gruop g\n1",
        "%%asset: no option --gruop. Did you mean --group? `%%asset --help` lists them all.",
    ),
    "no name": (
        "%%asset\n1",
        "%%asset needs a name: '%%asset NAME', or a body that is one function, whose name it takes.",
    ),
    "a bad name": (
        "%%asset my-data\n1",
        "Asset name 'my-data' may hold only letters, digits and underscores; try 'my_data'.",
    ),
    "markup for a name": (
        "%%asset '<script>'\n1",
        "Asset name '<script>' may hold only letters, digits and underscores; try 'script'.",
    ),
    "an empty job": ("%%job x\n", "The body of this job is empty: write the code that calls its ops."),
    "an empty body": ("%%asset x\n", "The body of this asset is empty: write the code that makes its value."),
    "a syntax error": ("%%asset x\nx ===", "Line 2 of the cell is not Python, invalid syntax at '=': x ==="),
    "two functions": (
        "%%asset\ndef x():\n    return 1\ndef y():\n    return 2",
        "The body of this asset holds 2 functions ('x', 'y'); keep one, and move the others to a cell of their own.",
    ),
    "a missing upstream": (
        "%materialize total",
        "Asset 'total' needs 'order', which no cell defines. Did you mean 'orders'?",
    ),
    "config of the wrong type": (
        "%materialize limited --set limited.n=many",
        "Run config does not fit: ops.limited.config.n: expected an int, got 'many' (str).",
    ),
    "DROP": ("%jk sql DROP TABLE runs", "The history can only be read: one SELECT, not DROP."),
    "COPY": ("%jk sql COPY runs TO '/tmp/never'", "The history can only be read: one SELECT, not COPY."),
    "ATTACH": ("%jk sql ATTACH '/tmp/never'", "The history can only be read: one SELECT, not ATTACH."),
    "no statement": ("%jk sql --", "One SELECT at a time; here is none."),
    "two statements": ("%jk sql SELECT 1; SELECT 2", "One SELECT at a time; this is 2 statements."),
}


@pytest.mark.parametrize(("cell", "sentence"), REFUSED.values(), ids=REFUSED.keys())
def test_a_refusal_is_this_sentence_and_nothing_has_run(nb: Notebook, cell: str, sentence: str) -> None:
    nb.ok(*GIVEN)

    assert nb.refused(cell) == sentence

    assert nb.session.history.query("latest_runs", limit=5) == []


def test_a_circle_is_told_with_its_cells_in_order_and_what_was_there_stays(nb: Notebook) -> None:
    nb.ok("%%asset a\nc", "%%asset b\na", "%%asset c\n1")

    assert nb.refused("%%asset c\nb") == (
        "Assets depend on each other in a circle: a -> c -> b -> a (each needs the next)."
        " Cells: a in cell 2, c in cell 5, b in cell 3."
    )

    nb.ok("%materialize +b")
    assert nb.session.load("b") == 1


def test_a_value_that_cannot_be_stored_is_told_with_its_remedy_and_the_last_one_stays(nb: Notebook) -> None:
    nb.ok("%%asset a\n1", "%materialize a", "%%asset a\nimport threading\nthreading.Lock()")

    assert nb("%materialize a").complaint.strip() == (
        "UsageError: The value of asset 'a', a _thread.lock, cannot be stored (cannot pickle '_thread.lock' object)."
        " Return something that can be pickled, or keep it in this kernel with --io memory."
    )

    assert nb.session.load("a") == 1


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("lambda: 1", "a function (<lambda>); call it, so that the value is what it returns."),
        ("import math\nmath", "a module (math); end the body with a value."),
        ("(n for n in [1])", "a generator (<genexpr>); make a list of it."),
    ],
)
def test_what_is_no_value_is_told_with_what_would_be_one(nb: Notebook, body: str, words: str) -> None:
    nb.ok("%%asset a\n1", "%materialize a", f"%%asset a\n{body}")

    assert nb("%materialize a").complaint.strip() == f"UsageError: The value of asset 'a' is {words}"

    assert nb.session.load("a") == 1
