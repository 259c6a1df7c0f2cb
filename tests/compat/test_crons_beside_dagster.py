"""Crons fire when Dagster's do, and what it takes for a cron we take; where not, on purpose, it is listed here.

Listed: in the repeated hour Dagster takes the second copy, we the first. Where a zone's clocks move by other than a
full hour or not on a full hour Dagster's ticks go astray, so those zones are compared on ordinary days only.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import islice
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from harness import dagster

from jobkernel.errors import InvalidDefinition
from jobkernel.rules.cron import TICK, read_crons

HOUR = timedelta(hours=1)
COUNT = 40
FULL_HOURS = ["UTC", "Europe/Berlin", "America/New_York", "America/Los_Angeles", "Australia/Sydney", "Asia/Kolkata"]
OTHER_HOURS = ["Asia/Kathmandu", "America/St_Johns", "Australia/Lord_Howe", "Pacific/Chatham"]
SINCE = ["2024-01-01T00:00", "2024-03-08T00:00", "2024-03-29T12:00", "2024-04-05T05:00", "2024-09-27T10:00",
         "2024-10-26T11:17", "2024-11-02T03:00"]  # fmt: skip
CRONS: list[str | list[str]] = [
    "0 0 * * *", "@daily", "@hourly", "@weekly", "@monthly", "@yearly", "30 2 * * *", "0 2 * * *", "30 1 * * *",
    "45 * * * *", "*/15 * * * *", "*/7 * * * *", "*/90 * * * *", "0 */2 * * *", "*/30 1 * * *", "*/30 2 * * *",
    "0 1-3 * * *", "0,30 1,2 * * *", "0 2 * * 6-7", "30 2 * * 0", "0 9 * * MON-FRI", "0 0 L * *", "0 0 * * 5#2",
    "0 0 * * L5", "0 0 15,L * *", "0 0 13 * 5", "0 0 */2 * 1", "0 0 */10 * *", "0 0 ? * MON", "0 0 1 * ?",
    "2 4 29 2 *", "0 0 31 * *", "0 0 1 jan-jun/2 *", "0 0 * * sun-tue", "0 0 * * fri-mon", "0 0 * * 1/2",
    "10/20 * * * *", "15 3 1 * *", "0 * 1 * *", "0 * * * 0", "*/20 * * * 1-5", "0 0 25-L * *", "0 0 * * 5#1,5#3",
    "0 2 1-7 * 0", "0 0-23 * * *", "0 0 */1 * MON", "0 0 1-31 * MON", "0 0 * * 0-7", "0 0 * * 1-7/2",
    ["0 0 * * *", "0 0 * * *", "0 12 * * *"], ["0 2 * * *", "30 2 * * *", "0 3 * * *"],
]  # fmt: skip


@cache
def schedules() -> Any:
    dagster()
    from dagster._utils import schedules as module

    return module


def theirs(crons: str | list[str], zone: str, since: datetime) -> list[datetime]:
    found = schedules().schedule_execution_time_iterator(since.timestamp(), crons, zone)
    return [tick.astimezone(UTC) for tick in islice(found, COUNT)]


def with_first_copies(ticks: Sequence[datetime], zone: str) -> list[datetime]:
    """Return ticks with those in the second copy of a repeated hour moved to the first."""
    local = ZoneInfo(zone)
    return sorted(tick - HOUR if tick.astimezone(local).fold else tick for tick in ticks)


def goes_by_the_hour(crons: str | list[str]) -> bool:
    return all(cron.is_every_hour for cron in read_crons(crons).crons)


def compared(crons: str | list[str], zone: str, since: str) -> tuple[list[datetime], list[datetime]]:
    """Return our ticks and theirs, up to where both were asked."""
    start = datetime.fromisoformat(since).replace(tzinfo=UTC)
    told = theirs(crons, zone, start)
    if not goes_by_the_hour(crons):
        told = with_first_copies(told, zone)
    ours = list(read_crons(crons, zone).upcoming(start - TICK, COUNT))
    end = min(ours[-1], told[-1])
    return [tick for tick in ours if tick <= end], [tick for tick in told if tick <= end]


@pytest.mark.parametrize("crons", CRONS, ids=str)
def test_ticks_fall_where_dagsters_do(crons: str | list[str]) -> None:
    for zone in FULL_HOURS:
        for since in SINCE:
            ours, told = compared(crons, zone, since)
            assert ours == told, (zone, since)


@pytest.mark.parametrize("crons", ["0 0 * * *", "30 2 * * *", "0 9 * * MON-FRI", "0 0 L * *", "15 3 1 * *"])
@pytest.mark.parametrize("zone", OTHER_HOURS)
def test_ticks_of_zones_off_the_hour_fall_where_dagsters_do(crons: str, zone: str) -> None:
    ours, told = compared(crons, zone, "2024-05-01T07:03")

    assert ours == told


@pytest.mark.parametrize(
    ("crons", "zone", "since", "ours", "told"),
    [
        pytest.param(
            "*/7 * * * *", "Australia/Lord_Howe", "2024-09-06T12:00", "22:35+10:30", "22:30+10:30", id="off the minute"
        ),
        pytest.param(
            "30 1 * * *", "Antarctica/Troll", "2024-03-30T02:00", "03:00+02:00", "23:00+00:00", id="before its time"
        ),
    ],
)
def test_where_dagsters_ticks_go_astray(crons: str, zone: str, since: str, ours: str, told: str) -> None:
    start = datetime.fromisoformat(since).replace(tzinfo=UTC)
    first = read_crons(crons, zone).after(start - TICK)
    gone_astray = next(
        tick
        for tick in theirs(crons, zone, start)
        if tick not in read_crons(crons, zone).between(start - TICK, tick, cap=COUNT)
    )

    assert first.astimezone(ZoneInfo(zone)).isoformat(timespec="minutes")[11:] == ours
    assert gone_astray.astimezone(ZoneInfo(zone)).isoformat(timespec="minutes")[11:] == told


BAD = [
    "", "@reboot", "* * * * * *", "0 0 * *", "0 0 * * 8", "60 * * * *", "* 24 * * *", "0 0 0 * *", "H * * * *",
    "0 0 W * *", "0 0 30 2 *", "0 0 31 2 *", "0 0 32 1 *", "0 0 * 13 *", "0 0 * FEBR *", "*/0 * * * *", "5/ * * * *",
    "-5 * * * *", "0 0 * * 5#6", "? * * * *", "1,,2 * * * *", "0 0 1? * *", "0 0 L-3 * *",
]  # fmt: skip


@pytest.mark.parametrize("text", BAD)
def test_what_dagster_refuses_is_refused(text: str) -> None:
    assert not schedules().is_valid_cron_schedule(text)

    with pytest.raises(InvalidDefinition):
        read_crons(text)


def test_an_empty_list_is_refused_by_both() -> None:
    assert not schedules().is_valid_cron_schedule([])

    with pytest.raises(InvalidDefinition):
        read_crons([])


@pytest.mark.parametrize("text", ["0 0 31 4 *", "0 0 30,31 2 *", "5-1 * * * *", "0 22-6 * * *", "0 5-5 * * *"])
def test_nonsense_that_dagster_takes_is_refused(text: str) -> None:
    assert schedules().is_valid_cron_schedule(text)

    with pytest.raises(InvalidDefinition):
        read_crons(text)


def test_mixed_days_and_weeks_of_days_are_taken_here_only() -> None:
    text = "0 9 * * 5,1#1"

    assert read_crons(text).texts == (text,)
    with pytest.raises(ValueError, match="does not support mixing"):
        schedules().CroniterShim.expand(text)
