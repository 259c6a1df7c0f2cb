"""Call something at a moment unless it is called off before. One thread for any number of moments of the machine's
time, started when first needed; none for a clock that a test moves.

Knows nothing of runs and steps; a run watches its steps' timeouts, retries and its own longest time with it.
"""

from __future__ import annotations

import heapq
import itertools
import threading
import time
from collections.abc import Callable
from typing import Final, Protocol

from jobkernel.clock import Clock, ManualClock, Moment

Action = Callable[[], object]
FAR_S: Final = 100 * 365 * 24 * 3600.0
"""As good as never."""
LONGEST_S: Final = 3600.0
"""How long the thread waits at once; the system takes no wait of any length."""


class Timer(Protocol):
    """Calls things later: by the machine's time, or by a clock that a test moves."""

    def watch(self, seconds: float, action: Action) -> Callable[[], None]:
        """Call ``action`` in so many seconds, on some thread, so it must be quick; return what calls it off."""
        ...

    def close(self) -> None:
        """Call nothing any more."""
        ...


def timer_of(clock: Clock) -> Timer:
    """Return the timer that goes by a clock."""
    return ManualDeadlines(clock) if isinstance(clock, ManualClock) else Deadlines()


class ManualDeadlines:
    """Moments of a clock that is moved by hand."""

    def __init__(self, clock: ManualClock) -> None:
        self._clock = clock
        self._is_closed = False

    def watch(self, seconds: float, action: Action) -> Callable[[], None]:
        """Call ``action`` when the clock has been moved so far, on the thread that moves it."""
        return self._clock.call_in(seconds, lambda: None if self._is_closed else action())

    def close(self) -> None:
        """Call nothing any more."""
        self._is_closed = True


class Deadlines:
    """Moments to come. Safe from any thread."""

    def __init__(self) -> None:
        self._moments: list[Moment] = []
        self._numbers = itertools.count()
        self._nearer = threading.Condition()  # protects _moments, _thread and _is_closed
        self._thread: threading.Thread | None = None
        self._is_closed = False

    def watch(self, seconds: float, action: Action) -> Callable[[], None]:
        """Call ``action`` in so many seconds, on the one thread, so it must be quick; return what calls it off."""
        ahead = seconds if seconds < FAR_S else FAR_S  # of what is no number, too
        moment = Moment(time.monotonic() + ahead, next(self._numbers), action)
        with self._nearer:
            if self._is_closed:
                return moment.call_off
            heapq.heappush(self._moments, moment)
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="jobkernel-deadlines", daemon=True)
                self._thread.start()
            elif self._moments[0] is moment:
                self._nearer.notify()
        return moment.call_off

    def close(self) -> None:
        """Call nothing any more and let the thread end."""
        with self._nearer:
            self._is_closed = True
            self._moments.clear()
            self._nearer.notify()

    def _work(self) -> None:
        while (moment := self._next()) is not None:
            moment.call()

    def _next(self) -> Moment | None:
        """Wait for the nearest moment; None once closed."""
        with self._nearer:
            while not self._is_closed:
                self._forget_called_off()
                wait = self._moments[0].at - time.monotonic() if self._moments else None
                if wait is not None and wait <= 0:
                    return heapq.heappop(self._moments)
                self._nearer.wait(wait if wait is None else min(wait, LONGEST_S))
            return None

    def _forget_called_off(self) -> None:
        while self._moments and self._moments[0].action is None:
            heapq.heappop(self._moments)
