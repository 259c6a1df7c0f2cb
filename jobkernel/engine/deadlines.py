"""Call something at a moment unless it is called off before. One thread for any number of moments.

Knows nothing of runs and steps; a run watches its steps' timeouts with it. The thread starts when first needed.
"""

from __future__ import annotations

import heapq
import itertools
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

Action = Callable[[], object]


@dataclass(slots=True, order=True)
class _Moment:
    at: float
    number: int
    action: Action | None = field(compare=False)

    def call_off(self) -> None:
        self.action = None


class Deadlines:
    """Moments to come. Safe from any thread."""

    def __init__(self) -> None:
        self._moments: list[_Moment] = []
        self._numbers = itertools.count()
        self._nearer = threading.Condition()  # protects _moments, _thread and _is_closed
        self._thread: threading.Thread | None = None
        self._is_closed = False

    def watch(self, seconds: float, action: Action) -> Callable[[], None]:
        """Call ``action`` in so many seconds, on the one thread, so it must be quick; return what calls it off."""
        moment = _Moment(time.monotonic() + seconds, next(self._numbers), action)
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
            action, moment.action = moment.action, None
            if action is not None:
                action()

    def _next(self) -> _Moment | None:
        """Wait for the nearest moment; None once closed."""
        with self._nearer:
            while not self._is_closed:
                self._forget_called_off()
                wait = self._moments[0].at - time.monotonic() if self._moments else None
                if wait is not None and wait <= 0:
                    return heapq.heappop(self._moments)
                self._nearer.wait(wait)
            return None

    def _forget_called_off(self) -> None:
        while self._moments and self._moments[0].action is None:
            heapq.heappop(self._moments)
