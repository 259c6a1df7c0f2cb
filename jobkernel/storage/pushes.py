"""Hand what the history tells unasked to whoever wants to hear it, on one thread of its own.

Callbacks may ask the history back. Knows names and functions; knows no socket.
"""

from __future__ import annotations

import contextlib
import logging
import queue
import threading
from collections.abc import Callable
from typing import Any

log = logging.getLogger(__name__)

Callback = Callable[[dict[str, Any]], None]


class Pushes:
    """Callbacks by the name of a push. The thread starts with the first push that somebody listens to."""

    def __init__(self) -> None:
        self._callbacks: dict[str, list[Callback]] = {}
        self._inbox: queue.SimpleQueue[tuple[str, dict[str, Any]] | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None

    def listen(self, name: str, callback: Callback) -> Callable[[], None]:
        """Call ``callback(fields)`` at every push of this name; return what ends that."""
        self._callbacks[name] = [*self._callbacks.get(name, ()), callback]

        def stop() -> None:
            self._callbacks[name] = [other for other in self._callbacks.get(name, ()) if other is not callback]

        return stop

    def deliver(self, name: str, fields: dict[str, Any]) -> None:
        """Pass a push on; never blocks."""
        if self._callbacks.get(name):
            self._inbox.put((name, fields))
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="jobkernel-history-pushes", daemon=True)
                self._thread.start()

    def close(self, timeout: float = 1.0) -> None:
        """End the thread after what was delivered."""
        thread, self._thread = self._thread, None
        if thread is not None:
            self._inbox.put(None)
            if thread is not threading.current_thread():
                thread.join(timeout)

    def _work(self) -> None:
        while (item := self._inbox.get()) is not None:
            name, fields = item
            for callback in self._callbacks.get(name, ()):
                with _recorded(name):
                    callback(fields)


@contextlib.contextmanager
def _recorded(name: str) -> Any:
    try:
        yield
    except Exception:  # a subscriber's failure is its own; the others still hear
        log.exception("a listener to '%s' failed", name)
