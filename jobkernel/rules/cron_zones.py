"""What the clocks of a time zone show: the stretches of time in which they stand at one offset. Pure.

Zones are IANA's, as ``zoneinfo`` has them. Instants here are naive UTC, local times naive as well: ``cron``, the only
caller, keeps them apart by name.
"""

from __future__ import annotations

from bisect import bisect_right
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from operator import attrgetter
from typing import TYPE_CHECKING

from jobkernel.errors import InvalidDefinition, did_you_mean
from jobkernel.records import dataclass

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

WEEK = timedelta(days=7)  # no zone changes its clocks and changes them back within one
SECOND = timedelta(seconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """From ``begins`` up to ``ends`` the clocks stand at ``offset``; just before they stood at ``offset_before``."""

    begins: datetime
    ends: datetime
    offset_before: timedelta
    offset: timedelta


class Zone:
    """A zone by name, and its stretches, year by year as they are asked for. Safe from any thread."""

    def __init__(self, name: str, rules: ZoneInfo) -> None:
        self.name = name
        self.rules = rules
        self._years: dict[int, tuple[Stretch, ...]] = {}  # a year worked out twice comes out the same

    def at(self, instant: datetime) -> Stretch:
        """Return the stretch that holds an instant."""
        stretches = self._years.get(instant.year) or self._year(instant.year)
        if len(stretches) == 1:
            return stretches[0]
        return stretches[bisect_right(stretches, instant, key=attrgetter("begins")) - 1]

    def _year(self, year: int) -> tuple[Stretch, ...]:
        """Return the stretches of a year; the turn of the year ends one as well, be it that nothing changes."""
        first, end = (datetime.combine(date(each, 1, 1), time()) for each in (year, year + 1))
        begins = [first, *self._changes(first, end)]
        self._years[year] = tuple(
            Stretch(begins=begin, ends=until, offset_before=self._offset(begin - SECOND), offset=self._offset(begin))
            for begin, until in zip(begins, [*begins[1:], end], strict=True)
        )
        return self._years[year]

    def _changes(self, first: datetime, end: datetime) -> list[datetime]:
        changes, week, offset = [], first, self._offset(first)
        while week < end:
            before, offset = offset, self._offset(min(week + WEEK, end))
            if offset != before:
                changes.append(self._change(week, min(week + WEEK, end)))
            week += WEEK
        return [change for change in changes if change < end]

    def _change(self, low: datetime, high: datetime) -> datetime:
        """Return the first second of the new offset, between two instants of which only the later one has it."""
        after = self._offset(high)
        while high - low > SECOND:
            middle = low + (high - low) // SECOND // 2 * SECOND
            low, high = (low, middle) if self._offset(middle) == after else (middle, high)
        return high

    def _offset(self, instant: datetime) -> timedelta:
        offset = instant.replace(tzinfo=UTC).astimezone(self.rules).utcoffset()
        return offset if offset is not None else timedelta()


def zone_names() -> frozenset[str]:
    """Return the IANA names of all zones that are known here."""
    import zoneinfo  # loaded with the first schedule

    return frozenset(zoneinfo.available_timezones())


@cache
def read_zone(name: str) -> Zone:
    """Return the zone of an IANA name.

    Raises:
        InvalidDefinition: there is no such zone; the sentence has the nearest name.
    """
    import zoneinfo  # loaded with the first schedule

    try:
        return Zone(name, zoneinfo.ZoneInfo(name))
    except (KeyError, ValueError, OSError) as error:  # OSError: the name of a folder of zones, such as America
        hint = did_you_mean(name, zone_names())
        raise InvalidDefinition(
            f"Time zone '{name}' is not known; give an IANA name such as 'Europe/Berlin' or 'UTC'.{hint}"
        ) from error
