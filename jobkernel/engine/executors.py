"""The executors of one kernel: worker processes and Dask clients, started when first needed, ended with the session.

Hands each run a runner for each of its steps. Knows no runs.
"""

from __future__ import annotations

import os
import threading
from importlib.util import find_spec
from typing import Final

from jobkernel.errors import MissingDependency
from jobkernel.executors.dask_cluster import DaskCluster
from jobkernel.executors.dask_runner import DaskRunner
from jobkernel.executors.processes import ProcessRunner, TaskOf
from jobkernel.executors.runner import IN_PROCESS as IN_PROCESS_RUNNER
from jobkernel.executors.runner import THREADS, Runner
from jobkernel.executors.worker_pool import WorkerPool
from jobkernel.rules.executor_choice import DASK, IN_PROCESS, PROCESSES, ExecutorChoice

DRIVERS: Final = 256
"""How many steps in other processes one kernel follows at once; each costs a thread that waits."""
SENT_AHEAD: Final = 16
"""Steps that a Dask cluster is given for each that it runs at once, so that they go in groups and no worker waits."""
SENT_ELSEWHERE: Final = 64
"""Steps that a Dask cluster of unknown size is given at once."""


class Executors:
    """Makes runners, and keeps what they share."""

    def __init__(self, max_workers: int) -> None:
        self.default = "threads"
        self.max_workers = max_workers
        self.memory_limit: int | None = None
        self._lock = threading.Lock()  # protects what is started when first needed
        self._workers: WorkerPool | None = None
        self._clusters: dict[str | None, DaskCluster] = {}

    def runner(self, choice: ExecutorChoice, task_of: TaskOf) -> Runner:
        """Return the runner of one run's steps on an executor.

        Raises:
            MissingDependency: the package that it needs is not installed.
        """
        if choice.name == PROCESSES:
            return ProcessRunner(self._pool(), task_of)
        if choice.name == DASK:
            return DaskRunner(self._cluster(choice.address), task_of)
        return IN_PROCESS_RUNNER if choice.name == IN_PROCESS else THREADS

    def places(self, choice: ExecutorChoice) -> int:
        """Return how many steps an executor runs at once for this kernel."""
        if choice.max_concurrent:
            return choice.max_concurrent
        if choice.name == DASK:
            return SENT_ELSEWHERE if choice.address else SENT_AHEAD * self._dask_workers()
        return self.max_workers

    def worker_pids(self) -> list[int]:
        """Return the process ids of the worker processes."""
        return self._workers.pids() if self._workers is not None else []

    def close(self) -> None:
        """End all worker processes and leave all clusters."""
        with self._lock:
            workers, self._workers = self._workers, None
            clusters, self._clusters = list(self._clusters.values()), {}
        if workers is not None:
            workers.close()
        for cluster in clusters:
            cluster.close()

    def _pool(self) -> WorkerPool:
        with self._lock:
            if self._workers is None:
                self._workers = WorkerPool(self.max_workers)
            self._workers.size = self.max_workers
            self._workers.memory_limit = self.memory_limit
            return self._workers

    def _cluster(self, address: str | None) -> DaskCluster:
        """Return the cluster at an address (None: this kernel's own); a new one where the last was lost or outgrown."""
        if find_spec("distributed") is None:
            raise MissingDependency("The executor 'dask' needs a package: run pip install 'jobkernel[dask]' first.")
        wanted = (self._dask_workers(), self.memory_limit) if address is None else (0, None)
        with self._lock:
            cluster = self._clusters.get(address)
            if cluster is not None and (cluster.is_lost or (cluster.workers, cluster.memory_limit) != wanted):
                cluster.retire()
                cluster = None
            if cluster is None:
                cluster = self._clusters[address] = DaskCluster(address, *wanted)
            return cluster

    def _dask_workers(self) -> int:
        return min(self.max_workers, os.cpu_count() or 1)
