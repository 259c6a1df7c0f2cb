"""The windows of a time partitions definition, worked out once and then looked up. Pure; called by the definition.

A :class:`Table` holds every window from the definition's start up to a horizon, in order; questions are searches in
it. Texts of keys are made and read here. Source of the rules: Dagster's ``TimeWindowPartitionsDefinition``.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cached_property, lru_cache
from itertools import pairwise
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from jobkernel.rules.partition_cadence import (
    day_text,
    is_every_hour,
    last_ticks,
    next_ticks,
    steady_offset,
    ticks_between,
    zone_named,
)

DAY_FORMAT: Final = "%Y-%m-%d"
HOUR_FORMAT: Final = "%Y-%m-%d-%H:%M"
_ROUND: Final = 86_400


class Windows(NamedTuple):
    """What the windows follow from. ``excluded`` are instants and crons whose windows do not exist."""

    cron: str
    timezone: str
    fmt: str
    excluded: tuple[str | float, ...] = ()

    @property
    def zone(self) -> ZoneInfo:
        """The zone of the windows."""
        return zone_named(self.timezone)

    def key_of(self, start: float) -> str:
        """Return the key of the window that begins then; the second of two equal hours carries its offset."""
        local = datetime.fromtimestamp(start, self.zone)
        if self.fmt == DAY_FORMAT and not local.fold:
            return local.isoformat()[:10]
        if self.fmt == HOUR_FORMAT and not local.fold:
            text = local.isoformat()
            return f"{text[:10]}-{text[11:16]}"
        repeats = local.fold and "%z" not in self.fmt and is_every_hour(self.cron)
        return local.strftime(self.fmt + "%z" if repeats else self.fmt)

    def instant_of(self, key: str) -> float:
        """Return what instant a key's text says, which may lie before its window begins.

        Raises:
            ValueError: the text is not of the format.
        """
        try:
            read = datetime.strptime(key, self.fmt)  # noqa: DTZ007  - the zone follows
        except ValueError:
            read = self._with_offset(key)
        return (read if read.tzinfo is not None else read.replace(tzinfo=self.zone)).timestamp()

    def _with_offset(self, key: str) -> datetime:
        try:
            return datetime.strptime(key, self.fmt + ("" if "%z" in self.fmt else "%z"))  # noqa: DTZ007  - it has one
        except ValueError:
            raise ValueError(f"'{key}' is no key of these partitions; they are written as {self.fmt}.") from None

    def is_excluded(self, start: float) -> bool:
        """Whether the window that begins then does not exist."""
        return any(
            start == each if not isinstance(each, str) else next_ticks(each, self.timezone, start, 1) == [start]
            for each in self.excluded
        )

    def after(self, instant: float, count: int = 1) -> list[tuple[int, int]]:
        """Return the first windows that begin at or after an instant, as start and end."""
        wanted = count + 1
        while True:
            ticks = next_ticks(self.cron, self.timezone, instant, wanted)
            found = [pair for pair in pairwise(ticks) if not self.is_excluded(pair[0])]
            if len(found) >= count or len(ticks) < wanted:
                return found[:count]
            wanted *= 2

    def before(self, instant: float, count: int = 1) -> list[tuple[int, int]]:
        """Return the last windows that end at or before an instant, latest first, as start and end."""
        wanted = count + 1
        while True:
            ticks = last_ticks(self.cron, self.timezone, instant, wanted)
            found = [pair for pair in pairwise(ticks) if not self.is_excluded(pair[0])]
            if len(found) >= count or len(ticks) < wanted:
                return found[::-1][:count]
            wanted *= 2

    def start_before(self, instant: float) -> int:
        """Return the start of the last window that begins before an instant."""
        wanted = 2
        while True:
            ticks = last_ticks(self.cron, self.timezone, instant, wanted)
            found = [tick for tick in ticks if tick < instant and not self.is_excluded(tick)]
            if found or len(ticks) < wanted:
                return found[-1]
            wanted *= 2

    def between(self, first: float, end: float) -> list[tuple[int, int]]:
        """Return the windows that begin from ``first`` up to but without ``end``."""
        ticks = ticks_between(self.cron, self.timezone, first, end)
        ticks += next_ticks(self.cron, self.timezone, max(end, first), 1)
        pairs = list(pairwise(ticks))
        left_out = self._excluded_between(first, end)
        return [pair for pair in pairs if pair[0] not in left_out] if left_out else pairs

    def _excluded_between(self, first: float, end: float) -> set[float]:
        found: set[float] = set()
        for each in self.excluded:
            found.update(ticks_between(each, self.timezone, first, end) if isinstance(each, str) else [each])
        return found


class Table:
    """The windows from a start on, in order."""

    def __init__(self, windows: Windows, pairs: Sequence[tuple[int, int]]) -> None:
        self.starts = [start for start, _ in pairs]
        self.ends = [end for _, end in pairs]
        self._windows = windows

    @cached_property
    def keys(self) -> list[str]:
        """The keys, in order."""
        return keys_of(self._windows, self.starts)

    @cached_property
    def places(self) -> Mapping[str, int]:
        """The place of each key in the order."""
        return {key: place for place, key in reversed(list(enumerate(self.keys)))}


def keys_of(windows: Windows, starts: Sequence[int]) -> list[str]:
    """Return the keys of the windows that begin then; days on which no clock is changed are written by arithmetic."""
    if windows.fmt not in (DAY_FORMAT, HOUR_FORMAT):
        return [windows.key_of(start) for start in starts]
    zone, shows_hour, found, texts = windows.zone, windows.fmt == HOUR_FORMAT, [], dict[int, str]()
    for start in starts:
        offset = steady_offset(zone, start // _ROUND)
        if offset is None:
            found.append(windows.key_of(start))
            continue
        day, second = divmod(start + offset, _ROUND)
        text = texts.get(day) or texts.setdefault(day, day_text(day))
        found.append(f"{text}-{second // 3600:02}:{second // 60 % 60:02}" if shows_hour else text)
    return found


class Extent(NamedTuple):
    """From when to when the windows of a definition go, and by how many they reach beyond the present."""

    start: float
    end: float | None
    end_offset: int


def table_at(windows: Windows, extent: Extent, now: float) -> tuple[Table, int]:
    """Return the windows and how many of them exist at ``now``.

    A window exists when it has ended; ``end_offset`` adds as many that have not, or takes as many away. None ends
    after the extent's end.
    """
    limit = _limit(windows, extent, now)
    horizon = max(limit, extent.start) // _ROUND + 1
    table = _table(windows, extent.start, horizon * _ROUND)
    return table, bisect_right(table.ends, limit) or int(_is_first_early(windows, extent, now))


def _is_first_early(windows: Windows, extent: Extent, now: float) -> bool:
    """Whether the first window alone exists, since it begins within the windows ahead. Source: Dagster."""
    if extent.end_offset <= 0:
        return False
    first = windows.after(extent.start)[0]
    is_within = extent.end is None or first[1] <= extent.end
    return is_within and first[1] <= windows.after(now, extent.end_offset + 1)[-1][0]


def _limit(windows: Windows, extent: Extent, now: float) -> float:
    """Return when the last window that exists may have ended."""
    limit = now
    if extent.end_offset > 0:
        ended = windows.before(now)[0][1]
        limit = windows.after(ended, extent.end_offset)[-1][1]
    elif extent.end_offset < 0:
        limit = windows.before(now, 1 - extent.end_offset)[-1][1]
    return limit if extent.end is None else min(limit, extent.end)


@lru_cache(maxsize=64)
def _table(windows: Windows, start: float, horizon: float) -> Table:
    """Return the windows that begin before a horizon, and always the first."""
    return Table(windows, windows.between(start, horizon) or windows.after(start))
