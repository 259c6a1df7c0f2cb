"""Which pools a notebook knows, and what to say of one that limits nothing. Knows settings and definitions alone."""

from __future__ import annotations

from typing import Any

from jobkernel.engine.entries import Entry
from jobkernel.engine.registry import Registry
from jobkernel.errors import nearest
from jobkernel.model.definitions import Op
from jobkernel.settings import JobKernel


def known_pools(settings: JobKernel, registry: Registry) -> list[str]:
    """Return the pools that the project's settings name, and those that steps defined here are in."""
    nodes: list[Any] = [*registry.ops.values(), *(each.node for each in registry.definitions())]
    used = [node.pool for node in nodes if isinstance(node, Op) and node.pool is not None]
    return list(dict.fromkeys([*settings.pools, *used]))


def pool_notes(settings: JobKernel, entry: Entry) -> list[str]:
    """Say of a new definition's pool that it has no limit, where nobody gave it one."""
    pool = _pool_of(entry)
    if pool is None or pool in settings.pools or settings.default_pool_limit is not None:
        return []
    match = nearest(pool, settings.pools)
    guess = f"did you mean '{match}'?" if match else f"%config JobKernel.pools = {{'{pool}': 1}} gives it one"
    return [f"pool {pool} has no limit; {guess}"]


def _pool_of(entry: Entry) -> str | None:
    step = getattr(entry.unresolved, "step", None)
    if step is not None:
        pool: str | None = step.options.pool
        return pool
    return entry.record.pool if isinstance(entry.record, Op) else None
