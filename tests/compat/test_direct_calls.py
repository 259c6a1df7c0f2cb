"""Calling ops, assets, checks and hooks as functions, as in Dagster."""

from __future__ import annotations

from typing import Any

import pytest
from direct_calls import CALLS, REFUSED, plainly, world
from harness import assert_refused, assert_same
from symbols import REFUSALS, covers

pytestmark = pytest.mark.compat


@covers(
    "build_op_context", "build_asset_context", "build_hook_context", "OpExecutionContext", "AssetExecutionContext", "op"
)
@pytest.mark.parametrize("name", CALLS)
def test_a_direct_call_gives_the_same(name: str) -> None:
    assert_same(lambda dg: plainly(CALLS[name](world(dg))))


@covers("build_op_context", "build_asset_context", "build_hook_context", "op", "asset", "asset_check", aspect=REFUSALS)
@pytest.mark.parametrize("name", REFUSED)
def test_a_direct_call_that_makes_no_sense_is_refused(name: str) -> None:
    assert_refused(lambda dg: plainly(REFUSED[name](world(dg))))


@covers("build_op_context", "AssetExecutionContext", "build_asset_check_context")
def test_contexts_are_what_their_annotation_says() -> None:
    def script(dg: Any) -> Any:
        kinds = (dg.OpExecutionContext, dg.AssetExecutionContext, dg.AssetCheckExecutionContext)
        built = (dg.build_op_context(), dg.build_asset_context(), dg.build_asset_check_context())
        return [[isinstance(each, kind) for kind in kinds] for each in built]

    assert_same(script)


@covers("op")
def test_get_finds_the_context_while_the_body_runs() -> None:
    def script(dg: Any) -> Any:
        @dg.asset
        def a():
            return dg.AssetExecutionContext.get().asset_key.to_user_string()

        @dg.op
        def o():
            return dg.OpExecutionContext.get().op_config

        @dg.job
        def j():
            o()

        return dg.materialize([a]).asset_value("a"), j.execute_in_process().output_for_node("o")

    assert_same(script)
