"""Every asset selection of the reference tables means the same here and in real Dagster."""

from __future__ import annotations

import re
from functools import cache

import dagster as dg
import pytest
from selection_fixture import family, universe_of

from jobkernel.errors import InvalidSelection, InvalidSubset
from jobkernel.rules.selection import AssetSelection
from jobkernel.rules.universe import Universe

# Dagster turns a warning that is an error into a refusal of the text.
pytestmark = [pytest.mark.compat, pytest.mark.filterwarnings("ignore::Warning")]


@cache
def both() -> tuple[object, Universe]:
    return universe_of(family())


ALL8 = "alice bob candace danny edgar fiona george animals/zebra"
SELECTED = {
    "*": ALL8,
    "key:alice": "alice",
    "key:candace+1": "candace danny",
    "+key:george": "alice bob candace danny fiona george",
    "2+key:george": "alice bob danny fiona george",
    "1+key:danny+1": "candace danny edgar fiona",
    "key:candace+ and +key:george": "candace danny fiona george",
    "(key:alice or key:bob)+1": "alice bob candace george",
    'group:"lad*"': "alice candace fiona",
    "group:planets": "",
    "group:ladies and not key:alice": "candace fiona",
    "key:alice or key:bob and key:bob": "alice bob",
    "not key:alice or key:alice": ALL8,
    "sinks(*)": "animals/zebra edgar george",
    "sinks(group:ladies)": "fiona",
    "roots(group:ladies)": "alice",
    "sinks(group:gentlemen)": "edgar george",
    "roots(+key:george)": "alice",
    "1+sinks(group:ladies)": "danny fiona",
    "+key:alice": "alice",
    "key:*e": "alice candace george",
    "key:zebra": "",
    "key:nope": "",
    "tag:foo": "",
    "tag:empty": "danny",
    "tag:foo=bar": "alice",
    "tag:foo=qux": "",
    'owner:"team:billing"': "alice",
    'owner:"a@b.com"': "animals/zebra",
    "kind:python": "bob",
    "kind:dbt": "candace",
    "kind:<null>": "alice danny edgar fiona george animals/zebra",
    "owner:<null>": "",
    "group:<null>": "",
    "is:external": "celestial/earth",
    "is:materializable": ALL8,
    "partitions:static": "bob",
    "partitions:time": "fiona",
    "partitions:none": "alice candace danny edgar george animals/zebra celestial/earth",
    "+george": "bob fiona george",
    "++george": "alice bob danny fiona george",
    "*george": "alice bob candace danny fiona george",
    "candace*": "candace danny edgar fiona george",
    "*danny+": "alice candace danny edgar fiona",
    "bob": "bob",
    " bob ": "bob",
    "animals/zebra": "animals/zebra",
    "tag:foo=ba-r": "",
}


@pytest.mark.parametrize("text", SELECTED)
@pytest.mark.parametrize("include_sources", [False, True])
def test_a_text_selects_what_dagster_selects(text: str, include_sources: bool) -> None:
    asset_graph, universe = both()
    theirs = dg.AssetSelection.from_string(text, include_sources=include_sources).resolve(asset_graph)
    ours = AssetSelection.from_string(text, include_sources=include_sources).resolve(universe)
    assert ours == {key.to_user_string() for key in theirs}


@pytest.mark.parametrize("text", SELECTED)
def test_a_text_selects_what_the_table_says(text: str) -> None:
    assert AssetSelection.from_string(text).resolve(both()[1]) == set(SELECTED[text].split())


REFUSED = ["", " ", "group:", "KEY:alice", "key:alice,key:bob", "+not key:a", "is:virtual", "**", "key:*", "key:job"]
REFUSED += ["key:a-b", "key:a.b", "key:1a", "key:123", "tank+1", "2+mix", "x or notice", "group:ladies*", "sinks()"]
REFUSED += ["key:a key:b", "key:a or", "(key:a", "key:a)", "+*", "*+", "key:<null>", "is:<null>", "group:tag", "'a'"]
REFUSED += ['key:"a\\b"', "sinks key:a", "key:a++", "1key:a", "tag:a=b=c", "and key:a", "kind:tag=x", "key:a + 1 1"]


@pytest.mark.parametrize("text", REFUSED)
def test_a_text_that_dagster_refuses_is_refused_with_the_place_and_the_text(text: str) -> None:
    with pytest.raises(Exception):  # noqa: B017 - Dagster raises several kinds here
        dg.AssetSelection.from_string(text)
    with pytest.raises(InvalidSelection, match=re.escape(text.removeprefix("tag:")) or "^"):
        AssetSelection.from_string(text)


PRINTED = {
    "key:a or key:b and key:c": 'key:"a" or (key:"b" and key:"c")',
    "not key:a and key:b": '(not key:"a") and key:"b"',
    "not key:a+": 'not key:"a"+',
    "(not key:a)+": '(not key:"a")+',
    "roots(sinks(*))": "roots(sinks(*))",
    "* and key:a": '* and key:"a"',
    "  key:a\n or key:b\t": 'key:"a" or key:"b"',
    "key:a or (key:b or key:c)": 'key:"a" or key:"b" or key:"c"',
    "2+key:a+3": '2+key:"a" or key:"a"+3',
    "0+key:a": 'key:"a"',
    'tag:"k"="v"': 'tag:"k"="v"',
    "tag:k": 'tag:"k"',
    "kind:<null>": "kind:<null>",
    "group:<null>": "group:<null>",
    "is:external": "is:external",
    "owner:me": 'owner:"me"',
    "partitions:static": 'partitions:"static"',
    "status:FAILED": 'status:"FAILED"',
    "code_location:here": 'code_location:"here"',
    "column_tag:a=b": 'column_tag:"a"="b"',
    "column:c": 'column:"c"',
    "job:schedule": 'job:"schedule"',
    "+a": '1+key:"a"',
}


@pytest.mark.parametrize("text", PRINTED)
def test_a_selection_is_written_back_as_dagster_writes_it(text: str) -> None:
    assert AssetSelection.from_string(text).to_selection_str() == PRINTED[text]
    assert dg.AssetSelection.from_string(text).to_selection_str() == PRINTED[text]
    assert str(AssetSelection.from_string(text)) == PRINTED[text]


@pytest.mark.parametrize("text", ["status:FAILED", "column:c", "code_location:x", "sensor:s", "job:j", "table_name:t"])
def test_what_only_dagsters_interface_can_answer_is_refused_when_asked(text: str) -> None:
    asset_graph, universe = both()
    with pytest.raises(Exception):  # noqa: B017 - Dagster raises several kinds here
        dg.AssetSelection.from_string(text).resolve(asset_graph)
    with pytest.raises(InvalidSelection):
        AssetSelection.from_string(text).resolve(universe)


@pytest.mark.parametrize("text", ["nope", "+nope", "nope*"])
def test_an_unknown_bare_name_is_refused_when_asked(text: str) -> None:
    asset_graph, universe = both()
    with pytest.raises(dg.DagsterInvalidSubsetError):
        dg.AssetSelection.from_string(text).resolve(asset_graph)
    with pytest.raises(InvalidSubset, match="'nope'"):
        AssetSelection.from_string(text).resolve(universe)
    assert AssetSelection.from_string(text).resolve(universe, allow_missing=True) == set()
