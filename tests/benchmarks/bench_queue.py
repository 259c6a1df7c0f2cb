"""The run queue under load, and whether memory stays flat: decisions a second, and a soak of 10 000 runs, plotted."""

from __future__ import annotations

import gc
import json
import random
import statistics
import time
from collections import deque
from itertools import pairwise
from pathlib import Path
from typing import Any

import psutil

import jobkernel as jk
from jobkernel.engine.entries import Entry
from jobkernel.rules.admission import QueuedRun, RunLine
from jobkernel.rules.limits import Limits, read_tag_limits
from jobkernel.rules.slots import Slots
from tests.benchmarks.bench_runs import a_session

QUEUED = 10_000
SOAK_RUNS = 10_000
SAMPLE_EVERY = 250
NEXT_RUNS = 100
SETTLED_AT = 0.3
"""The share of the runs after which memory should stand still: pools, caches and kept runs are full by then."""


def measure() -> dict[str, float]:
    """Return decisions a second, and how much memory grows over the later runs of the soak (MB in each 1 000 runs)."""
    return {"queue_decisions_per_s": decisions_per_second(), "freed_to_next_start_ms": freed_to_next(), **soak()}


def decisions_per_second() -> float:
    """Admit 10 000 queued runs with priorities, three kinds of tag limits and two pools, in order, ten at a time."""
    chance = random.Random(1)
    limits = Limits(
        tags=read_tag_limits(
            [
                {"key": "team", "value": {"applyLimitPerUniqueValue": True}, "limit": 2},
                {"key": "db", "value": "tiny", "limit": 1},
                {"key": "heavy", "limit": 3},
            ]
        ),
        pools={"disk": 2, "gpu": 1},
    )
    slots = Slots(limits)
    line = RunLine(limits, slots)
    began = time.perf_counter()
    for number in range(QUEUED):
        line.add(_random_run(number, chance))
    running: deque[str] = deque()
    while line.waiting or running:
        running.extend(run.run_id for run in line.admit())
        ended = running.popleft()
        line.end(ended)
        for pool in slots.release_run(ended):
            line.pool_freed(pool)
    return QUEUED / (time.perf_counter() - began)


def _random_run(number: int, chance: random.Random) -> QueuedRun:
    tags = {"team": f"team-{chance.randrange(50)}"}
    if chance.random() < 0.3:
        tags["db"] = chance.choice(["tiny", "big"])
    if chance.random() < 0.2:
        tags["heavy"] = "yes"
    pools = chance.sample(["disk", "gpu"], chance.randrange(3))
    roots = dict.fromkeys(pools, 1) if chance.random() < 0.5 else {}
    return QueuedRun(
        run_id=str(number),
        arrived=number,
        priority=chance.randrange(5),
        tags=tags,
        pools=frozenset(pools),
        roots=roots,
    )


def freed_to_next() -> float:
    """Return the median milliseconds from one run's last step to the first of the next run, under a limit of 1."""
    moments: list[tuple[float, float]] = []

    @jk.op
    def step() -> None:
        began = time.perf_counter()
        moments.append((began, time.perf_counter()))

    @jk.job
    def one_by_one() -> None:
        step()

    with a_session() as session:
        session.define(Entry(kind="job", name="one_by_one", record=one_by_one))
        session.history.request("set_setting", name="max_concurrent_runs", value=0)
        handles = [session.launch(session.plan_job("one_by_one")) for _ in range(NEXT_RUNS)]
        session.history.request("set_setting", name="max_concurrent_runs", value=1)
        for handle in handles:
            handle.wait()
    moments.sort()
    return statistics.median((after[0] - before[1]) * 1e3 for before, after in pairwise(moments))


def soak() -> dict[str, float]:
    """Run one-step jobs one after another; sample the memory of this process and of the project server."""
    me = psutil.Process()
    samples: list[dict[str, float]] = []

    @jk.op
    def step() -> int:
        return 1

    @jk.job
    def soaked() -> None:
        step()

    with a_session() as session:
        session.define(Entry(kind="job", name="soaked", record=soaked))
        server = psutil.Process(session.history.request("status")["pid"])
        began = time.perf_counter()
        for number in range(SOAK_RUNS + 1):
            if number % SAMPLE_EVERY == 0:
                gc.collect()
                kernel_mb, server_mb = (process.memory_info().rss / 1e6 for process in (me, server))
                samples.append({"runs": number, "kernel_mb": kernel_mb, "server_mb": server_mb})
            session.launch(session.plan_job("soaked")).wait()
        seconds = time.perf_counter() - began
    _plot(samples)
    later = [sample for sample in samples if sample["runs"] >= SOAK_RUNS * SETTLED_AT]
    return {
        "soak_runs_per_s": SOAK_RUNS / seconds,
        "soak_kernel_mb_per_1000_runs": _slope(later, "kernel_mb"),
        "soak_server_mb_per_1000_runs": _slope(later, "server_mb"),
    }


def _slope(samples: list[dict[str, float]], name: str) -> float:
    fit = statistics.linear_regression([sample["runs"] for sample in samples], [sample[name] for sample in samples])
    return fit.slope * 1000


def _plot(samples: list[dict[str, Any]]) -> None:
    folder = Path("bench-results")
    folder.mkdir(exist_ok=True)
    (folder / "soak.json").write_text(json.dumps(samples, indent=1))
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(7, 3))
    for name, label in (("kernel_mb", "kernel"), ("server_mb", "project server")):
        axes.plot([sample["runs"] for sample in samples], [sample[name] for sample in samples], label=label)
    axes.set(xlabel="runs", ylabel="resident MB", ylim=(0, None))
    axes.legend()
    figure.tight_layout()
    figure.savefig(folder / "soak.svg")
    pyplot.close(figure)
