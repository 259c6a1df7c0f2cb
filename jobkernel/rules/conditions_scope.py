"""One place in the evaluation of a condition: which part of it is asked about which asset, and what came of it.

Operands and operators take a :class:`Scope` and give a :class:`Found`. Knows what is remembered of parts, and no part.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field
from datetime import datetime

from jobkernel.model.conditions import And, AnyDownstream, Condition, NewlyTrue, Since
from jobkernel.records import dataclass
from jobkernel.rules.conditions_cursor import Cursor, Kept, Memory
from jobkernel.rules.conditions_facts import NONE, ConditionGraph, Facts, Key, Node, Subset, shown
from jobkernel.rules.conditions_subsets import Subsets

Times = Mapping[float, Subset]
"""When partitions became true, in seconds since the epoch, as far as an operand knows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What a part of a condition is true of, among ``candidates``, and what its own parts are."""

    condition: Condition
    key: Key
    true: Subset
    candidates: Subset
    children: tuple[Found, ...] = ()
    times: Times | None = None


@dataclass(slots=True, kw_only=True)
class Look:
    """One evaluation of all conditions. ``requested`` grows while it goes on."""

    graph: ConditionGraph
    facts: Facts
    now: datetime
    cursor: Cursor
    subsets: Subsets
    requested: dict[Key, Subset] = field(default_factory=dict)


@dataclass(slots=True, kw_only=True)
class Root:
    """The asset or check whose condition is evaluated: what is remembered of it, and what is to be."""

    key: Key
    before: Memory | None
    alike: frozenset[str]
    parts: dict[str, Kept] = field(default_factory=dict)
    texts: dict[str, str | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """A part of a condition, asked about ``candidates`` of ``key``. ``chain`` are the parts around it."""

    look: Look
    root: Root
    condition: Condition
    key: Key
    candidates: Subset
    chain: tuple[Condition, ...] = ()

    @property
    def node(self) -> Node:
        """The asset or check that is asked about."""
        return self.look.graph.node(self.key)

    @property
    def full(self) -> Subset:
        """All partitions of it."""
        return self.look.subsets.full(self.key)

    def child(self, condition: Condition, candidates: Subset, key: Key | None = None) -> Scope:
        """Return the place of a part, about this or another asset."""
        return Scope(
            look=self.look,
            root=self.root,
            condition=condition,
            key=self.key if key is None else key,
            candidates=candidates,
            chain=(*self.chain, self.condition),
        )

    def found(self, true: Subset, children: Sequence[Found] = (), times: Times | None = None) -> Found:
        """Return what came of it."""
        return Found(
            condition=self.condition,
            key=self.key,
            true=true,
            candidates=self.candidates,
            children=tuple(children),
            times=times,
        )

    def remembered(self) -> Subset:
        """Return the subset that this part remembered; empty where it did not, or of other partitions."""
        kept = None if self.root.before is None else self.root.before.parts.get(self._place)
        return (kept.subset(self.node.partitions) if kept is not None else None) or NONE

    def remember(self, subset: Subset) -> None:
        """Remember a subset until the next look."""
        self.root.parts[self._place] = Kept.of(subset, self.node.partitions)

    @property
    def _place(self) -> str:
        """Under what the part remembers: stable where it moves in the condition, or its own parts change inside.

        Parts that would be taken for each other are told apart by everything that they say.
        """
        name = loose(self.condition)
        if name in self.root.alike:
            name = self.condition.wording
        about = "" if self.key == self.root.key else shown(self.key)
        return hashlib.sha256(f"{name}@{about}".encode()).hexdigest()[:16]


def loose(condition: Condition) -> str:
    """Return what Dagster knows a part with a memory by: its name, and the names of its own parts."""
    if isinstance(condition, Since | NewlyTrue):
        return f"{condition.name}({','.join(map(loose, condition.children))})"
    return condition.loose_name


def alike_in(conditions: Iterable[Condition]) -> frozenset[str]:
    """Return the loose names that parts share which say different things."""
    seen: dict[str, str] = {}
    found: set[str] = set()
    for condition in conditions:
        for part in condition.everything:
            if isinstance(part, Since | NewlyTrue) and seen.setdefault(loose(part), part.wording) != part.wording:
                found.add(loose(part))
    return frozenset(found)


def downstream_conditions(graph: ConditionGraph, key: Key) -> list[tuple[Condition, list[str]]]:
    """Return the conditions of everything downstream of an asset, equal ones once, with the assets they stand on."""
    found: dict[Condition, set[str]] = {}
    for child in graph.universe.graph.downstream([str(key)]) - {str(key)}:
        condition = graph.nodes[child].condition if child in graph.nodes else None
        own = _without_downstream(condition) if condition is not None else None
        if own is not None:
            found.setdefault(own, set()).add(child)
    return sorted(((condition, sorted(keys)) for condition, keys in found.items()), key=lambda item: item[1])


def _without_downstream(condition: Condition) -> Condition | None:
    """Return a condition with bare questions about what is downstream taken as false; None where nothing is left."""
    if condition.label is not None:
        return condition
    if isinstance(condition, AnyDownstream):
        return None
    if condition.operator not in ("and", "or") or not hasattr(condition, "operands"):
        return condition
    kept = [_without_downstream(operand) for operand in condition.children]
    left = tuple(each for each in kept if each is not None)
    if len(left) == len(kept) and left == tuple(condition.children):
        return condition
    if not left or (isinstance(condition, And) and len(left) < len(kept)):
        return None
    return left[0] if len(left) == 1 else type(condition)(operands=left)  # type: ignore[call-arg]
