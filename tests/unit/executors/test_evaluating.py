"""One look at a schedule or sensor: its function called, resources opened and closed, what it logs kept."""

from __future__ import annotations

from typing import Any

import pytest

from jobkernel.errors import InvalidDefinition, InvariantViolation, UserCodeError
from jobkernel.executors.automation_context import ScheduleEvaluationContext, SensorEvaluationContext
from jobkernel.executors.evaluating import evaluate
from jobkernel.model.automation import RunRequest, Schedule, Sensor, Target
from jobkernel.model.definitions import Resource

ETL = (Target(job_name="etl"),)


def a_sensor(function: Any = None, **fields: Any) -> Sensor:
    return Sensor(name="watcher", targets=ETL, function=function, context_argument="context", **fields)


def a_schedule(function: Any = None, **fields: Any) -> Schedule:
    argument = "context" if function is not None else None
    return Schedule(
        name="nightly", crons=("@daily",), targets=ETL, function=function, context_argument=argument, **fields
    )


def test_a_schedule_without_a_function_asks_for_one_run_of_its_config_and_tags() -> None:
    config = {"ops": {"x": {"config": {"n": 1}}}}

    found = evaluate(a_schedule(run_config=config, tags={"a": "b"}), ScheduleEvaluationContext())

    assert found.requests == (RunRequest(run_config=config, tags={"a": "b", "dagster/schedule_name": "nightly"}),)
    assert found.requests[0].run_config["ops"] is not config["ops"]


def test_a_cell_is_frozen_anew_at_each_look() -> None:
    frozen = []

    def capture(memo: dict[Any, Any]) -> Any:
        assert memo == {}
        frozen.append(len(frozen))
        key = str(len(frozen))
        return lambda context: RunRequest(key)

    sensor = a_sensor(capture=capture)

    keys = [evaluate(sensor, SensorEvaluationContext()).requests[0].run_key for _ in range(2)]

    assert keys == ["1", "2"]


def test_what_a_function_logs_is_kept_with_the_look_in_its_order() -> None:
    def look(context: Any) -> None:
        context.log.info("one %s", 1)
        context.log.warning("two")

    moments = iter((5, 6))
    found = evaluate(a_sensor(look), SensorEvaluationContext(now_us=lambda: next(moments)))

    assert [tuple(line) for line in found.log] == [(5, "INFO", "one 1"), (6, "WARNING", "two")]


def test_resources_open_when_a_function_takes_them_and_close_with_the_context() -> None:
    seen: list[str] = []

    def store(_context: Any) -> Any:
        seen.append("open")
        yield "value"
        seen.append("closed")

    def look(context: Any, store: str) -> RunRequest:
        seen.append(store)
        return RunRequest(store)

    sensor = a_sensor(look, resource_arguments=("store",))
    given = {"store": Resource(name="store", create=store), "unused": Resource(name="unused", create=lambda: 1 / 0)}
    with SensorEvaluationContext(resources=given, resource_keys=["store"]) as context:
        evaluate(sensor, context)
        seen.append("evaluated")

    assert seen == ["open", "value", "evaluated", "closed"]


def test_a_resource_that_was_not_given_is_named_with_the_nearest() -> None:
    sensor = a_sensor(lambda context, stor: None, resource_arguments=("stor",))

    with (
        SensorEvaluationContext(resources={"store": 5}) as context,
        pytest.raises(InvalidDefinition, match=r"Sensor 'watcher' needs resource 'stor', .* Did you mean 'store'\?"),
    ):
        evaluate(sensor, context)


def test_what_a_schedule_raises_comes_as_a_sentence_with_its_cause() -> None:
    def broken(context: Any) -> Any:
        yield RunRequest("a")
        raise ValueError("no such table.")

    with pytest.raises(UserCodeError, match=r"^Schedule 'nightly' raised ValueError: no such table\.$") as raised:
        evaluate(a_schedule(broken), ScheduleEvaluationContext())
    assert isinstance(raised.value.__cause__, ValueError)


def test_a_sensor_without_a_function_is_refused() -> None:
    with pytest.raises(InvariantViolation, match="Sensor 'watcher' has no function to call"):
        evaluate(a_sensor(), SensorEvaluationContext())


def test_a_context_of_the_other_kind_is_refused() -> None:
    with pytest.raises(InvariantViolation, match="Sensor 'watcher' cannot be evaluated in a ScheduleEvaluationContext"):
        evaluate(a_sensor(lambda context: None), ScheduleEvaluationContext())


def test_partitions_are_resolved_where_the_context_knows_how() -> None:
    def resolve(job_name: str, request: RunRequest, changes: tuple[Any, ...]) -> RunRequest:
        return request.with_replaced_attrs(
            tags={**request.tags, "dagster/partition": f"{job_name} {request.partition_key}"}
        )

    schedule = a_schedule(lambda context: [RunRequest("a", partition_key="p"), RunRequest("b")])

    found = evaluate(schedule, ScheduleEvaluationContext(resolve_partition=resolve))

    assert [request.tags.get("dagster/partition") for request in found.requests] == ["etl p", None]


def test_a_context_within_a_look_logs_to_it_and_shares_its_instance() -> None:
    context = SensorEvaluationContext(name="watcher", instance=lambda: "made once", resources={"store": 5})

    inner = context.within(SensorEvaluationContext, cursor="c")
    inner.log.info("heard")

    assert (inner.sensor_name, inner.cursor, inner.instance, inner.resources.store) == ("watcher", "c", "made once", 5)
    assert [line.message for line in context.lines] == ["heard"]
