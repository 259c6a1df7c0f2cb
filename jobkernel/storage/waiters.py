"""Who waits in this process for the project server, and whether it is late: then nobody waits any longer.

A server that lives says something every two seconds, however long a request takes; one that is silent is late. What was
asked stays asked, and is answered to nobody. Called by the client: one thread hears, the others wait.
"""

from __future__ import annotations

import threading
import time
from typing import Any, Final

from jobkernel.errors import HistoryError, JobkernelError
from jobkernel.storage.calls import Call, Flush, error_of

LATE_S: Final = 10.0
"""After how long a silence somebody who waits goes on without an answer."""
HARDLY_S: Final = 0.25
"""How long a server that is late already is waited for: it may just have come back."""


class Waiters:
    """Calls and flushes that are open. Safe from any thread."""

    def __init__(self) -> None:
        self.is_late = False
        self._lock = threading.Lock()  # protects calls and flushes
        self._calls: dict[int, Call] = {}
        self._flushes: list[Flush] = []
        self._heard_at = time.monotonic()

    def ask(self, call: Call) -> None:
        """Note a request, before it is sent."""
        with self._lock:
            self._calls[call.frame["id"]] = call

    def wait(self, waiting: Call | Flush, timeout: float) -> bool:
        """Wait for an answer or an error; return whether there is one."""
        found = waiting.done.wait(min(timeout, HARDLY_S) if self.is_late else timeout) and not waiting.is_given_up
        with self._lock:
            if isinstance(waiting, Call):
                self._calls.pop(waiting.frame["id"], None)
        return found

    def calls(self) -> list[Call]:
        """Return the requests that are not answered."""
        with self._lock:
            return list(self._calls.values())

    def answer(self, frame: dict[str, Any]) -> None:
        """Hand an answer to whoever still waits for it."""
        with self._lock:
            call = self._calls.get(frame["id"])
        if call is None:
            return
        if "error" in frame:
            call.fail(error_of(frame["error"]))
        else:
            call.value = frame["ok"]
            call.done.set()

    def fail_calls(self, error: HistoryError) -> None:
        """Answer every request with an error."""
        for call in self.calls():
            call.fail(error)

    def expect(self, flush: Flush, target: int) -> None:
        """Note that somebody waits until the event of this number is durable."""
        flush.target = target
        with self._lock:
            self._flushes.append(flush)

    def settle(self, reached: int, error: JobkernelError | None = None) -> bool:
        """Release who waits for events up to a number; with an error, everybody. Return whether there was anybody."""
        with self._lock:
            settled = [flush for flush in self._flushes if error or (flush.target or 0) <= reached]
            self._flushes = [flush for flush in self._flushes if flush not in settled]
        for flush in settled:
            flush.error = error
            flush.done.set()
        return bool(settled)

    def heard(self) -> None:
        """Note that the server said something."""
        self._heard_at = time.monotonic()
        self.is_late = False

    def oldest(self) -> float | None:
        """Return since when the oldest request is open."""
        return min((call.asked_at for call in self.calls()), default=None)

    def look(self) -> None:
        """Where the server has been silent for too long, let nobody wait any more."""
        if self.is_late or time.monotonic() - self._heard_at <= LATE_S:
            return
        self.is_late = True
        with self._lock:
            waiting: list[Call | Flush] = [*self._calls.values(), *self._flushes]
            self._flushes.clear()
        for each in waiting:
            each.is_given_up = True
            each.done.set()
