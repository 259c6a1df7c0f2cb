"""What screens are told of schedules and sensors: all of it once, then only what differs.

Owns what was told last. Rows come from ``automation_rows``; the pin and what a restarted kernel lacks from the kernel.
"""

from __future__ import annotations

import threading
from typing import Any

from jobkernel.errors import JobkernelError
from jobkernel.notebook.automation_rows import AutomationRows, Row, strip_of
from jobkernel.notebook.kernel import NotebookKernel
from jobkernel.notebook.pinning import has_moved_on, is_live, pin_words
from jobkernel.notebook.restoring import unrun_definitions
from jobkernel.storage import pins
from jobkernel.storage.pins import Pin

LAG_SHOWN_S = 0.1
"""A scheduler that was less late than this was on time."""


class AutomationStanding:
    """The present state of one kernel's automation, as screens show it."""

    def __init__(self, kernel: NotebookKernel) -> None:
        self._kernel = kernel
        self._session = kernel.session
        self._rows = AutomationRows(kernel.session)
        self._lock = threading.RLock()  # protects all below, and the rows
        self._told: dict[str, Row] = {}
        self._around: dict[str, Any] = {}
        self._is_behind = False
        self._moved_on: tuple[Any, bool] = (None, False)
        self._unrun: tuple[Any, list[str]] = (None, [])

    def now(self) -> dict[str, Any]:
        """Return the protocol's ``Automation``."""
        with self._lock:
            self._rows.read()
            rows = [{**row, "strip": self._rows.strip(name)} for name, row in self._rows.rows().items()]
            return {"rows": rows, **self._surroundings()}

    def whole(self) -> dict[str, Any]:
        """Return the same, and count changes from here."""
        with self._lock:
            found = self.now()
            self._told = {row["name"]: {**row} for row in found["rows"]}
            for row in self._told.values():
                del row["strip"]
            self._around = {word: value for word, value in found.items() if word != "rows"}
            self._rows.take_marks()
            return found

    def history_moved(self) -> None:
        """Have the history asked for new ticks at the next change."""
        self._is_behind = True

    def change(self) -> dict[str, Any] | None:
        """Return the protocol's ``AutomationChange`` since it was last told; None where there is none."""
        with self._lock:
            if self._is_behind:
                self._rows.read()
                self._is_behind = False
            rows, around, marks = self._rows.rows(), self._surroundings(), self._rows.take_marks()
            changed = [found for name, row in rows.items() if (found := self._changed(name, row, marks.get(name)))]
            moved = {word: value for word, value in around.items() if self._around.get(word) != value}
            self._told, self._around = rows, around
        return {"rows": changed, **moved} if changed or moved else None

    def _changed(self, name: str, row: Row, marks: dict[int, int] | None) -> Row | None:
        before = self._told.get(name, {})
        found = {field: value for field, value in row.items() if before.get(field, ...) != value}
        if marks:
            found["strip"] = strip_of(marks)
        return {"name": name, **found} if found else None

    def _surroundings(self) -> dict[str, Any]:
        return {"scheduler": self._scheduler(), "pin": self._pin(), "unrun": self._unrun_names()}

    def _scheduler(self) -> dict[str, Any]:
        automations = self._session.automations
        pulse = automations.pulse
        return {
            "alive": automations.is_alive,
            "lag_s": round(pulse.lag_s, 1) if pulse.lag_s >= LAG_SHOWN_S else 0.0,
            "jumped_at": None if pulse.jumped_at is None else round(pulse.jumped_at.timestamp() * 1000),
            "jump_s": round(pulse.jump.total_seconds()),
        }

    def _pin(self) -> dict[str, Any] | None:
        """Say that this notebook is pinned, and whether it has moved on since."""
        kernel, project = self._kernel, self._session.project
        known = pins.of_notebook(project, kernel.notebook) if project is not None and kernel.notebook else None
        if known is None:
            return None
        state = pins.state_of(known)
        moved_on = self._has_moved_on(known)
        return {
            "key": known.key,
            "state": state["state"],
            "automations": known.automations,
            "moved_on": moved_on,
            "text": pin_words(state, moved_on=moved_on, live=is_live(self._kernel, known)),
        }

    def _has_moved_on(self, known: Pin) -> bool:
        place = (known.pinned_us, self._session.registry.version, self._kernel.cell_number)
        if self._moved_on[0] != place:
            self._moved_on = (place, has_moved_on(self._kernel, known))
        return self._moved_on[1]

    def _unrun_names(self) -> list[str]:
        """Return what the history knows of this notebook and no cell has defined here; the history is asked rarely."""
        version = self._session.registry.version
        if self._unrun[0] != version and not self._kernel.is_passing:
            try:
                self._unrun = (version, unrun_definitions(self._kernel))
            except JobkernelError:
                return self._unrun[1]
        return self._unrun[1]
