"""What conditions are evaluated over: the definitions as a graph, and the facts of what happened. Plain records.

Keys are texts of assets, or pairs of an asset's text and a check's name. A subset of an asset's partitions is a set of
keys; of an asset without partitions it is ``{None}`` or empty. Made by the engine, or by an instance's books.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import field
from enum import StrEnum
from functools import cached_property
from typing import Any, NamedTuple

from jobkernel.errors import UnknownName, did_you_mean
from jobkernel.model.conditions import Condition
from jobkernel.model.definitions import EMPTY, Assets
from jobkernel.model.keys import AssetCheckKey, AssetKey
from jobkernel.model.partitions import PartitionsDefinition
from jobkernel.records import dataclass
from jobkernel.rules.universe import CheckKey, Universe

Key = str | CheckKey
Subset = frozenset[str | None]
NONE: Subset = frozenset()
WHOLE: Subset = frozenset({None})


class Update(NamedTuple):
    """An asset or a partition was made: its place in the history, when (seconds since the epoch), by which run."""

    seq: int
    at: float
    run_id: str
    partition: str | None = None
    data_version: str | None = None


class RunFacts(NamedTuple):
    """A run: what it was asked to make, as keys, and its tags."""

    targets: frozenset[Key] = frozenset()
    tags: Mapping[str, str] = EMPTY


@dataclass(frozen=True, slots=True, kw_only=True)
class AssetFacts:
    """An asset: of each partition the last update, and all updates since the look before, in order of their places.

    ``in_progress`` is planned by a run or backfill that is not over and not made yet; ``failed`` was planned last by a
    run that failed, and not made by it.
    """

    updates: tuple[Update, ...] = ()
    in_progress: Subset = NONE
    in_backfill: Subset = NONE
    failed: Subset = NONE


class CheckStatus(StrEnum):
    """How a check stands to the latest materialization of its asset."""

    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    IN_PROGRESS = "IN_PROGRESS"
    EXECUTION_FAILED = "EXECUTION_FAILED"
    SKIPPED = "SKIPPED"


class CheckFacts(NamedTuple):
    """A check: None as status where it says nothing of the latest materialization; when and in which run it ran."""

    status: CheckStatus | None = None
    evaluated_at: float | None = None
    run_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """Everything that happened, as far as conditions ask; ``last_seq`` is the place of the newest event, if any."""

    last_seq: int | None = None
    assets: Mapping[str, AssetFacts] = field(default=EMPTY)
    checks: Mapping[CheckKey, CheckFacts] = field(default_factory=dict)
    runs: Mapping[str, RunFacts] = field(default_factory=dict)

    def asset(self, key: str) -> AssetFacts:
        """Return what is known of an asset."""
        return self.assets.get(key) or AssetFacts()

    def check(self, key: CheckKey) -> CheckFacts:
        """Return what is known of a check."""
        return self.checks.get(key) or CheckFacts()


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """An asset or check as conditions see it. ``together`` are all keys that its step makes, itself included."""

    key: Key
    condition: Condition | None = None
    deps: frozenset[str] = frozenset()
    partitions: PartitionsDefinition | None = None
    mappings: Mapping[str, Any] = field(default=EMPTY)
    is_made: bool = True
    is_blocking: bool = False
    code_version: str | None = None
    together: frozenset[Key] = frozenset()


class ConditionGraph:
    """Assets and checks with their conditions, and how they depend on each other. Immutable."""

    def __init__(self, nodes: Iterable[Node], universe: Universe) -> None:
        self.nodes: Mapping[Key, Node] = {node.key: node for node in nodes}
        self.universe = universe

    def node(self, key: Key) -> Node:
        """Return an asset or check.

        Raises:
            UnknownName: nothing defines it, or depends on it.
        """
        found = self.nodes.get(key)
        if found is None:
            known = [shown(each) for each in self.nodes]
            raise UnknownName(
                f"A condition asks about '{shown(key)}', which is unknown.{did_you_mean(shown(key), known)}"
            )
        return found

    @cached_property
    def children(self) -> Mapping[Key, frozenset[Key]]:
        """The keys that depend on each key directly; a check depends on its asset."""
        found: dict[Key, set[Key]] = {}
        for node in self.nodes.values():
            for dep in node.deps:
                found.setdefault(dep, set()).add(node.key)
        return {key: frozenset(keys) for key, keys in found.items()}

    @cached_property
    def conditioned(self) -> tuple[Key, ...]:
        """The keys that have a condition, each behind all it depends on; equals in the order of their texts."""
        depth: dict[Key, int] = {key: place for place, key in enumerate(self.universe.graph.topological())}
        levels: dict[Key, int] = {}
        for key in sorted(self.nodes, key=lambda key: depth.get(key if isinstance(key, str) else key[0], 0)):
            deps = self.nodes[key].deps - {key}
            levels[key] = 1 + max((levels.get(dep, 0) for dep in deps), default=0)
        chosen = [key for key, node in self.nodes.items() if node.condition is not None]
        return tuple(sorted(chosen, key=lambda key: (levels[key], shown(key))))

    def checks_of(self, asset: str) -> list[CheckKey]:
        """Return the checks of an asset, in the order of their names."""
        return sorted(key for key in self.nodes if isinstance(key, tuple) and key[0] == asset)


def graph_of(records: Iterable[Assets], universe: Universe) -> ConditionGraph:
    """Return the graph of definitions; what they only name is in it as made elsewhere."""
    nodes: dict[Key, Node] = {}
    for record in records:
        keys = frozenset[Key](spec.key for spec in record.specs)
        checks = {(check.asset_key, check.name): check for check in record.checks_by_output.values()}
        together = keys | frozenset(checks) if keys and not record.can_subset else frozenset[Key]()
        for spec in record.specs:
            nodes[spec.key] = Node(
                key=spec.key,
                condition=spec.automation,
                deps=frozenset(spec.deps) | frozenset(universe.graph.parents(spec.key)),
                partitions=spec.partitions,
                mappings=spec.mappings,
                is_made=not record.is_external,
                code_version=spec.code_version,
                together=together,
            )
        for check_key, check in checks.items():
            nodes[check_key] = Node(
                key=check_key,
                condition=check.automation,
                deps=frozenset({check.asset_key, *check.additional_deps}),
                is_blocking=check.is_blocking,
                together=together,
            )
    for key in universe.keys:
        nodes.setdefault(key, Node(key=key, deps=frozenset(universe.graph.parents(key)), is_made=False))
    return ConditionGraph(nodes.values(), universe)


def shown(key: Key) -> str:
    """Return a key as people write it: ``a/b``, or ``a/b:check``."""
    return key if isinstance(key, str) else f"{key[0]}:{key[1]}"


def user_key(key: Key) -> AssetKey | AssetCheckKey:
    """Return a key as the record that the api hands out."""
    if isinstance(key, str):
        return AssetKey.from_escaped_user_string(key)
    return AssetCheckKey(AssetKey.from_escaped_user_string(key[0]), key[1])


def plain_key(key: Any) -> Key:
    """Return the key of a record of the api."""
    return (key.asset_key.text, key.name) if isinstance(key, AssetCheckKey) else AssetKey.from_coercible(key).text
