"""The history as the rest of jobkernel sees it: one small interface, in this process or through the project server.

``open_history`` picks. ``LocalHistory`` holds the store itself: in memory for tests and read-only projects, or a file
that nobody else has open.
"""

from __future__ import annotations

import atexit
import os
import queue
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from jobkernel.clock import Clock, SystemClock
from jobkernel.errors import HistoryError, ProjectReadOnly, ServerUnreachable
from jobkernel.model.events import Event
from jobkernel.storage.client import HistoryClient
from jobkernel.storage.desk import Desk
from jobkernel.storage.encoding import cleaned, stored
from jobkernel.storage.forks import Discard, forget_in_child
from jobkernel.storage.opening import MEMORY
from jobkernel.storage.process import this_process
from jobkernel.storage.pushes import Callback, Pushes
from jobkernel.storage.store import Appended, Batch, ClientIdentity, Store
from jobkernel.storage.table import Table

LARGEST_BATCH = 5_000
CLOSING_S = 120.0
"""How long closing waits for what was emitted; a process that ends while a thread writes would crash."""


class History(Protocol):
    """What is remembered, for one client. Every method may be called from any thread."""

    who: ClientIdentity

    def emit(self, event: Event) -> None:
        """Note an event; returns at once. Its body must not be changed afterwards."""
        ...

    def emit_many(self, events: Iterable[Event]) -> None:
        """Note several events, in order."""
        ...

    def flush(self, timeout: float = 30.0) -> None:
        """Return when all that this thread emitted before is durable. Raises :class:`ServerUnreachable`."""
        ...

    def request(self, operation: str, *, timeout: float = 30.0, **fields: Any) -> Any:
        """Ask for one of the desk's operations and return its answer."""
        ...

    def query(self, name: str, **params: Any) -> list[dict[str, Any]]:
        """Answer a named question about what is durable: one dict a row, times in microseconds."""
        ...

    def sql(self, text: str) -> Table:
        """Run one SELECT over the documented views. Raises :class:`QueryRefused`."""
        ...

    def listen(self, push: str, callback: Callback) -> Callable[[], None]:
        """Call ``callback(fields)`` at each push of this name, on a thread of its own; return what ends that."""
        ...

    def close(self, timeout: float = 5.0) -> None:
        """Make durable what can be, then let go. Idempotent."""
        ...


class _Flush(NamedTuple):
    done: threading.Event


class LocalHistory:
    """A history in this process."""

    def __init__(
        self,
        path: str = MEMORY,
        *,
        folder: Path | None = None,
        clock: Clock | None = None,
        kernel_id: str | None = None,
        notebook: str | None = None,
    ) -> None:
        self.who: ClientIdentity = this_process(None, kernel_id, notebook)
        self._pushes = Pushes()
        self._desk = Desk(Store.open(path), clock or SystemClock(), folder)
        self._desk.on_changed = self._tell_changed
        self.number, self._sent = self._desk.committer.call(
            lambda: self._desk.store.register(self.who, self._desk.clock.now_us())
        )
        self._desk.join(self)
        self._error: HistoryError | None = None
        self._refused = threading.Event()
        self._closed = False
        self._last_told = 0.0
        self._inbox: queue.SimpleQueue[Event | _Flush | None] | Discard = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="jobkernel-history-sender", daemon=True)
        self._thread.start()
        forget_in_child(self)
        atexit.register(self.close)

    def emit(self, event: Event) -> None:
        """Note an event; returns at once."""
        self._inbox.put(event)

    def emit_many(self, events: Iterable[Event]) -> None:
        """Note several events, in order."""
        for event in events:
            self._inbox.put(event)

    def flush(self, timeout: float = 30.0) -> None:
        """Return when all that was emitted before is kept."""
        if self._closed:
            raise ServerUnreachable("This history is closed; open the project again.")
        flush = _Flush(threading.Event())
        self._inbox.put(flush)
        if not flush.done.wait(timeout):
            raise ServerUnreachable(f"The history was not written within {timeout:g} s.")
        error, self._error = self._error, None
        if error is not None:
            raise error

    def request(self, operation: str, *, timeout: float = 30.0, **fields: Any) -> Any:
        """Ask for one of the desk's operations and return its answer."""
        if self._closed:
            raise ServerUnreachable("This history is closed; open the project again.")
        return self._desk.handle(self, operation, fields)

    def query(self, name: str, **params: Any) -> list[dict[str, Any]]:
        """Answer a named question about what is kept: one dict a row, times in microseconds."""
        rows: list[dict[str, Any]] = self.request("query", name=name, params=params).dicts()
        return rows

    def sql(self, text: str) -> Table:
        """Run one SELECT over the documented views."""
        table: Table = self.request("sql", text=text)
        return table

    def listen(self, push: str, callback: Callback) -> Callable[[], None]:
        """Call ``callback(fields)`` at each push of this name."""
        return self._pushes.listen(push, callback)

    def push(self, name: str, **fields: Any) -> None:
        """Take a push from the desk."""
        self._pushes.deliver(name, fields)

    def close(self, timeout: float = CLOSING_S) -> None:
        """Write what was emitted and close the store."""
        if self._closed:
            return
        self._closed = True
        atexit.unregister(self.close)
        deadline = time.monotonic() + timeout
        self._inbox.put(None)
        self._thread.join(timeout)
        self._desk.close(max(0.0, deadline - time.monotonic()))
        self._pushes.close()

    def _forget_in_child(self) -> None:
        self._closed = True
        self._inbox = Discard()
        self._pushes = Pushes()

    def _work(self) -> None:
        inbox = self._inbox
        assert not isinstance(inbox, Discard)
        while True:
            items = [inbox.get()]
            while len(items) < LARGEST_BATCH and not inbox.empty():
                items.append(inbox.get())
            self._send([item for item in items if isinstance(item, Event)])
            flushes = [item for item in items if isinstance(item, _Flush)]
            if flushes:
                self._desk.committer.call(lambda: None)
            for flush in flushes:
                flush.done.set()
            if None in items:
                return

    def _send(self, events: list[Event]) -> None:
        if self._refused.is_set():
            self._refused.clear()
            self._sent = self._desk.committer.call(lambda: self._desk.store.kept_of(self.number))
        if events:
            first, self._sent = self._sent + 1, self._sent + len(events)
            self._desk.append(Batch(self.number, first, [cleaned(stored(event)) for event in events]), self._kept)

    def _kept(self, _appended: Appended | None, error: HistoryError | None) -> None:
        if error is not None:
            self._error = error
            self._refused.set()
            self.push("notice", sentence=str(error))

    def _tell_changed(self) -> None:
        now = time.monotonic()
        if now - self._last_told >= 0.1:
            self._last_told = now
            self._desk.publish()


class Opened(NamedTuple):
    """A history, and the sentence a person should read about it, if any."""

    history: History
    notice: str | None


def open_history(
    project: str | os.PathLike[str] | None,
    *,
    kernel_id: str | None = None,
    notebook: str | None = None,
    linger_s: float = 10.0,
) -> Opened:
    """Return the project's history through its server; one in memory for no project, or one that cannot be written.

    Raises a :class:`HistoryError` that says what is wrong with the project in every other case.
    """
    if project is None:
        return Opened(LocalHistory(kernel_id=kernel_id, notebook=notebook), None)
    try:
        client = HistoryClient.connect(project, kernel_id=kernel_id, notebook=notebook, linger_s=linger_s)
    except ProjectReadOnly as error:
        return Opened(LocalHistory(kernel_id=kernel_id, notebook=notebook), str(error))
    return Opened(client, None)
