"""Sensors of runs, over an instance in memory, as in Dagster. Annotations are read while tests run."""

from collections.abc import Iterator
from typing import Any

import pytest
from harness import assert_refused, assert_same
from instances import disposing, ephemeral
from symbols import ORDER, REFUSALS, covers

pytestmark = pytest.mark.compat


@pytest.fixture(autouse=True)
def instances_end() -> Iterator[None]:
    with disposing():
        yield


class World:
    """An instance, and jobs that end well and badly."""

    def __init__(self, dg: Any) -> None:
        self.dg = dg
        self.instance = ephemeral(dg)

        @dg.op
        def fine():
            return 1

        @dg.op
        def broken():
            raise ValueError("broken")

        @dg.job
        def good():
            fine()

        @dg.job
        def better():
            fine()

        @dg.job
        def bad():
            broken()

        self.good, self.better, self.bad = good, better, bad

    def run(self, *jobs: Any, tags: Any = None) -> None:
        for job in jobs:
            job.execute_in_process(instance=self.instance, raise_on_error=False, tags=tags)


def said(data: Any) -> Any:
    """What a look gave: reason, run keys, and the jobs and errors of the runs it dealt with."""
    reactions = [(each.dagster_run.job_name, each.error is not None) for each in data.dagster_run_reactions or ()]
    return (
        data.skip_message and data.skip_message.split(".")[0],
        [each.run_key for each in data.run_requests],
        reactions,
    )


def looks(world: World, sensor: Any, *between: Any) -> list[Any]:
    """What several looks gave, one after the other."""
    cursor, found = None, []
    for step in (None, *between):
        if step is not None:
            step()
        data = sensor.evaluate_tick(world.dg.build_sensor_context(world.instance, cursor))
        found.append((said(data), data.cursor != cursor))
        cursor = data.cursor
    return found


@covers("run_failure_sensor", "RunFailureSensorContext", "RunStatusSensorDefinition")
def test_runs_before_the_first_look_are_never_handled_and_later_ones_once() -> None:
    def script(dg: Any) -> Any:
        world = World(dg)
        world.run(world.bad)
        seen = []

        @dg.run_failure_sensor
        def watcher(context):
            steps = context.get_step_failure_events()
            seen.append(
                (
                    context.sensor_name,
                    context.dagster_run.job_name,
                    context.dagster_run.status.value,
                    context.failure_event.event_type_value,
                    context.dagster_event is context.failure_event,
                    [event.step_key for event in steps],
                    context.partition_key,
                )
            )

        found = looks(
            world, watcher, lambda: world.run(world.bad, world.good), lambda: None, lambda: world.run(world.bad)
        )
        return found, seen

    assert_same(script)


@covers("run_status_sensor", "RunStatusSensorContext")
def test_a_status_and_jobs_may_be_chosen() -> None:
    def script(dg: Any) -> Any:
        world = World(dg)
        seen = []

        @dg.run_status_sensor(run_status=dg.DagsterRunStatus.SUCCESS, monitored_jobs=[world.good])
        def watcher(context):
            seen.append(
                (context.dagster_run.job_name, context.dagster_event.event_type_value, dict(context.dagster_run.tags))
            )

        @dg.run_status_sensor(run_status=dg.DagsterRunStatus.STARTED)
        def starts(context):
            seen.append(context.dagster_run.job_name)

        everything = lambda: world.run(world.bad, world.better, world.good, tags={"a": "b"})  # noqa: E731
        return looks(world, watcher, everything, lambda: None), looks(world, starts, everything), seen

    assert_same(script)


@covers("run_failure_sensor", aspect=ORDER)
def test_a_look_handles_five_runs_oldest_first() -> None:
    def script(dg: Any) -> Any:
        world = World(dg)
        seen = []

        @dg.run_failure_sensor
        def watcher(context):
            seen.append(context.dagster_run.tags["n"])

        def seven():
            for number in range(7):
                world.run(world.bad, tags={"n": str(number)})

        return looks(world, watcher, seven, lambda: None, lambda: None), seen

    assert_same(script)


@covers("run_status_sensor", "RunStatusSensorDefinition", aspect=ORDER)
@pytest.mark.parametrize(
    "answer",
    [
        lambda dg: dg.RunRequest("k"),
        lambda dg: dg.SkipReason("enough"),
        lambda dg: dg.SensorResult([dg.RunRequest("in it")]),
        lambda dg: [dg.RunRequest("a"), dg.RunRequest("b")],
        lambda dg: (dg.RunRequest(key) for key in "ab"),
        lambda dg: [],
    ],
)
def test_an_answer_ends_the_look_after_its_run(answer: Any) -> None:
    def script(dg: Any) -> Any:
        world = World(dg)

        @dg.run_status_sensor(
            run_status=dg.DagsterRunStatus.SUCCESS, request_job=world.better, monitored_jobs=[world.good]
        )
        def watcher(context):
            return answer(dg)

        return looks(world, watcher, lambda: world.run(world.good, world.good), lambda: None, lambda: None)

    assert_same(script)


@covers("run_failure_sensor")
def test_a_function_that_raises_is_not_called_for_that_run_again() -> None:
    def script(dg: Any) -> Any:
        world = World(dg)

        @dg.run_failure_sensor
        def watcher(context):
            raise ValueError("cannot mail")

        @dg.run_failure_sensor(request_job=world.good)
        def late(context):
            yield dg.RunRequest("first")
            raise ValueError("then")

        twice = lambda: world.run(world.bad, world.bad)  # noqa: E731
        return looks(world, watcher, twice, lambda: None), looks(world, late, twice, lambda: None)

    assert_same(script)


@covers("run_status_sensor", aspect=REFUSALS)
@pytest.mark.parametrize(
    "answer",
    [
        lambda dg: dg.SensorResult(cursor="mine"),
        lambda dg: dg.RunRequest("for no job"),
    ],
)
def test_an_answer_that_makes_no_sense_fails_the_look(answer: Any) -> None:
    def script(dg: Any) -> Any:
        world = World(dg)

        @dg.run_status_sensor(run_status=dg.DagsterRunStatus.SUCCESS)
        def watcher(context):
            return answer(dg)

        return looks(world, watcher, lambda: world.run(world.good))

    assert_refused(script)


@covers("run_status_sensor", "run_failure_sensor", "RunStatusSensorDefinition")
def test_a_definition_says_what_it_was_given() -> None:
    def script(dg: Any) -> Any:
        world = World(dg)

        @dg.run_failure_sensor(
            name="named",
            minimum_interval_seconds=7,
            description="said",
            monitored_jobs=[world.bad],
            default_status=dg.DefaultSensorStatus.RUNNING,
            request_jobs=[world.good, world.better],
            tags={"a": "b"},
            metadata={"m": 1},
        )
        def first(context):
            return None

        @dg.run_failure_sensor
        def second(context):
            return None

        @dg.run_status_sensor(dg.DagsterRunStatus.CANCELED, monitor_all_code_locations=True)
        def third():
            return None

        return [
            (
                each.name,
                each.sensor_type.value,
                each.minimum_interval_seconds,
                each.description,
                each.default_status.value,
                [target.job_name for target in each.targets],
                dict(each.tags),
            )
            for each in (first, second, third)
        ]

    assert_same(script)


@covers("build_run_status_sensor_context", "RunStatusSensorContext", "RunFailureSensorContext")
def test_a_sensor_of_runs_is_called_like_its_function() -> None:
    def script(dg: Any) -> Any:
        world = World(dg)

        @dg.run_status_sensor(run_status=dg.DagsterRunStatus.SUCCESS, request_job=world.good)
        def of_success(context):
            return dg.RunRequest(f"{context.sensor_name} {context.dagster_run.job_name} {context.partition_key}")

        @dg.run_failure_sensor(request_job=world.good)
        def of_failure(context, store: dg.ResourceParam[str]):
            return dg.RunRequest(f"{type(context).__name__} {context.failure_event.event_type_value} {store}")

        @dg.run_failure_sensor
        def plain():
            return dg.SkipReason("plain")

        result = world.bad.execute_in_process(instance=world.instance, raise_on_error=False)
        failed = next(each for each in result.all_events if each.is_run_failure)
        given = {"dagster_event": failed, "dagster_instance": world.instance, "dagster_run": result.dagster_run}
        context = dg.build_run_status_sensor_context(sensor_name="s", partition_key="p", **given)
        with_store = dg.build_run_status_sensor_context(sensor_name="s", resources={"store": "here"}, **given)
        return [
            of_success(context).run_key,
            of_success(context=context).run_key,
            of_failure(with_store).run_key,
            of_failure(dg.build_run_status_sensor_context(sensor_name="s", **given), store="there").run_key,
            plain().skip_message,
            context.instance is world.instance,
            [event.step_key for event in context.for_run_failure().get_step_failure_events()],
        ]

    assert_same(script)


@covers("build_run_status_sensor_context", "RunStatusSensorContext", aspect=REFUSALS)
@pytest.mark.parametrize(
    "change",
    [
        {"dagster_event": 5},
        {"dagster_run": 5},
        {"sensor_name": 5},
        {"called": ()},
        {"called": (5,)},
        {"called": (1, 2)},
    ],
)
def test_a_context_of_wrong_kinds_is_refused(change: dict[str, Any]) -> None:
    def script(dg: Any) -> Any:
        world = World(dg)
        result = world.good.execute_in_process(instance=world.instance)

        @dg.run_status_sensor(run_status=dg.DagsterRunStatus.SUCCESS)
        def watcher(context):
            return None

        if "called" in change:
            return watcher(*change["called"])
        given = {
            "sensor_name": "s",
            "dagster_event": result.all_events[-1],
            "dagster_instance": world.instance,
            "dagster_run": result.dagster_run,
        }
        return dg.build_run_status_sensor_context(**{**given, **change})

    assert_refused(script)


@covers("run_status_sensor", "RunStatusSensorDefinition", aspect=REFUSALS)
@pytest.mark.parametrize(
    "options",
    [
        {"run_status": 5},
        {"run_status": "SUCCESS"},
        {"monitored_jobs": [5]},
        {"monitored_jobs": ["good"]},
        {"name": "bad name"},
        {"minimum_interval_seconds": "30"},
        {"monitor_all_code_locations": 5},
        {"default_status": "RUNNING"},
    ],
)
def test_arguments_that_make_no_sense_are_refused(options: dict[str, Any]) -> None:
    def script(dg: Any) -> Any:
        given = {"name": "s", "run_status": dg.DagsterRunStatus.SUCCESS, **options}
        return dg.run_status_sensor(**given)(lambda context: None)

    assert_refused(script)


@covers("run_status_sensor", "run_failure_sensor", aspect=REFUSALS)
def test_some_jobs_and_all_jobs_are_not_monitored_at_once() -> None:
    def script(dg: Any) -> Any:
        world = World(dg)
        return dg.run_failure_sensor(name="s", monitored_jobs=[world.good], monitor_all_code_locations=True)(
            lambda context: None
        )

    assert_refused(script)


@covers("run_status_sensor")
def test_a_cursor_that_is_none_begins_anew() -> None:
    def script(dg: Any) -> Any:
        world = World(dg)
        world.run(world.good)

        @dg.run_status_sensor(run_status=dg.DagsterRunStatus.SUCCESS)
        def watcher(context):
            return None

        return [said(watcher.evaluate_tick(dg.build_sensor_context(world.instance, c))) for c in ("text", "5", "{}")]

    assert_same(script)
