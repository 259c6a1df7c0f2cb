"""Partitions in cells: defined by ``--partitions``, made by ``--partition``."""

from __future__ import annotations

import pytest
from shells import Notebook

DAY = "%%asset day --partitions daily:2024-01-01..2024-01-04\ncontext.partition_key"


def made(nb: Notebook) -> list[str]:
    """Return the partitions that were made, in the order of their launch."""
    rows = nb.session.history.sql(
        "select partition_key from runs where status = 'SUCCESS' order by queued_at"
    ).fetchall()
    return [row[0] for row in rows]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2024-01-02", ["2024-01-02"]),
        ("2024-01-02..2024-01-03", ["2024-01-02", "2024-01-03"]),
        ("2024-01-03,2024-01-01", ["2024-01-03", "2024-01-01"]),
        ("latest", ["2024-01-04"]),
        ("all", ["2024-01-01", "2024-01-02", "2024-01-03", "2024-01-04"]),
    ],
)
def test_a_cell_makes_the_partitions_that_are_named_in_order(nb: Notebook, text: str, expected: list[str]) -> None:
    nb.ok(DAY)

    nb.ok(f"%materialize day --partition {text}")

    assert made(nb) == expected
    assert nb.names["day"] == expected[-1]
    assert nb.session.load("day", expected[0]) == expected[0]


def test_missing_and_failed_ones_are_made_by_their_names(nb: Notebook) -> None:
    nb.ok(
        "broken = {'2024-01-03'}",
        "%%asset day --partitions daily:2024-01-01..2024-01-04\n"
        "if context.partition_key in broken:\n    raise ValueError('not today')\n"
        "context.partition_key",
        "%materialize day --partition 2024-01-01",
    )
    assert nb("%materialize day --partition 2024-01-03").error is not None
    nb.ok("broken = set()", "%materialize day --partition failed", "%materialize day --partition missing")

    assert made(nb) == ["2024-01-01", "2024-01-03", "2024-01-02", "2024-01-04"]


def test_a_cell_that_loads_a_partitioned_asset_gets_its_own_day(nb: Notebook) -> None:
    nb.ok(
        DAY,
        "%%asset shout --partitions daily:2024-01-01..2024-01-04\nday + '!'",
        "%materialize day shout --partition 2024-01-02",
    )

    assert nb.session.load("shout", "2024-01-02") == "2024-01-02!"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("%materialize day", "Say which one: --partition KEY, latest, missing or all; in a schedule or sensor"),
        ("%materialize day --partition 2024-1-02", "Did you mean '2024-01-02'? They go from '2024-01-01'"),
        ("%materialize day --partition failed", "No partition of 'day' failed."),
        ('%materialize day --partition ""', "says no partition; write KEY, A,B, FIRST..LAST, latest"),
        ("%materialize day --partition lates", "Did you mean latest?"),
        ("%materialize day --partition 2024-01-03..2024-01-01", "give the range from first to last"),
        ("%materialize plain --partition 2024-01-02", "'plain' has no partitions; leave out --partition."),
    ],
)
def test_what_is_refused_is_one_sentence(nb: Notebook, text: str, words: str) -> None:
    nb.ok(DAY, "%%asset plain\n1")

    assert words in nb.refused(text)


def test_a_job_runs_a_partition_in_the_background(nb: Notebook) -> None:
    nb.ok(DAY, "%job daily day", "handle = %launch daily --partition latest", "handle.wait()")

    assert made(nb) == ["2024-01-04"]
    assert nb.names["handle"].value("day") == "2024-01-04"


@pytest.mark.parametrize("said", ["wanted", "{wanted}", "'{wanted}'"])
@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("'2024-01-02'", ["2024-01-02"]),
        ("'2024-01-01..2024-01-02'", ["2024-01-01", "2024-01-02"]),
        ("['2024-01-03', '2024-01-01']", ["2024-01-03", "2024-01-01"]),
        ("jk.PartitionKeyRange('2024-01-03', '2024-01-04')", ["2024-01-03", "2024-01-04"]),
    ],
)
def test_a_variable_says_partitions(nb: Notebook, said: str, value: str, expected: list[str]) -> None:
    nb.ok("import jobkernel as jk", f"wanted = {value}", DAY, f"%materialize day --partition {said} --max-runs 1")

    assert made(nb) == expected


def test_a_key_comes_before_a_variable_of_its_name(nb: Notebook) -> None:
    nb.ok("eu = 'us'", "%%asset region --partitions static:eu,us\n1", "%materialize region --partition eu")

    assert made(nb) == ["eu"]


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("3", "--partition wanted: the variable holds no partition keys; give it a key or a list of keys."),
        ("[]", "the variable holds no partition keys"),
        ("['2024-02-01']", "No partition '2024-02-01' exists."),
        ("''", "says no partition"),
    ],
)
def test_a_variable_that_holds_no_partition_is_refused_in_one_sentence(nb: Notebook, value: str, words: str) -> None:
    nb.ok(DAY, f"wanted = {value}")

    assert words in nb.refused("%materialize day --partition wanted")
