"""What a cell loads of a partitioned asset, by ``--mapping``; how many partitions a run makes, by ``--per-run``."""

from __future__ import annotations

from typing import Any

import pytest
from shells import Notebook

DAY = "%%asset day --partitions daily:2024-01-01..2024-01-05\nint(context.partition_key[-2:])"
GRID = "%%asset grid --partitions date=daily:2024-01-01..2024-01-02;region=static:eu,us\nstr(context.partition_key)"
DAYS = "daily:2024-01-01..2024-01-05"


def upstream(nb: Notebook, options: str, partition: str | None, above: str = "day") -> Any:
    """Return what ``sums`` of a partition sees of the asset above it."""
    nb.ok(f"%%asset sums {options}\n{above}")
    nb.ok("%materialize sums" + (f" --partition {partition}" if partition else ""))
    return nb.names["sums"]


@pytest.mark.parametrize(
    ("mapping", "expected"),
    [
        ("-2..0", {"2024-01-02": 2, "2024-01-03": 3, "2024-01-04": 4}),
        ("-1", 3),
        ("-6..0?", {f"2024-01-0{day}": day for day in range(1, 5)}),
        ("same", 4),
        ("all", {f"2024-01-0{day}": day for day in range(1, 6)}),
        ("last", 5),
        ("keys:2024-01-01,2024-01-05", {"2024-01-01": 1, "2024-01-05": 5}),
        ("keys:2024-01-02", 2),
        ("before", 3),
    ],
)
def test_a_mapping_says_what_a_cell_loads(nb: Notebook, mapping: str, expected: Any) -> None:
    nb.ok(
        "import jobkernel as jk\nbefore = jk.TimeWindowPartitionMapping(-1, -1)",
        DAY,
        "%materialize day --partition all",
    )

    assert upstream(nb, f"--partitions {DAYS} --mapping day={mapping}", "2024-01-04") == expected


def test_a_mapping_goes_by_the_name_in_the_body_or_by_the_key(nb: Notebook) -> None:
    nb.ok(DAY.replace("asset day", "asset raw/day"), "%materialize raw/day --partition all")

    assert upstream(nb, f"--ins d=raw/day --partitions {DAYS} --mapping d=-1", "2024-01-04", "d") == 3
    assert upstream(nb, f"--ins d=raw/day --partitions {DAYS} --mapping raw/day=-1", "2024-01-05", "d") == 4


def test_one_dimension_of_two_is_named(nb: Notebook) -> None:
    nb.ok(GRID, "%materialize grid --partition all")

    found = upstream(nb, "--partitions static:eu,us --mapping grid=dimension:region", "eu", "grid")

    assert found == {key: key for key in ("2024-01-01|eu", "2024-01-02|eu")}


def test_an_asset_without_partitions_takes_the_last_one(nb: Notebook) -> None:
    nb.ok(DAY, "%materialize day --partition all")

    assert upstream(nb, "--mapping day=last", None) == 5


def test_what_is_only_waited_for_has_a_mapping_too(nb: Notebook) -> None:
    nb.ok(DAY, f"%%asset sums --deps day --partitions {DAYS} --mapping day=-1?\n1", "%materialize day --partition all")
    nb.ok("%materialize sums --partition all", "%materialize day --partition 2024-01-02", "day")

    assert "day 2024-01-02" not in nb.ok("%why sums --partition 2024-01-02").text


def test_a_mapping_may_be_said_before_the_asset_is_defined(nb: Notebook) -> None:
    nb.ok(f"%%asset sums --partitions {DAYS} --mapping day=-1\nday", DAY, "%materialize day --partition all")

    nb.ok("%materialize sums --partition 2024-01-04")

    assert nb.names["sums"] == 3


def test_an_asset_by_day_may_go_on_from_its_own_day_before(nb: Notebook) -> None:
    nb.ok(
        DAY,
        f"%%asset total --ins before=total --partitions {DAYS} --mapping before=-1?\nday + (before or 0)",
        "%materialize day total --partition all",
    )

    assert [nb.session.load("total", f"2024-01-0{day}") for day in range(1, 6)] == [1, 3, 6, 10, 15]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ("--mapping dya=-1", "--mapping dya: the cell uses nothing of that name. Did you mean 'day'?"),
        ("--mapping day", "write --mapping orders=-6..0"),
        ("--mapping day=lst", "'lst' says no mapping. Did you mean 'last'?"),
        ("--mapping day=0..-6", "'0..-6' ends before it starts; write -6..0."),
        ("--mapping day=keys:", "says no mapping"),
        ("--per-run 0", "--per-run: 0 is below 1."),
        ("--per-run 2 --single-run", "--single-run and --per-run are two things; give one."),
    ],
)
def test_what_makes_no_sense_is_refused_in_one_sentence(nb: Notebook, options: str, words: str) -> None:
    nb.ok(DAY)

    assert words in nb.refused(f"%%asset sums --partitions {DAYS} {options}\nday")


def test_a_policy_needs_partitions(nb: Notebook) -> None:
    assert "are for an asset with --partitions" in nb.refused("%%asset plain --single-run\n1")


@pytest.mark.parametrize(
    ("options", "launch", "sizes"),
    [
        ("--per-run 2", "", [2, 2, 1]),
        ("--single-run", "", [5]),
        ("", "--per-run 3", [3, 2]),
        ("--single-run", "--per-run 4", [4, 1]),
    ],
)
def test_a_run_makes_as_many_partitions_as_is_said(nb: Notebook, options: str, launch: str, sizes: list[int]) -> None:
    nb.ok(
        f"%%asset day --partitions {DAYS} {options}\nkeys = context.partition_keys\n{{key: len(keys) for key in keys}}",
        f"%materialize day --partition all --max-runs 1 {launch}",
    )

    made = [nb.session.load("day", f"2024-01-0{day}") for day in range(1, 6)]
    assert made == [size for size in sizes for _ in range(size)]


def test_one_partition_of_an_asset_made_in_ranges_is_a_range_of_one(nb: Notebook) -> None:
    nb.ok(
        f"%%asset day --partitions {DAYS} --single-run\n{{key: 1 for key in context.partition_keys}}",
        "%materialize day --partition latest",
    )

    assert nb.session.load("day", "2024-01-05") == 1
    assert nb.names["day"] == 1


@pytest.mark.parametrize(
    "table",
    [
        "pd.DataFrame({'key': [context.partition_key], 'n': [2]})",
        "pl.DataFrame({'key': [context.partition_key], 'n': [2]})",
        "pa.table({'key': [context.partition_key], 'n': [2]})",
    ],
)
def test_a_query_over_several_partitions_reads_all_of_their_rows(nb: Notebook, table: str) -> None:
    nb.ok(
        "import pandas as pd, polars as pl, pyarrow as pa",
        f"%%asset day --partitions {DAYS}\n{table}",
        f"%%asset three --sql --partitions {DAYS} --mapping day=-2..0?\nselect sum(n) n, min(key) k from day",
        "%materialize day three --partition all",
    )

    found = nb.session.load("three", "2024-01-04").to_pylist()
    assert [(int(row["n"]), row["k"]) for row in found] == [(6, "2024-01-02")]
    assert int(nb.session.load("three", "2024-01-01").to_pylist()[0]["n"]) == 2


def test_partitions_whose_columns_do_not_fit_are_refused_in_one_sentence(nb: Notebook) -> None:
    nb.ok(
        "import pyarrow as pa",
        f"%%asset day --partitions {DAYS}\npa.table({{'n': [1] if context.partition_key[-1] == '1' else ['x']}})",
        "%%asset whole --sql\nselect count(*) n from day",
        "%materialize day --partition all",
    )

    failed = nb("%materialize whole")

    assert "reads 5 partitions of 'day', whose columns do not fit each other" in str(failed.error)
