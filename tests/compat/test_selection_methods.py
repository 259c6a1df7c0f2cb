"""The constructors, operators and methods of AssetSelection mean what they mean in real Dagster."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import Any

import dagster as dg
import pytest
from selection_fixture import family, universe_of

from jobkernel.errors import InvalidSelection, InvalidSubset
from jobkernel.model.keys import AssetKey
from jobkernel.rules.selection import AssetSelection
from jobkernel.rules.universe import Universe

pytestmark = [pytest.mark.compat, pytest.mark.filterwarnings("ignore::Warning")]


@cache
def both() -> tuple[object, Universe]:
    @dg.multi_asset(specs=[dg.AssetSpec("r2d2"), dg.AssetSpec("walle"), dg.AssetSpec("rosie", deps=["alice"])])
    def robots():
        return None

    @dg.multi_asset(specs=[dg.AssetSpec("zorg", skippable=True), dg.AssetSpec("zim")], can_subset=True)
    def invaders():
        return None

    return universe_of([*family(), robots, invaders])


MADE: dict[str, Callable[[Any], Any]] = {
    "all": lambda s: s.all(),
    "all with sources": lambda s: s.all(include_sources=True),
    "assets": lambda s: s.assets("alice", "animals/zebra", ["celestial", "earth"]),
    "keys": lambda s: s.keys("alice", ["animals", "zebra"]),
    "no assets": lambda s: s.assets(),
    "groups": lambda s: s.groups("ladies", "gentlemen"),
    "no groups": lambda s: s.groups(),
    "external group": lambda s: s.groups("planets"),
    "external group with sources": lambda s: s.groups("planets", include_sources=True),
    "tag": lambda s: s.tag("foo", "bar"),
    "tag with sources": lambda s: s.tag("foo", "bar", include_sources=True),
    "tag string": lambda s: s.tag_string("foo=baz"),
    "tag string without value": lambda s: s.tag_string("empty"),
    "kind as a tag": lambda s: s.tag("dagster/kind/python", ""),
    "owner": lambda s: s.owner("team:billing"),
    "kind": lambda s: s.kind("sql"),
    "kind none": lambda s: s.kind(None),
    "prefix": lambda s: s.key_prefixes("animals", "celestial"),
    "prefix with sources": lambda s: s.key_prefixes(["celestial"], include_sources=True),
    "whole key as prefix": lambda s: s.key_prefixes("alice", "ali"),
    "substring": lambda s: s.key_substring("a"),
    "substring over parts": lambda s: s.key_substring("s/z"),
    "union": lambda s: s.assets("alice") | s.groups("gentlemen"),
    "intersection": lambda s: s.groups("ladies") & s.assets("alice").downstream(),
    "difference": lambda s: s.all() - s.groups("ladies"),
    "upstream": lambda s: s.assets("george").upstream(),
    "upstream one": lambda s: s.assets("george").upstream(depth=1),
    "upstream none": lambda s: s.assets("george").upstream(depth=0),
    "upstream of a group without it": lambda s: s.groups("ladies").upstream(include_self=False),
    "upstream of external": lambda s: s.assets("celestial/earth").upstream(),
    "downstream": lambda s: s.assets("candace").downstream(),
    "downstream without it": lambda s: s.groups("ladies").downstream(depth=1, include_self=False),
    "downstream of external": lambda s: s.assets("celestial/earth").downstream(depth=1),
    "sinks": lambda s: s.groups("ladies").sinks(),
    "roots": lambda s: s.groups("gentlemen").roots(),
    "roots over the outside": lambda s: s.assets("alice", "danny", "george").roots(),
    "sources": lambda s: s.groups("gentlemen").sources(),
    "materializable": lambda s: s.all(include_sources=True).materializable(),
    "neighbours": lambda s: s.assets("rosie").required_multi_asset_neighbors(),
    "neighbours of a subsettable one": lambda s: s.assets("zorg").required_multi_asset_neighbors(),
    "external parents": lambda s: s.assets("george").upstream_source_assets(),
    "external parents of none": lambda s: s.assets("zorg").upstream_source_assets(),
    "nothing upstream": lambda s: s.groups("no such").upstream(),
    "list of texts": lambda s: s.from_coercible(["alice", "bob+"]),
    "tuple of texts": lambda s: s.from_coercible(("alice", "group:gentlemen")),
    "a selection": lambda s: s.from_coercible(s.groups("ladies")),
    "checks only": lambda s: s.all_asset_checks(),
    "without checks": lambda s: s.groups("ladies").without_checks(),
}


@pytest.mark.parametrize("name", MADE)
def test_a_selection_made_in_python_selects_the_same_assets(name: str) -> None:
    asset_graph, universe = both()
    theirs = MADE[name](dg.AssetSelection).resolve(asset_graph)
    assert MADE[name](AssetSelection).resolve(universe) == {key.to_user_string() for key in theirs}


WRITTEN_BETTER = {"no assets"}


@pytest.mark.parametrize("name", sorted(MADE.keys() - WRITTEN_BETTER))
def test_a_selection_made_in_python_is_written_the_same(name: str) -> None:
    assert written(MADE[name](AssetSelection)) == written(MADE[name](dg.AssetSelection))


def written(selection: Any) -> str:
    try:
        return selection.to_selection_str()
    except NotImplementedError:
        return "cannot be written"


@pytest.mark.parametrize(
    "given",
    [[], None, 3, {"alice"}, ["alice", dg.AssetKey("bob")], [3], "nothing but words"],
)
def test_what_dagster_refuses_as_a_selection_is_refused(given: Any) -> None:
    with pytest.raises(Exception):  # noqa: B017 - Dagster raises several kinds here
        dg.AssetSelection.from_coercible(given)
    with pytest.raises(InvalidSelection):
        AssetSelection.from_coercible(given)


def test_keys_and_definitions_select_their_assets() -> None:
    class Definition:
        keys = (AssetKey("alice"), AssetKey(["animals", "zebra"]))

    class OneAsset:
        key = AssetKey("bob")

    _, universe = both()
    expected = {"alice", "animals/zebra", "bob"}
    assert AssetSelection.from_coercible([Definition(), OneAsset()]).resolve(universe) == expected
    assert AssetSelection.assets(Definition(), AssetKey("bob")).resolve(universe) == expected
    assert AssetSelection.from_coercible([AssetKey("bob")]).resolve(universe) == {"bob"}


def test_checks_follow_their_assets_or_are_named() -> None:
    @dg.asset_check(asset="alice")
    def tidy():
        return dg.AssetCheckResult(passed=True)

    @dg.asset_check(asset="bob")
    def full():
        return dg.AssetCheckResult(passed=True)

    class NamedCheck:
        asset_key = AssetKey("bob")
        name = "full"

    asset_graph = dg.Definitions(assets=family(), asset_checks=[tidy, full]).resolve_asset_graph()
    _, plain = universe_of(family())
    facts = dict(plain.facts)
    facts["alice"] = replace(facts["alice"], checks=["tidy"])
    facts["bob"] = replace(facts["bob"], checks=["full"])
    universe = Universe(plain.graph, facts)
    made: list[Callable[[Any, Any], Any]] = [
        lambda s, _: s.groups("ladies"),
        lambda s, _: s.all(),
        lambda s, _: s.all_asset_checks(),
        lambda s, _: s.groups("ladies").without_checks(),
        lambda s, _: s.checks_for_assets("alice", "george"),
        lambda s, check: s.checks(check),
        lambda s, check: s.assets("george") | s.checks(check),
        lambda s, check: s.all() - s.checks(check),
        lambda s, _: s.assets("alice").downstream() & s.all_asset_checks(),
    ]
    for make in made:
        theirs = make(dg.AssetSelection, full).resolve_checks(asset_graph)
        ours = make(AssetSelection, NamedCheck()).resolve_checks(universe)
        assert ours == {(check.asset_key.to_user_string(), check.name) for check in theirs}
        theirs_keys = make(dg.AssetSelection, full).resolve(asset_graph)
        assert make(AssetSelection, NamedCheck()).resolve(universe) == {key.to_user_string() for key in theirs_keys}


def test_an_unknown_check_is_refused() -> None:
    class Gone:
        asset_key = AssetKey("alice")
        name = "gone"

    with pytest.raises(InvalidSubset, match="'gone' of asset 'alice'"):
        AssetSelection.checks(Gone()).resolve_checks(both()[1])


def test_wrong_arguments_are_refused() -> None:
    for wrong in (lambda s: s.groups(3), lambda s: s.assets("a").upstream(depth="x")):
        with pytest.raises(Exception):  # noqa: B017 - Dagster raises several kinds here
            wrong(dg.AssetSelection)
        with pytest.raises(TypeError):
            wrong(AssetSelection)
    with pytest.raises(TypeError):
        AssetSelection.all() | "text"
