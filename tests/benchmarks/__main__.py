"""``python -m tests.benchmarks [NAME …]``: print a table of our figures beside Dagster's, and write them as JSON."""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import time
from pathlib import Path
from typing import Any

from tests.benchmarks import (
    bench_dask,
    bench_definitions,
    bench_idle,
    bench_partitions,
    bench_queue,
    bench_runs,
    bench_scheduler,
    bench_storage,
    bench_ticks,
)
from tests.benchmarks.timing import calibration_ms

BENCHES: dict[str, Any] = {
    "idle": bench_idle,
    "definitions": bench_definitions,
    "runs": bench_runs,
    "storage": bench_storage,
    "dask": bench_dask,
    "queue": bench_queue,
    "ticks": bench_ticks,
    "scheduler": bench_scheduler,
    "partitions": bench_partitions,
}
BUDGETS: dict[str, float] = {
    "import_ms": 60, "register_10000_ms": 150, "redefine_one_of_500_ms": 1, "redefine_one_of_10000_ms": 3,
    "select_up_and_down_1000_ms": 0.1, "select_up_and_down_10000_ms": 1.5, "graph_json_1000_ms": 5,
    "graph_json_5000_ms": 25, "step_no_history_chain_ms": 0.02, "step_no_history_fan_ms": 0.02,
    "step_no_history_layered_ms": 0.02, "step_with_history_chain_ms": 0.1, "step_with_history_fan_ms": 0.1,
    "step_with_history_layered_ms": 0.1, "one_step_run_durable_ms": 5, "submit_to_first_step_ms": 5,
    "worker_step_warm_ms": 2, "worker_step_cold_ms": 120,
    "idle_kernel_mb": 40, "idle_server_mb": 80, "idle_cpu_kernel_percent": 0.2, "idle_cpu_server_percent": 0.2,
    "emit_us": 2, "latest_100_runs_ms": 3, "one_runs_events_ms": 3, "one_assets_latest_ms": 3,
    "durable_at_1000_a_second_ms": 5, "freed_to_next_start_ms": 20, "layout_50_ms": 3, "layout_1000_ms": 60,
    "layout_10000_ms": 1100, "next_tick_first_us": 30, "next_tick_unchanged_us": 0.5, "month_of_1000_schedules_s": 10,
    "month_of_1000_schedules_every_minute_s": 10, "late_1000_p99_ms": 50, "late_ticks_most_ms": 50,
    "due_200_durable_ms": 50, "scheduler_idle_kernel_percent": 0.2, "scheduler_idle_server_percent": 0.2,
    "status_of_10000_ms": 20, "import_run_kept_exit_ms": 400,
}  # fmt: skip
"""The most that each figure should be; ``docs/performance.md`` says where one is missed and why."""


def main() -> int:
    """Run what is asked for and print the table."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks")
    parser.add_argument("names", nargs="*", choices=[*BENCHES, []], help="which benchmarks (all)")
    parser.add_argument("--no-peer", action="store_true", help="leave Dagster out")
    given = parser.parse_args()
    os.environ.setdefault("DAGSTER_DISABLE_TELEMETRY", "1")
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # installed code is compiled once, not by each process
    ours, theirs, calibration = {}, {}, calibration_ms()
    for name in given.names or BENCHES:
        bench = BENCHES[name]
        ours |= bench.measure()
        if hasattr(bench, "measure_peer") and not given.no_peer:
            theirs |= bench.measure_peer()
    _print(ours, theirs)
    _write({"calibration_ms": calibration, "python": platform.python_version(), "ours": ours, "dagster": theirs})
    return 0


def _print(ours: dict[str, float], theirs: dict[str, float]) -> None:
    line = "{:<34} {:>12} {:>12} {:>9} {:>10}"
    print(line.format("figure", "jobkernel", "dagster", "ratio", "budget"))
    for name, value in ours.items():
        peer = theirs.get(name)
        ratio = f"{peer / value:,.0f}×" if peer and value > 0 else ""
        budget = BUDGETS.get(name)
        mark = "" if budget is None else f"{budget:g}" + ("" if value <= budget else " !")
        print(line.format(name, f"{value:,.3f}", "" if peer is None else f"{peer:,.1f}", ratio, mark))


def _write(result: dict[str, Any]) -> None:
    folder = Path("bench-results")
    folder.mkdir(exist_ok=True)
    path = folder / f"{time.strftime('%Y%m%d-%H%M%S')}.json"
    path.write_text(json.dumps(result, indent=1))
    print(f"written to {path}", file=sys.stderr)


if __name__ == "__main__":
    raise SystemExit(main())
