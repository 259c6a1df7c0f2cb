"""Own the dependency graph over text keys: who needs whom, in which order, and what is missing.

Knows keys and edges only; knows no assets, runs or screens. Selections, plans and the drawing ask it.
An asset that depends on its own earlier partitions is no edge here: leave its own key out of its upstream.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property
from heapq import heapify, heappop, heappush

from jobkernel.errors import CircularDependency, nearest
from jobkernel.records import dataclass

Neighbours = dict[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class MissingKey:
    """A key that definitions need and nothing defines."""

    key: str
    needed_by: tuple[str, ...]
    nearest: str | None

    def __str__(self) -> str:
        remedy = f" Did you mean '{self.nearest}'?" if self.nearest else ""
        return f"Asset '{self.needed_by[0]}' needs '{self.key}', which nothing defines.{remedy}"


class Graph:
    """An immutable dependency graph; definition order is the order of the mapping it was made from."""

    __slots__ = ("__dict__", "_children", "_parents")

    def __init__(self, parents: Neighbours, children: Neighbours) -> None:
        self._parents = parents
        self._children = children

    @classmethod
    def of(cls, edges: Mapping[str, Iterable[str]]) -> Graph:
        """Build the graph of ``key -> its upstream keys``; a circle raises CircularDependency naming it."""
        parents = {key: tuple(dict.fromkeys(upstream)) for key, upstream in edges.items()}
        graph = cls(parents, _children_of(parents))
        if not _is_in_order(parents):
            _ = graph._order
        return graph

    def with_edges(self, key: str, upstream: Iterable[str]) -> Graph:
        """Return the graph in which ``key`` has these upstream keys; a known key keeps its place."""
        wanted = tuple(dict.fromkeys(upstream))
        graph = self._with_parents(key, wanted)
        if key in wanted or not graph.downstream([key]).isdisjoint(wanted):
            raise _refusal(_circle(graph._parents, key))
        return graph

    def without(self, key: str) -> Graph:
        """Return the graph in which nothing defines ``key`` any more; what needs it now misses it."""
        graph = self._with_parents(key, ())
        del graph._parents[key]
        if not graph._children[key]:
            del graph._children[key]
        return graph

    def _with_parents(self, key: str, wanted: tuple[str, ...]) -> Graph:
        parents, children = dict(self._parents), dict(self._children)
        before = set(parents.get(key, ()))
        parents[key] = wanted
        children.setdefault(key, ())
        for parent in before.difference(wanted):
            children[parent] = tuple(child for child in children[parent] if child != key)
            if not children[parent] and parent not in parents:
                del children[parent]
        for parent in wanted:
            if parent not in before:
                children[parent] = (*children.get(parent, ()), key)
        return Graph(parents, children)

    def __contains__(self, key: object) -> bool:
        return key in self._parents

    def __len__(self) -> int:
        return len(self._parents)

    @cached_property
    def keys(self) -> tuple[str, ...]:
        """All defined keys, in definition order."""
        return tuple(self._parents)

    def parents(self, key: str) -> tuple[str, ...]:
        """The defined keys that ``key`` depends on directly, as written."""
        found = self._parents[key]
        return tuple(parent for parent in found if parent in self._parents) if self._absent else found

    def children(self, key: str) -> tuple[str, ...]:
        """The keys that depend on ``key`` directly, oldest dependency first."""
        return self._children[key]

    def edges(self) -> list[tuple[str, str]]:
        """Every (upstream, downstream) pair of defined keys, in definition order of the downstream key."""
        return [(parent, key) for key in self._parents for parent in self.parents(key)]

    def upstream(self, keys: Iterable[str], depth: int | None = None) -> set[str]:
        """The defined keys that ``keys`` depend on within ``depth`` steps (None: any number).

        A key asked about is in the answer only if another one depends on it.
        """
        reached = _reach(self._parents, keys, depth)
        return reached - self._absent if self._absent else reached

    def downstream(self, keys: Iterable[str], depth: int | None = None) -> set[str]:
        """The keys that depend on ``keys`` within ``depth`` steps (None: any number)."""
        return _reach(self._children, keys, depth)

    def roots(self, keys: Iterable[str]) -> set[str]:
        """The members of ``keys`` that depend on no other member, also not through keys outside the set."""
        members = set(keys)
        return members - self.downstream(members)

    def sinks(self, keys: Iterable[str]) -> set[str]:
        """The members of ``keys`` on which no other member depends, also not through keys outside the set."""
        members = set(keys)
        return members - self.upstream(members)

    def topological(self) -> tuple[str, ...]:
        """Every key after all it depends on; among keys that are ready, in definition order."""
        return self._order

    def layers(self) -> list[list[str]]:
        """Keys by the length of the longest chain above them, each layer in definition order."""
        level: dict[str, int] = {}
        for key in self._order:
            level[key] = max((level[parent] + 1 for parent in self.parents(key)), default=0)
        found: list[list[str]] = [[] for _ in range(max(level.values(), default=-1) + 1)]
        for key in self._parents:
            found[level[key]].append(key)
        return found

    @property
    def missing(self) -> tuple[MissingKey, ...]:
        """Every key that is needed and not defined, with who needs it and the nearest defined key."""
        return tuple(
            MissingKey(key=key, needed_by=self._children[key], nearest=nearest(key, self._parents))
            for key in sorted(self._absent)
        )

    @cached_property
    def _absent(self) -> frozenset[str]:
        if len(self._children) == len(self._parents):
            return frozenset()
        return frozenset(self._children.keys() - self._parents.keys())

    @cached_property
    def _order(self) -> tuple[str, ...]:
        if _is_in_order(self._parents):
            return tuple(self._parents)
        place = {key: index for index, key in enumerate(self._parents)}
        waiting = {key: len(self.parents(key)) for key in self._parents}
        ready = [place[key] for key, count in waiting.items() if not count]
        heapify(ready)
        order: list[str] = []
        while ready:
            key = self.keys[heappop(ready)]
            order.append(key)
            for child in self._children[key]:
                waiting[child] -= 1
                if not waiting[child]:
                    heappush(ready, place[child])
        if len(order) < len(place):
            stuck = next(key for key, count in waiting.items() if count)
            raise _refusal(_circle(self._parents, stuck))
        return tuple(order)


def _children_of(parents: Neighbours) -> Neighbours:
    found: dict[str, list[str]] = {key: [] for key in parents}
    for key, upstream in parents.items():
        for parent in upstream:
            if parent in found:
                found[parent].append(key)
            else:
                found[parent] = [key]
    return {key: tuple(children) for key, children in found.items()}


def _is_in_order(parents: Neighbours) -> bool:
    """Whether every key is defined after all it needs; then definition order is already topological."""
    seen: set[str] = set()
    for key, upstream in parents.items():
        seen.add(key)
        for parent in upstream:
            if parent == key or (parent not in seen and parent in parents):
                return False
    return True


def _reach(neighbours: Neighbours, keys: Iterable[str], depth: int | None) -> set[str]:
    """Keys that can be reached from ``keys`` in 1..depth steps (None: any number)."""
    if depth is not None:
        return _reach_within(neighbours, keys, depth)
    reached: set[str] = set()
    waiting = list(keys)
    neighbours_of = neighbours.get
    for key in waiting:
        for neighbour in neighbours_of(key, ()):
            if neighbour not in reached:
                reached.add(neighbour)
                waiting.append(neighbour)
    return reached


def _reach_within(neighbours: Neighbours, keys: Iterable[str], depth: int) -> set[str]:
    level = set(keys)
    reached: set[str] = set()
    for _ in range(depth):
        level = {found for key in level for found in neighbours.get(key, ())} - reached
        if not level:
            break
        reached |= level
    return reached


def _circle(parents: Neighbours, start: str) -> list[str]:
    """A circle reached from ``start`` going upstream, in order, its first key repeated last."""
    path: dict[str, None] = {}
    walks = [(start, iter(parents[start]))]
    path[start] = None
    done: set[str] = set()
    while walks:
        key, rest = walks[-1]
        parent = next((found for found in rest if found in parents and found not in done), None)
        if parent is None:
            done.add(key)
            path.pop(key)
            walks.pop()
        elif parent in path:
            trail = list(path)
            return [*trail[trail.index(parent) :], parent]
        else:
            path[parent] = None
            walks.append((parent, iter(parents[parent])))
    return []


def _refusal(circle: list[str]) -> CircularDependency:
    return CircularDependency(_circle_sentence(circle), circle)


def _circle_sentence(circle: list[str]) -> str:
    if len(circle) == 2:
        return f"Asset '{circle[0]}' depends on itself."
    names = " -> ".join(circle)
    return f"Assets depend on each other in a circle: {names} (each needs the next)."
