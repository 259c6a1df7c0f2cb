"""One worker process as its kernel sees it: started, given a task, followed to the task's end, asked to stop, killed.

A worker leads a session of its own, so killing its group takes the children of its step along. Knows no pool and no
retries; ``worker`` is the other side.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import socket
import subprocess
import sys
import threading
import time
import weakref
from pathlib import Path
from typing import Any, Final

from jobkernel.executors.call import StepCall
from jobkernel.executors.channel import Channel
from jobkernel.executors.remote import RemoteEnd, surroundings
from jobkernel.executors.step_output import OutputLine, StepOutput
from jobkernel.model import events as ev

GRACE_S: Final = 1.5
"""How long a step may take to stop by itself before its process is killed."""
_START: Final = (
    "import gc, sys; gc.disable(); sys.path.insert(0, sys.argv.pop());"  # nothing of what is imported is garbage
    " from jobkernel.executors.worker import main; main()"
)
_PACKAGES: Final = str(Path(__file__).resolve().parents[2])
_READ: Final = 1 << 16
_READS: Final = 32
_BEGINNINGS: Final = frozenset({ev.STEP_START, ev.STEP_RESTARTED})


class Died(Exception):
    """The worker ended before its task did."""


class Refused(Exception):
    """The worker cannot read the task; says why."""


class Stale(Exception):
    """Another worker must take the task: a module has changed on disk, or this one died before the task began."""


class WorkerProcess:
    """One worker. Its tasks are numbered, so that what is asked of one never reaches the next."""

    _process: subprocess.Popen[bytes]
    _channel: Channel
    _selector: selectors.BaseSelector
    _streams: dict[int, str]
    _lifeline: int

    def __init__(self, memory_limit: int | None) -> None:
        self.memory_limit = memory_limit
        self.is_usable = True
        self.has_begun = False
        self.idle_since = time.monotonic()
        self._lock = threading.Lock()  # protects the task's number and its timer
        self._task = 0
        self._is_at_work = False
        self._killing: threading.Timer | None = None
        self._around: dict[str, Any] | None = None
        with _forks:
            self._start(memory_limit)
            _workers.add(self)

    @property
    def pid(self) -> int:
        """The process id, which is its group's too."""
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        """Whether the process still runs."""
        return self._process.poll() is None

    def run(self, data: bytes, call: StepCall, output: StepOutput | None) -> RemoteEnd:
        """Run a task to its end.

        Afterwards ``is_usable`` says whether the worker may be given another, ``has_begun`` whether the attempt was
        announced.

        Raises:
            Died, Refused, Stale: it has no end.
        """
        self.is_usable = self.has_begun = False
        call_off = _nothing
        try:
            self._drain(None)
            number = self._give(data)
            call_off = call.cancel.on_cancel(lambda: self.ask_to_stop(number))
            end = self._follow(call, output)
        except (OSError, EOFError) as error:
            self._drain(output)
            if self._task > 1 and not self.has_begun and not call.cancel.is_requested:
                raise Stale from error  # it died of something else: the step's own code was not called yet
            raise Died from error
        finally:
            call_off()
            self._task_is_over()
        self.is_usable = not call.cancel.is_requested  # what a step that was stopped has started goes with its process
        return end

    def ask_to_stop(self, number: int) -> None:
        """Ask a task's step to stop; its process is killed where it does not."""
        with self._lock:
            if number != self._task or not self._is_at_work or self._killing is not None:
                return
            self._killing = threading.Timer(GRACE_S, self._kill_task, (number,))
            self._killing.daemon = True
            self._killing.name = "jobkernel-worker-grace"
            self._killing.start()
        with contextlib.suppress(OSError):
            self._channel.send("cancel", number)

    def kill(self) -> None:
        """Kill the worker with all that its step started."""
        if not self.is_alive:
            return
        strays = _children_in_other_groups(self.pid)
        self._kill_group()
        for stray in strays:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(stray, signal.SIGKILL)

    def end(self) -> int:
        """End the worker, whatever it does; return its exit code."""
        self.kill()
        code = self._process.wait()
        self._kill_group()  # children of a worker that ended by itself
        with _forks:
            _workers.discard(self)
            self.let_go()
        return code

    def let_go(self) -> None:
        """Close this process's ends of everything."""
        self._selector.close()
        self._channel.close()
        descriptors, self._streams, self._lifeline = [*self._streams, self._lifeline], {}, -1
        for descriptor in descriptors:
            with contextlib.suppress(OSError):
                os.close(descriptor)

    def _start(self, memory_limit: int | None) -> None:
        ours, theirs = socket.socketpair()
        out, their_out = os.pipe()
        err, their_err = os.pipe()
        their_lifeline, self._lifeline = os.pipe()
        passed = [theirs.fileno(), their_lifeline]
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-c", _START, *map(str, passed), str(memory_limit or 0), _PACKAGES],
                pass_fds=passed,
                stdin=subprocess.DEVNULL,
                stdout=their_out,
                stderr=their_err,
                start_new_session=True,
            )
        except BaseException:
            ours.close()
            for descriptor in (out, err, self._lifeline):
                os.close(descriptor)
            raise
        finally:
            theirs.close()
            for descriptor in (their_out, their_err, their_lifeline):
                os.close(descriptor)
        self._channel = Channel(ours)
        self._streams = {out: "stdout", err: "stderr"}
        self._selector = selectors.DefaultSelector()
        self._selector.register(ours, selectors.EVENT_READ)
        for stream in self._streams:
            os.set_blocking(stream, False)
            self._selector.register(stream, selectors.EVENT_READ)

    def _give(self, data: bytes) -> int:
        around = surroundings()
        with self._lock:
            self._task += 1
            self._is_at_work = True
        self._channel.send("task", self._task, None if around == self._around else around, data)
        self._around = around
        return self._task

    def _task_is_over(self) -> None:
        with self._lock:
            self._is_at_work = False
            if self._killing is not None:
                self._killing.cancel()
                self._killing = None

    def _kill_task(self, number: int) -> None:
        with self._lock:  # held while it is killed: the next task must not be hit
            if number == self._task and self._is_at_work:
                self.kill()

    def _kill_group(self) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)

    def _follow(self, call: StepCall, output: StepOutput | None) -> RemoteEnd:
        channel = self._channel.fileno()
        while True:
            for key, _ in self._selector.select():
                if key.fd != channel:
                    self._read_stream(key.fd, output)
                    continue
                for word, *rest in self._channel.receive():
                    end = self._take(word, rest, call, output)
                    if end is not None:
                        return end

    def _take(self, word: str, rest: list[Any], call: StepCall, output: StepOutput | None) -> RemoteEnd | None:
        match word:
            case "events":
                self._record(rest[0], call)
            case "lines" if output is not None:
                output.take_lines([OutputLine(*line) for line in rest[0]])
            case "end":
                self._drain(output)
                self._record(rest[1], call)
                end: RemoteEnd = rest[0]
                return end
            case "stale":
                raise Stale
            case "unreadable":
                raise Refused(rest[0])
        return None

    def _record(self, events: list[tuple[str, Any]], call: StepCall) -> None:
        for event_type, body in events:
            self.has_begun = self.has_begun or event_type in _BEGINNINGS
            call.emit(event_type, body)

    def _drain(self, output: StepOutput | None) -> None:
        for stream in self._streams:
            for _ in range(_READS):  # not for ever: a child of the step may go on writing
                if not self._read_stream(stream, output):
                    break

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


_forks: Final = threading.RLock()  # held while ends are made and closed: no fork of the user's may come between
_workers: Final[weakref.WeakSet[WorkerProcess]] = weakref.WeakSet()


def _after_fork_in_child() -> None:
    """A forked child of the kernel's holds no ends: it must not keep workers alive when the kernel is gone."""
    try:
        for worker in list(_workers):
            worker.let_go()
        _workers.clear()
    finally:
        _forks.release()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_forks.acquire, after_in_parent=_forks.release, after_in_child=_after_fork_in_child)


def _children_in_other_groups(pid: int) -> list[int]:
    """Return the descendants of a process that its group does not hold: those that lead sessions of their own."""
    import psutil  # only where something is killed

    found = []
    with contextlib.suppress(psutil.Error):
        for child in psutil.Process(pid).children(recursive=True):
            with contextlib.suppress(ProcessLookupError):
                if os.getpgid(child.pid) != pid:
                    found.append(child.pid)
    return found


def _nothing() -> None:
    """There is nothing to call off."""
