"""Inputs of ops that nothing feeds: the refusal names both ways to feed them, and both work."""

from __future__ import annotations

import pytest
from shells import Notebook


@pytest.mark.parametrize(
    ("annotation", "path", "value", "expected"),
    [
        ("", "ops.add.inputs.lists.value", "[1,2]", [1, 2]),
        (": int", "ops.add.inputs.lists.value", "3", 3),
        (": list[int]", "ops.add.inputs.lists", "[1]", [1]),
        (": dict", "ops.add.inputs.lists", '{"a":1}', {"a": 1}),
    ],
)
def test_the_refusal_names_an_option_that_works(
    nb: Notebook, annotation: str, path: str, value: str, expected: object
) -> None:
    nb.ok(f"%%op\ndef add(lists{annotation}):\n    return lists", "%%job j\nadd()")
    sentence = nb.refused("%launch j --wait")
    assert sentence == (
        "Run config of 'j' does not fit: ops.add.inputs.lists: nothing feeds this input; pass another op's result in"
        f" the job, add(lists=other()), or give it a value, --set {path}=…."
    )
    handle = nb.ok(f"%launch j --set '{path}={value}'").value
    assert handle.wait().value("add") == expected


def test_composing_feeds_it(nb: Notebook) -> None:
    nb.ok("%%op other\n[1]", "%%op add --ins lists\nlists", "%%job j\nadd(lists=other())", "%launch j --wait")


def test_an_input_of_the_job_itself_is_named_as_such(nb: Notebook) -> None:
    nb.ok("%%op add --ins lists\nlists", "%%job j\ndef j(numbers):\n    add(numbers)")
    sentence = nb.refused("%launch j --wait")
    assert "inputs.numbers: nothing feeds this input of the job; give it a value, --set inputs.numbers.value=…" in (
        sentence
    )
    nb.ok("%launch j --wait --set inputs.numbers.value=3")
