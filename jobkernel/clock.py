"""Time, as something handed in: the system's clock, or one that a test moves by hand.

Knows nothing of runs. Instants are aware UTC datetimes; ``now_us`` is the same instant as whole microseconds since
the epoch, which is what events carry.
"""

from __future__ import annotations

import heapq
import itertools
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol


class Clock(Protocol):
    """Tells the time; nothing else in jobkernel may ask the system for it."""

    def now(self) -> datetime:
        """Return the present instant, aware and in UTC."""
        ...

    def now_us(self) -> int:
        """Return the present instant in microseconds since the epoch."""
        ...


class SystemClock:
    """The machine's own clock."""

    def now(self) -> datetime:
        """Return the present instant, aware and in UTC."""
        return datetime.now(UTC)

    def now_us(self) -> int:
        """Return the present instant in microseconds since the epoch."""
        return time.time_ns() // 1000


class ManualClock:
    """A clock that stands still until a test moves it. What waits for a moment of it is called when it gets there.

    Safe from any thread. What is called runs on the thread that moves the clock, in order of its moments.
    """

    def __init__(self, start: datetime = datetime(2024, 1, 1, tzinfo=UTC)) -> None:
        if start.tzinfo is None:
            raise ValueError("A clock starts at an aware instant; give the datetime a tzinfo.")
        self._now = start.astimezone(UTC)
        self._moments: list[Moment] = []
        self._numbers = itertools.count()
        self._changed = threading.Condition()  # protects _now and _moments

    def now(self) -> datetime:
        """Return the instant the clock was last moved to."""
        return self._now

    def now_us(self) -> int:
        """Return the same in microseconds since the epoch."""
        return int(self._now.timestamp() * 1_000_000)

    def move(self, by: timedelta) -> None:
        """Move the clock by a span of time, also backwards, and call what waits for a moment on the way."""
        with self._changed:
            end = self._now + by
        while (moment := self._reached(end)) is not None:
            moment.call()
        with self._changed:
            self._now = end

    def move_on(self, patience: float = 10.0) -> timedelta:
        """Move to the nearest moment that something waits for, such as the retry of a step; return how far that was.

        Waits up to ``patience`` real seconds for something that waits.

        Raises:
            TimeoutError: nothing waits for the clock.
        """
        if not self.is_waited_for(patience):
            raise TimeoutError(f"Nothing has waited for the clock within {patience:g} s.")
        with self._changed:
            by: timedelta = max([moment.at - self._now for moment in self._nearest()] + [timedelta()])
        self.move(by)
        return by

    def is_waited_for(self, patience: float = 10.0) -> bool:
        """Whether something waits for the clock, now or within so many real seconds."""
        with self._changed:
            return bool(self._changed.wait_for(self._nearest, patience))

    def call_in(self, seconds: float, action: Callable[[], object]) -> Callable[[], None]:
        """Call ``action`` when the clock is so many seconds further; return what calls it off."""
        with self._changed:
            moment = Moment(self._now + timedelta(seconds=seconds), next(self._numbers), action)
            heapq.heappush(self._moments, moment)
            self._changed.notify_all()
        return moment.call_off

    def _nearest(self) -> list[Moment]:
        while self._moments and self._moments[0].action is None:
            heapq.heappop(self._moments)
        return self._moments[:1]

    def _reached(self, end: datetime) -> Moment | None:
        """Take the nearest moment up to ``end``, and be there."""
        with self._changed:
            if not self._nearest() or self._moments[0].at > end:
                return None
            moment = heapq.heappop(self._moments)
            self._now = max(self._now, moment.at)
            return moment


@dataclass(slots=True, order=True)
class Moment:
    """An action that waits for its time, unless it is called off."""

    at: Any
    number: int
    action: Callable[[], object] | None = field(compare=False)

    def call(self) -> None:
        """Do it, once."""
        action, self.action = self.action, None
        if action is not None:
            action()

    def call_off(self) -> None:
        """Do it never."""
        self.action = None


class RunClock:
    """The time of one run: a clock's at first, from then on the steady time of the machine.

    A clock that is put right, or a machine that sleeps, so changes no duration and no order within the run.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._ahead_us: int | None = None

    def now(self) -> datetime:
        """Return the present instant, aware and in UTC."""
        return from_us(self.now_us())

    def now_us(self) -> int:
        """Return the present instant in microseconds since the epoch."""
        steady = time.monotonic_ns() // 1000
        if self._ahead_us is None:
            self._ahead_us = self._clock.now_us() - steady
        return steady + self._ahead_us


def run_clock(clock: Clock) -> Clock:
    """Return the clock of a run that begins now: a steady one, unless a test moves time by hand."""
    return clock if isinstance(clock, ManualClock) else RunClock(clock)


def from_us(microseconds: int) -> datetime:
    """Return the aware UTC instant of microseconds since the epoch."""
    return datetime.fromtimestamp(microseconds / 1_000_000, UTC)


def seconds_between(began_us: int | None, ended_us: int | None) -> float | None:
    """Return the seconds from one instant to another; 0 where the clock was set back meanwhile, None without one."""
    return None if not began_us or not ended_us else max(0, ended_us - began_us) / 1e6


def both_times(moment: datetime, zone: str) -> str:
    """Return an instant in a zone; beside it in UTC and on this machine, where the clocks there show another time."""
    from zoneinfo import ZoneInfo  # loaded with the first schedule

    own, here, utc = moment.astimezone(ZoneInfo(zone)), moment.astimezone(), moment.astimezone(UTC)
    text = f"{own:%a %d %b %Y %H:%M:%S}".removesuffix(":00")
    is_utc = own.utcoffset() == utc.utcoffset()
    others = [] if is_utc else [f"{utc:%H:%M} UTC"]
    others += [f"{here:%H:%M} here"] if here.utcoffset() not in (own.utcoffset(), utc.utcoffset()) else []
    return f"{text} {'UTC' if is_utc else f'{own:%Z}'}" + (f" ({', '.join(others)})" if others else "")
