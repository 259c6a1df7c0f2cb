"""The project's settings: their names, defaults and what values they take. Kept in the history."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from jobkernel.errors import InvalidConfig, did_you_mean
from jobkernel.rules.limits import (
    GRANULARITIES,
    LARGEST_POOL,
    NO_LIMIT,
    is_count,
    is_pool_size,
    read_pools,
    read_tag_limits,
)


def _from_one(value: Any) -> bool:
    return is_count(value, 1)


def _span(value: Any) -> bool:
    return value is None or (isinstance(value, (int, float)) and not isinstance(value, bool) and value > 0)


def _bytes(value: Any) -> bool:
    return value is None or _from_one(value)


def _reads(value: Any, read: Callable[[Any], Any]) -> bool:
    read(value)
    return True


DEFAULTS: dict[str, Any] = {
    "max_concurrent_runs": 10,
    "tag_concurrency_limits": [],
    "pools": {},
    "default_pool_limit": None,
    "pool_granularity": "op",
    "run_retries": 0,
    "retry_on_asset_or_op_failure": True,
    "max_runtime": None,
    "retention_days": 30,
    "keep_runs": 10_000,
    "values_limit": None,
}
ALLOWED: dict[str, tuple[Callable[[Any], bool], str]] = {
    "max_concurrent_runs": (
        lambda value: is_count(value, NO_LIMIT),
        f"a whole number from 0, or {NO_LIMIT} for no limit",
    ),
    "tag_concurrency_limits": (lambda value: _reads(value, read_tag_limits), "a list of limits"),
    "pools": (lambda value: _reads(value, read_pools), "a mapping from pool to its size"),
    "default_pool_limit": (
        lambda value: value is None or is_pool_size(value),
        f"a whole number from 0 to {LARGEST_POOL}, or None for no limit",
    ),
    "pool_granularity": (lambda value: value in GRANULARITIES, "'op' or 'run'"),
    "run_retries": (is_count, "a whole number from 0"),
    "retry_on_asset_or_op_failure": (lambda value: isinstance(value, bool), "true or false"),
    "max_runtime": (_span, "a number of seconds above 0, or None for no limit"),
    "retention_days": (_span, "a number of days above 0, or None to keep everything"),
    "keep_runs": (_from_one, "a whole number from 1"),
    "values_limit": (_bytes, "a number of bytes, or None for no limit"),
}


def checked(name: str, value: Any) -> Any:
    """Return the value. Raises :class:`InvalidConfig` for a setting or a value that does not exist."""
    if name not in ALLOWED:
        raise InvalidConfig(f"There is no project setting '{name}'.{did_you_mean(name, ALLOWED)}")
    fits, words = ALLOWED[name]
    if not fits(value):
        raise InvalidConfig(f"{name} is {words}; {value!r} is not.")
    return value
