"""On random graphs, random selection texts are accepted, resolved and written as real Dagster does."""

from __future__ import annotations

import dagster as dg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from selection_fixture import universe_of

from jobkernel.errors import InvalidSelection
from jobkernel.rules.selection import AssetSelection
from jobkernel.rules.universe import Universe

pytestmark = [pytest.mark.compat, pytest.mark.filterwarnings("ignore::Warning")]

NAMES = ["a", "b", "c", "d", "e", "f/g", "f/h", "ext"]


def examples(count: int) -> settings:
    return settings(
        max_examples=count, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
    )


@st.composite
def projects(draw: st.DrawFn) -> tuple[object, Universe]:
    specs = [dg.AssetSpec("ext", group_name="g1", tags={"k": "v"})]
    made: list[object] = list(specs)
    for index, name in enumerate(NAMES[:-1]):
        deps = draw(st.lists(st.sampled_from([*NAMES[:index], "ext"]), unique=True, max_size=3))
        tags = draw(st.sampled_from([{}, {"k": "v"}, {"k": ""}]))
        group = draw(st.sampled_from(["g1", "g2"]))
        made.append(an_asset(name, deps, tags, group, draw(st.sampled_from([set(), {"sql"}]))))
    return universe_of(made)


def an_asset(name: str, deps: list[str], tags: dict[str, str], group: str, kinds: set[str]) -> object:
    upstream = [dg.AssetKey(key.split("/")) for key in deps]

    @dg.asset(key=name.split("/"), deps=upstream, tags=tags, group_name=group, kinds=kinds)
    def make() -> None:
        return None

    return make


FILTERS = [f"key:{name}" for name in NAMES] + ["key:f*", 'key:"f/*"', "key:x", "group:g1", 'group:"g*"', "group:g3"]
FILTERS += [
    "tag:k",
    "tag:k=v",
    'tag:"k"="v"',
    "kind:sql",
    "kind:<null>",
    "owner:me",
    "is:external",
    "is:materializable",
]
BLANKS = st.sampled_from(["", " ", "\n"])


@st.composite
def reached(draw: st.DrawFn, inner: st.SearchStrategy[str]) -> str:
    up = draw(st.sampled_from(["", "", "+", "1+", "2 +", "0+"]))
    down = draw(st.sampled_from(["", "", "+", "+1", "+ 2", "+0"]))
    return f"{up}{draw(BLANKS)}{draw(inner)}{draw(BLANKS)}{down}"


def larger(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    bracketed = inner.map(lambda text: f"({text})")
    ended = st.tuples(st.sampled_from(["sinks", "roots"]), inner).map(lambda pair: f"{pair[0]}({pair[1]})")
    joined = st.tuples(inner, st.sampled_from([" and ", " or ", " AND "]), inner).map("".join)
    return st.one_of(reached(bracketed), reached(ended), joined, inner.map(lambda text: f"not {text}"))


TEXTS = st.recursive(st.one_of(st.just("*"), reached(st.sampled_from(FILTERS))), larger, max_leaves=6)


@examples(120)
@given(projects(), st.lists(TEXTS, min_size=4, max_size=4), st.booleans())
def test_both_select_the_same(project: tuple[object, Universe], texts: list[str], include_sources: bool) -> None:
    asset_graph, universe = project
    for text in texts:
        theirs = dg.AssetSelection.from_string(text, include_sources=include_sources)
        ours = AssetSelection.from_string(text, include_sources=include_sources)
        assert ours.resolve(universe) == {key.to_user_string() for key in theirs.resolve(asset_graph)}, text


@examples(300)
@given(TEXTS)
def test_a_text_is_written_as_dagster_writes_it_unless_that_would_mean_something_else(text: str) -> None:
    ours = AssetSelection.from_string(text)
    assert AssetSelection.from_string(str(ours)) == AssetSelection.from_string(
        str(AssetSelection.from_string(str(ours)))
    )
    theirs = dg.AssetSelection.from_string(text).to_selection_str()
    if str(ours) != theirs:
        assert str(ours).replace("(", "").replace(")", "") == theirs.replace("(", "").replace(")", "")
        assert "(" in str(ours)


@examples(100)
@given(projects(), TEXTS)
def test_what_is_written_selects_what_was_read(project: tuple[object, Universe], text: str) -> None:
    ours = AssetSelection.from_string(text)
    assert AssetSelection.from_string(str(ours)).resolve(project[1]) == ours.resolve(project[1])


PIECES = [
    "key",
    ":",
    "a",
    "b1",
    "1",
    "23",
    "*",
    "a*",
    '"q"',
    "<null>",
    "+",
    "(",
    ")",
    "=",
    ",",
    " ",
    "and",
    "or",
    "not",
]
PIECES += [
    "tag",
    "group",
    "is",
    "external",
    "sinks",
    "roots",
    "job",
    "status",
    "-",
    ".",
    "kind:x",
    "key:a",
    "key:b",
    "x[",
]


@examples(1500)
@given(st.lists(st.sampled_from(PIECES), max_size=7).map("".join))
def test_both_accept_and_refuse_the_same_texts(text: str) -> None:
    assert accepts(AssetSelection, text) == accepts(dg.AssetSelection, text), text


def accepts(selection: type, text: str) -> str | None:
    """How the text is understood: None where it is refused, else the written form without brackets."""
    try:
        written = str(selection.from_string(text))
    except (InvalidSelection, dg.DagsterError, dg._check.CheckError):
        return None
    return written.replace("(", "").replace(")", "").replace("9223372036854775807", "")
