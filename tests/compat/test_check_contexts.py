"""What the body of a check is told, and which contexts it may ask for, is as in Dagster."""

from __future__ import annotations

from typing import Any

import pytest
from harness import assert_refused, assert_same
from symbols import ORDER, REFUSALS, covers

pytestmark = pytest.mark.compat


def checked(dg: Any, annotation: Any, told: Any) -> Any:
    """Run an asset with a check whose body notes what ``told`` makes of its context."""
    noted = []

    @dg.asset
    def a():
        return 3

    def c(context):
        noted.append(told(context))
        return dg.AssetCheckResult(passed=True)

    c.__annotations__["context"] = annotation
    check = dg.asset_check(asset=a, blocking=True, description="good", metadata={"k": 1})(c)
    result = dg.materialize([a, check], tags={"t": "v"})
    return noted, result.success


@covers("AssetCheckExecutionContext", "asset_check")
def test_the_context_of_a_check_knows_its_check_and_its_run() -> None:
    def told(context: Any) -> Any:
        spec = context.check_specs[0]
        return [
            type(context).__name__,
            [spec.name, spec.description, spec.blocking, dict(spec.metadata), spec.asset_key.to_user_string()],
            [spec.key.name, spec.get_python_identifier(), len(context.check_specs)],
            sorted(key.name for key in context.selected_asset_check_keys),
            context.run.job_name,
            context.run_tags["t"] if hasattr(context, "run_tags") else context.run.tags["t"],
            context.retry_number,
            context.has_partition_key,
            context.op_execution_context.op_def.name,
        ]

    assert_same(lambda dg: checked(dg, dg.AssetCheckExecutionContext, told))


@covers("AssetCheckExecutionContext")
def test_the_context_is_found_by_its_class_too() -> None:
    assert_same(
        lambda dg: checked(
            dg, dg.AssetCheckExecutionContext, lambda _context: type(dg.AssetCheckExecutionContext.get()).__name__
        )
    )


@covers("AssetCheckExecutionContext", "OpExecutionContext")
def test_a_check_may_ask_for_the_context_of_its_op() -> None:
    assert_same(lambda dg: checked(dg, dg.OpExecutionContext, lambda context: type(context).__name__))


@covers("AssetCheckExecutionContext", "AssetExecutionContext", aspect=REFUSALS)
@pytest.mark.parametrize("kind", ["check on asset", "check on op", "asset on check"])
def test_a_context_of_another_kind_is_refused(kind: str) -> None:
    def script(dg: Any) -> None:
        if kind == "asset on check":
            checked(dg, dg.AssetExecutionContext, lambda _context: None)
            return

        def body(context):
            return 3

        body.__annotations__["context"] = dg.AssetCheckExecutionContext
        if kind == "check on asset":
            dg.materialize([dg.asset(body)])
        else:
            dg.GraphDefinition("g", node_defs=[dg.op(body)]).to_job(name="j").execute_in_process()

    assert_refused(script, "annotates its context")


@covers("AssetCheckExecutionContext", aspect=ORDER)
def test_a_check_runs_after_its_asset_and_before_what_it_guards() -> None:
    def script(dg: Any) -> Any:
        order: list[str] = []

        @dg.asset
        def a():
            order.append("a")

        @dg.asset(deps=[a])
        def below():
            order.append("below")

        @dg.asset_check(asset=a, blocking=True)
        def c(context):
            order.append(context.check_specs[0].name)
            return dg.AssetCheckResult(passed=True)

        dg.materialize([below, a, c])
        return order

    assert_same(script)
