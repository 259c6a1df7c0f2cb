"""Steps and runs: without history, with it, and beside Dagster where it is installed."""

from __future__ import annotations

import logging
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import jobkernel as jk
from jobkernel.engine.opening import open_session
from jobkernel.engine.session import Session
from jobkernel.model.runs import Launch
from jobkernel.rules.graph_plan import plan_graph
from jobkernel.storage.control import stop_server
from tests.benchmarks.graphs import Edges, chain, fan, job_of, layered
from tests.benchmarks.timing import median_ms, process_ms

GRAPHS: dict[str, Edges] = {"chain": chain(1000), "fan": fan(1000), "layered": layered(1000)}
HERE = Launch()
SCRIPT = """
import {module} as dg

@dg.asset
def one():
    return 1

assert dg.materialize([one]).success
"""
KEPT = """
from pathlib import Path
import jobkernel as jk
from jobkernel.engine.opening import open_session

@jk.asset
def one():
    return 1

session = open_session(folder=Path({folder!r})).session
session.add(one)
session.launch(session.plan(["one"])).wait().raise_for_status()
session.close()
"""
"""A fresh process that makes an asset and ends: in itself, or with its run in the history of a running server."""
WORKER_STEPS = 50
PEER_STEPS = 60
"""Dagster runs smaller graphs: its time per step does not fall with their size."""


@contextmanager
def a_session() -> Iterator[Session]:
    """Open a session on a fresh project with its own server, and end both."""
    with tempfile.TemporaryDirectory() as folder:
        before = os.environ.get("JUPYTER_RUNTIME_DIR")
        os.environ["JUPYTER_RUNTIME_DIR"] = str(Path(folder, "rt"))
        project = Path(folder, "project")
        project.mkdir()
        session = open_session(folder=project).session
        try:
            yield session
        finally:
            session.close()
            stop_server(project)
            os.environ.pop("JUPYTER_RUNTIME_DIR")
            if before is not None:
                os.environ["JUPYTER_RUNTIME_DIR"] = before


def measure() -> dict[str, float]:
    """Return our figures: milliseconds a step or a run."""
    found: dict[str, float] = {}
    for name, edges in GRAPHS.items():
        job = job_of(jk, name, edges)
        found[f"step_no_history_{name}_ms"] = median_ms(job.execute_in_process, 5) / len(edges)
    with a_session() as session:
        for name, edges in GRAPHS.items():
            plan = plan_of(job_of(jk, name, edges))
            found[f"step_with_history_{name}_ms"] = median_ms(lambda plan=plan: _run(session, plan), 5) / len(edges)
        one = plan_of(job_of(jk, "one", chain(1)))
        found["one_step_run_durable_ms"] = median_ms(lambda: _run(session, one), 200, warm=10)
        found["200_one_step_runs_s"] = median_ms(lambda: [_run(session, one) for _ in range(200)], 3, warm=0) / 1e3
        found["submit_to_first_step_ms"] = _to_first_step(session)
        found["import_run_kept_exit_ms"] = process_ms(KEPT.format(folder=str(session.project)))
        deep = plan_of(job_of(jk, "deep", chain(10_000)))
        found["chain_of_10000_s"] = median_ms(lambda: _run(session, deep), 1, warm=0) / 1e3
    found["import_materialize_exit_ms"] = process_ms(SCRIPT.format(module="jobkernel"))
    return found | worker_steps()


def plan_of(job: Any) -> Any:
    """Return the plan of an op job."""
    return plan_graph(job.graph, job)


def worker_steps() -> dict[str, float]:
    """Return the ms of a step in a worker process: of a chain in one that is warm, of the first one of a kernel."""
    in_workers = Launch(executor="processes")
    with a_session() as session:
        many = plan_of(job_of(jk, "many", chain(WORKER_STEPS)))
        warm = median_ms(lambda: _run(session, many, in_workers), 5) / WORKER_STEPS
        one = plan_of(job_of(jk, "one", chain(1)))

        def cold() -> None:
            session.executors.close()
            _run(session, one, in_workers)

        return {"worker_step_warm_ms": warm, "worker_step_cold_ms": median_ms(cold, 7)}


def _run(session: Session, plan: Any, choice: Launch = HERE) -> None:
    handle = session.launch(plan, choice).wait(300)
    assert handle.success, handle.failure_sentence()


def _to_first_step(session: Session) -> float:
    """Return the median ms from asking for a run to its first step's body."""
    times: list[float] = []
    began = 0.0

    @jk.op
    def first() -> None:
        times.append((time.perf_counter() - began) * 1e3)

    @jk.job
    def stamped() -> None:
        first()

    plan = plan_of(stamped)
    for _ in range(100):
        began = time.perf_counter()
        session.launch(plan).wait(10)
    return sorted(times)[len(times) // 2]


def measure_peer() -> dict[str, float]:
    """Return Dagster's figures for the same, in this hour."""
    import dagster as dg

    logging.disable(logging.CRITICAL)
    found: dict[str, float] = {}
    try:
        for name, edges in (("chain", chain(PEER_STEPS)), ("fan", fan(PEER_STEPS)), ("layered", layered(PEER_STEPS))):
            job = job_of(dg, name, edges)
            found[f"step_no_history_{name}_ms"] = median_ms(job.execute_in_process, 3) / len(edges)
            with dg.DagsterInstance.local_temp() as instance:
                found[f"step_with_history_{name}_ms"] = median_ms(
                    lambda job=job, instance=instance: job.execute_in_process(instance=instance), 2
                ) / len(edges)
        one = job_of(dg, "one", chain(1))
        with dg.DagsterInstance.local_temp() as instance:
            found["one_step_run_durable_ms"] = median_ms(lambda: one.execute_in_process(instance=instance), 20)
        found["import_materialize_exit_ms"] = process_ms(SCRIPT.format(module="dagster"), 3)
        found["worker_step_warm_ms"] = found["worker_step_cold_ms"] = peer_worker_step()
    finally:
        logging.disable(logging.NOTSET)
    return found


def peer_chain() -> Any:
    """A chain in Dagster's worker processes, importable from there."""
    import dagster as dg

    return job_of(dg, "peer_chain", chain(3))


def peer_worker_step() -> float:
    """Return the ms of a step under Dagster's multiprocess executor, which starts a process for each."""
    import dagster as dg

    with dg.DagsterInstance.local_temp() as instance:
        rebuilt = dg.reconstructable(peer_chain)
        return median_ms(lambda: dg.execute_job(rebuilt, instance=instance), 2, warm=0) / 3
