"""Runs a failed run again as a whole, where its tags or the project's settings ask for it.

Decides while the failed run ends, so that its last event already says what follows; launches once that is durable, and
where the history is away, once it is back.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Mapping
from dataclasses import field
from typing import Any, Final

from jobkernel.engine.live_run import new_run_id
from jobkernel.engine.run import ActiveRun
from jobkernel.errors import HistoryError, JobkernelError
from jobkernel.executors.call import RunFacts
from jobkernel.model import events as ev
from jobkernel.model.events import Event
from jobkernel.model.run_tags import REASON_TAG, RETRY_NUMBER_TAG, RETRY_RUN_TAG, WILL_RETRY_TAG
from jobkernel.records import dataclass
from jobkernel.rules import run_retries as rules
from jobkernel.storage.history import History

_FIRST_S: Final = 0.2
_LONGEST_S: Final = 5.0
"""How long is waited, at first and at most, before a history that is away is asked again."""


@dataclass(slots=True)
class RunRetries:
    """The retries of one session's runs. ``again(run_id, new_run_id, from_failure, number)`` launches one."""

    history: History
    settings: Callable[[], Mapping[str, Any]]
    again: Callable[[str, str, bool, int], object]
    _planned: dict[str, tuple[str, int]] = field(default_factory=dict)
    _is_closed: threading.Event = field(default_factory=threading.Event)

    def at_failure(self, run: ActiveRun, reason: str) -> dict[str, str]:
        """Return the tags that a failing run gets: why it failed, and whether and as what it is retried."""
        facts, settings = run.setup.facts, self.settings()
        found = {REASON_TAG: reason}
        if rules.most_retries(facts.tags, settings["run_retries"]) <= 0:
            return found
        root = facts.root_run_id or facts.run_id
        so_far = self._retries_so_far(root, facts)
        if not rules.is_retried(
            facts.tags,
            reason,
            retries_so_far=so_far,
            default=settings["run_retries"],
            on_step_failure=settings["retry_on_asset_or_op_failure"],
        ):
            return {**found, WILL_RETRY_TAG: "false"}
        new = new_run_id()
        self._planned[facts.run_id] = (new, so_far + 1)
        return {**found, WILL_RETRY_TAG: "true", RETRY_RUN_TAG: new}

    def after(self, run: ActiveRun) -> None:
        """Launch the retry that was promised when the run failed."""
        planned = self._planned.pop(run.run_id, None)
        if planned is None:
            return
        new, number = planned
        how, complaint = rules.strategy(run.setup.facts.tags)
        if complaint is not None:
            self._say(run, complaint)

        def launch() -> bool:
            return self._launched(run, lambda: self.again(run.run_id, new, how != "ALL_STEPS", number))

        if not launch():
            name = f"jobkernel-late-retry-{run.run_id[:8]}"
            threading.Thread(target=self._launch_late, args=(launch,), name=name, daemon=True).start()

    def close(self) -> None:
        """Launch nothing more."""
        self._is_closed.set()

    def _launched(self, run: ActiveRun, launch: Callable[[], object]) -> bool:
        """Launch a retry; return whether that is settled, which it is not while the history is away."""
        try:
            launch()
        except HistoryError:
            return False
        except JobkernelError as error:
            self._say(run, f"The run was to be retried, but could not be: {error}")
        return True

    def _launch_late(self, launch: Callable[[], bool]) -> None:
        pause = _FIRST_S
        while not self._is_closed.wait(pause) and not launch():
            pause = min(pause * 2, _LONGEST_S)

    def _retries_so_far(self, root: str, facts: RunFacts) -> int:
        try:
            known = {row["run_id"] for row in self.history.query("runs_of_root", root_run_id=root)}
        except HistoryError:  # a history that is away must not keep a run from its end
            return int(facts.tags.get(RETRY_NUMBER_TAG, "0"))
        return len(known | {root, facts.run_id}) - 1

    def _say(self, run: ActiveRun, message: str) -> None:
        event = Event(ev.ENGINE_EVENT, run.run_id, None, run.setup.clock.now_us(), {"message": message})
        with contextlib.suppress(HistoryError):  # it is closed
            self.history.emit(event)
