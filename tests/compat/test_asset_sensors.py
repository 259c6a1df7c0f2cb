"""Sensors of one asset, over an instance in memory, as in Dagster. Annotations are read while tests run."""

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
    """An instance, two assets, and a job to start."""

    def __init__(self, dg: Any) -> None:
        self.dg = dg
        self.instance = ephemeral(dg)

        @dg.asset
        def orders():
            return dg.MaterializeResult(metadata={"rows": 5})

        @dg.asset
        def other():
            return 1

        @dg.op
        def work():
            return 1

        @dg.job
        def etl():
            work()

        self.orders, self.other, self.etl = orders, other, etl

    def make(self, *assets: Any) -> None:
        self.dg.materialize(list(assets or (self.orders,)), instance=self.instance)

    def look(self, sensor: Any, cursor: str | None = None, **options: Any) -> Any:
        return sensor.evaluate_tick(self.dg.build_sensor_context(self.instance, cursor, **options))


def looks(world: World, sensor: Any, *between: Any) -> list[Any]:
    """What several looks gave, one after the other: reason, run keys, whether the cursor moved."""
    cursor, found = None, []
    for step in (None, *between):
        if step is not None:
            step()
        data = world.look(sensor, cursor)
        found.append((data.skip_message, [each.run_key for each in data.run_requests], data.cursor != cursor))
        cursor = data.cursor
    return found


@covers("asset_sensor", "AssetSensorDefinition")
def test_a_look_takes_the_newest_materialization_behind_the_cursor() -> None:
    def script(dg: Any) -> Any:
        world = World(dg)

        @dg.asset_sensor(asset_key=dg.AssetKey("orders"), job=world.etl)
        def watcher(context, event):
            made = event.dagster_event.materialization
            return dg.RunRequest(
                f"{event.dagster_event.asset_key.to_user_string()} {made.metadata['rows'].value}", tags={"a": "b"}
            )

        def thrice():
            for _ in range(3):
                world.make()

        return looks(world, watcher, thrice, lambda: None, lambda: world.make(world.other), world.make)

    assert_same(script)


@covers("asset_sensor")
def test_what_was_made_before_the_first_look_counts() -> None:
    def script(dg: Any) -> Any:
        world = World(dg)
        world.make()

        @dg.asset_sensor(asset_key=dg.AssetKey("orders"), job=world.etl)
        def watcher(context, event):
            return dg.RunRequest("k")

        data = world.look(watcher)
        return data.skip_message, [dict(each.tags) for each in data.run_requests], data.cursor.isdigit()

    assert_same(script)


@covers("asset_sensor")
def test_observations_and_other_assets_start_nothing() -> None:
    def script(dg: Any) -> Any:
        world = World(dg)

        @dg.op
        def seeing(context):
            context.log_event(dg.AssetObservation("orders"))
            yield dg.Output(1)

        @dg.job
        def observing():
            seeing()

        @dg.asset_sensor(asset_key=dg.AssetKey("orders"), job=world.etl)
        def watcher(context, event):
            return dg.RunRequest("k")

        return looks(world, watcher, lambda: observing.execute_in_process(instance=world.instance))

    assert_same(script)


@covers("asset_sensor", "AssetSensorDefinition", aspect=ORDER)
@pytest.mark.parametrize(
    "body",
    [
        lambda dg: lambda context, event: [dg.RunRequest("b"), dg.RunRequest("a")],
        lambda dg: lambda context, event: (dg.RunRequest(key) for key in "ba"),
        lambda dg: lambda context, event: None,
        lambda dg: lambda context, event: dg.SkipReason("not now"),
        lambda dg: lambda context, event: dg.SensorResult([dg.RunRequest("in it")]),
        lambda dg: lambda context: dg.RunRequest("context alone"),
        lambda dg: lambda: dg.RunRequest("nothing"),
        lambda dg: lambda first, second: dg.RunRequest(second.dagster_event.asset_key.to_user_string()),
    ],
)
def test_a_function_may_give_what_other_sensors_give(body: Any) -> None:
    def script(dg: Any) -> Any:
        world = World(dg)
        made = dg.asset_sensor(asset_key=dg.AssetKey("orders"), job=world.etl, name="watcher")(body(dg))
        return looks(world, made, world.make, lambda: None)

    assert_same(script)


@covers("asset_sensor", aspect=REFUSALS)
@pytest.mark.parametrize(
    "body",
    [
        lambda dg: lambda context, event: 5,
        lambda dg: lambda context, event: {"ops": {}},
        lambda dg: lambda context, event: dg.SensorResult(cursor="mine"),
        lambda dg: lambda context, event: 1 / 0,
        lambda dg: lambda context, event: dg.RunRequest(job_name="nobodys"),
    ],
)
def test_a_function_may_not_give_anything_else(body: Any) -> None:
    def script(dg: Any) -> Any:
        world = World(dg)
        world.make()
        return world.look(dg.asset_sensor(asset_key=dg.AssetKey("orders"), job=world.etl, name="watcher")(body(dg)))

    assert_refused(script)


@covers("asset_sensor")
def test_a_cursor_that_is_no_place_is_as_good_as_none() -> None:
    def script(dg: Any) -> Any:
        world = World(dg)
        world.make()

        @dg.asset_sensor(asset_key=dg.AssetKey("orders"), job=world.etl)
        def watcher(context, event):
            return dg.RunRequest("k")

        return [len(world.look(watcher, cursor).run_requests) for cursor in ("text", "", "0", "1000000")]

    assert_same(script)


@covers("asset_sensor", "AssetSensorDefinition")
def test_a_function_may_take_resources() -> None:
    def script(dg: Any) -> Any:
        world = World(dg)
        world.make()

        @dg.asset_sensor(asset_key=dg.AssetKey("orders"), job=world.etl)
        def watcher(context, event, store: dg.ResourceParam[str]):
            return dg.RunRequest(store)

        data = world.look(watcher, resources={"store": "here"})
        return [each.run_key for each in data.run_requests], sorted(watcher.required_resource_keys)

    assert_same(script)


@covers("asset_sensor", "AssetSensorDefinition")
def test_a_definition_says_what_it_was_given() -> None:
    def script(dg: Any) -> Any:
        world = World(dg)

        @dg.asset_sensor(
            asset_key=dg.AssetKey(["a", "b"]),
            jobs=[world.etl],
            minimum_interval_seconds=7,
            description="said",
            default_status=dg.DefaultSensorStatus.RUNNING,
            tags={"t": "u"},
            metadata={"m": 1},
        )
        def watcher(context, event):
            """Not said."""

        direct = dg.AssetSensorDefinition("direct", dg.AssetKey("a"), "etl", lambda context, event: dg.RunRequest("d"))
        return [
            (
                each.name,
                each.asset_key.to_user_string(),
                each.sensor_type.value,
                each.minimum_interval_seconds,
                each.description,
                each.default_status.value,
                dict(each.tags),
                [target.job_name for target in each.targets],
            )
            for each in (watcher, direct)
        ]

    assert_same(script)


@covers("AssetSensorDefinition")
def test_a_definition_without_the_decorator_looks_too() -> None:
    def script(dg: Any) -> Any:
        world = World(dg)
        made = dg.AssetSensorDefinition(
            "direct", dg.AssetKey("orders"), "etl", lambda context, event: dg.RunRequest("d")
        )
        world.make()
        return [each.run_key for each in world.look(made).run_requests]

    assert_same(script)


@covers("asset_sensor")
def test_a_direct_call_looks() -> None:
    def script(dg: Any) -> Any:
        world = World(dg)

        @dg.asset_sensor(asset_key=dg.AssetKey("orders"), job=world.etl)
        def watcher(context, event):
            return dg.RunRequest("k")

        before = list(watcher(dg.build_sensor_context(world.instance)))
        world.make()
        return before[0].skip_message, [each.run_key for each in watcher(dg.build_sensor_context(world.instance))]

    assert_same(script)


@covers("asset_sensor", "AssetSensorDefinition", aspect=REFUSALS)
@pytest.mark.parametrize(
    "make",
    [
        lambda dg: dg.asset_sensor(asset_key="orders", job_name="etl")(lambda context, event: None),
        lambda dg: dg.asset_sensor(asset_key=dg.AssetKey("orders"), job_name="etl", name="a b")(lambda c, e: None),
        lambda dg: dg.asset_sensor(asset_key=dg.AssetKey("o"), job_name="etl", job=5, name="a")(lambda c, e: None),
        lambda dg: dg.asset_sensor(asset_key=dg.AssetKey("o"), job_name="etl", name="a")(5),
    ],
)
def test_arguments_that_make_no_sense_are_refused(make: Any) -> None:
    assert_refused(make)


@covers("asset_sensor", aspect=REFUSALS)
def test_a_look_without_an_instance_is_refused() -> None:
    def script(dg: Any) -> Any:
        made = dg.asset_sensor(asset_key=dg.AssetKey("orders"), job_name="etl", name="a")(lambda context, event: None)
        return made.evaluate_tick(dg.build_sensor_context())

    assert_refused(script)
