"""Looks of sensors that find the same nothing again: their ticks launch nothing, so they are kept once a minute.

Each is a tick like any other, only written later: together, and before this kernel reads ticks. Called by ``looks``.
"""

from __future__ import annotations

import threading
from typing import Any, Final

from jobkernel.engine.drafts import Draft
from jobkernel.engine.watched import instant
from jobkernel.model import events as ev
from jobkernel.model.events import Event
from jobkernel.storage.history import History

KEPT_AFTER_US: Final = 60_000_000
"""A kernel that is killed loses so much of looks that found nothing new, at most."""
SAYS_SOMETHING: Final = ("requests", "new_cursor", "log", "beside", "origin_run_ids")


class QuietLooks:
    """The ticks that one kernel has not written yet. Safe from any thread."""

    def __init__(self, history: History) -> None:
        self._history = history
        self._lock = threading.Lock()  # protects _waiting, and the order in which ticks are written
        self._waiting: list[Event] = []

    def takes(self, draft: Draft) -> bool:
        """Whether a look found the same nothing as the one before it; then its tick is written later, unclaimed."""
        watched, tick = draft.watched, draft.tick
        nothing = None if watched.automation.is_schedule else nothing_of(tick)
        if nothing is None or watched.nothing != nothing:
            return False
        body = {name: value for name, value in tick.items() if name not in ("status", "token", "keeps_keys")}
        evaluated_us = tick["evaluated_us"]
        with self._lock:
            self._waiting.append(Event(ev.TICK_SKIPPED, None, None, evaluated_us, body))
        watched.evaluated_at, watched.evaluated_by = instant(evaluated_us), tick["token"]
        self.write_old(evaluated_us)
        return True

    def write_old(self, now_us: int) -> None:
        """Write what has waited long enough, if anything; soon is enough."""
        waiting = self._waiting
        if waiting and not 0 <= now_us - waiting[0].occurred_at < KEPT_AFTER_US:
            self._emit()

    def write(self) -> None:
        """Write what waits; it is in the history when this returns. Raises as a flush does."""
        if self._emit():
            self._history.flush()

    def _emit(self) -> bool:
        with self._lock:
            waiting, self._waiting = self._waiting, []
            self._history.emit_many(waiting)
        return bool(waiting)


def nothing_of(tick: dict[str, Any]) -> tuple[str | None, str | None] | None:
    """Return what a tick found that says no more than that it is skipped: its reason and cursor; else None."""
    if tick["status"] != "SKIPPED" or any(tick.get(name) for name in SAYS_SOMETHING):
        return None
    return tick.get("skip_reason"), tick.get("cursor")
