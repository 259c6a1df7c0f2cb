"""The local times that a cron names, day by day, as if clocks were never changed. Pure; ``cron`` puts them in a zone.

Which days match is cronsim's to say, the last of a month and the second Friday included; the times of a day are the
same each day and looked up.
"""

from __future__ import annotations

import copy
from bisect import bisect_left, bisect_right
from datetime import date, datetime, time, timedelta
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING

from jobkernel.rules.cron_fields import Cron

if TYPE_CHECKING:
    from cronsim import CronSim

DAY = timedelta(days=1)
SECOND = timedelta(seconds=1)
MIDNIGHT = time()


class LocalTimes:
    """The days of a cron, and the minutes of each such day. Safe from any thread: its walkers are copied to walk."""

    def __init__(self, cron: Cron) -> None:
        self._days = " ".join(["0 0", *cron.spec.split()[2:]])
        self.minutes = tuple(60 * hour + minute for hour in cron.hours for minute in cron.minutes)
        self._months = None if len(cron.months) == 12 else frozenset(cron.months)
        self.is_every_day = self._days == "0 0 * * *"

    @cached_property
    def _forward(self) -> CronSim:
        return _walker(self._days, is_backward=False)

    @cached_property
    def _backward(self) -> CronSim:
        return _walker(self._days, is_backward=True)

    def has_day(self, day: date) -> bool:
        """Whether a day is one of the cron's."""
        if self.is_every_day:
            return True
        return (self._months is None or day.month in self._months) and self._forward.match_day(day)

    def after(self, local: datetime) -> datetime:
        """Return the first local time later than one."""
        day = local.date()
        if self.has_day(day):
            place = bisect_right(self.minutes, local.hour * 60 + local.minute)
            if place < len(self.minutes):
                return _at(day, self.minutes[place])
        if self.is_every_day:
            return _at(day + DAY, self.minutes[0])
        return _at(_walk(self._forward, datetime.combine(day + DAY, MIDNIGHT) - SECOND), self.minutes[0])

    def before(self, local: datetime) -> datetime:
        """Return the last local time earlier than one."""
        day = local.date()
        if self.has_day(day):
            begun = local.second > 0 or local.microsecond > 0
            place = bisect_left(self.minutes, local.hour * 60 + local.minute + begun)
            if place > 0:
                return _at(day, self.minutes[place - 1])
        if self.is_every_day:
            return _at(day - DAY, self.minutes[-1])
        return _at(_walk(self._backward, datetime.combine(day, MIDNIGHT)), self.minutes[-1])


@lru_cache(maxsize=4096)
def local_times(cron: Cron) -> LocalTimes:
    """Return the local times of a cron."""
    return LocalTimes(cron)


def _walker(days: str, *, is_backward: bool) -> CronSim:
    from cronsim import CronSim  # loaded with the first schedule that leaves days out

    return CronSim(days, datetime.combine(date(2000, 1, 1), MIDNIGHT), reverse=is_backward)


def _walk(walker: CronSim, start: datetime) -> date:
    """Return the nearest day of a walker beyond a moment; the walker itself stays where it is."""
    steps = copy.copy(walker)
    steps.dt = start
    return next(steps).date()


def _at(day: date, minute: int) -> datetime:
    return datetime.combine(day, time(minute // 60, minute % 60))
