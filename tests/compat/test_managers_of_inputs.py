"""Managers that functions make, of inputs alone or of both ways, are asked as in Dagster, and told run config."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from symbols import REFUSALS, covers

import jobkernel
from tests.compat.harness import assert_refused, assert_same, under_dagster

pytestmark = pytest.mark.compat


def job_with(dg: Any, manager: Any, *, is_fed: bool = False, **resources: Any) -> Any:
    """Return a job whose last op returns what ``manager`` loads for its input ``x``."""

    @dg.op
    def up() -> int:
        return 1

    @dg.op(ins={"x": dg.In(input_manager_key="m", metadata={"k": 1})})
    def reader(x: Any) -> Any:
        return x

    @dg.job(resource_defs={"m": manager, **resources})
    def reading() -> None:
        reader(up()) if is_fed else reader()

    return reading


def read(job: Any, config: Any = None) -> Any:
    return job.execute_in_process(run_config=config).output_for_node("reader")


def of_input(value: Any) -> dict[str, Any]:
    return {"ops": {"reader": {"inputs": {"x": value}}}}


@covers("input_manager")
def test_a_manager_gives_an_input_that_nothing_feeds() -> None:
    def script(dg: Any) -> Any:
        @dg.input_manager
        def five() -> int:
            return 5

        result = job_with(dg, five).execute_in_process()
        return result.output_for_node("reader"), [event.event_type_value for event in result.all_events]

    assert_same(script)


@covers("input_manager")
def test_a_manager_is_told_of_its_input_and_configs() -> None:
    def script(dg: Any) -> Any:
        @dg.input_manager(
            config_schema={"base": str}, input_config_schema={"path": str}, required_resource_keys={"root"}
        )
        def loader(context: Any) -> Any:
            told = (context.resource_config, context.config, context.name, context.job_name, context.has_asset_key)
            return (*told, context.upstream_output, context.resources.root, context.definition_metadata)

        job = job_with(dg, loader, root=dg.ResourceDefinition.hardcoded_resource(9))
        return read(job, {"resources": {"m": {"config": {"base": "b"}}}, **of_input({"path": "p"})})

    assert_same(script)


@covers("input_manager")
def test_a_manager_comes_before_a_default_and_takes_any_config_where_it_has_no_schema() -> None:
    def script(dg: Any) -> Any:
        @dg.input_manager
        def told(context: Any) -> Any:
            return context.config

        job = job_with(dg, told)
        return read(job), read(job, of_input({"anything": [1]})), read(job, of_input(3))

    assert_same(script)


@covers("input_manager")
def test_a_manager_of_a_fed_input_sees_what_made_it() -> None:
    def script(dg: Any) -> Any:
        @dg.input_manager
        def seen(context: Any) -> Any:
            return context.upstream_output.name, context.upstream_output.step_key, context.config

        job = job_with(dg, seen, is_fed=True)
        return read(job), read(job, of_input(7))

    assert_same(script)


@covers("input_manager")
def test_a_function_may_give_a_manager_that_loads() -> None:
    def script(dg: Any) -> Any:
        class Loader(dg.IOManager):  # type: ignore[name-defined, misc, unused-ignore]
            def handle_output(self, _context: Any, _value: Any) -> None: ...

            def load_input(self, context: Any) -> Any:
                return "loaded", context.name

        return [
            read(job_with(dg, made)) for made in (dg.input_manager(lambda: Loader()), dg.io_manager(lambda: Loader()))
        ]

    assert_same(script)


@covers("input_manager")
@pytest.mark.parametrize("is_made", [True, False])
def test_a_manager_of_an_asset_s_input_is_told_the_key(is_made: bool) -> None:
    def script(dg: Any) -> Any:
        @dg.asset
        def up() -> int:
            return 1

        @dg.input_manager
        def seen(context: Any) -> Any:
            above = context.upstream_output
            return context.asset_key.path, above.asset_key.path, above.name, above.step_key

        @dg.asset(ins={"up": dg.AssetIn(input_manager_key="m")})
        def down(up: Any) -> Any:
            return up

        assets = [up, down] if is_made else [dg.AssetSpec("up"), down]
        return dg.materialize(assets, resources={"m": seen}).output_for_node("down")

    assert_same(script)


@covers("input_manager", aspect=REFUSALS)
@pytest.mark.parametrize("config", [None, of_input({"path": 3}), of_input({"path": "s", "more": 1}), of_input("s")])
def test_config_of_an_input_that_does_not_fit_is_refused(config: Any) -> None:
    def script(dg: Any) -> Any:
        return read(
            job_with(dg, dg.input_manager(input_config_schema={"path": str})(lambda context: context.config)), config
        )

    assert_refused(script, match=None)


@covers("input_manager", aspect=REFUSALS)
@pytest.mark.parametrize(
    "manager",
    [
        lambda dg: dg.ResourceDefinition.hardcoded_resource(3),
        lambda dg: dg.input_manager(config_schema=str)(3),
        lambda dg: dg.input_manager(input_config_schema=3)(lambda: 3),
        lambda dg: dg.input_manager(config_schema={"base": str})(lambda: 3),
    ],
    ids=["no manager", "no function", "no schema", "config missing"],
)
def test_what_loads_no_input_is_refused(manager: Callable[[Any], Any]) -> None:
    assert_refused(lambda dg: read(job_with(dg, manager(dg))))


@covers("input_manager", aspect=REFUSALS)
def test_an_input_manager_that_nobody_gives_is_refused() -> None:
    def script(dg: Any) -> Any:
        @dg.op(ins={"x": dg.In(input_manager_key="absent")})
        def reader(x: Any) -> Any:
            return x

        @dg.job
        def reading() -> None:
            reader()

        return read(reading)

    assert_refused(script)


@covers("input_manager")
def test_what_a_manager_raises_is_what_the_run_raises() -> None:
    def script(dg: Any) -> Any:
        def failing() -> None:
            raise KeyError("gone")

        try:
            read(job_with(dg, dg.input_manager(failing)))
        except KeyError as error:
            return error.args

    assert_same(script)


def both_ways(dg: Any, make: Callable[..., Any], config: Any = None, **schemas: Any) -> Any:
    @dg.op(out=dg.Out(io_manager_key="m"))
    def up() -> int:
        return 1

    @dg.op(ins={"x": dg.In(input_manager_key="m")})
    def reader(x: Any) -> Any:
        return x

    @dg.job(resource_defs={"m": dg.io_manager(**schemas)(make)})
    def reading() -> None:
        reader(up())

    return read(reading, config)


def telling(dg: Any) -> Any:
    class Telling(dg.IOManager):  # type: ignore[name-defined, misc, unused-ignore]
        def handle_output(self, context: Any, _value: Any) -> None:
            self.told = context.config, context.resource_config

        def load_input(self, context: Any) -> Any:
            return context.config, context.resource_config, context.upstream_output.config, self.told

    return Telling


OF_OUTPUT = {"ops": {"up": {"outputs": {"result": {"p": "q"}}}}}


@covers("io_manager")
@pytest.mark.parametrize(
    ("schemas", "config"),
    [
        ({}, None),
        ({"output_config_schema": {"p": str}}, OF_OUTPUT),
        ({"input_config_schema": {"p": str}}, of_input({"p": "q"})),
        ({"config_schema": {"n": int}}, {"resources": {"m": {"config": {"n": 1}}}}),
    ],
)
def test_a_manager_is_told_the_config_of_outputs_inputs_and_its_own(schemas: Any, config: Any) -> None:
    assert_same(lambda dg: both_ways(dg, lambda: telling(dg)(), config, **schemas))


@covers("io_manager", aspect=REFUSALS)
@pytest.mark.parametrize(
    ("schemas", "config"),
    [
        ({"output_config_schema": {"p": str}}, None),
        ({"output_config_schema": {"p": int}}, OF_OUTPUT),
        ({"output_config_schema": {"p": str}}, {"ops": {"up": {"outputs": {"result": {"p": "q"}, "other": 1}}}}),
        ({"output_config_schema": {"p": str}}, {"ops": {"up": {"outputs": [OF_OUTPUT]}}}),
        ({}, OF_OUTPUT),
        ({"input_config_schema": {"p": str}}, None),
        ({"config_schema": {"n": int}}, None),
        ({"config_schema": {"n": int}}, {"resources": {"m": {"config": {"n": "1"}}}}),
        ({"config_schema": 3}, None),
        ({"config_schema": {"n": 3}}, None),
        ({"input_config_schema": "x"}, None),
        ({"output_config_schema": object()}, None),
    ],
)
def test_config_that_a_manager_does_not_take_is_refused(schemas: Any, config: Any) -> None:
    assert_refused(lambda dg: both_ways(dg, lambda: telling(dg)(), config, **schemas))


@covers("io_manager", aspect=REFUSALS)
@pytest.mark.parametrize("made", [lambda _: 3, lambda _: None, telling], ids=["a number", "None", "a class"])
def test_a_function_that_makes_no_manager_fails_the_run(made: Callable[[Any], Any]) -> None:
    assert_refused(lambda dg: both_ways(dg, lambda: made(dg)), match="'m' serves as an IO manager and is ")


@covers("io_manager", aspect=REFUSALS)
def test_a_value_that_is_no_manager_is_not_taken_for_one() -> None:
    assert_refused(lambda dg: dg.IOManagerDefinition.hardcoded_io_manager(3))
    assert_refused(lambda dg: dg.IOManagerDefinition(3))


@covers("io_manager", "input_manager")
def test_config_given_in_code_leaves_the_manager_what_it_is() -> None:
    def script(dg: Any) -> Any:
        both = dg.io_manager(config_schema={"n": int}, output_config_schema={"p": str})(lambda: telling(dg)())
        one = dg.input_manager(config_schema={"n": int}, input_config_schema={"p": str})(
            lambda context: (context.resource_config, context.config)
        )
        kinds = [type(each.configured({"n": 2})).__name__ for each in (both, one)]
        return kinds, read(job_with(dg, one.configured({"n": 2})), of_input({"p": "q"}))

    assert_same(script)


def test_an_object_that_loads_and_stores_is_a_manager_whatever_its_class() -> None:
    class Ours:
        def handle_output(self, _context: Any, _value: Any) -> None: ...

        def load_input(self, _context: Any) -> Any:
            return 4

    assert both_ways(jobkernel, lambda: Ours()) == 4
    with pytest.raises(Exception, match="IOManager"):
        under_dagster(lambda dg: both_ways(dg, lambda: Ours()))


@covers("IOManager")
@pytest.mark.parametrize("is_one_run", [True, False])
def test_a_manager_is_told_what_is_written_at_assets_and_given_with_values(is_one_run: bool) -> None:
    def script(dg: Any) -> Any:
        told: list[Any] = []

        class Telling(dg.IOManager):  # type: ignore[name-defined, misc, unused-ignore]
            def note(self, context: Any) -> None:
                given = {key: value.value for key, value in context.output_metadata.items()}
                written = {key: getattr(value, "value", value) for key, value in context.definition_metadata.items()}
                told.append((context.name, context.op_def.name, written, given))

            def handle_output(self, context: Any, _value: Any) -> None:
                self.note(context)

            def load_input(self, context: Any) -> Any:
                above = {k: getattr(v, "value", v) for k, v in context.upstream_output.definition_metadata.items()}
                above.pop("dagster/io_manager_key", None)  # Dagster's own, of an asset that the run does not make
                told.append((context.name, context.op_def.name, above))
                return 1

        @dg.asset(metadata={"table": "orders"})
        def up(context):
            context.add_output_metadata({"rows": 3})
            return dg.Output(1, metadata={"given": 2})

        @dg.asset
        def down(up):
            return dg.MaterializeResult(value=up, metadata={"said": 4})

        runs = [[up, down]] if is_one_run else [[up], [down, up]]
        for number, assets in enumerate(runs):
            selection = dg.AssetSelection.assets(down) if number else None
            dg.materialize(assets, resources={"io_manager": Telling()}, selection=selection)
        return told

    assert_same(script)


@covers("IOManager")
def test_a_manager_is_told_what_is_written_at_outputs_of_ops() -> None:
    def script(dg: Any) -> Any:
        told: list[Any] = []

        class Telling(dg.IOManager):  # type: ignore[name-defined, misc, unused-ignore]
            def handle_output(self, context: Any, _value: Any) -> None:
                given = {key: value.value for key, value in context.output_metadata.items()}
                told.append((context.op_def.name, dict(context.definition_metadata), given))

            def load_input(self, context: Any) -> Any:
                return told.append((context.op_def.name, dict(context.upstream_output.definition_metadata)))

        @dg.op(out=dg.Out(metadata={"m": 1}))
        def first():
            return dg.Output(1, metadata={"given": 2})

        @dg.op
        def second(_x): ...

        @dg.job(resource_defs={"io_manager": dg.IOManagerDefinition.hardcoded_io_manager(Telling())})
        def both() -> None:
            second(first())

        both.execute_in_process()
        return told

    assert_same(script)
