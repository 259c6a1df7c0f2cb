"""When windows begin, which exist, and what subsets of partitions come to."""

from __future__ import annotations

import pickle
from datetime import UTC, datetime
from typing import Any

import pytest

from jobkernel.api.partitions import (
    BackfillPolicy,
    DailyPartitionsDefinition,
    DynamicPartitionsDefinition,
    HourlyPartitionsDefinition,
    MultiPartitionsDefinition,
    PartitionKeyRange,
    StaticPartitionsDefinition,
    partition_loading_context,
)
from jobkernel.errors import InvalidDefinition, InvariantViolation
from jobkernel.model.backfill_policy import strictest
from jobkernel.model.partition_loading import KeptHere
from jobkernel.rules.partition_cadence import last_ticks, next_ticks, zone_named

LETTERS = StaticPartitionsDefinition(["d", "c", "b", "a"])


def local(instants: list[int], zone: str) -> list[str]:
    """Return instants as a zone's wall clock shows them."""
    return [datetime.fromtimestamp(each, zone_named(zone)).isoformat() for each in instants]


@pytest.mark.parametrize(
    ("cron", "zone", "first", "expected"),
    [
        (
            "30 2 * * *",
            "Europe/Berlin",
            "2023-10-27T12:00",
            ["2023-10-28T02:30:00+02:00", "2023-10-29T02:30:00+01:00", "2023-10-30T02:30:00+01:00"],
        ),
        (
            "0 2 * * *",
            "Europe/Berlin",
            "2023-03-24T12:00",
            ["2023-03-25T02:00:00+01:00", "2023-03-26T03:00:00+02:00", "2023-03-27T02:00:00+02:00"],
        ),
        (
            "0 2 * * *",
            "Australia/Lord_Howe",
            "2023-09-29T12:00",
            ["2023-09-30T02:00:00+10:30", "2023-10-01T02:30:00+11:00", "2023-10-02T02:00:00+11:00"],
        ),
        (
            "0 * * * *",
            "America/St_Johns",
            "2023-11-05T00:30",
            ["2023-11-05T01:00:00-02:30", "2023-11-05T01:00:00-03:30", "2023-11-05T02:00:00-03:30"],
        ),
        (
            "*/30 2 * * *",
            "America/Los_Angeles",
            "2024-03-10T00:00",
            ["2024-03-10T03:00:00-07:00", "2024-03-11T02:00:00-07:00", "2024-03-11T02:30:00-07:00"],
        ),
    ],
)
def test_ticks_where_clocks_are_changed(cron: str, zone: str, first: str, expected: list[str]) -> None:
    start = datetime.fromisoformat(first).replace(tzinfo=zone_named(zone)).timestamp()

    found = next_ticks(cron, zone, start, 3)

    assert local(found, zone) == expected
    assert last_ticks(cron, zone, found[-1], 3) == found


def test_an_unknown_zone_names_the_nearest() -> None:
    with pytest.raises(InvalidDefinition, match="Did you mean 'Europe/Berlin'"):
        zone_named("Europe/Berln")


def test_keys_are_those_of_the_moment_that_is_asked_about() -> None:
    days = DailyPartitionsDefinition("2024-01-01")

    with partition_loading_context(datetime(2024, 1, 3, 12, tzinfo=UTC)):
        assert days.get_partition_keys() == ["2024-01-01", "2024-01-02"]
        assert days.get_partition_keys(datetime(2024, 1, 2, tzinfo=UTC)) == ["2024-01-01"]


def test_a_naive_moment_is_of_the_zone_of_the_partitions() -> None:
    days = DailyPartitionsDefinition("2024-01-01", timezone="Asia/Tokyo")

    assert days.get_partition_keys(datetime(2024, 1, 2)) == ["2024-01-01"]  # noqa: DTZ001  - the case


def test_a_keys_window_of_ten_thousand_hours_is_found_again() -> None:
    hours = HourlyPartitionsDefinition("2023-01-01-00:00", timezone="Europe/Berlin")
    now = datetime(2024, 3, 1, tzinfo=UTC)

    keys = hours.get_partition_keys(now)

    with partition_loading_context(now):
        assert len(keys) == len(set(keys)) == hours.get_num_partitions() == 425 * 24 + 1  # Berlin is an hour ahead
        assert [hours.get_next_partition_key(key) for key in keys[4000:4003]] == keys[4001:4004]
        assert hours.get_next_partition_key(keys[-1]) is None


def test_dynamic_keys_keep_the_order_in_which_they_came() -> None:
    kept, files = KeptHere(), DynamicPartitionsDefinition(name="files")
    kept.add_dynamic_partitions("files", ["b", "a"])
    kept.add_dynamic_partitions("files", ["a", "c"])
    kept.delete_dynamic_partition("files", "b")
    kept.delete_dynamic_partition("others", "b")

    assert files.get_partition_keys(dynamic_partitions_store=kept) == ["a", "c"]
    assert [files.has_partition_key(key, dynamic_partitions_store=kept) for key in "abc"] == [True, False, True]


def test_nobody_who_keeps_dynamic_keys_is_said_so() -> None:
    with pytest.raises(InvariantViolation, match="dynamic_partitions_store"):
        DynamicPartitionsDefinition(name="files").get_partition_keys()


def test_subsets_count_as_sets_and_show_their_order() -> None:
    first, second = LETTERS.subset_with_partition_keys("dc"), LETTERS.subset_with_partition_keys("ca")

    assert (first | second).get_partition_keys() == ["d", "c", "a"]
    assert (first & second).get_partition_keys() == ["c"]
    assert (first - second).get_partition_keys() == ["d"]
    assert (first | second).get_partition_keys_not_in_subset() == ["b"]
    assert (first | second).get_partition_key_ranges() == [PartitionKeyRange("d", "c"), PartitionKeyRange("a", "a")]
    assert LETTERS.empty_subset().is_empty
    assert len(LETTERS.subset_with_all_partitions()) == 4


def test_a_subset_keeps_a_key_that_exists_no_more() -> None:
    assert LETTERS.subset_with_partition_keys(["z", "b", "y"]).get_partition_keys() == ["b", "y", "z"]


def test_the_policy_of_the_fewest_partitions_wins() -> None:
    three, all_at_once = BackfillPolicy.multi_run(3), BackfillPolicy.single_run()

    assert strictest([three, all_at_once]) == three
    assert strictest([all_at_once]) == all_at_once
    assert strictest([three, None]) == strictest([]) == BackfillPolicy.multi_run(1)


@pytest.mark.parametrize(
    "definition",
    [
        LETTERS,
        DailyPartitionsDefinition("2024-01-01", end_offset=1, exclusions=["0 0 * * 0"], timezone="Europe/Berlin"),
        DynamicPartitionsDefinition(name="files"),
        MultiPartitionsDefinition({"a": LETTERS, "b": HourlyPartitionsDefinition("2024-01-01-00:00")}),
    ],
    ids=lambda definition: type(definition).__name__,
)
def test_definitions_travel_and_stay_equal(definition: Any) -> None:
    back = pickle.loads(pickle.dumps(definition))

    assert back == definition
    assert hash(back) == hash(definition)
    assert type(back) is type(definition)
    with pytest.raises(AttributeError, match="cannot be changed"):
        back.name = "other"
