"""A run's log as it grows: each line once, with the attempt that it belongs to, of a run of any kernel.

Asks the history through any client. Called by ``%logs`` and the command line.
"""

from __future__ import annotations

import time
from bisect import bisect_right
from collections.abc import Callable
from heapq import merge
from typing import Any, Final

from jobkernel.engine.live_run import ATTEMPT
from jobkernel.model.keys import shown_steps
from jobkernel.model.runs import RunStatus
from jobkernel.notebook.queue_view import waiting_of
from jobkernel.records import dataclass
from jobkernel.storage.history import History

LOOK_AGAIN_S: Final = 0.2
"""How long following waits where nothing came."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LogLine:
    """One line. ``at`` is its time (µs), ``attempt`` which one at the step it is of; the run's own have no step.

    A step is called by the asset that it makes, else by its key.
    """

    at: int
    step: str | None
    attempt: int
    level: str
    text: str

    @property
    def place(self) -> str:
        """The step, and the attempt where it is not the first."""
        return f"{self.step or ''}{f' (attempt {self.attempt})' if self.attempt > 1 else ''}"


class LogTail:
    """Reads a run's log, or one step's, from where the last reading ended."""

    def __init__(self, history: History, run_id: str, step_key: str | None = None) -> None:
        self._history = history
        self._run_id = run_id
        self._step_key = step_key
        self._after: dict[str | None, Any] = {}

    def more(self) -> list[LogLine]:
        """Return what came since the last time, in order, at most some 10 000 lines."""
        starts = self._starts()
        titles = shown_steps(self._row())
        found: list[list[LogLine]] = []
        for key in self._keys(starts):
            answer = self._history.request(
                "log_lines", run_id=self._run_id, step_key=key, after=self._after.get(key), timeout=120
            )
            self._after[key] = answer["after"]
            found.append([_line(each, starts, titles) for each in answer["lines"]])
        return list(merge(*found, key=lambda line: line.at))  # each part stays in its own order, whatever the clock did

    def follow(self, say: Callable[[LogLine], None], wait_for: Callable[[str], None]) -> str:
        """Say each line until the run has ended, and what it waits for while it is in the queue; return its status."""
        waits: str | None = None
        while True:
            row = self._row()
            lines = self.more()
            for line in lines:
                say(line)
            if row is not None and row["ended_at"] is not None and not lines:
                return str(row["status"])
            if row is not None and row["status"] == RunStatus.QUEUED:
                before, waits = waits, waiting_of(self._history, self._run_id)
                if waits is not None and waits != before:
                    wait_for(waits)
            if not lines:
                time.sleep(LOOK_AGAIN_S)

    def _row(self) -> dict[str, Any] | None:
        rows = self._history.query("run", run_id=self._run_id)
        return rows[0] if rows else None

    def _keys(self, starts: dict[str, list[int]]) -> list[str | None]:
        if self._step_key is None:
            return [None]
        later = range(2, len(starts.get(self._step_key, ())) + 1)
        return [self._step_key, *(f"{self._step_key}{ATTEMPT}{attempt}" for attempt in later)]

    def _starts(self) -> dict[str, list[int]]:
        """Return when each attempt at each step began, in order."""
        found: dict[str, list[int]] = {}
        for row in self._history.query("run_steps", run_id=self._run_id):
            if row["started_at"] is not None:
                found.setdefault(row["step_key"], []).append(row["started_at"])
        return found


def _line(told: dict[str, Any], starts: dict[str, list[int]], titles: dict[str, str]) -> LogLine:
    """Return a line; what was written says its attempt itself, what was logged is of the one that ran then."""
    key, _, number = (told["step_key"] or "").partition(ATTEMPT)
    at = told["occurred_at"]
    attempt = int(number) if number.isdigit() else max(1, bisect_right(starts.get(key, []), at))
    return LogLine(at=at, step=titles.get(key, key) or None, attempt=attempt, level=told["level"], text=told["message"])
