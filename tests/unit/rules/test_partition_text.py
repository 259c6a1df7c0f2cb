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
            'cron:"0 9 * * 1":2024-01-01',
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
        ("daily:2024-01-05..2024-01-01", "ends before it starts; write the first day and then the last."),
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


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("date=2024-01-02;region=us", ["2024-01-02|us"]),
        ("date=2024-01-02", ["2024-01-02|eu", "2024-01-02|us"]),
        ("region=us;date=2024-01-04..2024-01-05", ["2024-01-04|us", "2024-01-05|us"]),
        ("date=latest;region=all", ["2024-01-05|eu", "2024-01-05|us"]),
        ("region=us,eu;date=2024-01-01", ["2024-01-01|us", "2024-01-01|eu"]),
    ],
)
def test_keys_of_two_dimensions_are_said_by_each_of_them(text: str, expected: list[str]) -> None:
    parts = read_partitions("date=daily:2024-01-01;region=static:eu,us")

    assert read_keys(text, parts) == expected


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("2024-01-02", "'2024-01-02' is a key of the dimension 'date'; write date=2024-01-02 for all that have it."),
        ("dat=2024-01-02", "no dimension 'dat'. Did you mean 'date'?"),
        ("region=uk", "No partition 'uk' exists."),
        ("region=missing", "missing is said of whole keys; leave out region=."),
        ("date=2024-01-03..2024-01-01", "comes before"),
        ("region=", "says no partition"),
        ("2024-01-03|eu..2024-01-01|us", "comes before"),
    ],
)
def test_keys_of_two_dimensions_that_are_none_are_refused_in_a_sentence(text: str, words: str) -> None:
    parts = read_partitions("date=daily:2024-01-01;region=static:eu,us")

    with pytest.raises((InvariantViolation, UnknownName)) as told:
        read_keys(text, parts)

    assert words in str(told.value)


def test_keys_that_hold_dots_and_blanks_may_end_a_range() -> None:
    odd = jk.StaticPartitionsDefinition(["a..b", "c d", "ü..x", "q'uote"])

    assert read_keys("a..b..ü..x", odd) == ["a..b", "c d", "ü..x"]
    assert read_keys("c d..q'uote", odd) == ["c d", "ü..x", "q'uote"]


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
        ("lates", UnknownName, "Did you mean latest?"),
    ],
)
def test_a_text_that_says_no_key_is_refused_in_a_sentence(text: str, error: type[Exception], words: str) -> None:
    with pytest.raises(error) as told:
        read_keys(text, DAYS)

    assert words in str(told.value)


def test_nothing_missing_is_said_so() -> None:
    with pytest.raises(InvariantViolation, match=r"No partition is missing\."):
        read_keys("missing", DAYS, made=DAYS.get_partition_keys)


def test_what_is_not_missing_is_named_and_how_dynamic_keys_come_about_is_said() -> None:
    with pytest.raises(InvariantViolation, match=r"No partition of 'a', 'b' is missing\."):
        read_keys("missing", DAYS, made=DAYS.get_partition_keys, of="'a', 'b'")

    nobodys = jk.partition_loading_context(dynamic_partitions_store=jk.DagsterInstance.ephemeral())
    with nobodys, pytest.raises(InvariantViolation, match=r"exists yet\. DagsterInstance.*'files', \[…\]\) adds some"):
        read_keys("all", read_partitions("dynamic:files"))


def test_a_definition_without_partitions_yet_says_so() -> None:
    for text in ("latest", "2030-01-01"):
        with pytest.raises((InvariantViolation, UnknownName), match="exists yet"):
            read_keys(text, jk.DailyPartitionsDefinition("2030-01-01"))
