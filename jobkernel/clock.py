"""Time, as something handed in: the system's clock, or one that a test moves by hand.

Knows nothing of runs. Instants are aware UTC datetimes; ``now_us`` is the same instant as whole microseconds since
the epoch, which is what events carry.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Protocol


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
    """A clock that stands still until a test moves it."""

    def __init__(self, start: datetime = datetime(2024, 1, 1, tzinfo=UTC)) -> None:
        if start.tzinfo is None:
            raise ValueError("A clock starts at an aware instant; give the datetime a tzinfo.")
        self._now = start.astimezone(UTC)

    def now(self) -> datetime:
        """Return the instant the clock was last moved to."""
        return self._now

    def now_us(self) -> int:
        """Return the same in microseconds since the epoch."""
        return int(self._now.timestamp() * 1_000_000)

    def move(self, by: timedelta) -> None:
        """Move the clock by a span of time, also backwards."""
        self._now += by


def from_us(microseconds: int) -> datetime:
    """Return the aware UTC instant of microseconds since the epoch."""
    return datetime.fromtimestamp(microseconds / 1_000_000, UTC)
