"""Crons agree, minute by minute, with a person who watches the clocks of every zone on the nights they are changed.

The person knows two rules. By local time: a clock that has once shown a time is not believed when it shows it again,
and what it jumps over counts as shown. In real time: whatever the clock shows counts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, available_timezones

import pytest

from jobkernel.rules.cron import TICK, read_crons
from jobkernel.rules.cron_counts import count_ticks

DAY, MINUTE = timedelta(days=1), timedelta(minutes=1)
FIRST, LAST = datetime(2020, 1, 1, tzinfo=UTC), datetime(2031, 1, 1, tzinfo=UTC)
ZONES = sorted(available_timezones() - {"localtime"})
SAMPLE = [
    "Africa/Casablanca",
    "America/Havana",
    "America/New_York",
    "America/Santiago",
    "America/Scoresbysund",
    "America/St_Johns",
    "Antarctica/Casey",
    "Antarctica/Troll",
    "Asia/Beirut",
    "Asia/Tehran",
    "Atlantic/Azores",
    "Australia/Lord_Howe",
    "Europe/Berlin",
    "Pacific/Chatham",
]

Shown = Callable[[datetime], bool]
BY_LOCAL_TIME: dict[str, Shown] = {
    "30 2 * * *": lambda local: (local.hour, local.minute) == (2, 30),
    "0 0 * * *": lambda local: (local.hour, local.minute) == (0, 0),
    "*/20 1-3 * * *": lambda local: local.hour in (1, 2, 3) and local.minute % 20 == 0,
    "5 */2 * * SUN": lambda local: local.hour % 2 == 0 and local.minute == 5 and local.isoweekday() == 7,
    "59 23 L * *": lambda local: (local.hour, local.minute) == (23, 59) and (local + DAY).day == 1,
}
IN_REAL_TIME: dict[str, Shown] = {
    "45 * * * *": lambda local: local.minute == 45,
    "*/7 * * * SAT,SUN": lambda local: local.minute % 7 == 0 and local.isoweekday() > 5,
}


def nights_of_change(zone: ZoneInfo) -> Iterator[tuple[datetime, datetime]]:
    """Go through the times around each change of a zone's clocks, two days before to two days after."""
    day = FIRST
    while day < LAST:
        if day.astimezone(zone).utcoffset() != (day + DAY).astimezone(zone).utcoffset():
            yield day - 2 * DAY, day + 3 * DAY
        day += DAY


def watched(zone: ZoneInfo, start: datetime, end: datetime) -> dict[str, list[datetime]]:
    """Return the ticks of every cron after ``start`` and up to ``end``, by watching the clocks."""
    found: dict[str, list[datetime]] = {text: [] for text in (*BY_LOCAL_TIME, *IN_REAL_TIME)}
    believed = start.astimezone(zone).replace(tzinfo=None)
    instant = start + MINUTE
    while instant <= end:
        shown = instant.astimezone(zone).replace(tzinfo=None)
        for text, matches in IN_REAL_TIME.items():
            if matches(shown):
                found[text].append(instant)
        new = [believed + step * MINUTE for step in range(1, (shown - believed) // MINUTE + 1)]
        for text, matches in BY_LOCAL_TIME.items():
            if any(map(matches, new)):
                found[text].append(instant)
        believed = max(believed, shown)
        instant += MINUTE
    return found


def agree(name: str) -> int:
    """Compare every cron with the watcher on every night of change; return how many there were."""
    zone, nights = ZoneInfo(name), 0
    for start, end in nights_of_change(zone):
        nights += 1
        for text, expected in watched(zone, start, end).items():
            crons = read_crons(text, name)
            assert list(crons.between(start, end, cap=10_000)) == expected, (name, text)
            assert backwards(text, name, start, end) == expected, (name, text)
            assert count_ticks(crons, start, end).number == len(expected), (name, text)
    return nights


def backwards(text: str, name: str, start: datetime, end: datetime) -> list[datetime]:
    crons, found = read_crons(text, name), []
    tick = crons.before(end + TICK)
    while tick > start:
        found.append(tick)
        tick = crons.before(tick)
    return found[::-1]


@pytest.mark.parametrize("name", SAMPLE)
def test_crons_agree_with_the_clocks_of_a_sample_of_zones(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(f"{__name__}.FIRST", datetime(2023, 1, 1, tzinfo=UTC))
    monkeypatch.setattr(f"{__name__}.LAST", datetime(2024, 6, 1, tzinfo=UTC))

    assert agree(name) > 0 or name == "Asia/Tehran"


@pytest.mark.slow
@pytest.mark.parametrize("name", ZONES)
def test_crons_agree_with_the_clocks_of_every_zone(name: str) -> None:
    assert agree(name) == len(list(nights_of_change(ZoneInfo(name))))
