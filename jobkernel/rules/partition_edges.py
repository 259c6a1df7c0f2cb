"""Which partitions stand on the two ends of a dependency. Pure: keys in, keys out.

``None`` stands for the partitions of an asset that has none. Callers set as of when, and who keeps dynamic keys, by
:func:`jobkernel.model.partition_loading.partition_loading_context`.
"""

from __future__ import annotations

from collections.abc import Collection

from jobkernel.model.partition_subset import PartitionsSubset
from jobkernel.model.partitions import PartitionsDefinition
from jobkernel.rules.partition_mapping import AllPartitionMapping, IdentityPartitionMapping, Mapped, PartitionMapping
from jobkernel.rules.partition_multi_mapping import MultiToSingleDimensionPartitionMapping, shared_dimension
from jobkernel.rules.partition_window_mapping import TimeWindowPartitionMapping
from jobkernel.rules.partition_windows import TimeWindowPartitionsDefinition


def mapping_between(
    upstream: PartitionsDefinition | None,
    downstream: PartitionsDefinition | None,
    given: PartitionMapping | None = None,
) -> PartitionMapping:
    """Return the mapping given, else the one that Dagster infers from the two definitions."""
    if given is not None:
        return given
    if upstream is None or downstream is None:
        return AllPartitionMapping()
    if not isinstance(shared_dimension(upstream, downstream), str):
        return MultiToSingleDimensionPartitionMapping()
    both = isinstance(upstream, TimeWindowPartitionsDefinition), isinstance(downstream, TimeWindowPartitionsDefinition)
    return TimeWindowPartitionMapping() if all(both) else IdentityPartitionMapping()


def upstream_keys(
    keys: Collection[str] | None,
    *,
    downstream: PartitionsDefinition | None,
    upstream: PartitionsDefinition | None,
    mapping: PartitionMapping | None = None,
) -> Mapped:
    """Return the upstream keys that these downstream keys need, in order, and those needed that do not exist.

    ``keys`` is None for a downstream asset without partitions; an upstream asset without any needs no keys.

    Raises:
        InvalidDefinition: the mapping cannot map these two, e.g. their time zones differ.
    """
    if upstream is None:
        return Mapped([])
    found = mapping_between(upstream, downstream, mapping).upstream_of(keys, downstream, upstream)
    return Mapped(
        PartitionsSubset(upstream, found.keys).get_partition_keys(),
        PartitionsSubset(upstream, found.missing).get_partition_keys(),
    )


def downstream_keys(
    keys: Collection[str] | None,
    *,
    upstream: PartitionsDefinition | None,
    downstream: PartitionsDefinition | None,
    mapping: PartitionMapping | None = None,
) -> list[str]:
    """Return the downstream keys that need any of these upstream keys, in order.

    ``keys`` is None for an upstream asset without partitions: all need it.
    """
    if downstream is None:
        return []
    if upstream is None or keys is None:
        return list(downstream.get_partition_keys())
    found = mapping_between(upstream, downstream, mapping).downstream_of(keys, upstream, downstream)
    return PartitionsSubset(downstream, found).get_partition_keys()
