"""Evaluate conditions: which assets and partitions are to be made now, and why the others are not. Pure.

Definitions, facts, what the look before remembered and the time go in; requests, the new memory and a tree for each
asset come out. Semantics are Dagster's; operands stand in ``conditions_operands``. Called by the engine and the api.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from jobkernel.model.conditions import (
    And,
    AnyDownstream,
    Checks,
    Condition,
    Dependencies,
    Matches,
    NewlyTrue,
    Not,
    Operand,
    Or,
    Since,
)
from jobkernel.model.partition_loading import partition_loading_context
from jobkernel.model.partitions import PartitionsDefinition, StaticPartitionsDefinition
from jobkernel.records import dataclass
from jobkernel.rules.conditions_cursor import Kept, Memory, read_cursor
from jobkernel.rules.conditions_facts import NONE, ConditionGraph, Facts, Key, Subset, plain_key, user_key
from jobkernel.rules.conditions_operands import operand
from jobkernel.rules.conditions_scope import (
    Found,
    Look,
    Root,
    Scope,
    Times,
    alike_in,
    downstream_conditions,
)
from jobkernel.rules.conditions_subsets import Subsets
from jobkernel.rules.cron import read_crons

NEVER: Final = datetime.max.replace(tzinfo=UTC)
LONGEST_REST: Final = timedelta(minutes=10)
"""Where windows of partitions end by the clock, a look is had so often though nothing happened."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluated:
    """What one look gave: ``requested`` by key, ``results`` by key in the order of evaluation, and the new cursor."""

    requested: Mapping[Key, Subset]
    results: Mapping[Key, Found]
    cursor: str

    @property
    def total_requested(self) -> int:
        """How many assets, checks and partitions of them have a condition that is true."""
        return sum(len(found.true) for found in self.results.values())


def evaluate_conditions(
    graph: ConditionGraph,
    facts: Facts,
    *,
    cursor: str | None,
    now: datetime,
    only: Collection[Key] | None = None,
    dynamic_keys: Any = None,
) -> Evaluated:
    """Return what the conditions of a graph request at ``now``; of ``only`` some keys where those are given.

    ``cursor`` is the one of the look before, None at the first.

    Raises:
        InvalidInvocation: the cursor is no cursor.
        JobkernelError: a condition asks about an asset that nothing defines, or of an asset what only checks have.
    """
    with partition_loading_context(now, dynamic_keys):
        look = Look(graph=graph, facts=facts, now=now, cursor=read_cursor(cursor), subsets=Subsets(graph))
        results: dict[Key, Found] = {}
        memories: dict[Key, Memory] = {}
        for key in graph.conditioned:
            if only is None or key in only:
                results[key], memories[key] = _evaluate_root(look, key)
        requested = {key: subset for key, subset in look.requested.items() if subset}
        after = look.cursor.followed_by(memories, graph)
        return Evaluated(requested=requested, results=results, cursor=after.text())


def _evaluate_root(look: Look, key: Key) -> tuple[Found, Memory]:
    node = look.graph.node(key)
    assert node.condition is not None
    root = Root(key=key, before=look.cursor.of.get(key), alike=_alike(look.graph, key, node.condition))
    scope = Scope(look=look, root=root, condition=node.condition, key=key, candidates=look.subsets.full(key))
    found = evaluated(scope)
    look.requested[key] = look.requested.get(key, NONE) | found.true
    if found.true:
        for other in node.together - {key}:
            look.requested[other] = look.requested.get(other, NONE) | look.subsets.up(found.true, key, other)
    memory = Memory(
        at=look.now.timestamp(),
        seq=look.facts.last_seq,
        requested=Kept.of(found.true, node.partitions),
        parts=root.parts,
        texts=root.texts,
    )
    return found, memory


def _alike(graph: ConditionGraph, key: Key, condition: Condition) -> frozenset[str]:
    asks_below = any(isinstance(part, AnyDownstream) for part in condition.everything)
    below = [each for each, _ in downstream_conditions(graph, key)] if asks_below else []
    return alike_in([condition, *below])


def evaluated(scope: Scope) -> Found:
    """Return what a part of a condition is true of."""
    return KINDS[type(scope.condition)](scope)


def _and(scope: Scope) -> Found:
    children: list[Found] = []
    true = scope.candidates
    for part in scope.condition.children:
        children.append(evaluated(scope.child(part, true)))
        true &= children[-1].true
    return scope.found(true, children)


def _or(scope: Scope) -> Found:
    children = [evaluated(scope.child(part, scope.candidates)) for part in scope.condition.children]
    return scope.found(_union(children), children)


def _not(scope: Scope) -> Found:
    child = evaluated(scope.child(scope.condition.children[0], scope.candidates))
    return scope.found(scope.candidates - child.true, [child])


def _since(scope: Scope) -> Found:
    trigger, reset = (evaluated(scope.child(part, scope.full)) for part in scope.condition.children)
    true = (scope.remembered() | trigger.true) - reset.true
    both = trigger.true & reset.true
    if both and trigger.times and reset.times:
        true |= both & _later(trigger.times, reset.times)
    scope.remember(true)
    return scope.found(true, [trigger, reset], trigger.times)


def _newly_true(scope: Scope) -> Found:
    child = evaluated(scope.child(scope.condition.children[0], scope.full))
    true = scope.candidates & (child.true - scope.remembered())
    scope.remember(child.true)
    return scope.found(true, [child])


def _matches(scope: Scope) -> Found:
    assert isinstance(scope.condition, Matches)
    other, subsets = plain_key(scope.condition.key), scope.look.subsets
    candidates = subsets.mapped(scope.candidates, scope.key, other)
    child = evaluated(scope.child(scope.condition.children[0], candidates, other))
    times = {at: subsets.back(subset, scope.key, other) for at, subset in (child.times or {}).items()}
    return scope.found(subsets.back(child.true, scope.key, other), [child], times or None)


def _around(scope: Scope, keys: Iterable[Key]) -> Found:
    condition = scope.condition
    assert isinstance(condition, Dependencies | Checks)
    children = [evaluated(scope.child(Matches(user_key(key), condition.operand), scope.candidates)) for key in keys]
    if condition.is_all:
        true = scope.candidates
        for child in children:
            true &= child.true
        return scope.found(true, children)
    times = _merged(children) if isinstance(condition, Dependencies) else None
    return scope.found(scope.candidates & _union(children), children, times)


def _dependencies(scope: Scope) -> Found:
    condition, universe = scope.condition, scope.look.graph.universe
    assert isinstance(condition, Dependencies)
    keys = set(scope.node.deps)
    if condition.allow_selection is not None:
        keys &= condition.allow_selection.keys_in(universe, True)
    if condition.ignore_selection is not None:
        keys -= condition.ignore_selection.keys_in(universe, True)
    return _around(scope, sorted(keys))


def _checks(scope: Scope) -> Found:
    condition, graph = scope.condition, scope.look.graph
    assert isinstance(condition, Checks)
    keys = set(graph.checks_of(scope.key)) if isinstance(scope.key, str) else set()
    if condition.blocking_only:
        keys = {key for key in keys if graph.node(key).is_blocking}
    if condition.allow_selection is not None:
        keys &= condition.allow_selection.checks_in(graph.universe, True)
    if condition.ignore_selection is not None:
        keys -= condition.ignore_selection.checks_in(graph.universe, True)
    return _around(scope, sorted(keys))


def _any_downstream(scope: Scope) -> Found:
    around = {*scope.chain, scope.condition}
    below = [each for each, _ in downstream_conditions(scope.look.graph, scope.key) if each not in around]
    children = [evaluated(scope.child(condition, scope.candidates)) for condition in below]
    return scope.found(_union(children), children)


KINDS: Final[Mapping[type[Condition], Callable[[Scope], Found]]] = {
    Operand: operand,
    And: _and,
    Or: _or,
    Not: _not,
    Since: _since,
    NewlyTrue: _newly_true,
    Matches: _matches,
    Dependencies: _dependencies,
    Checks: _checks,
    AnyDownstream: _any_downstream,
}


def _union(children: Iterable[Found]) -> Subset:
    return NONE.union(*(child.true for child in children))


def _merged(children: Iterable[Found]) -> Times | None:
    merged: dict[float, Subset] = {}
    for child in children:
        for at, subset in (child.times or {}).items():
            merged[at] = merged.get(at, NONE) | subset
    return merged or None


def _later(trigger: Times, reset: Times) -> Subset:
    """Return what was triggered later than it was reset."""
    found = NONE
    for at, subset in trigger.items():
        found |= subset.difference(*(each for then, each in reset.items() if then >= at))
    return found


def still_until(graph: ConditionGraph, before: str | None, found: Evaluated, now: datetime) -> datetime | None:
    """Return until when a look over the same facts gives nothing again; None where the next may give something.

    So it is where a look requested nothing and remembers what the one before remembered: nothing but time changes
    then, and time counts for crons and for the windows of partitions alone. With dynamic partitions nobody can say.
    """
    if found.requested or not read_cursor(before).remembers_as(read_cursor(found.cursor)):
        return None
    changes = {node.partitions: _next_change(node.partitions, now) for node in graph.nodes.values() if node.partitions}
    if None in changes.values():
        return None
    ticks = [moment for moment in changes.values() if moment is not None]
    ticks += [
        read_crons(part.argument("cron_schedule"), part.argument("cron_timezone")).after(now)
        for part in _operands(graph)
        if part.kind == "cron_tick_passed"
    ]
    return min(ticks, default=NEVER)


def _next_change(definition: PartitionsDefinition, now: datetime) -> datetime | None:
    """Return until when a definition surely has the partitions of now; None where the clock alone does not say."""
    from jobkernel.rules.partition_multi import MultiPartitionsDefinition
    from jobkernel.rules.partition_windows import TimeWindowPartitionsDefinition

    if isinstance(definition, TimeWindowPartitionsDefinition):
        return min(read_crons(definition.cron_schedule, definition.timezone).after(now), now + LONGEST_REST)
    if isinstance(definition, MultiPartitionsDefinition):
        found = [_next_change(each.partitions_def, now) for each in definition.partitions_defs]
        return None if None in found else min(each for each in found if each is not None)
    return NEVER if isinstance(definition, StaticPartitionsDefinition) else None


def _operands(graph: ConditionGraph) -> Iterable[Operand]:
    for key in graph.conditioned:
        condition = graph.node(key).condition
        for part in condition.everything if condition is not None else ():
            if isinstance(part, Operand):
                yield part
