"""A worker process: runs steps that its kernel sends, one at a time, until the kernel is gone.

Started by ``worker_process`` with one end of a socket. A thread listens, so that a cancel and the kernel's end are
seen while a step runs. What a step prints goes home as lines; what C code and children write to descriptors 1 and 2
the kernel reads by itself.
"""

from __future__ import annotations

import contextlib
import faulthandler
import functools
import gc
import os
import queue
import signal
import socket
import sys
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from jobkernel.errors import Interrupted
from jobkernel.executors import bare_display, capture
from jobkernel.executors.cancel import CancelToken, is_interruptible
from jobkernel.executors.channel import Channel
from jobkernel.executors.lifeline import tie_group_to
from jobkernel.executors.remote import run_task, unpacked_task
from jobkernel.executors.step_output import OutputLine

_WAKE: Final = signal.SIGUSR1
_LIBRARY: Final = str(Path(os.__file__).parent)
_OURS: Final = str(Path(__file__).resolve().parents[1]) + os.sep


class Worker:
    """This process, as a worker."""

    def __init__(self, channel: Channel, memory_limit: int) -> None:
        self._channel = channel
        self._memory_limit = memory_limit
        self._tasks: queue.SimpleQueue[tuple[CancelToken, Any, bytes]] = queue.SimpleQueue()
        self._number = 0
        self._cancel = CancelToken()
        self._modules = UsersModules()
        self._around: Mapping[str, Any] | None = None
        self._main = threading.main_thread().ident
        self._events = EventGroups(lambda group: self._channel.send("events", group))

    def serve(self) -> None:
        """Run what comes, until the kernel closes its end."""
        signal.signal(signal.SIGINT, _leave_it)
        threading.Thread(target=self._listen, name="jobkernel-worker-listener", daemon=True).start()
        while True:
            self._run(*self._tasks.get())

    def _listen(self) -> None:
        with contextlib.suppress(EOFError, OSError):
            while True:
                for word, number, *rest in self._channel.receive():
                    if word == "task":
                        self._number, self._cancel = number, CancelToken()
                        self._tasks.put((self._cancel, *rest))
                    elif word == "cancel" and number == self._number:
                        self._cancel.request(forced=True)
                        signal.pthread_kill(self._main or 0, _WAKE)
        os.killpg(0, signal.SIGKILL)  # the kernel is gone, and with it goes what steps have started here

    def _run(self, cancel: CancelToken, around: Mapping[str, Any] | None, data: bytes) -> None:
        signal.signal(_WAKE, _interrupt)  # a step before may have set its own
        self._around = around = around or self._around or {}
        take_over(around)
        if self._modules.have_changed():
            self._channel.send("stale")
            return
        began = time.time_ns()
        try:
            task = unpacked_task(data)
        except BaseException as error:  # noqa: BLE001 - what the step uses may not be importable here
            self._channel.send("unreadable", f"{type(error).__name__}: {error}")
            return
        if task.compute is not None:
            task = replace(task, compute=self._events.around(task.compute))
        end = run_task(task, self._emit, self._lines, cancel, worker=str(os.getpid()))
        del task
        _flush_c_streams()
        self._modules.note(began)
        self._channel.send("end", replace(end, described=self._explained(end.described)), self._events.take())

    def _emit(self, event_type: str, body: dict[str, Any] | None) -> None:
        if body and "error" in body:
            body = {**body, "error": self._explained(body["error"])}
        self._events.add((event_type, body))

    def _lines(self, lines: Sequence[OutputLine]) -> None:
        self._channel.send("lines", [tuple(line) for line in lines])

    def _explained(self, described: Any) -> Any:
        return with_memory_limit(described, self._memory_limit)


class EventGroups:
    """Sends what is recorded before a body's call and after it in one piece each, and at once while it runs.

    Each message wakes the kernel, which costs a short step more than its own work.
    """

    def __init__(self, send: Callable[[list[Any]], None]) -> None:
        self._send = send
        self._lock = threading.Lock()  # protects the two below: a body's threads record events too
        self._waiting: list[Any] = []
        self._is_direct = False

    def add(self, event: Any) -> None:
        """Take an event."""
        with self._lock:
            self._waiting.append(event)
            if self._is_direct:
                self._flush()

    def around(self, compute: Callable[..., Any]) -> Callable[..., Any]:
        """Return what calls a body so; what it makes lazily, as generators do, belongs to the call."""

        def called(*given: Any, **named: Any) -> Any:
            self._begin()
            result = compute(*given, **named)
            if not isinstance(result, Iterator | AsyncIterator | Awaitable):
                self._is_direct = False
            return result

        return called

    def take(self) -> list[Any]:
        """Return what waits, at the end of the attempt."""
        with self._lock:
            self._is_direct = False
            waiting, self._waiting = self._waiting, []
            return waiting

    def _begin(self) -> None:
        with self._lock:
            self._is_direct = True
            self._flush()

    def _flush(self) -> None:
        waiting, self._waiting = self._waiting, []
        if waiting:
            self._send(waiting)


class UsersModules:
    """The modules of the user's own that are imported here, and whether their files have changed since."""

    def __init__(self) -> None:
        self._seen = 0
        self._stamps: dict[str, int] = {}
        self._is_stale = False

    def note(self, began: int) -> None:
        """Take in what was imported since ``began`` (ns since the epoch)."""
        if len(sys.modules) == self._seen:
            return
        self._seen = len(sys.modules)
        for module in list(sys.modules.values()):
            path = getattr(module, "__file__", None)
            if not isinstance(path, str) or path in self._stamps or not _is_users(path):
                continue
            with contextlib.suppress(OSError):
                self._stamps[path] = changed = Path(path).stat().st_mtime_ns
                # written while the step ran: nobody knows whether before or after it was read
                self._is_stale = self._is_stale or changed >= began

    def have_changed(self) -> bool:
        """Whether a module's file is not the one that was imported."""
        return self._is_stale or any(_changed(path) != stamp for path, stamp in self._stamps.items())


def main() -> None:
    """Serve; the arguments are the socket's descriptor, the lifeline's, and the bytes it may allocate (0: any)."""
    end, lifeline, memory_limit = map(int, sys.argv[1:4])
    sys.argv[1:] = []
    gc.freeze()
    gc.enable()
    tie_group_to(lifeline)
    _limit_memory(memory_limit)
    faulthandler.enable(sys.stderr)
    capture.install()
    bare_display.install()
    channel = Channel(socket.socket(fileno=end))
    for descriptor in (end, lifeline):
        os.set_inheritable(descriptor, False)
    os.register_at_fork(after_in_child=channel.close)  # a child must not keep the kernel waiting for our end
    Worker(channel, memory_limit).serve()


def _interrupt(_signal: int, _frame: object) -> None:
    """Stop the step where its own code runs; a blocking call returns for it."""
    if is_interruptible(threading.get_ident()):
        raise Interrupted("The step was asked to stop.")


def _leave_it(_signal: int, _frame: object) -> None:
    """The kernel says what is to stop. Not ignored by the system, which children would inherit."""


def take_over(around: Mapping[str, Any]) -> None:
    """Stand where the kernel stands: working directory, import path, environment."""
    with contextlib.suppress(OSError):
        os.chdir(around["cwd"])
    if sys.path != around["path"]:
        sys.path[:] = around["path"]
    environment = around["environ"]
    if dict(os.environ) != environment:
        for name in set(os.environ) - set(environment):
            del os.environ[name]
        os.environ.update(environment)


def with_memory_limit(described: Any, limit: int) -> Any:
    """Return an error's description; where memory ran out, with the limit (bytes; 0: none) that was met."""
    if not limit or not described or not str(described["type"]).endswith("MemoryError"):
        return described
    said = f"A worker may use {limit / 1e6:,.0f} MB here: raise JobKernel.worker_memory_limit."
    if said in described["message"]:
        return described
    message = described["message"].rstrip(". ")
    return {**described, "message": f"{message}. {said}" if message else said}


def _limit_memory(limit: int) -> None:
    if limit:
        import resource

        kind = resource.RLIMIT_DATA if sys.platform == "linux" else resource.RLIMIT_AS
        resource.setrlimit(kind, (limit, limit))


def _is_users(path: str) -> bool:
    return "-packages" not in path and not path.startswith((_LIBRARY, _OURS))


def _changed(path: str) -> int | None:
    try:
        return os.stat(path).st_mtime_ns
    except OSError:
        return None


@functools.cache
def _c_library() -> Any:
    import ctypes

    return ctypes.CDLL(None)


def _flush_c_streams() -> None:
    """Let out what C code printed and its library still holds."""
    _c_library().fflush(None)


if __name__ == "__main__":
    main()
