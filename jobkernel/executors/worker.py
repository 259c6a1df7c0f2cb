"""A worker process: runs steps that its kernel sends, one at a time, until the kernel is gone.

Started by ``processes`` with one end of a socket. A thread listens, so that a cancel and the kernel's end are seen
while a step runs. What a step prints goes home as lines; what C code and children write to descriptors 1 and 2 the
kernel reads by itself.
"""

from __future__ import annotations

import contextlib
import faulthandler
import os
import pickle
import queue
import signal
import sys
import threading
from collections.abc import Mapping, Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Final

from jobkernel.errors import Interrupted
from jobkernel.executors import capture
from jobkernel.executors.cancel import CancelToken, is_interruptible
from jobkernel.executors.remote import run_task, unpacked_task
from jobkernel.executors.step_output import OutputLine

MEMORY_VARIABLE: Final = "JOBKERNEL_WORKER_MEMORY"
"""Bytes of data that a worker may allocate; not set for no limit."""
_WAKE: Final = signal.SIGUSR1


class Worker:
    """This process, as a worker."""

    def __init__(self, connection: Connection[Any, Any]) -> None:
        self._connection = connection
        self._sending = threading.Lock()  # protects the connection: lines are sent by other threads too
        self._tasks: queue.SimpleQueue[tuple[Any, bytes]] = queue.SimpleQueue()
        self._cancel = CancelToken()
        self._stamps: dict[str, int] = {}
        self._main = threading.main_thread().ident

    def serve(self) -> None:
        """Run what comes, until the kernel closes its end."""
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(_WAKE, _interrupt)
        threading.Thread(target=self._listen, name="jobkernel-worker-listener", daemon=True).start()
        while True:
            around, data = self._tasks.get()
            self._run(around, data)

    def _listen(self) -> None:
        with contextlib.suppress(EOFError, OSError):
            while True:
                word, *rest = pickle.loads(self._connection.recv_bytes())  # noqa: S301 - our own kernel's
                if word == "task":
                    self._cancel = CancelToken()
                    self._tasks.put((rest[0], rest[1]))
                elif word == "cancel":
                    self._cancel.request(forced=True)
                    signal.pthread_kill(self._main or 0, _WAKE)
        _end_with_children()

    def _run(self, around: Mapping[str, Any] | None, data: bytes) -> None:
        cancel = self._cancel
        if around is not None:
            _take_over(around)
        try:
            task = unpacked_task(data)
        except BaseException as error:  # noqa: BLE001 - what the step uses may not be importable here
            self._send("unreadable", f"{type(error).__name__}: {error}")
            return
        end = run_task(task, self._emit, self._lines, cancel)
        del task
        _flush_c_streams()
        self._send("end", end, self._is_stale())

    def _emit(self, event_type: str, body: dict[str, Any] | None) -> None:
        self._send("event", event_type, body)

    def _lines(self, lines: Sequence[OutputLine]) -> None:
        self._send("lines", [tuple(line) for line in lines])

    def _send(self, *message: Any) -> None:
        data = pickle.dumps(message, protocol=pickle.HIGHEST_PROTOCOL)
        with self._sending:
            self._connection.send_bytes(data)

    def _is_stale(self) -> bool:
        """Whether a module of the user's has changed on disk since it was imported here."""
        for name, module in list(sys.modules.items()):
            path = getattr(module, "__file__", None)
            if not path or "-packages" in path or path.startswith(_LIBRARY):
                continue
            with contextlib.suppress(OSError):
                changed = Path(path).stat().st_mtime_ns
                if self._stamps.setdefault(name, changed) != changed:
                    return True
        return False


_LIBRARY: Final = str(Path(os.__file__).parent)


def main() -> None:
    """Serve on the descriptor that the last argument names."""
    _limit_memory()
    faulthandler.enable(sys.stderr)
    capture.install()
    connection: Connection[Any, Any] = Connection(int(sys.argv[-1]))
    os.set_inheritable(connection.fileno(), False)
    os.register_at_fork(after_in_child=connection.close)  # a child must not keep the kernel waiting for our end
    Worker(connection).serve()


def _interrupt(_signal: int, _frame: object) -> None:
    """Stop the step where its own code runs; a blocking call returns for it."""
    if is_interruptible(threading.get_ident()):
        raise Interrupted("The step was asked to stop.")


def _take_over(around: Mapping[str, Any]) -> None:
    """Stand where the kernel stands: working directory, import path, environment."""
    with contextlib.suppress(OSError):
        os.chdir(around["cwd"])
    sys.path[:] = around["path"]
    for name in set(os.environ) - set(around["environ"]):
        del os.environ[name]
    os.environ.update(around["environ"])


def _limit_memory() -> None:
    limit = os.environ.get(MEMORY_VARIABLE)
    if limit:
        import resource

        kind = resource.RLIMIT_DATA if sys.platform == "linux" else resource.RLIMIT_AS
        resource.setrlimit(kind, (int(limit), int(limit)))


def _flush_c_streams() -> None:
    """Let out what C code printed and its library still holds."""
    import ctypes

    ctypes.CDLL(None).fflush(None)


def _end_with_children() -> None:
    """The kernel is gone: end this process, and what steps have started in its session."""
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    main()
