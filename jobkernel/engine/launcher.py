"""From a wish to a living run: plan checked, names captured, config resolved, queued, started when admitted.

Owns the runs of this kernel that have not ended. Knows no magics and no screen; the session calls it.
"""

from __future__ import annotations

import contextlib
import threading
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Final

from jobkernel.clock import Clock, run_clock
from jobkernel.engine.deadlines import timer_of
from jobkernel.engine.executors import DRIVERS, Executors
from jobkernel.engine.live_run import ATTEMPT, LiveRun, OnOutput, Retries
from jobkernel.engine.ready_plan import ReadyPlan, ready_plan
from jobkernel.engine.run import ActiveRun
from jobkernel.engine.run_setup import RunSetup
from jobkernel.engine.slots import Slots, pools_of
from jobkernel.errors import HistoryError, InvariantViolation, JobkernelError
from jobkernel.executors.call import RunFacts
from jobkernel.executors.exchange import RunExchange
from jobkernel.executors.resource_output import logged
from jobkernel.executors.resources import open_resources
from jobkernel.executors.step_output import OutputLine, StepOutput
from jobkernel.executors.stored import StoredValues
from jobkernel.executors.threads import ThreadPool
from jobkernel.model import events as ev
from jobkernel.model.definitions import EMPTY
from jobkernel.model.events import Event
from jobkernel.model.runs import RunOptions, RunStatus
from jobkernel.rules.asset_plan import run_title, steps_of
from jobkernel.rules.plan import Plan, PlannedStep
from jobkernel.rules.run_retries import longest_runtime
from jobkernel.storage.history import History
from jobkernel.storage.output_files import output_path

KEPT_RUNS: Final = 50
"""How many ended runs stay at hand, with what they printed last."""


class Launcher:
    """Launches runs and keeps those that are alive."""

    def __init__(
        self,
        *,
        history: History,
        values: StoredValues,
        clock: Clock,
        pool: ThreadPool,
        logs: Path | None,
        note: Callable[[Event], None],
        on_change: Callable[[], None],
        executors: Executors,
        notebook: str | None,
        kernel_id: str | None,
    ) -> None:
        self._history = history
        self._values = values
        self._clock = clock
        self._pool = pool
        self.deadlines = timer_of(clock)
        self._logs = logs
        self._note = note
        self._on_change = on_change
        self._executors = executors
        self._drivers: ThreadPool | None = None
        self._notebook = notebook
        self._kernel_id = kernel_id
        self.retries: Retries | None = None
        self.max_runtime: Callable[[], float | None] = lambda: None
        self._lock = threading.Lock()  # protects runs and _is_closed
        self.runs: dict[str, LiveRun] = {}
        self._is_closed = False
        self._unlisten = [history.listen("admitted", self._admitted), history.listen("cancel", self._cancel_asked)]
        self._unlisten.append(history.listen("slot", self._slot_granted))
        self._slots = Slots(history)
        self.on_over: list[Callable[[ActiveRun], object]] = []
        """Told of each run that is over, after all else."""

    def launch(self, plan: Plan, options: RunOptions, **how: Any) -> LiveRun:
        """Queue a run of a plan, made ready as by :meth:`prepare`."""
        live = self.prepare(plan, options, **how)
        self.enqueue(live)
        return live

    def prepare(
        self,
        plan: Plan,
        options: RunOptions,
        *,
        on_output: OnOutput | None = None,
        cell_id: str | None = None,
        **how: Any,
    ) -> LiveRun:
        """Return a run of a plan, checked and not queued; :meth:`enqueue` does that. Raises as :meth:`ready` does."""
        ready = self.ready(plan, config=options.config, executor=options.executor, **how)
        return self.run_of(ready, options, on_output, cell_id)

    def ready(self, plan: Plan, *, config: Any, executor: str | None, **how: Any) -> ReadyPlan:
        """Return a plan made ready to run as by :func:`ready_plan`, on this kernel's executors.

        Raises:
            UnknownResource: nobody defines a resource that a step needs.
            InvalidConfig: run config does not fit.
            InvariantViolation: it is closed.
        """
        self._refuse_when_closed()
        return ready_plan(plan, config=config, executor=executor, values=self._values, executors=self._executors, **how)

    def run_of(
        self, ready: ReadyPlan, options: RunOptions, on_output: OnOutput | None = None, cell_id: str | None = None
    ) -> LiveRun:
        """Return a run of a plan that is ready, not queued."""
        facts, clock, runners = self._facts(ready, options), run_clock(self._clock), ready.runners
        setup = RunSetup(
            plan=ready.plan,
            facts=facts,
            config=ready.config,
            emit=self._emit,
            clock=clock,
            make_exchange=lambda progress, resources: RunExchange(progress, resources, self._values, ready.io_of_asset),
            open_resources=lambda emit: logged(
                open_resources(ready.definitions, ready.config, ready.resources_here, emit, facts.as_dagster_run()),
                emit,
                clock.now_us,
            ),
            max_workers=ready.places,
            executor_name=str(ready.choice),
            runner_of=lambda step: runners[step.executor],
            tag_limits=ready.choice.tag_limits,
            slots=self._slots,
            computes=ready.computes,
            fingerprint=ready.fingerprint,
            make_output=lambda step, attempt: self._output(options.run_id, step, attempt),
            on_change=self._moved,
            on_end=self._ended,
            on_failure=self._failing,
            max_runtime=longest_runtime(facts.tags, self.max_runtime()),
            deadlines=self.deadlines,
        )
        return LiveRun(
            active=ActiveRun(setup),
            options=options,
            queued_at=self._clock.now_us(),
            on_output=on_output,
            is_local=ready.is_local,
            cell_id=cell_id,
        )

    def get(self, run_id: str) -> LiveRun | None:
        """Return a run of this kernel, also one that has ended lately; None where it is not ours."""
        return self.runs.get(run_id)

    def alive(self) -> list[LiveRun]:
        """Return the runs that have not ended, oldest first."""
        return [live for live in list(self.runs.values()) if not live.active.ended.is_set()]

    def cancel(self, live: LiveRun, *, forced: bool = False) -> None:
        """Cancel a run of this kernel; one that waits in the queue is canceled at once."""
        live.active.cancel(forced=forced)
        if not live.is_admitted:
            with contextlib.suppress(JobkernelError):
                self._history.request("cancel_run", run_id=live.options.run_id, forced=forced)

    def close(self) -> None:
        """Cancel what still runs, take no more, and stop listening."""
        with self._lock:
            self._is_closed = True
        alive = self.alive()
        for live in alive:
            live.active.cancel(forced=True)
        self._keep_ends([live for live in alive if not live.is_admitted])
        self.deadlines.close()
        if self._drivers is not None:
            self._drivers.close()
        for unlisten in self._unlisten:
            unlisten()

    def _emit(self, event: Event) -> None:
        self._history.emit(event)
        self._note(event)

    def _facts(self, ready: ReadyPlan, options: RunOptions) -> RunFacts:
        plan, chosen = ready.plan, ready.chosen
        return RunFacts(
            run_id=options.run_id,
            job_name=plan.job_name,
            tags={**(plan.job.tags_of_runs if plan.job else {}), **options.tags, **chosen.tags},
            config=dict(ready.stored_config),
            partition_key=options.partition_key,
            partition_range=chosen.between,
            partitions=chosen.partitions,
            parent_run_id=options.parent_run_id,
            root_run_id=options.root_run_id,
        )

    def _failing(self, run: ActiveRun, reason: str) -> Mapping[str, str]:
        return self.retries.at_failure(run, reason) if self.retries else EMPTY

    def enqueue(self, *lives: LiveRun) -> None:
        """Put runs in the queue of the project, in order, with one question; each starts as soon as it is admitted."""
        with self._lock:
            self._refuse_when_closed()
            self.runs.update((live.options.run_id, live) for live in lives)
        for live in lives:
            live.active.emit(ev.RUN_ENQUEUED, self._enqueued(live))
            if live.notice is not None:
                live.active.emit(ev.ENGINE_EVENT, {"message": live.notice})
        try:
            admitted = self._submit(lives)
        except BaseException:
            for live in lives:
                live.active.cancel()  # a launch that was interrupted must not leave a run behind
            raise
        for run_id in admitted:
            self._start(self.runs[run_id])
        for live in lives:
            if live.active.status.is_final:  # canceled before the queue knew of it: give the place back
                with contextlib.suppress(JobkernelError):
                    self._history.request("release_run", run_id=live.options.run_id)
        self._on_change()

    def _enqueued(self, live: LiveRun) -> dict[str, Any]:
        """Return what the history is told of a run in the queue."""
        facts, options = live.active.setup.facts, live.options
        return {
            "job_name": facts.job_name,
            "tags": dict(facts.tags),
            "config": facts.config,
            "trigger": options.trigger,
            "trigger_name": options.trigger_name,
            "priority": options.priority,
            "partition_key": options.partition_key,
            "parent_run_id": options.parent_run_id,
            "root_run_id": options.root_run_id,
            "run_key": options.run_key,
            "tick_id": options.tick_id,
            "kernel_id": self._kernel_id,
            "notebook": self._notebook,
            "executor": live.active.setup.executor_name,
            **steps_of(live.plan),
        }

    def _refuse_when_closed(self) -> None:
        if self._is_closed:
            raise InvariantViolation("This session is closed and runs nothing any more; launch it in a new one.")

    def _submit(self, lives: Sequence[LiveRun]) -> list[str]:
        """Return the ids of those that start now."""
        try:
            answer = self._history.request("submit_runs", runs=[_described(live) for live in lives])
        except HistoryError:
            # nobody can queue us, and nobody else can start runs either: run now, the log follows when it can
            return [live.options.run_id for live in lives]
        admitted: list[str] = answer["admitted"]
        return admitted

    def _driving(self) -> ThreadPool:
        """Return the threads that follow steps in other processes."""
        with self._lock:
            if self._drivers is None:
                self._drivers = ThreadPool(DRIVERS, "jobkernel-driver")
            return self._drivers

    def _admitted(self, fields: Mapping[str, Any]) -> None:
        live = self.runs.get(fields["run_id"])
        if live is not None:
            self._start(live)

    def _start(self, live: LiveRun) -> None:
        with self._lock:
            if live.is_admitted or live.active.status is not RunStatus.NOT_STARTED:
                return
            live.is_admitted = True
        live.active.emit(ev.RUN_DEQUEUED)
        live.active.emit(ev.RUN_STARTING)
        live.active.start(self._pool if live.is_local else self._driving())

    def _slot_granted(self, fields: Mapping[str, Any]) -> None:
        live = self.runs.get(fields["run_id"])
        if live is not None:
            live.active.slot_granted(fields["step_key"])

    def _cancel_asked(self, fields: Mapping[str, Any]) -> None:
        live = self.runs.get(fields["run_id"])
        if live is not None:
            live.active.cancel(forced=bool(fields.get("forced")))

    @contextmanager
    def _output(self, run_id: str, step: PlannedStep, attempt: int) -> Iterator[StepOutput]:
        key = step.key if attempt == 1 else f"{step.key}{ATTEMPT}{attempt}"
        path = partial(_output_file, self._logs, run_id, key) if self._logs is not None else None
        live = self.runs[run_id]
        output = StepOutput(path, live.active.setup.clock.now_us, lambda lines: self._new_lines(live, step.key, lines))
        live.outputs[step.key] = output
        try:
            yield output
        finally:
            summary = output.close()
            if summary.lines:
                body = {
                    "path": str(summary.path) if summary.path else None,
                    "lines": summary.lines,
                    "bytes": summary.bytes,
                }
                live.active.emit(ev.LOGS_CAPTURED, body, step.key)
            if summary.error is not None:
                live.active.emit(ev.ENGINE_EVENT, {"message": summary.error}, step.key)

    def _moved(self, run: ActiveRun) -> None:
        for tell in self.on_over if run.ended.is_set() else ():
            tell(run)
        self._on_change()

    def _new_lines(self, live: LiveRun, step_key: str, lines: Sequence[OutputLine]) -> None:
        if live.on_output is not None:
            live.on_output(step_key, lines)
        self._on_change()

    def _ended(self, run: ActiveRun) -> None:
        live = self.runs[run.run_id]
        if self._is_closed and not live.is_admitted:
            return  # their ends are kept together
        self._keep_ends([live])
        if self.retries is not None:
            self.retries.after(run)
        self._forget_old()

    def _keep_ends(self, lives: Sequence[LiveRun]) -> None:
        """Wait until what runs made, and how they ended, is durable."""
        try:
            for live in lives:
                self._values.flush(live.options.run_id)
            self._history.flush()
        except (JobkernelError, OSError) as error:
            for live in lives:
                live.loss = str(error)
        else:
            for live in lives:
                live.durable.set()

    def _forget_old(self) -> None:
        with self._lock:
            over = [run_id for run_id, live in self.runs.items() if live.active.ended.is_set()]
            for run_id in over[:-KEPT_RUNS]:
                del self.runs[run_id]
            errors = [self.runs[run_id].active.error for run_id in over[-KEPT_RUNS:-1]]
        for error in errors:
            if error is not None:
                traceback.clear_frames(error.__traceback__)  # only the newest error's variables are still looked at


def _described(live: LiveRun) -> dict[str, Any]:
    """Return what the queue goes by."""
    facts, plan = live.active.setup.facts, live.plan
    return {
        "run_id": live.options.run_id,
        "priority": live.options.priority,
        "tags": dict(facts.tags),
        "title": run_title(facts.job_name, plan.asset_keys),
        **pools_of(plan),
    }


def _output_file(logs: Path, run_id: str, step_key: str) -> Path:
    return logs.parent / output_path(run_id, step_key)
