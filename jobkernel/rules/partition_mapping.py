"""Which partitions of an upstream asset those of a downstream asset need, and the other way round.

A mapping is asked for keys and answers with keys. Those of windows stand in ``partition_window_mapping``, those of
two dimensions in ``partition_multi_mapping``; which one is meant where none is given, in ``partition_edges``. Names
and rules: Dagster's ``PartitionMapping`` and its subclasses.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import ClassVar, NamedTuple

from jobkernel.errors import InvalidDefinition, InvariantViolation
from jobkernel.model.frozen import FrozenFields
from jobkernel.model.partition_loading import DynamicKeys
from jobkernel.model.partition_loading import partition_loading_context as loading
from jobkernel.model.partition_subset import PartitionsSubset
from jobkernel.model.partitions import PartitionsDefinition, StaticPartitionsDefinition


class Mapped(NamedTuple):
    """What keys were mapped to: keys that exist, and ``missing`` ones that would be needed and do not."""

    keys: Collection[str]
    missing: Collection[str] = ()


class UpstreamPartitionsResult(NamedTuple):
    """What partitions were mapped to upstream: those that exist, and those needed that do not."""

    partitions_subset: PartitionsSubset
    required_but_nonexistent_subset: PartitionsSubset

    @property
    def required_but_nonexistent_partition_keys(self) -> Sequence[str]:
        """The keys that would be needed and do not exist."""
        return self.required_but_nonexistent_subset.get_partition_keys()


class PartitionMapping(FrozenFields, ABC):
    """How the partitions of an asset depend on those of an asset upstream."""

    __slots__ = ()

    @abstractmethod
    def upstream_of(
        self, keys: Collection[str] | None, downstream: PartitionsDefinition | None, upstream: PartitionsDefinition
    ) -> Mapped:
        """Return what these keys of the downstream asset need; None stands for an asset without partitions."""

    @abstractmethod
    def downstream_of(
        self, keys: Collection[str], upstream: PartitionsDefinition, downstream: PartitionsDefinition
    ) -> Collection[str]:
        """Return the downstream keys that need any of these upstream keys."""

    def validate_partition_mapping(
        self, upstream_partitions_def: PartitionsDefinition, downstream_partitions_def: PartitionsDefinition | None
    ) -> None:
        """Raise InvalidDefinition where the two definitions cannot be mapped like this."""

    @property
    @abstractmethod
    def description(self) -> str:
        """What the mapping does, in a sentence."""

    def get_upstream_mapped_partitions_result_for_partitions(
        self,
        downstream_partitions_subset: PartitionsSubset | None,
        downstream_partitions_def: PartitionsDefinition | None,
        upstream_partitions_def: PartitionsDefinition,
        current_time: datetime | None = None,
        dynamic_partitions_store: DynamicKeys | None = None,
    ) -> UpstreamPartitionsResult:
        """Return what a downstream subset needs, as subsets."""
        with loading(current_time, dynamic_partitions_store):
            keys = None if downstream_partitions_subset is None else downstream_partitions_subset.keys
            found = self.upstream_of(keys, downstream_partitions_def, upstream_partitions_def)
            return UpstreamPartitionsResult(
                PartitionsSubset(upstream_partitions_def, found.keys),
                PartitionsSubset(upstream_partitions_def, found.missing),
            )

    def get_downstream_partitions_for_partitions(
        self,
        upstream_partitions_subset: PartitionsSubset,
        upstream_partitions_def: PartitionsDefinition,
        downstream_partitions_def: PartitionsDefinition,
        current_time: datetime | None = None,
        dynamic_partitions_store: DynamicKeys | None = None,
    ) -> PartitionsSubset:
        """Return what needs an upstream subset, as a subset."""
        with loading(current_time, dynamic_partitions_store):
            keys = self.downstream_of(
                upstream_partitions_subset.keys, upstream_partitions_def, downstream_partitions_def
            )
            return PartitionsSubset(downstream_partitions_def, keys)


class IdentityPartitionMapping(PartitionMapping):
    """Every partition needs the upstream one of the same key."""

    __slots__ = ()
    description: ClassVar[str] = "Each partition depends on the upstream partition of the same key."

    def validate_partition_mapping(
        self, upstream_partitions_def: PartitionsDefinition, downstream_partitions_def: PartitionsDefinition | None
    ) -> None:
        """Raise InvalidDefinition where the two are of different kinds."""
        if type(upstream_partitions_def) is not type(downstream_partitions_def):
            kinds = [type(each).__name__ for each in (upstream_partitions_def, downstream_partitions_def)]
            raise InvalidDefinition(f"{' and '.join(kinds)} have no keys in common; give a partition mapping.")

    def upstream_of(
        self, keys: Collection[str] | None, downstream: PartitionsDefinition | None, upstream: PartitionsDefinition
    ) -> Mapped:
        """Return the same keys, as far as they exist."""
        if keys is None:
            raise InvariantViolation("An asset without partitions has no keys that could be those upstream.")
        if downstream == upstream:
            return Mapped(keys)
        known = set(upstream.get_partition_keys())
        return Mapped([key for key in keys if key in known], [key for key in keys if key not in known])

    def downstream_of(
        self, keys: Collection[str], upstream: PartitionsDefinition, downstream: PartitionsDefinition
    ) -> Collection[str]:
        """Return the same keys, as far as they exist."""
        return keys if upstream == downstream else set(keys) & set(downstream.get_partition_keys())


class AllPartitionMapping(PartitionMapping):
    """Every partition needs all upstream partitions."""

    __slots__ = ()
    description: ClassVar[str] = "Each partition depends on all partitions upstream."

    def upstream_of(
        self, keys: Collection[str] | None, downstream: PartitionsDefinition | None, upstream: PartitionsDefinition
    ) -> Mapped:
        """Return all keys."""
        return Mapped(upstream.get_partition_keys())

    def downstream_of(
        self, keys: Collection[str], upstream: PartitionsDefinition, downstream: PartitionsDefinition
    ) -> Collection[str]:
        """Return all keys."""
        return downstream.get_partition_keys() if keys else ()


class LastPartitionMapping(PartitionMapping):
    """Every partition needs the last upstream partition."""

    __slots__ = ()
    description: ClassVar[str] = "Each partition depends on the last partition upstream."

    def upstream_of(
        self, keys: Collection[str] | None, downstream: PartitionsDefinition | None, upstream: PartitionsDefinition
    ) -> Mapped:
        """Return the last key, where there is one."""
        last = upstream.get_last_partition_key()
        return Mapped([last] if last is not None else [])

    def downstream_of(
        self, keys: Collection[str], upstream: PartitionsDefinition, downstream: PartitionsDefinition
    ) -> Collection[str]:
        """Return all keys where the last upstream key is among those asked for."""
        return downstream.get_partition_keys() if upstream.get_last_partition_key() in keys else ()


class SpecificPartitionsPartitionMapping(PartitionMapping):
    """Every partition needs the same upstream partitions."""

    __slots__ = ("partition_keys",)
    partition_keys: tuple[str, ...]

    def __init__(self, partition_keys: Sequence[str]) -> None:
        if isinstance(partition_keys, str):
            raise TypeError(f"SpecificPartitionsPartitionMapping takes a list of keys, not {partition_keys!r}.")
        self._set(partition_keys=tuple(partition_keys))

    @property
    def description(self) -> str:
        """What the mapping does, in a sentence."""
        return f"Each partition depends on these partitions upstream: {', '.join(self.partition_keys)}."

    def upstream_of(
        self, keys: Collection[str] | None, downstream: PartitionsDefinition | None, upstream: PartitionsDefinition
    ) -> Mapped:
        """Return the keys named."""
        return Mapped(self.partition_keys)

    def downstream_of(
        self, keys: Collection[str], upstream: PartitionsDefinition, downstream: PartitionsDefinition
    ) -> Collection[str]:
        """Return all keys where one named is among those asked for."""
        return downstream.get_partition_keys() if any(key in keys for key in self.partition_keys) else ()


class StaticPartitionMapping(PartitionMapping):
    """Says for each upstream key of a static definition which downstream keys need it."""

    __slots__ = ("downstream_partition_keys_by_upstream_partition_key",)
    downstream_partition_keys_by_upstream_partition_key: Mapping[str, str | Collection[str]]

    def __init__(
        self, downstream_partition_keys_by_upstream_partition_key: Mapping[str, str | Collection[str]]
    ) -> None:
        given = downstream_partition_keys_by_upstream_partition_key
        if not isinstance(given, Mapping):
            raise TypeError(f"StaticPartitionMapping takes a dict of downstream keys by upstream key, not {given!r}.")
        for key, needed in given.items():
            if not isinstance(key, str) or not isinstance(needed, Collection):
                raise TypeError(f"StaticPartitionMapping takes a key or several for a key, not {key!r}: {needed!r}.")
        self._set(downstream_partition_keys_by_upstream_partition_key=dict(given))

    @property
    def description(self) -> str:
        """What the mapping does, in a sentence."""
        return f"Maps upstream keys to downstream keys: {dict(self._pairs())}."

    def validate_partition_mapping(
        self, upstream_partitions_def: PartitionsDefinition, downstream_partitions_def: PartitionsDefinition | None
    ) -> None:
        """Raise where one of the two is not static, or lacks a key that the mapping names."""
        for side, definition in (("Upstream", upstream_partitions_def), ("Downstream", downstream_partitions_def)):
            if not isinstance(definition, StaticPartitionsDefinition):
                raise InvalidDefinition(f"{side} partitions have to be static for a StaticPartitionMapping.")
        self._check(upstream_partitions_def, [key for key, _ in self._pairs()], "upstream")
        assert downstream_partitions_def is not None
        self._check(downstream_partitions_def, [key for _, keys in self._pairs() for key in keys], "downstream")

    def upstream_of(
        self, keys: Collection[str] | None, downstream: PartitionsDefinition | None, upstream: PartitionsDefinition
    ) -> Mapped:
        """Return the keys that the mapping names for these."""
        self._check(upstream, [key for key, _ in self._pairs()], "upstream")
        wanted = set(keys or ())
        return Mapped([key for key, needed in self._pairs() if wanted & needed])

    def downstream_of(
        self, keys: Collection[str], upstream: PartitionsDefinition, downstream: PartitionsDefinition
    ) -> Collection[str]:
        """Return the keys that the mapping names for these."""
        self._check(downstream, [key for _, needed in self._pairs() for key in needed], "downstream")
        return {each for key, needed in self._pairs() if key in keys for each in needed}

    def _pairs(self) -> list[tuple[str, set[str]]]:
        given = self.downstream_partition_keys_by_upstream_partition_key
        return [(key, {needed} if isinstance(needed, str) else set(needed)) for key, needed in given.items()]

    def _check(self, definition: PartitionsDefinition, named: Iterable[str], side: str) -> None:
        if not isinstance(definition, StaticPartitionsDefinition):
            raise InvariantViolation("StaticPartitionMapping maps between static partitions only.")
        known = definition.get_partition_keys()
        unknown = next((key for key in named if key not in known), None)
        if unknown is not None:
            raise ValueError(f"StaticPartitionMapping names '{unknown}', which is no {side} partition.")

    def __hash__(self) -> int:
        return hash(tuple((key, frozenset(needed)) for key, needed in self._pairs()))
