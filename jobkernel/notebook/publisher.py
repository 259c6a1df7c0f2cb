"""Tell screens what changed, at most ten times a second, from one thread: topology once, then differences.

Owns the widget models of a notebook and what they were told last. Knows no requests.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, Final

from jobkernel.notebook.graph_view import GraphQuery, GraphViews
from jobkernel.notebook.kernel import NotebookKernel
from jobkernel.notebook.requests import Requests
from jobkernel.notebook.snapshot import Standing

INTERVAL_S: Final = 0.1
GONE: Final = {"push": "gone", "reason": "jobkernel was unloaded."}
Send = Callable[[dict[str, Any]], None]


class Publisher:
    """Watches a session and pushes what changed to everybody who listens."""

    def __init__(self, kernel: NotebookKernel) -> None:
        self._session = kernel.session
        self._standing = Standing(kernel.session)
        self._views = GraphViews(kernel.session)
        self._lock = threading.Lock()  # protects _listeners
        self._listeners: list[Send] = []
        self._seq = 0
        self._version = -1
        self._status_version = -1
        self._runs: dict[str, Any] = {}
        self._queue: dict[str, Any] = {}
        self._unlisten = kernel.session.history.listen("settings", self._settings_changed)
        self._closing = threading.Event()
        self.requests = Requests(kernel.session, self._standing, self._views, lambda: self._seq)
        self._thread = threading.Thread(target=self._loop, name="jobkernel-publisher", daemon=True)
        self._thread.start()

    def snapshot(self, query: GraphQuery | None = None) -> dict[str, Any]:
        """Return the protocol's ``Snapshot`` of now."""
        return self._standing.snapshot(self._views, query or GraphQuery(), self._seq)

    def graph(self, query: GraphQuery) -> dict[str, Any]:
        """Return the protocol's ``Graph`` for a query."""
        return self._views.view(query)

    def listen(self, send: Send) -> Callable[[], None]:
        """Send every push to ``send`` from now on, on the publisher's thread; return what ends that."""
        with self._lock:
            self._listeners.append(send)
        self._session.history.request("subscribe", wanted=True)

        def end() -> None:
            with self._lock:
                if send in self._listeners:
                    self._listeners.remove(send)

        return end

    def close(self) -> None:
        """Say goodbye and stop."""
        self._closing.set()
        self._unlisten()
        self._session.changed.set()
        self._thread.join(1.0)
        self._push(GONE)

    def _loop(self) -> None:
        while not self._closing.is_set():
            self._session.changed.wait()
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
        version = self._session.registry.version
        if version != self._version:
            status_version, _ = self._standing.statuses.moved_since(self._status_version)
            snapshot = self.snapshot()
            self._seq += 1
            self._version, self._status_version = version, status_version
            self._runs = {row["run_id"]: row for row in snapshot["runs"]}
            self._queue = snapshot["queue"]
            self._push({"push": "graph", "seq": self._seq, "snapshot": snapshot})
            return
        self._push_differences(self._standing.runs_of_others() if moved else [])

    def _push_differences(self, runs_of_others: list[dict[str, Any]]) -> None:
        queue = self._standing.queue()
        runs = {row["run_id"]: row for row in [*runs_of_others, *self._standing.live_runs()]}
        status_version, status = self._standing.statuses.moved_since(self._status_version)
        moved_runs = [row for run_id, row in runs.items() if self._runs.get(run_id) != row]
        if not status and not moved_runs and queue == self._queue:
            return
        self._status_version, self._queue = status_version, queue
        self._runs.update(runs)
        self._seq += 1
        self._push({"push": "status", "seq": self._seq, "status": status, "runs": moved_runs, "queue": queue})

    def _settings_changed(self, _fields: Mapping[str, Any]) -> None:
        self._standing.forget_queue()
        self._session.changed.set()

    def _push(self, push: dict[str, Any]) -> None:
        with self._lock:
            listeners = list(self._listeners)
        for send in listeners:
            try:
                send(push)
            except Exception as error:  # noqa: BLE001 - the boundary: one screen that is gone must not cost the others
                self.last_error = error
                with self._lock:
                    self._listeners.remove(send)
