"""The workers of a kernel's own Dask cluster: processes that are started, started again when they die, and ended.

A worker leads a session of its own, so killing its group takes the children of its step along. Each attempt leaves a
mark in a folder that the workers share, so that none begins twice. Knows no Dask; ``dask_cluster`` calls it.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import IO, Final

from jobkernel.executors.worker_process import _children_in_other_groups as children_in_other_groups

_START: Final = (
    "import sys; sys.path.insert(0, sys.argv.pop()); from jobkernel.executors.dask_worker import main; main()"
)
_PACKAGES: Final = str(Path(__file__).resolve().parents[2])
FUTILE: Final = 3
"""How many workers may die one after the other before one of them has run a step."""
FORGOTTEN_S: Final = 30.0
"""How long Dask may take to forget a task that nobody wants any more; until then it may give it to another worker."""
CODE_S: Final = 5.0
"""How long the end of a process that a scheduler misses may take."""


class OwnWorkers:
    """The worker processes of one cluster. Safe from any thread."""

    def __init__(
        self,
        count: int,
        memory_limit: int | None,
        on_death: Callable[[int], None],
        on_futile: Callable[[str], None],
    ) -> None:
        self.count = count
        self.memory_limit = memory_limit
        self._on_death = on_death
        self._on_futile = on_futile
        self.folder = Path(tempfile.mkdtemp(prefix="jobkernel-dask-"))
        self.marks = str(self.folder / "marks")
        Path(self.marks).mkdir()
        self._changed = threading.Condition()  # protects what follows
        self._processes: dict[int, subprocess.Popen[bytes]] = {}
        self._lifelines: dict[int, int] = {}
        self._codes: dict[int, int] = {}
        self._over: deque[tuple[float, str]] = deque()
        self._deaths = 0
        self._is_closing = False
        self._threads: list[threading.Thread] = []
        _all.add(self)
        atexit.register(self.close)

    def start(self, address: str) -> None:
        """Start the workers of the scheduler at ``address``; returns at once."""
        for number in range(self.count):
            thread = threading.Thread(
                target=self._keep_alive, args=(address, number), name="jobkernel-dask-watch", daemon=True
            )
            self._threads.append(thread)
            thread.start()

    def pid_of(self, key: str) -> int | None:
        """Return the process that has begun an attempt; None where none has."""
        try:
            return int((Path(self.marks) / mark_of(key)).read_text() or 0)
        except OSError:
            return None

    def forget(self, key: str) -> None:
        """Remove the mark of an attempt that is over, when Dask has surely forgotten it, too."""
        with self._changed:
            if self._deaths and self.pid_of(key) is not None:
                self._deaths = 0  # workers do run steps
            self._over.append((time.monotonic(), key))
            while self._over[0][0] < time.monotonic() - FORGOTTEN_S:
                _, forgotten = self._over.popleft()
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(os.path.join(self.marks, mark_of(forgotten)))

    def exit_code(self, pid: int) -> int | None:
        """Return with what a worker ended that the scheduler misses; None where it lives after all."""
        with self._changed:
            self._changed.wait_for(lambda: pid in self._codes, CODE_S)
            return self._codes.get(pid)

    def kill(self, pid: int) -> None:
        """Kill a worker with what its step started; another takes its place."""
        with self._changed:
            if pid not in self._processes:
                return
            strays = children_in_other_groups(pid)
            _kill_group(pid)
        for stray in strays:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(stray, signal.SIGKILL)

    def close(self) -> None:
        """End all workers, whatever they do."""
        with self._changed:
            self._is_closing = True
            for pid in self._processes:
                _kill_group(pid)
        for thread in self._threads:
            thread.join()
        _all.discard(self)
        atexit.unregister(self.close)
        shutil.rmtree(self.folder, ignore_errors=True)

    def let_go(self) -> None:
        """Close this process's ends of the lifelines, and leave the workers alone from now on."""
        atexit.unregister(self.close)
        for lifeline in self._lifelines.values():
            os.close(lifeline)
        self._lifelines.clear()

    def _keep_alive(self, address: str, number: int) -> None:
        while (process := self._started(address, number)) is not None:
            if not self._has_ended(process.pid, process.wait()):
                return

    def _started(self, address: str, number: int) -> subprocess.Popen[bytes] | None:
        name = f"{number}-{len(self._codes)}"
        with self._changed:
            if self._is_closing:
                return None
            with _forks:
                their_end, lifeline = os.pipe()
                arguments = [address, name, str(self.folder), str(their_end), str(self.memory_limit or 0), _PACKAGES]
                try:
                    with self._written(f"{name}.out") as out, self._written(f"{name}.err") as err:
                        process = subprocess.Popen(
                            [sys.executable, "-c", _START, *arguments],
                            pass_fds=[their_end],
                            stdin=subprocess.DEVNULL,
                            stdout=out,
                            stderr=err,
                            start_new_session=True,
                        )
                finally:
                    os.close(their_end)
                self._lifelines[process.pid] = lifeline
            self._processes[process.pid] = process
            return process

    def _written(self, name: str) -> IO[bytes]:
        """Open a file for what a worker writes to a descriptor; it reads it there itself, and leaves no name."""
        path = self.folder / name
        file = path.open("a+b", buffering=0)
        path.unlink()
        return file

    def _has_ended(self, pid: int, code: int) -> bool:
        """Note a worker's end; return whether another should take its place."""
        _kill_group(pid)  # children of a worker that ended by itself
        with self._changed:
            del self._processes[pid]
            self._codes[pid] = code
            self._changed.notify_all()
            with _forks:
                lifeline = self._lifelines.pop(pid, None)
                if lifeline is not None:
                    os.close(lifeline)
            if self._is_closing:
                return False
            self._deaths += 1
            is_futile = self._deaths >= FUTILE * self.count
        self._on_death(pid)
        if is_futile:
            limited = " JobKernel.worker_memory_limit may be too small for them." if self.memory_limit else ""
            self._on_futile(f"its workers end with code {code} before they run a step.{limited}")
        return not is_futile


def mark_of(key: str) -> str:
    """Return the name of an attempt's mark: the random end of its key."""
    return key.rpartition("-")[2]


def _kill_group(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


_forks: Final = threading.RLock()  # held while lifelines are made and closed: no fork of the user's may come between
_all: Final[weakref.WeakSet[OwnWorkers]] = weakref.WeakSet()


def _after_fork_in_child() -> None:
    """A forked child of the kernel's must not keep workers alive when the kernel is gone."""
    try:
        for workers in list(_all):
            workers.let_go()
        _all.clear()
    finally:
        _forks.release()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_forks.acquire, after_in_parent=_forks.release, after_in_child=_after_fork_in_child)
