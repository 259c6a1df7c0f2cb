"""How many ticks lie between two instants, without going through them: days are counted, not ticks. Pure.

A night on which the clocks change is gone through. Called by ``ticks`` for a gap, which may be of a million ticks.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Final

from jobkernel.records import dataclass
from jobkernel.rules.cron import TICK, Crons, as_naive
from jobkernel.rules.cron_zones import Stretch

DAY: Final = timedelta(days=1)
MINUTE: Final = timedelta(minutes=1)
LONGEST: Final = timedelta(days=3660)
"""Ticks are counted over this much time at most: some milliseconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TickCount:
    """How many ticks; at least so many where ``is_exact`` is false, which is where ten years were not enough."""

    number: int
    is_exact: bool = True


def count_ticks(crons: Crons, start: datetime, end: datetime) -> TickCount:
    """Count the ticks later than ``start`` and not later than ``end``; of more than ten years, the last ten."""
    since = max(start, end - LONGEST)
    days = _Days(crons)
    number = sum(
        days.count(begin, until, stretch)
        for stretch, begin, until in _pieces(crons, as_naive(since) + TICK, as_naive(end) + TICK)
    )
    return TickCount(number=number, is_exact=since == start)


def _pieces(crons: Crons, begin: datetime, end: datetime) -> Iterator[tuple[Stretch, datetime, datetime]]:
    while begin < end:
        stretch = crons.zone.at(begin)
        until = min(end, stretch.ends)
        yield stretch, begin, until
        begin = until


class _Days:
    """The minutes at which one of several crons fires, day by day. Equal kinds of days are merged once."""

    def __init__(self, crons: Crons) -> None:
        self._crons = crons
        self._times = [line.times for line in crons.lines]
        self._merged: dict[tuple[bool, ...], tuple[int, ...]] = {}

    def count(self, begin: datetime, end: datetime, stretch: Stretch) -> int:
        """Count the ticks of part of a stretch, ``end`` not included."""
        settled = min(max(begin, _settled(stretch)), end)
        last = (settled - TICK).replace(tzinfo=UTC)
        first = (begin - TICK).replace(tzinfo=UTC)
        changing = len(self._crons.between(first, last, cap=100_000)) if settled > begin else 0
        return changing + self._local(settled + stretch.offset, end + stretch.offset)

    def _local(self, begin: datetime, end: datetime) -> int:
        """Count local times, ``end`` not included."""
        first, last = begin.date(), end.date()
        number = self._upto(last, end) - self._upto(first, begin)
        day = first
        while day < last:
            number += len(self._minutes(day))
            day += DAY
        return number

    def _upto(self, day: date, local: datetime) -> int:
        begun = local.second > 0 or local.microsecond > 0
        return bisect_left(self._minutes(day), local.hour * 60 + local.minute + begun)

    def _minutes(self, day: date) -> tuple[int, ...]:
        kind = tuple(times.has_day(day) for times in self._times)
        if kind not in self._merged:
            having = [times.minutes for times, has_day in zip(self._times, kind, strict=True) if has_day]
            self._merged[kind] = having[0] if len(having) == 1 else tuple(sorted({m for each in having for m in each}))
        return self._merged[kind]


def _settled(stretch: Stretch) -> datetime:
    """Return from when on the clocks show what they have not shown before, one minute for one minute."""
    change = stretch.offset_before - stretch.offset
    return stretch.begins + max(change, MINUTE) if change else stretch.begins
