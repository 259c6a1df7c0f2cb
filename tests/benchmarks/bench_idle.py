"""What an idle session costs: memory and CPU of the kernel's part and of the project server."""

from __future__ import annotations

import gc
import time

import psutil

import jobkernel as jk
from tests.benchmarks.bench_definitions import entries
from tests.benchmarks.bench_runs import a_session

ASSETS = 500
IDLE_S = 5.0


def measure() -> dict[str, float]:
    """Return megabytes and percent of one core, with five hundred assets defined and nothing to do."""
    me = psutil.Process()
    gc.collect()
    before = me.memory_info().rss
    with a_session() as session:
        for entry in entries(jk, ASSETS):
            session.define(entry)
        session.freshness.verdicts()
        server = psutil.Process(session.history.request("status")["pid"])
        time.sleep(1.0)
        used = [process.cpu_times() for process in (me, server)]
        time.sleep(IDLE_S)
        after = [process.cpu_times() for process in (me, server)]
        seconds = [(b.user + b.system) - (a.user + a.system) for a, b in zip(used, after, strict=True)]
        return {
            "idle_kernel_mb": (me.memory_info().rss - before) / 1e6,
            "idle_server_mb": server.memory_info().rss / 1e6,
            "idle_cpu_kernel_percent": seconds[0] / IDLE_S * 100,
            "idle_cpu_server_percent": seconds[1] / IDLE_S * 100,
        }
