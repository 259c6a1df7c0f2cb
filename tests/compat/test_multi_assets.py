"""Several assets of one function or graph, as in Dagster."""

from __future__ import annotations

from typing import Any

import pytest
from harness import assert_refused, assert_same
from symbols import REFUSALS, covers
from test_assets import shape, spec_shape

pytestmark = pytest.mark.compat


@covers("multi_asset", "AssetOut")
def test_several_assets_by_outs() -> None:
    def script(dg: Any) -> Any:
        @dg.multi_asset(
            outs={
                "a": dg.AssetOut(
                    description="d", metadata={"m": 1}, code_version="1", owners=["team:x"], tags={"t": "v"}
                ),
                "b": dg.AssetOut(key_prefix="p", is_required=False, kinds={"k"}),
                "c": dg.AssetOut(key=["q", "r"], io_manager_key="disk"),
            },
            ins={"x": dg.AssetIn("up")},
            deps=["other"],
            group_name="g",
            can_subset=True,
        )
        def body(x, y):
            """Several."""
            return 1, 2, 3

        return [
            shape(body),
            [(out.is_required, out.io_manager_key) for out in body.op.outs.values()],
            body.op.description,
        ]

    assert_same(script)


@covers("multi_asset", "AssetSpec")
def test_several_assets_by_specs() -> None:
    def script(dg: Any) -> Any:
        @dg.multi_asset(
            name="both",
            specs=[
                dg.AssetSpec("a", deps=["up"], skippable=True, group_name="g"),
                dg.AssetSpec(["p", "b"], deps=["a", "other"]),
            ],
            can_subset=False,
        )
        def body():
            yield dg.MaterializeResult(asset_key="a")

        return [shape(body)["specs"], shape(body)["outputs"], [out.is_required for out in body.op.outs.values()]]

    assert_same(script)


@covers("multi_asset", "AssetOut")
def test_dependencies_within_can_be_said_for_each_output() -> None:
    def script(dg: Any) -> Any:
        @dg.multi_asset(
            outs={"a": dg.AssetOut(), "b": dg.AssetOut()},
            internal_asset_deps={"a": {dg.AssetKey("up")}, "b": {dg.AssetKey("a")}},
        )
        def body(up):
            return 1, 2

        return [spec_shape(body.specs_by_key[key]) for key in sorted(body.keys)]

    assert_same(script)


@covers("AssetOut", "AssetSpec")
def test_an_output_can_be_made_of_a_spec() -> None:
    def script(dg: Any) -> Any:
        out = dg.AssetOut.from_spec(dg.AssetSpec(["p", "a"], group_name="g", tags={"t": "v"}), is_required=False)

        @dg.multi_asset(outs={"x": out})
        def body():
            return 1

        return [shape(body), out.key.path]

    assert_same(script)


@covers("graph_asset", "AssetIn")
def test_an_asset_can_be_a_graph() -> None:
    def script(dg: Any) -> Any:
        @dg.op
        def add(a, b):
            return a

        @dg.graph_asset(
            ins={"x": dg.AssetIn(["p", "x"])},
            key_prefix="q",
            group_name="g",
            metadata={"m": 1},
            tags={"t": "v"},
            kinds={"k"},
            owners=["team:x"],
        )
        def body(x, y):
            """Wired."""
            return add(x, y)

        made = shape(body)
        made["specs"][0]["metadata"] = sorted(made["specs"][0]["metadata"])
        return made

    assert_same(script)


@covers("graph_multi_asset", "AssetOut")
def test_several_assets_can_be_a_graph() -> None:
    def script(dg: Any) -> Any:
        @dg.op
        def add(a):
            return a

        @dg.graph_multi_asset(
            outs={"a": dg.AssetOut(), "b": dg.AssetOut(key_prefix="p")}, group_name="g", can_subset=True
        )
        def body(x):
            first = add(x)
            return {"a": first, "b": add(first)}

        return shape(body)

    assert_same(script)


def _two(dg: Any) -> Any:
    return {"a": dg.AssetOut(), "b": dg.AssetOut()}


REFUSED: dict[str, Any] = {
    "outs and specs": lambda dg: dg.multi_asset(outs=_two(dg), specs=[dg.AssetSpec("c")])(lambda: None),
    "specs and deps": lambda dg: dg.multi_asset(specs=[dg.AssetSpec("c")], deps=["x"])(lambda: None),
    "a parameter no spec depends on": lambda dg: dg.multi_asset(specs=[dg.AssetSpec("c")])(lambda x: None),
    "two groups": lambda dg: dg.multi_asset(specs=[dg.AssetSpec("c", group_name="g")], group_name="h")(lambda: None),
    "unknown output in internal deps": lambda dg: dg.multi_asset(outs=_two(dg), internal_asset_deps={"z": set()})(
        lambda: None
    ),
    "unknown key in internal deps": lambda dg: dg.multi_asset(
        outs=_two(dg), internal_asset_deps={"a": {dg.AssetKey("nope")}, "b": set()}
    )(lambda: None),
    "an output that is none": lambda dg: dg.multi_asset(outs={"a": 3})(lambda: None),
    "a check of another asset": lambda dg: dg.multi_asset(
        outs=_two(dg), check_specs=[dg.AssetCheckSpec("c", asset="z")]
    )(lambda: None),
    "an unknown argument": lambda dg: dg.multi_asset(outs=_two(dg), nonsense=1)(lambda: None),
    "bad output name": lambda dg: dg.multi_asset(outs={"a b": dg.AssetOut()})(lambda: None),
    "from_spec with deps": lambda dg: dg.AssetOut.from_spec(dg.AssetSpec("a", deps=["b"])),
    "a graph asset that returns nothing": lambda dg: dg.graph_asset(name="g")(lambda: None),
    "a graph asset with an unused input": lambda dg: dg.graph_asset(name="g")(lambda x: dg.op(name="o")(lambda: 1)()),
    "a graph asset with an unknown input": lambda dg: dg.graph_asset(name="g", ins={"z": dg.AssetIn()})(
        lambda: dg.op(name="o")(lambda: 1)()
    ),
}


@covers("multi_asset", "graph_asset", "graph_multi_asset", "AssetOut", aspect=REFUSALS)
@pytest.mark.parametrize("case", REFUSED)
def test_several_assets_that_make_no_sense_are_refused(case: str) -> None:
    assert_refused(REFUSED[case])
