"""Which partitions are meant: all of an asset, the latest by time, those of another asset that belong to some.

Pure but for the instant and the dynamic keys that callers set by ``partition_loading_context``. Called by the
evaluation of conditions, which makes one of these for each look.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from jobkernel.model.partition_range import TimeWindow
from jobkernel.model.partitions import PartitionsDefinition
from jobkernel.rules.conditions_facts import NONE, WHOLE, ConditionGraph, Key, Subset
from jobkernel.rules.partition_edges import mapping_between
from jobkernel.rules.partition_mapping import IdentityPartitionMapping
from jobkernel.rules.partition_multi import MultiPartitionsDefinition
from jobkernel.rules.partition_window_mapping import TimeWindowPartitionMapping
from jobkernel.rules.partition_windows import TimeWindowPartitionsDefinition


class Subsets:
    """Answers for the assets and checks of one graph, at one look; what was asked once is kept."""

    def __init__(self, graph: ConditionGraph) -> None:
        self._graph = graph
        self._full: dict[Any, Subset] = {}

    def full(self, key: Key) -> Subset:
        """Return all partitions of an asset."""
        definition = self._graph.node(key).partitions
        if definition is None:
            return WHOLE
        place = definition if isinstance(definition, TimeWindowPartitionsDefinition) else key
        if place not in self._full:
            self._full[place] = frozenset(map(str, definition.get_partition_keys()))
        return self._full[place]

    def known(self, key: Key, partitions: Iterable[str | None]) -> Subset:
        """Return those of some partitions that the asset has."""
        found = frozenset(partitions)
        return found & self.full(key) if found else NONE

    def mapped(self, subset: Subset, key: Key, other: Key) -> Subset:
        """Return the partitions of ``other`` that belong to some of ``key``: downstream where it depends on ``key``."""
        is_down = key != other and other in self._graph.children.get(key, ())
        return self.down(subset, key, other) if is_down else self.up(subset, key, other)

    def back(self, subset: Subset, key: Key, other: Key) -> Subset:
        """Return the partitions of ``key`` that belong to some of ``other``: the way back of :meth:`mapped`."""
        is_down = key != other and other in self._graph.children.get(key, ())
        return self.up(subset, other, key) if is_down else self.down(subset, other, key)

    def up(self, subset: Subset, key: Key, upstream: Key) -> Subset:
        """Return the upstream partitions that some partitions of ``key`` need."""
        node, above = self._graph.node(key), self._graph.node(upstream)
        if not subset or above.partitions is None:
            return self.full(upstream) if subset else NONE
        mapping = mapping_between(above.partitions, node.partitions, node.mappings.get(str(upstream)))
        keys = None if node.partitions is None else [each for each in subset if each is not None]
        return frozenset(map(str, mapping.upstream_of(keys, node.partitions, above.partitions).keys))

    def down(self, subset: Subset, key: Key, downstream: Key) -> Subset:
        """Return the downstream partitions that need some partitions of ``key``."""
        node, below = self._graph.node(key), self._graph.node(downstream)
        if not subset or node.partitions is None or below.partitions is None:
            return self.full(downstream) if subset else NONE
        mapping = mapping_between(node.partitions, below.partitions, below.mappings.get(str(key)))
        keys = [each for each in subset if each is not None]
        return frozenset(map(str, mapping.downstream_of(keys, node.partitions, below.partitions)))

    def latest(self, key: Key, lookback: timedelta | None) -> Subset:
        """Return the last partition by time, or those within ``lookback`` of its end; all where none are by time."""
        definition = self._graph.node(key).partitions
        if isinstance(definition, TimeWindowPartitionsDefinition):
            return frozenset(_latest(definition, lookback)) & self.full(key)
        if isinstance(definition, MultiPartitionsDefinition):
            for place, dimension in enumerate(definition.partitions_defs):
                if isinstance(dimension.partitions_def, TimeWindowPartitionsDefinition):
                    wanted = set(_latest(dimension.partitions_def, lookback))
                    return frozenset(each for each in self.full(key) if str(each).split("|")[place] in wanted)
        return self.full(key)

    def can_share_run(self, key: Key, upstream: Key) -> bool:
        """Whether one run can make an asset and another that it may depend on, partition by partition."""
        node, above = self._graph.node(key), self._graph.node(upstream)
        if node.partitions is None or node.partitions != above.partitions:
            return node.partitions == above.partitions
        mapping = mapping_between(above.partitions, node.partitions, node.mappings.get(str(upstream)))
        return isinstance(mapping, IdentityPartitionMapping | TimeWindowPartitionMapping)


def shape_of(definition: PartitionsDefinition | None) -> str:
    """Return what a remembered subset is compared by: empty, ``keys``, or which windows of time."""
    if definition is None:
        return ""
    if isinstance(definition, TimeWindowPartitionsDefinition):
        return "time:" + hashlib.sha256(repr(definition).encode()).hexdigest()[:12]
    return "keys"


def still_fits(shape: str, keys: Subset, definition: PartitionsDefinition | None) -> bool:
    """Whether a subset that was remembered under a shape means something among the partitions of now."""
    if shape == "keys" and isinstance(definition, TimeWindowPartitionsDefinition):
        return all(definition.has_partition_key(str(key)) for key in keys)
    return shape == shape_of(definition)


def _latest(definition: TimeWindowPartitionsDefinition, lookback: timedelta | None) -> Iterable[str]:
    window = definition.get_last_partition_window()
    if window is None:
        return ()
    begins: datetime = max(definition.start, window.end - lookback) if lookback else window.start
    return definition.get_partition_keys_in_time_window(TimeWindow(begins, window.end))
