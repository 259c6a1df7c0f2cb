"""What a picture shows: collapsed groups, a neighbourhood, a selection."""

from __future__ import annotations

from jobkernel.rules.drawing import DrawnEdge, DrawnNode, what_to_draw
from jobkernel.rules.graph import Graph

EDGES = {"raw": [], "planes": [], "clean": ["raw", "planes"], "report": ["clean"], "mail": ["report", "clean"]}
GROUPS = {"raw": "ingest", "planes": "ingest", "clean": "prepare", "report": "publish", "mail": "publish"}
GRAPH = Graph.of(EDGES)


def names(drawn: object) -> list[str]:
    return [node.name for node in drawn.nodes]  # type: ignore[attr-defined]


def test_without_wishes_everything_is_drawn() -> None:
    drawn = what_to_draw(GRAPH, GROUPS)
    assert names(drawn) == ["raw", "planes", "clean", "report", "mail"]
    assert drawn.nodes[0] == DrawnNode(name="raw", members=("raw",), group="ingest", is_group=False)
    assert [(edge.start, edge.end) for edge in drawn.edges] == [(0, 2), (1, 2), (2, 3), (3, 4), (2, 4)]
    assert (drawn.hidden, drawn.divided) == (0, ())


def test_a_collapsed_group_is_one_card_and_its_arrows_are_merged() -> None:
    drawn = what_to_draw(GRAPH, GROUPS, collapsed=["ingest", "publish"])
    assert names(drawn) == ["ingest", "clean", "publish"]
    assert drawn.nodes[0] == DrawnNode(name="ingest", members=("raw", "planes"), group="ingest", is_group=True)
    assert drawn.edges == (
        DrawnEdge(start=0, end=1, pairs=(("raw", "clean"), ("planes", "clean"))),
        DrawnEdge(start=1, end=2, pairs=(("clean", "report"), ("clean", "mail"))),
    )


def test_a_group_that_would_stand_in_a_circle_is_divided() -> None:
    graph = Graph.of({"a1": [], "x": ["a1"], "a2": ["x"], "a3": ["a2"], "z": ["a3"]})
    groups = {"a1": "a", "a2": "a", "a3": "a", "x": "b", "z": "b"}
    drawn = what_to_draw(graph, groups, collapsed=["a"])
    assert names(drawn) == ["a (1 of 2)", "x", "a (2 of 2)", "z"]
    assert drawn.nodes[2].members == ("a2", "a3")
    assert drawn.divided == ("a",)


def test_two_collapsed_groups_that_feed_each_other_have_no_circle() -> None:
    graph = Graph.of({"a1": [], "b1": ["a1"], "b2": [], "a2": ["b2"]})
    drawn = what_to_draw(graph, {"a1": "a", "a2": "a", "b1": "b", "b2": "b"}, collapsed=["a", "b"])
    assert all(edge.start != edge.end for edge in drawn.edges)
    assert names(drawn) == ["a (1 of 2)", "b", "a (2 of 2)"]


def test_a_focus_keeps_its_neighbourhood() -> None:
    drawn = what_to_draw(GRAPH, GROUPS, focus="clean", depth=1)
    assert names(drawn) == ["raw", "planes", "clean", "report", "mail"]
    drawn = what_to_draw(GRAPH, GROUPS, focus="raw", depth=1)
    assert names(drawn) == ["raw", "clean"]
    assert drawn.hidden == 3


def test_a_selection_keeps_its_keys_and_the_arrows_between_them() -> None:
    drawn = what_to_draw(GRAPH, GROUPS, only=["raw", "clean", "mail", "unknown"])
    assert names(drawn) == ["raw", "clean", "mail"]
    assert [(edge.start, edge.end) for edge in drawn.edges] == [(0, 1), (1, 2)]
    assert drawn.hidden == 2


def test_a_collapsed_group_counts_only_the_members_that_are_shown() -> None:
    drawn = what_to_draw(GRAPH, GROUPS, only=["raw", "clean"], collapsed=["ingest"])
    assert drawn.nodes[0].members == ("raw",)


def test_an_empty_graph_is_an_empty_picture() -> None:
    drawn = what_to_draw(Graph.of({}), {})
    assert (drawn.nodes, drawn.edges, drawn.hidden) == ((), (), 0)
