"""What every partitions definition answers, and the two kinds that need no calendar: static and dynamic.

Those by time and of two dimensions stand in :mod:`jobkernel.rules.partition_windows` and ``partition_multi``.
Names, parameters and what is refused: Dagster's ``PartitionsDefinition`` and its subclasses.
"""

from __future__ import annotations

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from datetime import datetime
from typing import Any

from jobkernel.errors import InvalidDefinition, InvalidInvocation, InvariantViolation, UnknownName, did_you_mean
from jobkernel.model.frozen import FrozenFields
from jobkernel.model.partition_keys import checked_keys
from jobkernel.model.partition_loading import DynamicKeys, PartitionLoadingContext, dynamic_keys
from jobkernel.model.partition_loading import partition_loading_context as loading
from jobkernel.model.partition_range import PartitionKeyRange
from jobkernel.model.partition_requests import AddDynamicPartitionsRequest, DeleteDynamicPartitionsRequest
from jobkernel.model.partition_subset import PartitionsSubset
from jobkernel.model.run_tags import PARTITION_TAG


class PartitionsDefinition(FrozenFields, ABC):
    """A set of partitions, each known by its key. Definitions never change and are equal by what they say."""

    __slots__ = ()

    @abstractmethod
    def get_partition_keys(
        self, current_time: datetime | None = None, dynamic_partitions_store: DynamicKeys | None = None
    ) -> Sequence[str]:
        """Return the keys that exist at ``current_time`` (default: now), in order."""

    def get_first_partition_key(self) -> str | None:
        """Return the first key; None where there is none."""
        keys = self.get_partition_keys()
        return keys[0] if keys else None

    def get_last_partition_key(self) -> str | None:
        """Return the last key; None where there is none."""
        keys = self.get_partition_keys()
        return keys[-1] if keys else None

    def get_num_partitions(self) -> int:
        """Return how many partitions exist."""
        return len(self.get_partition_keys())

    def has_partition_key(self, partition_key: str) -> bool:
        """Whether a partition of that key exists."""
        return partition_key in self.get_partition_keys()

    def filter_valid_partition_keys(self, partition_keys: set[str]) -> Set[str]:
        """Return those of the keys that exist."""
        return partition_keys & set(self.get_partition_keys())

    def get_partition_keys_in_range(self, partition_key_range: PartitionKeyRange) -> Sequence[str]:
        """Return the keys from a range's start to its end, both included; none where the end comes first.

        Raises:
            InvalidInvocation: one of the two does not exist.
        """
        keys = self.get_partition_keys()
        for key in partition_key_range:
            if key not in keys:
                raise InvalidInvocation(f"No partition '{key}' exists.{did_you_mean(key, keys)}")
        return keys[keys.index(partition_key_range.start) : keys.index(partition_key_range.end) + 1]

    def get_tags_for_partition_key(self, partition_key: str) -> Mapping[str, str]:
        """Return the tags of a run that makes this partition."""
        return {PARTITION_TAG: partition_key}

    def validate_partition_key(self, partition_key: str, context: PartitionLoadingContext) -> None:
        """Raise UnknownName where no partition of that key exists."""
        with loading(new_ctx=context):
            if not self.has_partition_key(partition_key):
                raise UnknownName(f"No partition '{partition_key}' exists.")

    def get_serializable_unique_identifier(self) -> str:
        """Return a text that is equal for definitions with equal keys."""
        return hashlib.sha256(json.dumps(list(self.get_partition_keys())).encode()).hexdigest()

    def empty_subset(self) -> PartitionsSubset:
        """Return the subset of no partitions."""
        return PartitionsSubset(self, ())

    def subset_with_partition_keys(self, partition_keys: Iterable[str]) -> PartitionsSubset:
        """Return the subset of these partitions."""
        return PartitionsSubset(self, partition_keys)

    def subset_with_all_partitions(self) -> PartitionsSubset:
        """Return the subset of all partitions that exist."""
        return PartitionsSubset(self, self.get_partition_keys())

    def __str__(self) -> str:
        return ", ".join(f"'{key}'" for key in self.get_partition_keys())


class StaticPartitionsDefinition(PartitionsDefinition):
    """A fixed list of keys, in the order given."""

    __slots__ = ("_partition_keys",)
    _partition_keys: tuple[str, ...]

    def __init__(self, partition_keys: Sequence[str]) -> None:
        """Take the keys.

        Raises:
            InvalidDefinition: a key comes twice, or holds ``...`` or a control character.
        """
        self._set(_partition_keys=checked_keys(partition_keys, "StaticPartitionsDefinition"))

    def get_partition_keys(
        self, current_time: datetime | None = None, dynamic_partitions_store: DynamicKeys | None = None
    ) -> list[str]:
        """Return the keys, in the order given."""
        return list(self._partition_keys)

    def __repr__(self) -> str:
        return f"StaticPartitionsDefinition(partition_keys={list(self._partition_keys)})"


class Partition(FrozenFields):
    """A partition as older functions give and take it: a value, and its name."""

    __slots__ = ("value", "name")  # noqa: RUF023  - the order that __init__ takes
    value: Any
    name: str

    def __init__(self, value: Any, name: str | None = None) -> None:
        self._set(value=value, name=name or str(value))


class DynamicPartitionsDefinition(PartitionsDefinition):
    """Keys that are added and deleted while the project lives, kept under a name; or computed by a function."""

    __slots__ = ("partition_fn", "name")  # noqa: RUF023  - the order that __init__ takes
    partition_fn: Callable[[datetime | None], Sequence[Any]] | None
    name: str | None

    def __init__(
        self, partition_fn: Callable[[datetime | None], Sequence[Any]] | None = None, name: str | None = None
    ) -> None:
        """Take the name (or the older function).

        Raises:
            InvalidDefinition: neither or both are given.
        """
        if partition_fn is not None and not callable(partition_fn):
            raise TypeError(f"DynamicPartitionsDefinition takes a function, not {partition_fn!r}; give name=.")
        if name is not None and not isinstance(name, str):
            raise TypeError(f"DynamicPartitionsDefinition takes a name of type str, not {name!r}.")
        if (partition_fn is None) is (not name):
            raise InvalidDefinition("DynamicPartitionsDefinition takes one of 'name' and 'partition_fn'.")
        self._set(partition_fn=partition_fn, name=name)

    def get_partition_keys(
        self, current_time: datetime | None = None, dynamic_partitions_store: DynamicKeys | None = None
    ) -> list[str]:
        """Return the keys in the order in which they were added.

        Raises:
            InvariantViolation: nobody who keeps them was given.
        """
        if self.partition_fn is not None:
            found = self.partition_fn(current_time)
            return [each.name if isinstance(each, Partition) else each for each in found]
        return list(dynamic_keys(dynamic_partitions_store).get_dynamic_partitions(self._named()))

    def has_partition_key(
        self,
        partition_key: str,
        current_time: datetime | None = None,
        dynamic_partitions_store: DynamicKeys | None = None,
    ) -> bool:
        """Whether that key was added."""
        if self.partition_fn is not None:
            return partition_key in self.get_partition_keys(current_time)
        return dynamic_keys(dynamic_partitions_store).has_dynamic_partition(self._named(), partition_key)

    def build_add_request(self, partition_keys: Sequence[str]) -> AddDynamicPartitionsRequest:
        """Return the wish that these keys be added, for a sensor's result."""
        return AddDynamicPartitionsRequest(self._named(), _texts(partition_keys, "build_add_request"))

    def build_delete_request(self, partition_keys: Sequence[str]) -> DeleteDynamicPartitionsRequest:
        """Return the wish that these keys be deleted, for a sensor's result."""
        return DeleteDynamicPartitionsRequest(self._named(), _texts(partition_keys, "build_delete_request"))

    def _named(self) -> str:
        if self.name is None:
            raise InvariantViolation("Dynamic partitions need a name before their keys can be kept.")
        return self.name

    def __str__(self) -> str:
        return f'Dynamic partitions: "{self.name}"' if self.name else super().__str__()


def _texts(keys: Any, what: str) -> Sequence[str]:
    if isinstance(keys, str) or not isinstance(keys, Sequence) or not all(isinstance(key, str) for key in keys):
        raise TypeError(f"{what} takes a list of partition keys, not {keys!r}.")
    return keys


def check_partitions(given: Any, what: str) -> None:
    """Raise TypeError where partitions are given that are no definition."""
    if given is not None and not isinstance(given, PartitionsDefinition):
        raise TypeError(f"{what} takes a partitions definition as partitions_def, not {given!r}.")
