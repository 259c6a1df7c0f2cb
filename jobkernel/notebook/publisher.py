"""Tell screens what changed, at most ten times a second, from one thread: topology once, then differences.

Owns the widget models of a notebook and what they were told last. Knows no requests.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

from jobkernel.notebook.automation_standing import AutomationStanding
from jobkernel.notebook.backfill_rows import READ_EVERY_S, BackfillRows
from jobkernel.notebook.graph_view import GraphQuery, GraphViews
from jobkernel.notebook.kernel import NotebookKernel
from jobkernel.notebook.parts import Part
from jobkernel.notebook.requests import Requests
from jobkernel.notebook.snapshot import Standing

INTERVAL_S: Final = 0.1
GONE: Final = {"push": "gone", "reason": "jobkernel was unloaded."}
Send = Callable[[dict[str, Any]], None]


class Listener(NamedTuple):
    """Whom to tell, and of what."""

    send: Send
    part: Part


class Publisher:
    """Watches a session and pushes what changed to everybody who listens."""

    def __init__(self, kernel: NotebookKernel) -> None:
        self._session = kernel.session
        self._standing = Standing(kernel.session)
        self._views = GraphViews(kernel.session)
        self._automation = AutomationStanding(kernel)
        self._backfill_rows = BackfillRows(kernel.session)
        self._lock = threading.Lock()  # protects _listeners
        self._listeners: list[Listener] = []
        self._seq = 0
        self._version = -1
        self._status_version = -1
        self._runs: dict[str, Any] = {}
        self._queue: dict[str, Any] = {}
        self._backfills: dict[str, Any] = {}
        self._unlisten = kernel.session.history.listen("settings", self._settings_changed)
        self._closing = threading.Event()
        told = self._automation, self._backfill_rows
        self.requests = Requests(kernel.session, self._standing, self._views, *told, lambda: self._seq)
        self._thread = threading.Thread(target=self._loop, name="jobkernel-publisher", daemon=True)
        self._thread.start()

    def snapshot(self, query: GraphQuery | None = None) -> dict[str, Any]:
        """Return the protocol's ``Snapshot`` of now."""
        return self._snapshot(self._automation.now(), query or GraphQuery())

    def _snapshot(self, automation: dict[str, Any], query: GraphQuery) -> dict[str, Any]:
        snapshot = self._standing.snapshot(self._views, query, self._seq)
        return {**snapshot, "automation": automation, "backfills": self._backfill_rows.newest()}

    def part(self, query: GraphQuery) -> dict[str, Any]:
        """Return the ``Snapshot`` of what a query shows; where it shows nothing, the graph says why."""
        part = Part(self._session, query)
        whole = self.snapshot()
        return whole if part.is_all else part.snapshot(whole, self._views)

    def listen(self, send: Send, query: GraphQuery | None = None) -> Callable[[], None]:
        """Send what concerns a query to ``send`` from now on, on the publisher's thread; return what ends that."""
        part = Part(self._session, query or GraphQuery())
        part.has_moved()
        listener = Listener(send, part)
        with self._lock:
            self._listeners.append(listener)
        self._session.history.request("subscribe", wanted=True)
        return lambda: self._end(listener)

    def close(self) -> None:
        """Say goodbye and stop."""
        self._closing.set()
        self._unlisten()
        self._session.changed.set()
        self._thread.join(1.0)
        self._send(self._for_each(lambda _part: GONE))

    def _loop(self) -> None:
        while not self._closing.is_set():
            is_owed = bool(self._listeners) and self._backfill_rows.is_behind
            self._session.changed.wait(READ_EVERY_S if is_owed else None)
            if self._closing.is_set():
                return
            self._session.changed.clear()
            began = time.monotonic()
            if self._listeners:
                self._turn_safely()
            self._closing.wait(max(0.0, INTERVAL_S - (time.monotonic() - began)))

    def _turn_safely(self) -> None:
        try:
            self.turn()
        except Exception as error:  # noqa: BLE001 - the boundary: a screen must not end the thread that feeds it
            self.last_error = error
            self._session.changed.set()  # what was not told is told at the next turn

    last_error: Exception | None = None
    has_extension = False
    """Whether our JupyterLab extension has asked something: it draws outputs itself, without a widget."""

    def turn(self) -> None:
        """Push what changed since the last turn."""
        moved = self._session.take_history_change()
        if moved:
            self._session.refresh()
            self._session.changed.clear()
            self._standing.forget_queue()
            self._automation.history_moved()
            self._backfill_rows.history_moved()
        version = self._session.registry.version
        if version != self._version:
            status_version, _ = self._standing.statuses.moved_since(self._status_version)
            snapshot, seq = self._snapshot(self._automation.whole(), GraphQuery()), self._seq + 1
            pushes = self._for_each(lambda part: self._graph_push(part, snapshot, seq))
            self._version, self._status_version = version, status_version
            self._runs = {row["run_id"]: row for row in snapshot["runs"]}
            self._seq, self._queue = seq, snapshot["queue"]
            self._backfills = _by_id(snapshot["backfills"])
            self._send(pushes)
            return
        self._push_differences(self._standing.runs_of_others() if moved else [])

    def _push_differences(self, runs_of_others: list[dict[str, Any]]) -> None:
        queue = self._standing.queue()
        runs = {row["run_id"]: row for row in [*runs_of_others, *self._standing.live_runs()]}
        status_version, status = self._standing.statuses.moved_since(self._status_version)
        moved_runs = [row for run_id, row in runs.items() if self._runs.get(run_id) != row]
        automation, backfills = self._automation.change(), _by_id(self._backfill_rows.newest())
        moved_backfills = [row for name, row in backfills.items() if self._backfills.get(name) != row]
        if not (status or moved_runs or moved_backfills) and queue == self._queue and automation is None:
            return
        told = {"push": "status", "seq": self._seq + 1, "runs": moved_runs, "queue": queue}
        if automation is not None:
            told["automation"] = automation
        if moved_backfills:
            told["backfills"] = moved_backfills
        pushes = self._for_each(lambda part: self._status_push(part, told, status))
        self._status_version, self._queue, self._backfills = status_version, queue, backfills
        self._runs.update(runs)
        self._seq += 1
        self._send(pushes)

    def _status_push(self, part: Part, told: dict[str, Any], status: Mapping[str, Any]) -> dict[str, Any]:
        """Return what one screen is told of statuses that moved; where that moves its selection, its graph too."""
        if status and part.has_moved():
            return self._graph_push(part, self.snapshot(), told["seq"])
        return {**told, "status": part.narrowed(status)}

    def _graph_push(self, part: Part, whole: dict[str, Any], seq: int) -> dict[str, Any]:
        snapshot = whole if part.is_all else part.snapshot(whole, self._views)
        return {"push": "graph", "seq": seq, "snapshot": snapshot}

    def _settings_changed(self, _fields: Mapping[str, Any]) -> None:
        self._standing.forget_queue()
        self._session.changed.set()

    def _for_each(self, push_for: Callable[[Part], dict[str, Any]]) -> list[tuple[Listener, dict[str, Any]]]:
        with self._lock:
            listeners = list(self._listeners)
        return [(listener, push_for(listener.part)) for listener in listeners]

    def _send(self, pushes: list[tuple[Listener, dict[str, Any]]]) -> None:
        for listener, push in pushes:
            try:
                listener.send(push)
            except Exception as error:  # noqa: BLE001 - the boundary: one screen that is gone must not cost the others
                self.last_error = error
                self._end(listener)

    def _end(self, listener: Listener) -> None:
        with self._lock:
            if listener in self._listeners:
                self._listeners.remove(listener)


def _by_id(rows: list[dict[str, Any]]) -> dict[str, Any]:
    return {row["backfill_id"]: row for row in rows}
