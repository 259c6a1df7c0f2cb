"""Running what was defined gives the same steps, in the same order, and the same values as in Dagster."""

from __future__ import annotations

from typing import Any

import pytest
from harness import assert_refused, assert_same
from symbols import ORDER, REFUSALS, covers

pytestmark = pytest.mark.compat


def started(result: Any) -> list[str]:
    """The step keys, in the order in which they started."""
    return [event.step_key for event in result.all_events if event.event_type_value == "STEP_START"]


@covers("job", "op", aspect=ORDER)
def test_ops_run_in_the_same_order() -> None:
    def script(dg: Any) -> Any:
        @dg.op
        def zero():
            return 0

        @dg.op
        def first(x):
            return x + 1

        @dg.op
        def last(items):
            return sum(items)

        @dg.job
        def made():
            z = zero()
            last([first.alias("c")(z), first.alias("a")(z), first.alias("b")(first(z))])

        result = made.execute_in_process()
        return [
            result.success,
            sorted(started(result)),
            result.output_for_node("last"),
            started(result)[0],
            started(result)[-1],
        ]

    assert_same(script)


@covers("op", "job", aspect=ORDER)
def test_a_higher_priority_runs_first() -> None:
    def script(dg: Any) -> Any:
        def named(name: str, priority: int | None) -> Any:
            tags = {} if priority is None else {"dagster/priority": str(priority)}
            return dg.op(name=name, tags=tags)(lambda: None)

        high, low, none = named("high", 1), named("low", -1), named("none", None)

        @dg.job
        def made():
            none()
            low()
            high()
            none()
            low()
            high()

        return started(made.execute_in_process())

    assert_same(script)


@covers("DynamicOut", "DynamicOutput", aspect=ORDER)
def test_dynamic_outputs_are_mapped_by_key_and_collected() -> None:
    def script(dg: Any) -> Any:
        @dg.op(out=dg.DynamicOut())
        def dyn():
            for place in range(3):
                yield dg.DynamicOutput(place, mapping_key=str(place))

        @dg.op
        def mul(x):
            return x * 2

        @dg.op
        def tot(xs):
            return sum(xs)

        @dg.job
        def made():
            tot(dyn().map(mul).collect())

        result = made.execute_in_process()
        return [started(result), result.output_for_node("mul"), result.output_for_node("tot")]

    assert_same(script)


@covers("Out", "In")
def test_a_branch_not_taken_is_skipped() -> None:
    def script(dg: Any) -> Any:
        @dg.op(out={"x": dg.Out(is_required=False), "y": dg.Out(is_required=False)})
        def branch():
            yield dg.Output(1, "x")

        @dg.op
        def onx(v):
            return v

        @dg.op
        def ony(v):
            return v

        @dg.op
        def after_y(v):
            return v

        @dg.op
        def fanin(vs):
            return vs

        @dg.job
        def made():
            x, y = branch()
            b = ony(y)
            after_y(b)
            fanin([onx(x), b])

        result = made.execute_in_process()
        skipped = [event.step_key for event in result.all_events if event.event_type_value == "STEP_SKIPPED"]
        return [result.success, skipped, result.output_for_node("fanin"), sorted(started(result))]

    assert_same(script)


@covers("graph", "GraphOut")
def test_nested_graphs_have_dotted_steps() -> None:
    def script(dg: Any) -> Any:
        @dg.op
        def one():
            return 1

        @dg.op
        def add(a, b=10):
            return a + b

        @dg.graph
        def inner(v):
            return add(v)

        @dg.graph(out={"p": dg.GraphOut(), "q": dg.GraphOut()})
        def outer(w):
            first = inner(w)
            return {"p": first, "q": inner.alias("again")(first)}

        @dg.job
        def made():
            got = outer(one())
            add.alias("end")(got.p, got.q)

        result = made.execute_in_process()
        return [sorted(started(result)), result.output_for_node("end"), result.output_for_node("outer", "q")]

    assert_same(script)


@covers("graph", "job")
def test_input_values_and_defaults_feed_graphs() -> None:
    def script(dg: Any) -> Any:
        @dg.op
        def add(a, b=10):
            return a + b

        @dg.graph
        def wired(v):
            return add(v)

        return [
            wired.to_job(input_values={"v": 1}).execute_in_process().output_for_node("add"),
            wired.execute_in_process(input_values={"v": 2}).output_for_node("add"),
            wired.execute_in_process(input_values={"v": 3}).output_value(),
        ]

    assert_same(script)


@covers("Nothing", "In", aspect=ORDER)
def test_inputs_without_data_only_order() -> None:
    def script(dg: Any) -> Any:
        @dg.op
        def first():
            return 1

        @dg.op(out=dg.Out(dg.Nothing))
        def second():
            pass

        @dg.op(ins={"start": dg.In(dg.Nothing)})
        def last():
            return "done"

        @dg.job
        def made():
            last(start=[second(), first()])

        result = made.execute_in_process()
        return [started(result)[-1], result.output_for_node("last")]

    assert_same(script)


@covers("asset", "AssetIn", "AssetKey", "Definitions")
def test_assets_are_made_under_their_step_keys() -> None:
    def script(dg: Any) -> Any:
        @dg.asset(key=["p", "q", "r"])
        def deep():
            return 1

        @dg.asset(ins={"x": dg.AssetIn(["p", "q", "r"])})
        def user(x):
            return x + 1

        @dg.asset(deps=[user])
        def ordered() -> None:
            return None

        result = dg.materialize([ordered, user, deep])
        made = [event.asset_key.path for event in result.get_asset_materialization_events()]
        return [started(result), made, result.output_for_node("user"), result.asset_value("user")]

    assert_same(script)


@covers("multi_asset", "AssetOut", "AssetSpec")
def test_several_assets_are_made_together_or_in_part() -> None:
    def script(dg: Any) -> Any:
        @dg.multi_asset(
            outs={"m1": dg.AssetOut(is_required=False), "m2": dg.AssetOut(is_required=False)}, can_subset=True
        )
        def subset(context):
            for name in sorted(context.op_execution_context.selected_output_names):
                yield dg.Output(name.upper(), name)

        @dg.multi_asset(specs=[dg.AssetSpec("s1"), dg.AssetSpec("s2", deps=["s1"])])
        def by_specs():
            yield dg.MaterializeResult(asset_key="s1", metadata={"n": 1})
            yield dg.MaterializeResult(asset_key="s2")

        @dg.multi_asset(outs={"t1": dg.AssetOut(), "t2": dg.AssetOut()})
        def by_tuple():
            return 1, 2

        defs = dg.Definitions(assets=[subset, by_specs, by_tuple], jobs=[dg.define_asset_job("j", "m2")])
        part = defs.resolve_job_def("j").execute_in_process()
        whole = defs.resolve_implicit_global_asset_job_def().execute_in_process()
        made = [
            sorted(e.asset_key.to_user_string() for e in each.get_asset_materialization_events())
            for each in (part, whole)
        ]
        return [made, whole.output_for_node("by_tuple", "t2"), part.output_for_node("subset", "m2")]

    assert_same(script)


@covers("graph_asset", "graph_multi_asset")
def test_graph_assets_are_made_by_their_ops() -> None:
    def script(dg: Any) -> Any:
        @dg.asset
        def up():
            return 1

        @dg.op
        def add(x):
            return x + 1

        @dg.graph_asset
        def wired(up):
            return add(add(up))

        @dg.graph_multi_asset(outs={"a": dg.AssetOut(), "b": dg.AssetOut()})
        def several(up):
            first = add(up)
            return {"a": first, "b": add(first)}

        result = dg.materialize([up, wired, several])
        made = sorted(event.asset_key.path[0] for event in result.get_asset_materialization_events())
        return [sorted(started(result)), made, result.asset_value("wired"), result.asset_value("b")]

    assert_same(script)


@covers("asset_check", "AssetCheckResult", "AssetCheckSpec", "AssetCheckSeverity")
def test_checks_run_after_their_asset_and_may_block() -> None:
    def script(dg: Any) -> Any:
        @dg.asset
        def up():
            return 1

        @dg.asset(check_specs=[dg.AssetCheckSpec("own", asset="mid")])
        def mid(up):
            yield dg.Output(up)
            yield dg.AssetCheckResult(passed=True, check_name="own")

        @dg.asset
        def down(mid):
            return mid

        def run(passed: bool, severity: Any, blocking: bool) -> Any:
            @dg.asset_check(asset=mid, blocking=blocking)
            def good(mid):
                return dg.AssetCheckResult(passed=passed, severity=severity, metadata={"n": mid})

            defs = dg.Definitions(assets=[up, mid, down], asset_checks=[good])
            result = defs.resolve_implicit_global_asset_job_def().execute_in_process(raise_on_error=False)
            checks = sorted(
                (each.check_name, each.passed, each.severity.value) for each in result.get_asset_check_evaluations()
            )
            return [result.success, checks, sorted(started(result))]

        error, warn = dg.AssetCheckSeverity.ERROR, dg.AssetCheckSeverity.WARN
        return [run(True, error, True), run(False, error, True), run(False, warn, True), run(False, error, False)]

    assert_same(script)


@covers("multi_asset_check")
def test_one_function_evaluates_several_checks() -> None:
    def script(dg: Any) -> Any:
        @dg.asset
        def up():
            return 1

        @dg.multi_asset_check(specs=[dg.AssetCheckSpec("a", asset="up"), dg.AssetCheckSpec("b", asset="up")])
        def both():
            yield dg.AssetCheckResult(passed=True, asset_key="up", check_name="a")
            yield dg.AssetCheckResult(passed=False, asset_key="up", check_name="b")

        defs = dg.Definitions(assets=[up], asset_checks=[both])
        result = defs.resolve_implicit_global_asset_job_def().execute_in_process()
        return sorted((each.check_name, each.passed) for each in result.get_asset_check_evaluations())

    assert_same(script)


@covers("success_hook", "failure_hook", "HookContext")
def test_hooks_are_called_by_how_a_step_ended() -> None:
    def script(dg: Any) -> Any:
        called = []

        @dg.success_hook
        def good(context):
            called.append(("good", context.op.name, context.step_key))

        @dg.failure_hook
        def bad(context):
            called.append(("bad", context.op.name, type(context.op_exception).__name__))

        @dg.op
        def boom():
            raise ValueError("no")

        @dg.op
        def ok():
            return 1

        @dg.job(hooks={good, bad})
        def made():
            boom()
            ok()

        result = made.execute_in_process(raise_on_error=False)

        @dg.job
        def single():
            ok.with_hooks({good})()
            ok.alias("bare")()

        single.execute_in_process()
        return [result.success, sorted(called)]

    assert_same(script)


@covers("op", "OpDefinition")
def test_a_configured_op_has_its_config() -> None:
    def script(dg: Any) -> Any:
        @dg.op(config_schema={"n": int})
        def shows(context):
            return context.op_config["n"]

        fixed = shows.configured({"n": 3}, name="fixed")

        @dg.job
        def made():
            fixed()
            fixed.alias("twice")()

        result = made.execute_in_process()
        return [result.output_for_node("fixed"), result.output_for_node("twice"), fixed.name]

    assert_same(script)


@covers("op", "OpDefinition")
def test_a_configured_op_may_compute_its_config() -> None:
    def script(dg: Any) -> Any:
        @dg.op(config_schema={"n": int})
        def shows(context):
            return context.op_config["n"]

        doubled = shows.configured(
            lambda config: {"n": config["half"] * 2}, name="doubled", config_schema={"half": int}
        )

        @dg.job
        def made():
            doubled()

        return made.execute_in_process({"ops": {"doubled": {"config": {"half": 4}}}}).output_for_node("doubled")

    assert_same(script)


@covers("RetryPolicy", "op")
def test_the_policy_of_a_call_goes_before_the_ops_and_the_jobs() -> None:
    def script(dg: Any) -> Any:
        counts: dict[str, int] = {}

        def failing(name: str, **options: Any) -> Any:
            def body():
                counts[name] = counts.get(name, 0) + 1
                raise ValueError("no")

            return dg.op(name=name, **options)(body)

        own = failing("own", retry_policy=dg.RetryPolicy(max_retries=2))
        called = failing("called", retry_policy=dg.RetryPolicy(max_retries=2))
        none = failing("none")

        @dg.job(op_retry_policy=dg.RetryPolicy(max_retries=1))
        def made():
            own()
            called.with_retry_policy(dg.RetryPolicy(max_retries=3))()
            none()

        made.execute_in_process(raise_on_error=False)
        return counts

    assert_same(script)


@covers("job", "define_asset_job")
def test_tags_and_run_tags_go_on_runs() -> None:
    def script(dg: Any) -> Any:
        @dg.op
        def tags_of(context):
            return {
                name: value
                for name, value in context.run.tags.items()
                if not name.startswith(("dagster/", ".dagster/"))
            }

        def run(**options: Any) -> Any:
            @dg.job(**options)
            def made():
                tags_of()

            return made.execute_in_process(tags={"c": "launch"}).output_for_node("tags_of")

        return [run(), run(tags={"a": "b", "c": "d"}), run(tags={"a": "b"}, run_tags={"r": "s", "n": 1})]

    assert_same(script)


@covers("Definitions", "asset", aspect=REFUSALS)
def test_a_missing_resource_is_refused_before_the_run() -> None:
    def script(dg: Any) -> None:
        @dg.asset(required_resource_keys={"db"})
        def needs(context):
            return 1

        dg.materialize([needs])

    assert_refused(script)


@covers("op", "Out", aspect=REFUSALS)
def test_a_value_of_another_type_fails_the_step() -> None:
    def script(dg: Any) -> None:
        @dg.op
        def wrong() -> int:
            return "no"

        @dg.job
        def made():
            wrong()

        made.execute_in_process()

    assert_refused(script)
