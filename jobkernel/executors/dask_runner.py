"""Runs steps on a Dask cluster: one step, one Dask task. Says how a step ended whose worker or scheduler was lost.

Each attempt has a thread of the kernel that follows it. Dask itself never runs a step twice: only the step's retry
policy does. Called by the engine's runs.
"""

from __future__ import annotations

import pickle
import queue
import time
from typing import Any, Final

from jobkernel.errors import ClusterUnreachable, JobkernelError, RemoteStepError, WorkerDied
from jobkernel.executors.call import Ending, StepCall, StepOutcome
from jobkernel.executors.dask_cluster import Box, DaskCluster
from jobkernel.executors.dask_task import AGAIN
from jobkernel.executors.processes import TaskOf
from jobkernel.executors.remote import RemoteEnd, packed_task
from jobkernel.executors.step import announce, failed_step
from jobkernel.executors.step_output import OutputLine, StepOutput
from jobkernel.model import events as ev

LOOK_S: Final = 0.5
"""How often it is looked whether worker and scheduler are still there, and the step still wanted."""
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
            box = self._cluster.submit(call.step.key, packed_task(task), task.values)
        except JobkernelError as error:
            announce(call)
            return failed_step(call, error, time.perf_counter() - began)
        self._at_work[id(call)] = box
        call_off = call.cancel.on_cancel(lambda: box.queue.put(("asked",)))
        following = Following(self._cluster, box, call, output)
        try:
            end = following.to_the_end()
        finally:
            call_off()
            del self._at_work[id(call)]
            self._cluster.forget(box)
        if isinstance(end, RemoteEnd):
            return _ended(call, end, began)
        if call.cancel.is_requested or call.is_abandoned:
            return _stopped(call, began)
        if not following.has_started:
            announce(call)
        return failed_step(call, end, time.perf_counter() - began)

    def interrupt(self, call: StepCall, thread_id: int) -> None:
        """Interrupt the step's thread on its worker; where that does not help, the worker is killed if it is ours."""
        box = self._at_work.get(id(call))
        if box is not None:
            box.queue.put(("forced",))


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
        self._asked: str | None = None
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
            case "unsent":
                return RemoteStepError(f"Step '{self._call.step.key}' could not be sent to Dask: {rest[0]}")
            case "asked":
                self._ask("ask")
            case "forced":
                self._kill_at = time.monotonic() + GRACE_S
                self._ask("interrupt")
        return None

    def _ask(self, word: str) -> None:
        """Ask the step to stop; one that no worker has begun is taken back."""
        self._asked = word
        if self._worker is not None:
            self._cluster.tell(self._worker, self._box.key, word)
        else:
            self._cluster.take_back(self._box)

    def _take_messages(self, worker: str, number: int, messages: list[bytes]) -> RemoteEnd | JobkernelError | None:
        for data in messages:
            self._read += len(data)
            word, *rest = pickle.loads(data)  # noqa: S301 - a worker of the cluster that runs this user's code anyhow
            if self._worker is not None and worker != self._worker:
                return self._begun_again(worker)
            match word:
                case "event":
                    self.has_started = self.has_started or rest[0] in (ev.STEP_START, ev.STEP_RESTARTED)
                    self._call.emit(rest[0], rest[1])
                case "lines" if self._output is not None:
                    self._output.take_lines([OutputLine(*line) for line in rest[0]])
                case "bytes" if self._output is not None:
                    self._output.add_bytes(rest[0], rest[1])
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
        if self._asked is not None:
            self._ask(self._asked)

    def _begun_again(self, worker: str) -> JobkernelError:
        self._cluster.tell(worker, self._box.key, "drop")
        return self._died()

    def _refused(self, worker: str, why: str) -> JobkernelError:
        if why == AGAIN:
            return self._died()
        return RemoteStepError(
            f"Step '{self._call.step.key}' cannot run on Dask worker {worker}: it {why}; or use '--executor threads'."
        )

    def _died(self) -> WorkerDied:
        limit = self._cluster.memory_limit if self._cluster.is_own else None
        limited = f" Its memory limit is {limit / 1e6:,.0f} MB." if limit else ""
        where = f"The Dask worker {self._worker} that ran step" if self._worker else "The Dask worker of step"
        return WorkerDied(
            f"{where} '{self._call.step.key}' was lost: it crashed, was killed, ran out of memory, or left.{limited}"
        )

    def _look(self) -> JobkernelError | None:
        """See to it that an attempt of which nothing is heard ends, where it must."""
        call, box = self._call, self._box
        if call.is_abandoned:
            if self._worker is not None:
                self._cluster.tell(self._worker, box.key, "drop")
            else:
                self._cluster.take_back(box)
            return RemoteStepError("It was given up.")
        if self._cluster.is_lost:
            return ClusterUnreachable(f"Step '{call.step.key}' was lost with {self._cluster.name}.")
        if self._kill_at is not None and time.monotonic() >= self._kill_at and self._cluster.is_own and self._pid:
            self._kill_at = None
            self._cluster.kill(self._pid)
        return self._look_at_task()

    def _look_at_task(self) -> JobkernelError | None:
        status = self._box.future.status if self._box.future is not None else "pending"
        if status == "pending":
            return None
        if status == "error":
            return self._task_error()
        if status == "cancelled" and self._asked is not None and self._worker is None:
            return RemoteStepError("It was taken back.")
        if status in ("cancelled", "lost"):
            return ClusterUnreachable(f"Step '{self._call.step.key}' was taken off {self._cluster.name}.")
        self._finished_at = self._finished_at or time.monotonic()
        if time.monotonic() - self._finished_at > PATIENCE_S:
            return RemoteStepError(f"Step '{self._call.step.key}' ended on {self._worker}, but its end did not arrive.")
        return None

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
