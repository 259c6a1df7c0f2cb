"""Sensors as definitions, called and evaluated by hand, as in Dagster. Annotations are read while tests run."""

import json
from typing import Any

import pytest
from harness import assert_refused, assert_same
from symbols import ORDER, REFUSALS, covers

pytestmark = pytest.mark.compat


def a_job(dg: Any, name: str = "etl") -> Any:
    @dg.op(name=f"op_of_{name}")
    def work():
        return 1

    @dg.job(name=name)
    def made():
        work()

    return made


def asked(data: Any) -> dict[str, Any]:
    """What a look asked for, as plain data."""
    return {
        "skip": data.skip_message,
        "cursor": data.cursor,
        "reactions": len(data.dagster_run_reactions or ()),
        "changes": [tuple(each) for each in data.dynamic_partitions_requests or ()],
        "events": len(data.asset_events),
        "runs": [
            {
                "key": each.run_key,
                "config": dict(each.run_config),
                "tags": dict(each.tags),
                "job": each.job_name,
                "assets": sorted(key.to_user_string() for key in each.asset_selection or ()),
                "checks": sorted(key.to_user_string() for key in each.asset_check_keys or ()),
            }
            for each in data.run_requests
        ],
    }


def shape(sensor: Any) -> dict[str, Any]:
    """What is said of a sensor, as plain data."""
    return {
        "name": sensor.name,
        "jobs": [target.job_name for target in sensor.targets],
        "has_jobs": sensor.has_jobs,
        "interval": sensor.minimum_interval_seconds,
        "description": sensor.description,
        "status": sensor.default_status.value,
        "type": sensor.sensor_type.value,
        "tags": dict(sensor.tags),
        "metadata": {key: value.value for key, value in sensor.metadata.items()},
        "owners": list(sensor.owners),
        "resources": sorted(sensor.required_resource_keys),
    }


def evaluated(dg: Any, body: Any, cursor: str | None = None, **options: Any) -> Any:
    """What a look of a sensor with this function asked for."""
    aim = options or {"job": a_job(dg)}
    made = dg.sensor(name="watcher", **aim)(body)
    return asked(made.evaluate_tick(dg.build_sensor_context(cursor=cursor)))


@covers("SensorDefinition", "DefaultSensorStatus")
def test_a_definition_says_what_it_was_given() -> None:
    def script(dg: Any) -> Any:
        def look(context):
            return None

        etl, other = a_job(dg), a_job(dg, "other")
        full = dg.SensorDefinition(
            "named",
            evaluation_fn=look,
            jobs=[etl, other],
            minimum_interval_seconds=5,
            description="said",
            default_status=dg.DefaultSensorStatus.RUNNING,
            tags={"a": 1},
            metadata={"m": 1, "t": "x"},
            owners=["team:ops"],
            required_resource_keys={"db"},
        )
        return [
            shape(dg.SensorDefinition(evaluation_fn=look)),
            shape(dg.SensorDefinition("s", evaluation_fn=look, job=etl)),
            shape(dg.SensorDefinition("s", evaluation_fn=look, job_name="etl")),
            shape(dg.SensorDefinition("s", evaluation_fn=look, target="*")),
            shape(dg.SensorDefinition("s", evaluation_fn=look, asset_selection="*")),
            shape(full),
            [job.name for job in full.jobs],
            shape(full.with_updated_job(etl)),
            shape(full.with_attributes(metadata={"n": 2})),
        ]

    assert_same(script)


@covers("sensor")
def test_the_decorator_takes_the_name_and_text_of_its_function() -> None:
    def script(dg: Any) -> Any:
        @dg.sensor(job=a_job(dg), metadata={"m": 1.5}, tags={"a": "b"})
        def watcher(context):
            """Watches."""

        @dg.sensor("etl", name="other", description="said")
        def function():
            """Not said."""

        return [shape(watcher), watcher.__name__, watcher.__doc__, shape(function)]

    assert_same(script)


@covers("sensor", "RunRequest", "SkipReason", "SensorResult")
@pytest.mark.parametrize(
    "body",
    [
        lambda dg: lambda _context: dg.RunRequest("k", {"a": 1}, {"t": 1}),
        lambda dg: lambda _context: dg.RunRequest(job_name="etl"),
        lambda dg: lambda _context: [dg.RunRequest("a"), dg.RunRequest(), dg.RunRequest("a")],
        lambda dg: lambda _context: dg.SkipReason("no news"),
        lambda dg: lambda _context: dg.SkipReason(),
        lambda dg: lambda _context: None,
        lambda dg: lambda _context: [],
        lambda dg: lambda: dg.RunRequest("of none"),
        lambda dg: lambda _context: dg.SensorResult(),
        lambda dg: lambda _context: dg.SensorResult([dg.RunRequest("a")], cursor="c"),
        lambda dg: lambda _context: dg.SensorResult(skip_reason="no", cursor="c"),
        lambda dg: lambda _context: dg.SensorResult(skip_reason=dg.SkipReason("no")),
        lambda dg: lambda _context: dg.SensorResult(run_requests=[], cursor=""),
        lambda dg: lambda context: context.update_cursor("set"),
        lambda dg: lambda context: dg.SkipReason(f"at {context.cursor}"),
        lambda dg: lambda context: dg.RunRequest(str(context.is_first_tick_since_sensor_start)),
    ],
)
def test_what_a_function_returns_says_what_is_run(body: Any) -> None:
    assert_same(lambda dg: [evaluated(dg, body(dg)), evaluated(dg, body(dg), "before")])


@covers("sensor", aspect=ORDER)
def test_what_a_generator_yields_is_run_in_its_order() -> None:
    def script(dg: Any) -> Any:
        def several(context):
            yield dg.RunRequest("c")
            context.update_cursor("between")
            yield dg.RunRequest("a")
            context.update_cursor("last")

        def none(context):
            yield from ()

        def skipping(context):
            yield dg.SkipReason("later")

        def returning(context):
            yield dg.RunRequest("yielded")
            return dg.RunRequest("returned")

        def result(context):
            yield dg.SensorResult([dg.RunRequest("in it")])

        return [evaluated(dg, body) for body in (several, none, skipping, returning, result)]

    assert_same(script)


@covers("sensor", "SensorResult", aspect=REFUSALS)
@pytest.mark.parametrize(
    "body",
    [
        lambda dg: lambda _context: 5,
        lambda dg: lambda _context: {"ops": {}},
        lambda dg: lambda _context: (dg.RunRequest(),),
        lambda dg: lambda _context: [dg.RunRequest("a"), dg.SkipReason("b")],
        lambda dg: lambda _context: [dg.SkipReason("a"), dg.SkipReason("b")],
        lambda dg: lambda _context: [dg.RunRequest("a"), dg.SensorResult()],
        lambda dg: lambda _context: [dg.SensorResult(), dg.SensorResult()],
        lambda dg: lambda _context: [dg.RunRequest("a"), 1],
        lambda dg: lambda _context: [5],
        lambda dg: lambda _context: dg.RunRequest(job_name="nobodys"),
        lambda dg: lambda context: context.update_cursor(5),
        lambda dg: lambda context: (context.update_cursor("a"), dg.SensorResult(cursor="b"))[1],
        lambda dg: lambda _context: dg.RunRequest(partition_key="2024-01-01"),
        lambda dg: lambda context: context.instance,
        lambda dg: lambda context: context.sensor_name,
    ],
)
def test_a_function_may_not_give_anything_else(body: Any) -> None:
    assert_refused(lambda dg: evaluated(dg, body(dg)))


@covers("sensor", aspect=REFUSALS)
def test_what_a_function_raises_reaches_the_caller_as_it_is() -> None:
    def script(dg: Any) -> Any:
        try:
            return evaluated(dg, lambda _context: 1 / 0)
        except ZeroDivisionError:
            return "divided"

    assert_same(script)


@covers("sensor")
def test_a_request_names_its_job_where_there_are_several() -> None:
    def script(dg: Any) -> Any:
        jobs = [a_job(dg), a_job(dg, "other")]
        return evaluated(
            dg, lambda _context: [dg.RunRequest(job_name="other"), dg.RunRequest("b", job_name="etl")], jobs=jobs
        )

    assert_same(script)


@covers("sensor", aspect=REFUSALS)
def test_a_request_without_its_job_is_refused() -> None:
    def unnamed(dg: Any) -> Any:
        return evaluated(dg, lambda _context: dg.RunRequest(), jobs=[a_job(dg), a_job(dg, "other")])

    def misnamed(dg: Any) -> Any:
        return evaluated(dg, lambda _context: dg.RunRequest(job_name="othr"), jobs=[a_job(dg), a_job(dg, "other")])

    def without(dg: Any) -> Any:
        @dg.sensor()
        def aimless(context):
            return dg.RunRequest()

        return aimless.evaluate_tick(dg.build_sensor_context())

    assert_refused(unnamed, "etl, other")
    assert_refused(misnamed, "Did you mean 'other'?")
    assert_refused(without, "aimless")


@covers("sensor", "AddDynamicPartitionsRequest", "DeleteDynamicPartitionsRequest")
def test_a_result_may_change_dynamic_partitions_and_tell_of_assets() -> None:
    def script(dg: Any) -> Any:
        add = dg.AddDynamicPartitionsRequest("regions", ["north", "south"])
        drop = dg.DeleteDynamicPartitionsRequest("regions", ["east"])
        made = dg.AssetMaterialization("orders")
        return [
            evaluated(dg, lambda _context: dg.SensorResult(dynamic_partitions_requests=[add, drop])),
            evaluated(dg, lambda _context: dg.SensorResult(asset_events=[made, dg.AssetObservation("orders")])),
        ]

    assert_same(script)


@covers("AddDynamicPartitionsRequest", "DeleteDynamicPartitionsRequest", aspect=REFUSALS)
@pytest.mark.parametrize(
    "changes",
    [
        lambda add, drop: [add("r", ["a"]), add("r", ["a"])],
        lambda add, drop: [drop("r", ["a"]), drop("r", ["a", "b"])],
        lambda add, drop: [add("r", ["a"]), drop("r", ["a"])],
        lambda add, drop: [drop("r", ["a"]), add("r", ["a"])],
        lambda add, drop: [add(5, ["a"])],
        lambda add, drop: [add("r", "a")],
        lambda add, drop: [drop("r", [5])],
        lambda add, drop: ["a"],
    ],
)
def test_changes_of_partitions_that_contradict_each_other_are_refused(changes: Any) -> None:
    def script(dg: Any) -> Any:
        asked_for = changes(dg.AddDynamicPartitionsRequest, dg.DeleteDynamicPartitionsRequest)
        return evaluated(dg, lambda _context: dg.SensorResult(dynamic_partitions_requests=asked_for))

    assert_refused(script)


@covers("SensorResult", aspect=REFUSALS)
@pytest.mark.parametrize(
    "make",
    [
        lambda dg: dg.SensorResult([dg.RunRequest()], skip_reason="both"),
        lambda dg: dg.SensorResult([5]),
        lambda dg: dg.SensorResult(dg.RunRequest()),
        lambda dg: dg.SensorResult(skip_reason=5),
        lambda dg: dg.SensorResult(cursor=5),
        lambda dg: dg.SensorResult(asset_events=[5]),
    ],
)
def test_a_result_of_wrong_kinds_is_refused(make: Any) -> None:
    assert_refused(make)


@covers("SensorResult")
def test_a_result_says_what_it_was_given() -> None:
    def script(dg: Any) -> Any:
        empty = dg.SensorResult()
        full = dg.SensorResult([dg.RunRequest("k")], cursor="c")
        skipping = dg.SensorResult(skip_reason="because")
        return [
            list(empty.run_requests or ()),
            empty.skip_reason,
            empty.cursor,
            list(empty.asset_events),
            full.run_requests[0].run_key,
            full.cursor,
            skipping.skip_reason.skip_message,
        ]

    assert_same(script)


@covers("SensorDefinition", aspect=REFUSALS)
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"evaluation_fn": 5},
        {"name": "bad name"},
        {"job_name": "a", "target": "*"},
        {"job_name": "a", "jobs": []},
        {"job_name": "a", "asset_selection": "*"},
        {"job_name": 5},
        {"job": 5},
        {"target": 5},
        {"minimum_interval_seconds": "30"},
        {"description": 5},
        {"default_status": "RUNNING"},
        {"tags": {"a": object()}},
        {"metadata": 5},
        {"owners": ["nobody"]},
        {"owners": "team:ops"},
        {"required_resource_keys": "db"},
    ],
)
def test_arguments_that_make_no_sense_are_refused(options: dict[str, Any]) -> None:
    given = {"name": "s", "evaluation_fn": lambda context: None, **options} if options else {"name": "s"}
    assert_refused(lambda dg: dg.SensorDefinition(**given))


@covers("SensorDefinition", aspect=REFUSALS)
@pytest.mark.parametrize(
    "ask",
    [
        lambda made: made("none").job,
        lambda made: made("none").job_name,
        lambda made: made("none").jobs,
        lambda made: made("named").job,
        lambda made: made("several").job,
        lambda made: made("several").job_name,
    ],
)
def test_a_sensor_without_one_job_is_not_asked_for_it(ask: Any) -> None:
    def script(dg: Any) -> Any:
        aims = {"none": {}, "named": {"job_name": "a"}, "several": {"jobs": [a_job(dg), a_job(dg, "b")]}}
        return ask(lambda kind: dg.SensorDefinition("s", evaluation_fn=lambda context: None, **aims[kind]))

    assert_refused(script)


@covers("sensor", "build_sensor_context", "SensorEvaluationContext")
def test_a_sensor_is_called_like_its_function() -> None:
    def script(dg: Any) -> Any:
        @dg.sensor(job=a_job(dg))
        def watcher(context):
            yield dg.RunRequest(f"{context.cursor} {context.last_tick_completion_time} {context.last_run_key}")

        @dg.sensor(job=a_job(dg))
        def plain():
            return dg.RunRequest("k")

        context = dg.build_sensor_context(
            cursor="c", sensor_name="watcher", repository_name="r", last_sensor_start_time=5.0
        )
        return [
            next(watcher(context)).run_key,
            next(watcher(context=context)).run_key,
            plain().run_key,
            plain(None).run_key,
            context.sensor_name,
            context.repository_name,
            context.last_sensor_start_time,
            context.is_first_tick_since_sensor_start,
            context.cursor_updated,
            context.repository_def,
        ]

    assert_same(script)


@covers("sensor", "build_sensor_context", aspect=REFUSALS)
@pytest.mark.parametrize(
    "call",
    [
        lambda made, dg: made(),
        lambda made, dg: made(5),
        lambda made, dg: made(dg.build_sensor_context(), 2),
        lambda made, dg: made(other=dg.build_sensor_context()),
        lambda made, dg: made(dg.build_schedule_context()),
        lambda made, dg: made(dg.ResourceDefinition.hardcoded_resource(1)),
        lambda made, dg: made.evaluate_tick(5),
        lambda made, dg: dg.build_sensor_context(cursor=5),
        lambda made, dg: dg.build_sensor_context().instance,
    ],
)
def test_a_sensor_is_not_called_with_anything(call: Any) -> None:
    def script(dg: Any) -> Any:
        @dg.sensor(job=a_job(dg))
        def watcher(context):
            return dg.SkipReason("never")

        return call(watcher, dg)

    assert_refused(script)


@covers("sensor", "build_sensor_context")
def test_resources_come_from_the_context_or_by_name() -> None:
    def script(dg: Any) -> Any:
        class Store(dg.ConfigurableResource):
            path: str

        @dg.sensor(job=a_job(dg))
        def by_parameter(context, store: Store, plain: dg.ResourceParam[str]):
            return dg.RunRequest(f"{store.path} {plain} {context.cursor}")

        @dg.sensor(job=a_job(dg), required_resource_keys={"store"})
        def by_attribute(context):
            return dg.RunRequest(context.resources.store.path)

        given = {"store": Store(path="here"), "plain": "text"}
        return [
            by_parameter(dg.build_sensor_context(resources=given)).run_key,
            by_parameter(dg.build_sensor_context(cursor="c"), store=Store(path="there"), plain="x").run_key,
            asked(by_parameter.evaluate_tick(dg.build_sensor_context(resources=given))),
            asked(by_attribute.evaluate_tick(dg.build_sensor_context(resources=given))),
            sorted(by_parameter.required_resource_keys),
        ]

    assert_same(script)


@covers("build_sensor_context", aspect=REFUSALS)
def test_a_resource_that_is_missing_or_cleans_up_is_refused() -> None:
    def missing(dg: Any) -> Any:
        @dg.sensor(job=a_job(dg))
        def body(context, store: dg.ResourceParam[str]):
            return None

        return body.evaluate_tick(dg.build_sensor_context())

    def cleaning(dg: Any) -> Any:
        @dg.resource
        def store(_context):
            yield 1

        return dg.build_sensor_context(resources={"store": store}).resources.store

    assert_refused(missing, "store")
    assert_refused(cleaning)


@covers("sensor", "Definitions")
def test_a_sensor_of_assets_starts_runs_over_them() -> None:
    def script(dg: Any) -> Any:
        @dg.asset
        def orders():
            return 1

        @dg.asset(deps=[orders])
        def report():
            return 2

        @dg.asset_check(asset=orders)
        def positive():
            return dg.AssetCheckResult(passed=True)

        @dg.sensor(asset_selection=["orders", "report"])
        def watcher(context):
            yield dg.RunRequest("all")
            yield dg.RunRequest("some", asset_selection=[dg.AssetKey("report")])

        defs = dg.Definitions(assets=[orders, report], asset_checks=[positive], sensors=[watcher])
        dg.Definitions.validate_loadable(defs)
        context = dg.build_sensor_context(definitions=defs)
        return [asked(watcher.evaluate_tick(context)), defs.resolve_sensor_def("watcher").name]

    assert_same(script)


@covers("sensor", aspect=REFUSALS)
def test_a_sensor_of_assets_starts_no_others() -> None:
    def script(dg: Any) -> Any:
        @dg.asset
        def orders():
            return 1

        @dg.asset
        def report():
            return 2

        @dg.sensor(asset_selection=[orders])
        def watcher(context):
            return dg.RunRequest(asset_selection=[report.key])

        defs = dg.Definitions(assets=[orders, report], sensors=[watcher])
        return watcher.evaluate_tick(dg.build_sensor_context(definitions=defs))

    assert_refused(script, "report")


@covers("SensorEvaluationContext")
def test_a_cursor_may_be_json_and_is_kept_between_looks() -> None:
    def script(dg: Any) -> Any:
        @dg.sensor(job=a_job(dg))
        def watcher(context):
            seen = json.loads(context.cursor) if context.cursor else []
            context.update_cursor(json.dumps([*seen, len(seen)]))
            return dg.RunRequest(run_key=str(len(seen)))

        cursor, keys = None, []
        for _ in range(3):
            found = watcher.evaluate_tick(dg.build_sensor_context(cursor=cursor))
            cursor, keys = found.cursor, [*keys, found.run_requests[0].run_key]
        return cursor, keys

    assert_same(script)
