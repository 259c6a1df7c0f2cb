"""A first and a last partition, both meant: :class:`PartitionKeyRange`. Source: Dagster's class of that name."""

from __future__ import annotations

from typing import NamedTuple


class PartitionKeyRange(NamedTuple):
    """The partitions from ``start`` to ``end``, both included."""

    start: str
    end: str
