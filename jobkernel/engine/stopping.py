"""Stops steps in flight: interrupts them, and gives up those that do not stop, so that their run can go on or end.

Knows one run by what it must touch of it; the run says when: a timeout, a forced cancel, a longest time.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from jobkernel.engine.run_setup import LiveStep
from jobkernel.errors import RunTimedOut, StepTimedOut
from jobkernel.executors.call import timed_out
from jobkernel.executors.step import failed_step
from jobkernel.records import dataclass

if TYPE_CHECKING:
    from jobkernel.engine.run import ActiveRun

GRACE_S: Final = 2.0
"""How long a step may take to stop after its timeout, before it is abandoned."""
FORCED_GRACE_S: Final = 5.0
"""How long a step may take to stop after a forced cancel, before it is abandoned."""
LAST_S: Final = 0.5
"""How long a run may take to end whose steps have been given up."""


@dataclass(frozen=True, slots=True)
class Stopping:
    """How the steps of one run are stopped. Safe from any thread."""

    run: ActiveRun

    def watch_runtime(self) -> Callable[[], None]:
        """Cancel the run when it takes longer than it may; return what calls that off."""
        seconds = self.run.setup.max_runtime
        if seconds is None:
            return lambda: None
        error = RunTimedOut(f"The run took longer than {seconds:g} s (dagster/max_runtime).")
        late = partial(self.run.cancel, forced=True, because=error)
        # not on the thread of the deadlines: to cancel is to wait for steps' locks
        return self.run.setup.deadlines.watch(seconds, partial(_aside, late))

    def watch_step(self, live: LiveStep) -> None:
        """Stop a step that takes longer than its timeout."""
        if live.step.timeout is not None:
            seconds = live.step.timeout.total_seconds()
            live.call_off = self.run.setup.deadlines.watch(seconds, partial(self._overdue, live))

    def interrupt(self, live: LiveStep) -> None:
        """Interrupt a step, unless its thread is done with it: it must not be interrupted in its next one."""
        with self.run.lock:
            if self.run.is_in_flight(live):
                self.run.setup.runner_of(live.step).interrupt(live.call, live.thread_id)

    def force(self, live: LiveStep) -> None:
        """Interrupt a step, and give it up where that does not stop it and another thread can go on without it."""
        self.interrupt(live)
        workers = self.run.workers
        if workers is not None:
            give_up = partial(workers.submit, partial(self.abandon, live))
            self.run.setup.deadlines.watch(FORCED_GRACE_S, give_up)

    def abandon(self, live: LiveStep) -> None:
        """Give a step up: its output is dropped, its thread lost to the pool, and the run may end."""
        with self.run.lock:
            if not self.run.is_in_flight(live):
                return
            self._forget(live)
            self.run.leave_behind(live, "it did not stop and was abandoned; its output is dropped")
            if self.run.workers is not None:
                self.run.workers.grow(1)
        self.run.step_is_over(live.step)

    def thread_is_back(self, live: LiveStep) -> None:
        """Note that the thread of a step that was given up has returned from it."""
        if self.run.notes.lost.pop(live.thread_id, None) is not None:
            self.run.setup.on_change(self.run)

    def _overdue(self, live: LiveStep) -> None:
        """Ask a step that took too long to stop; give it up where it does not."""
        error = timed_out(live.step)
        live.call.cancel.request(forced=True, because=error)
        self.interrupt(live)
        if self.run.workers is not None:  # where steps run on the caller's thread, nobody else could go on
            live.call_off = self.run.setup.deadlines.watch(GRACE_S, partial(self._replace_worker, live, error))

    def _replace_worker(self, live: LiveStep, error: StepTimedOut) -> None:
        workers = self.run.workers
        assert workers is not None
        if self.run.is_in_flight(live):
            workers.grow(1)
            workers.submit(partial(self._fail_abandoned, live, error))

    def _fail_abandoned(self, live: LiveStep, error: StepTimedOut) -> None:
        with self.run.lock:
            if not self.run.is_in_flight(live):
                return
            given_up, live = live, replace(live, call=replace(live.call))
            self.run.in_flight[live.step.key] = live  # what the lost thread still brings is not for this one
            self._forget(given_up)
        seconds = (self.run.setup.clock.now_us() - live.started_at) / 1e6
        self.run.ended_step(live, failed_step(live.call, error, seconds))
        self.run.work_on()

    def _forget(self, live: LiveStep) -> None:
        """Drop whatever the attempt still makes and says. Called under the lock."""
        live.call.is_abandoned = True
        live.call.emit = _unheard
        self.run.notes.lost[live.thread_id] = live.step.key


def end_or_abandon(runs: Iterable[ActiveRun], seconds: float) -> None:
    """Wait a moment for runs that were canceled, and abandon the steps that do not stop: each run must have its end."""
    deadline = time.monotonic() + seconds
    for run in runs:
        if run.wait(max(0.0, deadline - time.monotonic())):
            continue
        for key in list(run.in_flight):
            run.abandon(key)
        run.wait(LAST_S)


def _unheard(event_type: str, body: dict[str, Any] | None = None) -> None:
    """Take what an abandoned step says, and forget it."""


def _aside(work: Callable[[], None]) -> None:
    threading.Thread(target=work, name="jobkernel-overtime", daemon=True).start()
