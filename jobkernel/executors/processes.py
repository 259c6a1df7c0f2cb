"""Runs steps in worker processes, which stay warm for the next step; says how a step ended whose process died.

Each attempt has a thread of the kernel that follows it. Called by the engine's runs.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final

from jobkernel.errors import JobkernelError, RemoteStepError, WorkerDied
from jobkernel.executors.call import Ending, StepCall, StepOutcome
from jobkernel.executors.remote import RemoteEnd, RemoteTask, packed_task
from jobkernel.executors.step import announce, failed_step
from jobkernel.executors.step_output import StepOutput
from jobkernel.executors.worker_pool import WorkerPool
from jobkernel.executors.worker_process import Died, Refused, Stale, WorkerProcess

TaskOf = Callable[[StepCall], RemoteTask]
"""Make what is sent of a call."""


class ProcessRunner:
    """Runs the steps of one run in worker processes."""

    name = "processes"
    is_local = False

    def __init__(self, pool: WorkerPool, task_of: TaskOf) -> None:
        self._pool = pool
        self._task_of = task_of
        self._at_work: dict[int, WorkerProcess] = {}

    def run(self, call: StepCall, output: StepOutput | None) -> StepOutcome:
        """Run one attempt in a worker."""
        began = time.perf_counter()
        try:
            data = packed_task(self._task_of(call))
            while True:
                try:
                    return self._run_once(data, call, output)
                except Stale:
                    continue  # that worker is gone; a fresh one imports what is on disk now
        except _Broken as broken:
            return self._broken(call, output, broken, time.perf_counter() - began)
        except JobkernelError as error:
            return _failed(call, error, time.perf_counter() - began, has_begun=False)

    def interrupt(self, call: StepCall, thread_id: int) -> None:
        """Kill the worker of an attempt that was canceled twice; one that timed out is given its grace."""
        worker = self._at_work.get(id(call))
        if worker is not None and call.cancel.because is None:
            worker.kill()

    def _run_once(self, data: bytes, call: StepCall, output: StepOutput | None) -> StepOutcome:
        worker = self._pool.take(call.cancel)
        if worker is None:
            return _stopped(call, 0.0, has_begun=False)
        began, code = time.perf_counter(), None
        self._at_work[id(call)] = worker
        call.place = {**call.place, "worker": str(worker.pid)}
        try:
            end = worker.run(data, call, output)
        except (Died, Refused) as error:
            broken = error
        else:
            return _ended(call, end, time.perf_counter() - began)
        finally:
            del self._at_work[id(call)]
            code = self._pool.give_back(worker)
        raise _Broken(broken, code or 0, worker.has_begun)

    def _broken(self, call: StepCall, output: StepOutput | None, broken: _Broken, seconds: float) -> StepOutcome:
        if call.cancel.is_requested or call.is_abandoned:
            return _stopped(call, seconds, has_begun=broken.has_begun)
        error = _error_of(call, broken, self._pool.memory_limit)
        if not broken.has_begun:
            announce(call)
        if call.step.hooks:
            outcome = self._failed_elsewhere(call, output, error, seconds)
            if outcome is not None:
                return outcome
        return failed_step(call, error, seconds)

    def _failed_elsewhere(
        self, call: StepCall, output: StepOutput | None, error: JobkernelError, seconds: float
    ) -> StepOutcome | None:
        """Have another worker call the hooks, which need resources that this process does not open."""
        try:
            data = packed_task(replace(self._task_of(call), failure=error, seconds=seconds))
            return self._run_once(data, call, output)
        except (JobkernelError, _Broken, Stale):
            return None


class _Broken(Exception):
    """A worker came to no end."""

    def __init__(self, why: Died | Refused, code: int, has_begun: bool) -> None:
        self.why = why
        self.code = code
        self.has_begun = has_begun


def _ended(call: StepCall, end: RemoteEnd, seconds: float) -> StepOutcome:
    outcome = end.outcome()
    if outcome.ending is Ending.CANCELED:
        return _stopped(call, seconds, has_begun=True)
    return outcome


def _stopped(call: StepCall, seconds: float, *, has_begun: bool) -> StepOutcome:
    """Return how an attempt ended that was asked to stop, or stopped by itself as canceled steps do."""
    if call.cancel.because is not None and not call.is_abandoned:
        return _failed(call, call.cancel.because, seconds, has_begun=has_begun)
    return StepOutcome(ending=Ending.CANCELED)


def _failed(call: StepCall, error: BaseException, seconds: float, *, has_begun: bool) -> StepOutcome:
    if not has_begun:
        announce(call)
    return failed_step(call, error, seconds)


def _error_of(call: StepCall, broken: _Broken, memory_limit: int | None) -> JobkernelError:
    if isinstance(broken.why, Refused):
        return RemoteStepError(
            f"Step '{call.step.key}' cannot be read in a worker process ({broken.why}); make what it imports"
            " importable there, or use '--executor threads'."
        )
    died = death_sentence(call.step.key, broken.code, memory_limit)
    return WorkerDied(died if broken.code >= 0 else f"{died} What it printed last is in its log.")


_ENDS: Final[Mapping[int, str]] = {
    signal.SIGSEGV: "it crashed (segmentation fault)",
    signal.SIGABRT: "it aborted",
    signal.SIGBUS: "it crashed (bus error)",
    signal.SIGFPE: "it crashed (arithmetic error)",
    signal.SIGILL: "it crashed (illegal instruction)",
    signal.SIGKILL: "it was killed, by a person or because the machine's memory ran out",
    signal.SIGTERM: "it was asked to end from outside",
}
_OF_MEMORY: Final = frozenset({signal.SIGKILL, signal.SIGABRT, signal.SIGSEGV})


def death_sentence(step_key: str, code: int, memory_limit: int | None) -> str:
    """Return in words how a worker process ended under a step, and what to do."""
    if code >= 0:
        return (
            f"The worker process of step '{step_key}' ended by itself with exit code {code}; a body ends by returning"
            " or raising, not by os._exit."
        )
    how = _ENDS.get(-code, f"signal {-code} ended it")
    limited = ""
    if memory_limit and -code in _OF_MEMORY:
        limited = f" Its memory limit, JobKernel.worker_memory_limit, is {memory_limit / 1e6:,.0f} MB."
    return f"The worker process of step '{step_key}' died: {how}.{limited}"
