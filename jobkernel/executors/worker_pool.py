"""The worker processes of one kernel: at most so many at once, those without work kept warm for a while.

Knows no steps. Called by ``processes``, from the threads that follow steps.
"""

from __future__ import annotations

import threading
import time
from typing import Final

from jobkernel.errors import WorkerDied
from jobkernel.executors.cancel import CancelToken
from jobkernel.executors.worker_process import WorkerProcess

IDLE_S: Final = 300.0
"""How long a worker without work is kept warm."""


class WorkerPool:
    """At most ``size`` worker processes."""

    def __init__(self, size: int, memory_limit: int | None = None, *, idle_s: float = IDLE_S) -> None:
        self.size = size
        self.memory_limit = memory_limit
        self._idle_s = idle_s
        self._free = threading.Condition()  # protects all below
        self._idle: list[WorkerProcess] = []
        self._busy: list[WorkerProcess] = []
        self._starting = 0
        self._is_closed = False
        self._sweeping: threading.Timer | None = None

    def take(self, cancel: CancelToken) -> WorkerProcess | None:
        """Return a worker, as soon as one is free, or None where asked to stop before that.

        Raises:
            WorkerDied: the pool is closed, or the system starts no more processes.
        """
        call_off = cancel.on_cancel(self._wake)
        try:
            with self._free:
                self._free.wait_for(lambda: self._has_room or self._is_closed or cancel.is_requested)
                if self._is_closed:
                    raise WorkerDied("The worker processes of this kernel are closed.")
                if cancel.is_requested:
                    return None
                self._starting += 1
        finally:
            call_off()
        return self._started()

    def give_back(self, worker: WorkerProcess) -> int | None:
        """Take a worker back; one that may not be used again is ended, and its exit code returned."""
        worker.idle_since = time.monotonic()
        with self._free:
            self._busy.remove(worker)
            is_kept = worker.is_usable and not self._is_closed
            if is_kept:
                self._idle.append(worker)
                self._sweep_later()
            self._free.notify()
        return None if is_kept else worker.end()

    def close(self) -> None:
        """End every worker."""
        with self._free:
            self._is_closed = True
            idle, self._idle = self._idle, []
            busy = list(self._busy)
            if self._sweeping is not None:
                self._sweeping.cancel()
            self._free.notify_all()
        for worker in busy:
            worker.kill()
        for worker in idle:
            worker.end()

    def pids(self) -> list[int]:
        """Return the process ids of the workers."""
        with self._free:
            return [worker.pid for worker in (*self._idle, *self._busy)]

    @property
    def _has_room(self) -> bool:
        return len(self._busy) + self._starting < self.size

    def _wake(self) -> None:
        with self._free:
            self._free.notify_all()

    def _started(self) -> WorkerProcess:
        """Return a warm worker, or start one; not under the lock, since that takes a while."""
        worker = None
        try:
            worker = self._warm() or _start(self.memory_limit)
        finally:
            with self._free:
                self._starting -= 1
                if worker is not None:
                    self._busy.append(worker)
                    if self._is_closed:
                        worker.kill()
                self._free.notify()
        return worker

    def _warm(self) -> WorkerProcess | None:
        while True:
            with self._free:
                if not self._idle:
                    return None
                worker = self._idle.pop()
            if worker.is_alive and worker.memory_limit == self.memory_limit:
                return worker
            worker.end()

    def _sweep_later(self) -> None:
        """Look at the idle workers when the first of them has been idle long enough. Called under the lock."""
        if self._sweeping is None and self._idle and not self._is_closed:
            first = min(worker.idle_since for worker in self._idle)
            wait = max(0.0, first + self._idle_s - time.monotonic())
            self._sweeping = threading.Timer(wait, self._sweep)
            self._sweeping.daemon = True
            self._sweeping.name = "jobkernel-idle-workers"
            self._sweeping.start()

    def _sweep(self) -> None:
        with self._free:
            self._sweeping = None
            now = time.monotonic()
            old = [worker for worker in self._idle if now - worker.idle_since >= self._idle_s]
            self._idle = [worker for worker in self._idle if worker not in old]
            self._sweep_later()
        for worker in old:
            worker.end()


def _start(memory_limit: int | None) -> WorkerProcess:
    try:
        return WorkerProcess(memory_limit)
    except OSError as error:
        raise WorkerDied(
            f"No worker process could be started ({error.strerror or error}); end other processes, lower"
            " JobKernel.max_workers, or use '--executor threads'."
        ) from error
