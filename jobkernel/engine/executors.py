"""The executors of one kernel: worker processes and Dask clients, started when first needed, ended with the session.

Hands each run a runner for each of its steps. Knows no runs.
"""

from __future__ import annotations

import threading
from typing import Final

from jobkernel.executors.processes import ProcessRunner, TaskOf
from jobkernel.executors.runner import THREADS, Runner
from jobkernel.executors.worker_pool import WorkerPool
from jobkernel.rules.executor_choice import DASK, PROCESSES, ExecutorChoice

DRIVERS: Final = 256
"""How many steps in other processes one kernel follows at once; each costs a thread that waits."""


class Executors:
    """Makes runners, and keeps what they share."""

    def __init__(self, max_workers: int) -> None:
        self.default = "threads"
        self.max_workers = max_workers
        self.memory_limit: int | None = None
        self._lock = threading.Lock()  # protects what is started when first needed
        self._workers: WorkerPool | None = None

    def runner(self, choice: ExecutorChoice, task_of: TaskOf) -> Runner:
        """Return the runner of one run's steps on an executor.

        Raises:
            MissingDependency: the package that it needs is not installed.
        """
        if choice.name == PROCESSES:
            return ProcessRunner(self._pool(), task_of)
        if choice.name == DASK:
            raise NotImplementedError
        return THREADS

    def places(self, choice: ExecutorChoice) -> int:
        """Return how many steps an executor runs at once for this kernel."""
        return choice.max_concurrent or self.max_workers

    def worker_pids(self) -> list[int]:
        """Return the process ids of the worker processes."""
        return self._workers.pids() if self._workers is not None else []

    def close(self) -> None:
        """End all worker processes and leave all clusters."""
        with self._lock:
            workers, self._workers = self._workers, None
        if workers is not None:
            workers.close()

    def _pool(self) -> WorkerPool:
        with self._lock:
            if self._workers is None:
                self._workers = WorkerPool(self.max_workers)
            self._workers.size = self.max_workers
            self._workers.memory_limit = self.memory_limit
            return self._workers
