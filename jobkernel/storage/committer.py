"""The one thread that writes a history: gathers what has arrived, keeps it in one transaction, tells who asked.

Knows the store and fairness among clients: a batch that is refused fails alone. Knows no socket.
"""

from __future__ import annotations

import contextlib
import logging
import os
import queue
import threading
from collections.abc import Callable
from typing import Any

from jobkernel.errors import DiskFull, HistoryError, HistoryGap, HistoryInterrupted
from jobkernel.records import dataclass
from jobkernel.storage.opening import file_of
from jobkernel.storage.store import Appended, Batch, Store

log = logging.getLogger(__name__)

LARGEST_GROUP = 20_000
IDLE_S = 1.0
CHECKPOINT_WHEN_IDLE = 2 * 1024 * 1024

Done = Callable[[Appended | None, HistoryError | None], None]


@dataclass(slots=True)
class _Append:
    batch: Batch
    done: Done


@dataclass(slots=True)
class _Call:
    function: Callable[[], Any]
    finished: threading.Event
    result: Any = None
    error: BaseException | None = None


class Committer:
    """Writes to a store from a thread of its own, in groups."""

    def __init__(
        self, store: Store, on_appended: Callable[[Appended], None], on_interrupted: Callable[[], None]
    ) -> None:
        self._store = store
        self._on_appended = on_appended
        self._on_interrupted = on_interrupted
        self._inbox: queue.SimpleQueue[_Append | _Call | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="jobkernel-history-writer", daemon=True)
        self._thread.start()

    def append(self, batch: Batch, done: Done) -> None:
        """Keep the batch soon; ``done`` is called from the writing thread once that is durable or refused."""
        self._inbox.put(_Append(batch, done))

    def call(self, function: Callable[[], Any], timeout: float = 60.0) -> Any:
        """Run ``function`` on the writing thread, after all that was asked before; return what it returns."""
        if threading.current_thread() is self._thread:
            return function()
        item = _Call(function, threading.Event())
        self._inbox.put(item)
        if not item.finished.wait(timeout):
            raise HistoryError("The history is busy; try again in a moment.")
        if item.error is not None:
            raise item.error
        return item.result

    def close(self, timeout: float = 30.0) -> bool:
        """Write what has been asked for, then end the thread; return whether that was done in time."""
        self._inbox.put(None)
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def _work(self) -> None:
        waiting: list[_Append | _Call | None] = []
        while True:
            try:
                waiting = waiting or [self._inbox.get(timeout=IDLE_S)]
            except queue.Empty:
                self._tidy()
                continue
            waiting += self._arrived()
            group = _leading_appends(waiting)
            if group:
                del waiting[: len(group)]
                self._keep(group)
                continue
            item = waiting.pop(0)
            if item is None:
                return
            assert isinstance(item, _Call)
            _run(item)

    def _arrived(self) -> list[_Append | _Call | None]:
        found: list[_Append | _Call | None] = []
        with contextlib.suppress(queue.Empty):
            while len(found) < LARGEST_GROUP:
                found.append(self._inbox.get_nowait())
        return found

    def _keep(self, group: list[_Append]) -> None:
        group = self._without_gaps(group)
        if not group:
            return
        try:
            appended = self._store.append([item.batch for item in group])
        except HistoryError as error:
            self._keep_each(group, error)
            return
        self._on_appended(appended)  # first: who is told that a run ended may ask about it at once
        for item in group:
            item.done(appended, None)

    def _keep_each(self, group: list[_Append], error: HistoryError) -> None:
        """Find out whose batch it was: a refusal is its own client's alone."""
        if len(group) == 1:
            client, first, events = group[0].batch
            log.warning("refused a batch of %d events: %s", len(events), error)
            if not isinstance(error, (DiskFull, HistoryInterrupted)):
                self._store.settle(client, first + len(events) - 1)
            group[0].done(None, error)
            if isinstance(error, HistoryInterrupted):
                self._on_interrupted()
            return
        for item in group:
            self._keep([item])

    def _without_gaps(self, group: list[_Append]) -> list[_Append]:
        """Refuse what comes after events that could not be kept yet: those must come again first."""
        expected: dict[int, int] = {}
        found = []
        for item in group:
            client, first, events = item.batch
            next_one = expected.get(client, self._store.kept_of(client) + 1)
            if first > next_one:
                item.done(None, HistoryGap("Events before these could not be kept yet."))
                continue
            expected[client] = max(next_one, first + len(events))
            found.append(item)
        return found

    def _tidy(self) -> None:
        path = file_of(self._store.path)
        if path is None:
            return
        with contextlib.suppress(FileNotFoundError, HistoryError):
            # stat opens nothing: opening the file here would drop the database's lock
            if os.stat(f"{path}.wal").st_size > CHECKPOINT_WHEN_IDLE:
                self._store.checkpoint()


def _leading_appends(items: list[_Append | _Call | None]) -> list[_Append]:
    found: list[_Append] = []
    events = 0
    for item in items:
        if not isinstance(item, _Append) or events > LARGEST_GROUP:
            break
        found.append(item)
        events += len(item.batch.events)
    return found


def _run(item: _Call) -> None:
    try:
        item.result = item.function()
    except BaseException as error:  # noqa: BLE001 - handed to the caller, on whose behalf it ran
        item.error = error
    item.finished.set()
