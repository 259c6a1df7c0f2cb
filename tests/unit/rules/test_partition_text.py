"""Partitions and their keys, as people type them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

import jobkernel as jk
from jobkernel.errors import InvalidDefinition, InvariantViolation, UnknownName
from jobkernel.rules.partition_text import read_keys, read_partitions

DAYS = jk.DailyPartitionsDefinition("2024-01-01")


@pytest.fixture(autouse=True)
def sixth_of_january() -> Iterator[None]:
    """Ask as of 2024-01-06, when five days have ended."""
    with jk.partition_loading_context(datetime(2024, 1, 6, tzinfo=UTC)):
        yield


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("daily:2024-01-01", DAYS),
        ("daily:2024-01-01..2024-01-03", jk.DailyPartitionsDefinition("2024-01-01", end_date="2024-01-04")),
        ("daily:2024-01-01@Europe/Berlin", jk.DailyPartitionsDefinition("2024-01-01", timezone="Europe/Berlin")),
        ("hourly:2024-01-01", jk.HourlyPartitionsDefinition("2024-01-01-00:00")),
        ("hourly:2024-01-01-07:00", jk.HourlyPartitionsDefinition("2024-01-01-07:00")),
        ("weekly:2024-01-01", jk.WeeklyPartitionsDefinition("2024-01-01")),
        ("monthly:2024-01-01", jk.MonthlyPartitionsDefinition("2024-01-01")),
        (
            "cron:0 9 * * 1:2024-01-01",
            jk.TimeWindowPartitionsDefinition("2024-01-01", "%Y-%m-%d", cron_schedule="0 9 * * 1"),
        ),
        (
            "cron:*/30 * * * *:2024-01-01",
            jk.TimeWindowPartitionsDefinition("2024-01-01-00:00", "%Y-%m-%d-%H:%M", cron_schedule="*/30 * * * *"),
        ),
        ("static:a, b,c", jk.StaticPartitionsDefinition(["a", "b", "c"])),
        ("dynamic:files", jk.DynamicPartitionsDefinition(name="files")),
        (
            "date=daily:2024-01-01;region=static:eu,us",
            jk.MultiPartitionsDefinition({"date": DAYS, "region": jk.StaticPartitionsDefinition(["eu", "us"])}),
        ),
    ],
)
def test_a_text_says_partitions(text: str, expected: Any) -> None:
    assert read_partitions(text) == expected


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("dayly:2024-01-01", "Did you mean 'daily'?"),
        ("daily", "Write daily:2024-01-01"),
        ("daily:", "Write daily:2024-01-01"),
        ("daily:tomorrow", "write the first day as daily:2024-01-01"),
        ("daily:2024-02-30", "cannot read their start '2024-02-30'"),
        ("daily:2024-01-01..x", "write the last partition as a key"),
        ("daily:2024-01-01@Europe/Berln", "Did you mean 'Europe/Berlin'?"),
        ("cron:61 * * * *:2024-01-01", "minute: '61' is out of range"),
        ("cron:0 9 * * 1", "write the first day as cron:"),
        ("static:a,a", "more than once"),
        ("a=static:x", "has 1 dimensions and needs two"),
        ("a=static:x;a=static:y", "names the dimension 'a' twice"),
        ("a=static:x;b=static:y;c=static:z", "has 3 dimensions"),
    ],
)
def test_a_text_that_says_none_is_refused_in_a_sentence(text: str, words: str) -> None:
    with pytest.raises(InvalidDefinition) as told:
        read_partitions(text)

    assert words in str(told.value)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2024-01-02", ["2024-01-02"]),
        ("2024-01-02..2024-01-04", ["2024-01-02", "2024-01-03", "2024-01-04"]),
        ("2024-01-04, 2024-01-01", ["2024-01-04", "2024-01-01"]),
        ("2024-01-01..2024-01-02,2024-01-02", ["2024-01-01", "2024-01-02"]),
        ("latest", ["2024-01-05"]),
        ("missing", ["2024-01-02", "2024-01-04", "2024-01-05"]),
        ("failed", ["2024-01-04"]),
    ],
)
def test_a_text_says_keys(text: str, expected: list[str]) -> None:
    found = read_keys(
        text, DAYS, made=lambda: {"2024-01-01", "2024-01-03"}, failed=lambda: {"2024-01-04", "2020-01-01"}
    )

    assert found == expected


def test_all_are_all_that_exist() -> None:
    assert read_keys("all", DAYS) == [f"2024-01-0{day}" for day in range(1, 6)]


def test_a_key_of_two_dimensions_is_read_and_so_is_a_range() -> None:
    parts = read_partitions("date=daily:2024-01-01;region=static:eu,us")

    (key,) = read_keys("2024-01-02|us", parts)

    assert key.keys_by_dimension == {"date": "2024-01-02", "region": "us"}  # type: ignore[attr-defined]
    assert read_keys("2024-01-01|us..2024-01-02|us", parts) == ["2024-01-01|us", "2024-01-02|us"]


def test_a_key_that_exists_means_itself_whatever_it_is_called() -> None:
    odd = jk.StaticPartitionsDefinition(["latest", "a,b", "x..y", "z"])

    assert [read_keys(text, odd) for text in ("latest", "a,b", "x..y")] == [["latest"], ["a,b"], ["x..y"]]


@pytest.mark.parametrize(
    ("text", "error", "words"),
    [
        ("2024-1-02", UnknownName, "Did you mean '2024-01-02'? They go from '2024-01-01' to '2024-01-05'."),
        ("2024-01-06", UnknownName, "No partition '2024-01-06' exists."),
        ("2024-01-04..2024-01-02", InvariantViolation, "comes before"),
        ("2024-01-01..", UnknownName, "is no range of partitions; write it as FIRST..LAST"),
        ("", InvariantViolation, "says no partition"),
        (",", InvariantViolation, "says no partition"),
        ("failed", InvariantViolation, "No partition failed."),
    ],
)
def test_a_text_that_says_no_key_is_refused_in_a_sentence(text: str, error: type[Exception], words: str) -> None:
    with pytest.raises(error) as told:
        read_keys(text, DAYS)

    assert words in str(told.value)


def test_nothing_missing_is_said_so() -> None:
    with pytest.raises(InvariantViolation, match=r"No partition is missing\."):
        read_keys("missing", DAYS, made=DAYS.get_partition_keys)


def test_a_definition_without_partitions_yet_says_so() -> None:
    for text in ("latest", "2030-01-01"):
        with pytest.raises((InvariantViolation, UnknownName), match="exists yet"):
            read_keys(text, jk.DailyPartitionsDefinition("2030-01-01"))
