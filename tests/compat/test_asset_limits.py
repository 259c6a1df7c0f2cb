"""Which names, groups, tags and owners assets may have, and which assets are refused, as in Dagster."""

from __future__ import annotations

from typing import Any

import pytest
from harness import assert_refused, assert_same
from symbols import REFUSALS, covers

pytestmark = pytest.mark.compat


@covers("asset")
@pytest.mark.parametrize("name", ["a.b", "bad-name", "1abc", "_x"])
def test_these_asset_names_are_accepted(name: str) -> None:
    def script(dg: Any) -> Any:
        made = dg.asset(name=name, key_prefix="p-q")(lambda: 1)
        return [made.key.path, made.op.name]

    assert_same(script)


@covers("asset")
@pytest.mark.parametrize("group", ["a/b", "1a", "default", None])
def test_these_groups_are_accepted(group: Any) -> None:
    assert_same(lambda dg: list(dg.asset(name="x", group_name=group)(lambda: 1).group_names_by_key.values()))


@covers("asset", "AssetSpec", aspect=REFUSALS)
@pytest.mark.parametrize("group", ["bad-name", "a.b", "", "a//b", "/a", "a/"])
def test_bad_groups_are_refused(group: str) -> None:
    assert_refused(lambda dg: dg.asset(name="x", group_name=group)(lambda: 1))
    assert_refused(lambda dg: dg.AssetSpec("x", group_name=group))


GOOD_TAGS = [
    {"k" * 63: ""},
    {"a/b": "v"},
    {"a": "x" * 63},
    {"a_b-c.d": "e.f-g_h"},
    {"dagster/priority": "1"},
    {"dagster/foo": "1"},
]
BAD_TAGS = [
    {"a b": "v"},
    {"a/b/c": "v"},
    {"k" * 64: "v"},
    {"a": "x y"},
    {"a": "x" * 64},
    {"a": 1},
    {"": "v"},
    {"/a": "v"},
    {1: "v"},
]


@covers("asset", "AssetSpec")
@pytest.mark.parametrize("tags", GOOD_TAGS, ids=str)
def test_these_asset_tags_are_accepted(tags: Any) -> None:
    assert_same(lambda dg: list(dg.asset(name="x", tags=tags)(lambda: 1).tags_by_key.values()))


@covers("asset", "AssetSpec", aspect=REFUSALS)
@pytest.mark.parametrize("tags", BAD_TAGS, ids=str)
def test_bad_asset_tags_are_refused(tags: Any) -> None:
    assert_refused(lambda dg: dg.asset(name="x", tags=tags)(lambda: 1))
    assert_refused(lambda dg: dg.AssetSpec("x", tags=tags))


@covers("asset", "AssetSpec", aspect=REFUSALS)
@pytest.mark.parametrize("owner", ["", "nobody", "team:", "a@b", "team", 3])
def test_bad_owners_are_refused(owner: Any) -> None:
    assert_refused(lambda dg: dg.AssetSpec("x", owners=[owner]))


REFUSED: dict[str, Any] = {
    "reserved name": lambda dg: dg.asset(name="context")(lambda: 1),
    "blank in the name": lambda dg: dg.asset(name="a b")(lambda: 1),
    "key and name": lambda dg: dg.asset(key="k", name="n")(lambda: 1),
    "key and prefix": lambda dg: dg.asset(key="k", key_prefix="n")(lambda: 1),
    "unknown input": lambda dg: dg.asset(ins={"z": dg.AssetIn()})(lambda: 1),
    "an asset by two parameters": lambda dg: dg.asset(ins={"y": dg.AssetIn("x")})(lambda x, y: 1),
    "input and dep that differ": lambda dg: dg.asset(ins={"x": dg.AssetIn(metadata={"m": 1})}, deps=["x"])(lambda x: 1),
    "eleven kinds": lambda dg: dg.AssetSpec("x", kinds={f"k{i}" for i in range(11)}),
    "a key that is none": lambda dg: dg.asset(key=3)(lambda: 1),
    "a dep that is none": lambda dg: dg.asset(deps=[3])(lambda: 1),
    "several assets in AssetDep": lambda dg: dg.AssetDep(
        dg.multi_asset(specs=[dg.AssetSpec("a"), dg.AssetSpec("b")])(lambda: None)
    ),
    "AssetIn with key and prefix": lambda dg: dg.AssetIn(key="a", key_prefix="b"),
    "AssetOut with key and prefix": lambda dg: dg.AssetOut(key="a", key_prefix="b"),
    "a check of another asset": lambda dg: dg.asset(name="x", check_specs=[dg.AssetCheckSpec("c", asset="y")])(
        lambda: 1
    ),
    "a check twice": lambda dg: dg.asset(
        name="x", check_specs=[dg.AssetCheckSpec("c", asset="x"), dg.AssetCheckSpec("c", asset="x")]
    )(lambda: 1),
    "an unknown argument": lambda dg: dg.asset(nonsense=1)(lambda: 1),
    "an unknown argument of a spec": lambda dg: dg.AssetSpec("x", nonsense=1),
    "the key of several": lambda dg: dg.multi_asset(specs=[dg.AssetSpec("a"), dg.AssetSpec("b")])(lambda: None).key,
    "a spec it has not": lambda dg: dg.asset(name="x")(lambda: 1).get_asset_spec("y"),
    "metadata that is no mapping": lambda dg: dg.asset(name="x", metadata=[1])(lambda: 1),
    "its own dep": lambda dg: dg.AssetsDefinition(specs=[dg.AssetSpec("x", deps=["x"])]),
    "its own parameter": lambda dg: dg.asset(name="x")(lambda x: 1),
    "a slash in a dep": lambda dg: dg.asset(name="x", deps=["a/b"])(lambda: 1),
    "mapping a key away": lambda dg: dg.asset(name="x")(lambda: 1).map_asset_specs(
        lambda spec: spec.replace_attributes(key="y")
    ),
    "mapping to what is no spec": lambda dg: dg.map_asset_specs(lambda spec: 3, [dg.asset(name="x")(lambda: 1)]),
    "compute_kind and kinds": lambda dg: dg.asset(name="x", compute_kind="a", kinds={"b"})(lambda: 1),
    "a varargs function": lambda dg: dg.asset(name="x")(lambda *a: 1),
}


@covers("asset", "AssetSpec", "AssetIn", "AssetOut", "AssetDep", "AssetCheckSpec", "AssetsDefinition", aspect=REFUSALS)
@pytest.mark.parametrize("case", REFUSED)
def test_assets_that_make_no_sense_are_refused(case: str) -> None:
    assert_refused(REFUSED[case])
