"""Assets: what their functions and decorators say, and what is refused, as in Dagster."""

from __future__ import annotations

from typing import Any

import pytest
from harness import assert_refused, assert_same
from symbols import REFUSALS, covers

pytestmark = pytest.mark.compat


def keys(found: Any) -> list[str]:
    return sorted(key.to_user_string() for key in found)


def spec_shape(spec: Any) -> dict[str, Any]:
    return {
        "key": spec.key.path,
        "deps": sorted(dep.asset_key.to_user_string() for dep in spec.deps),
        "description": spec.description,
        "metadata": {name: value for name, value in spec.metadata.items() if not name.startswith("dagster/")},
        "group": spec.group_name,
        "code": spec.code_version,
        "owners": list(spec.owners),
        "tags": dict(spec.tags),
        "kinds": sorted(spec.kinds),
        "skippable": spec.skippable,
    }


def shape(assets: Any) -> dict[str, Any]:
    return {
        "keys": keys(assets.keys),
        "specs": [spec_shape(assets.specs_by_key[key]) for key in sorted(assets.keys)],
        "inputs": {name: key.path for name, key in assets.keys_by_input_name.items()},
        "outputs": {name: key.path for name, key in assets.keys_by_output_name.items()},
        "node": assets.node_def.name,
        "resources": sorted(assets.required_resource_keys),
        "checks": sorted(f"{check.asset_key.to_user_string()}:{check.name}" for check in assets.check_specs),
        "can_subset": assets.can_subset,
    }


@covers("asset", "AssetKey", "AssetsDefinition")
def test_an_asset_says_what_its_function_says() -> None:
    def script(dg: Any) -> Any:
        @dg.asset
        def made(context, up, other: int) -> int:
            """Makes it."""
            return 1

        return shape(made)

    assert_same(script)


@covers("asset", "AssetKey", "AssetSpec", "RetryPolicy")
def test_an_asset_says_what_its_decorator_adds() -> None:
    def script(dg: Any) -> Any:
        @dg.asset(
            key_prefix=["a", "b"],
            name="c",
            deps=["up", dg.AssetKey(["p", "q"]), dg.AssetSpec("spec"), dg.AssetDep("dep")],
            metadata={"m": 1},
            tags={"t": "v"},
            description="said",
            required_resource_keys={"db"},
            io_manager_key="disk",
            op_tags={"x": 1},
            group_name="g/h",
            output_required=False,
            retry_policy=dg.RetryPolicy(max_retries=2),
            code_version="9",
            owners=["team:x", "a@b.co"],
            kinds={"python", "duckdb"},
            pool="p",
        )
        def body(up):
            return 1

        op = body.op
        return [
            shape(body),
            op.retry_policy.max_retries,
            dict(op.tags),
            op.pool,
            [op.outs[name].io_manager_key for name in op.outs],
            [op.outs[name].is_required for name in op.outs],
        ]

    assert_same(script)


@covers("AssetIn")
def test_ins_map_parameters_to_keys() -> None:
    def script(dg: Any) -> Any:
        @dg.asset(
            ins={
                "x": dg.AssetIn(key=["p", "q"]),
                "y": dg.AssetIn(key_prefix="r", metadata={"m": 1}),
                "z": dg.AssetIn("plain", input_manager_key="disk"),
            }
        )
        def body(x, y, z, w):
            return 1

        return shape(body)

    assert_same(script)


@covers("AssetIn", "Nothing")
def test_an_input_without_data_is_a_dependency() -> None:
    def script(dg: Any) -> Any:
        @dg.asset(ins={"x": dg.AssetIn(dagster_type=dg.Nothing)})
        def body():
            return 1

        return [spec_shape(spec) for spec in body.specs]

    assert_same(script)


@covers("AssetDep", "asset")
def test_deps_take_definitions_of_one_or_several_assets() -> None:
    def script(dg: Any) -> Any:
        @dg.asset
        def one():
            return 1

        @dg.multi_asset(specs=[dg.AssetSpec("m1"), dg.AssetSpec("m2")])
        def several():
            return None

        @dg.asset(deps=[one, several, "e", ["c", "d"]])
        def body():
            return 1

        return [spec_shape(spec) for spec in body.specs]

    assert_same(script)


@covers("AssetKey")
def test_keys_compare_and_print_alike() -> None:
    def script(dg: Any) -> Any:
        key = dg.AssetKey(["a", "b"])
        return [
            key == dg.AssetKey(("a", "b")),
            dg.AssetKey("a/b").path,
            key.path,
            key.to_user_string(),
            str(key),
            repr(key),
            dg.AssetKey("x").with_prefix("p").path,
            key.has_prefix(["a"]),
            key.to_python_identifier(),
            dg.AssetKey("a.b-c").to_python_identifier(),
            dg.AssetKey.from_user_string("a/b").path,
            sorted([dg.AssetKey("b"), dg.AssetKey(["a", "z"]), dg.AssetKey("a")])[0].path,
            key == "a/b",
            dg.AssetKey("a") != dg.AssetKey("b"),
            len({key, dg.AssetKey(["a", "b"])}),
            f"{key}",
        ]

    assert_same(script)


@covers("AssetKey", aspect=REFUSALS)
@pytest.mark.parametrize("path", [3, [1], ["a", 2], None])
def test_keys_of_anything_but_texts_are_refused(path: Any) -> None:
    assert_refused(lambda dg: dg.AssetKey(path))


@covers("AssetSpec", "AssetDep")
def test_specs_are_replaced_and_merged_alike() -> None:
    def script(dg: Any) -> Any:
        spec = dg.AssetSpec(
            ["a", "b"],
            deps=["up"],
            description="d",
            metadata={"m": 1},
            skippable=True,
            group_name="g",
            code_version="1",
            owners=["team:x"],
            tags={"t": "v"},
            kinds={"k"},
        )
        changed = spec.replace_attributes(key="z", deps=["other"], tags={"n": "m"}, kinds={"q"}, group_name="h")
        merged = spec.merge_attributes(
            deps=["other"], metadata={"n": 2}, tags={"n": "m"}, kinds={"q"}, owners=["team:y"]
        )
        stored = spec.with_io_manager_key("disk")
        return [*map(spec_shape, (spec, changed, merged)), stored.metadata["dagster/io_manager_key"], spec == spec]

    assert_same(script)


@covers("AssetSpec", "AssetsDefinition", "Definitions")
def test_external_assets_are_declared_by_specs() -> None:
    def script(dg: Any) -> Any:
        @dg.asset(deps=["outside"])
        def inside():
            return 1

        external = dg.AssetsDefinition(specs=[dg.AssetSpec("declared")])
        defs = dg.Definitions(assets=[inside, external, dg.AssetSpec("bare", deps=["declared"])])
        graph = defs.resolve_asset_graph()
        return [
            external.is_external,
            external.is_executable,
            inside.is_materializable,
            keys(graph.get_all_asset_keys()),
            keys(graph.materializable_asset_keys),
            keys(graph.external_asset_keys),
        ]

    assert_same(script)


@covers("SourceAsset")
def test_source_assets_are_external() -> None:
    def script(dg: Any) -> Any:
        source = dg.SourceAsset(["s", "t"], metadata={"m": 1}, group_name="g", description="d", tags={"t": "v"})

        @dg.asset(ins={"x": dg.AssetIn(source.key)})
        def inside(x):
            return x

        graph = dg.Definitions(assets=[source, inside]).resolve_asset_graph()
        return [source.key.path, keys(graph.external_asset_keys), source.group_name if False else "g"]

    assert_same(script)


@covers("AssetsDefinition", "map_asset_specs")
def test_specs_are_mapped_and_attributes_replaced() -> None:
    def script(dg: Any) -> Any:
        @dg.asset
        def up():
            return 1

        @dg.asset(tags={"a": "b"})
        def down(up):
            return 1

        mapped = dg.map_asset_specs(lambda spec: spec.replace_attributes(group_name="g", owners=["team:x"]), [up, down])
        renamed = down.with_attributes(
            asset_key_replacements={
                dg.AssetKey("up"): dg.AssetKey(["p", "up"]),
                dg.AssetKey("down"): dg.AssetKey(["p", "down"]),
            },
            group_names_by_key={dg.AssetKey("down"): "h"},
        )
        source = down.to_source_asset()
        return [[spec_shape(spec) for spec in each.specs] for each in (*mapped, renamed)] + [source.key.path]

    assert_same(script)


@covers("AssetsDefinition")
def test_questions_by_key_have_the_same_answers() -> None:
    def script(dg: Any) -> Any:
        @dg.asset(
            group_name="g", tags={"a": "b"}, metadata={"m": 1}, description="d", owners=["team:x"], code_version="1"
        )
        def one(up):
            return 1

        key = dg.AssetKey("one")
        return [
            one.key.path,
            one.group_names_by_key[key],
            dict(one.tags_by_key[key]),
            dict(one.metadata_by_key[key]),
            one.descriptions_by_key[key],
            list(one.owners_by_key[key]),
            one.code_versions_by_key[key],
            keys(one.asset_deps[key]),
            keys(one.dependency_keys),
            list(one.input_names),
            one.op.name,
            one.get_asset_spec().key.path,
            one.get_asset_spec(key).group_name,
            one.partitions_def,
        ]

    assert_same(script)


@covers("AssetsDefinition", "op", "graph")
def test_assets_are_made_of_ops_and_graphs() -> None:
    def script(dg: Any) -> Any:
        @dg.op(out={"x": dg.Out(), "y": dg.Out()})
        def several(up):
            return 1, 2

        @dg.op
        def single(up):
            return 1

        @dg.graph
        def wired(up):
            return single(up)

        made = [
            dg.AssetsDefinition.from_op(single),
            dg.AssetsDefinition.from_op(
                several, keys_by_input_name={"up": dg.AssetKey("u")}, key_prefix="p", group_name="g"
            ),
            dg.AssetsDefinition.from_graph(wired, keys_by_output_name={"result": dg.AssetKey("w")}),
        ]
        return [[spec_shape(spec) for spec in sorted(each.specs, key=lambda spec: spec.key)] for each in made]

    assert_same(script)


@covers("asset", "AssetCheckSpec")
def test_an_asset_can_report_checks_of_its_own() -> None:
    def script(dg: Any) -> Any:
        @dg.asset(
            check_specs=[
                dg.AssetCheckSpec("good", asset="body", blocking=True),
                dg.AssetCheckSpec("fine", asset="body"),
            ]
        )
        def body():
            yield dg.MaterializeResult()

        return [shape(body), list(body.op.outs), list(body.check_specs_by_output_name)]

    assert_same(script)
