"""Whole runs that are retried by themselves, and runs that take longer than they may."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from live_sessions import PATIENCE_S, a_session, define, ended
from waiting import eventually

import jobkernel as jk
from jobkernel.engine.deadlines import Deadlines
from jobkernel.engine.session import Session
from jobkernel.model.runs import Launch, RunStatus
from jobkernel.rules.run_retries import complaints, is_retried, longest_runtime, strategy

attempts = {"flaky": 0}


@jk.op
def steady() -> int:
    return 1


@jk.op
def flaky(x: int) -> int:
    attempts["flaky"] += 1
    if attempts["flaky"] < 3:
        raise ValueError("not yet")
    return x


@jk.job
def trying() -> None:
    flaky(steady())


@pytest.fixture
def session() -> Iterator[Session]:
    attempts["flaky"] = 0
    with a_session() as session:
        define(session, trying)
        yield session


def runs(session: Session) -> list[dict[str, Any]]:
    session.history.flush()
    found = session.history.query("latest_runs", limit=100)
    return sorted(
        (session.history.query("run", run_id=row["run_id"])[0] for row in found), key=lambda row: row["first_seq"]
    )


def all_ended(session: Session, count: int) -> list[dict[str, Any]]:
    eventually(lambda: len(found := runs(session)) == count and all(row["ended_at"] for row in found))
    return runs(session)


def steps_of(session: Session, run_id: str) -> list[str]:
    return [row["step_key"] for row in session.history.query("run_steps", run_id=run_id)]


def test_a_failing_run_is_retried_from_its_failure_and_every_run_says_so(session: Session) -> None:
    session.launch(session.plan_job("trying"), Launch(tags={"dagster/max_retries": "2"}))

    first, second, third = all_ended(session, 3)

    assert [row["status"] for row in (first, second, third)] == ["FAILURE", "FAILURE", "SUCCESS"]
    assert [row["tags"].get("dagster/will_retry") for row in (first, second, third)] == ["true", "true", None]
    assert [row["tags"].get("dagster/retry_number") for row in (first, second, third)] == [None, "1", "2"]
    assert [row["tags"].get("dagster/is_resume_retry") for row in (first, second, third)] == [None, "true", "true"]
    assert first["tags"]["dagster/auto_retry_run_id"] == second["run_id"]
    assert first["tags"]["dagster/failure_reason"] == "STEP_FAILURE"
    assert {row["root_run_id"] for row in (second, third)} == {first["run_id"]}
    assert steps_of(session, third["run_id"]) == ["flaky"]


def test_retries_end_with_the_last_one(session: Session) -> None:
    session.launch(session.plan_job("trying"), Launch(tags={"dagster/max_retries": "1"}))

    first, second = all_ended(session, 2)

    assert second["status"] == "FAILURE"
    assert [row["tags"]["dagster/will_retry"] for row in (first, second)] == ["true", "false"]


def test_the_projects_setting_counts_where_no_tag_says_otherwise(session: Session) -> None:
    session.history.request("set_setting", name="run_retries", value=2)
    eventually(lambda: session.project_settings["run_retries"] == 2)
    session.launch(session.plan_job("trying"), Launch(tags={"dagster/retry_strategy": "ALL_STEPS"}))

    third = all_ended(session, 3)[2]

    assert third["status"] == "SUCCESS"
    assert sorted(steps_of(session, third["run_id"])) == ["flaky", "steady"]
    assert "dagster/is_resume_retry" not in third["tags"]


def test_a_run_that_was_run_again_by_hand_counts_as_a_retry(session: Session) -> None:
    first = session.launch(session.plan_job("trying"), Launch())
    assert ended(first) == "FAILURE"
    session.history.request("set_setting", name="run_retries", value=1)
    eventually(lambda: session.project_settings["run_retries"] == 1)

    again = session.reexecute(first.run_id, from_failure=True)

    assert ended(again) == "FAILURE"
    assert [row["tags"].get("dagster/will_retry") for row in all_ended(session, 2)] == [None, "false"]


def test_a_run_whose_process_crashes_every_time_is_retried_as_often(session: Session) -> None:
    """Row 274."""

    @jk.op
    def crashes() -> None:
        os._exit(3)

    @jk.job(executor_def=jk.multiprocess_executor, tags={"dagster/max_retries": "2"})
    def crashing() -> None:
        crashes()

    define(session, crashing)
    session.launch(session.plan_job("crashing"))

    found = all_ended(session, 3)

    assert [row["status"] for row in found] == ["FAILURE"] * 3
    assert [row["tags"]["dagster/will_retry"] for row in found] == ["true", "true", "false"]
    assert [row["tags"].get("dagster/retry_number") for row in found] == [None, "1", "2"]
    assert {row["tags"]["dagster/failure_reason"] for row in found} == {"STEP_FAILURE"}


@pytest.mark.parametrize("far", [1e30, float("inf"), float("nan"), 1e12])
def test_what_is_due_as_good_as_never_holds_up_nothing_else(far: float) -> None:
    deadlines, done = Deadlines(), threading.Event()
    try:
        deadlines.watch(far, lambda: None)
        deadlines.watch(0.01, done.set)
        assert done.wait(PATIENCE_S)
        assert not deadlines._thread or deadlines._thread.is_alive()
    finally:
        deadlines.close()


def test_a_canceled_run_is_not_retried(session: Session) -> None:
    began, go_on = threading.Event(), threading.Event()

    @jk.op
    def waits() -> None:
        began.set()
        go_on.wait(PATIENCE_S)

    @jk.job
    def waiting() -> None:
        waits()

    define(session, waiting)
    handle = session.launch(session.plan_job("waiting"), Launch(tags={"dagster/max_retries": "3"}))
    assert began.wait(PATIENCE_S)
    handle.cancel()
    go_on.set()

    assert ended(handle) == "CANCELED"
    assert [row["status"] for row in runs(session)] == ["CANCELED"]


@pytest.mark.parametrize("executor", ["threads", "processes"])
def test_a_run_that_takes_longer_than_it_may_fails_with_that_reason(session: Session, executor: str) -> None:
    @jk.op
    def endless() -> None:
        while True:
            time.sleep(0.01)

    @jk.job(tags={"dagster/max_runtime": "0.3"})
    def long() -> None:
        endless()

    define(session, long)
    handle = session.launch(session.plan_job("long"), Launch(executor=executor))

    assert ended(handle) == "FAILURE"
    session.history.flush()
    events = session.history.query("run_events", run_id=handle.run_id)
    assert "RUN_CANCELING" in [event["event_type"] for event in events]
    row = session.history.query("run", run_id=handle.run_id)[0]
    assert row["reason"] == "RUN_TIMEOUT"
    assert row["error"]["message"] == "The run took longer than 0.3 s (dagster/max_runtime)."
    assert handle.live.active.status is RunStatus.FAILURE


@pytest.mark.parametrize(
    ("tags", "default", "seconds"),
    [
        ({"dagster/max_runtime": "500"}, None, 500),
        ({}, None, None),
        ({"dagster/max_runtime_seconds": "10"}, None, 10),
        ({"dagster/max_runtime": "1000"}, 100, 1000),
        ({"dagster/max_runtime": "0"}, 100, None),
        ({"dagster/max_runtime": "abc"}, 100, None),
        ({"dagster/max_runtime": "inf"}, 100, None),
        ({"dagster/max_runtime": "1e400"}, 100, None),
        ({"dagster/max_runtime": "nan"}, 100, None),
        ({"dagster/max_runtime": "1e30"}, 100, 1e30),
        ({}, 100, 100),
    ],
)
def test_the_tag_wins_over_the_setting(tags: dict[str, str], default: float | None, seconds: float | None) -> None:
    assert longest_runtime(tags, default) == seconds


@pytest.mark.parametrize(
    ("tags", "reason", "so_far", "retried"),
    [
        ({}, "STEP_FAILURE", 0, True),
        ({"dagster/max_retries": "10"}, "STEP_FAILURE", 5, True),
        ({"dagster/max_retries": "many"}, "STEP_FAILURE", 0, False),
        ({"dagster/retry_on_asset_or_op_failure": "false"}, "STEP_FAILURE", 0, False),
        ({"dagster/retry_on_asset_or_op_failure": "false"}, "RUN_EXCEPTION", 0, True),
        ({}, "STEP_FAILURE", 1, False),
    ],
)
def test_what_is_retried(tags: dict[str, str], reason: str, so_far: int, retried: bool) -> None:
    assert is_retried(tags, reason, retries_so_far=so_far, default=1, on_step_failure=True) is retried


def test_an_unknown_strategy_is_told_and_the_usual_one_taken() -> None:
    how, complaint = strategy({"dagster/retry_strategy": "BACKWARDS"})

    assert how == "FROM_FAILURE"
    assert complaint is not None
    assert "'BACKWARDS' is not" in complaint
    assert complaints({"dagster/retry_strategy": "BACKWARDS"}) == [complaint], "told with the launch"
    assert complaints({"dagster/retry_strategy": "ALL_STEPS"}) == []
