"""One run while it is alive: starts steps as soon as they may start, records what happens, ends once.

A worker that finishes a step takes the next ready one itself, so a chain costs no hand-over between threads. Knows
no registry and no screen; the session and ``in_process`` make runs.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial
from typing import Any

from jobkernel.engine.later_steps import LaterSteps
from jobkernel.engine.run_endings import canceled, first_events, verdict
from jobkernel.engine.run_notes import RunNotes
from jobkernel.engine.run_resources import RunResources
from jobkernel.engine.run_setup import LiveStep, RunSetup, Workers, call_of
from jobkernel.engine.slots import PoolSlots
from jobkernel.engine.stopping import Stopping
from jobkernel.executors.call import Ending, StepCall, StepOutcome
from jobkernel.executors.cancel import CancelToken
from jobkernel.executors.step import failed_step
from jobkernel.model import events as ev
from jobkernel.model.events import Event
from jobkernel.model.runs import RunStatus
from jobkernel.rules.plan import PlannedStep
from jobkernel.rules.ready_steps import ReadySteps
from jobkernel.rules.run_state import Advance, RunProgress


class ActiveRun:
    """A run from its start to its end. All its state is guarded by one lock."""

    def __init__(self, setup: RunSetup) -> None:
        self.setup = setup
        self.progress = RunProgress(setup.plan)
        self.status = RunStatus.NOT_STARTED
        self.error: BaseException | None = None
        self.first_failure: tuple[str, BaseException] | None = None
        self.errors_of_steps: dict[str, BaseException] = {}
        self.cancel_token = CancelToken()
        self.in_flight: dict[str, LiveStep] = {}
        self.finished_at: dict[str, int] = {}
        self.started_at: int | None = None
        self.ended = threading.Event()
        self.notes = RunNotes()
        self.lock = threading.RLock()  # protects progress, status, in_flight, and all that follows
        self._ready = ReadySteps(setup.tag_limits)
        self._slots = PoolSlots(setup.slots, setup.facts.run_id)
        self._attempts: dict[str, int] = {}
        self._later = LaterSteps()
        self._stopping = Stopping(self)
        self._resources = RunResources()
        self.workers: Workers | None = None
        self._busy = 0
        self._asked = 0
        self._is_ending = False
        self._wants_cancel = False
        self._call_off: Callable[[], None] = lambda: None

    @property
    def run_id(self) -> str:
        """The run's id."""
        return self.setup.facts.run_id

    def attempts_at(self, step_key: str) -> int:
        """Return how many attempts at a step have begun."""
        return self._attempts.get(step_key, 0)

    def is_in_flight(self, live: LiveStep) -> bool:
        """Whether this attempt is the one that counts: neither over nor given up."""
        return self.in_flight.get(live.step.key) is live

    def emit(self, event_type: str, body: dict[str, Any] | None = None, step_key: str | None = None) -> None:
        """Record that something happened in this run."""
        self.setup.emit(Event(event_type, self.run_id, step_key, self.setup.clock.now_us(), body))

    def run_here(self) -> None:
        """Run to the end on this thread, one step after another."""
        self._begin()
        while not self.ended.is_set():
            live = self._next_step()
            if live is None:
                if self._wait_for_retry():
                    continue
                break
            self._work(live)

    def start(self, workers: Workers) -> None:
        """Run on the threads of ``workers``; returns at once."""
        self.workers = workers
        workers.submit(self._begin_on_worker)

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until the run has ended; return whether it has."""
        return self.ended.wait(timeout)

    def cancel(self, *, forced: bool = False, by: str | None = None, because: Exception | None = None) -> None:
        """Ask the run to stop; ``forced`` interrupts its steps. It then fails with ``because``. Returns at once."""
        with self.lock:
            if self.status.is_final or self._is_ending:
                return
            if self.status is not RunStatus.CANCELING:
                self.status = RunStatus.CANCELING
                self.error = because
                reason = {"reason": str(because)} if because is not None else {}
                self.emit(ev.RUN_CANCELING, {"forced": forced, "by": by, **reason})
            self._ready.clear()
            unwanted = self._slots.give_up()
            self.notes.clear()
            self._later.call_off()
            for key in self.progress.waiting():
                self._cancel_step(key, "the run was canceled")
            self._later.clear()
            flying = list(self.in_flight.values())
        self.cancel_token.request(forced=forced)
        for step in unwanted:
            self._slots.give_back(step)
        for live in flying:
            live.call.cancel.request(forced=forced)
            if forced:
                self._stopping.force(live)
        self._end_if_over()

    def abandon(self, step_key: str) -> None:
        """Give up on a step that will not stop: its output is dropped and the run may end."""
        live = self.in_flight.get(step_key)
        if live is not None:
            self._stopping.abandon(live)

    def leave_behind(self, live: LiveStep, reason: str) -> None:
        """Go on without a step that will not stop. Called under the lock."""
        del self.in_flight[live.step.key]
        self._busy -= 1
        self._ready.ended(live.step)
        self._cancel_step(live.step.key, reason)

    def step_is_over(self, step: PlannedStep) -> None:
        """Give a step's slot back, and end the run where that was its last step."""
        self._release_slot(step)
        self._end_if_over()

    def _begin_on_worker(self) -> None:
        self._begin()
        self.work_on()

    def _begin(self) -> None:
        with self.lock:
            if self.status is not RunStatus.NOT_STARTED:
                return
            self.status = RunStatus.STARTED
            self.started_at = self.setup.clock.now_us()
            self._call_off = self._stopping.watch_runtime()
            self._busy += 1  # while resources open, a cancel may not end the run under them
        for event_type, body, step_key in first_events(self.setup):
            self.emit(event_type, body, step_key)
        error = self._resources.open(self.setup, self.progress, self.emit)
        with self.lock:
            self._busy -= 1
            if self.status is RunStatus.STARTED:
                self.error = error
                lost = "its resources did not open"
                self._follow(self.progress.begin() if error is None else self.progress.given_up(lost))
        self._end_if_over()

    def work_on(self) -> None:
        """Take ready steps until there are none for this thread, or others wait for it."""
        while (live := self._next_step()) is not None:
            self._work(live)
            if self.workers is not None and self.workers.has_waiting_work:
                self.workers.submit(self.work_on)
                return

    def _help(self) -> None:
        with self.lock:
            self._asked -= 1
        self.work_on()

    def _next_step(self) -> LiveStep | None:
        while True:
            with self.lock:
                if self.status is not RunStatus.STARTED or self._busy >= self.setup.max_workers:
                    return None
                step = self._ready.take()
                if step is None:
                    return None
                self._busy += 1
                if not self._slots.is_wanting(step):
                    return self._started(step)
            self._claim_slot(step)

    def _started(self, step: PlannedStep) -> LiveStep:
        """Note that a step is being tried. Called under the lock."""
        attempt = self._attempts[step.key] = self._attempts.get(step.key, 0) + 1
        call = self._call(step, attempt)
        self.progress.started(step.key)
        live = self.in_flight[step.key] = LiveStep(self.setup.clock.now_us(), threading.get_ident(), call)
        self._call_helpers()
        return live

    def _claim_slot(self, step: PlannedStep) -> None:
        """Ask for a slot of the step's pool; the step goes back to the ready ones as soon as it has one."""
        waits_for = self._slots.claim(step)
        with self.lock:
            self._busy -= 1
            self._ready.ended(step)
            is_wanted = self._slots.is_known(step.key)
            if waits_for is not None and self._slots.is_awaited(step.key):
                self.notes.waits[step.key] = waits_for
                self.emit(ev.ENGINE_EVENT, {"message": f"Step '{step.key}' waits: {waits_for}."}, step.key)
        if not is_wanted:  # the run was canceled meanwhile
            self._slots.give_back(step)
        elif waits_for is None:
            self.slot_granted(step.key)
        else:
            self.setup.on_change(self)
        self._end_if_over()

    def slot_granted(self, step_key: str) -> None:
        """Note that a step has a slot of its pool now."""
        with self.lock:
            step = self._slots.granted(step_key)
            self.notes.waits.pop(step_key, None)
            if step is not None:
                self._ready.add([step])
                self._call_helpers()

    def _release_slot(self, step: PlannedStep) -> None:
        if step.op.pool is not None:
            with self.lock:
                had = self._slots.has_ended(step.key)
            if had:
                self._slots.give_back(step)

    def _call_helpers(self, taken_here: int = 0) -> None:
        """Ask for one more thread for each step that could run now, but for those that this thread takes next."""
        if self.workers is None:
            return
        for _ in range(min(len(self._ready), self.setup.max_workers - self._busy) - self._asked - taken_here):
            self._asked += 1
            self.workers.submit(self._help)

    def _call(self, step: PlannedStep, attempt: int) -> StepCall:
        assert self._resources.exchange is not None
        return call_of(
            self.setup,
            step,
            attempt,
            exchange=self._resources.exchange,
            resources=self._resources.by_key,
            cancel=self.cancel_token if step.timeout is None else CancelToken(),
            on_start=partial(self._watch_step, step.key) if step.timeout is not None else None,
            on_progress=self._note_progress,
        )

    def _watch_step(self, key: str) -> None:
        live = self.in_flight.get(key)
        if live is not None:
            self._stopping.watch_step(live)

    def _note_progress(self, key: str, body: dict[str, Any] | None) -> None:
        live = self.in_flight.get(key)
        if live is not None:
            live.progress = body
            self.setup.on_change(self)

    def _work(self, live: LiveStep) -> None:
        self.setup.on_change(self)
        try:
            with self.setup.output_of(live.step, live.call.attempt) as output:
                live.call.fingerprint = self.setup.fingerprint(live.step) if live.step.asset_keys else None
                outcome = self.setup.runner_of(live.step).run(live.call, output)
        except BaseException as error:  # noqa: BLE001 - whatever goes wrong around a step ends the step, not the thread
            outcome = failed_step(live.call, error, (self.setup.clock.now_us() - live.started_at) / 1e6)
        live.call_off()
        self.ended_step(live, outcome)

    def ended_step(self, live: LiveStep, outcome: StepOutcome) -> None:
        step = live.step
        with self.lock:
            if not self.is_in_flight(live):
                self._stopping.thread_is_back(live)
                return  # abandoned meanwhile: its output is dropped
            del self.in_flight[step.key]
            self._busy -= 1
            self.finished_at[step.key] = self.setup.clock.now_us()
            self._ready.ended(step)
            self._record(step, outcome)
            wants_cancel, self._wants_cancel = self._wants_cancel, False
        self._release_slot(step)
        self.setup.on_change(self)
        if wants_cancel:
            self.cancel()
        self._end_if_over()

    def _record(self, step: PlannedStep, outcome: StepOutcome) -> None:
        match outcome.ending:
            case Ending.SUCCESS:
                self._follow(self.progress.succeeded(step.key, outcome.made, outcome.mapping_keys))
            case Ending.FAILURE:
                assert outcome.error is not None
                self.first_failure = self.first_failure or (step.key, outcome.error)
                self.errors_of_steps[step.key] = outcome.error
                self._follow(self.progress.failed(step.key))
            case Ending.CANCELED:
                self._cancel_step(step.key, "stopped")
                self._wants_cancel = True  # the step was interrupted from outside: so is the run
            case Ending.RETRY if self.status is RunStatus.STARTED:
                self.progress.retried(step.key)
                self._retry_later(step, outcome.delay)
            case Ending.RETRY:
                self._cancel_step(step.key, "the run was canceled")

    def _cancel_step(self, key: str, reason: str) -> None:
        if self.progress.statuses[key].is_final:
            return
        self.emit(ev.STEP_CANCELED, {"reason": reason, "attempt": self._attempts.get(key, 0)}, key)
        self._follow(self.progress.canceled(key))

    def _retry_later(self, step: PlannedStep, delay: float) -> None:
        if delay <= 0:
            self._ready.add([step])
            self._call_helpers()
            return
        self.notes.retries[step.key] = self.setup.clock.now_us() + int(delay * 1e6)
        self._later.put(step, self.setup.deadlines.watch(delay, partial(self._retry_now, step)))

    def _retry_now(self, step: PlannedStep) -> None:
        with self.lock:
            if not self._later.take(step):
                return
            self.notes.retries.pop(step.key, None)
            self._ready.add([step])
            self._call_helpers()

    def _wait_for_retry(self) -> bool:
        """Wait until a step is to be tried again; return whether there is anything to go on with."""
        with self.lock:
            if not self._later.expect():
                return bool(self._ready)
        self._later.wait()
        return True

    def _follow(self, advance: Advance) -> None:
        """Do what the rules say follows. Called under the lock."""
        for key, reason in advance.skipped:
            self.emit(ev.STEP_SKIPPED, {"reason": reason}, key)
        for key, because in advance.not_run:
            self.emit(ev.STEP_NOT_RUN, {"because": because}, key)
        if advance.ready and self.status is RunStatus.STARTED:
            self._ready.add(advance.ready)
            self._call_helpers(taken_here=1)

    def _end_if_over(self) -> None:
        with self.lock:
            if self.status.is_final or self._is_ending or self.in_flight or self._busy:
                return
            if self.status is RunStatus.CANCELING:
                status, body = canceled(self.error)
            elif self.status is RunStatus.STARTED and self.progress.is_over:
                status, body = self._verdict()
            else:
                return
            self._is_ending = True
        self._finish(status, body)

    def _verdict(self) -> tuple[RunStatus, dict[str, Any]]:
        if self.error is None and self.first_failure is not None:
            self.error = self.first_failure[1]
        return verdict(self.progress.failed_steps(), self.first_failure, self.error)

    def _finish(self, status: RunStatus, body: dict[str, Any]) -> None:
        """End the run: its end is told only when it is durable."""
        self._call_off()
        self._resources.close(self.emit)
        if status is RunStatus.FAILURE:
            self.notes.end_tags = dict(self.setup.on_failure(self, body["reason"]))
            body = {**body, "tags": self.notes.end_tags}
        self.emit(ev.ENGINE_EVENT, {"message": f"Finished on {self.setup.executor_name}."})
        self.emit(f"RUN_{status}", body)
        setup = self.setup
        try:
            setup.on_end(self)
        finally:  # nothing of the user's is kept but the error: runs are remembered longer than their values
            self.status = status
            self._resources.let_go()
            self._slots = PoolSlots(None, self.run_id)
            self.setup = setup.without_values()
            self.ended.set()
            setup.on_change(self)
