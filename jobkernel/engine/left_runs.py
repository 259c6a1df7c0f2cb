"""Runs that a dead kernel of this notebook left, and that are to be tried again: taken up once what they ran is here.

A run needs a kernel that has its definitions, so each definition is a reason to look again. The project's history gives
each retry to one kernel. Knows no screens; the session makes it and tells it of definitions.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from jobkernel.clock import Clock
from jobkernel.engine.again import Retrying
from jobkernel.engine.deadlines import Timer
from jobkernel.errors import JobkernelError
from jobkernel.rules import run_retries as rules
from jobkernel.rules.plan import Plan
from jobkernel.storage.history import History

KEPT_S: Final = 24 * 3600.0
"""How long after its kernel's death a run may still be tried again."""
SETTLED_S: Final = 1.0
"""How long after the last definition: cells that run one after another define one after another."""


class LeftRuns:
    """The runs of one notebook that were left; safe from any thread."""

    def __init__(self, history: History, clock: Clock, timer: Timer, notebook: str | None, retrying: Retrying) -> None:
        self._history = history
        self._clock = clock
        self._timer = timer
        self._notebook = notebook
        self._retrying = retrying
        self._lock = threading.Lock()  # protects _due, _news, _call_off
        self._taking = threading.Lock()  # one look at a time
        self._due: list[str] = []
        self._news: list[str] = []
        self._call_off: Callable[[], None] = lambda: None
        self._unlisten: Callable[[], object] | None = None

    @property
    def waiting(self) -> tuple[str, ...]:
        """The runs that may still be taken up here."""
        return tuple(self._due)

    def begin(self) -> None:
        """Take up what was left, from now on."""
        if self._notebook is None:
            return
        self._unlisten = self._history.listen("left_runs", lambda fields: self._left(fields["run_ids"]))
        since_us = self._clock.now_us() - int(KEPT_S * 1e6)
        found = self._history.query("left_runs", notebook=self._notebook, since_us=since_us)
        self._left(row["run_id"] for row in found)

    def close(self) -> None:
        """Take up nothing more."""
        with self._lock:
            self._due.clear()
            self._call_off()
        if self._unlisten is not None:
            self._unlisten()

    def defined(self) -> None:
        """Look again soon: something was defined."""
        with self._lock:
            if self._due:
                self._call_off()
                self._call_off = self._timer.watch(SETTLED_S, self._look_aside)

    def take_news(self) -> list[str]:
        """Return a sentence for each run that was taken up since this was last asked."""
        with self._lock:
            news, self._news = self._news, []
        return news

    def _left(self, run_ids: Iterable[str]) -> None:
        with self._lock:
            self._due += [run_id for run_id in run_ids if run_id not in self._due]
        self.defined()

    def _look_aside(self) -> None:
        threading.Thread(target=self._look, name="jobkernel-left-runs", daemon=True).start()

    def _look(self) -> None:
        with self._taking:
            for run_id in list(self._due):
                try:
                    is_settled = self._taken_up(run_id)
                except JobkernelError:  # not all that it needs is defined, or the history is away: at the next chance
                    continue
                with self._lock:
                    if is_settled and run_id in self._due:
                        self._due.remove(run_id)

    def _taken_up(self, run_id: str) -> bool:
        """Launch the retry of a run, if it is this kernel's; return whether there is nothing more to do about it."""
        row = self._retrying.row(run_id)
        plan, from_failure = self._plan(row)
        claim = self._history.request("claim_retry", run_id=run_id)
        if claim is None:
            return True
        self._retrying.launch(row, plan, from_failure, claim["run_id"], claim["number"])
        with self._lock:
            self._news.append(
                f"Run {run_id[:8]}, whose kernel died, is tried again as run {claim['run_id'][:8]}, in the background."
            )
        return True

    def _plan(self, row: Mapping[str, Any]) -> tuple[Plan, bool]:
        """Return the plan of what is left where that can be run, else of all, and which of them it is."""
        if rules.strategy(row["tags"] or {})[0] != "ALL_STEPS":
            try:
                return self._retrying.plan(row, from_failure=True), True
            except JobkernelError:  # what the steps before had made went with the kernel, or all of them had ended
                pass
        return self._retrying.plan(row, from_failure=False), False
