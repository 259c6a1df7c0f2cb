"""What contexts, statuses and parts of schedules, sensors, partitions and conditions refuse: what Dagster's do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from harness import assert_refused
from symbols import REFUSALS, covers
from test_daemon_tables import a_job

pytestmark = pytest.mark.compat


def scheduled(dg: Any, **options: Any) -> Any:
    return dg.ScheduleDefinition(**{"job": a_job(dg), "cron_schedule": "@daily", **options})


def watching(dg: Any, **options: Any) -> Any:
    return dg.SensorDefinition(**{"job": a_job(dg), "name": "s", "evaluation_fn": lambda context: None, **options})


@covers("DefaultScheduleStatus", "DefaultSensorStatus", aspect=REFUSALS)
@pytest.mark.parametrize("status", ["RUNNING", 1, "on", True])
@pytest.mark.parametrize("make", [scheduled, watching])
def test_a_status_that_is_none_is_refused(make: Callable[..., Any], status: Any) -> None:
    assert_refused(lambda dg: make(dg, default_status=status))


@covers("DefaultScheduleStatus", "DefaultSensorStatus", aspect=REFUSALS)
@pytest.mark.parametrize("name", ["DefaultScheduleStatus", "DefaultSensorStatus"])
def test_there_is_no_other_status(name: str) -> None:
    assert_refused(lambda dg: getattr(dg, name)("SLEEPING"))


@covers("DefaultScheduleStatus", "DefaultSensorStatus", aspect=REFUSALS)
def test_the_status_of_the_other_kind_is_refused() -> None:
    assert_refused(lambda dg: scheduled(dg, default_status=dg.DefaultSensorStatus.RUNNING))
    assert_refused(lambda dg: watching(dg, default_status=dg.DefaultScheduleStatus.RUNNING))


ASKED: dict[str, Callable[[Any], Any]] = {
    "no instance": lambda dg: dg.build_schedule_context().instance,
    "no repository": lambda dg: dg.build_schedule_context().repository_def,
    "no time": lambda dg: dg.build_schedule_context().scheduled_execution_time,
    "no resource": lambda dg: dg.build_schedule_context().resources.store,
    "of a sensor: no instance": lambda dg: dg.build_sensor_context().instance,
    "of a sensor: no resource": lambda dg: dg.build_sensor_context().resources.store,
    "of a sensor: a cursor that is no text": lambda dg: dg.build_sensor_context().update_cursor(5),
}


@covers("ScheduleEvaluationContext", "SensorEvaluationContext", aspect=REFUSALS)
@pytest.mark.parametrize("ask", ASKED.values(), ids=ASKED.keys())
def test_what_a_context_was_not_given_is_refused(ask: Callable[[Any], Any]) -> None:
    assert_refused(ask)


@covers("RunFailureSensorContext", aspect=REFUSALS)
@pytest.mark.parametrize("called", [(), (5,), ("context",)])
def test_a_sensor_of_failures_is_not_called_with_anything(called: tuple[Any, ...]) -> None:
    def script(dg: Any) -> Any:
        @dg.run_failure_sensor
        def watcher(context: Any) -> Any:
            return None

        return watcher(*called)

    assert_refused(script)


@covers("dynamic_partitioned_config", aspect=REFUSALS)
@pytest.mark.parametrize("keys", [5, lambda: 5])
def test_keys_that_are_none_are_refused(keys: Any) -> None:
    def script(dg: Any) -> Any:
        given = keys if callable(keys) else lambda _now=None: keys
        made = dg.dynamic_partitioned_config(given)(lambda key: {})
        return made.get_partition_keys()

    assert_refused(script)


@covers("SpecificPartitionsPartitionMapping", aspect=REFUSALS)
@pytest.mark.parametrize("given", [5, None])
def test_keys_of_a_mapping_that_are_no_list_are_refused(given: Any) -> None:
    def script(dg: Any) -> Any:
        numbers = dg.StaticPartitionsDefinition(["1", "2"])
        mapping = dg.SpecificPartitionsPartitionMapping(given)
        subset = numbers.subset_with_partition_keys(["1"])
        return mapping.get_upstream_mapped_partitions_result_for_partitions(subset, numbers, numbers)

    assert_refused(script)


@covers("TimeWindow", aspect=REFUSALS)
@pytest.mark.parametrize("given", [(), (1,), (1, 2, 3)])
def test_a_window_has_a_start_and_an_end(given: tuple[Any, ...]) -> None:
    assert_refused(lambda dg: dg.TimeWindow(*given))
