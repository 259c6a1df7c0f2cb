"""Decide what a picture of a graph shows: which nodes stand for which keys, and which edges remain.

Collapses groups, keeps to the neighbourhood of a focus or to a selection. Knows keys and groups only; the graph
view lays out the answer with ``rules.layout``.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Collection, Iterator, Mapping
from typing import NamedTuple

from jobkernel.records import dataclass
from jobkernel.rules.graph import Graph
from jobkernel.rules.layering import mutual

ALONE = -1
Part = tuple[str, int]


class DrawnNode(NamedTuple):
    """One card: a key, or (``is_group``) a collapsed group or a part of it. ``members`` are the keys it stands for."""

    name: str
    members: tuple[str, ...]
    group: str | None
    is_group: bool


class DrawnEdge(NamedTuple):
    """One arrow between two cards, by their indexes, with the (upstream, downstream) pairs that it stands for."""

    start: int
    end: int
    pairs: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """What to draw. ``hidden`` is how many keys the picture leaves out; ``divided`` names the collapsed groups that
    are shown as several cards, because as one they would stand in a circle."""

    nodes: tuple[DrawnNode, ...]
    edges: tuple[DrawnEdge, ...]
    hidden: int
    divided: tuple[str, ...]


def what_to_draw(
    graph: Graph,
    groups: Mapping[str, str],
    *,
    collapsed: Collection[str] = (),
    focus: str | None = None,
    depth: int = 1,
    only: Collection[str] | None = None,
) -> Drawn:
    """Return the cards and arrows of a picture; cards stand in the order of their first key.

    ``only`` keeps these keys; ``focus`` keeps a key and what is within ``depth`` steps up- and downstream of it.
    Each collapsed group is one card; where that would close a circle (something else stands between its members),
    it is divided into several cards, one after the other, and named in ``divided``.
    """
    shown = _shown(graph, focus, depth, only)
    order = [key for key in graph.topological() if key in shown]
    group_of = {key: groups[key] for key in order if groups.get(key) in collapsed}
    if not group_of:
        return _each_alone(graph, order, groups)
    parts = _parts(graph, order, group_of)
    members: dict[Part, list[str]] = {}
    for key in order:
        members.setdefault(parts[key], []).append(key)
    cards = Counter(name for name, number in members if number != ALONE)
    index = {part: number for number, part in enumerate(members)}
    return Drawn(
        nodes=tuple(_card(part, keys, groups.get(keys[0]), cards[part[0]]) for part, keys in members.items()),
        edges=_arrows(graph, order, {key: index[part] for key, part in parts.items()}),
        hidden=len(graph) - len(order),
        divided=tuple(sorted(group for group, count in cards.items() if count > 1)),
    )


def _each_alone(graph: Graph, order: list[str], groups: Mapping[str, str]) -> Drawn:
    index = {key: number for number, key in enumerate(order)}
    return Drawn(
        nodes=tuple([DrawnNode(key, (key,), groups.get(key), False) for key in order]),
        edges=tuple(
            [
                DrawnEdge(index[parent], end, ((parent, key),))
                for end, key in enumerate(order)
                for parent in graph.parents(key)
                if parent in index
            ]
        ),
        hidden=len(graph) - len(order),
        divided=(),
    )


def _shown(graph: Graph, focus: str | None, depth: int, only: Collection[str] | None) -> set[str]:
    shown = set(graph.keys) if only is None else {key for key in only if key in graph}
    if focus is None:
        return shown
    near = {focus} | graph.upstream([focus], depth) | graph.downstream([focus], depth)
    return shown & near


def _parts(graph: Graph, order: list[str], group_of: Mapping[str, str]) -> dict[str, Part]:
    """Which card each key is on: its own, or the only or one of several of its collapsed group."""
    cards = {key: (group_of[key], 0) if key in group_of else (key, ALONE) for key in order}
    names = {card: number for number, card in enumerate(dict.fromkeys(cards.values()))}
    following: list[list[int]] = [[] for _ in names]
    for key in order:
        for parent in graph.parents(key):
            if parent in cards and cards[parent] != cards[key]:
                following[names[cards[parent]]].append(names[cards[key]])
    circle_of = mutual(following)
    sizes = Counter(circle_of)
    circles: dict[int, list[str]] = {}
    for key in order:
        circle = circle_of[names[cards[key]]]
        if sizes[circle] > 1:
            circles.setdefault(circle, []).append(key)
    for keys in circles.values():
        cards.update(_divided(graph, keys, group_of))
    return cards


def _divided(graph: Graph, keys: list[str], group_of: Mapping[str, str]) -> dict[str, Part]:
    """Cut the groups of a circle where a walk in topological order leaves them; runs of such a walk have no circle."""
    parts: dict[str, Part] = {}
    cards: Counter[str] = Counter()
    last: str | None = None
    for key in _walk(graph, keys, group_of):
        group = group_of.get(key)
        if group is None:
            parts[key] = (key, ALONE)
        else:
            cards[group] += group != last
            parts[key] = (group, cards[group] - 1)
        last = group
    return parts


def _walk(graph: Graph, keys: list[str], group_of: Mapping[str, str]) -> Iterator[str]:
    """The keys in a topological order that stays in a group as long as it can."""
    inside = set(keys)
    waiting = {key: sum(parent in inside for parent in graph.parents(key)) for key in keys}
    ready: dict[str | None, deque[str]] = {}
    for key in keys:
        if not waiting[key]:
            ready.setdefault(group_of.get(key), deque()).append(key)
    group: str | None = None
    while ready:
        group = group if group in ready else next(iter(ready))
        key = ready[group].popleft()
        if not ready[group]:
            del ready[group]
        yield key
        for child in graph.children(key):
            if child in inside:
                waiting[child] -= 1
                if not waiting[child]:
                    ready.setdefault(group_of.get(child), deque()).append(child)


def _card(part: Part, keys: list[str], group: str | None, cards: int) -> DrawnNode:
    name, number = part
    if number == ALONE:
        return DrawnNode(name=name, members=(name,), group=group, is_group=False)
    label = name if cards == 1 else f"{name} ({number + 1} of {cards})"
    return DrawnNode(name=label, members=tuple(keys), group=name, is_group=True)


def _arrows(graph: Graph, order: list[str], card_of: Mapping[str, int]) -> tuple[DrawnEdge, ...]:
    pairs: dict[tuple[int, int], list[tuple[str, str]]] = {}
    for key in order:
        for parent in graph.parents(key):
            if parent in card_of and card_of[parent] != card_of[key]:
                pairs.setdefault((card_of[parent], card_of[key]), []).append((parent, key))
    return tuple(DrawnEdge(start=start, end=end, pairs=tuple(found)) for (start, end), found in pairs.items())
