"""The graph agrees with what its edges say, worked out the slow way; changed step by step it stays the same graph."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobkernel.errors import CircularDependency
from jobkernel.rules.graph import Graph

CALM = settings(max_examples=150, deadline=None, derandomize=True, database=None)
KEYS = [f"k{number}" for number in range(9)]
Edges = dict[str, list[str]]


@st.composite
def acyclic(draw: st.DrawFn) -> Edges:
    order = draw(st.permutations(KEYS))
    above = {key: draw(st.lists(st.sampled_from([*order[:at], "gone"]), max_size=3)) for at, key in enumerate(order)}
    return {key: above[key] for key in draw(st.permutations(KEYS))}


def slow_upstream(edges: Edges, keys: set[str], depth: int) -> set[str]:
    reached: set[str] = set()
    for _ in range(depth):
        reached |= {parent for key in keys | reached for parent in edges[key] if parent in edges}
    return reached


@CALM
@given(acyclic(), st.sets(st.sampled_from(KEYS)), st.integers(0, 4))
def test_reach_is_what_the_edges_say(edges: Edges, keys: set[str], depth: int) -> None:
    graph = Graph.of(edges)
    assert graph.upstream(keys, depth) == slow_upstream(edges, keys, depth)
    assert graph.upstream(keys) == slow_upstream(edges, keys, len(KEYS))
    below = {key for key in KEYS if keys & slow_upstream(edges, {key}, depth)}
    assert graph.downstream(keys, depth) == below
    assert graph.roots(keys) == {key for key in keys if not keys & graph.upstream([key])}
    assert graph.sinks(keys) == {key for key in keys if not keys & graph.downstream([key])}


@CALM
@given(acyclic())
def test_order_and_layers_put_each_key_after_what_it_needs(edges: Edges) -> None:
    graph = Graph.of(edges)
    place = {key: at for at, key in enumerate(graph.topological())}
    layer = {key: at for at, keys in enumerate(graph.layers()) for key in keys}
    assert place.keys() == layer.keys() == set(KEYS)
    for parent, key in graph.edges():
        assert place[parent] < place[key]
        assert layer[parent] < layer[key]


@CALM
@given(acyclic(), st.lists(st.tuples(st.sampled_from(KEYS), st.lists(st.sampled_from([*KEYS, "gone"]), max_size=3))))
def test_a_graph_changed_step_by_step_is_the_graph_built_at_once(
    edges: Edges, changes: list[tuple[str, list[str]]]
) -> None:
    graph, now = Graph.of(edges), dict(edges)
    for key, upstream in changes:
        changed = {**now, key: upstream}
        try:
            anew = Graph.of(changed)
        except CircularDependency:
            with pytest.raises(CircularDependency):
                graph.with_edges(key, upstream)
            continue
        graph, now = graph.with_edges(key, upstream), changed
        assert graph.topological() == anew.topological()
        assert {one.key for one in graph.missing} == {one.key for one in anew.missing}
        assert {one: set(graph.children(one)) for one in KEYS} == {one: set(anew.children(one)) for one in KEYS}
