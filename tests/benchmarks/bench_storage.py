"""How fast the history takes events and answers: through the socket, into the real schema, on a real disk.

``measure()`` returns milliseconds, microseconds or events a second by name; run as a script it prints them.
"""

from __future__ import annotations

import contextlib
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from jobkernel.model.events import Event
from jobkernel.storage.client import HistoryClient
from jobkernel.storage.control import stop_server

RUNS = 50_000
EVENTS_A_RUN = 20
ASSETS = 2_000


def measure(runs: int = RUNS) -> dict[str, float]:
    """Return every figure; ``runs`` is the size of the history that is asked."""
    with tempfile.TemporaryDirectory() as folder, _environment(folder):
        project = Path(folder, "project")
        project.mkdir()
        found: dict[str, float] = {}
        client = HistoryClient.connect(project, kernel_id="bench", notebook="bench.ipynb", linger_s=1.0)
        try:
            found |= _one_step_runs(client)
            found |= _steady(client)
            found |= _burst(client)
            found |= _fill(client, runs)
            found |= _questions(client, runs)
            found["server_memory_mb"] = _memory_mb(client.request("status")["pid"])
        finally:
            client.close()
            stop_server(project)
    return found


@contextlib.contextmanager
def _environment(folder: str) -> Iterator[None]:
    before = os.environ.get("JUPYTER_RUNTIME_DIR")
    os.environ["JUPYTER_RUNTIME_DIR"] = str(Path(folder, "rt"))
    try:
        yield
    finally:
        os.environ.pop("JUPYTER_RUNTIME_DIR")
        if before is not None:
            os.environ["JUPYTER_RUNTIME_DIR"] = before


def _run(number: int, steps: int = 1) -> list[Event]:
    run_id, at = f"{number:08d}-0000-4000-8000-000000000000", 1_700_000_000_000_000 + number * 1_000_000
    body = {"job_name": f"job_{number % 20}", "tags": {"team": "a"}, "trigger": "manual", "kernel_id": "bench"}
    events = [Event("RUN_ENQUEUED", run_id, None, at, body), Event("RUN_START", run_id, None, at + 1)]
    for step in range(steps):
        key = f"step_{step}"
        events += [
            Event("STEP_START", run_id, key, at + 2, {"attempt": 1, "executor": "threads"}),
            Event("STEP_OUTPUT", run_id, key, at + 3, {"name": "result", "type": "Any"}),
            Event("HANDLED_OUTPUT", run_id, key, at + 4, {"name": "result", "path": "values/x.parquet"}),
            Event("STEP_SUCCESS", run_id, key, at + 5, {"attempt": 1, "duration_s": 0.01}),
        ]
    return [*events, Event("RUN_SUCCESS", run_id, None, at + 900_000)]


def _one_step_runs(client: HistoryClient) -> dict[str, float]:
    def one(number: int) -> None:
        client.emit_many(_run(10_000_000 + number))
        client.flush()

    submitted = _median_ms(lambda number: client.request("submit_runs", runs=[{"run_id": f"submitted-{number}"}]), 200)
    for number in range(200):
        client.emit(Event("RUN_CANCELED", f"submitted-{number}", None, 1))
    client.flush()
    return {"one_step_run_durable_ms": _median_ms(one, 300), "submit_run_ms": submitted}


def _steady(client: HistoryClient) -> dict[str, float]:
    """A thousand events a second, ten at a time: how long until each ten are durable."""
    waits = []
    for number in range(200):
        began = time.perf_counter()
        client.emit_many(Event("STEP_OUTPUT", "steady", "x", number, {"name": "result"}) for _ in range(10))
        client.flush()
        waits.append((time.perf_counter() - began) * 1e3)
        time.sleep(max(0.0, 0.01 - (time.perf_counter() - began)))
    waits.sort()
    return {"durable_at_1000_a_second_ms": statistics.median(waits), "durable_p99_ms": waits[int(len(waits) * 0.99)]}


def _burst(client: HistoryClient) -> dict[str, float]:
    events = [event for number in range(15_000) for event in _run(20_000_000 + number)]
    costs = []
    began = time.perf_counter()
    for event in events:
        client.emit(event)
    costs.append((time.perf_counter() - began) / len(events) * 1e6)
    client.flush(120)
    return {"emit_us": costs[0], "durable_events_a_second": len(events) / (time.perf_counter() - began)}


def _fill(client: HistoryClient, runs: int) -> dict[str, float]:
    began = time.perf_counter()
    count = 0
    for number in range(runs):
        events = _run(number, (EVENTS_A_RUN - 3) // 4)
        made = {"asset_key": f"asset_{number % ASSETS}", "metadata": {"rows": number}, "data_version": "v"}
        events.insert(-1, Event("ASSET_MATERIALIZATION", events[0].run_id, "step_0", events[0].occurred_at + 6, made))
        client.emit_many(events)
        count += len(events)
        if number % 2_000 == 0:
            client.flush(120)
    client.flush(120)
    return {"fill_events_a_second": count / (time.perf_counter() - began), "events": float(count)}


def _questions(client: HistoryClient, runs: int) -> dict[str, float]:
    run_ids = [_run(number * 37 % runs)[0].run_id for number in range(100)]
    asked: dict[str, Callable[[int], object]] = {
        "latest_100_runs_ms": lambda _: client.query("latest_runs", limit=100),
        "latest_100_of_a_job_ms": lambda number: client.query("latest_runs", job_name=f"job_{number % 20}"),
        "latest_100_failed_ms": lambda _: client.query("latest_runs", status="FAILURE"),
        "one_run_ms": lambda number: client.query("run", run_id=run_ids[number]),
        "one_runs_steps_ms": lambda number: client.query("run_steps", run_id=run_ids[number]),
        "one_runs_events_ms": lambda number: client.query("run_events", run_id=run_ids[number]),
        "one_assets_latest_ms": lambda number: client.query("asset_state", asset_key=f"asset_{number}"),
        "one_assets_materializations_ms": lambda number: client.query("materializations", asset_key=f"asset_{number}"),
        "all_asset_states_ms": lambda _: client.query("asset_states"),
        "step_durations_ms": lambda number: client.query("step_durations", job_name=f"job_{number % 20}"),
        "sql_count_by_status_ms": lambda _: client.sql("select status, count(*) from runs group by all"),
        "round_trip_ms": lambda _: client.request("settings"),
    }
    return {name: _median_ms(question, 60) for name, question in asked.items()}


def _median_ms(work: Callable[[int], object], times: int) -> float:
    found = []
    for number in range(times):
        began = time.perf_counter()
        work(number)
        found.append((time.perf_counter() - began) * 1e3)
    return statistics.median(found)


def _memory_mb(pid: int) -> float:
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) / 1024
    return 0.0


if __name__ == "__main__":
    for name, value in measure().items():
        print(f"{name:36} {value:12.3f}")
