"""When crons fire: tables of instants, on ordinary days and where clocks are changed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from jobkernel.rules.cron import Crons, read_crons

BERLIN, LORD_HOWE, PACIFIC = "Europe/Berlin", "Australia/Lord_Howe", "America/Los_Angeles"


def utc(text: str, zone: str = "UTC") -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)


def told(instants: tuple[datetime, ...], zone: str) -> list[str]:
    """Return instants as a person in the zone writes them: month, day, time, offset."""
    return [instant.astimezone(ZoneInfo(zone)).isoformat(timespec="minutes")[5:] for instant in instants]


CHANGES = [
    # the hour that is skipped: what falls into it comes at its end, once
    ("0 2 * * *", BERLIN, "2023-03-24T12:00", "03-25T02:00+01:00 03-26T03:00+02:00 03-27T02:00+02:00"),
    ("30 2 * * 0", BERLIN, "2023-03-18T12:00", "03-19T02:30+01:00 03-26T03:00+02:00 04-02T02:30+02:00"),
    ("30 2 * * *", PACIFIC, "2024-03-08T12:00", "03-09T02:30-08:00 03-10T03:00-07:00 03-11T02:30-07:00"),
    ("*/30 2 * * *", PACIFIC, "2024-03-10T00:00", "03-10T03:00-07:00 03-11T02:00-07:00 03-11T02:30-07:00"),
    ("0 2,3 * * *", BERLIN, "2023-03-25T12:00", "03-26T03:00+02:00 03-27T02:00+02:00 03-27T03:00+02:00"),
    (
        "0 2 * * 6-7",
        "US/Pacific",
        "2024-03-08T12:00",
        "03-09T02:00-08:00 03-10T03:00-07:00 03-16T02:00-07:00 03-17T02:00-07:00",
    ),
    ("0 2 * * *", LORD_HOWE, "2023-09-29T12:00", "09-30T02:00+10:30 10-01T02:30+11:00 10-02T02:00+11:00"),
    ("15 2 * * *", "Antarctica/Troll", "2024-03-30T12:00", "03-31T03:00+02:00 04-01T02:15+02:00"),
    ("0 0 * * *", "Asia/Beirut", "2024-03-29T12:00", "03-30T00:00+02:00 03-31T01:00+03:00 04-01T00:00+03:00"),
    # the hour that is repeated: its first copy counts
    ("30 2 * * *", BERLIN, "2023-10-27T12:00", "10-28T02:30+02:00 10-29T02:30+02:00 10-30T02:30+01:00"),
    ("30 2 * * 0", BERLIN, "2023-10-21T12:00", "10-22T02:30+02:00 10-29T02:30+02:00 11-05T02:30+01:00"),
    ("30 1 * * *", PACIFIC, "2024-11-01T12:00", "11-02T01:30-07:00 11-03T01:30-07:00 11-04T01:30-08:00"),
    ("0 1 * * 6-7", "US/Pacific", "2024-11-01T12:00", "11-02T01:00-07:00 11-03T01:00-07:00 11-09T01:00-08:00"),
    ("*/30 1 * * *", PACIFIC, "2024-11-03T00:00", "11-03T01:00-07:00 11-03T01:30-07:00 11-04T01:00-08:00"),
    ("45 1 * * *", LORD_HOWE, "2024-04-06T12:00", "04-07T01:45+11:00 04-08T01:45+10:30"),
    # every hour goes by real time: both copies, and nothing in place of what is skipped
    (
        "45 * * * *",
        BERLIN,
        "2023-10-29T00:50",
        "10-29T01:45+02:00 10-29T02:45+02:00 10-29T02:45+01:00 10-29T03:45+01:00",
    ),
    ("45 * * * *", BERLIN, "2023-03-26T00:50", "03-26T01:45+01:00 03-26T03:45+02:00 03-26T04:45+02:00"),
    ("0 0-23 * * *", BERLIN, "2023-03-26T00:50", "03-26T01:00+01:00 03-26T03:00+02:00 03-26T04:00+02:00"),
    (
        "*/15 * * * *",
        BERLIN,
        "2023-10-29T01:50",
        "10-29T02:00+02:00 10-29T02:15+02:00 10-29T02:30+02:00 10-29T02:45+02:00"
        " 10-29T02:00+01:00 10-29T02:15+01:00 10-29T02:30+01:00 10-29T02:45+01:00 10-29T03:00+01:00",
    ),
    (
        "0 * * * *",
        PACIFIC,
        "2024-03-09T23:59",
        "03-10T00:00-08:00 03-10T01:00-08:00 03-10T03:00-07:00 03-10T04:00-07:00",
    ),
    (
        "0 * * * *",
        "America/St_Johns",
        "2023-11-05T00:30",
        "11-05T01:00-02:30 11-05T01:00-03:30 11-05T02:00-03:30 11-05T03:00-03:30",
    ),
    ("45 * * * *", LORD_HOWE, "2024-04-07T01:00", "04-07T01:45+11:00 04-07T01:45+10:30 04-07T02:45+10:30"),
    (
        "*/15 * * * *",
        "Australia/Sydney",
        "2021-10-03T01:30:01",
        "10-03T01:45+10:00 10-03T03:00+11:00 10-03T03:15+11:00 10-03T03:30+11:00 10-03T03:45+11:00 10-03T04:00+11:00",
    ),
    # no change at all
    ("0 0 * * *", "Asia/Kathmandu", "2024-01-01T12:00", "01-02T00:00+05:45 01-03T00:00+05:45"),
]


@pytest.mark.parametrize(
    ("text", "zone", "since", "expected"), CHANGES, ids=[f"{row[0]} {row[1]} {row[2]}" for row in CHANGES]
)
def test_where_clocks_are_changed(text: str, zone: str, since: str, expected: str) -> None:
    ticks = expected.split()
    crons = read_crons(text, zone)

    assert told(crons.upcoming(utc(since, zone), len(ticks)), zone) == ticks


def midnights(*days: str) -> list[str]:
    return [f"{day}T00:00" for day in days]


ORDINARY = [
    (
        "0 0 */10 * *",
        "2023-12-31T12:00",
        midnights("01-01", "01-11", "01-21", "01-31", "02-01", "02-11", "02-21", "03-01"),
    ),
    ("0 0 */30 * *", "2023-12-31T12:00", midnights("01-01", "01-31", "02-01", "03-01", "03-31", "04-01")),
    ("0 0 * * 6-7", "2024-01-01T00:00", midnights("01-06", "01-07", "01-13", "01-14")),
    ("0 0 * * 0,6", "2024-01-01T00:00", midnights("01-06", "01-07", "01-13", "01-14")),
    ("*/90 * * * *", "2024-01-01T00:01", ["01-01T01:00", "01-01T02:00", "01-01T03:00", "01-01T04:00"]),
    ("*/7 * * * *", "2024-01-01T00:50", ["01-01T00:56", "01-01T01:00", "01-01T01:07", "01-01T01:14", "01-01T01:21"]),
    ("0 0 L * *", "2024-01-01T00:00", midnights("01-31", "02-29", "03-31", "04-30")),
    ("0 0 * * 5#2", "2024-01-01T00:00", midnights("01-12", "02-09", "03-08")),
    ("0 0 * * L5", "2024-01-01T00:00", midnights("01-26", "02-23", "03-29")),
    ("0 0 13 * 5", "2024-01-01T00:00", midnights("01-05", "01-12", "01-13", "01-19", "01-26")),
    ("0 0 */15 * 1", "2024-01-01T00:00", midnights("01-08", "01-15", "01-16", "01-22", "01-29", "01-31")),
    (
        ["0 0 * * *", "0 0 * * *", "0 12 * * *"],
        "2023-12-31T23:00",
        ["01-01T00:00", "01-01T12:00", "01-02T00:00", "01-02T12:00"],
    ),
]


@pytest.mark.parametrize(("text", "since", "expected"), ORDINARY, ids=[f"{row[0]}" for row in ORDINARY])
def test_on_ordinary_days(text: str | list[str], since: str, expected: list[str]) -> None:
    ticks = read_crons(text).upcoming(utc(since), len(expected))

    assert [each.removesuffix("+00:00") for each in told(ticks, "UTC")] == expected


def test_leap_days() -> None:
    ticks = read_crons("2 4 29 2 *").upcoming(utc("2023-01-01"), 3)

    assert ticks == (utc("2024-02-29T04:02"), utc("2028-02-29T04:02"), utc("2032-02-29T04:02"))


def test_a_tick_is_neither_after_nor_before_itself() -> None:
    daily, midnight = read_crons("@daily"), utc("2024-01-01")
    instant = timedelta(microseconds=1)

    assert daily.after(midnight) == utc("2024-01-02")
    assert daily.before(midnight) == utc("2023-12-31")
    assert daily.after(midnight - instant) == daily.before(midnight + instant) == daily.upto(midnight) == midnight


def test_between_leaves_out_the_start_has_the_end_and_stops_at_the_cap() -> None:
    hourly = read_crons("@hourly")
    start, end = utc("2024-01-01T00:00"), utc("2024-01-01T03:00")

    assert hourly.between(start, end, cap=10) == (start + timedelta(hours=1), start + timedelta(hours=2), end)
    assert hourly.between(start, end, cap=2) == (start + timedelta(hours=1), start + timedelta(hours=2))
    assert hourly.between(end, start, cap=10) == ()


def test_instants_are_taken_in_any_zone_and_given_in_utc() -> None:
    daily = read_crons("@daily", BERLIN)
    noon = datetime(2024, 6, 1, 12, tzinfo=ZoneInfo("Asia/Tokyo"))

    assert daily.after(noon) == utc("2024-06-02", BERLIN)
    assert daily.after(noon).tzinfo is UTC
    assert daily.before(noon).tzinfo is UTC


@pytest.mark.parametrize("ask", [Crons.after, Crons.before])
def test_a_naive_instant_is_refused(ask: Callable[[Crons, datetime], datetime]) -> None:
    with pytest.raises(TypeError, match="aware"):
        ask(read_crons("@daily"), datetime(2024, 1, 1))  # noqa: DTZ001  - that is the point


def test_an_hour_set_back_is_answered_anew() -> None:
    hourly = read_crons("@hourly")
    later = hourly.after(utc("2024-01-01T05:30"))

    assert hourly.after(utc("2024-01-01T04:30")) == later - timedelta(hours=1)
    assert hourly.after(utc("2024-01-01T05:45")) == later


def backwards(crons: Crons, since: datetime, count: int) -> list[datetime]:
    found = [crons.before(since)]
    while len(found) < count:
        found.append(crons.before(found[-1]))
    return found[::-1]


@pytest.mark.parametrize(
    ("text", "zone", "since", "expected"), CHANGES, ids=[f"{row[0]} {row[1]} {row[2]}" for row in CHANGES]
)
def test_backwards_goes_over_the_same_ticks(text: str, zone: str, since: str, expected: str) -> None:
    crons = read_crons(text, zone)
    ticks = crons.upcoming(utc(since, zone), len(expected.split()))

    assert backwards(crons, crons.after(ticks[-1]), len(ticks)) == list(ticks)
    assert all(earlier < later for earlier, later in pairwise(ticks))
