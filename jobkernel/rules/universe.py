"""Own what a selection may ask about: the graph and a few facts per key, looked up by index.

Knows no syntax. The registry makes one per change of definitions; selections resolve against it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import field
from functools import cached_property

from jobkernel.records import dataclass
from jobkernel.rules.graph import Graph

CheckKey = tuple[str, str]
Index = Mapping[str, frozenset[str]]

KIND_TAG = "dagster/kind/"
STATUS_WORDS = ("fresh", "stale", "failed", "missing", "running", "queued", "canceled", "skipped")


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What selections may ask about one asset.

    ``siblings`` are the assets that the same step always makes with it (itself may be among them; empty: none);
    ``partitions`` is ``None``, ``static``, ``dynamic``, ``time`` or ``multipartitions``; ``checks`` are names.
    """

    group: str = "default"
    tags: Mapping[str, str] = field(default_factory=dict)
    kinds: Iterable[str] = ()
    owners: Iterable[str] = ()
    is_external: bool = False
    siblings: Iterable[str] = ()
    partitions: str | None = None
    checks: Iterable[str] = ()


class Universe:
    """Everything a selection is resolved against. Immutable; indexes are made when first asked for.

    A key of the graph without facts has default ones. ``statuses`` holds one of STATUS_WORDS per key, ``partly`` those
    that some of its partitions have.
    """

    def __init__(
        self,
        graph: Graph,
        facts: Mapping[str, Facts] | None = None,
        statuses: Mapping[str, str] | None = None,
    ) -> None:
        given = facts or {}
        nothing_said = Facts()
        self.graph = graph
        self.facts: Mapping[str, Facts] = {key: given.get(key, nothing_said) for key in graph.keys}
        self.statuses: Mapping[str, str] = statuses or {}
        self.partly: Mapping[str, Iterable[str]] = {}

    def with_statuses(self, statuses: Mapping[str, str], partly: Mapping[str, Iterable[str]] | None = None) -> Universe:
        """Return the same universe with other statuses; every index but that of statuses is kept."""
        fresh = object.__new__(Universe)
        fresh.__dict__.update(self.__dict__)
        fresh.__dict__.pop("by_status", None)
        fresh.statuses = statuses
        fresh.partly = partly or {}
        return fresh

    @cached_property
    def keys(self) -> frozenset[str]:
        """Every key."""
        return frozenset(self.facts)

    @cached_property
    def external(self) -> frozenset[str]:
        """The keys that are only known of: nothing here makes them."""
        return frozenset(key for key, facts in self.facts.items() if facts.is_external)

    @cached_property
    def materializable(self) -> frozenset[str]:
        """The keys that something here makes."""
        return self.keys - self.external

    @cached_property
    def checks(self) -> frozenset[CheckKey]:
        """Every check, as (asset key, check name)."""
        return frozenset((key, name) for key, facts in self.facts.items() for name in facts.checks)

    @cached_property
    def by_group(self) -> Index:
        """Keys by group name."""
        return _index(self.facts, lambda facts: (facts.group,))

    @cached_property
    def by_kind(self) -> Index:
        """Keys by kind."""
        return _index(self.facts, _kinds)

    @cached_property
    def by_owner(self) -> Index:
        """Keys by owner."""
        return _index(self.facts, lambda facts: facts.owners)

    @cached_property
    def by_tag(self) -> Mapping[str, Index]:
        """Keys by tag name, then by tag value; a kind is a tag too, as in Dagster."""
        found: dict[str, dict[str, set[str]]] = {}
        for key, facts in self.facts.items():
            kinds = {KIND_TAG + kind: "" for kind in facts.kinds}
            for name, value in {**kinds, **facts.tags}.items():
                found.setdefault(name, {}).setdefault(value, set()).add(key)
        return {name: _frozen(values) for name, values in found.items()}

    @cached_property
    def by_partitions(self) -> Index:
        """Keys by the kind of their partitions; ``none`` for those without."""
        return _index(self.facts, lambda facts: (facts.partitions or "none",))

    @cached_property
    def by_status(self) -> Index:
        """Keys by status, their own or one of their partitions; ``never`` is another word for ``missing``."""
        found: dict[str, set[str]] = {}
        for key, status in self.statuses.items():
            if key in self.facts:
                for word in ("missing" if status == "never" else status, *self.partly.get(key, ())):
                    found.setdefault(word, set()).add(key)
        return _frozen(found)


def wildcard(pattern: str) -> Callable[[str], object]:
    """Return a test for texts that match ``pattern``, in which ``*`` stands for any run of characters."""
    return re.compile(".*".join(map(re.escape, pattern.split("*")))).fullmatch


def matching(names: Iterable[str], pattern: str) -> list[str]:
    """Return the names that match a pattern (see :func:`wildcard`), in their order."""
    matches = wildcard(pattern)
    return [name for name in names if matches(name)]


def _kinds(facts: Facts) -> Iterable[str]:
    tagged = [name.removeprefix(KIND_TAG) for name in facts.tags if name.startswith(KIND_TAG)]
    return [*facts.kinds, *tagged]


def _index(facts: Mapping[str, Facts], values_of: Callable[[Facts], Iterable[str]]) -> Index:
    found: dict[str, set[str]] = {}
    for key, known in facts.items():
        for value in values_of(known):
            found.setdefault(value, set()).add(key)
    return _frozen(found)


def _frozen(found: Mapping[str, set[str]]) -> Index:
    return {value: frozenset(keys) for value, keys in found.items()}
