"""Orders of partitions and their keys, and what the smaller names refuse: as in real Dagster."""

# ruff: noqa: DTZ001  - starts are moments of the wall clock

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from symbols import ORDER, REFUSALS, covers

from tests.compat.harness import Script, assert_refused, assert_same

pytestmark = [pytest.mark.compat, pytest.mark.filterwarnings("ignore")]  # those that Dagster gives of its own code
NOW = datetime(2024, 5, 20, 5, tzinfo=UTC)


def words(dg: Any) -> Any:
    return dg.StaticPartitionsDefinition(["zeta", "alpha", "mid", "Alpha"])


def days(dg: Any, start: str = "2024-05-10", **options: Any) -> Any:
    return dg.DailyPartitionsDefinition(start, **options)


def grid(dg: Any) -> Any:
    return dg.MultiPartitionsDefinition({"word": words(dg), "day": days(dg, "2024-05-17")})


KEYS: dict[str, Script] = {
    "static": words,
    "daily": lambda dg: days(dg, end_offset=2),
    "daily over a change of clocks": lambda dg: days(dg, "2024-03-29", timezone="Europe/Berlin", end_date="2024-04-03"),
    "hourly over a change of clocks": lambda dg: dg.HourlyPartitionsDefinition(
        "2023-10-29-00:00", "2023-10-29-05:00", timezone="Europe/Berlin"
    ),
    "hourly over the other one": lambda dg: dg.HourlyPartitionsDefinition(
        "2024-03-31-00:00", "2024-03-31-05:00", timezone="Europe/Berlin"
    ),
    "weekly": lambda dg: dg.WeeklyPartitionsDefinition("2024-03-01", day_offset=3, exclusions=[datetime(2024, 4, 3)]),
    "monthly": lambda dg: dg.MonthlyPartitionsDefinition("01.11.2023", day_offset=31, fmt="%d.%m.%Y"),
    "another format": lambda dg: days(dg, fmt="%m/%d/%Y", start="05/10/2024"),
    "two dimensions": grid,
}


@covers(
    "StaticPartitionsDefinition", "DailyPartitionsDefinition", "HourlyPartitionsDefinition",
    "WeeklyPartitionsDefinition", "MonthlyPartitionsDefinition", "PartitionsDefinition", aspect=ORDER,
)  # fmt: skip
@pytest.mark.parametrize("made", KEYS.values(), ids=KEYS)
def test_keys_come_in_order_from_the_first_to_the_last(made: Script) -> None:
    def script(dg: Any) -> Any:
        with dg.partition_loading_context(NOW):
            definition = made(dg)
            keys = definition.get_partition_keys()
            ranges = [dg.PartitionKeyRange(keys[0], keys[-1]), dg.PartitionKeyRange(keys[-1], keys[0])]
            within = [definition.get_partition_keys_in_range(each) for each in ranges[: 1 if "|" in keys[0] else 2]]
            ends = [definition.get_first_partition_key(), definition.get_last_partition_key()]
            return (
                [str(key) for key in keys],
                [[str(key) for key in each] for each in within],
                [str(key) for key in ends],
            )

    assert_same(script)


@covers("PartitionKeyRange", "StaticPartitionsDefinition", "MultiPartitionsDefinition", aspect=ORDER)
@pytest.mark.parametrize(
    ("made", "start", "end"),
    [
        (words, "alpha", "Alpha"),
        (words, "zeta", "zeta"),
        (words, "Alpha", "zeta"),
        (days, "2024-05-18", "2024-05-12"),
        (grid, "2024-05-17|alpha", "2024-05-18|Alpha"),
        (grid, "2024-05-17|Alpha", "2024-05-18|alpha"),
    ],
)
def test_a_range_goes_by_the_definitions_order(made: Script, start: str, end: str) -> None:
    def script(dg: Any) -> Any:
        with dg.partition_loading_context(NOW):
            between = dg.PartitionKeyRange(start, end)
            keys = [str(key) for key in made(dg).get_partition_keys_in_range(between)]
            return keys, tuple(between), between < dg.PartitionKeyRange("b", "a")

    assert_same(script)


@covers("MultiPartitionKey", aspect=ORDER)
def test_the_parts_of_a_key_stand_in_order_of_the_dimensions_names() -> None:
    def script(dg: Any) -> Any:
        keys = [
            dg.MultiPartitionKey({"word": word, "day": day})
            for word in ("b", "a")
            for day in ("2024-05-02", "2024-05-01")
        ]
        parts = [list(key.keys_by_dimension.items()) for key in keys]
        dimensions = [[tuple(part) for part in key.dimension_keys] for key in keys]
        return [str(key) for key in sorted(keys)], parts, dimensions, keys[0] == "2024-05-02|b"

    assert_same(script)


@covers("TimeWindow", aspect=ORDER)
def test_windows_sort_by_their_start_and_then_their_end() -> None:
    def script(dg: Any) -> Any:
        day = [datetime(2024, 5, number, tzinfo=UTC) for number in range(1, 5)]
        windows = [dg.TimeWindow(day[1], day[2]), dg.TimeWindow(day[0], day[3]), dg.TimeWindow(day[0], day[1])]
        return [tuple(each) for each in sorted(windows)], windows[0] == (day[1], day[2])

    assert_same(script)


def upstream(dg: Any, mapping: Any, above: Any, below: Any, keys: list[str]) -> list[str]:
    """Return the upstream keys of a mapping in the order that it gives them."""
    with dg.partition_loading_context(NOW):
        subset = below.subset_with_partition_keys(keys)
        found = mapping.get_upstream_mapped_partitions_result_for_partitions(subset, below, above)
        known = [str(key) for key in above.get_partition_keys()]
        return sorted(map(str, found.partitions_subset.get_partition_keys()), key=known.index)


MAPPINGS: dict[str, Script] = {
    "same keys": lambda dg: upstream(dg, dg.IdentityPartitionMapping(), words(dg), words(dg), ["mid", "zeta", "Alpha"]),
    "a dimension": lambda dg: upstream(
        dg, dg.MultiToSingleDimensionPartitionMapping("word"), grid(dg), words(dg), ["mid", "zeta"]
    ),
    "a dimension below": lambda dg: upstream(
        dg,
        dg.MultiToSingleDimensionPartitionMapping("word"),
        words(dg),
        grid(dg),
        ["2024-05-18|mid", "2024-05-17|zeta"],
    ),
    "each dimension": lambda dg: upstream(
        dg,
        dg.MultiPartitionMapping(
            {
                "day": dg.DimensionPartitionMapping("day", dg.TimeWindowPartitionMapping(-1, 0)),
                "word": dg.DimensionPartitionMapping("word", dg.AllPartitionMapping()),
            }
        ),
        grid(dg),
        grid(dg),
        ["2024-05-19|mid", "2024-05-18|zeta"],
    ),
    "dimensions that change their names": lambda dg: upstream(
        dg,
        dg.MultiPartitionMapping({"day": dg.DimensionPartitionMapping("date", dg.IdentityPartitionMapping())}),
        grid(dg),
        dg.MultiPartitionsDefinition(
            {"date": days(dg, "2024-05-17"), "size": dg.StaticPartitionsDefinition(["s", "m"])}
        ),
        ["2024-05-18|s"],
    ),
}


@covers(
    "IdentityPartitionMapping", "MultiToSingleDimensionPartitionMapping", "MultiPartitionMapping",
    "DimensionPartitionMapping", "PartitionMapping", aspect=ORDER,
)  # fmt: skip
@pytest.mark.parametrize("script", MAPPINGS.values(), ids=MAPPINGS)
def test_upstream_keys_are_those_of_dagster_in_the_definitions_order(script: Script) -> None:
    assert_same(script)


def config_of(key: str) -> dict[str, Any]:
    return {"ops": {"say": {"config": {"key": key}}}}


def windowed(start: datetime, _end: datetime) -> dict[str, Any]:
    return config_of(start.isoformat())


def partitioned(dg: Any, config: Any) -> Any:
    """Return what a partitioned config says: its keys in order, and the config of each."""
    with dg.partition_loading_context(NOW):
        keys = config.get_partition_keys()
        return keys, [config.get_run_config_for_partition_key(key) for key in keys[:3]]


CONFIGS: dict[str, Script] = {
    "daily": lambda dg: dg.daily_partitioned_config("2024-05-10", minute_offset=30)(windowed),
    "hourly": lambda dg: dg.hourly_partitioned_config("2024-05-19-20:00", end_offset=1)(windowed),
    "weekly": lambda dg: dg.weekly_partitioned_config("2024-04-01", day_offset=1)(windowed),
    "monthly": lambda dg: dg.monthly_partitioned_config("2024-01-01", day_offset=3)(windowed),
    "static": lambda dg: dg.static_partitioned_config(["b", "a", "c"])(config_of),
    "dynamic": lambda dg: dg.dynamic_partitioned_config(lambda _now=None: ["z", "a"])(config_of),
    "any": lambda dg: dg.partitioned_config(words(dg))(config_of),
    "by hand": lambda dg: dg.PartitionedConfig(words(dg), run_config_for_partition_key_fn=config_of),
}


@covers(
    "PartitionedConfig", "partitioned_config", "static_partitioned_config", "dynamic_partitioned_config",
    "daily_partitioned_config", "hourly_partitioned_config", "weekly_partitioned_config",
    "monthly_partitioned_config", aspect=ORDER,
)  # fmt: skip
@pytest.mark.parametrize("made", CONFIGS.values(), ids=CONFIGS)
def test_configs_by_partition_come_in_order(made: Script) -> None:
    assert_same(lambda dg: partitioned(dg, made(dg)))


REFUSED: dict[str, Script] = {
    "a dimension that is none": lambda dg: dg.DimensionPartitionMapping("day", "same"),
    "a dimension without a name": lambda dg: dg.DimensionPartitionMapping(3, dg.IdentityPartitionMapping()),
    "no such day": lambda dg: dg.daily_partitioned_config("2024-15-10")(windowed),
    "an offset of an hour beyond it": lambda dg: dg.hourly_partitioned_config("2024-05-10-00:00", minute_offset="x")(
        windowed
    ),
    "a week of eight days": lambda dg: dg.weekly_partitioned_config("2024-05-10", day_offset=8)(windowed),
    "a month of 32 days": lambda dg: dg.monthly_partitioned_config("2024-05-10", day_offset=32)(windowed),
    "static keys twice": lambda dg: dg.static_partitioned_config(["a", "a"])(config_of),
    "partitions that are a list": lambda dg: dg.partitioned_config(["a"])(config_of),
}


@covers("DimensionPartitionMapping", aspect=REFUSALS)
@covers(
    "partitioned_config", "static_partitioned_config", "daily_partitioned_config",
    "hourly_partitioned_config", "weekly_partitioned_config", "monthly_partitioned_config", aspect=REFUSALS,
)  # fmt: skip
@pytest.mark.parametrize("script", REFUSED.values(), ids=REFUSED)
def test_what_dagster_refuses_is_refused_in_a_sentence(script: Script) -> None:
    assert_refused(script)


def loaded_through(dg: Any, mapping: Any, upstream: Any, downstream: Any, key: str) -> Any:
    @dg.asset(partitions_def=upstream)
    def up() -> int:
        return 1

    @dg.asset(partitions_def=downstream, ins={"up": dg.AssetIn(partition_mapping=mapping)})
    def down(up: Any) -> Any:
        return up

    with dg.DagsterInstance.ephemeral() as instance:
        for each in upstream.get_partition_keys():
            dg.materialize([up], partition_key=each, instance=instance)
        found = dg.materialize([up, down], selection=["down"], partition_key=key, instance=instance)
        return found.output_for_node("down")


@covers("AllPartitionMapping", "LastPartitionMapping", aspect=REFUSALS)
@pytest.mark.parametrize("name", ["AllPartitionMapping", "LastPartitionMapping", "IdentityPartitionMapping"])
def test_mappings_that_take_nothing_refuse_arguments(name: str) -> None:
    assert_refused(lambda dg: getattr(dg, name)(3))


@covers("AllPartitionMapping", "LastPartitionMapping", aspect=ORDER)
@pytest.mark.parametrize("name", ["AllPartitionMapping", "LastPartitionMapping"])
def test_all_and_the_last_are_loaded_in_order(name: str) -> None:
    def script(dg: Any) -> Any:
        found = loaded_through(dg, getattr(dg, name)(), words(dg), dg.StaticPartitionsDefinition(["only"]), "only")
        return list(found.items()) if isinstance(found, dict) else found

    assert_same(script)
