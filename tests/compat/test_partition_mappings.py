"""Partition mappings give the upstream and downstream keys that real Dagster's give."""

# ruff: noqa: DTZ001  - starts are moments of the wall clock

from __future__ import annotations

import random
from datetime import UTC, datetime
from typing import Any

import pytest
from symbols import REFUSALS, covers

import jobkernel
from jobkernel.errors import InvariantViolation
from jobkernel.rules.partition_edges import mapping_between
from tests.compat.harness import Script, assert_refused, assert_same, under_dagster

pytestmark = pytest.mark.compat
MAY = datetime(2024, 5, 20, 5, tzinfo=UTC)


def inferred(dg: Any, upstream: Any, downstream: Any) -> Any:
    """Return the mapping that is meant where none is given."""
    if dg is jobkernel:
        return mapping_between(upstream, downstream)
    from dagster._core.definitions.partitions.utils.mapping import infer_partition_mapping

    return infer_partition_mapping(None, downstream, upstream)


def edges(dg: Any, mapping: Any, upstream: Any, downstream: Any, down: list[str], up: list[str]) -> list[Any]:
    """Return what a mapping makes of downstream keys (found, missing) and of upstream keys, in May."""
    with dg.partition_loading_context(MAY):
        subset = downstream.subset_with_partition_keys(down)
        found = mapping.get_upstream_mapped_partitions_result_for_partitions(subset, downstream, upstream)
        back = mapping.get_downstream_partitions_for_partitions(
            upstream.subset_with_partition_keys(up), upstream, downstream
        )
        return [
            sorted(map(str, found.partitions_subset.get_partition_keys())),
            sorted(map(str, found.required_but_nonexistent_partition_keys)),
            sorted(map(str, back.get_partition_keys())),
        ]


def days(dg: Any, start: str = "2024-04-01", **options: Any) -> Any:
    """Return partitions of days."""
    return dg.DailyPartitionsDefinition(start, **options)


def numbers(dg: Any) -> Any:
    """Return static partitions 1, 2, 3."""
    return dg.StaticPartitionsDefinition(["1", "2", "3"])


def pairs(dg: Any, name: str = "letter", keys: str = "ab") -> Any:
    """Return partitions of a day and a letter."""
    return dg.MultiPartitionsDefinition({"day": days(dg), name: dg.StaticPartitionsDefinition(list(keys))})


WINDOWS: dict[str, tuple[Script, list[Any]]] = {
    "328": (
        lambda dg: edges(
            dg,
            dg.TimeWindowPartitionMapping(),
            days(dg),
            dg.HourlyPartitionsDefinition("2024-04-01-00:00"),
            ["2024-04-12-05:00"],
            [],
        ),
        [["2024-04-12"], [], []],
    ),
    "329": (
        lambda dg: edges(
            dg,
            dg.TimeWindowPartitionMapping(),
            days(dg),
            dg.WeeklyPartitionsDefinition("2024-04-01"),
            ["2024-04-14"],
            ["2024-04-16", "2024-04-20"],
        ),
        [[f"2024-04-{day}" for day in range(14, 21)], [], ["2024-04-14"]],
    ),
    "331": (
        lambda dg: edges(dg, dg.TimeWindowPartitionMapping(-1, 0), days(dg), days(dg), ["2024-04-12"], ["2024-04-12"]),
        [["2024-04-11", "2024-04-12"], [], ["2024-04-12", "2024-04-13"]],
    ),
    "332 strict": (
        lambda dg: edges(
            dg, dg.TimeWindowPartitionMapping(), days(dg, "2024-04-05"), days(dg), ["2024-04-02"], ["2024-04-06"]
        ),
        [[], ["2024-04-02"], ["2024-04-06"]],
    ),
    "332 allowed": (
        lambda dg: edges(
            dg,
            dg.TimeWindowPartitionMapping(allow_nonexistent_upstream_partitions=True),
            days(dg, "2024-04-05"),
            days(dg),
            ["2024-04-02"],
            [],
        ),
        [[], [], []],
    ),
    "the first day has no day before": (
        lambda dg: edges(dg, dg.TimeWindowPartitionMapping(-1, -1), days(dg), days(dg), ["2024-04-01"], ["2024-04-01"]),
        [[], [], ["2024-04-02"]],
    ),
    "a day of hours": (
        lambda dg: edges(
            dg,
            dg.TimeWindowPartitionMapping(),
            dg.HourlyPartitionsDefinition("2024-04-01-00:00", timezone="Europe/Berlin"),
            days(dg, timezone="Europe/Berlin"),
            ["2024-04-02"],
            ["2024-04-02-03:00", "2024-04-03-23:00"],
        ),
        [[f"2024-04-02-{hour:02}:00" for hour in range(24)], [], ["2024-04-02", "2024-04-03"]],
    ),
}


@covers("TimeWindowPartitionMapping")
@pytest.mark.parametrize("row", WINDOWS)
def test_windows_need_those_that_they_overlap(row: str) -> None:
    script, expected = WINDOWS[row]

    assert_same(script)
    assert script(jobkernel) == expected


OTHERS: dict[str, Script] = {
    "334 specific": lambda dg: [
        edges(dg, dg.SpecificPartitionsPartitionMapping(["3"]), numbers(dg), numbers(dg), [key], [key]) for key in "123"
    ],
    "identity": lambda dg: [
        edges(dg, dg.IdentityPartitionMapping(), numbers(dg), numbers(dg), ["1"], ["2"]),
        edges(
            dg,
            dg.IdentityPartitionMapping(),
            numbers(dg),
            dg.StaticPartitionsDefinition(["0", "1"]),
            ["0", "1"],
            ["1", "3"],
        ),
    ],
    "all": lambda dg: edges(dg, dg.AllPartitionMapping(), numbers(dg), days(dg, "2024-05-18"), ["2024-05-18"], ["2"]),
    "all of nothing": lambda dg: edges(dg, dg.AllPartitionMapping(), numbers(dg), numbers(dg), [], []),
    "last": lambda dg: [
        edges(dg, dg.LastPartitionMapping(), numbers(dg), numbers(dg), ["1"], [key]) for key in ("2", "3")
    ],
    "last of days": lambda dg: edges(dg, dg.LastPartitionMapping(), days(dg), numbers(dg), ["1"], ["2024-05-19"]),
    "static": lambda dg: [
        edges(dg, dg.StaticPartitionMapping(mapping), numbers(dg), letters, ["a", "b"], ["1", "3"])
        for letters in [dg.StaticPartitionsDefinition(["a", "b"])]
        for mapping in ({"1": "a", "2": ["a", "b"]}, {"3": "b"})
    ],
    "one of two dimensions": lambda dg: [
        edges(dg, inferred(dg, up, down), up, down, [one], [other])
        for up, down, one, other in (
            (pairs(dg), days(dg), "2024-04-03", "2024-04-05|b"),
            (days(dg), pairs(dg), "2024-04-03|a", "2024-04-05"),
        )
    ],
    "a week of one of two dimensions": lambda dg: edges(
        dg,
        inferred(dg, pairs(dg), dg.WeeklyPartitionsDefinition("2024-04-01")),
        pairs(dg),
        dg.WeeklyPartitionsDefinition("2024-04-01"),
        ["2024-04-14"],
        ["2024-04-16|a"],
    ),
    "two dimensions": lambda dg: [
        edges(dg, mapping, pairs(dg), pairs(dg, "other", "xy"), ["2024-04-03|x"], ["2024-04-05|b"])
        for mapping in (
            dg.MultiPartitionMapping(
                {"day": dg.DimensionPartitionMapping("day", dg.TimeWindowPartitionMapping(-1, 0))}
            ),
            dg.MultiPartitionMapping(
                {"letter": dg.DimensionPartitionMapping("other", dg.StaticPartitionMapping({"a": "x", "b": "y"}))}
            ),
        )
    ],
    "what is inferred": lambda dg: [
        type(inferred(dg, up, down)).__name__
        for up, down in (
            (numbers(dg), numbers(dg)),
            (days(dg), dg.HourlyPartitionsDefinition("2024-04-01-00:00")),
            (numbers(dg), days(dg)),
            (pairs(dg), days(dg)),
            (days(dg), pairs(dg)),
            (pairs(dg), pairs(dg)),
            (pairs(dg), numbers(dg)),
            (None, days(dg)),
            (days(dg), None),
        )
    ],
}


@covers(
    "IdentityPartitionMapping",
    "AllPartitionMapping",
    "LastPartitionMapping",
    "StaticPartitionMapping",
    "SpecificPartitionsPartitionMapping",
    "MultiToSingleDimensionPartitionMapping",
    "MultiPartitionMapping",
    "DimensionPartitionMapping",
    "PartitionMapping",
)
@pytest.mark.parametrize("case", OTHERS)
def test_what_mappings_map(case: str) -> None:
    assert_same(OTHERS[case])


def test_a_specific_partition_is_needed_by_every_key() -> None:
    assert OTHERS["334 specific"](jobkernel) == [
        [["3"], [], []],
        [["3"], [], []],
        [["3"], [], ["1", "2", "3"]],
    ]


REFUSED: dict[str, Script] = {
    "zones": lambda dg: edges(
        dg, dg.TimeWindowPartitionMapping(), days(dg), days(dg, timezone="Europe/Berlin"), ["2024-04-02"], []
    ),
    "windows of letters": lambda dg: dg.TimeWindowPartitionMapping().validate_partition_mapping(numbers(dg), days(dg)),
    "windows of nothing": lambda dg: dg.TimeWindowPartitionMapping().validate_partition_mapping(days(dg), None),
    "half an offset": lambda dg: dg.TimeWindowPartitionMapping(start_offset=0.5),
    "identity of other kinds": lambda dg: dg.IdentityPartitionMapping().validate_partition_mapping(
        numbers(dg), days(dg)
    ),
    "static of days": lambda dg: dg.StaticPartitionMapping({"1": "1"}).validate_partition_mapping(
        days(dg), numbers(dg)
    ),
    "static of unknown keys": lambda dg: dg.StaticPartitionMapping({"9": "1"}).validate_partition_mapping(
        numbers(dg), numbers(dg)
    ),
    "static to unknown keys": lambda dg: dg.StaticPartitionMapping({"1": "9"}).validate_partition_mapping(
        numbers(dg), numbers(dg)
    ),
    "static of a list": lambda dg: dg.StaticPartitionMapping(["1"]),
    "dimensions of days": lambda dg: dg.MultiPartitionMapping(
        {"day": dg.DimensionPartitionMapping("day", dg.IdentityPartitionMapping())}
    ).validate_partition_mapping(days(dg), pairs(dg)),
    "unknown dimension": lambda dg: dg.MultiPartitionMapping(
        {"dya": dg.DimensionPartitionMapping("day", dg.IdentityPartitionMapping())}
    ).validate_partition_mapping(pairs(dg), pairs(dg)),
    "dimensions by mappings": lambda dg: dg.MultiPartitionMapping({"day": dg.IdentityPartitionMapping()}),
    "no shared dimension": lambda dg: dg.MultiToSingleDimensionPartitionMapping().validate_partition_mapping(
        pairs(dg), numbers(dg)
    ),
    "no dimensions": lambda dg: dg.MultiToSingleDimensionPartitionMapping().validate_partition_mapping(
        days(dg), days(dg)
    ),
    "identity of no partitions": lambda dg: dg.IdentityPartitionMapping(
    ).get_upstream_mapped_partitions_result_for_partitions(None, None, days(dg)),
}  # fmt: skip


@covers(
    "TimeWindowPartitionMapping",
    "IdentityPartitionMapping",
    "StaticPartitionMapping",
    "MultiPartitionMapping",
    "MultiToSingleDimensionPartitionMapping",
    aspect=REFUSALS,
)
@pytest.mark.parametrize("case", REFUSED)
def test_what_is_refused(case: str) -> None:
    assert_refused(REFUSED[case])


CRONS = ("0 * * * *", "0 0 * * *", "0 3 * * *", "0 0 * * 0", "0 0 1 * *", "0 0,11 * * *", "0 0 * * 1-5")


@pytest.mark.parametrize("seed", range(50))
def test_random_windows_are_mapped_as_dagster_maps_them(seed: int) -> None:
    def script(dg: Any) -> Any:
        dice = random.Random(seed)
        zone = dice.choice(["UTC", "Europe/Berlin"])

        def windows() -> Any:
            start = datetime(2024, dice.choice([3, 4]), dice.randint(1, 28))
            return dg.TimeWindowPartitionsDefinition(
                start=start, fmt="%Y-%m-%d-%H:%M", cron_schedule=dice.choice(CRONS), timezone=zone
            )

        upstream, downstream = windows(), windows()
        mapping = dg.TimeWindowPartitionMapping(
            dice.choice([0, 0, -1, -2, 1]), dice.choice([0, 0, 0, 1, -1]), dice.random() < 0.3
        )
        with dg.partition_loading_context(MAY):
            down, up = downstream.get_partition_keys(), upstream.get_partition_keys()
        chosen = [dice.sample(list(keys), min(len(keys), dice.choice([1, 2, 5]))) for keys in (down, up)]
        return edges(dg, mapping, upstream, downstream, *chosen)

    assert_same(script)


def test_naming_one_of_two_equal_dimensions_is_enough() -> None:
    def script(dg: Any) -> Any:
        both = dg.MultiPartitionsDefinition({"made": days(dg), "sold": days(dg)})
        mapping = dg.MultiToSingleDimensionPartitionMapping("sold")
        return edges(dg, mapping, days(dg), both, ["2024-04-02|2024-04-03"], [])[0]

    with pytest.raises(Exception, match="must be specified"):
        under_dagster(script)
    assert script(jobkernel) == ["2024-04-03"]
    with pytest.raises(InvariantViolation, match="made and sold"):
        jobkernel.MultiToSingleDimensionPartitionMapping().validate_partition_mapping(
            days(jobkernel), jobkernel.MultiPartitionsDefinition({"made": days(jobkernel), "sold": days(jobkernel)})
        )
