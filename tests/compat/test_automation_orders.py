"""In which order requests, reasons, changes of partitions and crons of schedules and sensors count: Dagster's."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from daemon_worlds import told_by_both
from harness import assert_same
from symbols import ORDER, covers
from test_daemon_tables import a_job, schedule_of, sensor_of, with_regions

pytestmark = pytest.mark.compat
LETTERS = ("d", "a", "c", "b")


def requests(dg: Any) -> list[Any]:
    """Requests whose keys and tags are in no alphabetical order."""
    return [dg.RunRequest(letter, tags={"letter": letter}) for letter in LETTERS]


def letters(world: Any) -> list[str]:
    return [tags["letter"] for tags in world.runs()]


GIVEN: dict[str, Callable[[Any, Any], Any]] = {
    "a list": lambda dg, _: requests(dg),
    "a result": lambda dg, _: dg.SensorResult(run_requests=requests(dg)),
    "a result of an iterator": lambda dg, _: dg.SensorResult(run_requests=list(reversed(requests(dg)))[::-1]),
}


@covers("RunRequest", "SensorResult", "SensorDefinition", aspect=ORDER)
@pytest.mark.parametrize("give", GIVEN.values(), ids=GIVEN.keys())
def test_the_runs_of_a_look_come_in_the_order_of_its_requests(give: Any, tmp_path: Path) -> None:
    theirs, ours = told_by_both(sensor_of(give), tmp_path, (0, 31), letters)
    assert ours == theirs == list(LETTERS)


@covers("RunRequest", "ScheduleDefinition", aspect=ORDER)
def test_the_runs_of_a_tick_come_in_the_order_of_its_requests(tmp_path: Path) -> None:
    theirs, ours = told_by_both(schedule_of(lambda dg, _: requests(dg)), tmp_path, (0, 2), letters)
    assert ours == theirs == list(LETTERS)


@covers("ScheduleDefinition", aspect=ORDER)
def test_the_times_of_several_crons_come_as_they_fall(tmp_path: Path) -> None:
    def hour(dg: Any, context: Any) -> Any:
        return dg.RunRequest(tags={"letter": str(context.scheduled_execution_time.hour)})

    script = schedule_of(hour, ["0 18 * * *", "0 6 * * *", "0 12 * * *"])
    theirs, ours = told_by_both(script, tmp_path, (0, 6 * 3600 + 2, 6 * 3600, 6 * 3600), letters)
    assert ours == theirs == ["6", "12", "18"]


@covers("SensorResult", "AddDynamicPartitionsRequest", aspect=ORDER)
def test_keys_are_added_in_their_order_before_the_runs_that_name_them(tmp_path: Path) -> None:
    def adds(dg: Any, context: Any, regions: Any) -> Any:
        if context.cursor:
            return dg.SkipReason("done")
        changes = [regions.build_add_request(["c", "a"]), regions.build_add_request(["b"])]
        found = [dg.RunRequest(key, partition_key=key, tags={"letter": key}) for key in ("b", "c")]
        return dg.SensorResult(run_requests=found, dynamic_partitions_requests=changes, cursor="1")

    def tell(world: Any) -> Any:
        return letters(world), list(world.instance.get_dynamic_partitions("regions")), world.ticks("s")[0]["changes"]

    theirs, ours = told_by_both(with_regions(adds), tmp_path, (0, 31), tell)
    assert ours == theirs
    assert ours[:2] == (["b", "c"], ["c", "a", "b"])


@covers("SensorResult", "AddDynamicPartitionsRequest", "DeleteDynamicPartitionsRequest", aspect=ORDER)
def test_changes_of_keys_count_one_after_another(tmp_path: Path) -> None:
    def changes(dg: Any, context: Any, regions: Any) -> Any:
        given = (
            [regions.build_delete_request(["b"]), regions.build_add_request(["d", "a"])]
            if context.cursor
            else [regions.build_add_request(["a", "b", "c"])]
        )
        return dg.SensorResult(dynamic_partitions_requests=given, cursor="1")

    def tell(world: Any) -> Any:
        return list(world.instance.get_dynamic_partitions("regions")), [tick["changes"] for tick in world.ticks("s")]

    theirs, ours = told_by_both(with_regions(changes), tmp_path, (0, 31), tell)
    assert ours == theirs
    assert ours[0] == ["a", "c", "d"]


@covers("build_schedule_from_partitioned_job", aspect=ORDER)
def test_a_schedule_of_keys_asks_for_them_in_their_order() -> None:
    def script(dg: Any) -> Any:
        keys = dg.StaticPartitionsDefinition(list(LETTERS))

        @dg.op
        def work() -> None: ...

        @dg.job(partitions_def=keys)
        def parted() -> None:
            work()

        schedule = dg.build_schedule_from_partitioned_job(parted, cron_schedule="@daily")
        found = schedule.evaluate_tick(dg.build_schedule_context())
        return [request.partition_key for request in found.run_requests]

    assert_same(script)


def opened_and_closed(dg: Any, seen: list[Any]) -> Any:
    @dg.resource
    def store(_context: Any) -> Any:
        seen.append("open")
        yield 1
        seen.append("closed")

    return store


@covers("build_sensor_context", "SensorEvaluationContext", aspect=ORDER)
def test_a_resource_of_a_sensor_is_cleaned_up_when_its_context_is_left() -> None:
    def script(dg: Any) -> Any:
        seen: list[Any] = []

        @dg.sensor(job=a_job(dg), required_resource_keys={"store"})
        def body(context: Any) -> Any:
            seen.append(context.resources.store)

        with dg.build_sensor_context(resources={"store": opened_and_closed(dg, seen)}) as context:
            body.evaluate_tick(context)
            seen.append("between")
        return seen

    assert_same(script)


@covers("SensorEvaluationContext", aspect=ORDER)
def test_the_last_cursor_of_a_look_is_kept(tmp_path: Path) -> None:
    def writes(dg: Any, context: Any) -> Any:
        for each in (context.cursor or "", "z", "a"):
            context.update_cursor(f"{context.cursor or ''}{each}")
        return dg.SkipReason(context.cursor)

    theirs, ours = told_by_both(sensor_of(writes), tmp_path, (0, 31), lambda world: world.cursor("s"))
    assert ours == theirs
