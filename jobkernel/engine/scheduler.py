"""The scheduler of a kernel: sleeps until something is due, and says so. Runs no code of the user's and asks nobody.

One thread, or none where a clock is moved by hand. Sleeps ten seconds at most and compares the clock on the wall with
the one that only goes forward, so that a suspended machine and a clock that was set are seen.
"""

from __future__ import annotations

import heapq
import logging
import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from jobkernel.clock import Clock, ManualClock
from jobkernel.records import dataclass

log = logging.getLogger(__name__)

LONGEST_SLEEP_S: Final = 10.0
BEAT_S: Final = 2.0
"""How often a scheduler with something to see to says that it lives."""
FEW: Final = 64
"""So many moments that were called off may wait for their time; of more, they are dropped."""
JUMP: Final = timedelta(seconds=2)
"""The two clocks part by that much only where one was set, or the machine slept."""


@dataclass(slots=True)
class Pulse:
    """How the scheduler is: its last turn, the longest it was late lately, and the last jump of the clock."""

    turned_at: datetime | None = None
    lag_s: float = 0.0
    jumped_at: datetime | None = None
    jump: timedelta = timedelta()


class Scheduler:
    """Calls ``due(name, now)`` for each name at its moment, ``beat()`` every two seconds, ``jumped()`` after a jump.

    They are called on the scheduler's thread, so they must be quick; what they raise is logged, and nothing else.
    """

    def __init__(
        self,
        clock: Clock,
        due: Callable[[str, datetime], None],
        beat: Callable[[], None],
        jumped: Callable[[], None] = lambda: None,
    ) -> None:
        self._clock = clock
        self._jumped = jumped
        self._due = due
        self._beat = beat
        self.pulse = Pulse()
        self._lock = threading.Condition()  # protects all below
        self._moments: list[datetime] = []
        self._names: dict[datetime, dict[str, None]] = {}
        self._times: dict[str, datetime] = {}
        self._thread: threading.Thread | None = None
        self._is_closed = False
        self._call_off: Callable[[], None] = lambda: None
        self._is_turning = False
        self._turns_again = False

    def at(self, name: str, moment: datetime | None) -> None:
        """Have ``due`` called for a name at a moment, in place of any other of that name; None calls it off."""
        with self._lock:
            before = self._times.pop(name, None)
            if before is not None:
                del self._names[before][name]
            if moment is None:
                return
            self._times[name] = moment
            if moment not in self._names:
                self._drop_old_moments()
                self._names[moment] = {}
                heapq.heappush(self._moments, moment)
            self._names[moment][name] = None
            if moment == self._moments[0]:
                self._lock.notify()

    def wake(self) -> None:
        """Look at the clock now; start the thread where there is none yet."""
        if isinstance(self._clock, ManualClock):
            self._turn_by_hand(self._clock)
            return
        with self._lock:
            if self._thread is None and not self._is_closed:
                self._thread = threading.Thread(target=self._work, name="jobkernel-scheduler", daemon=True)
                self._thread.start()
            self._lock.notify()

    def close(self) -> None:
        """Call nothing any more."""
        with self._lock:
            self._is_closed = True
            self._times.clear()
            self._names.clear()
            self._moments.clear()
            self._call_off()
            self._lock.notify_all()

    @property
    def is_alive(self) -> bool:
        """Whether its thread lives; a clock moved by hand needs none."""
        return isinstance(self._clock, ManualClock) or (self._thread is not None and self._thread.is_alive())

    def turn(self) -> datetime | None:
        """Call ``due`` for all whose moment has come; return the next moment."""
        now = self._clock.now()
        self.pulse.turned_at = now
        while (found := self._take(now)) is not None:
            moment, name = found
            self.pulse.lag_s = max((now - moment).total_seconds(), self.pulse.lag_s * 0.9)
            self._guarded(lambda: self._due(name, now), name)  # noqa: B023 - called at once
        with self._lock:
            self._forget_old()
            return self._moments[0] if self._moments else None

    def _take(self, now: datetime) -> tuple[datetime, str] | None:
        with self._lock:
            self._forget_old()
            if self._is_closed or not self._moments or self._moments[0] > now:
                return None
            moment = self._moments[0]
            name = next(iter(self._names[moment]))
            del self._names[moment][name], self._times[name]
            return moment, name

    def _forget_old(self) -> None:
        """Drop moments at the front of the line that nobody has any more."""
        while self._moments and not self._names[self._moments[0]]:
            del self._names[heapq.heappop(self._moments)]

    def _drop_old_moments(self) -> None:
        """Drop all moments that nobody has any more, where they are many."""
        if len(self._moments) > 2 * len(self._times) + FEW:
            self._names = {moment: names for moment, names in self._names.items() if names}
            self._moments = sorted(self._names)

    def _guarded(self, action: Callable[[], None], what: str) -> None:
        try:
            action()
        except Exception:
            log.exception("the scheduler could not see to %s", what)

    def _work(self) -> None:
        beat_at = time.monotonic()
        while True:
            upcoming = self.turn()
            if time.monotonic() >= beat_at:
                beat_at = time.monotonic() + BEAT_S
                self._guarded(self._beat, "its beat")
            if not self._sleep(upcoming, beat_at):
                return

    def _sleep(self, upcoming: datetime | None, beat_at: float) -> bool:
        began, began_at = time.monotonic(), self._clock.now()
        with self._lock:
            if self._is_closed:
                return False
            wait = min(LONGEST_SLEEP_S, beat_at - began)
            nearest = self._moments[0] if self._moments else upcoming
            if nearest is not None:
                wait = min(wait, (nearest - began_at).total_seconds())
            if wait > 0:
                self._lock.wait(wait)
        jump = self._clock.now() - began_at - timedelta(seconds=time.monotonic() - began)
        if abs(jump) > JUMP:
            self.pulse.jumped_at, self.pulse.jump = self._clock.now(), jump
            self._guarded(self._jumped, "a clock that was set")
        return not self._is_closed

    def _turn_by_hand(self, clock: ManualClock) -> None:
        """Turn on the thread that moves the clock, or defines; a turn that asks for another has it afterwards."""
        with self._lock:
            self._turns_again = True
            if self._is_turning:
                return
            self._is_turning = True
        try:
            while self._is_asked_again():
                upcoming = self.turn()
                self._call_off()
                if upcoming is not None:
                    seconds = max(0.0, (upcoming - clock.now()).total_seconds())
                    self._call_off = clock.call_in(seconds, self.wake)
        except BaseException:  # an interrupt of the thread that moves the clock
            self._is_turning = False
            raise

    def _is_asked_again(self) -> bool:
        with self._lock:
            self._is_turning = self._turns_again and not self._is_closed
            self._turns_again = False
            return self._is_turning
