"""What every layout keeps: layers, gaps, boxes that hold only their own, the same answer each time."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobkernel.errors import CircularDependency
from jobkernel.rules.drawing import Drawn, what_to_draw
from jobkernel.rules.graph import Graph
from jobkernel.rules.layout import CARD, LAYER_GAP, GroupBox, Layout, PlacedNode, layout
from jobkernel.rules.placing import GAP

CALM = settings(max_examples=120, deadline=None, derandomize=True, database=None)
NEARLY = 0.25


@st.composite
def drawings(draw: st.DrawFn) -> tuple[int, list[tuple[int, int]], list[str | None] | None, str]:
    count = draw(st.integers(0, 45))
    ends = st.tuples(st.integers(0, max(count - 1, 0)), st.integers(0, max(count - 1, 0)))
    pairs = draw(st.lists(ends, max_size=70)) if count else []
    edges = sorted({(min(pair), max(pair)) for pair in pairs if pair[0] != pair[1]})
    names = st.sampled_from(["a", "b", "c", "d", None])
    groups = draw(st.none() | st.lists(names, min_size=count, max_size=count))
    return count, edges, groups, draw(st.sampled_from(["LR", "TD"]))


def ways(direction: str, box: PlacedNode | GroupBox) -> tuple[tuple[float, float], tuple[float, float]]:
    """A box's extent across and along the layers."""
    x, y = (box.x, box.x + box.width), (box.y, box.y + box.height)
    return (y, x) if direction == "LR" else (x, y)


def distance(one: PlacedNode | GroupBox, other: PlacedNode | GroupBox) -> float:
    """How far two boxes are apart; negative where they overlap."""
    across = max(one.x - other.x - other.width, other.x - one.x - one.width)
    down = max(one.y - other.y - other.height, other.y - one.y - one.height)
    return max(across, down)


@CALM
@given(drawings())
def test_nodes_keep_their_distance(drawing: tuple[int, list[tuple[int, int]], list[str | None] | None, str]) -> None:
    nodes = layout(*drawing).nodes
    for at, one in enumerate(nodes):
        for other in nodes[at + 1 :]:
            assert distance(one, other) >= GAP - NEARLY


@CALM
@given(drawings())
def test_edges_run_forward_over_at_least_the_layer_gap(
    drawing: tuple[int, list[tuple[int, int]], list[str | None] | None, str],
) -> None:
    found = layout(*drawing)
    for edge in found.edges:
        start, end = found.nodes[edge.start], found.nodes[edge.end]
        assert end.layer > start.layer
        assert ways(drawing[3], end)[1][0] - ways(drawing[3], start)[1][1] >= LAYER_GAP - NEARLY
        along = [point[0] if drawing[3] == "LR" else point[1] for point in edge.points]
        assert along == sorted(along)
        assert on_side(edge.points[0], start)
        assert on_side(edge.points[-1], end)


def on_side(point: tuple[float, float], box: PlacedNode) -> bool:
    within = box.x - NEARLY <= point[0] <= box.x + box.width + NEARLY
    return within and box.y - NEARLY <= point[1] <= box.y + box.height + NEARLY


@CALM
@given(drawings())
def test_a_group_box_holds_its_members_and_nothing_else(
    drawing: tuple[int, list[tuple[int, int]], list[str | None] | None, str],
) -> None:
    found = layout(*drawing)
    groups = drawing[2] or []
    assert [box.name for box in found.groups] == list(dict.fromkeys(name for name in groups if name is not None))
    for box in found.groups:
        for node, name in zip(found.nodes, groups, strict=True):
            assert (distance(box, node) < 0) == (name == box.name)
        members = [node for node, name in zip(found.nodes, groups, strict=True) if name == box.name]
        assert min(node.y for node in members) - box.y >= 28 - NEARLY
        assert all(box.x < node.x and node.x + node.width < box.x + box.width for node in members)
        assert all(distance(box, other) >= 0 for other in found.groups if other is not box)


@CALM
@given(drawings())
def test_everything_is_inside_the_picture_and_the_answer_is_always_the_same(
    drawing: tuple[int, list[tuple[int, int]], list[str | None] | None, str],
) -> None:
    found: Layout = layout(*drawing)
    assert found == layout(*drawing)
    for box in [*found.nodes, *found.groups]:
        assert box.x >= 0 <= box.y
        assert box.x + box.width <= found.width
        assert box.y + box.height <= found.height
    for edge in found.edges:
        assert all(0 <= x <= found.width and 0 <= y <= found.height for x, y in edge.points)
    for layer in {node.layer for node in found.nodes}:
        indexes = sorted(node.index for node in found.nodes if node.layer == layer)
        assert indexes == list(range(len(indexes)))


@CALM
@given(st.integers(2, 12), st.data())
def test_a_circle_is_an_error(count: int, data: st.DataObject) -> None:
    ring = [(number, (number + 1) % count) for number in range(count)]
    groups = data.draw(st.none() | st.lists(st.sampled_from(["a", "b", None]), min_size=count, max_size=count))
    with pytest.raises(CircularDependency):
        layout(count, data.draw(st.permutations(ring)), groups)


@CALM
@given(st.integers(0, 25), st.data())
def test_a_drawing_has_no_circle_and_no_key_or_dependency_gets_lost(count: int, data: st.DataObject) -> None:
    edges = {
        f"k{number}": data.draw(st.lists(st.sampled_from([f"k{one}" for one in range(number)]), max_size=3))
        if number
        else []
        for number in range(count)
    }
    groups = {key: data.draw(st.sampled_from(["a", "b", "c"])) for key in edges}
    collapsed = data.draw(st.sets(st.sampled_from(["a", "b", "c"])))
    graph = Graph.of(edges)
    drawn: Drawn = what_to_draw(graph, groups, collapsed=collapsed)
    assert sorted(key for node in drawn.nodes for key in node.members) == sorted(edges)
    card = {key: number for number, node in enumerate(drawn.nodes) for key in node.members}
    kept = {(card[up], card[down]) for up, down in graph.edges() if card[up] != card[down]}
    assert {(edge.start, edge.end) for edge in drawn.edges} == kept
    assert sum(len(edge.pairs) for edge in drawn.edges) == sum(card[up] != card[down] for up, down in graph.edges())
    picture = layout([CARD] * len(drawn.nodes), [(edge.start, edge.end) for edge in drawn.edges])
    assert len(picture.nodes) == len(drawn.nodes)
    assert len({node.name for node in drawn.nodes}) == len(drawn.nodes)
