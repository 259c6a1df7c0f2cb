"""When the crons of a schedule fire, in a time zone. Pure: the instant to look from comes in as an argument.

Every hour a tick: real time, so the repeated hour has it twice and the skipped hour not. Otherwise each local time
counts once: in the first of two equal hours, and a time that is skipped at the first moment after the gap. Called
by ``ticks``, by the scheduler and by whoever shows what comes next.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import field
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

from jobkernel.errors import InvalidDefinition
from jobkernel.records import dataclass
from jobkernel.rules.cron_fields import Cron, read_cron
from jobkernel.rules.cron_times import local_times
from jobkernel.rules.cron_zones import SECOND, Stretch, Zone, read_zone

TICK = timedelta(microseconds=1)
HOUR = timedelta(hours=1)
NEVER = datetime(1, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Crons:
    """One cron or several in a time zone; times of several that fall together are one tick.

    Instants are aware UTC, in and out. Equal are those that fire at the same times by the same texts and zone name.
    """

    crons: tuple[Cron, ...]
    timezone: str
    zone: Zone = field(repr=False, compare=False)
    lines: tuple[Line, ...] = field(repr=False, compare=False)
    _kept: list[tuple[datetime, datetime]] = field(repr=False, compare=False)  # from where, next: replaced as a whole
    decided: list[Any] = field(repr=False, compare=False)
    """What ``ticks`` decided last for one that fires so, which holds for all others: at most one thing, as a whole."""

    @property
    def texts(self) -> tuple[str, ...]:
        """The crons as they were typed."""
        return tuple(cron.text for cron in self.crons)

    @property
    def complaints(self) -> tuple[str, ...]:
        """Sentences on what is allowed and hardly meant, such as a step beyond its field."""
        return tuple(sentence for cron in self.crons for sentence in cron.complaints)

    def after(self, instant: datetime) -> datetime:
        """Return the first tick later than an instant."""
        since, then = self._kept[0]
        if since <= instant < then:
            return then
        naive = as_naive(instant)
        if len(self.lines) == 1:
            then = self.lines[0].after(naive).replace(tzinfo=UTC)
        else:
            then = min([line.after(naive) for line in self.lines]).replace(tzinfo=UTC)
        self._kept[0] = (instant, then)
        return then

    def before(self, instant: datetime) -> datetime:
        """Return the last tick earlier than an instant."""
        naive = as_naive(instant)
        return max(line.before(naive) for line in self.lines).replace(tzinfo=UTC)

    def upto(self, instant: datetime) -> datetime:
        """Return the last tick not later than an instant."""
        return self.before(instant + TICK)

    def between(self, start: datetime, end: datetime, cap: int) -> tuple[datetime, ...]:
        """Return the ticks later than ``start`` and not later than ``end``, at most the first ``cap``."""
        found: list[datetime] = []
        for then in self.ticks(start):
            if then > end or len(found) >= cap:
                break
            found.append(then)
        return tuple(found)

    def upcoming(self, instant: datetime, count: int) -> tuple[datetime, ...]:
        """Return the next so many ticks later than an instant."""
        return tuple(then for then, _ in zip(self.ticks(instant), range(count), strict=False))

    def ticks(self, instant: datetime) -> Iterator[datetime]:
        """Go through the ticks later than an instant, without end."""
        while True:
            instant = self.after(instant)
            yield instant


def read_crons(crons: str | Sequence[str], timezone: str | None = None) -> Crons:
    """Return what one cron or several say in a time zone, an IANA name; None is UTC.

    Raises:
        InvalidDefinition: a cron or the zone cannot be read, or there is none, or one never fires.
    """
    listed = [crons] if isinstance(crons, str) else crons
    if not isinstance(listed, Sequence) or not all(isinstance(text, str) for text in listed):
        raise InvalidDefinition(f"A cron is a text such as '0 9 * * 1-5', or a list of such texts; got {crons!r}.")
    if not listed:
        raise InvalidDefinition("A schedule needs at least one cron, such as '0 9 * * 1-5'; got an empty list.")
    return crons_of(tuple(listed), "UTC" if timezone is None else timezone)


@lru_cache(maxsize=4096)
def crons_of(texts: tuple[str, ...], timezone: str) -> Crons:
    """Return what :func:`read_crons` does: one for all who ask for the same, so that they share what it has found."""
    zone = read_zone(timezone)
    read = tuple(read_cron(text) for text in texts)
    lines = tuple(Line(cron, zone) for cron in dict.fromkeys(read))
    return Crons(read, zone.name, zone, lines, [(NEVER, NEVER)], [])


class Line:
    """One cron in one zone: instants here are naive UTC. Keeps the next tick it found. Safe from any thread."""

    def __init__(self, cron: Cron, zone: Zone) -> None:
        self.zone = zone
        self.times = local_times(cron)
        self._is_every_hour = cron.is_every_hour
        self._minutes = cron.minutes if cron.is_every_hour and self.times.is_every_day else ()
        self._kept = (NEVER.replace(tzinfo=None),) * 2

    def after(self, instant: datetime) -> datetime:
        """Return its first tick later than an instant."""
        since, then = self._kept
        if not since <= instant < then:
            then = self._first_after(instant)
            self._kept = (instant, then)
        return then

    def _first_after(self, instant: datetime) -> datetime:
        stretch = self.zone.at(instant)
        if self._minutes:  # at the same minutes of each hour, whatever the day: no calendar is asked
            then = self._in_hours(instant + stretch.offset) - stretch.offset
            if then < stretch.ends:
                return then
        seen = max(instant + stretch.offset, self._opens(stretch) - SECOND)
        local = self.times.after(seen)
        while (then := max(stretch.begins, local - stretch.offset)) >= stretch.ends:
            stretch = self.zone.at(stretch.ends)
            opens = self._opens(stretch)
            if not seen < opens <= local:  # clocks skip what was found, or go back over what was looked through
                seen = opens - SECOND
                local = self.times.after(seen)
        return then

    def _in_hours(self, local: datetime) -> datetime:
        place = bisect_right(self._minutes, local.minute)
        if place < len(self._minutes):
            return local.replace(minute=self._minutes[place], second=0, microsecond=0)
        return local.replace(minute=self._minutes[0], second=0, microsecond=0) + HOUR

    def before(self, instant: datetime) -> datetime:
        """Return its last tick earlier than an instant."""
        stretch = self.zone.at(instant - TICK)
        local = self.times.before(instant + stretch.offset)
        while local < self._opens(stretch):
            ends = stretch.begins
            stretch = self.zone.at(ends - TICK)
            local = self.times.before(ends + stretch.offset)
        return max(stretch.begins, local - stretch.offset)

    def _opens(self, stretch: Stretch) -> datetime:
        """Return the first local time that belongs to a stretch.

        In real time that is what the clocks show when it begins. By local time it is what they would have shown had
        they not been changed: what they skip falls on the change, and what they show again belongs to the first time.
        """
        return stretch.begins + (stretch.offset if self._is_every_hour else stretch.offset_before)


def as_naive(instant: datetime) -> datetime:
    """Return an aware instant as naive UTC.

    Raises:
        TypeError: the instant is not aware.
    """
    if instant.tzinfo is None:
        raise TypeError("Ticks are looked for from an aware instant; give the datetime a tzinfo.")
    return (instant if instant.tzinfo is UTC else instant.astimezone(UTC)).replace(tzinfo=None)
