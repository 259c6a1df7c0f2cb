"""Runs steps on a Dask cluster: one step, one Dask task. Says how a step ended whose worker or scheduler was lost.

Each attempt has a thread of the kernel that follows it. Dask itself never runs a step twice: only the step's retry
policy does. Called by the engine's runs.
"""

from __future__ import annotations

import pickle
import queue
import time
from dataclasses import replace
from typing import Any, Final

from jobkernel.errors import ClusterUnreachable, JobkernelError, RemoteStepError, WorkerDied
from jobkernel.executors.call import Ending, StepCall, StepOutcome
from jobkernel.executors.dask_cluster import Box, DaskCluster
from jobkernel.executors.dask_task import AGAIN
from jobkernel.executors.processes import TaskOf, death_sentence
from jobkernel.executors.remote import RemoteEnd, RemoteTask, packed_task
from jobkernel.executors.step import announce, failed_step
from jobkernel.executors.step_output import OutputLine, StepOutput
from jobkernel.model import events as ev

LOOK_S: Final = 0.5
"""How often it is looked whether the scheduler is still there, and the step still wanted."""
GRACE_S: Final = 1.5
"""How long a step may take to stop before a worker of the kernel's own is killed."""
PATIENCE_S: Final = 5.0
"""How long the last messages of a task that Dask calls finished may take."""
TELL_AT: Final = 1 << 20
"""Bytes read between two words of it to the worker."""


class DaskRunner:
    """Runs the steps of one run on one cluster."""

    name = "dask"
    is_local = False

    def __init__(self, cluster: DaskCluster, task_of: TaskOf) -> None:
        self._cluster = cluster
        self._task_of = task_of
        self._at_work: dict[int, Box] = {}

    def run(self, call: StepCall, output: StepOutput | None) -> StepOutcome:
        """Run one attempt on a worker."""
        began = time.perf_counter()
        try:
            while not self._cluster.wait_ready(0.1):
                if call.cancel.is_requested:
                    return _stopped(call, began)
            task = self._task_of(call)
            end, has_begun = self._run_once(task, call, output)
        except JobkernelError as error:
            end, has_begun = error, False
        if isinstance(end, RemoteEnd):
            return _ended(call, end, began)
        if call.cancel.is_requested or call.is_abandoned:
            return _stopped(call, began)
        if not has_begun:
            announce(call)
        seconds = time.perf_counter() - began
        if isinstance(end, WorkerDied) and call.step.hooks:
            return self._failed_elsewhere(task, call, output, end, seconds)
        return failed_step(call, end, seconds)

    def interrupt(self, call: StepCall, thread_id: int) -> None:
        """Interrupt the step's thread on its worker; a worker of our own is killed where a second cancel asks."""
        box = self._at_work.get(id(call))
        if box is not None:
            box.queue.put(("stop" if call.cancel.because is not None else "kill",))

    def _run_once(
        self, task: RemoteTask, call: StepCall, output: StepOutput | None
    ) -> tuple[RemoteEnd | JobkernelError, bool]:
        """Return how an attempt ended, or why it came to no end, and whether it had begun."""
        box = self._cluster.submit(call.step.key, packed_task(task), task.values)
        self._at_work[id(call)] = box
        call_off = call.cancel.on_cancel(lambda: box.queue.put(("stop",)))
        following = Following(self._cluster, box, call, output)
        try:
            return following.to_the_end(), following.has_started
        finally:
            call_off()
            del self._at_work[id(call)]
            self._cluster.forget(box)

    def _failed_elsewhere(
        self, task: RemoteTask, call: StepCall, output: StepOutput | None, error: JobkernelError, seconds: float
    ) -> StepOutcome:
        """Have another worker call the hooks, which need resources that this process does not open."""
        try:
            end, _ = self._run_once(replace(task, failure=error, seconds=seconds), call, output)
        except JobkernelError:
            return failed_step(call, error, seconds)
        return end.outcome() if isinstance(end, RemoteEnd) else failed_step(call, error, seconds)


class Following:
    """An attempt as it is followed, on the thread that does."""

    def __init__(self, cluster: DaskCluster, box: Box, call: StepCall, output: StepOutput | None) -> None:
        self._cluster = cluster
        self._box = box
        self._call = call
        self._output = output
        self._worker: str | None = None
        self._pid = 0
        self._read = 0
        self._told = 0
        self._is_stopping = False
        self._kill_at: float | None = None
        self._finished_at: float | None = None
        self.has_started = False

    def to_the_end(self) -> RemoteEnd | JobkernelError:
        """Hand on what comes until the attempt is over; return its end, or why it has none."""
        while True:
            try:
                word, *rest = self._box.queue.get(timeout=LOOK_S)
            except queue.Empty:
                end: RemoteEnd | JobkernelError | None = self._look()
            else:
                end = self._take(word, rest)
            if end is not None:
                return end

    def _take(self, word: str, rest: list[Any]) -> RemoteEnd | JobkernelError | None:
        match word:
            case "messages":
                return self._take_messages(*rest)
            case "left":
                return self._died() if rest[0] == self._worker else None  # else Dask gives it to another worker
            case "died":
                return self._died() if self._has_died_unheard(rest[0]) else None
            case "unsent":
                return RemoteStepError(f"Step '{self._call.step.key}' could not be sent to Dask: {rest[0]}")
            case "stop":
                self._stop(GRACE_S)
            case "kill":
                self._stop(0.0)
        return None

    def _stop(self, grace: float) -> None:
        """Interrupt the step, and end its worker after a while; a step that no worker has begun is taken back."""
        self._is_stopping = True
        self._kill_at = time.monotonic() + grace
        if self._worker is None:
            self._cluster.take_back(self._box)
        else:
            self._cluster.tell(self._worker, self._box.key, "stop")
        self._kill_if_due()

    def _take_messages(self, worker: str, messages: list[bytes]) -> RemoteEnd | JobkernelError | None:
        for data in messages:
            self._read += len(data)
            word, *rest = pickle.loads(data)  # noqa: S301 - a worker of the cluster that runs this user's code anyhow
            match word:
                case "event":
                    self.has_started = self.has_started or rest[0] in (ev.STEP_START, ev.STEP_RESTARTED)
                    self._call.emit(rest[0], rest[1])
                case "lines" if self._output is not None:
                    self._output.take_lines([OutputLine(*line) for line in rest[0]])
                case "began":
                    self._begin(worker, rest[0])
                case "refused":
                    return self._refused(worker, rest[0])
                case "end":
                    return rest[0]  # type: ignore[no-any-return]
        if self._read - self._told >= TELL_AT:
            self._told = self._read
            self._cluster.tell(worker, self._box.key, "read", self._read)
        return None

    def _begin(self, worker: str, pid: int) -> None:
        self._worker, self._pid = worker, pid
        if self._is_stopping:
            self._stop(GRACE_S)

    def _has_died_unheard(self, pid: int) -> bool:
        """Whether a worker of our own died that has begun this attempt, and of that alone nothing was heard."""
        own = self._cluster.own_workers
        return self._worker is None and own is not None and own.pid_of(self._box.key) == pid

    def _refused(self, worker: str, why: str) -> JobkernelError:
        if why == AGAIN:
            return self._died()
        return RemoteStepError(
            f"Step '{self._call.step.key}' cannot run on Dask worker {worker}: it {why}; or use '--executor threads'."
        )

    def _died(self) -> WorkerDied:
        key, own = self._call.step.key, self._cluster.own_workers
        if own is not None:
            code = own.exit_code(self._pid or own.pid_of(self._box.key) or 0)
            if code is not None:
                return WorkerDied(death_sentence(key, code, own.memory_limit))
        where = f"The Dask worker {self._worker} that ran step" if self._worker else "The Dask worker of step"
        return WorkerDied(f"{where} '{key}' was lost: it crashed, was killed, ran out of memory, or left.")

    def _look(self) -> JobkernelError | None:
        """See to it that an attempt of which nothing is heard ends, where it must."""
        call, box = self._call, self._box
        if call.is_abandoned:
            if self._worker is not None:
                self._cluster.tell(self._worker, box.key, "drop")
            return RemoteStepError("It was given up.")
        if self._cluster.is_lost:
            why = self._cluster.broken
            return why or ClusterUnreachable(f"Step '{call.step.key}' was lost with {self._cluster.name}.")
        self._kill_if_due()
        return self._look_at_task()

    def _kill_if_due(self) -> None:
        own = self._cluster.own_workers
        if own is not None and self._pid and self._kill_at is not None and time.monotonic() >= self._kill_at:
            self._kill_at = None
            own.kill(self._pid)

    def _look_at_task(self) -> JobkernelError | None:
        status = self._box.future.status if self._box.future is not None else "pending"
        if status == "pending":
            return None
        if status == "error":
            return self._task_error()
        if status == "cancelled" and self._is_stopping:
            return None if self._is_at_work() else RemoteStepError("It was taken back.")
        if status in ("cancelled", "lost"):
            return ClusterUnreachable(f"Step '{self._call.step.key}' was taken off {self._cluster.name}.")
        self._finished_at = self._finished_at or time.monotonic()
        if time.monotonic() - self._finished_at > PATIENCE_S:
            return RemoteStepError(f"Step '{self._call.step.key}' ended on {self._worker}, but its end did not arrive.")
        return None

    def _is_at_work(self) -> bool:
        """Whether a worker has begun, though Dask was asked to take the attempt back."""
        own = self._cluster.own_workers
        if own is not None and not self._pid:
            self._pid = own.pid_of(self._box.key) or 0
        return self._worker is not None or self._pid > 0

    def _task_error(self) -> JobkernelError:
        from distributed import KilledWorker

        error = self._cluster.error_of(self._box)
        key = self._call.step.key
        if isinstance(error, KilledWorker):
            return self._died()
        if isinstance(error, ImportError) and "jobkernel" in str(error):
            return RemoteStepError(
                f"Step '{key}' cannot run on {self._cluster.name}: a worker has no jobkernel ({error});"
                " install it there, in the version of this kernel."
            )
        return RemoteStepError(f"Dask could not run step '{key}' ({type(error).__name__}: {error}).")


def _ended(call: StepCall, end: RemoteEnd, began: float) -> StepOutcome:
    outcome = end.outcome()
    return _stopped(call, began) if outcome.ending is Ending.CANCELED and call.cancel.because else outcome


def _stopped(call: StepCall, began: float) -> StepOutcome:
    """Return how an attempt ended that was asked to stop."""
    if call.cancel.because is not None and not call.is_abandoned:
        return failed_step(call, call.cancel.because, time.perf_counter() - began)
    return StepOutcome(ending=Ending.CANCELED)
