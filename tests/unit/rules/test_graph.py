"""The dependency graph: reach, order, circles, what is missing."""

from __future__ import annotations

import pytest

from jobkernel.errors import CircularDependency
from jobkernel.rules.graph import Graph

DIAMOND = {"a": [], "b": ["a"], "c": ["a"], "d": ["b", "c"]}


def test_upstream_and_downstream_reach_as_many_steps_as_asked() -> None:
    graph = Graph.of(DIAMOND)
    assert graph.upstream(["d"]) == {"a", "b", "c"}
    assert graph.upstream(["d"], depth=1) == {"b", "c"}
    assert graph.upstream(["d"], depth=0) == set()
    assert graph.downstream(["a"]) == {"b", "c", "d"}
    assert graph.downstream(["a"], depth=1) == {"b", "c"}


def test_a_key_asked_about_is_in_the_answer_only_if_another_one_reaches_it() -> None:
    graph = Graph.of(DIAMOND)
    assert graph.upstream(["d", "b"]) == {"a", "b", "c"}
    assert graph.downstream(["d"]) == set()


def test_neighbours_keep_the_order_in_which_they_were_written() -> None:
    graph = Graph.of(DIAMOND)
    assert graph.parents("d") == ("b", "c")
    assert graph.children("a") == ("b", "c")
    assert graph.edges() == [("a", "b"), ("a", "c"), ("b", "d"), ("c", "d")]


def test_topological_order_keeps_definition_order_where_it_may() -> None:
    graph = Graph.of({"d": ["c"], "z": [], "c": ["a"], "a": [], "b": []})
    assert graph.topological() == ("z", "a", "c", "d", "b")


def test_layers_follow_the_longest_chain() -> None:
    assert Graph.of({"d": ["a", "c"], "c": ["b"], "b": ["a"], "a": [], "e": []}).layers() == [
        ["a", "e"],
        ["b"],
        ["c"],
        ["d"],
    ]
    assert Graph.of({}).layers() == []


def test_roots_and_sinks_count_edges_through_keys_outside_the_set() -> None:
    graph = Graph.of({"a": [], "b": ["a"], "c": ["b"]})
    assert graph.roots(["a", "c"]) == {"a"}
    assert graph.sinks(["a", "c"]) == {"c"}
    assert graph.roots([]) == set()


def test_a_circle_is_an_error_that_lists_its_members_in_order() -> None:
    with pytest.raises(CircularDependency, match=r"circle: a -> c -> b -> a \(each needs the next\)"):
        Graph.of({"a": ["c"], "b": ["a"], "c": ["b"], "d": ["a"]})


def test_a_circle_is_found_from_below_it() -> None:
    with pytest.raises(CircularDependency, match="b -> a -> b"):
        Graph.of({"below": ["x", "b"], "x": [], "a": ["b"], "b": ["a"]})


def test_a_key_that_needs_itself_is_an_error() -> None:
    with pytest.raises(CircularDependency, match="'a' depends on itself"):
        Graph.of({"a": ["a"]})
    with pytest.raises(CircularDependency, match="'a' depends on itself"):
        Graph.of({"a": []}).with_edges("a", ["a"])


def test_what_nothing_defines_is_missing_with_who_needs_it_and_the_nearest_name() -> None:
    graph = Graph.of({"sale": [], "report": ["sales"], "mail": ["sales", "sale"]})
    [missing] = graph.missing
    assert (missing.key, missing.needed_by, missing.nearest) == ("sales", ("report", "mail"), "sale")
    assert str(missing) == "Asset 'report' needs 'sales', which nothing defines. Did you mean 'sale'?"
    assert graph.upstream(["mail"]) == {"sale"}
    assert graph.parents("mail") == ("sale",)
    assert "sales" not in graph
    assert graph.topological() == ("sale", "report", "mail")


def test_redefining_gives_the_same_graph_as_building_it_anew() -> None:
    graph = Graph.of(DIAMOND).with_edges("c", ["b"]).with_edges("e", ["d", "gone"])
    anew = Graph.of({"a": [], "b": ["a"], "c": ["b"], "d": ["b", "c"], "e": ["d", "gone"]})
    assert graph.topological() == anew.topological()
    assert {key: set(graph.children(key)) for key in graph.keys} == {key: set(anew.children(key)) for key in anew.keys}
    assert graph.missing == anew.missing


def test_redefining_leaves_the_graph_it_started_from_alone() -> None:
    graph = Graph.of(DIAMOND)
    graph.with_edges("d", [])
    assert graph.parents("d") == ("b", "c")


def test_a_missing_key_that_is_defined_later_gets_its_edges() -> None:
    graph = Graph.of({"report": ["sales"]}).with_edges("sales", [])
    assert graph.missing == ()
    assert graph.upstream(["report"]) == {"sales"}
    assert graph.topological() == ("sales", "report")


def test_a_missing_key_that_is_no_longer_needed_is_forgotten() -> None:
    assert Graph.of({"report": ["sales"]}).with_edges("report", []).missing == ()


def test_redefining_into_a_circle_is_an_error() -> None:
    with pytest.raises(CircularDependency, match="a -> d -> b -> a"):
        Graph.of(DIAMOND).with_edges("a", ["d"])


def test_removing_a_key_makes_it_missing_for_those_who_need_it() -> None:
    graph = Graph.of(DIAMOND).without("a")
    assert graph.keys == ("b", "c", "d")
    assert [missing.key for missing in graph.missing] == ["a"]
    assert Graph.of(DIAMOND).without("d").missing == ()


def test_a_chain_of_ten_thousand_is_walked_without_recursion() -> None:
    names = [f"n{index}" for index in range(10_000)]
    edges = {name: names[index - 1 : index] for index, name in enumerate(names)}
    graph = Graph.of(dict(reversed(list(edges.items()))))
    assert len(graph.upstream([names[-1]])) == 9_999
    assert graph.topological() == tuple(names)
    with pytest.raises(CircularDependency):
        graph.with_edges(names[0], [names[-1]])
