"""The scheduler of a kernel with the project server: lateness, many times due at once, what idling costs."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import psutil

import jobkernel as jk
from jobkernel.engine.entries import Entry
from jobkernel.engine.session import Session
from jobkernel.model.automation import Overlap, Schedule, Sensor, SkipReason, Target
from tests.benchmarks import dagster_daemon
from tests.benchmarks.bench_runs import a_session

LATENESS = 1000
AT_ONCE = 200
MINUTES = 2
SENSORS = 20
IDLE_S = 30.0
ROUNDS = 3


def measure() -> dict[str, float]:
    """Return milliseconds and percent of one core."""
    return _registering() | _late() | _late_ticks() | _at_once(dagster_daemon.DUE) | _at_once(AT_ONCE) | _idle()


def measure_peer() -> dict[str, float]:
    """Return the same for Dagster's scheduler and daemon, each in a process of its own."""
    due = dagster_daemon.measured("due") * 1e3
    return {
        f"due_{dagster_daemon.DUE}_queued_ms": due,
        f"due_{dagster_daemon.DUE}_durable_ms": due,
        "scheduler_idle_server_percent": dagster_daemon.measured("idle"),
    }


def _registering() -> dict[str, float]:
    with _watching() as session:
        began = time.perf_counter()
        session.add(*[_declared(number) for number in range(LATENESS)])
        return {"register_1000_schedules_ms": (time.perf_counter() - began) * 1e3}


def _late() -> dict[str, float]:
    """Return how late the thread calls for each of many names, spread over seconds as crons of many minutes are."""
    from jobkernel.clock import SystemClock
    from jobkernel.engine.scheduler import Scheduler

    late: list[float] = []
    clock = SystemClock()
    with _watching() as session:
        session.add(*[_declared(number) for number in range(LATENESS)])
        scheduler = Scheduler(clock, lambda name, _now: late.append(time.time() - moments[name]), lambda: None)
        start = clock.now() + timedelta(seconds=0.5)
        times = {f"s{number}": start + timedelta(seconds=3 * number / LATENESS) for number in range(LATENESS)}
        moments = {name: moment.timestamp() for name, moment in times.items()}
        scheduler.wake()
        for name, moment in times.items():
            scheduler.at(name, moment)
        while len(late) < LATENESS:
            time.sleep(0.05)
        scheduler.close()
    ordered = sorted(late)
    return {"late_1000_median_ms": statistics.median(late) * 1e3, "late_1000_p99_ms": ordered[-11] * 1e3}


def _late_ticks() -> dict[str, float]:
    """Return how late the ticks and the queued runs of schedules are, over real minutes that each has its share of."""
    with _watching() as session:
        session.add(*[_declared(number, f"{number % 60} * * * *") for number in range(LATENESS)])
        wanted = MINUTES * (LATENESS // 60)
        deadline = time.monotonic() + 60 * (MINUTES + 1)
        while len(rows := _ticks_and_runs(session)) < wanted:
            assert time.monotonic() < deadline, len(rows)
            time.sleep(1.0)
    ticks, runs = ([late / 1e3 for late in each] for each in zip(*rows, strict=True))
    return {
        "late_ticks_median_ms": statistics.median(ticks),
        "late_ticks_most_ms": max(ticks),
        "late_queued_median_ms": statistics.median(runs),
        "late_queued_most_ms": max(runs),
    }


def _ticks_and_runs(session: Session) -> list[tuple[int, int]]:
    """Return by how many µs each tick was looked at late, and its run queued late."""
    found = session.history.sql(
        "select date_diff('microseconds', t.scheduled_at, t.evaluated_at),"
        " date_diff('microseconds', t.scheduled_at, r.queued_at) from ticks t join runs r on r.tick_id = t.tick_id"
    )
    return found.fetchall()


def _at_once(count: int) -> dict[str, float]:
    """Return the time from a minute's beginning until the runs of all schedules are queued, and durable."""
    found: dict[str, list[float]] = {f"due_{count}_queued_ms": [], f"due_{count}_durable_ms": []}
    for _ in range(ROUNDS):
        with _watching() as session:
            session.history.request("set_setting", name="max_concurrent_runs", value=0)
            for number in range(count):
                record = _schedule(number, Overlap.SKIP)
                session.define(Entry(kind="schedule", name=record.name, record=record))
            for times, seconds in zip(found.values(), _fire(session, count), strict=True):
                times.append(seconds)
    return {name: statistics.median(values) * 1e3 for name, values in found.items()}


def _fire(session: Session, count: int) -> tuple[float, float]:
    """Have all schedules be due as if their minute began now."""
    automations = session.automations
    time.sleep(3.0)  # so that beats of the scheduler that came between the definitions are over
    past = datetime.now(UTC) - timedelta(seconds=61)
    for watched in automations.watched.values():
        watched.starts_at = past
    began = time.perf_counter()
    for watched in automations.watched.values():
        automations._reschedule(watched)
    automations._scheduler.wake()
    while len(session.launcher.runs) < count:
        time.sleep(0.0005)
    queued = time.perf_counter() - began
    while any(watched.look is not None for watched in automations.watched.values()):
        time.sleep(0.0005)
    session.history.flush()
    durable = time.perf_counter() - began
    (row,) = session.history.sql("select count(*) from ticks where status = 'SUCCESS'").fetchall()
    assert row == (count,), row
    return queued, durable


def _idle() -> dict[str, float]:
    me = psutil.Process()
    with _watching() as session:
        session.add(*[_declared(number, "0 0 1 1 *") for number in range(AT_ONCE)])
        for number in range(SENSORS):
            record = Sensor(
                name=f"sensor{number}",
                targets=(Target(job_name="j"),),
                function=lambda: SkipReason("nothing"),
                starts_on=True,
            )
            session.define(Entry(kind="sensor", name=record.name, record=record))
        server = psutil.Process(session.history.request("status")["pid"])
        time.sleep(3.0)
        used = [process.cpu_times() for process in (me, server)]
        time.sleep(IDLE_S)
        after = [process.cpu_times() for process in (me, server)]
        seconds = [(b.user + b.system) - (a.user + a.system) for a, b in zip(used, after, strict=True)]
    return {
        "scheduler_idle_kernel_percent": seconds[0] / IDLE_S * 100,
        "scheduler_idle_server_percent": seconds[1] / IDLE_S * 100,
    }


@contextmanager
def _watching() -> Iterator[Session]:
    with a_session() as session:
        work = jk.op(name="work")(lambda: None)
        session.add(jk.GraphDefinition(name="graph_of_j", node_defs=[work]).to_job(name="j"))
        yield session


def _declared(number: int, cron: str | None = None) -> Any:
    return jk.ScheduleDefinition(
        name=f"s{number}",
        cron_schedule=cron or f"{number % 60} {number % 24} 1 1 *",
        job_name="j",
        default_status=jk.DefaultScheduleStatus.RUNNING,
    )


def _schedule(number: int, overlap: Overlap) -> Schedule:
    return Schedule(
        name=f"s{number}", crons=("* * * * *",), targets=(Target(job_name="j"),), starts_on=True, overlap=overlap
    )
