"""The graph as columns: what a screen is sent, and that its rows are all there."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import jobkernel as jk
from jobkernel.engine.entries import Entry
from jobkernel.engine.opening import test_session as a_session
from jobkernel.notebook.graph_view import GraphQuery, GraphViews
from jobkernel.notebook.packed_graph import column, numbers, rows_of, values_of
from jobkernel.notebook.picture import text_of
from jobkernel.rules.layout import layout

TEXTS = st.lists(st.sampled_from(["", "a", "b", "c"]), max_size=40)
ANY = st.one_of(TEXTS, st.lists(st.integers(), max_size=40), st.lists(st.booleans(), max_size=40), st.lists(st.text()))


@given(ANY)
def test_a_column_holds_what_was_put_in(values: list[Any]) -> None:
    assert values_of(json.loads(json.dumps(column(values))), len(values)) == values


@given(st.lists(st.integers(-(2**31), 2**31 - 1), max_size=40))
def test_whole_numbers_come_back(values: list[int]) -> None:
    assert values_of(json.loads(json.dumps(numbers(values))), len(values)) == values


def test_whole_numbers_take_16_bits_where_they_fit() -> None:
    assert numbers([1, -1]) == {"i16": "AQD//w=="}
    assert numbers([1, 2**15]) == {"i32": "AQAAAACAAAA="}
    assert numbers([7, 7]) == {"most": 7, "but": {}}


@pytest.mark.parametrize(
    ("values", "packed"),
    [
        (["a"] * 9, {"most": "a", "but": {}}),
        (["a"] * 15 + ["b"], {"most": "a", "but": {"15": "b"}}),
        (["a", "b"] * 4, {"words": ["a", "b"], "at": [0, 1] * 4}),
        ([1, 2, 3], [1, 2, 3]),
    ],
)
def test_a_column_takes_the_shortest_form(values: list[Any], packed: Any) -> None:
    assert column(values) == packed


def a_view(*definitions: Any, **query: Any) -> dict[str, Any]:
    session = a_session()
    for each in definitions:
        session.define(Entry(kind="asset", name=each.record.specs[0].key, record=each.record))
    view = GraphViews(session).view(GraphQuery(**query))
    session.close()
    return rows_of(json.loads(json.dumps(view)))


def an_asset(key: list[str], deps: list[Any] = [], group: str = "g") -> Any:  # noqa: B006 - never changed
    return jk.asset(key=key, deps=deps, group_name=group)(lambda: None)


def test_rows_stand_where_the_layout_puts_them() -> None:
    rows = a_view(an_asset(["a"]), an_asset(["s", "b"], ["a"]), an_asset(["c"], ["a", ["s", "b"]]))
    found = layout(3, [(0, 1), (0, 2), (1, 2)])
    assert [(node["key"], node["label"], node["x"], node["y"]) for node in rows["nodes"]] == [
        (key, label, node.x, node.y)
        for key, label, node in zip(("a", "s/b", "c"), ("a", "b", "c"), found.nodes, strict=True)
    ]
    assert [(edge["from"], edge["to"], edge["names"], edge["points"]) for edge in rows["edges"]] == [
        (route.start, route.end, [name], list(route.points))
        for name, route in zip(("a", "a", "b"), found.edges, strict=True)
    ]
    assert {edge["inferred"] for edge in rows["edges"]} == {False}


def test_nodes_are_called_by_the_shortest_ending_that_no_other_has() -> None:
    rows = a_view(an_asset(["raw", "b"]), an_asset(["clean", "b"], [["raw", "b"]]), an_asset(["clean", "c"]))
    assert {node["key"]: node["label"] for node in rows["nodes"]} == {
        "raw/b": "raw/b", "clean/b": "clean/b", "clean/c": "c",
    }  # fmt: skip
    assert "raw/b" in text_of(rows, {})
    assert [edge["names"] for edge in rows["edges"]] == [["raw/b"]]


def test_a_collapsed_group_names_its_members_and_what_leaves_it() -> None:
    rows = a_view(
        an_asset(["a"], group="one"), an_asset(["b"], group="one"), an_asset(["c"], ["a", "b"]), collapsed=("one",)
    )
    pile = rows["nodes"][0]
    assert (pile["key"], pile["type"], pile["label"], pile["members"]) == ("group:one", "group", "one", 2)
    assert pile["member_keys"] == ["a", "b"]
    assert [(edge["from"], edge["to"], edge["names"]) for edge in rows["edges"]] == [(0, 1, ["a", "b"])]


def test_an_empty_graph_has_no_rows() -> None:
    rows = a_view()
    assert (rows["nodes"], rows["edges"], rows["groups"]) == ([], [], [])
