"""Testing a job with ``jk.test_session()``: retries, timeouts and longest times pass when the clock is moved."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

import jobkernel as jk
from jobkernel.clock import ManualClock
from jobkernel.engine.handle import RunHandle
from jobkernel.engine.opening import TestSession
from jobkernel.model.runs import Launch

PATIENCE_S = 20.0


@pytest.fixture
def session() -> Iterator[TestSession]:
    with jk.test_session() as session:
        yield session


def clock_of(session: TestSession) -> ManualClock:
    assert isinstance(session.clock, ManualClock)
    return session.clock


def launched(session: TestSession, job: jk.JobDefinition, **choices: object) -> RunHandle:
    session.add(job)
    return session.launch(session.plan_job(job.name), Launch(**choices))  # type: ignore[arg-type]


def attempts(session: TestSession, handle: RunHandle) -> list[tuple[int, int]]:
    """Return each attempt's number and when it began, in seconds of the clock since it was new."""
    session.history.flush()
    start = datetime(2024, 1, 1, tzinfo=UTC).timestamp()
    rows = session.history.query("run_steps", run_id=handle.run_id)
    return [(row["attempt"], round(row["started_at"] / 1e6 - start)) for row in rows]


def test_a_retry_comes_when_the_clock_is_moved_to_it(session: TestSession) -> None:
    tries: list[int] = []

    @jk.op(retry_policy=jk.RetryPolicy(max_retries=3, delay=3600, backoff=jk.Backoff.EXPONENTIAL))
    def fetch() -> str:
        tries.append(1)
        if len(tries) < 4:
            raise ConnectionError("not yet")
        return "here"

    @jk.job
    def nightly() -> None:
        fetch()

    handle = launched(session, nightly)
    moved = [clock_of(session).move_on() for _ in range(3)]

    assert handle.wait(PATIENCE_S).success
    assert moved == [timedelta(hours=1), timedelta(hours=3), timedelta(hours=7)]
    assert attempts(session, handle) == [(1, 0), (2, 3600), (3, 4 * 3600), (4, 11 * 3600)]
    assert handle.output_for_node("fetch") == "here"


def test_nothing_is_retried_before_its_time(session: TestSession) -> None:
    tries: list[int] = []

    @jk.op(retry_policy=jk.RetryPolicy(delay=10))
    def fetch() -> None:
        tries.append(1)
        raise ConnectionError("not yet")

    @jk.job
    def nightly() -> None:
        fetch()

    handle = launched(session, nightly)
    assert clock_of(session).move_on() == timedelta(seconds=10)
    assert handle.wait(PATIENCE_S).status == "FAILURE"

    tries.clear()
    again = launched(session, nightly)
    wait_for_retry(session, again)
    clock_of(session).move(timedelta(seconds=9))
    assert (len(tries), again.status) == (1, "STARTED")
    clock_of(session).move(timedelta(seconds=1))
    assert again.wait(PATIENCE_S).status == "FAILURE"
    assert len(tries) == 2


def wait_for_retry(session: TestSession, handle: RunHandle) -> None:
    """Wait until a step of the run waits for the clock."""
    assert clock_of(session).is_waited_for(PATIENCE_S)
    assert not handle.live.active.ended.is_set()


def test_a_run_takes_no_longer_than_it_may_by_the_clock(session: TestSession) -> None:
    gate, began = threading.Event(), threading.Event()

    @jk.op
    def slow() -> None:
        began.set()
        while not gate.wait(0.01):
            pass

    @jk.job
    def nightly() -> None:
        slow()

    handle = launched(session, nightly, tags={"dagster/max_runtime": "500"})
    assert began.wait(PATIENCE_S)
    clock_of(session).move(timedelta(seconds=499))
    assert handle.status == "STARTED"
    clock_of(session).move(timedelta(seconds=2))

    assert handle.wait(PATIENCE_S).status == "FAILURE"
    assert "500 s" in str(handle.live.active.error)
    gate.set()


def test_a_canceled_run_waits_for_no_retry(session: TestSession) -> None:
    @jk.op(retry_policy=jk.RetryPolicy(delay=60))
    def fetch() -> None:
        raise ConnectionError("not yet")

    @jk.job
    def nightly() -> None:
        fetch()

    handle = launched(session, nightly)
    wait_for_retry(session, handle)
    handle.cancel()

    assert handle.wait(PATIENCE_S).status == "CANCELED"
    with pytest.raises(TimeoutError, match="Nothing has waited"):
        clock_of(session).move_on(patience=0)


def test_moments_come_in_their_order_and_see_their_own_time() -> None:
    clock, seen = ManualClock(), list[tuple[str, int]]()
    start = clock.now()

    def note(name: str) -> None:
        seen.append((name, round((clock.now() - start).total_seconds())))

    def soon() -> None:
        note("soon")
        clock.call_in(5, lambda: note("after soon"))

    clock.call_in(20, lambda: note("later"))
    clock.call_in(10, soon)
    clock.call_in(12, lambda: note("never"))()
    clock.move(timedelta(seconds=30))

    assert seen == [("soon", 10), ("after soon", 15), ("later", 20)]
    assert clock.now() == start + timedelta(seconds=30)
