"""Wishes that the keys of dynamic partitions change, as sensors give them, and the keys as they would be then.

Source: Dagster's classes of these names.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple, Self

from jobkernel.errors import InvalidDefinition
from jobkernel.model.partition_loading import DynamicKeys, KeptHere


class _Change(NamedTuple):
    partitions_def_name: str
    partition_keys: Sequence[str]


class _Checked(_Change):
    __slots__ = ()

    def __new__(cls, partitions_def_name: str, partition_keys: Sequence[str]) -> Self:
        if not isinstance(partitions_def_name, str):
            raise InvalidDefinition(f"partitions_def_name of {cls.__name__} is a text, not {partitions_def_name!r}.")
        is_list = isinstance(partition_keys, Sequence) and not isinstance(partition_keys, str)
        if not is_list or not all(isinstance(key, str) for key in partition_keys):
            raise InvalidDefinition(f"partition_keys of {cls.__name__} is a list of texts, not {partition_keys!r}.")
        return super().__new__(cls, partitions_def_name, partition_keys)


class AddDynamicPartitionsRequest(_Checked):
    """The wish that dynamic partitions be added; raises InvalidDefinition where the keys are no texts."""

    __slots__ = ()


class DeleteDynamicPartitionsRequest(_Checked):
    """The wish that dynamic partitions be deleted; raises InvalidDefinition where the keys are no texts."""

    __slots__ = ()


PartitionsRequest = AddDynamicPartitionsRequest | DeleteDynamicPartitionsRequest
"""A change of a dynamic partition set."""


class AfterChanges(KeptHere):
    """The dynamic keys that ``kept`` keeps, as they will be when changes are made; nothing is changed there."""

    def __init__(self, kept: DynamicKeys | None, changes: Iterable[PartitionsRequest] = ()) -> None:
        super().__init__()
        self._kept = kept
        for change in changes:
            self.make(change)

    def make(self, change: PartitionsRequest) -> None:
        """Count one more change in."""
        name = change.partitions_def_name
        if name not in self._keys:
            self.add_dynamic_partitions(name, self.get_dynamic_partitions(name))
        if isinstance(change, AddDynamicPartitionsRequest):
            self.add_dynamic_partitions(name, change.partition_keys)
        else:
            for key in change.partition_keys:
                self.delete_dynamic_partition(name, key)

    def get_dynamic_partitions(self, partitions_def_name: str) -> list[str]:
        """Return the keys of that name."""
        if partitions_def_name in self._keys or self._kept is None:
            return super().get_dynamic_partitions(partitions_def_name)
        return list(self._kept.get_dynamic_partitions(partitions_def_name))

    def has_dynamic_partition(self, partitions_def_name: str, partition_key: str) -> bool:
        """Whether that key will be there."""
        if partitions_def_name in self._keys or self._kept is None:
            return super().has_dynamic_partition(partitions_def_name, partition_key)
        return self._kept.has_dynamic_partition(partitions_def_name, partition_key)
