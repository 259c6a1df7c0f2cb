"""Schedules and sensors made in Python run in a session: they see what is new, start runs, and know their instance."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from waiting import eventually

import jobkernel as dg

ON = {"default_status": dg.DefaultSensorStatus.RUNNING}


@dg.asset
def orders() -> int:
    return 5


@dg.asset(partitions_def=dg.StaticPartitionsDefinition(["north", "south"]))
def sales() -> int:
    return 5


@dg.op
def work() -> None:
    return None


@dg.op
def broken() -> None:
    raise ValueError("broken")


@dg.job(tags={"jt": "1"})
def etl() -> None:
    work()


@dg.job
def bad() -> None:
    broken()


@pytest.fixture
def session() -> Iterator[Any]:
    with dg.test_session() as opened:
        yield opened


def look_for(session: Any, seconds: int) -> None:
    """Let time pass, in steps that no sensor's interval fits into twice."""
    for _ in range(seconds // 30):
        session.clock.move(timedelta(seconds=30))


def runs_of(session: Any) -> Counter[tuple[str, str]]:
    """Count the runs that schedules and sensors started, by what started them and job."""
    session.history.flush()
    rows = session.history.query("latest_runs", limit=100)
    return Counter((row["trigger_name"], row["job_name"]) for row in rows if row["trigger_name"])


def newest_tick(session: Any, name: str) -> Any:
    session.history.flush()
    return next(row for row in session.history.query("latest_ticks") if row["automation_name"] == name)


def test_a_schedule_brings_the_job_that_it_starts(session: Any) -> None:
    @dg.schedule("@hourly", job=etl, default_status=dg.DefaultScheduleStatus.RUNNING)
    def hourly(context: Any) -> Any:
        return dg.RunRequest(tags={"at": context.scheduled_execution_time.isoformat()})

    names = session.add(hourly)
    look_for(session, 3600)

    assert names == ["etl", "hourly"]
    assert runs_of(session)["hourly", "etl"] >= 1
    tags = session.history.query("latest_runs", limit=1)[0]["tags"]
    assert tags["jt"] == "1"
    assert tags["dagster/schedule_name"] == "hourly"
    assert tags["at"] == tags[".dagster/scheduled_execution_time"] == "2024-01-01T01:00:00+00:00"


def test_definitions_bring_jobs_and_assets_that_only_targets_name(session: Any) -> None:
    defs = dg.Definitions(
        schedules=[
            dg.ScheduleDefinition("of_job", cron_schedule="@daily", job=etl),
            dg.ScheduleDefinition("of_assets", cron_schedule="@daily", target=[orders]),
        ]
    )

    names = session.add(defs)

    assert names == ["orders", "etl", "__anonymous_asset_job_of_assets", "of_job", "of_assets"]


def test_a_sensor_of_an_asset_starts_one_run_for_what_is_new(session: Any) -> None:
    seen = []

    @dg.asset_sensor(asset_key=orders.key, job=etl, **ON)
    def on_orders(context: Any, event: Any) -> Any:
        seen.append((event.dagster_event.asset_key, context.instance.has_run(event.run_id)))
        return dg.RunRequest()

    session.add(orders, on_orders)
    look_for(session, 60)
    for _ in range(2):
        session.launch(session.plan(["orders"])).wait()
    look_for(session, 120)

    assert runs_of(session) == {("on_orders", "etl"): 1}
    assert seen == [(orders.key, True)]


def test_a_sensor_of_failures_sees_later_ones_with_their_steps(session: Any) -> None:
    seen = []

    @dg.run_failure_sensor(**ON)
    def on_failure(context: Any) -> None:
        seen.append((context.dagster_run.job_name, [event.step_key for event in context.get_step_failure_events()]))

    session.add(bad, etl)
    session.launch(session.plan_job("bad")).wait()
    session.add(on_failure)
    look_for(session, 60)
    assert seen == []
    for name in ("bad", "etl"):
        session.launch(session.plan_job(name)).wait()
    look_for(session, 30)

    assert seen == [("bad", ["broken"])]
    assert newest_tick(session, "on_failure")["status"] == "SUCCESS"
    look_for(session, 60)
    assert len(seen) == 1
    assert newest_tick(session, "on_failure")["status"] == "SKIPPED"


def test_a_sensor_of_failures_that_raises_fails_its_tick_and_goes_on(session: Any) -> None:
    @dg.run_failure_sensor(**ON)
    def on_failure(context: Any) -> None:
        raise ValueError("cannot mail")

    session.add(bad, on_failure)
    look_for(session, 30)
    session.launch(session.plan_job("bad")).wait()
    look_for(session, 30)
    failed = newest_tick(session, "on_failure")
    look_for(session, 30)

    assert failed["status"] == "FAILURE"
    assert "cannot mail" in str(failed["error"])
    assert newest_tick(session, "on_failure")["status"] == "SKIPPED"


def test_a_sensor_of_several_assets_finds_them_and_their_partitions(session: Any) -> None:
    seen = []

    @dg.multi_asset_sensor([orders.key, sales.key], job=etl, **ON)
    def both(context: Any) -> Any:
        found = context.latest_materialization_records_by_key()
        if found[orders.key] is None:
            return dg.SkipReason("nothing yet")
        seen.append(list(context.latest_materialization_records_by_partition(sales.key)))
        context.advance_all_cursors()
        return dg.RunRequest()

    session.add(orders, sales, both)
    look_for(session, 30)
    assert newest_tick(session, "both")["skip_reason"] == "nothing yet"
    session.launch(session.plan(["orders"])).wait()
    look_for(session, 90)

    assert seen == [[]]
    assert runs_of(session) == {("both", "etl"): 1}


def test_a_sensor_of_assets_starts_runs_over_them(session: Any) -> None:
    @dg.sensor(asset_selection=[orders], **ON)
    def make(context: Any) -> Any:
        return dg.RunRequest("once")

    session.add(orders, make)
    look_for(session, 90)

    assert runs_of(session) == {("make", "__ASSET_JOB"): 1}
    eventually(lambda: session.has_value("orders"))
