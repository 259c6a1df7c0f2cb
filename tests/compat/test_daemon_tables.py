"""Ticks of schedules and sensors beside those of Dagster's own daemon: statuses, runs, cursors, keys, asset events."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from daemon_worlds import told_by_both

pytestmark = pytest.mark.compat
LOOKS = (0, 31, 31)
AFTER_FAILURES = (0, 31, 61)
"""A session's sensor that failed twice looks after twice its interval; Dagster's does not look less often."""


def a_job(dg: Any, name: str = "j1") -> Any:
    @dg.op(name=f"op_of_{name}")
    def work() -> None: ...

    @dg.job(name=name, tags={"jt": "1"})
    def made() -> None:
        work()

    return made


def sensor_of(body: Callable[[Any, Any], Any], **options: Any) -> Callable[[Any], Any]:
    """A script of one sensor that is on."""

    def script(dg: Any) -> Any:
        jobs = [a_job(dg), a_job(dg, "j2")] if options.get("two") else [a_job(dg)]

        @dg.sensor(name="s", jobs=jobs, default_status=dg.DefaultSensorStatus.RUNNING, **options.get("more", {}))
        def made(context: Any) -> Any:
            return body(dg, context)

        return dg.Definitions(jobs=jobs, sensors=[made])

    return script


def tell(world: Any) -> dict[str, Any]:
    return {"ticks": world.ticks("s"), "cursor": world.cursor("s"), "runs": world.runs()}


def writes_and_raises(_dg: Any, context: Any) -> Any:
    context.update_cursor("x")
    raise ValueError("no")


SENSORS: dict[str, Callable[[Any], Any]] = {
    "the same key each time": sensor_of(lambda dg, _: dg.RunRequest(run_key="a")),
    "the same key twice at once": sensor_of(lambda dg, _: [dg.RunRequest(run_key="a"), dg.RunRequest(run_key="a")]),
    "149: no key": sensor_of(lambda dg, _: dg.RunRequest()),
    "151: two jobs": sensor_of(
        lambda dg, _: [dg.RunRequest("1", job_name="j1"), dg.RunRequest("2", job_name="j2")], two=True
    ),
    "154: nothing": sensor_of(lambda dg, _: None),
    "158: a result with a cursor": sensor_of(
        lambda dg, context: dg.SensorResult(run_requests=[dg.RunRequest(run_key=context.cursor)], cursor="c1")
    ),
    "tags and config": sensor_of(lambda dg, _: dg.RunRequest("k", tags={"a": "b"})),
    "a skip with a cursor": sensor_of(lambda dg, context: context.update_cursor("c") or dg.SkipReason("no")),
}


FAILING: dict[str, Callable[[Any], Any]] = {
    "152: two jobs and no name": sensor_of(lambda dg, _: dg.RunRequest("1"), two=True),
    "155: a request and a skip": sensor_of(lambda dg, _: [dg.RunRequest(), dg.SkipReason("no")]),
    "157: writes its cursor and raises": sensor_of(writes_and_raises),
    "160: an unknown job": sensor_of(lambda dg, _: dg.RunRequest(job_name="nowhere")),
}


@pytest.mark.parametrize("script", SENSORS.values(), ids=SENSORS.keys())
def test_three_looks_of_a_sensor_are_dagsters(script: Any, tmp_path: Path) -> None:
    theirs, ours = told_by_both(script, tmp_path, LOOKS, tell)
    assert ours == theirs


@pytest.mark.parametrize("script", FAILING.values(), ids=FAILING.keys())
def test_three_failing_looks_of_a_sensor_are_dagsters(script: Any, tmp_path: Path) -> None:
    theirs, ours = told_by_both(script, tmp_path, AFTER_FAILURES, tell)
    assert ours == theirs
    assert [tick["status"] for tick in ours["ticks"]] == ["FAILURE"] * 3


def test_161_a_minimum_interval_is_dagsters(tmp_path: Path) -> None:
    script = sensor_of(lambda dg, _: dg.SkipReason("no"), more={"minimum_interval_seconds": 60})
    theirs, ours = told_by_both(script, tmp_path, (0, 31, 31, 31), tell)
    assert len(ours["ticks"]) == len(theirs["ticks"]) == 2


def with_regions(body: Callable[[Any, Any, Any], Any]) -> Callable[[Any], Any]:
    def script(dg: Any) -> Any:
        regions = dg.DynamicPartitionsDefinition(name="regions")

        @dg.asset(partitions_def=regions)
        def shop() -> None: ...

        job = dg.define_asset_job("shops", [shop])

        @dg.sensor(name="s", job=job, default_status=dg.DefaultSensorStatus.RUNNING)
        def made(context: Any) -> Any:
            return body(dg, context, regions)

        return dg.Definitions(assets=[shop], jobs=[job], sensors=[made])

    return script


def adds_and_runs(dg: Any, _context: Any, regions: Any) -> Any:
    changes = [regions.build_add_request(["eu", "us"])]
    requests = [dg.RunRequest(run_key=key, partition_key=key) for key in ("eu", "us")]
    return dg.SensorResult(run_requests=requests, dynamic_partitions_requests=changes)


def adds_then_deletes(dg: Any, context: Any, regions: Any) -> Any:
    if context.cursor is None:
        return dg.SensorResult(dynamic_partitions_requests=[regions.build_add_request(["a", "b"])], cursor="1")
    changes = [regions.build_delete_request(["a", "moon"]), regions.build_add_request(["b", "c"])]
    return dg.SensorResult(dynamic_partitions_requests=changes, cursor="2")


def names_what_it_deletes(dg: Any, context: Any, regions: Any) -> Any:
    if context.cursor is None:
        return dg.SensorResult(dynamic_partitions_requests=[regions.build_add_request(["a"])], cursor="1")
    requests, changes = [dg.RunRequest(partition_key="a")], [regions.build_delete_request(["a"])]
    return dg.SensorResult(run_requests=requests, dynamic_partitions_requests=changes)


def names_what_is_not_there(dg: Any, _context: Any, _regions: Any) -> Any:
    return dg.RunRequest(partition_key="mars")


def twice(dg: Any, _context: Any, regions: Any) -> Any:
    changes = [regions.build_add_request(["a"]), regions.build_delete_request(["a"])]
    return dg.SensorResult(dynamic_partitions_requests=changes)


@pytest.mark.parametrize(
    ("body", "moves"),
    [
        (adds_and_runs, LOOKS),
        (adds_then_deletes, LOOKS),
        (names_what_it_deletes, LOOKS),
        (names_what_is_not_there, AFTER_FAILURES),
        (twice, AFTER_FAILURES),
    ],
)
def test_changes_of_dynamic_partitions_are_dagsters(body: Any, moves: tuple[float, ...], tmp_path: Path) -> None:
    def told(world: Any) -> Any:
        return {**tell(world), "keys": list(world.instance.get_dynamic_partitions("regions"))}

    theirs, ours = told_by_both(with_regions(body), tmp_path, moves, told)
    assert ours == theirs


def reports(dg: Any, context: Any) -> Any:
    made = dg.AssetMaterialization("outside", metadata={"rows": 3}, partition="p")
    seen = dg.AssetObservation("outside", metadata={"rows": 4})
    checked = dg.AssetCheckEvaluation(asset_key=dg.AssetKey("outside"), check_name="good", passed=False)
    return dg.SensorResult(asset_events=[made, seen, checked], cursor="1")


def test_asset_events_are_reported_as_by_dagster(tmp_path: Path) -> None:
    def told(world: Any) -> Any:
        made = world.instance.get_latest_materialization_event(world.dg.AssetKey("outside"))
        return {
            "ticks": world.ticks("s"),
            "made": (made.asset_materialization.metadata["rows"].value, made.asset_materialization.partition),
            "run": made.run_id,
        }

    script = sensor_of(lambda dg, context: dg.SkipReason("no") if context.cursor else reports(dg, context))
    theirs, ours = told_by_both(script, tmp_path, LOOKS, told)
    assert ours == theirs


def schedule_of(body: Callable[[Any, Any], Any], cron: Any = "0 0 * * *", **options: Any) -> Callable[[Any], Any]:
    """A script of one schedule that is on."""

    def script(dg: Any) -> Any:
        job = a_job(dg)
        on = {"default_status": dg.DefaultScheduleStatus.RUNNING}

        @dg.schedule(name="s", cron_schedule=cron, job=job, **on, **options)
        def made(context: Any) -> Any:
            return body(dg, context)

        return dg.Definitions(jobs=[job], schedules=[made])

    return script


def raises(_dg: Any, _context: Any) -> Any:
    raise ValueError("no")


SCHEDULES: dict[str, tuple[Any, tuple[float, ...]]] = {
    "124, 125, 131: one tick and its tags": (schedule_of(lambda dg, _: dg.RunRequest(tags={"a": "b"})), (0, 2)),
    "133: a skip": (schedule_of(lambda dg, _: dg.SkipReason("no")), (0, 2)),
    "134: not to be executed": (schedule_of(lambda dg, _: {}, should_execute=lambda _: False), (0, 2)),
    "136: a body that raises": (schedule_of(raises), (0, 2)),
    "137: two requests": (schedule_of(lambda dg, _: [dg.RunRequest("1"), dg.RunRequest("2")]), (0, 2)),
    "two requests without keys": (schedule_of(lambda dg, _: [dg.RunRequest(), dg.RunRequest()]), (0, 2)),
    "139: several crons": (
        schedule_of(lambda dg, _: dg.RunRequest(), ["0 0 * * *", "0 12 * * *"]),
        (0, 2, 43200, 43200),
    ),
    "a run key again at the next time": (schedule_of(lambda dg, _: dg.RunRequest("k")), (0, 2, 86400)),
}


@pytest.mark.parametrize(("script", "moves"), SCHEDULES.values(), ids=SCHEDULES.keys())
def test_ticks_of_a_schedule_are_dagsters(script: Any, moves: tuple[float, ...], tmp_path: Path) -> None:
    def told(world: Any) -> Any:
        return {"ticks": world.ticks("s"), "runs": world.runs()}

    theirs, ours = told_by_both(script, tmp_path, moves, told)
    assert ours == theirs
