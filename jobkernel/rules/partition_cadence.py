"""When the windows of time partitions begin: the ticks of a cron in a time zone, as seconds since the epoch.

A tick that summer time leaves out comes at the end of the gap; one that it repeats comes the second time. Crons of
every hour are the exception: they skip the gap, and tick in both copies. Source: Dagster's cron iterator.
Regular cadences are arithmetic on days; only others are searched for. Knows no definitions.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from jobkernel.errors import InvalidDefinition, did_you_mean
from jobkernel.rules.cron import read_crons
from jobkernel.rules.cron_fields import read_cron

MINUTES_OF_DAY: Final = 1440
SECONDS_OF_DAY: Final = 86_400
_EPOCH: Final = date(1970, 1, 1).toordinal()
_LAST_DAY: Final = date(2200, 1, 1).toordinal() - _EPOCH
_REGULAR: Final = re.compile(r"(\d+) (\d+|\*) (\d+|\*) \* (\d+|\*)")


@lru_cache(maxsize=64)
def zone_named(name: str) -> ZoneInfo:
    """Return the time zone of an IANA name.

    Raises:
        InvalidDefinition: there is none.
    """
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        from zoneinfo import available_timezones

        guess = did_you_mean(name, available_timezones())
        raise InvalidDefinition(f"There is no time zone '{name}'.{guess}") from None


def _plain(cron: str) -> str:
    """Return a cron without aliases, names and steps."""
    return read_cron(cron).spec


def is_every_hour(cron: str) -> bool:
    """Whether a cron ticks in every hour of its days."""
    return _plain(cron).split()[1] == "*"


def ticks_between(cron: str, timezone: str, first: float, end: float) -> list[int]:
    """Return the ticks from ``first`` up to but without ``end``, in order."""
    if end <= first:
        return []
    days = range(_day_of(first) - 1, min(_day_of(end) + 2, _LAST_DAY))
    every = is_every_hour(cron)
    found = _instants(_local_minutes(_plain(cron), days), zone_named(timezone), is_every_hour=every)
    return found[bisect_left(found, first) : bisect_left(found, end)]


def next_ticks(cron: str, timezone: str, first: float, count: int) -> list[int]:
    """Return the first ``count`` ticks at or after ``first``; fewer where the calendar ends."""
    span = _span_of(cron) * (count + 1)
    while True:
        found = ticks_between(cron, timezone, first, first + span)
        if len(found) >= count or _day_of(first + span) > _LAST_DAY:
            return found[:count]
        span *= 4


def last_ticks(cron: str, timezone: str, last: float, count: int) -> list[int]:
    """Return the last ``count`` ticks at or before ``last``, in order."""
    span = _span_of(cron) * (count + 1)
    while True:
        found = ticks_between(cron, timezone, last - span, last + 0.001)
        if len(found) >= count or last - span < -SECONDS_OF_DAY * 36_500:
            return found[-count:]
        span *= 4


def _span_of(cron: str) -> int:
    """Return about how many seconds lie between two ticks: a first guess at how far to look."""
    regular = _REGULAR.fullmatch(_plain(cron))
    if regular is None:
        return SECONDS_OF_DAY // 4
    _, hour, day, weekday = regular.groups()
    if day != "*" or weekday != "*":
        return SECONDS_OF_DAY * (31 if day != "*" else 7)
    return SECONDS_OF_DAY if hour != "*" else 3600


def _day_of(instant: float) -> int:
    return int(instant // SECONDS_OF_DAY)


def _local_minutes(cron: str, days: range) -> Iterable[int]:
    """Return a cron's ticks on the wall clock of these days, as minutes since the epoch's midnight."""
    regular = _REGULAR.fullmatch(cron)
    if regular is None or (regular[3] != "*" and regular[4] != "*"):
        return _searched(cron, days)
    minute, hour, month_day, weekday = regular.groups()
    chosen: Iterable[int] = days
    if weekday != "*":  # the epoch was a Thursday
        chosen = range(days.start + (int(weekday) - 4 - days.start) % 7, days.stop, 7)
    elif month_day != "*":
        chosen = _days_of_months(int(month_day), days)
    if hour == "*":
        offsets = range(int(minute), MINUTES_OF_DAY, 60)
        return [day * MINUTES_OF_DAY + offset for day in chosen for offset in offsets]
    offset = int(hour) * 60 + int(minute)
    return [day * MINUTES_OF_DAY + offset for day in chosen]


def _days_of_months(month_day: int, days: range) -> Iterator[int]:
    first = date.fromordinal(days.start + _EPOCH)
    year, month = first.year, first.month
    while True:
        try:
            day = date(year, month, month_day).toordinal() - _EPOCH
        except ValueError:  # the month is too short
            day = -1
        if date(year, month, 1).toordinal() - _EPOCH >= days.stop:
            return
        if day in days:
            yield day
        year, month = (year + 1, 1) if month == 12 else (year, month + 1)


def _searched(cron: str, days: range) -> Iterator[int]:
    midnight = datetime.fromordinal(days.start + _EPOCH).replace(tzinfo=UTC)  # a zone whose clock is never changed
    base = days.start * MINUTES_OF_DAY
    for tick in read_crons(cron).ticks(midnight - timedelta(seconds=1)):
        local = base + int((tick - midnight).total_seconds()) // 60
        if local >= days.stop * MINUTES_OF_DAY:
            return
        yield local


def _instants(minutes: Iterable[int], zone: ZoneInfo, *, is_every_hour: bool) -> list[int]:
    if zone.key in ("UTC", "Etc/UTC"):
        return [minute * 60 for minute in minutes]
    found: list[int] = []
    day, offset = None, 0
    for minute in minutes:
        if minute // MINUTES_OF_DAY != day:
            day = minute // MINUTES_OF_DAY
            offset = _offset_at_midnight(zone, day)
            steady = offset == _offset_at_midnight(zone, day + 1)
        if steady:
            found.append(minute * 60 - offset)
        else:
            found.extend(_unsteady(minute, zone, is_every_hour=is_every_hour))
    return sorted(set(found))


@lru_cache(maxsize=100_000)
def _offset_at_midnight(zone: ZoneInfo, day: int) -> int:
    return _offset(zone, datetime.fromordinal(day + _EPOCH))


@lru_cache(maxsize=100_000)
def steady_offset(zone: ZoneInfo, day: int) -> int | None:
    """Return by how many seconds local time is ahead all through a day of UTC; None where that changes in it."""
    first, last = (datetime.fromtimestamp((day + each) * SECONDS_OF_DAY, zone).utcoffset() for each in (0, 1))
    return int(first.total_seconds()) if first is not None and first == last else None


def day_text(day: int) -> str:
    """Return a day, counted from the epoch, as ``2024-01-31``."""
    return date.fromordinal(day + _EPOCH).isoformat()


def _offset(zone: ZoneInfo, local: datetime) -> int:
    offset = zone.utcoffset(local)
    assert offset is not None
    return int(offset.total_seconds())


def _unsteady(minute: int, zone: ZoneInfo, *, is_every_hour: bool) -> list[int]:
    """Return when a minute of the wall clock comes, on a day on which the clock is changed."""
    day, within = divmod(minute, MINUTES_OF_DAY)
    local = datetime.fromordinal(day + _EPOCH) + timedelta(minutes=within)
    before, after = _offset(zone, local), _offset(zone, local.replace(fold=1))
    if before == after:
        return [minute * 60 - before]
    if before > after:
        return [minute * 60 - before, minute * 60 - after] if is_every_hour else [minute * 60 - after]
    return [] if is_every_hour else [_change_between(zone, minute * 60 - after, minute * 60 - before)]


def _change_between(zone: ZoneInfo, low: int, high: int) -> int:
    """Return the first second after a change of the clock that lies between two instants."""
    first = datetime.fromtimestamp(low, zone).utcoffset()
    while high - low > 1:
        middle = (low + high) // 2
        if datetime.fromtimestamp(middle, zone).utcoffset() == first:
            low = middle
        else:
            high = middle
    return high
