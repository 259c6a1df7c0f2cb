"""What steps of a foreground run print, shown in the cell that waits for them: by that cell's own thread, in order.

Steps hand lines over as they write them; nothing is shown from their threads. What comes faster than a cell can take
is left to ``%logs``.
"""

from __future__ import annotations

import sys
import threading
from collections import deque
from collections.abc import Sequence
from typing import Final

from IPython.display import display

from jobkernel.executors.step_output import OutputLine
from jobkernel.notebook.views import shown_key
from jobkernel.rules.plan import Plan

AT_ONCE: Final = 2_000
"""So many lines may wait to be shown; older ones are left out."""
_LOUD: Final = frozenset({"stderr", "WARNING", "ERROR", "CRITICAL"})
_SHOWN: Final = _LOUD | {"stdout", "display"}


class StepEcho:
    """Takes lines from steps and shows them when asked to."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._lock = threading.Lock()  # protects the two below
        self._waiting: deque[tuple[str, OutputLine]] = deque(maxlen=AT_ONCE)
        self._left_out = 0

    def take(self, step_key: str, lines: Sequence[OutputLine]) -> None:
        """Take new lines of a step; called on any thread."""
        told = [(step_key, line) for line in lines if line.level in _SHOWN]
        with self._lock:
            self._left_out += max(0, len(self._waiting) + len(told) - AT_ONCE)
            self._waiting.extend(told)

    def show(self) -> None:
        """Show what came since the last time, on this thread."""
        with self._lock:
            waiting, left_out = list(self._waiting), self._left_out
            self._waiting.clear()
            self._left_out = 0
        if left_out:
            sys.stdout.write(f"… {left_out:,} lines are left out here; %logs has them.\n")
        for step_key, line in waiting:
            self._show(step_key, line)

    def _show(self, step_key: str, line: OutputLine) -> None:
        if line.data:
            display({"text/plain": line.text, **line.data}, raw=True)
            return
        stream = sys.stderr if line.level in _LOUD else sys.stdout
        who = f"{shown_key(self._plan, step_key)}: " if len(self._plan.steps) > 1 else ""
        stream.write(f"{who}{line.text}\n")
