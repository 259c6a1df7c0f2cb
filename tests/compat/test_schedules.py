"""Schedules as definitions, called and evaluated by hand, as in Dagster. Annotations are read while tests run."""

from datetime import UTC, datetime
from typing import Any

import pytest
from harness import assert_refused, assert_same
from symbols import ORDER, REFUSALS, covers

pytestmark = pytest.mark.compat

NOON = datetime(2024, 3, 1, 12, tzinfo=UTC)


def a_job(dg: Any, name: str = "etl", **options: Any) -> Any:
    @dg.op(name=f"op_of_{name}")
    def work():
        return 1

    @dg.job(name=name, **options)
    def made():
        work()

    return made


def asked(data: Any) -> dict[str, Any]:
    """What a tick asked for, as plain data."""
    return {
        "skip": data.skip_message,
        "runs": [
            {
                "key": each.run_key,
                "config": dict(each.run_config),
                "tags": dict(each.tags),
                "job": each.job_name,
                "assets": [key.to_user_string() for key in each.asset_selection or ()],
                "stale": each.stale_assets_only,
                "partition": each.partition_key,
            }
            for each in data.run_requests
        ],
    }


def shape(schedule: Any) -> dict[str, Any]:
    """What is said of a schedule, as plain data."""
    return {
        "name": schedule.name,
        "job": schedule.job_name,
        "cron": schedule.cron_schedule,
        "zone": schedule.execution_timezone,
        "description": schedule.description,
        "status": schedule.default_status.value,
        "tags": dict(schedule.tags),
        "metadata": {key: value.value for key, value in schedule.metadata.items()},
        "owners": list(schedule.owners or ()),
        "resources": sorted(schedule.required_resource_keys),
        "has_job": schedule.has_job,
        "anonymous": schedule.has_anonymous_job,
    }


def evaluated(dg: Any, body: Any, **options: Any) -> Any:
    """What a tick of a schedule with this function asked for."""
    made = dg.schedule("@daily", job=a_job(dg), name="nightly", **options)(body)
    return asked(made.evaluate_tick(dg.build_schedule_context(scheduled_execution_time=NOON)))


@covers("ScheduleDefinition", "DefaultScheduleStatus")
def test_a_definition_says_what_it_was_given() -> None:
    def script(dg: Any) -> Any:
        etl = a_job(dg)
        return [
            shape(dg.ScheduleDefinition(cron_schedule="@daily", job=etl)),
            shape(dg.ScheduleDefinition(cron_schedule="0 9 * * *", job_name="other")),
            shape(
                dg.ScheduleDefinition(
                    "named",
                    cron_schedule=["0 9 * * 1-5", "30 12 * * 6"],
                    job=etl,
                    execution_timezone="Europe/Berlin",
                    description="said",
                    default_status=dg.DefaultScheduleStatus.RUNNING,
                    tags={"a": "b"},
                    metadata={"m": 1, "t": "x"},
                    owners=["me@example.com", "team:ops"],
                    required_resource_keys={"db"},
                )
            ),
            shape(dg.ScheduleDefinition("of_assets", cron_schedule="@hourly", target="*")),
        ]

    assert_same(script)


@covers("schedule")
def test_the_decorator_takes_the_name_and_text_of_its_function() -> None:
    def script(dg: Any) -> Any:
        @dg.schedule("@daily", job=a_job(dg), metadata={"m": 1.5}, tags={"a": "b"})
        def nightly(context):
            """Every night."""

        @dg.schedule("@daily", job=a_job(dg), name="other", description="said")
        def function():
            """Not said."""

        return [shape(nightly), nightly.__name__, nightly.__doc__, shape(function)]

    assert_same(script)


@covers("schedule", "RunRequest", "SkipReason")
@pytest.mark.parametrize(
    "body",
    [
        lambda dg: lambda _context: dg.RunRequest(),
        lambda dg: lambda _context: dg.RunRequest(run_key="k", run_config={"a": 1}, tags={"t": 1, "u": "v"}),
        lambda dg: lambda _context: {"ops": {"x": {"config": {"n": 1}}}},
        lambda dg: lambda _context: {},
        lambda dg: lambda _context: dg.SkipReason("no news"),
        lambda dg: lambda _context: dg.SkipReason(),
        lambda dg: lambda _context: None,
        lambda dg: lambda _context: [],
        lambda dg: lambda: dg.RunRequest("of none"),
        lambda dg: lambda _context: [dg.RunRequest("a"), dg.RunRequest("b")],
        lambda dg: lambda _context: [dg.RunRequest()],
        lambda dg: lambda _context: dg.RunRequest(asset_selection=[dg.AssetKey("a")], stale_assets_only=True),
        lambda dg: lambda _context: dg.RunRequest(job_name="another"),
        lambda dg: lambda _context: dg.RunRequest(run_config=dg.RunConfig(ops={"x": {"config": {"n": 1}}})),
        lambda dg: lambda moment: dg.RunRequest(moment.scheduled_execution_time.isoformat()),
    ],
)
def test_what_a_function_returns_says_what_is_run(body: Any) -> None:
    assert_same(lambda dg: evaluated(dg, body(dg)))


@covers("schedule", aspect=ORDER)
def test_what_a_generator_yields_is_run_in_its_order() -> None:
    def script(dg: Any) -> Any:
        def several(context):
            yield dg.RunRequest("c")
            yield dg.RunRequest("a")
            yield dg.RunRequest("b")

        def none(context):
            yield from ()

        def skipping(context):
            yield dg.SkipReason("later")

        def nothing(context):
            yield None

        return [evaluated(dg, body) for body in (several, none, skipping, nothing)]

    assert_same(script)


@covers("schedule", aspect=REFUSALS)
@pytest.mark.parametrize(
    "body",
    [
        lambda dg: lambda _context: 5,
        lambda dg: lambda _context: "text",
        lambda dg: lambda _context: [dg.RunRequest("a"), dg.RunRequest()],
        lambda dg: lambda _context: [dg.RunRequest("a"), dg.SkipReason("b")],
        lambda dg: lambda _context: [dg.SkipReason("a"), dg.SkipReason("b")],
        lambda dg: lambda _context: [dg.RunRequest("a"), 1],
        lambda dg: lambda _context: [5],
        lambda dg: lambda _context: dg.SensorResult(),
        lambda dg: lambda _context: 1 / 0,
        lambda dg: lambda _context: dg.RunRequest(partition_key="2024-01-01"),
    ],
)
def test_a_function_may_not_give_anything_else(body: Any) -> None:
    assert_refused(lambda dg: evaluated(dg, body(dg)))


@covers("schedule", aspect=REFUSALS)
def test_a_generator_that_raises_fails_its_tick() -> None:
    def script(dg: Any) -> Any:
        def body(context):
            yield dg.RunRequest("a")
            raise ValueError("broken")

        return evaluated(dg, body)

    assert_refused(script, "broken")


@covers("ScheduleDefinition")
def test_config_tags_and_a_condition_may_be_functions_of_the_context() -> None:
    def script(dg: Any) -> Any:
        etl = a_job(dg)
        context = dg.build_schedule_context(scheduled_execution_time=NOON)

        def tick(**options: Any) -> Any:
            return asked(dg.ScheduleDefinition("s", cron_schedule="@daily", job=etl, **options).evaluate_tick(context))

        return [
            tick(run_config={"ops": {}}),
            tick(run_config=dg.RunConfig(ops={"x": {"config": {"n": 1}}})),
            tick(run_config_fn=lambda context: {"at": context.scheduled_execution_time.isoformat()}),
            tick(run_config_fn=lambda: {"n": 1}),
            tick(tags={"a": "b"}),
            tick(tags_fn=lambda context: {"hour": str(context.scheduled_execution_time.hour)}),
            tick(should_execute=lambda context: False),
            tick(should_execute=lambda context: True, tags={"a": 1}),
            tick(execution_fn=lambda context: dg.RunRequest("k"), tags={"not": "given"}),
            tick(execution_fn=lambda context: dg.SkipReason("no")),
        ]

    assert_same(script)


@covers("schedule")
def test_a_decorated_function_may_have_a_condition_and_tags_for_its_config() -> None:
    def script(dg: Any) -> Any:
        return [
            evaluated(dg, lambda _context: {"a": 1}, should_execute=lambda _context: False),
            evaluated(dg, lambda _context: {"a": 1}, tags={"a": "b"}),
            evaluated(dg, lambda _context: {"a": 1}, tags_fn=lambda context: {"h": 3}),
            evaluated(dg, lambda _context: dg.RunRequest(tags={"c": "d"}), tags={"a": "b"}),
        ]

    assert_same(script)


@covers("ScheduleDefinition", aspect=REFUSALS)
@pytest.mark.parametrize(
    "options",
    [
        {"cron_schedule": "@daily"},
        {"cron_schedule": "nonsense", "job_name": "j"},
        {"cron_schedule": "* * * * * *", "job_name": "j"},
        {"cron_schedule": [], "job_name": "j"},
        {"cron_schedule": 5, "job_name": "j"},
        {"job_name": "j"},
        {"cron_schedule": "@daily", "job_name": "j", "target": "*", "name": "n"},
        {"cron_schedule": "@daily", "target": "*"},
        {"cron_schedule": "@daily", "target": 5, "name": "n"},
        {"cron_schedule": "@daily", "job_name": "j", "execution_timezone": "Mars/Olympus"},
        {"cron_schedule": "@daily", "job_name": "j", "execution_timezone": 5},
        {"cron_schedule": "@daily", "job_name": "j", "name": "bad name"},
        {"cron_schedule": "@daily", "job_name": "j", "default_status": "RUNNING"},
        {"cron_schedule": "@daily", "job_name": "j", "owners": ["nobody"]},
        {"cron_schedule": "@daily", "job_name": "j", "tags": {"dagster/x": "reserved"}},
        {"cron_schedule": "@daily", "job_name": "j", "tags": {"a": object()}},
        {"cron_schedule": "@daily", "job_name": "j", "metadata": 5},
        {"cron_schedule": "@daily", "job_name": "j", "description": 5},
        {"cron_schedule": "@daily", "job_name": 5},
        {"cron_schedule": "@daily", "job_name": "j", "required_resource_keys": "db"},
        {"cron_schedule": "@daily", "job_name": "j", "run_config": {"a": 1}, "run_config_fn": lambda: {}},
        {"cron_schedule": "@daily", "job_name": "j", "tags": {"a": "b"}, "tags_fn": lambda context: {}},
        {"cron_schedule": "@daily", "job_name": "j", "execution_fn": lambda c: None, "run_config": {"a": 1}},
        {"cron_schedule": "@daily", "job_name": "j", "execution_fn": lambda c: None, "run_config_fn": lambda: {}},
        {"cron_schedule": "@daily", "job_name": "j", "execution_fn": lambda c: None, "tags_fn": lambda c: {}},
        {"cron_schedule": "@daily", "job_name": "j", "execution_fn": lambda c: None, "should_execute": lambda c: True},
        {"cron_schedule": "@daily", "job_name": "j", "execution_fn": 5},
    ],
)
def test_arguments_that_make_no_sense_are_refused(options: dict[str, Any]) -> None:
    assert_refused(lambda dg: dg.ScheduleDefinition(**options))


@covers("schedule", aspect=REFUSALS)
def test_a_decorator_is_refused_what_excludes_each_other() -> None:
    def tags_twice(dg: Any) -> Any:
        dg.schedule("@daily", job_name="j", tags={"a": "b"}, tags_fn=lambda context: {})(lambda context: None)

    def resources_twice(dg: Any) -> Any:
        def body(context, db: dg.ResourceParam[str]):
            return None

        dg.schedule("@daily", job_name="j", name="s", required_resource_keys={"db"})(body)

    assert_refused(tags_twice)
    assert_refused(resources_twice)


@covers("schedule", "build_schedule_context", "ScheduleEvaluationContext")
def test_a_schedule_is_called_like_its_function() -> None:
    def script(dg: Any) -> Any:
        @dg.schedule("@daily", job=a_job(dg))
        def timed(context):
            return {"at": context.scheduled_execution_time.isoformat()}

        @dg.schedule("@daily", job=a_job(dg))
        def plain():
            return dg.RunRequest("k")

        context = dg.build_schedule_context(scheduled_execution_time=NOON)
        return [timed(context), timed(context=context), plain().run_key, plain(context).run_key, plain(None).run_key]

    assert_same(script)


@covers("schedule", "build_schedule_context", aspect=REFUSALS)
@pytest.mark.parametrize(
    "call",
    [
        lambda made, dg: made(),
        lambda made, dg: made(5),
        lambda made, dg: made(dg.build_schedule_context(), 2),
        lambda made, dg: made(other=dg.build_schedule_context()),
        lambda made, dg: made(dg.build_schedule_context()),
        lambda made, dg: made(dg.build_sensor_context()),
        lambda made, dg: made(dg.ResourceDefinition.hardcoded_resource(1)),
        lambda made, dg: made.evaluate_tick(5),
        lambda made, dg: dg.build_schedule_context(scheduled_execution_time="noon"),
        lambda made, dg: dg.build_schedule_context().instance,
        lambda made, dg: dg.build_schedule_context().repository_def,
        lambda made, dg: dg.ScheduleDefinition(cron_schedule="@daily", job_name="j")(),
    ],
)
def test_a_schedule_is_not_called_with_anything(call: Any) -> None:
    def script(dg: Any) -> Any:
        @dg.schedule("@daily", job=a_job(dg))
        def timed(context):
            return {"at": context.scheduled_execution_time.isoformat()}

        return call(timed, dg)

    assert_refused(script)


@covers("schedule", "build_schedule_context")
def test_resources_come_from_the_context_or_by_name() -> None:
    def script(dg: Any) -> Any:
        class Store(dg.ConfigurableResource):
            path: str

        @dg.schedule("@daily", job=a_job(dg))
        def by_parameter(context, store: Store, plain: dg.ResourceParam[str]):
            return dg.RunRequest(f"{store.path} {plain}")

        @dg.schedule("@daily", job=a_job(dg), required_resource_keys={"store"})
        def by_attribute(context):
            return dg.RunRequest(context.resources.store.path)

        given = {"store": Store(path="here"), "plain": "text"}
        with_all = dg.build_schedule_context(resources=given)
        return [
            by_parameter(dg.build_schedule_context(resources=given)).run_key,
            by_parameter(dg.build_schedule_context(), store=Store(path="there"), plain="x").run_key,
            asked(by_parameter.evaluate_tick(with_all)),
            asked(by_attribute.evaluate_tick(dg.build_schedule_context(resources=given))),
            sorted(by_parameter.required_resource_keys),
        ]

    assert_same(script)


@covers("build_schedule_context", aspect=REFUSALS)
def test_a_resource_that_is_missing_or_cleans_up_is_refused() -> None:
    def missing(dg: Any) -> Any:
        @dg.schedule("@daily", job=a_job(dg))
        def body(context, store: dg.ResourceParam[str]):
            return None

        return body.evaluate_tick(dg.build_schedule_context())

    def cleaning(dg: Any) -> Any:
        @dg.resource
        def store(_context):
            yield 1

        return dg.build_schedule_context(resources={"store": store}).resources.store

    assert_refused(missing, "store")
    assert_refused(cleaning)


@covers("build_schedule_context", aspect=ORDER)
def test_a_resource_is_cleaned_up_when_its_context_is_left() -> None:
    def script(dg: Any) -> Any:
        seen = []

        @dg.resource
        def store(_context):
            seen.append("open")
            yield 1
            seen.append("closed")

        @dg.schedule("@daily", job=a_job(dg), required_resource_keys={"store"})
        def body(context):
            seen.append(context.resources.store)

        with dg.build_schedule_context(resources={"store": store}) as context:
            body.evaluate_tick(context)
            seen.append("between")
        return seen

    assert_same(script)


@covers("ScheduleDefinition")
def test_a_schedule_may_be_given_another_job_or_other_metadata() -> None:
    def script(dg: Any) -> Any:
        made = dg.ScheduleDefinition("s", cron_schedule="@daily", job=a_job(dg), tags={"a": "b"}, metadata={"m": 1})
        return [
            shape(made.with_updated_job(a_job(dg, "other"))),
            shape(made.with_attributes(metadata={"n": 2})),
            shape(made),
            made.job.name,
        ]

    assert_same(script)


@covers("ScheduleDefinition", aspect=REFUSALS)
def test_the_job_of_a_schedule_that_names_one_is_not_known() -> None:
    assert_refused(lambda dg: dg.ScheduleDefinition(cron_schedule="@daily", job_name="j").job)


@covers("Definitions", "ScheduleDefinition")
def test_definitions_take_schedules_and_what_they_start() -> None:
    def script(dg: Any) -> Any:
        @dg.asset
        def orders():
            return 1

        etl = a_job(dg)
        some = dg.define_asset_job("some", "orders")
        defs = dg.Definitions(
            assets=[orders],
            schedules=[
                dg.ScheduleDefinition(cron_schedule="@daily", job=etl),
                dg.ScheduleDefinition("b", cron_schedule="@daily", job=some),
                dg.ScheduleDefinition("c", cron_schedule="@daily", target=[orders]),
            ],
        )
        dg.Definitions.validate_loadable(defs)
        found = defs.resolve_all_job_defs()
        return [
            [job.name for job in found if not job.name.startswith("__ASSET_JOB")],
            defs.resolve_job_def("etl").name,
            defs.resolve_schedule_def("b").job_name,
            len(dg.Definitions.merge(defs, dg.Definitions()).schedules),
        ]

    assert_same(lambda dg: sorted(script(dg)[0]))
    assert_same(lambda dg: script(dg)[1:])


@covers("Definitions", aspect=REFUSALS)
@pytest.mark.parametrize(
    "given",
    [
        lambda dg: {"schedules": [5]},
        lambda dg: {"schedules": [dg.SensorDefinition("s", evaluation_fn=lambda context: None, job_name="j")]},
        lambda dg: {"sensors": [dg.ScheduleDefinition(cron_schedule="@daily", job_name="j")]},
        lambda dg: {"schedules": [dg.ScheduleDefinition(cron_schedule="@daily", job_name="nobodys")]},
        lambda dg: {"sensors": [dg.SensorDefinition("s", evaluation_fn=lambda context: None, job_name="nobodys")]},
        lambda dg: {
            "schedules": [dg.ScheduleDefinition("s", cron_schedule=c, job=a_job(dg)) for c in ("@daily", "@hourly")]
        },
        lambda dg: {
            "schedules": [dg.ScheduleDefinition("s", cron_schedule="@daily", job=a_job(dg))],
            "sensors": [dg.SensorDefinition("s", evaluation_fn=lambda context: None)],
        },
        lambda dg: {
            "jobs": [dg.define_asset_job("etl")],
            "schedules": [dg.ScheduleDefinition("s", cron_schedule="@daily", job=a_job(dg))],
        },
        lambda dg: {"schedules": [dg.ScheduleDefinition("s", cron_schedule="@daily", target="nobodys")]},
    ],
)
def test_definitions_refuse_schedules_that_do_not_fit(given: Any) -> None:
    assert_refused(lambda dg: dg.Definitions.validate_loadable(dg.Definitions(**given(dg))))


@covers("Definitions", aspect=REFUSALS)
def test_a_schedule_that_is_not_there_is_named() -> None:
    def script(dg: Any) -> Any:
        made = dg.ScheduleDefinition("nightly", cron_schedule="@daily", job=a_job(dg))
        return dg.Definitions(schedules=[made]).resolve_schedule_def("nightli")

    assert_refused(script)


@covers("RunRequest", "SkipReason")
def test_a_run_request_says_what_it_was_given() -> None:
    def script(dg: Any) -> Any:
        full = dg.RunRequest(
            "k", {"a": 1}, {"t": {"x": 1}}, "j", [dg.AssetKey(["a", "b"])], True, "p",
            asset_check_keys=[dg.AssetCheckKey(dg.AssetKey("a"), "c")],
        )  # fmt: skip
        ranged = dg.RunRequest(
            tags={"dagster/asset_partition_range_start": "a", "dagster/asset_partition_range_end": "b"}
        )
        return [
            full.run_key,
            dict(full.run_config),
            dict(full.tags),
            full.job_name,
            full.partition_key,
            full.stale_assets_only,
            len(full.entity_keys),
            full.has_resolved_partition(),
            full.is_job_entity_request,
            full.with_replaced_attrs(run_key="other", nothing=1).run_key,
            dg.RunRequest("a") == dg.RunRequest(run_key="a"),
            dg.RunRequest("a") == dg.RunRequest("b"),
            tuple(ranged.partition_key_range),
            full.partition_key_range,
            dg.SkipReason("x") == dg.SkipReason("x"),
            dg.SkipReason().skip_message,
        ]

    assert_same(script)


@covers("RunRequest", "SkipReason", aspect=REFUSALS)
@pytest.mark.parametrize(
    "make",
    [
        lambda dg: dg.RunRequest(run_key=5),
        lambda dg: dg.RunRequest(run_config=5),
        lambda dg: dg.RunRequest(tags={"a": object()}),
        lambda dg: dg.RunRequest(tags=5),
        lambda dg: dg.RunRequest(job_name=5),
        lambda dg: dg.RunRequest(asset_selection=["a"]),
        lambda dg: dg.RunRequest(asset_selection=dg.AssetKey("a")),
        lambda dg: dg.RunRequest(stale_assets_only="yes"),
        lambda dg: dg.RunRequest(partition_key=5),
        lambda dg: dg.RunRequest(asset_check_keys=["a"]),
        lambda dg: dg.SkipReason(5),
    ],
)
def test_a_request_of_wrong_kinds_is_refused(make: Any) -> None:
    assert_refused(make)
