"""As of when partitions are asked for, and where the keys of dynamic ones are kept.

Callers hand both in, or set them for a while with :func:`partition_loading_context`. The floors above say once, by
:func:`tell_time_by`, who tells the time where nobody did. Knows no clock and no store itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime
from typing import Any, NamedTuple, Protocol

from jobkernel.errors import InvariantViolation


class DynamicKeys(Protocol):
    """Keeps the keys of dynamic partitions, each set under a name, in the order in which they were added."""

    def get_dynamic_partitions(self, partitions_def_name: str) -> Sequence[str]:
        """Return the keys of that name, oldest first; none where nobody added any."""
        ...

    def has_dynamic_partition(self, partitions_def_name: str, partition_key: str) -> bool:
        """Whether that key was added and not deleted since."""
        ...

    def add_dynamic_partitions(self, partitions_def_name: str, partition_keys: Sequence[str]) -> None:
        """Add keys; those that are there already stay where they are."""
        ...

    def delete_dynamic_partition(self, partitions_def_name: str, partition_key: str) -> None:
        """Take a key away; nothing happens where it is not there."""
        ...


class PartitionLoadingContext(NamedTuple):
    """As of when partitions are asked for, and who keeps dynamic keys; None where nobody said."""

    effective_dt: datetime | None = None
    dynamic_partitions_store: DynamicKeys | None = None


_current: ContextVar[PartitionLoadingContext] = ContextVar("partition_loading", default=PartitionLoadingContext())  # noqa: B039  - a tuple
_tellers: list[Callable[[], datetime]] = []


def tell_time_by(now: Callable[[], datetime]) -> None:
    """Say who tells the time where a question about partitions does not."""
    _tellers[:] = [now]


@contextmanager
def partition_loading_context(
    effective_dt: datetime | None = None,
    dynamic_partitions_store: Any = None,
    *,
    new_ctx: PartitionLoadingContext | None = None,
) -> Iterator[PartitionLoadingContext]:
    """Ask for partitions as of ``effective_dt`` and with these dynamic keys, inside the ``with`` block.

    What is not given stays as it was outside. Source: Dagster's function of that name.
    """
    outer = _current.get()
    made = new_ctx or PartitionLoadingContext(
        effective_dt or outer.effective_dt, dynamic_partitions_store or outer.dynamic_partitions_store
    )
    token = _current.set(made)
    try:
        yield made
    finally:
        _current.reset(token)


def present(given: datetime | None = None) -> datetime:
    """Return the instant as of which partitions are asked for.

    Raises:
        InvariantViolation: nobody said, and nobody tells the time.
    """
    now = given or _current.get().effective_dt
    if now is None and not _tellers:
        raise InvariantViolation("Partitions by time are asked for as of some instant; give current_time.")
    return now if now is not None else _tellers[0]()


def dynamic_keys(given: DynamicKeys | None = None) -> DynamicKeys:
    """Return who keeps dynamic keys.

    Raises:
        InvariantViolation: nobody was given.
    """
    found = given or _current.get().dynamic_partitions_store
    if found is None:
        raise InvariantViolation(
            "The keys of dynamic partitions are kept by an instance; give it as dynamic_partitions_store."
        )
    return found


class KeptHere:
    """Keeps dynamic keys in memory: for tests, and for runs that leave nothing behind."""

    def __init__(self) -> None:
        self._keys: dict[str, dict[str, None]] = {}

    def get_dynamic_partitions(self, partitions_def_name: str) -> list[str]:
        """Return the keys of that name, oldest first."""
        return list(self._keys.get(partitions_def_name, ()))

    def has_dynamic_partition(self, partitions_def_name: str, partition_key: str) -> bool:
        """Whether that key was added and not deleted since."""
        return partition_key in self._keys.get(partitions_def_name, ())

    def add_dynamic_partitions(self, partitions_def_name: str, partition_keys: Sequence[str]) -> None:
        """Add keys; those that are there already stay where they are."""
        self._keys.setdefault(partitions_def_name, {}).update(dict.fromkeys(partition_keys))

    def delete_dynamic_partition(self, partitions_def_name: str, partition_key: str) -> None:
        """Take a key away; nothing happens where it is not there."""
        self._keys.get(partitions_def_name, {}).pop(partition_key, None)
