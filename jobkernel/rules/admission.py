"""Decide which waiting runs may start. Knows priorities and limits; knows no clock, no threads and no store."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from jobkernel.model.definitions import EMPTY


@dataclass(frozen=True, slots=True, kw_only=True)
class QueuedRun:
    """A run that wants to start, or has started: what admission looks at."""

    run_id: str
    arrived: int
    """Grows with every submission; the order among equals."""
    priority: int = 0
    tags: Mapping[str, str] = field(default=EMPTY)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What holds runs back."""

    max_concurrent_runs: int = 10


def in_order(waiting: Iterable[QueuedRun]) -> list[QueuedRun]:
    """Return the runs as they will be asked: higher priority first, then first come, first served."""
    return sorted(waiting, key=lambda run: (-run.priority, run.arrived))


def admit(waiting: Iterable[QueuedRun], running: Collection[QueuedRun], limits: Limits) -> list[QueuedRun]:
    """Return the waiting runs that may start now beside the running ones, in the order they should start."""
    free = max(0, limits.max_concurrent_runs - len(running))
    return in_order(waiting)[:free]
