"""Steps on a Dask cluster of this machine, beside bare ``client.submit`` on a cluster of the same size."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import jobkernel as jk
from jobkernel.engine.session import Session
from jobkernel.model.runs import Launch
from tests.benchmarks.bench_runs import a_session, plan_of
from tests.benchmarks.graphs import chain, fan, job_of

FAN, CHAIN, ROUNDS = 1000, 100, 5


def measure() -> dict[str, float]:
    """Return milliseconds a step: ours, bare Dask's, and how many times as long ours take."""
    with a_session() as session, _bare(session.executors._dask_workers()) as client:
        works: dict[str, Callable[[], None]] = {
            "dask_fan": _ours(session, "fan", fan(FAN)),
            "bare_dask_fan": lambda: _bare_fan(client),
            "dask_chain": _ours(session, "chain", chain(CHAIN)),
            "bare_dask_chain": lambda: _bare_chain(client),
            "bare_dask_one_by_one": lambda: _bare_round_trips(client),
        }
        times: dict[str, list[float]] = {name: [] for name in works}
        for turn in range(ROUNDS + 1):
            for name, work in works.items():  # in turns: what else the machine does meets all of them
                began = time.perf_counter()
                work()
                if turn:
                    times[name].append(time.perf_counter() - began)
    sizes = {name: FAN if name.endswith("fan") else CHAIN for name in works}
    found = {f"{name}_ms": sorted(each)[len(each) // 2] * 1e3 / sizes[name] for name, each in times.items()}
    for shape in ("fan", "chain"):
        found[f"dask_{shape}_times_bare"] = found[f"dask_{shape}_ms"] / found[f"bare_dask_{shape}_ms"]
    return found


def _ours(session: Session, name: str, edges: dict[str, list[str]]) -> Callable[[], None]:
    plan = plan_of(job_of(jk, name, edges))

    def work() -> None:
        handle = session.launch(plan, Launch(executor="dask")).wait(300)
        assert handle.success, handle.failure_sentence()

    return work


@contextmanager
def _bare(workers: int) -> Iterator[Any]:
    from distributed import Client, LocalCluster

    with (
        LocalCluster(n_workers=workers, threads_per_worker=1, dashboard_address=None, silence_logs=50) as cluster,
        Client(cluster) as client,
    ):
        yield client


def _bare_fan(client: Any) -> None:
    source = client.submit(_none, pure=False)
    middle = [client.submit(_one, source, pure=False) for _ in range(FAN - 2)]
    client.submit(sum, middle, pure=False).result()


def _bare_chain(client: Any) -> None:
    last = client.submit(_none, pure=False)
    for _ in range(CHAIN - 1):
        last = client.submit(_one, last, pure=False)
    last.result()


def _bare_round_trips(client: Any) -> None:
    for _ in range(CHAIN):
        client.submit(_none, pure=False).result()


def _none() -> int:
    return 1


def _one(given: int) -> int:
    return given
