"""The project's settings: their names, defaults and what values they take. Kept in the history."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from jobkernel.errors import InvalidConfig, did_you_mean


def _count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


def _days(value: Any) -> bool:
    return value is None or (isinstance(value, (int, float)) and not isinstance(value, bool) and value > 0)


def _bytes(value: Any) -> bool:
    return value is None or _count(value)


DEFAULTS: dict[str, Any] = {
    "max_concurrent_runs": 10,
    "tag_concurrency_limits": [],
    "pools": {},
    "retention_days": 30,
    "keep_runs": 10_000,
    "values_limit": None,
}
ALLOWED: dict[str, tuple[Callable[[Any], bool], str]] = {
    "max_concurrent_runs": (_count, "a whole number from 1"),
    "tag_concurrency_limits": (lambda value: isinstance(value, list), "a list of limits"),
    "pools": (lambda value: isinstance(value, dict), "a mapping from pool to its size"),
    "retention_days": (_days, "a number of days above 0, or None to keep everything"),
    "keep_runs": (_count, "a whole number from 1"),
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
