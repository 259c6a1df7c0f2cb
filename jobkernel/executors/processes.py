"""Runs steps in worker processes, which stay warm for the next step. The kernel's side of ``worker``.

Each attempt has a thread of the kernel that follows it: events, lines, what is written to the worker's own streams,
and its end, however it comes. A worker is a session of its own, so killing it takes the children of the step along.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import selectors
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Final

from jobkernel.errors import JobkernelError, RemoteStepError, WorkerDied
from jobkernel.executors.call import Ending, StepCall, StepOutcome
from jobkernel.executors.remote import RemoteEnd, RemoteTask, packed_task, surroundings
from jobkernel.executors.step import failed_step
from jobkernel.executors.step_output import OutputLine, StepOutput
from jobkernel.executors.worker import MEMORY_VARIABLE

TaskOf = Callable[[StepCall], RemoteTask]
"""Make what is sent of a call."""
GRACE_S: Final = 2.0
"""How long a step may take to stop by itself before its process is killed."""
IDLE_S: Final = 300.0
"""How long a worker without work is kept warm."""
_PACKAGES: Final = str(Path(__file__).resolve().parents[2])
_READ: Final = 1 << 16


class WorkerProcess:
    """One worker, seen from the kernel."""

    def __init__(self, memory_limit: int | None) -> None:
        ours, theirs = socket.socketpair()
        out, self._out = os.pipe()
        err, self._err = os.pipe()
        environ = {**os.environ, MEMORY_VARIABLE: str(memory_limit or "")}
        start = f"import sys; sys.path.insert(0, {_PACKAGES!r}); from jobkernel.executors.worker import main; main()"
        self.process = subprocess.Popen(
            [sys.executable, "-c", start, str(theirs.fileno())],
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=self._out,
            stderr=self._err,
            env=environ,
            start_new_session=True,
        )
        theirs.close()
        os.close(self._out)
        os.close(self._err)
        self.memory_limit = memory_limit
        self.is_stale = False
        self._killing: threading.Timer | None = None
        self.idle_since = time.monotonic()
        self._connection: Connection[Any, Any] = Connection(ours.detach())
        self._streams = {out: "stdout", err: "stderr"}
        for stream in self._streams:
            os.set_blocking(stream, False)
        self._selector = selectors.DefaultSelector()
        for source in (self._connection.fileno(), *self._streams):
            self._selector.register(source, selectors.EVENT_READ)
        self._sending = threading.Lock()  # protects what is sent: a cancel comes from another thread
        self._around: dict[str, Any] = {}

    def run(self, data: bytes, call: StepCall, output: StepOutput | None) -> RemoteEnd | str | None:
        """Run a task to its end; return that, or why it could not be read there, or None where the worker died.

        Afterwards ``is_stale`` says whether the worker may be used again.
        """
        self.is_stale = True
        self._drain(None)
        around = surroundings()
        try:
            self._send("task", None if around == self._around else around, data)
            self._around = around
            return self._follow(call, output)
        except (OSError, EOFError):
            self._drain(output)
            return None

    def ask_to_stop(self) -> None:
        """Ask the step to stop; its process is killed where it does not."""
        with contextlib.suppress(OSError):
            self._send("cancel")
        timer = threading.Timer(GRACE_S, self.kill)
        timer.daemon = True
        timer.start()
        self._killing = timer

    def no_longer_asked(self) -> None:
        """The step has ended: nothing is killed for it any more."""
        if self._killing is not None:
            self._killing.cancel()
            self._killing = None

    def kill(self) -> None:
        """Kill the worker with all that its step started."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)

    def end(self) -> int:
        """End the worker, whatever it does; return its exit code."""
        self.kill()
        code = self.process.wait()
        self._selector.close()
        self._connection.close()
        for stream in self._streams:
            os.close(stream)
        return code

    def _follow(self, call: StepCall, output: StepOutput | None) -> RemoteEnd | str:
        connection = self._connection.fileno()
        while True:
            for key, _ in self._selector.select():
                if key.fd != connection:
                    self._read_stream(key.fd, output)
                    continue
                word, *rest = pickle.loads(self._connection.recv_bytes())  # noqa: S301 - our own worker's
                if word == "event":
                    call.emit(rest[0], rest[1])
                elif word == "lines" and output is not None:
                    output.take_lines([OutputLine(*line) for line in rest[0]])
                elif word == "end":
                    self._drain(output)
                    self.is_stale = rest[1]
                    return rest[0]  # type: ignore[no-any-return]
                elif word == "unreadable":
                    return str(rest[0])

    def _drain(self, output: StepOutput | None) -> None:
        for stream in self._streams:
            while self._read_stream(stream, output):
                pass

    def _read_stream(self, stream: int, output: StepOutput | None) -> bool:
        try:
            content = os.read(stream, _READ)
        except BlockingIOError:
            return False
        if not content:  # every holder of the other end is gone
            with contextlib.suppress(KeyError, ValueError):
                self._selector.unregister(stream)
            return False
        if output is not None:
            output.add_bytes(self._streams[stream], content)
        return True

    def _send(self, *message: Any) -> None:
        with self._sending:
            self._connection.send_bytes(pickle.dumps(message, protocol=pickle.HIGHEST_PROTOCOL))


class WorkerPool:
    """At most ``size`` worker processes of one kernel; those without work are kept warm for a while."""

    def __init__(self, size: int, memory_limit: int | None = None) -> None:
        self.size = size
        self.memory_limit = memory_limit
        self._free = threading.Condition()  # protects the workers
        self._idle: list[WorkerProcess] = []
        self._busy: list[WorkerProcess] = []
        self._is_closed = False

    def take(self) -> WorkerProcess:
        """Return a worker, as soon as one is free. Raises :class:`WorkerDied` once the pool is closed."""
        with self._free:
            self._free.wait_for(lambda: len(self._busy) < self.size or self._is_closed)
            if self._is_closed:
                raise WorkerDied("The worker processes of this kernel are closed.")
            worker = self._warm() or WorkerProcess(self.memory_limit)
            self._busy.append(worker)
            return worker

    def give_back(self, worker: WorkerProcess) -> int | None:
        """Take a worker back; one that is stale is ended, and its exit code returned."""
        worker.idle_since = now = time.monotonic()
        with self._free:
            self._busy.remove(worker)
            if not worker.is_stale and not self._is_closed:
                self._idle.append(worker)
            old = [each for each in self._idle if now - each.idle_since > IDLE_S]
            self._idle = [each for each in self._idle if each not in old]
            self._free.notify()
            is_kept = worker in self._idle
        for each in old:
            each.end()
        return None if is_kept else worker.end()

    def close(self) -> None:
        """End every worker."""
        with self._free:
            self._is_closed = True
            idle, self._idle = self._idle, []
            busy = list(self._busy)
            self._free.notify_all()
        for worker in busy:
            worker.kill()
        for worker in idle:
            worker.end()

    def pids(self) -> list[int]:
        """Return the process ids of the workers."""
        with self._free:
            return [worker.process.pid for worker in (*self._idle, *self._busy)]

    def _warm(self) -> WorkerProcess | None:
        while self._idle:
            worker = self._idle.pop()
            if worker.process.poll() is None and worker.memory_limit == self.memory_limit:
                return worker
            worker.end()
        return None


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
            worker = self._pool.take()
        except JobkernelError as error:
            return failed_step(call, error, time.perf_counter() - began)
        self._at_work[id(call)] = worker
        call_off = call.cancel.on_cancel(worker.ask_to_stop)
        try:
            end = worker.run(data, call, output)
        finally:
            call_off()
            worker.no_longer_asked()
            del self._at_work[id(call)]
            code = self._pool.give_back(worker)
        seconds = time.perf_counter() - began
        return _ended(call, end, seconds) if isinstance(end, RemoteEnd) else self._broken(call, end, code, seconds)

    def interrupt(self, call: StepCall, thread_id: int) -> None:
        """Kill the worker of an attempt that was canceled twice; one that timed out is given its grace."""
        worker = self._at_work.get(id(call))
        if worker is not None and call.cancel.because is None:
            worker.kill()

    def _broken(self, call: StepCall, why: str | None, code: int | None, seconds: float) -> StepOutcome:
        if call.cancel.because is not None and not call.is_abandoned:
            return failed_step(call, call.cancel.because, seconds)
        if call.cancel.is_requested or call.is_abandoned:
            return StepOutcome(ending=Ending.CANCELED)
        if why is not None:
            error: JobkernelError = RemoteStepError(
                f"Step '{call.step.key}' cannot be read in a worker process ({why}); make what it imports importable"
                " there, or use '--executor threads'."
            )
        else:
            error = WorkerDied(death_sentence(call.step.key, code or 0, self._pool.memory_limit))
        return failed_step(call, error, seconds)


def death_sentence(step_key: str, code: int, memory_limit: int | None) -> str:
    """Return in words how a worker process ended under a step."""
    if code >= 0:
        return f"The worker process of step '{step_key}' ended by itself with exit code {code}."
    names: Mapping[int, str] = {
        signal.SIGSEGV: "it crashed (segmentation fault)",
        signal.SIGABRT: "it aborted",
        signal.SIGBUS: "it crashed (bus error)",
        signal.SIGFPE: "it crashed (arithmetic error)",
        signal.SIGILL: "it crashed (illegal instruction)",
        signal.SIGKILL: "it was killed, by a person or because the machine's memory ran out",
        signal.SIGTERM: "it was asked to end from outside",
    }
    how = names.get(-code, f"signal {-code} ended it")
    limited = ""
    if memory_limit and -code in (signal.SIGKILL, signal.SIGABRT, signal.SIGSEGV):
        limited = f" Its memory limit is {memory_limit / 1e6:,.0f} MB."
    return f"The worker process of step '{step_key}' died: {how}.{limited}"


def _ended(call: StepCall, end: RemoteEnd, seconds: float) -> StepOutcome:
    outcome = end.outcome()
    if outcome.ending is Ending.CANCELED and call.cancel.because is not None and not call.is_abandoned:
        return failed_step(call, call.cancel.because, seconds)
    return outcome
