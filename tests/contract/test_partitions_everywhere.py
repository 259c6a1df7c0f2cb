"""A run of partitions, a backfill and what they load are the same on every executor."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from executor_stage import PATIENCE_S, Stage, a_stage

import jobkernel as jk
from jobkernel.engine.backfill import Backfill, Wish
from jobkernel.engine.dynamic_keys import dynamic_keys_of
from jobkernel.model.runs import Launch

DAYS = jk.DailyPartitionsDefinition("2024-01-01", "2024-01-06")
WEEKS = jk.WeeklyPartitionsDefinition("2023-12-31", "2024-01-07")
GRID = jk.MultiPartitionsDefinition({"date": DAYS, "region": jk.StaticPartitionsDefinition(["eu", "us"])})


@pytest.fixture(scope="module", params=["threads", "processes", "dask"])
def executor(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def stage(executor: str) -> Iterator[Stage]:
    with a_stage(executor) as made:
        yield made


def backfill(stage: Stage, *assets: Any, keys: Sequence[str], **how: Any) -> Backfill:
    """Define assets, and make these partitions of them on the stage's executor."""
    stage.session.add(*assets)
    plan = stage.session.plan([asset.key.to_user_string() for asset in assets])
    wish = Wish(plan=plan, keys=tuple(keys), selection="all", choice=Launch(executor=stage.executor), **how)
    return stage.session.backfills.launch(wish).wait(PATIENCE_S)


def run(stage: Stage, asset: Any, key: str | None) -> Any:
    """Make one partition of a defined asset on the stage's executor, and return its value."""
    name = asset.key.to_user_string()
    handle = stage.session.launch(stage.session.plan([name]), Launch(executor=stage.executor, partition_key=key))
    handle.wait(PATIENCE_S)
    assert handle.success, handle.live.active.error
    return stage.session.load(name, key)


def days(*numbers: int) -> list[str]:
    return [f"2024-01-0{number}" for number in numbers]


def test_the_context_says_which_partition_it_is(stage: Stage) -> None:
    @jk.asset(partitions_def=DAYS)
    def day(context: jk.AssetExecutionContext) -> dict[str, Any]:
        return {
            "key": context.partition_key,
            "keys": list(context.partition_keys),
            "range": tuple(context.partition_key_range),
            "window": tuple(context.partition_time_window),
            "tags": {name: value for name, value in context.run.tags.items() if name == "dagster/partition"},
            "has": (context.has_partition_key, context.has_partition_key_range),
        }

    stage.session.add(day)

    assert run(stage, day, "2024-01-02") == {
        "key": "2024-01-02",
        "keys": ["2024-01-02"],
        "range": ("2024-01-02", "2024-01-02"),
        "window": (datetime(2024, 1, 2, tzinfo=UTC), datetime(2024, 1, 3, tzinfo=UTC)),
        "tags": {"dagster/partition": "2024-01-02"},
        "has": (True, False),
    }


def test_a_backfill_makes_each_partition_and_what_is_below(stage: Stage) -> None:
    @jk.asset(partitions_def=DAYS)
    def day(context: jk.AssetExecutionContext) -> int:
        return int(context.partition_key[-2:])

    mapping = jk.TimeWindowPartitionMapping(-1, 0, allow_nonexistent_upstream_partitions=True)

    @jk.asset(partitions_def=DAYS, ins={"day": jk.AssetIn(partition_mapping=mapping)})
    def two(day: Any) -> Any:
        return day

    made = backfill(stage, day, two, keys=days(1, 2, 3, 4, 5))
    assert made.success, made.first_error()
    assert stage.session.load("two", "2024-01-01") == 1
    assert stage.session.load("two", "2024-01-04") == {"2024-01-03": 3, "2024-01-04": 4}
    assert [stage.session.load("day", key) for key in days(1, 5)] == [1, 5]


def test_a_failing_partition_stops_no_other_and_is_retried(stage: Stage, tmp_path: Any) -> None:
    mended = str(tmp_path / "mended")

    @jk.asset(partitions_def=DAYS)
    def day(context: jk.AssetExecutionContext) -> str:
        import pathlib

        if context.partition_key == "2024-01-02" and not pathlib.Path(mended).exists():
            raise ValueError("no data yet")
        return str(context.partition_key)

    made = backfill(stage, day, keys=days(1, 2, 3))
    assert (made.status, made.failed, made.progress.done) == ("COMPLETED_FAILED", ["2024-01-02"], 2)
    assert "no data yet" in str(made.first_error())

    (tmp_path / "mended").touch()
    again = made.retry_failed().wait(PATIENCE_S)

    assert (again.backfill_id, again.status) == (made.backfill_id, "COMPLETED_SUCCESS")
    assert stage.session.load("day", "2024-01-02") == "2024-01-02"


def test_a_range_in_one_run_keeps_a_value_for_each(stage: Stage) -> None:
    @jk.asset(partitions_def=DAYS, backfill_policy=jk.BackfillPolicy.single_run())
    def day(context: jk.AssetExecutionContext) -> dict[str, str]:
        start, end = context.partition_key_range
        return {key: f"{key} of {start}..{end}" for key in context.partition_keys}

    made = backfill(stage, day, keys=days(2, 3, 4))

    assert made.success, made.first_error()
    assert len(made.runs) == 1
    assert [stage.session.load("day", key) for key in days(2, 4)] == [
        "2024-01-02 of 2024-01-02..2024-01-04",
        "2024-01-04 of 2024-01-02..2024-01-04",
    ]


def test_keys_of_two_dimensions_arrive_in_two_parts(stage: Stage) -> None:
    @jk.asset(partitions_def=GRID)
    def cell(context: jk.AssetExecutionContext) -> dict[str, str]:
        return dict(context.partition_key.keys_by_dimension)

    made = backfill(stage, cell, keys=["2024-01-01|eu", "2024-01-02|us"])

    assert made.success, made.first_error()
    assert stage.session.load("cell", "2024-01-02|us") == {"date": "2024-01-02", "region": "us"}


def test_dynamic_keys_of_any_characters_are_made_and_loaded(stage: Stage) -> None:
    keys = ["a b", "q'uote\"", "ü..x", "a,b", "näme/with/slash", "%20", "-", "🙂"]
    dynamic_keys_of(stage.session).add_dynamic_partitions("files", keys)

    @jk.asset(partitions_def=jk.DynamicPartitionsDefinition(name="files"))
    def file(context: jk.AssetExecutionContext) -> str:
        return f"<{context.partition_key}>"

    @jk.asset
    def all_files(file: dict[str, str]) -> list[str]:
        return list(file.values())

    made = backfill(stage, file, all_files, keys=keys)

    assert made.success, made.first_error()
    assert stage.session.load("all_files") == [f"<{key}>" for key in keys]


def test_a_body_loads_a_partition_that_it_asks_for(stage: Stage) -> None:
    @jk.asset(partitions_def=DAYS)
    def day(context: jk.AssetExecutionContext) -> str:
        return str(context.partition_key)

    @jk.asset(partitions_def=DAYS, deps=[day])
    def other(context: jk.AssetExecutionContext) -> str:
        return context.load_asset_value(jk.AssetKey("day"), partition_key="2024-01-03") + context.partition_key

    stage.session.add(day, other)
    run(stage, day, "2024-01-03")
    run(stage, day, "2024-01-01")

    assert run(stage, other, "2024-01-01") == "2024-01-032024-01-01"


def test_partitions_that_are_asked_for_and_never_made_are_named(stage: Stage) -> None:
    @jk.asset(partitions_def=DAYS)
    def day(context: jk.AssetExecutionContext) -> str:
        return str(context.partition_key)

    @jk.asset(partitions_def=WEEKS)
    def week(day: Any) -> int:
        return len(day)

    stage.session.add(day, week)
    plan = stage.session.plan(["week"])
    launch = Launch(executor=stage.executor, partition_key="2023-12-31")
    handle = stage.session.launch(plan, launch).wait(PATIENCE_S)

    assert handle.status == "FAILURE"
    assert "'day'" in str(handle.live.active.error)
    assert "'2023-12-31'" in str(handle.live.active.error)
