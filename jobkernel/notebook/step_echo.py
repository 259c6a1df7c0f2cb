"""What steps of a foreground run print, shown in the cell that waits for them: by that cell's own thread, in order.

Steps hand lines over as they write them; nothing is shown from their threads. What is more than a person reads in a
cell is left to ``%logs``.
"""

from __future__ import annotations

import sys
import threading
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any, Final

from IPython.display import publish_display_data

from jobkernel.executors.step_output import SHARE, OutputLine
from jobkernel.rules.asset_plan import shown_key
from jobkernel.rules.plan import Plan

SHOWN_LINES: Final = 500
"""So many lines of one step are shown in the cell; what follows is left to its log."""
_LOUD: Final = frozenset({"stderr", "WARNING", "ERROR", "CRITICAL"})
QUIET: Final = _LOUD | {"stdout", "display"}
"""What is shown of steps where the cell says ``--quiet``."""
SHOWN: Final = QUIET | {"INFO"}
"""What is shown of steps; what is logged for debugging is left to ``%logs``."""
_STREAMS: Final = frozenset({"stdout", "stderr", "display"})


class StepEcho:
    """Takes lines from steps and shows those of the ``levels`` when asked to."""

    def __init__(self, plan: Plan, levels: frozenset[str] = SHOWN) -> None:
        self._plan = plan
        self._levels = levels
        self._lock = threading.Lock()  # protects the three below
        self._waiting: deque[tuple[str, OutputLine | None]] = deque()  # None: more came than is shown
        self._taken: dict[str, int] = {}
        self._pictures: set[str] = set()

    def take(self, step_key: str, lines: Sequence[OutputLine]) -> None:
        """Take new lines of a step; called on any thread."""
        told = [(step_key, line) for line in lines if line.level in self._levels]
        with self._lock:
            before = self._taken.get(step_key, 0)
            self._taken[step_key] = before + len(told)
            shown = told[: max(0, SHOWN_LINES - before)]
            self._waiting.extend(shown)
            self._pictures.update(line.data["image/png"] for _, line in shown if line.data and "image/png" in line.data)
            if before <= SHOWN_LINES < before + len(told):
                self._waiting.append((step_key, None))

    def has_picture(self, preview: Mapping[str, Any] | None) -> bool:
        """Whether a value's preview is a picture that a step displayed in this cell already."""
        data = str(preview["data"]) if preview is not None and preview.get("form") == "image" else ""
        with self._lock:
            return data.removeprefix("data:image/png;base64,") in self._pictures

    def show(self, run_id: str) -> None:
        """Show what came since the last time, on this thread; ``run_id`` is for where the rest is."""
        with self._lock:
            waiting = list(self._waiting)
            self._waiting.clear()
        for step_key, line in waiting:
            if line is None:
                where = f"%logs {run_id[:8]} {step_key}"
                sys.stdout.write(f"… more lines are in {where} (its first and last {SHARE // 1_000_000} MB)\n")
            else:
                self._show(step_key, line)

    def _show(self, step_key: str, line: OutputLine) -> None:
        if line.shown and _is_more_than_text(line.shown):
            _display(line.shown)
            return
        stream = sys.stderr if line.level in _LOUD else sys.stdout
        who = f"{shown_key(self._plan, step_key)}: " if len(self._plan.steps) > 1 else ""
        level = "" if line.level in _STREAMS else f"{line.level} "
        stream.write(f"{who}{level}{line.text}\n")


def _is_more_than_text(shown: Mapping[str, Any]) -> bool:
    return bool(set(shown["data"]) - {"text/plain"} or shown.get("transient") or shown.get("update"))


def _display(shown: Mapping[str, Any]) -> None:
    """Display what a step displayed, as the step did: widgets and updates of earlier displays included."""
    told = {"update": True} if shown.get("update") else {}
    publish_display_data(shown["data"], shown.get("metadata") or {}, transient=shown.get("transient") or {}, **told)
