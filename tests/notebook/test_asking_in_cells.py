"""What a cell shows where ``jk.load`` and kin refuse: the sentence, and the person's own lines alone."""

from __future__ import annotations

import pytest
from shells import Notebook

from jobkernel.errors import MissingUpstream


@pytest.mark.parametrize(
    ("cell", "shown"),
    [
        ("jk.load('nope')", "MissingUpstream: Asset 'nope' was never made, so it has no value."),
        ("jk.why('nope')", "UnknownName: No asset 'nope' is defined."),
        ("jk.sql('select 1; select 2')", "QueryRefused: One SELECT at a time; this is 2 statements."),
    ],
)
def test_a_refusal_is_a_sentence_without_the_way_through_our_code(nb: Notebook, cell: str, shown: str) -> None:
    ran = nb(f"import jobkernel as jk\n{cell}")

    assert (ran.printed + ran.complaint).strip() == shown


def test_the_lines_of_functions_that_asked_are_shown_above_it(nb: Notebook) -> None:
    ran = nb("import jobkernel as jk\ndef mine(key):\n    return jk.load(key)\nmine('nope')")

    assert type(ran.error) is MissingUpstream
    assert (ran.printed + ran.complaint).strip().splitlines() == [
        "line 3 of mine: return jk.load(key)",
        "MissingUpstream: Asset 'nope' was never made, so it has no value.",
    ]


def test_a_check_of_its_own_is_called_by_its_asset_and_name(nb: Notebook) -> None:
    nb.ok("%%asset flights\n[1]", "%%check flights nothing_lost\nprint('looked')\nFalse", "%materialize flights")
    nb.session.history.flush()

    told = nb.ok("%logs flights").text

    assert "flights:nothing_lost" in told
    assert "flights_nothing_lost" not in told
    assert "looked" in nb.ok("%logs flights flights:nothing_lost").text
    assert "Did you mean" in nb.refused("%logs flights flights:nothing_los")
