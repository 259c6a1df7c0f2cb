"""Some of the partitions of a definition: set arithmetic, order, and the ranges that they form.

A subset is a set of keys beside the definition that gives them their order; 10 000 keys take a few milliseconds.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from jobkernel.model.partition_range import PartitionKeyRange

if TYPE_CHECKING:
    from jobkernel.model.partitions import PartitionsDefinition


class PartitionsSubset:
    """Some partitions of a definition. Subsets are equal where their keys are."""

    __slots__ = ("keys", "partitions_def")

    def __init__(self, partitions_def: PartitionsDefinition, keys: Iterable[str]) -> None:
        self.partitions_def = partitions_def
        self.keys = frozenset(keys)

    def get_partition_keys(self) -> list[str]:
        """Return the keys, in the definition's order; those that do not exist come last, sorted."""
        if len(self.keys) <= 1:
            return list(self.keys)
        known = [key for key in self.partitions_def.get_partition_keys() if key in self.keys]
        return known if len(known) == len(self.keys) else known + sorted(self.keys.difference(known))

    def get_partition_keys_not_in_subset(self) -> list[str]:
        """Return the keys that exist and are not in the subset, in order."""
        return [key for key in self.partitions_def.get_partition_keys() if key not in self.keys]

    def get_partition_key_ranges(self) -> list[PartitionKeyRange]:
        """Return the contiguous ranges that the keys form, in order."""
        return ranges_of(self.partitions_def.get_partition_keys(), self.keys)

    def with_partition_keys(self, partition_keys: Iterable[str]) -> PartitionsSubset:
        """Return the subset with these keys added."""
        return PartitionsSubset(self.partitions_def, self.keys.union(partition_keys))

    @property
    def is_empty(self) -> bool:
        """Whether no partition is in it."""
        return not self.keys

    def __or__(self, other: PartitionsSubset) -> PartitionsSubset:
        return PartitionsSubset(self.partitions_def, self.keys | other.keys)

    def __and__(self, other: PartitionsSubset) -> PartitionsSubset:
        return PartitionsSubset(self.partitions_def, self.keys & other.keys)

    def __sub__(self, other: PartitionsSubset) -> PartitionsSubset:
        return PartitionsSubset(self.partitions_def, self.keys - other.keys)

    def __contains__(self, key: object) -> bool:
        return key in self.keys

    def __len__(self) -> int:
        return len(self.keys)

    def __iter__(self) -> Iterator[str]:
        return iter(self.get_partition_keys())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, PartitionsSubset) and self.keys == other.keys

    def __hash__(self) -> int:
        return hash(self.keys)

    def __repr__(self) -> str:
        return f"PartitionsSubset({self.get_partition_keys()})"


def ranges_of(ordered: Sequence[str], chosen: Iterable[str]) -> list[PartitionKeyRange]:
    """Return the contiguous ranges that the chosen keys form among all keys in order."""
    wanted = chosen if isinstance(chosen, (set, frozenset)) else set(chosen)
    found: list[PartitionKeyRange] = []
    first: str | None = None
    last = ""
    for key in ordered:
        if key in wanted:
            first, last = (key if first is None else first), key
        elif first is not None:
            found.append(PartitionKeyRange(first, last))
            first = None
    if first is not None:
        found.append(PartitionKeyRange(first, last))
    return found
