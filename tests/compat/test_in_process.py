"""Runs in this process: their events in order, their results, what they remember, as in Dagster."""

from __future__ import annotations

from collections import defaultdict
from itertools import groupby
from typing import Any

import pytest
from harness import assert_refused, assert_same
from runs import RUNS, assets_of, dynamic, fails, nested, one_op, two
from symbols import REFUSALS, covers

pytestmark = pytest.mark.compat


def by_step(result: Any) -> Any:
    """What happened in each step, in order, and in the run beside its steps."""
    found: dict[Any, list[str]] = defaultdict(list)
    for event in result.all_events:
        name = event.event_type_value
        # Dagster says of resources in which step it opened them where there is only one
        found[None if name.startswith("RESOURCE_") else event.step_key].append(name)
    return {key: _hooks_in_any_order(names) for key, names in found.items()}


def _hooks_in_any_order(names: list[str]) -> list[Any]:
    """Hooks are given as a set, so their events after one ending come in any order."""
    groups = groupby(names, key=lambda name: name.startswith("HOOK_"))
    return [sorted(group) if is_hook else list(group) for is_hook, group in groups]


@covers("execute_in_process", "materialize", "success_hook", "failure_hook", "job")
@pytest.mark.parametrize("name", RUNS)
def test_a_run_has_the_same_events_in_the_same_order(name: str) -> None:
    def script(dg: Any) -> Any:
        result = RUNS[name](dg)
        run = result.dagster_run
        return result.success, by_step(result), dict(run.tags), run.job_name, run.status.value, run.run_config

    assert_same(script)


@covers("execute_in_process", "job")
def test_the_order_of_events_of_two_ops() -> None:
    """Row 229."""
    assert_same(lambda dg: [(event.event_type_value, event.step_key) for event in two(dg).all_events])


@covers("execute_in_process", "job")
def test_steps_start_only_when_what_they_need_is_there() -> None:
    def script(dg: Any) -> Any:
        order = [event.step_key for event in dynamic(dg).all_events if event.is_step_success]
        return order[0], sorted(order[1:4]), order[4]

    assert_same(script)


@covers("execute_in_process")
def test_values_of_ops_graphs_and_mapped_steps() -> None:
    def script(dg: Any) -> Any:
        mapped, inner = dynamic(dg), nested(dg)
        return (
            [mapped.output_for_node(name) for name in ("dyn", "mul", "tot")],
            [inner.output_for_node(name) for name in ("inner", "inner.add", "inner.one", "last")],
            two(dg).output_for_node("add", "result"),
        )

    assert_same(script)


@covers("execute_in_process", aspect=REFUSALS)
@pytest.mark.parametrize(
    "ask",
    [
        lambda result: result.output_for_node("one", "bogus"),
        lambda result: result.output_value(),
        lambda result: result.output_value("bogus"),
        lambda result: result.get_run_failure_event(),
    ],
)
def test_what_a_run_has_not_is_refused(ask: Any) -> None:
    assert_refused(lambda dg: ask(two(dg)))


@covers("execute_in_process", "materialize")
def test_what_a_result_says_of_its_nodes() -> None:
    def script(dg: Any) -> Any:
        failed, checks = fails(dg), RUNS["checked"](dg)
        nodes = ("boom", "add", "one", "okdown")
        check = checks.get_asset_check_evaluations()[0]
        made = RUNS["assets"](dg)
        logged = RUNS["logged"](dg)
        return (
            [
                (
                    failed.is_node_success(node),
                    failed.is_node_failed(node),
                    failed.is_node_skipped(node),
                    failed.is_node_untouched(node),
                )
                for node in nodes
            ],
            sorted(failed.get_failed_step_keys()),
            failed.failure_data_for_node("one") is None,
            RUNS["branch"](dg).is_node_skipped("ony"),
            RUNS["retried"](dg).retry_attempts_for_node("flaky"),
            (check.asset_key.to_user_string(), check.check_name, check.passed, check.severity.value),
            sorted(event.asset_key.to_user_string() for event in made.get_asset_materialization_events()),
            made.asset_materializations_for_node("down")[0].metadata["rows"].value,
            [each.asset_key.to_user_string() for each in logged.asset_materializations_for_node("logs")],
            [each.metadata["o"].value for each in logged.asset_observations_for_node("logs")],
            [each.label for each in logged.expectation_results_for_node("yields")],
            len(failed.get_step_success_events()),
            RUNS["failure"](dg).failure_data_for_node("fail").user_failure_data.metadata["a"].value,
        )

    assert_same(script)


@covers("execute_in_process", "materialize")
@pytest.mark.parametrize("how", ["job", "asset"])
def test_the_users_own_exception_comes_back(how: str) -> None:
    class Mine(Exception):
        pass

    error = Mine("own")

    def script(dg: Any) -> Any:
        def body():
            raise error

        made = dg.op(name="o")(body)

        @dg.job
        def j():
            made()

        try:
            _ = j.execute_in_process() if how == "job" else dg.materialize([dg.asset(name="a")(body)])
        except Mine as caught:
            return caught is error
        return "nothing raised"

    assert_same(script)


def selectable(dg: Any) -> Any:
    one = one_op(dg)

    @dg.op
    def add(x: int = 10):
        return x + 1

    @dg.job
    def j():
        add.alias("c")(add.alias("b")(one()))

    return j


@covers("execute_in_process")
@pytest.mark.parametrize("selection", [["one"], ["b"], ["one", "b"], ["*"], ["*b"], ["b*"], ["c"]], ids=str)
def test_a_part_of_an_op_job_is_run(selection: list[str]) -> None:
    def script(dg: Any) -> Any:
        result = selectable(dg).execute_in_process(op_selection=selection)
        return {event.step_key: result.output_for_node(event.step_key) for event in result.get_step_success_events()}

    assert_same(script)


@covers("execute_in_process", aspect=REFUSALS)
@pytest.mark.parametrize("selection", [["zz"], ["one", "zz"], ["1+b"]], ids=str)
def test_selecting_an_unknown_op_is_refused(selection: list[str]) -> None:
    assert_refused(lambda dg: selectable(dg).execute_in_process(op_selection=selection))


@covers("define_asset_job", "execute_in_process")
def test_a_part_of_an_asset_job_is_run() -> None:
    def script(dg: Any) -> Any:
        up, down = assets_of(dg)
        job = dg.Definitions(assets=[up, down], jobs=[dg.define_asset_job("aj")]).resolve_job_def("aj")
        result = job.execute_in_process(asset_selection=[dg.AssetKey("up")])
        return sorted(event.step_key for event in result.get_step_success_events())

    assert_same(script)


def test_an_asset_outside_the_job_cannot_be_selected() -> None:
    """Dagster runs it; we do not: who selects it means another job."""
    import jobkernel as dg
    from jobkernel.errors import InvalidSubset

    up, down = assets_of(dg)
    job = dg.Definitions(assets=[up, down], jobs=[dg.define_asset_job("aj", selection=["up"])]).resolve_job_def("aj")
    with pytest.raises(InvalidSubset, match="does not make 'down'"):
        job.execute_in_process(asset_selection=[dg.AssetKey("down")])


@covers("materialize", "DagsterInstance")
def test_what_an_instance_remembers_feeds_the_next_run() -> None:
    def script(dg: Any) -> Any:
        up, down = assets_of(dg)
        with dg.DagsterInstance.ephemeral() as instance:
            first = dg.materialize([up], instance=instance)
            second = dg.materialize([up, down], selection=[down], instance=instance)
            latest = instance.get_latest_materialization_event(dg.AssetKey("down"))
            return (
                second.asset_value("down"),
                [run.job_name for run in instance.get_runs()],
                instance.get_run_by_id(first.run_id).status.value,
                latest.run_id == second.run_id,
                latest.asset_materialization.metadata["rows"].value,
                instance.get_latest_materialization_event(dg.AssetKey("never")),
                instance.get_runs_count(),
            )

    assert_same(script)


@covers("materialize", aspect=REFUSALS)
def test_an_upstream_value_that_was_never_made_fails_the_run() -> None:
    def script(dg: Any) -> Any:
        up, down = assets_of(dg)
        return dg.materialize([up, down], selection=[down], raise_on_error=False).success

    assert_same(script)


@covers("materialize_to_memory")
def test_materializing_to_memory() -> None:
    def script(dg: Any) -> Any:
        @dg.asset(io_manager_key="other")
        def a():
            return 5

        @dg.asset
        def b(a):
            return a + 1

        return dg.materialize_to_memory([a, b]).asset_value("b")

    assert_same(script)


@covers("materialize_to_memory", "materialize", aspect=REFUSALS)
@pytest.mark.parametrize(
    "call",
    [
        lambda dg, a: dg.materialize_to_memory([a], resources={"io_manager": dg.mem_io_manager}),
        lambda dg, a: dg.materialize([a, a.with_attributes(group_names_by_key={a.key: "g"})]),
        lambda dg, a: dg.materialize([a], selection="nope"),
        lambda dg, a: dg.materialize([5]),
        lambda dg, a: dg.materialize([a], partition_key="p"),
        lambda dg, a: dg.materialize([a], run_config={"ops": {"zz": {}}}),
    ],
)
def test_what_cannot_be_materialized_is_refused(call: Any) -> None:
    assert_refused(lambda dg: call(dg, assets_of(dg)[0]))


@covers("OpExecutionContext", "AssetExecutionContext")
def test_what_a_context_says_inside_a_run() -> None:
    def script(dg: Any) -> Any:
        seen: dict[str, Any] = {}

        @dg.op
        def o(context):
            seen["op"] = [
                context.run_id == context.run.run_id,
                context.job_name,
                context.op_config,
                context.retry_number,
                context.has_partition_key,
                context.run_tags,
                context.has_tag("a"),
                context.get_tag("a"),
                context.op.name,
                context.op_def.name,
                context.describe_op(),
                context.has_assets_def,
                sorted(context.selected_output_names),
                context.run_config,
                context.get_mapping_key(),
                isinstance(context, dg.OpExecutionContext),
                isinstance(context, dg.AssetExecutionContext),
                context.selected_asset_keys,
            ]

        @dg.asset(key_prefix="p")
        def a(context):
            seen["asset"] = [
                context.asset_key.path, [key.path for key in context.selected_asset_keys], context.has_assets_def,
                context.job_name, context.asset_key_for_output().path, context.output_for_asset_key(context.asset_key),
                isinstance(context, dg.AssetExecutionContext), isinstance(context, dg.OpExecutionContext),
                isinstance(context.op_execution_context, dg.OpExecutionContext), context.is_subset,
            ]  # fmt: skip
            context.add_output_metadata({"x": 1})
            context.add_asset_metadata({"y": 2})

        @dg.asset_check(asset=a)
        def check(context):
            seen["check"] = [type(context).__name__, [key.name for key in context.selected_asset_check_keys]]
            return dg.AssetCheckResult(passed=True)

        @dg.job(tags={"a": "b"})
        def j():
            o()

        j.execute_in_process()
        made = dg.materialize([a])
        dg.Definitions(assets=[a], asset_checks=[check]).resolve_implicit_global_asset_job_def().execute_in_process()
        metadata = made.asset_materializations_for_node("p__a")[0].metadata
        return seen, {name: value.value for name, value in metadata.items()}

    assert_same(script)


@covers("OpExecutionContext", "AssetExecutionContext", aspect=REFUSALS)
@pytest.mark.parametrize(
    "ask",
    [
        lambda context: context.partition_key,
        lambda context: context.asset_key,
        lambda context: context.resources.nothing,
        lambda context: context.add_output_metadata({"a": object()}),
        lambda context: context.add_output_metadata({"a": 1}, output_name="zz"),
        lambda context: context.asset_key_for_output(),
        lambda context: context.add_asset_metadata({"a": 1}),
    ],
)
def test_what_a_context_has_not_is_refused(ask: Any) -> None:
    def script(dg: Any) -> Any:
        @dg.op
        def o(context):
            ask(context)

        @dg.job
        def j():
            o()

        j.execute_in_process()

    assert_refused(script)
