"""Resources: classes and functions, nesting, config at launch, order, cleaning up, what is refused, as in Dagster."""

from typing import Any

import pydantic
import pytest
from harness import assert_refused, assert_same
from symbols import REFUSALS, covers

pytestmark = pytest.mark.compat


def using(dg: Any, resource_defs: Any, *, keys: Any = ("db",), **options: Any) -> Any:
    """Run a job whose op gives the value of each resource as plain data."""

    @dg.op(required_resource_keys=set(keys))
    def use(context):
        found = [getattr(context.resources, key) for key in keys]
        return [each.show() if hasattr(each, "show") else each for each in found]

    @dg.job(resource_defs=resource_defs)
    def j():
        use()

    return j.execute_in_process(**options).output_for_node("use")


def classes(dg: Any, log: list[Any]) -> Any:
    class Db(dg.ConfigurableResource):
        url: str
        n: int = 1

        def setup_for_execution(self, context):
            log.append(("setup", self.url))

        def teardown_after_execution(self, context):
            log.append(("teardown", self.url))

        def show(self):
            return f"{self.url}-{self.n}"

    class Store(dg.ConfigurableResource):
        db: Db
        table: str = "t"

        def show(self):
            return f"{self.db.show()}/{self.table}"

    return Db, Store


@covers("ConfigurableResource", "EnvVar")
def test_a_configured_resource_is_set_up_used_and_torn_down(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JK_TEST_URL", "from-env")

    def script(dg: Any) -> Any:
        log: list[Any] = []
        db, store = classes(dg, log)
        values = [
            using(dg, {"db": db(url="a")}),
            using(dg, {"db": db(url=dg.EnvVar("JK_TEST_URL"), n=5)}),
            using(dg, {"db": store(db=db(url="in"))}),
        ]
        return values, log

    assert_same(script)


@covers("ConfigurableResource")
def test_config_at_launch_fills_and_replaces_fields() -> None:
    def script(dg: Any) -> Any:
        log: list[Any] = []
        db, store = classes(dg, log)
        given = {"resources": {"db": {"config": {"url": "x", "n": 7}}}}
        some = {"resources": {"db": {"config": {"n": 7}}}}
        shared = db.configure_at_launch()
        return [
            using(dg, {"db": db.configure_at_launch()}, run_config=given),
            using(dg, {"db": db.configure_at_launch(url="y")}, run_config=some),
            using(dg, {"db": db(url="z", n=5)}, run_config={"resources": {"db": {"config": {"url": "over"}}}}),
            using(dg, {"db": db(url="z", n=5)}, run_config={"resources": {"db": {}}}),
            using(dg, {"db": shared, "store": store(db=shared)}, keys=("db", "store"), run_config=given),
            using(dg, {"db": db(url="z")}, run_config=dg.RunConfig(resources={"db": db(url="obj", n=3)})),
        ]

    assert_same(script)


@covers("ConfigurableResource", "resource", aspect=REFUSALS)
@pytest.mark.parametrize(
    "run_config",
    [
        None,
        {"resources": {"db": {"config": {}}}},
        {"resources": {"db": {"config": {"url": 3}}}},
        {"resources": {"db": {"config": {"url": "x", "zz": 1}}}},
        {"resources": {"db": {"bogus": 1, "config": {"url": "x"}}}},
    ],
    ids=str,
)
def test_missing_or_wrong_config_of_a_resource_is_refused(run_config: Any) -> None:
    assert_refused(lambda dg: using(dg, {"db": classes(dg, [])[0].configure_at_launch()}, run_config=run_config))


@covers("ConfigurableResource", aspect=REFUSALS)
@pytest.mark.parametrize("entries", [{"url": 3}, {"url": "a", "n": "x"}], ids=str)
def test_fields_are_checked_when_the_resource_is_made(entries: Any) -> None:
    def script(dg: Any) -> Any:
        try:
            classes(dg, [])[0](**entries)
        except pydantic.ValidationError as error:
            return [each["type"] for each in error.errors()]
        return "accepted"

    assert_same(script)


@covers("ConfigurableResource", aspect=REFUSALS)
def test_a_configured_resource_that_launch_configures_is_configured_whole() -> None:
    given = {"resources": {"db": {"config": {"n": 7}}}}
    assert_refused(lambda dg: using(dg, {"db": classes(dg, [])[0](url="z")}, run_config=given))


@covers("ConfigurableResource", aspect=REFUSALS)
def test_a_missing_field_is_refused() -> None:
    def script(dg: Any) -> Any:
        with pytest.raises(pydantic.ValidationError):
            classes(dg, [])[0]()
        return "refused"

    assert_same(script)


@covers("ConfigurableResource", aspect=REFUSALS)
@pytest.mark.parametrize("name", ["url", "unknown"])
def test_a_resource_does_not_change(name: str) -> None:
    def script(dg: Any) -> Any:
        setattr(classes(dg, [])[0](url="a"), name, "b")

    assert_refused(script)


@covers("ConfigurableResource", aspect=REFUSALS)
def test_a_nested_resource_left_to_launch_must_be_a_resource_of_its_own() -> None:
    def script(dg: Any) -> Any:
        db, store = classes(dg, [])
        using(dg, {"db": store(db=db.configure_at_launch())}, run_config={})

    assert_refused(script)


@covers("resource", "ResourceDefinition")
def test_functions_values_and_generators_are_resources() -> None:
    def script(dg: Any) -> Any:
        log: list[str] = []

        @dg.resource
        def five():
            return 5

        @dg.resource(config_schema={"n": dg.Field(int, default_value=3)}, required_resource_keys={"five"})
        def sums(context):
            yield context.resource_config["n"] + context.resources.five
            log.append("closed")

        return [
            using(dg, {"db": five}),
            using(dg, {"db": sums, "five": five}),
            using(dg, {"db": sums, "five": five}, run_config={"resources": {"db": {"config": {"n": 9}}}}),
            using(dg, {"db": sums.configured({"n": 20}), "five": five}),
            using(dg, {"db": dg.ResourceDefinition.hardcoded_resource("hard")}),
            using(dg, {"db": dg.ResourceDefinition.none_resource()}),
            using(dg, {"db": "a plain value"}),
        ], log

    assert_same(script)


@covers("resource", "job", aspect=REFUSALS)
@pytest.mark.parametrize("kind", ["not provided", "needs another", "takes two"])
def test_a_resource_that_cannot_be_made_is_refused(kind: str) -> None:
    def script(dg: Any) -> Any:
        if kind == "takes two":

            @dg.resource
            def two(context, other):
                return 1

        @dg.resource(required_resource_keys={"other"})
        def one(context):
            return 1

        using(dg, {} if kind == "not provided" else {"db": one})

    assert_refused(script)


@covers("ConfigurableResource", "resource")
def test_only_what_is_needed_is_made_and_closed_in_reverse() -> None:
    def script(dg: Any) -> Any:
        log: list[str] = []

        def logged(name, needs=()):
            @dg.resource(required_resource_keys=set(needs))
            def made(context):
                log.append(f"open {name}")
                yield name
                log.append(f"close {name}")

            return made

        using(dg, {"db": logged("db", ["pool"]), "pool": logged("pool"), "unused": logged("unused")})
        return log

    assert_same(script)


@covers("ConfigurableResource")
def test_yield_for_execution_stands_around_the_run() -> None:
    def script(dg: Any) -> Any:
        import contextlib

        log: list[str] = []

        class Session(dg.ConfigurableResource):
            name: str

            @contextlib.contextmanager
            def yield_for_execution(self, context):
                log.append(f"open {self.name}")
                yield self
                log.append("close")

            def show(self):
                log.append("use")
                return self.name

        return using(dg, {"db": Session(name="s")}), log

    assert_same(script)


@covers("ConfigurableResource")
def test_a_resource_that_fails_to_open_fails_the_run() -> None:
    def script(dg: Any) -> Any:
        class Broken(dg.ConfigurableResource):
            def setup_for_execution(self, context):
                raise ValueError("no")

        @dg.op
        def use(db: Broken):
            return 1

        @dg.job(resource_defs={"db": Broken()})
        def j():
            use()

        result = j.execute_in_process(raise_on_error=False)
        kinds = [event.event_type_value for event in result.all_events if event.event_type_value != "ENGINE_EVENT"]
        return result.success, kinds, result.dagster_run.tags

    assert_same(script)


@covers("ConfigurableResource", "resource", aspect=REFUSALS)
@pytest.mark.parametrize("kind", ["class", "function"])
def test_what_a_resource_raises_is_the_cause_of_what_the_run_raises(kind: str) -> None:
    def script(dg: Any) -> Any:
        class Broken(dg.ConfigurableResource):
            def setup_for_execution(self, context):
                raise ValueError("no")

        @dg.resource
        def broken(context):
            raise ValueError("no")

        try:
            using(dg, {"db": Broken() if kind == "class" else broken})
        except dg.DagsterResourceFunctionError as error:
            return type(error.__cause__).__name__, str(error.__cause__)
        return "nothing raised"

    assert_same(script)


@covers("execute_in_process", "ResourceParam")
def test_resources_are_replaced_for_one_run() -> None:
    """Row 377: the value bound to the job is seen, then the override of a test."""

    def script(dg: Any) -> Any:
        @dg.op
        def use(number: dg.ResourceParam[int]):
            return number

        @dg.job(resource_defs={"number": 7})
        def j():
            use()

        return [j.execute_in_process(resources=given).output_for_node("use") for given in (None, {"number": 9})]

    assert_same(script)


@covers("ConfigurableResource", "ResourceDependency", "EnvVar")
def test_a_resource_is_made_outside_of_a_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JK_TEST_URL", "from-env")

    def script(dg: Any) -> Any:
        class Plain(dg.ConfigurableResource):
            url: str

        class Outer(dg.ConfigurableResource):
            inner: dg.ResourceDependency[Plain]

        made = Plain(url=dg.EnvVar("JK_TEST_URL")).process_config_and_initialize()
        with Outer(inner=Plain(url="p")).process_config_and_initialize_cm() as outer:
            inner = outer.inner.url
        return made.url, inner

    assert_same(script)


@covers("build_resources", "build_init_resource_context", "InitResourceContext")
def test_building_resources_and_their_contexts() -> None:
    def script(dg: Any) -> Any:
        log: list[str] = []

        @dg.resource(config_schema={"n": int})
        def number(context):
            yield context.resource_config["n"]
            log.append("closed")

        @dg.resource
        def plain(context):
            return context.resource_config

        with dg.build_resources({"a": number, "b": 5}, resource_config={"a": {"config": {"n": 3}}}) as made:
            values = [made.a, made.b]
        return values, log, plain(dg.build_init_resource_context(config={"x": 1}))

    assert_same(script)


@covers("with_resources", "materialize")
def test_resources_bound_to_assets_or_given_to_materialize() -> None:
    def script(dg: Any) -> Any:
        @dg.asset(required_resource_keys={"n"})
        def a(context):
            return context.resources.n

        bound = dg.with_resources([a], {"n": dg.ResourceDefinition.hardcoded_resource(4)})
        return dg.materialize(bound).asset_value("a"), dg.materialize([a], resources={"n": 8}).asset_value("a")

    assert_same(script)


@covers("with_resources", "materialize", "resource", aspect=REFUSALS)
@pytest.mark.parametrize("bound", [True, False])
def test_an_asset_without_its_resource_is_refused(bound: bool) -> None:
    def script(dg: Any) -> Any:
        @dg.asset(required_resource_keys={"n"})
        def a(context):
            return context.resources.n

        _ = dg.with_resources([a], {"m": dg.ResourceDefinition.none_resource()}) if bound else dg.materialize([a])

    assert_refused(script)


@covers("IOManager", "ConfigurableIOManager", "io_manager")
def test_io_managers_of_every_kind_keep_and_load() -> None:
    def script(dg: Any) -> Any:
        log: list[Any] = []

        class Plain(dg.IOManager):
            def handle_output(self, context, obj):
                log.append(("out", context.step_key, context.name, obj))

            def load_input(self, context):
                log.append(("in", context.upstream_output.step_key))
                return 10

        class Configured(dg.ConfigurableIOManager):
            factor: int

            def handle_output(self, context, obj):
                log.append(("out", self.factor * obj))

            def load_input(self, context):
                return self.factor

        @dg.io_manager
        def made():
            return Plain()

        @dg.op
        def one():
            return 1

        @dg.op
        def add(x):
            return x + 1

        def run(manager):
            @dg.job(resource_defs={"io_manager": manager})
            def j():
                add(one())

            return j.execute_in_process().output_for_node("add")

        return [run(Plain()), run(Configured(factor=3)), run(made)], log

    assert_same(script)
