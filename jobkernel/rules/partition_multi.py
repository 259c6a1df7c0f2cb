"""Partitions of two dimensions: one for every pair of keys. Names and parameters are Dagster's."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence, Set
from datetime import datetime
from itertools import groupby, product
from typing import Any, Final, NamedTuple

from jobkernel.errors import InvalidDefinition, InvalidInvocation, InvariantViolation, UnknownName, did_you_mean
from jobkernel.model.partition_keys import DELIMITER, RESERVED_IN_PARTS, MultiPartitionKey
from jobkernel.model.partition_loading import DynamicKeys
from jobkernel.model.partition_loading import partition_loading_context as loading
from jobkernel.model.partition_range import PartitionKeyRange, TimeWindow
from jobkernel.model.partitions import (
    DynamicPartitionsDefinition,
    PartitionsDefinition,
    StaticPartitionsDefinition,
)
from jobkernel.model.run_tags import PARTITION_TAG
from jobkernel.rules.partition_windows import TimeWindowPartitionsDefinition

_DIMENSIONS: Final = (StaticPartitionsDefinition, TimeWindowPartitionsDefinition, DynamicPartitionsDefinition)


class PartitionDimensionDefinition(NamedTuple):
    """One dimension: its name and its partitions."""

    name: str
    partitions_def: PartitionsDefinition


class MultiPartitionsDefinition(PartitionsDefinition):
    """A partition for every pair of keys of two dimensions, the first by name outermost."""

    __slots__ = ("_dimensions",)
    _dimensions: tuple[PartitionDimensionDefinition, ...]

    def __init__(self, partitions_defs: Mapping[str, PartitionsDefinition]) -> None:
        """Take two definitions by dimension name.

        Raises:
            InvalidInvocation: there are not two.
            InvalidDefinition: a dimension is itself of two, is dynamic without a name, or has a key with ``|,[]``.
        """
        if not isinstance(partitions_defs, Mapping):
            raise TypeError(f"MultiPartitionsDefinition takes a dict of definitions by name, not {partitions_defs!r}.")
        if len(partitions_defs) != 2:
            raise InvalidInvocation(f"MultiPartitionsDefinition takes two dimensions, not {len(partitions_defs)}.")
        for name, definition in partitions_defs.items():
            _check_dimension(name, definition)
        made = (PartitionDimensionDefinition(name, partitions_defs[name]) for name in sorted(partitions_defs))
        self._set(_dimensions=tuple(made))

    @property
    def partitions_defs(self) -> list[PartitionDimensionDefinition]:
        """The dimensions, in order of their names."""
        return list(self._dimensions)

    @property
    def partition_dimension_names(self) -> list[str]:
        """The names of the dimensions, in order."""
        return [dimension.name for dimension in self._dimensions]

    def get_partitions_def_for_dimension(self, dimension_name: str) -> PartitionsDefinition:
        """Return the partitions of a dimension.

        Raises:
            InvariantViolation: there is none of that name.
        """
        for dimension in self._dimensions:
            if dimension.name == dimension_name:
                return dimension.partitions_def
        guess = did_you_mean(dimension_name, self.partition_dimension_names)
        raise InvariantViolation(f"These partitions have no dimension '{dimension_name}'.{guess}")

    def get_partition_keys(
        self, current_time: datetime | None = None, dynamic_partitions_store: DynamicKeys | None = None
    ) -> list[MultiPartitionKey]:
        """Return the key of every pair that exists, the first dimension outermost."""
        with loading(current_time, dynamic_partitions_store):
            return self._pairs([each.partitions_def.get_partition_keys() for each in self._dimensions])

    def get_num_partitions(self) -> int:
        """Return how many pairs exist."""
        first, second = (each.partitions_def.get_num_partitions() for each in self._dimensions)
        return first * second

    def has_partition_key(self, partition_key: MultiPartitionKey | str) -> bool:
        """Whether a partition of that key exists.

        Raises:
            UnknownName: the key is of other dimensions.
        """
        if not isinstance(partition_key, MultiPartitionKey):
            if partition_key.count(DELIMITER) != 1:
                return False
            partition_key = self.get_partition_key_from_str(partition_key)
        parts = partition_key.keys_by_dimension
        if list(parts) != self.partition_dimension_names:
            raise UnknownName(f"Partition '{partition_key}' is of the dimensions {', '.join(parts)}.")
        return all(each.partitions_def.has_partition_key(parts[each.name]) for each in self._dimensions)

    def filter_valid_partition_keys(self, partition_keys: set[str]) -> Set[str]:
        """Return those of the keys that exist."""
        return {key for key in partition_keys if self.has_partition_key(str(key))}

    def get_partition_keys_in_range(
        self, partition_key_range: PartitionKeyRange, dynamic_partitions_store: DynamicKeys | None = None
    ) -> list[MultiPartitionKey]:
        """Return every pair of keys between the start's and the end's parts, in each dimension."""
        with loading(dynamic_partitions_store=dynamic_partitions_store):
            start, end = (self.get_partition_key_from_str(key).keys_by_dimension for key in partition_key_range)
            between = [
                each.partitions_def.get_partition_keys_in_range(PartitionKeyRange(start[each.name], end[each.name]))
                for each in self._dimensions
            ]
            return self._pairs(between)

    def get_partition_key_from_str(self, partition_key_str: str) -> MultiPartitionKey:
        """Return the key of two parts that a text says.

        Raises:
            InvariantViolation: the text does not have two parts.
        """
        if not isinstance(partition_key_str, str):
            raise TypeError(f"A partition key is a text, not {partition_key_str!r}.")
        parts = partition_key_str.split(DELIMITER)
        if len(parts) != 2:
            names = DELIMITER.join(self.partition_dimension_names)
            raise InvariantViolation(f"'{partition_key_str}' is no key of two dimensions; write it as {names}.")
        return MultiPartitionKey(dict(zip(self.partition_dimension_names, parts, strict=True)))

    def get_tags_for_partition_key(self, partition_key: str) -> Mapping[str, str]:
        """Return the tags of a run that makes this partition: the key, and its part in each dimension."""
        parts = self.get_partition_key_from_str(partition_key).keys_by_dimension
        return {PARTITION_TAG: str(partition_key), **{f"{PARTITION_TAG}/{name}": part for name, part in parts.items()}}

    def get_multipartition_keys_with_dimension_value(
        self, dimension_name: str, dimension_partition_key: str
    ) -> list[MultiPartitionKey]:
        """Return the keys whose part in one dimension is this, in order of the other."""
        self.get_partitions_def_for_dimension(dimension_name)
        other = next(each for each in self._dimensions if each.name != dimension_name)
        return [
            MultiPartitionKey({dimension_name: dimension_partition_key, other.name: key})
            for key in other.partitions_def.get_partition_keys()
        ]

    @property
    def has_time_window_dimension(self) -> bool:
        """Whether a dimension is by time."""
        return any(True for _ in self._by_time())

    @property
    def time_window_dimension(self) -> PartitionDimensionDefinition:
        """The dimension by time.

        Raises:
            InvariantViolation: none is, or both are.
        """
        found = list(self._by_time())
        if len(found) != 1:
            raise InvariantViolation(f"One dimension has to be by time, and here {len(found) or 'none'} are.")
        return found[0]

    @property
    def time_window_partitions_def(self) -> TimeWindowPartitionsDefinition:
        """The partitions by time."""
        definition = self.time_window_dimension.partitions_def
        assert isinstance(definition, TimeWindowPartitionsDefinition)
        return definition

    @property
    def primary_dimension(self) -> PartitionDimensionDefinition:
        """The dimension by time where one is, else the first by name."""
        found = list(self._by_time())
        return found[0] if len(found) == 1 else self._dimensions[0]

    @property
    def secondary_dimension(self) -> PartitionDimensionDefinition:
        """The other dimension than the primary one."""
        return next(each for each in self._dimensions if each is not self.primary_dimension)

    def time_window_for_partition_key(self, partition_key: str) -> TimeWindow:
        """Return the window of a key's part by time."""
        name = self.time_window_dimension.name
        part = self.get_partition_key_from_str(str(partition_key)).keys_by_dimension[name]
        return self.time_window_partitions_def.time_window_for_partition_key(part)

    def ranges_of(
        self, partition_keys: Collection[str], among: Iterable[str] | None = None
    ) -> list[tuple[MultiPartitionKey, ...]]:
        """Return the ranges that keys form in one dimension, each of one key of the other: of that with fewer keys.

        ``among`` are all keys in order, those that exist unless they are given.
        """
        wanted = frozenset(partition_keys)
        known = self.get_partition_keys() if among is None else among
        pairs = [key if isinstance(key, MultiPartitionKey) else self.get_partition_key_from_str(key) for key in known]
        by_each = (_rows(pairs, each.name) for each in (self.primary_dimension, self.secondary_dimension))
        fewest = min(by_each, key=lambda rows: sum(not wanted.isdisjoint(row) for row in rows))
        ranges = (groupby(row, key=wanted.__contains__) for row in fewest)
        return [tuple(keys) for each in ranges for is_wanted, keys in each if is_wanted]

    def _pairs(self, keys: Sequence[Sequence[str]]) -> list[MultiPartitionKey]:
        first, second = self.partition_dimension_names
        whole = [[key for key in each if DELIMITER not in key] for each in keys]
        return [MultiPartitionKey({first: one, second: other}) for one, other in product(*whole)]

    def _by_time(self) -> Iterator[PartitionDimensionDefinition]:
        return (each for each in self._dimensions if isinstance(each.partitions_def, TimeWindowPartitionsDefinition))

    def __str__(self) -> str:
        shown = (f"{each.name.capitalize()}: {each.partitions_def}" for each in self._dimensions)
        return "Multi-partitioned, with dimensions: \n" + " \n".join(shown)

    def __repr__(self) -> str:
        return f"MultiPartitionsDefinition({dict(self._dimensions)!r})"

    def __reduce__(self) -> Any:
        return type(self), (dict(self._dimensions),)


def _rows(pairs: Iterable[MultiPartitionKey], dimension: str) -> list[list[MultiPartitionKey]]:
    """Return the keys of each key of a dimension."""
    found: dict[str, list[MultiPartitionKey]] = {}
    for pair in pairs:
        found.setdefault(pair.keys_by_dimension[dimension], []).append(pair)
    return list(found.values())


def _check_dimension(name: Any, definition: Any) -> None:
    if not isinstance(name, str) or not isinstance(definition, PartitionsDefinition):
        raise TypeError(f"MultiPartitionsDefinition takes definitions by name, not {name!r}: {definition!r}.")
    if not isinstance(definition, _DIMENSIONS):
        raise InvalidDefinition(f"Dimension '{name}' has to be static, dynamic or by time.")
    if isinstance(definition, DynamicPartitionsDefinition) and definition.name is None:
        raise InvalidDefinition(f"Dimension '{name}' is dynamic and needs a name.")
    if isinstance(definition, StaticPartitionsDefinition):
        odd = next((key for key in definition.get_partition_keys() if RESERVED_IN_PARTS & set(key)), None)
        if odd is not None:
            raise InvalidDefinition(f"Dimension '{name}' has the key '{odd}'; no part of a key holds | , [ or ].")
