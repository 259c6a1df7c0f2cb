"""Mappings in which one side or both have two dimensions: each dimension is mapped by itself."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Collection, Mapping, Sequence
from itertools import product
from typing import ClassVar, NamedTuple

from jobkernel.errors import InvalidDefinition, InvariantViolation
from jobkernel.model.partition_keys import MultiPartitionKey
from jobkernel.model.partitions import PartitionsDefinition
from jobkernel.rules.partition_mapping import IdentityPartitionMapping, Mapped, PartitionMapping
from jobkernel.rules.partition_multi import MultiPartitionsDefinition
from jobkernel.rules.partition_window_mapping import TimeWindowPartitionMapping
from jobkernel.rules.partition_windows import TimeWindowPartitionsDefinition


class _DimensionMapping(NamedTuple):
    dimension_name: str
    partition_mapping: PartitionMapping


class DimensionPartitionMapping(_DimensionMapping):
    """The downstream dimension that an upstream dimension is mapped to, and how."""

    __slots__ = ()

    def __new__(cls, dimension_name: str, partition_mapping: PartitionMapping) -> DimensionPartitionMapping:
        """Take the dimension's name and the mapping.

        Raises:
            TypeError: either is something else.
        """
        if not isinstance(dimension_name, str):
            raise TypeError(f"DimensionPartitionMapping takes the name of a dimension, not {dimension_name!r}.")
        if not isinstance(partition_mapping, PartitionMapping):
            raise TypeError(f"DimensionPartitionMapping takes a partition mapping, not {partition_mapping!r}.")
        return super().__new__(cls, dimension_name, partition_mapping)


class Dimensions(NamedTuple):
    """A pair of dimensions that are mapped; None stands for a side that has only one."""

    mapping: PartitionMapping
    upstream: str | None
    downstream: str | None


class _Side(NamedTuple):
    """A definition, seen as dimensions by name; one without dimensions has a single one, named None."""

    definition: PartitionsDefinition

    def of(self, name: str | None) -> PartitionsDefinition:
        if isinstance(self.definition, MultiPartitionsDefinition):
            assert name is not None
            return self.definition.get_partitions_def_for_dimension(name)
        return self.definition

    def names(self) -> list[str | None]:
        known = isinstance(self.definition, MultiPartitionsDefinition)
        return [*self.definition.partition_dimension_names] if known else [None]  # type: ignore[attr-defined]

    def parts(self, key: str) -> dict[str | None, str]:
        if isinstance(self.definition, MultiPartitionsDefinition):
            return dict(self.definition.get_partition_key_from_str(str(key)).keys_by_dimension.items())
        return {None: key}

    def key(self, parts: Mapping[str | None, str]) -> str:
        if isinstance(self.definition, MultiPartitionsDefinition):
            return MultiPartitionKey({str(name): part for name, part in parts.items()})
        return parts[None]


class _ByDimension(PartitionMapping):
    """Maps each dimension by itself; a dimension of the other side that nothing is mapped to gives all its keys."""

    __slots__ = ()

    @abstractmethod
    def dimensions(self, upstream: PartitionsDefinition, downstream: PartitionsDefinition) -> Sequence[Dimensions]:
        """Return which dimensions are mapped, and how."""

    def upstream_of(
        self, keys: Collection[str] | None, downstream: PartitionsDefinition | None, upstream: PartitionsDefinition
    ) -> Mapped:
        """Return the upstream keys that these need in each dimension."""
        if keys is None or downstream is None:
            raise InvariantViolation("An asset without partitions cannot be mapped by dimensions.")
        own, other, missing = _Side(downstream), _Side(upstream), dict[str, None]()
        pairs = {pair.downstream: pair for pair in self.dimensions(upstream, downstream)}

        def mapped(name: str | None, part: str) -> Collection[str]:
            pair = pairs[name]
            found = pair.mapping.upstream_of([part], own.of(name), other.of(pair.upstream))
            missing.update(dict.fromkeys(found.missing))
            return found.keys

        names = {name: pair.upstream for name, pair in pairs.items()}
        return Mapped(_crossed(keys, own, other, names, mapped), list(missing))

    def downstream_of(
        self, keys: Collection[str], upstream: PartitionsDefinition, downstream: PartitionsDefinition
    ) -> Collection[str]:
        """Return the downstream keys that need these in each dimension."""
        own, other = _Side(upstream), _Side(downstream)
        pairs = {pair.upstream: pair for pair in self.dimensions(upstream, downstream)}

        def mapped(name: str | None, part: str) -> Collection[str]:
            pair = pairs[name]
            return pair.mapping.downstream_of([part], own.of(name), other.of(pair.downstream))

        names = {name: pair.downstream for name, pair in pairs.items()}
        return _crossed(keys, own, other, names, mapped)


def _crossed(
    keys: Collection[str],
    own: _Side,
    other: _Side,
    names: Mapping[str | None, str | None],
    mapped: Callable[[str | None, str], Collection[str]],
) -> list[str]:
    """Return every key of the other side whose parts are what these keys' parts are mapped to."""
    free = {name: other.of(name).get_partition_keys() for name in other.names() if name not in names.values()}
    known: dict[tuple[str | None, str], Collection[str]] = {}
    found: dict[str, None] = {}
    for key in keys:
        parts = own.parts(key)
        columns: dict[str | None, Collection[str]] = dict(free)
        for name, target in names.items():
            if (name, parts[name]) not in known:
                known[name, parts[name]] = mapped(name, parts[name])
            columns[target] = known[name, parts[name]]
        for row in product(*columns.values()):
            found[other.key(dict(zip(columns, row, strict=True)))] = None
    return list(found)


class MultiToSingleDimensionPartitionMapping(_ByDimension):
    """Between partitions of two dimensions and partitions of one of them: keys need those that agree in it."""

    __slots__ = ("partition_dimension_name",)
    partition_dimension_name: str | None
    description: ClassVar[str] = "Each partition depends on those that agree with it in the shared dimension."

    def __init__(self, partition_dimension_name: str | None = None) -> None:
        if partition_dimension_name is not None and not isinstance(partition_dimension_name, str):
            raise TypeError(f"MultiToSingleDimensionPartitionMapping takes a name, not {partition_dimension_name!r}.")
        self._set(partition_dimension_name=partition_dimension_name)

    def validate_partition_mapping(
        self, upstream_partitions_def: PartitionsDefinition, downstream_partitions_def: PartitionsDefinition | None
    ) -> None:
        """Raise where no dimension is shared, or more than one."""
        if downstream_partitions_def is None:
            raise InvalidDefinition("MultiToSingleDimensionPartitionMapping needs partitions on both sides.")
        self.dimensions(upstream_partitions_def, downstream_partitions_def)

    def dimensions(self, upstream: PartitionsDefinition, downstream: PartitionsDefinition) -> Sequence[Dimensions]:
        """Return the dimension that both sides share.

        Raises:
            InvariantViolation: none is shared, or more than one.
        """
        found = shared_dimension(upstream, downstream, self.partition_dimension_name)
        if isinstance(found, str):
            raise InvariantViolation(found)
        return [found]


def shared_dimension(
    upstream: PartitionsDefinition, downstream: PartitionsDefinition, name: str | None = None
) -> Dimensions | str:
    """Return the dimension that a definition of two and one of one share; a sentence where there is not one."""
    multis = [each for each in (upstream, downstream) if isinstance(each, MultiPartitionsDefinition)]
    if len(multis) != 1:
        return "MultiToSingleDimensionPartitionMapping needs two dimensions on one side and one on the other."
    single = downstream if multis[0] is upstream else upstream
    among = [each for each in multis[0].partitions_defs if name in (None, each.name)]
    if not among:
        return f"Partitions of {' and '.join(multis[0].partition_dimension_names)} have no dimension '{name}'."
    equal = [each.name for each in among if each.partitions_def == single]
    if len(equal) > 1:
        return f"Both dimensions, {' and '.join(equal)}, are like the other side; name one of them."
    mapping: PartitionMapping = IdentityPartitionMapping()
    if not equal and isinstance(single, TimeWindowPartitionsDefinition):
        equal = [each.name for each in among if isinstance(each.partitions_def, TimeWindowPartitionsDefinition)]
        mapping = TimeWindowPartitionMapping()
    if len(equal) != 1:
        return "No dimension is like the partitions of the other side; give a partition mapping."
    return Dimensions(mapping, equal[0], None) if multis[0] is upstream else Dimensions(mapping, None, equal[0])


class MultiPartitionMapping(_ByDimension):
    """Says for each upstream dimension which downstream dimension it is mapped to, and how; others need all."""

    __slots__ = ("downstream_mappings_by_upstream_dimension",)
    downstream_mappings_by_upstream_dimension: Mapping[str, DimensionPartitionMapping]

    def __init__(self, downstream_mappings_by_upstream_dimension: Mapping[str, DimensionPartitionMapping]) -> None:
        given = downstream_mappings_by_upstream_dimension
        if not isinstance(given, Mapping):
            raise TypeError(f"MultiPartitionMapping takes a dict by upstream dimension, not {given!r}.")
        for name, mapping in given.items():
            if not isinstance(name, str) or not isinstance(mapping, DimensionPartitionMapping):
                raise TypeError(f"MultiPartitionMapping takes DimensionPartitionMappings, not {name!r}: {mapping!r}.")
        self._set(downstream_mappings_by_upstream_dimension=dict(given))

    @property
    def description(self) -> str:
        """What the mapping does, in a sentence."""
        given = self.downstream_mappings_by_upstream_dimension.items()
        shown = (f"{name} to {each.dimension_name} ({type(each.partition_mapping).__name__})" for name, each in given)
        return f"Maps upstream dimensions: {', '.join(shown)}."

    def validate_partition_mapping(
        self, upstream_partitions_def: PartitionsDefinition, downstream_partitions_def: PartitionsDefinition | None
    ) -> None:
        """Raise where a side has not two dimensions, or lacks one that is named."""
        if downstream_partitions_def is None:
            raise InvariantViolation("MultiPartitionMapping needs two dimensions on both sides.")
        self.dimensions(upstream_partitions_def, downstream_partitions_def)

    def dimensions(self, upstream: PartitionsDefinition, downstream: PartitionsDefinition) -> Sequence[Dimensions]:
        """Return the dimensions that are named.

        Raises:
            InvariantViolation: a side has not two dimensions, lacks one, or one is named twice.
        """
        if not isinstance(upstream, MultiPartitionsDefinition) or not isinstance(downstream, MultiPartitionsDefinition):
            raise InvariantViolation("MultiPartitionMapping needs two dimensions on both sides.")
        given = self.downstream_mappings_by_upstream_dimension
        for name, mapping in given.items():
            upstream.get_partitions_def_for_dimension(name)
            downstream.get_partitions_def_for_dimension(mapping.dimension_name)
        targets = [mapping.dimension_name for mapping in given.values()]
        if len(set(targets)) < len(targets):
            raise InvariantViolation(f"MultiPartitionMapping maps two dimensions to '{targets[0]}'.")
        return [Dimensions(each.partition_mapping, name, each.dimension_name) for name, each in given.items()]

    def __hash__(self) -> int:
        return hash(frozenset((name, each[0]) for name, each in self.downstream_mappings_by_upstream_dimension.items()))
