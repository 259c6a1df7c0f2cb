"""Instances in memory for scripts that need one, all disposed of when their test is over."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_OPEN: list[Any] = []


def ephemeral(dg: Any) -> Any:
    """Return a new instance, of Dagster or ours, that lives as long as the test."""
    made = dg.DagsterInstance.ephemeral()
    _OPEN.append(made)
    return made


@contextmanager
def disposing() -> Iterator[None]:
    """Dispose of every instance when the block is left."""
    try:
        yield
    finally:
        while _OPEN:
            _OPEN.pop().dispose()
