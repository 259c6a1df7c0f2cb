"""Wishes that the keys of dynamic partitions change, as sensors give them. Source: Dagster's classes of these names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Self

from jobkernel.errors import InvalidDefinition


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
