"""Sensors of several assets, over an instance in memory, as in Dagster. Annotations are read while tests run."""

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
    """An instance, two plain assets and two with partitions, and a job to start."""

    def __init__(self, dg: Any) -> None:
        self.dg = dg
        self.instance = ephemeral(dg)
        regions = dg.StaticPartitionsDefinition(["north", "south", "east"])

        @dg.asset
        def orders():
            return 1

        @dg.asset
        def clients():
            return 1

        @dg.asset(partitions_def=regions)
        def sales():
            return 1

        @dg.asset(partitions_def=regions)
        def costs():
            return 1

        @dg.op
        def work():
            return 1

        @dg.job
        def etl():
            work()

        self.etl = etl
        self.assets = {"orders": orders, "clients": clients, "sales": sales, "costs": costs}
        self.defs = dg.Definitions(assets=list(self.assets.values()), jobs=[etl])

    def key(self, name: str) -> Any:
        return self.dg.AssetKey(name)

    def make(self, *names: str, partition: str | None = None) -> None:
        for name in names:
            self.dg.materialize([self.assets[name]], instance=self.instance, partition_key=partition)

    def context(self, *names: str, cursor: str | None = None, **options: Any) -> Any:
        monitored = [self.key(name) for name in names]
        return self.dg.build_multi_asset_sensor_context(
            monitored_assets=monitored, instance=self.instance, definitions=self.defs, cursor=cursor, **options
        )

    def looks(self, sensor: Any, *between: Any) -> list[Any]:
        """What several looks gave, one after the other."""
        cursor, found = None, []
        for step in (None, *between):
            if step is not None:
                step()
            data = sensor.evaluate_tick(self.dg.build_sensor_context(self.instance, cursor, definitions=self.defs))
            found.append((data.skip_message, [each.run_key for each in data.run_requests], data.cursor != cursor))
            cursor = data.cursor
        return found


def names_of(records: Any) -> list[str]:
    return [key.to_user_string() for key, record in records.items() if record is not None]


@covers("multi_asset_sensor", "MultiAssetSensorDefinition", "MultiAssetSensorEvaluationContext")
def test_a_look_finds_what_was_made_since_it_was_consumed() -> None:
    def script(dg: Any) -> Any:
        world = World(dg)

        @dg.multi_asset_sensor(monitored_assets=[dg.AssetKey("orders"), dg.AssetKey("clients")], job=world.etl)
        def both(context):
            found = context.latest_materialization_records_by_key()
            if all(found.values()):
                context.advance_all_cursors()
                return dg.RunRequest(" ".join(names_of(found)))
            return dg.SkipReason(" ".join(names_of(found)))

        @dg.multi_asset_sensor(monitored_assets=[dg.AssetKey("orders"), dg.AssetKey("clients")], job=world.etl)
        def each(context):
            for key, record in context.latest_materialization_records_by_key().items():
                if record:
                    context.advance_cursor({key: record})
                    yield dg.RunRequest(key.to_user_string())

        steps = (lambda: world.make("orders"), lambda: world.make("clients", "orders"), lambda: None)
        return world.looks(both, *steps), world.looks(each, *steps)

    assert_same(script)


@covers("multi_asset_sensor", aspect=ORDER)
@pytest.mark.parametrize(
    "body",
    [
        lambda dg: lambda context: None,
        lambda dg: lambda context: dg.SkipReason("no"),
        lambda dg: lambda context: [],
        lambda dg: lambda context: (context.advance_all_cursors(), [dg.RunRequest("b"), dg.RunRequest("a")])[1],
        lambda dg: lambda context: (context.advance_all_cursors(), dg.SensorResult([dg.RunRequest("in it")]))[1],
        lambda dg: lambda context: (context.advance_all_cursors(), dg.SkipReason("seen"))[1],
    ],
)
def test_a_function_may_give_what_other_sensors_give(body: Any) -> None:
    def script(dg: Any) -> Any:
        world = World(dg)
        made = dg.multi_asset_sensor([dg.AssetKey("orders")], job=world.etl, name="watcher")(body(dg))
        return world.looks(made, lambda: world.make("orders"), lambda: None)

    assert_same(script)


@covers("multi_asset_sensor", aspect=REFUSALS)
@pytest.mark.parametrize(
    "body",
    [
        lambda dg: lambda context: dg.RunRequest("nothing consumed"),
        lambda dg: lambda context: [dg.RunRequest("nothing consumed")],
        lambda dg: lambda context: dg.SensorResult([dg.RunRequest("nothing consumed")]),
        lambda dg: lambda context: dg.SensorResult(cursor="mine"),
        lambda dg: lambda context: [dg.SensorResult()],
        lambda dg: lambda context: context.materialization_records_for_key(dg.AssetKey("nobodys")),
        lambda dg: lambda context: context.latest_materialization_records_by_partition(dg.AssetKey("orders")),
        lambda dg: lambda context: context.latest_materialization_records_by_partition_and_asset(),
        lambda dg: lambda context: context.advance_cursor({"orders": None}),
        lambda dg: lambda context: context.advance_cursor({dg.AssetKey("orders"): 5}),
        lambda dg: lambda context: context.get_cursor_partition(dg.AssetKey("nobodys")),
        lambda dg: lambda context: context.all_partitions_materialized(dg.AssetKey("orders")),
        lambda dg: lambda context: context.all_partitions_materialized(dg.AssetKey("orders"), []),
    ],
)
def test_a_function_may_not_do_what_makes_no_sense(body: Any) -> None:
    def script(dg: Any) -> Any:
        world = World(dg)
        world.make("orders")
        made = dg.multi_asset_sensor([dg.AssetKey("orders")], job=world.etl, name="watcher")(body(dg))
        return world.looks(made)

    assert_refused(script)


@covers("build_multi_asset_sensor_context", "MultiAssetSensorEvaluationContext")
def test_a_context_gives_records_behind_the_cursor_oldest_first() -> None:
    def script(dg: Any) -> Any:
        world = World(dg)
        world.make("orders", "orders", "clients", "orders")
        context = world.context("orders", "clients")
        orders = list(context.materialization_records_for_key(dg.AssetKey("orders"), limit=2))
        context.advance_cursor({dg.AssetKey("orders"): orders[1]})
        context.update_cursor_after_evaluation()
        later = world.context("orders", "clients", cursor=context.cursor)
        latest = world.context("orders", "clients", cursor_from_latest_materializations=True)
        return [
            orders[0].storage_id < orders[1].storage_id,
            len(list(later.materialization_records_for_key(dg.AssetKey("orders"), limit=10))),
            len(list(later.materialization_records_for_key(dg.AssetKey("clients"), limit=10))),
            names_of(later.latest_materialization_records_by_key()),
            names_of(later.latest_materialization_records_by_key([dg.AssetKey("clients")])),
            names_of(latest.latest_materialization_records_by_key()),
            [key.to_user_string() for key in later.asset_keys],
            sorted(key.to_user_string() for key in later.assets_defs_by_key),
            later.get_cursor_partition(dg.AssetKey("orders")),
        ]

    assert_same(script)


@covers("MultiAssetSensorEvaluationContext", aspect=ORDER)
def test_partitions_that_were_passed_over_are_found_again() -> None:
    def script(dg: Any) -> Any:
        world = World(dg)
        sales = dg.AssetKey("sales")
        for region in ("south", "north", "east", "north"):
            world.make("sales", partition=region)
        context = world.context("sales")
        by_region = context.latest_materialization_records_by_partition(sales)
        order = list(by_region)
        context.advance_cursor({sales: by_region["north"]})
        context.update_cursor_after_evaluation()
        second = world.context("sales", cursor=context.cursor)
        trailing = [record.partition_key for record in second.get_trailing_unconsumed_events(sales)]
        left = second.latest_materialization_records_by_partition(sales)
        after = list(second.latest_materialization_records_by_partition(sales, after_cursor_partition=True))
        second.advance_cursor({sales: left["south"]})
        second.update_cursor_after_evaluation()
        third = world.context("sales", cursor=second.cursor)
        rest = list(third.latest_materialization_records_by_partition(sales))
        third.advance_all_cursors()
        third.update_cursor_after_evaluation()
        last = world.context("sales", cursor=third.cursor)
        return [
            order,
            trailing,
            list(left),
            after,
            rest,
            second.get_cursor_partition(sales),
            list(last.latest_materialization_records_by_partition(sales)),
            last.all_partitions_materialized(sales),
            last.all_partitions_materialized(sales, ["north"]),
        ]

    assert_same(script)


@covers("MultiAssetSensorEvaluationContext")
def test_partitions_of_several_assets_are_found_together() -> None:
    def script(dg: Any) -> Any:
        world = World(dg)
        world.make("sales", "costs", partition="north")
        world.make("sales", partition="east")
        found = world.context("sales", "costs").latest_materialization_records_by_partition_and_asset()
        return [
            {region: sorted(names_of(records)) for region, records in found.items()},
            world.context("costs").all_partitions_materialized(dg.AssetKey("costs")),
        ]

    assert_same(script)


@covers("multi_asset_sensor", "build_multi_asset_sensor_context")
def test_a_sensor_of_several_assets_is_called_like_its_function() -> None:
    def script(dg: Any) -> Any:
        world = World(dg)
        world.make("orders")

        @dg.multi_asset_sensor(monitored_assets=[dg.AssetKey("orders")], job=world.etl)
        def watcher(context, store: dg.ResourceParam[str]):
            context.advance_all_cursors()
            return dg.RunRequest(store)

        context = world.context("orders", resources={"store": "here"})
        return [watcher(context).run_key, context.cursor is not None, watcher.sensor_type.value]

    assert_same(script)


@covers("multi_asset_sensor")
def test_a_selection_of_assets_may_be_monitored_and_started() -> None:
    def script(dg: Any) -> Any:
        world = World(dg)

        @dg.multi_asset_sensor(
            monitored_assets=dg.AssetSelection.assets("orders", "clients"),
            request_assets=dg.AssetSelection.assets("orders"),
        )
        def watcher(context):
            context.advance_all_cursors()
            return dg.RunRequest(" ".join(sorted(key.to_user_string() for key in context.asset_keys)))

        world.make("orders")
        return world.looks(watcher, lambda: world.make("clients"))

    assert_same(script)


@covers("multi_asset_sensor", "build_multi_asset_sensor_context", aspect=REFUSALS)
@pytest.mark.parametrize(
    "make",
    [
        lambda dg: dg.multi_asset_sensor(["orders"], job_name="etl"),
        lambda dg: dg.multi_asset_sensor("orders", job_name="etl"),
        lambda dg: dg.multi_asset_sensor([dg.AssetKey("orders")], job_name="etl", name="bad name")(
            lambda context: None
        ),
        lambda dg: dg.multi_asset_sensor([dg.AssetKey("o")], job_name="etl", job=5, name="a")(lambda context: None),
        lambda dg: dg.build_multi_asset_sensor_context(monitored_assets=[dg.AssetKey("orders")]),
        lambda dg: World(dg).context("orders", cursor="{}", cursor_from_latest_materializations=True),
        lambda dg: dg.build_multi_asset_sensor_context(
            monitored_assets=[dg.AssetKey("a")], definitions=dg.Definitions(), cursor_from_latest_materializations=True
        ),
    ],
)
def test_arguments_that_make_no_sense_are_refused(make: Any) -> None:
    assert_refused(make)


def mapped_assets(dg: Any) -> Any:
    """Return assets by day, by week, by region (each of another's), and one without partitions, defined together."""
    days, regions = (
        dg.DailyPartitionsDefinition("2024-01-01", "2024-02-01"),
        dg.StaticPartitionsDefinition(["eu", "us"]),
    )
    later = dg.TimeWindowPartitionMapping(start_offset=-2)
    capital = dg.StaticPartitionMapping({"eu": {"paris", "rome"}, "us": "washington"})

    @dg.asset(partitions_def=days)
    def day(): ...

    @dg.asset(partitions_def=dg.WeeklyPartitionsDefinition("2023-12-31", "2024-02-04"), deps=[day])
    def week(): ...

    @dg.asset(partitions_def=days, deps=[dg.AssetDep(day, partition_mapping=later)])
    def rolling(): ...

    @dg.asset(partitions_def=regions)
    def region(): ...

    towns = dg.StaticPartitionsDefinition(["paris", "rome", "washington"])

    @dg.asset(partitions_def=towns, deps=[dg.AssetDep(region, partition_mapping=capital)])
    def town(): ...

    @dg.asset(partitions_def=dg.MultiPartitionsDefinition({"date": days, "region": regions}), deps=[region])
    def grid(): ...

    @dg.asset
    def plain(): ...

    return dg.Definitions([day, week, rolling, region, town, grid, plain])


def below(dg: Any, above: str, partition: str, asset: str) -> Any:
    with ephemeral(dg) as instance:
        context = dg.build_multi_asset_sensor_context(
            monitored_assets=[dg.AssetKey(above)], instance=instance, definitions=mapped_assets(dg)
        )
        return context.get_downstream_partition_keys(partition, dg.AssetKey(above), dg.AssetKey(asset))


@covers("multi_asset_sensor", "MultiAssetSensorEvaluationContext", aspect=ORDER)
@pytest.mark.parametrize(
    ("above", "partition", "asset"),
    [
        ("day", "2024-01-03", "week"),
        ("day", "2024-01-03", "rolling"),
        ("day", "2024-01-31", "rolling"),
        ("region", "us", "town"),
        ("week", "2024-01-07", "week"),
    ],
)
def test_the_partitions_below_one_are_those_of_the_mapping(above: str, partition: str, asset: str) -> None:
    assert_same(lambda dg: list(below(dg, above, partition, asset)))


@covers("multi_asset_sensor")
@pytest.mark.parametrize(("partition", "asset"), [("us", "grid"), ("eu", "town")])
def test_several_below_a_region_are_those_of_the_mapping(partition: str, asset: str) -> None:
    assert_same(lambda dg: sorted(map(str, below(dg, "region", partition, asset))))  # Dagster's order is that of a set


@covers("multi_asset_sensor", aspect=REFUSALS)
@pytest.mark.parametrize(("above", "asset"), [("day", "plain"), ("plain", "day"), ("day", "nobody")])
def test_partitions_below_are_asked_of_assets_that_have_them(above: str, asset: str) -> None:
    assert_refused(lambda dg: below(dg, above, "2024-01-03", asset), match=above if above == "plain" else asset)
