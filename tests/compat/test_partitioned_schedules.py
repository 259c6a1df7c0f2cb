"""Runs of partitions asked for by schedules and sensors, as in Dagster. Annotations are read while tests run."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from harness import assert_refused, assert_same
from instances import disposing, ephemeral
from symbols import REFUSALS, covers

import jobkernel

pytestmark = pytest.mark.compat

NOON = datetime(2024, 3, 1, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def instances_end() -> Iterator[None]:
    with disposing():
        yield


def a_job(dg: Any, **options: Any) -> Any:
    @dg.op
    def work():
        return 1

    @dg.job(name="etl", **options)
    def made():
        work()

    return made


def daily(dg: Any, **options: Any) -> Any:
    return dg.DailyPartitionsDefinition(start_date="2024-02-27", **options)


def asked(data: Any) -> list[Any]:
    """What a tick asked for, as plain data."""
    runs = [(each.run_key, each.partition_key, dict(each.run_config), dict(each.tags)) for each in data.run_requests]
    return [data.skip_message, runs]


def at(dg: Any, moment: datetime = NOON, **options: Any) -> Any:
    return dg.build_schedule_context(scheduled_execution_time=moment, **options)


@covers("build_schedule_from_partitioned_job")
@pytest.mark.parametrize(
    ("partitions", "options"),
    [
        (lambda dg: daily(dg), {}),
        (lambda dg: daily(dg), {"hour_of_day": 5, "minute_of_hour": 30, "name": "named", "description": "said"}),
        (lambda dg: daily(dg, timezone="Europe/Berlin", hour_offset=2), {"tags": {"a": "b"}}),
        (lambda dg: dg.HourlyPartitionsDefinition(start_date="2024-03-01-00:00"), {"minute_of_hour": 7}),
        (lambda dg: dg.WeeklyPartitionsDefinition(start_date="2024-01-01"), {"day_of_week": 3}),
        (lambda dg: dg.MonthlyPartitionsDefinition(start_date="2024-01-01"), {"day_of_month": 5, "hour_of_day": 1}),
        (lambda dg: dg.StaticPartitionsDefinition(["a", "b"]), {"cron_schedule": "0 3 * * *"}),
        (lambda dg: dg.DailyPartitionsDefinition(start_date="2030-01-01"), {}),
        (
            lambda dg: dg.MultiPartitionsDefinition(
                {"day": daily(dg), "region": dg.StaticPartitionsDefinition(["n", "s"])}
            ),
            {},
        ),
    ],
)
def test_a_schedule_follows_the_partitions_of_its_job(partitions: Any, options: dict[str, Any]) -> None:
    def script(dg: Any) -> Any:
        made = dg.build_schedule_from_partitioned_job(a_job(dg, partitions_def=partitions(dg)), **options)
        return [
            made.name,
            made.cron_schedule,
            made.execution_timezone,
            made.description,
            made.job_name,
            asked(made.evaluate_tick(at(dg))),
            asked(made.evaluate_tick(at(dg, datetime(2024, 2, 28, 0, 0, tzinfo=UTC)))),
        ]

    assert_same(script)


@covers("build_schedule_from_partitioned_job")
def test_a_days_config_and_tags_come_from_a_partitioned_config() -> None:
    def script(dg: Any) -> Any:
        @dg.daily_partitioned_config(
            start_date="2024-02-27", tags_for_partition_fn=lambda start, end: {"day": f"{start:%d}"}
        )
        def by_day(start, end):
            return {"ops": {"work": {"config": f"{start:%Y-%m-%d} {end:%Y-%m-%d}"}}}

        @dg.op(config_schema=str)
        def work(context):
            return context.op_config

        @dg.job(config=by_day)
        def etl():
            work()

        return asked(dg.build_schedule_from_partitioned_job(etl).evaluate_tick(at(dg)))

    assert_same(script)


@covers("build_schedule_from_partitioned_job")
def test_a_window_that_is_left_out_is_skipped() -> None:
    def script(dg: Any) -> Any:
        partitions = daily(dg, exclusions=[datetime(2024, 2, 29, tzinfo=UTC)])
        made = dg.build_schedule_from_partitioned_job(a_job(dg, partitions_def=partitions))
        return [asked(made.evaluate_tick(at(dg, datetime(2024, 3, day, tzinfo=UTC)))) for day in (1, 2)]

    assert_same(script)


@covers("build_schedule_from_partitioned_job", "Definitions")
def test_a_schedule_of_partitioned_assets_is_resolved_with_them() -> None:
    def script(dg: Any) -> Any:
        @dg.asset(partitions_def=daily(dg))
        def sales():
            return 1

        job = dg.define_asset_job("sales_job", [sales])
        made = dg.build_schedule_from_partitioned_job(job, hour_of_day=4, tags={"a": "b"})
        defs = dg.Definitions(assets=[sales], schedules=[made])
        dg.Definitions.validate_loadable(defs)
        found = defs.resolve_schedule_def("sales_job_schedule")
        return [made.name, found.cron_schedule, found.job_name, asked(found.evaluate_tick(at(dg)))]

    assert_same(script)


@covers("build_schedule_from_partitioned_job", aspect=REFUSALS)
@pytest.mark.parametrize(
    "make",
    [
        lambda dg, build: build(a_job(dg)),
        lambda dg, build: build(a_job(dg, partitions_def=daily(dg)), day_of_week=1),
        lambda dg, build: build(a_job(dg, partitions_def=daily(dg)), day_of_month=1),
        lambda dg, build: build(a_job(dg, partitions_def=daily(dg)), cron_schedule="0 3 * * *"),
        lambda dg, build: build(a_job(dg, partitions_def=daily(dg)), cron_schedule="0 3 * * *", hour_of_day=4),
        lambda dg, build: build(a_job(dg, partitions_def=daily(dg)), day_of_week=1, day_of_month=1),
        lambda dg, build: build(a_job(dg, partitions_def=dg.StaticPartitionsDefinition(["a"]))),
        lambda dg, build: build(a_job(dg, partitions_def=dg.DynamicPartitionsDefinition(name="d"))),
        lambda dg, build: build(
            a_job(dg, partitions_def=dg.HourlyPartitionsDefinition(start_date="2024-03-01-00:00")), hour_of_day=3
        ),
        lambda dg, build: build(dg.define_asset_job("j"), cron_schedule="@daily"),
        lambda dg, build: build(a_job(dg, partitions_def=daily(dg)), owners=["nobody"]),
    ],
)
def test_what_cannot_be_scheduled_is_refused(make: Any) -> None:
    assert_refused(lambda dg: make(dg, dg.build_schedule_from_partitioned_job))


@covers("build_schedule_from_partitioned_job", aspect=REFUSALS)
def test_assets_without_partitions_are_refused_with_their_definitions() -> None:
    def script(dg: Any) -> Any:
        @dg.asset
        def plain():
            return 1

        made = dg.build_schedule_from_partitioned_job(dg.define_asset_job("j", [plain]))
        dg.Definitions.validate_loadable(dg.Definitions(assets=[plain], schedules=[made]))

    assert_refused(script)


@covers("RunRequest", "schedule")
def test_a_request_for_a_partition_gets_its_tags_and_config() -> None:
    def script(dg: Any) -> Any:
        etl = a_job(dg, partitions_def=daily(dg))

        @dg.schedule("@daily", job=etl)
        def nightly(context):
            return dg.RunRequest("k", partition_key="2024-02-28", tags={"a": "b"})

        @dg.schedule("@daily", job=etl)
        def by_job(context):
            return etl.run_request_for_partition("2024-02-27", run_key="k", tags={"c": "d"})

        repository = dg.Definitions(jobs=[etl], schedules=[nightly]).get_repository_def()
        return [
            asked(nightly.evaluate_tick(at(dg, repository_def=repository))),
            asked(by_job.evaluate_tick(at(dg))),
        ]

    assert_same(script)


def test_partitions_that_a_sensor_adds_may_be_asked_for_at_once() -> None:
    """Of ours alone: Dagster looks dynamic partitions up only in an instance that is kept on disk."""
    instance = ephemeral(jobkernel)
    instance.add_dynamic_partitions("regions", ["old", "gone"])
    regions = jobkernel.DynamicPartitionsDefinition(name="regions")
    etl = a_job(jobkernel, partitions_def=regions)

    def look(*keys: str) -> Any:
        def watcher(context):
            changes = [regions.build_add_request(["new"]), regions.build_delete_request(["gone"])]
            wanted = [jobkernel.RunRequest(key, partition_key=key) for key in keys]
            return jobkernel.SensorResult(wanted, dynamic_partitions_requests=changes)

        made = jobkernel.sensor(job=etl)(watcher)
        defs = jobkernel.Definitions(jobs=[etl], sensors=[made])
        return made.evaluate_tick(jobkernel.build_sensor_context(instance, definitions=defs))

    runs = asked(look("old", "new"))[1]
    assert [(key, tags["dagster/partition"]) for _, key, _, tags in runs] == [("old", "old"), ("new", "new")]
    with pytest.raises(jobkernel.DagsterUnknownPartitionError, match="No partition 'gone' exists"):
        look("gone")


@covers("RunRequest", aspect=REFUSALS)
@pytest.mark.parametrize("key", ["2024-13-01", "2024-03-01", "2020-01-01", "yesterday"])
def test_a_partition_that_does_not_exist_is_refused(key: str) -> None:
    def by_request(dg: Any) -> Any:
        etl = a_job(dg, partitions_def=daily(dg))
        made = dg.schedule("@daily", job=etl, name="s")(lambda context: dg.RunRequest(partition_key=key))
        return made.evaluate_tick(at(dg, repository_def=dg.Definitions(jobs=[etl]).get_repository_def()))

    def by_job(dg: Any) -> Any:
        return a_job(dg, partitions_def=daily(dg)).run_request_for_partition(key, current_time=NOON)

    assert_refused(by_request, key)
    assert_refused(by_job, key)


@covers("RunRequest", aspect=REFUSALS)
def test_a_partition_of_a_job_without_any_is_refused() -> None:
    def script(dg: Any) -> Any:
        etl = a_job(dg)
        made = dg.sensor(job=etl, name="s")(lambda context: dg.RunRequest(partition_key="a"))
        return made.evaluate_tick(dg.build_sensor_context(definitions=dg.Definitions(jobs=[etl])))

    assert_refused(script)
    assert_refused(lambda dg: a_job(dg).run_request_for_partition("a"))
