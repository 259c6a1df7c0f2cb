"""What lies between two partitions: :class:`PartitionKeyRange` and :class:`TimeWindow`. Source: Dagster's classes."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple


class PartitionKeyRange(NamedTuple):
    """The partitions from ``start`` to ``end``, both included."""

    start: str
    end: str


class TimeWindow(NamedTuple):
    """A span of time, from ``start`` up to but without ``end``. Both are aware, in the partitions' own zone."""

    start: datetime
    end: datetime
