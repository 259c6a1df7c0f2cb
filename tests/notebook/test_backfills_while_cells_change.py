"""A backfill goes on as it was launched, whatever cells define meanwhile; a retry takes what is defined then."""

from __future__ import annotations

import pytest
from shells import Notebook

PATIENCE_S = 30
SETUP = (
    "import threading\ngate, started, factor, seen = threading.Event(), threading.Event(), 2, []",
    "def scaled(n):\n    return n * factor",
    "class Shape:\n    def of(self, n):\n        return scaled(n)",
)
DAY = (
    "%%asset day --partitions daily:2024-01-01..2024-01-04\n"
    "started.set()\nassert gate.wait(30)\nseen.append(1)\n{here}\n"
    "(factor, scaled(1), Shape().of(1), len(seen))"
)


@pytest.fixture
def nb_at_work(nb: Notebook) -> Notebook:
    """A notebook with a backfill of four days, whose first waits at the gate."""
    nb.ok(
        *SETUP, DAY.format(here="0"), "handle = %materialize day --partition all --bg --max-runs 1", "started.wait(30)"
    )
    return nb


def made(nb: Notebook) -> list[object]:
    return [nb.session.load("day", f"2024-01-0{number}") for number in range(1, 5)]


def test_names_helpers_classes_and_the_cell_itself_stay_what_they_were(nb_at_work: Notebook) -> None:
    nb = nb_at_work

    nb.ok(
        "factor = 100", "def scaled(n):\n    return -n", "class Shape: ...", DAY.format(here="raise ValueError('new')")
    )
    nb.ok("gate.set()", f"handle.wait({PATIENCE_S})")

    assert nb.names["handle"].status == "COMPLETED_SUCCESS"
    assert made(nb) == [(2, 2, 2, 1)] * 4  # what a body appends to stays with its run
    assert nb.names["seen"] == []


def test_copies_of_names_are_let_go_when_it_is_over(nb_at_work: Notebook) -> None:
    nb = nb_at_work
    assert nb.names["handle"].plans.captures

    nb.ok("gate.set()", f"handle.wait({PATIENCE_S})")

    assert not nb.names["handle"].plans.captures


def test_what_was_made_of_older_code_is_stale_afterwards(nb_at_work: Notebook) -> None:
    nb = nb_at_work

    nb.ok("factor = 100", "gate.set()", f"handle.wait({PATIENCE_S})")

    assert "4 stale" in nb.ok("%why day").text


def test_an_asset_that_is_forgotten_meanwhile_is_made_to_the_end(nb_at_work: Notebook) -> None:
    nb = nb_at_work

    nb.ok("%jk forget day", "gate.set()", f"handle.wait({PATIENCE_S})")

    assert nb.names["handle"].status == "COMPLETED_SUCCESS"


def test_a_retry_runs_what_is_defined_by_then(nb: Notebook) -> None:
    nb.ok(
        "%%asset day --partitions daily:2024-01-01..2024-01-04\n"
        "if context.partition_key.endswith('3'):\n    raise ValueError('not today')\n1",
        "handle = %materialize day --partition all --bg",
        f"handle.wait({PATIENCE_S})",
    )
    assert nb.names["handle"].failed == ["2024-01-03"]

    nb.ok(
        "%%asset day --partitions daily:2024-01-01..2024-01-04\n2",
        "handle.retry_failed()",
        f"handle.wait({PATIENCE_S})",
    )

    assert nb.names["handle"].status == "COMPLETED_SUCCESS"
    assert made(nb) == [1, 1, 2, 1]


def test_a_retry_of_what_nothing_defines_any_more_says_so(nb: Notebook) -> None:
    nb.ok(
        "%%asset day --partitions daily:2024-01-01..2024-01-02\n1 / 0",
        "handle = %materialize day --partition all --bg",
        f"handle.wait({PATIENCE_S})",
        "%jk forget day",
    )

    words = nb.refused(f"%jk backfill {nb.names['handle'].backfill_id} --retry")

    assert "is not defined here; run the cells that define it" in words
    assert nb.names["handle"].status == "COMPLETED_FAILED"


def test_a_retry_of_partitions_that_are_none_any_more_says_why_and_loses_nothing(nb: Notebook) -> None:
    nb.ok(
        "%%asset day --partitions daily:2024-01-01..2024-01-04\n"
        "if context.partition_key.endswith('3'):\n    raise ValueError('not today')\n1",
        "handle = %materialize day --partition all --bg",
        f"handle.wait({PATIENCE_S})",
        "%%asset day --partitions daily:2024-01-01..2024-01-02\n2",
    )

    told = nb.ok("handle.retry_failed()", f"handle.wait({PATIENCE_S})").text

    why = "No partition '2024-01-03' exists."
    assert f"COMPLETED_FAILED, 3/4 partitions · 1 failed> failed: 2024-01-03. The first: UnknownName: {why}" in told
    assert f"2024-01-03: not launched, {why}" in nb.ok("%jk backfill handle").text
    nb.ok(
        "%%asset day --partitions daily:2024-01-01..2024-01-04\n3",
        "handle.retry_failed()",
        f"handle.wait({PATIENCE_S})",
    )
    assert made(nb) == [1, 1, 3, 1]


def test_a_key_that_is_deleted_meanwhile_fails_alone(nb: Notebook) -> None:
    nb.ok(
        *SETUP,
        "import jobkernel as jk\ninstance = jk.DagsterInstance.get()",
        "instance.add_dynamic_partitions('files', ['a', 'b c', 'd'])",
        "%%asset file --partitions dynamic:files\nstarted.set()\nassert gate.wait(30)\ncontext.partition_key",
        "handle = %materialize file --partition all --bg --max-runs 1",
        "started.wait(30)",
        "instance.delete_dynamic_partition('files', 'b c')",
        f"gate.set()\nhandle.wait({PATIENCE_S})",
    )

    handle = nb.names["handle"]
    assert (handle.failed, handle.progress.done) == (["b c"], 2)
    nb.ok("instance.add_dynamic_partitions('files', ['b c'])", f"handle.retry_failed().wait({PATIENCE_S})")
    assert nb.session.load("file", "b c") == "b c"
