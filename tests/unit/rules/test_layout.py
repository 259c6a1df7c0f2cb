"""Single layouts: where things stand in pictures a person would recognise."""

from __future__ import annotations

import pytest

from jobkernel.errors import CircularDependency
from jobkernel.rules.layout import CARD, layout

NAMES = ["planes", "raw", "weather", "airlines", "clean", "joined", "by_weather", "by_carrier", "plot"]
LINKS = [(0, 4), (1, 4), (4, 5), (2, 5), (5, 6), (5, 7), (3, 7), (6, 8), (7, 8)]
GROUPS = ["ingest"] * 4 + ["prepare"] * 2 + ["report"] * 3


def test_an_empty_picture_has_nothing() -> None:
    found = layout(0, [])
    assert (found.nodes, found.edges, found.groups) == ((), (), ())


def test_one_card_stands_in_the_corner() -> None:
    [node] = layout(1, []).nodes
    assert (node.x, node.y, node.width, node.height) == (12, 12, *CARD)
    assert (node.layer, node.index, node.layer_size) == (0, 0, 1)


@pytest.mark.parametrize("direction", ["LR", "TD"])
def test_a_chain_is_a_straight_line(direction: str) -> None:
    found = layout(4, [(0, 1), (1, 2), (2, 3)], direction=direction)
    across = {node.y if direction == "LR" else node.x for node in found.nodes}
    assert len(across) == 1
    assert all(len(edge.points) == 2 for edge in found.edges)


def test_groups_that_follow_each_other_stand_one_below_the_other() -> None:
    found = layout(len(NAMES), LINKS, GROUPS, "TD")
    ingest, prepare, report = found.groups
    assert [node.layer for node in found.nodes] == [0, 0, 0, 0, 1, 2, 3, 3, 4]
    assert ingest.y + ingest.height < prepare.y
    assert prepare.y + prepare.height < report.y


def test_a_long_edge_bends_around_the_group_it_passes() -> None:
    found = layout(len(NAMES), LINKS, GROUPS, "TD")
    prepare = found.groups[1]
    passing = next(edge for edge in found.edges if (edge.start, edge.end) == (3, 7))
    bends = [x for x, y in passing.points if prepare.y <= y <= prepare.y + prepare.height]
    assert bends
    assert all(x < prepare.x or x > prepare.x + prepare.width for x in bends)


def test_groups_that_feed_each_other_stand_side_by_side() -> None:
    found = layout(4, [(0, 1), (2, 3)], ["a", "b", "b", "a"], "TD")
    one, other = found.groups
    assert one.x + one.width < other.x or other.x + other.width < one.x


@pytest.mark.parametrize(("direction", "widest"), [("TD", 2200), ("LR", 2400)])
def test_a_fan_of_two_hundred_folds_into_a_readable_sheet(direction: str, widest: float) -> None:
    found = layout(201, [(0, number) for number in range(1, 201)], direction=direction)
    assert found.width < widest
    assert found.height < 1500
    assert {node.layer for node in found.nodes} == {0, 1}


def test_a_source_stands_next_to_its_first_use() -> None:
    found = layout(4, [(0, 1), (1, 2), (3, 2)])
    assert found.nodes[3].layer == 1


def test_several_edges_meet_a_node_in_several_points() -> None:
    found = layout(3, [(0, 2), (1, 2)], direction="TD")
    assert len({edge.points[-1] for edge in found.edges}) == 2


def test_sizes_are_kept() -> None:
    found = layout([(100, 30), (200, 60)], [(0, 1)])
    assert [(node.width, node.height) for node in found.nodes] == [(100, 30), (200, 60)]


def test_a_circle_and_a_strange_direction_are_refused() -> None:
    with pytest.raises(CircularDependency, match="circle"):
        layout(2, [(0, 1), (1, 0)])
    with pytest.raises(ValueError, match="LR or TD"):
        layout(1, [], direction="BT")


def test_few_edges_cross_where_none_needs_to() -> None:
    """Two trees whose leaves are given in mixed order are untangled."""
    edges = [(0, leaf) for leaf in (2, 4, 6)] + [(1, leaf) for leaf in (3, 5, 7)]
    found = layout(8, edges, direction="TD")
    assert max(found.nodes[leaf].x for leaf in (2, 4, 6)) < min(found.nodes[leaf].x for leaf in (3, 5, 7))


def test_a_deep_chain_needs_no_recursion() -> None:
    count = 3_000
    found = layout(count, [(number, number + 1) for number in range(count - 1)], ["a"] * count, "LR")
    assert found.nodes[-1].layer == count - 1
