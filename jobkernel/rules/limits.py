"""What holds runs and steps back in a project: how many runs at once, limits by tag, pools. Pure.

Read from the project's settings; the forms of tag limits and their meaning are Dagster's. Used by ``admission`` and
``slots``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import field
from typing import Any, Final

from jobkernel.errors import InvalidConfig, did_you_mean
from jobkernel.model.definitions import EMPTY
from jobkernel.model.run_tags import ONE_AT_A_TIME_TAG
from jobkernel.records import dataclass

NO_LIMIT: Final = -1
"""As ``max_concurrent_runs``: any number of runs at once."""
LARGEST_POOL: Final = 1000
GRANULARITIES: Final = ("op", "run")
EACH_VALUE: Final = "applyLimitPerUniqueValue"
ONE_AT_A_TIME: Final = {"key": ONE_AT_A_TIME_TAG, "value": {EACH_VALUE: True}, "limit": 1}
"""What always holds: runs that were asked to wait for each other do."""
_FORM: Final = (
    "{'key': K, 'limit': N}, {'key': K, 'value': V, 'limit': N} or {'key': K, 'value':"
    f" {{'{EACH_VALUE}': True}}, 'limit': N}}"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class TagLimits:
    """How many may be active that carry a tag: by key, by key and value, and for each value of a key by itself."""

    of_key: Mapping[str, int] = field(default=EMPTY)
    of_value: Mapping[tuple[str, str], int] = field(default_factory=dict)
    of_each_value: Mapping[str, int] = field(default=EMPTY)

    def on(self, tags: Mapping[str, str]) -> dict[Count, int]:
        """Return what limits something with these tags: each count, with how far it may go."""
        found: dict[Count, int] = {}
        for key, value in tags.items():
            if key in self.of_key:
                found["key", key] = self.of_key[key]
            if (key, value) in self.of_value:
                found["value", key, value] = self.of_value[key, value]
            if key in self.of_each_value:
                found["each", key, value] = self.of_each_value[key]
        return found


Count = tuple[str, ...]
"""What a limit counts: ``("key", K)``, ``("value", K, V)``, ``("each", K, V)`` or ``("pool", NAME)``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What holds the runs of a project back. Pools count running steps (``op``) or runs that have such steps."""

    max_concurrent_runs: int = 10
    tags: TagLimits = field(default_factory=TagLimits)
    pools: Mapping[str, int] = field(default=EMPTY)
    default_pool_limit: int | None = None
    pool_granularity: str = "op"

    @classmethod
    def of_settings(cls, settings: Mapping[str, Any]) -> Limits:
        """Return the limits that checked project settings give."""
        return cls(
            max_concurrent_runs=settings["max_concurrent_runs"],
            tags=read_tag_limits([*settings["tag_concurrency_limits"], ONE_AT_A_TIME]),
            pools=dict(settings["pools"]),
            default_pool_limit=settings["default_pool_limit"],
            pool_granularity=settings["pool_granularity"],
        )

    def of_pool(self, pool: str) -> int | None:
        """Return how many may be in a pool at once; None for any number."""
        return self.pools.get(pool, self.default_pool_limit)


def read_tag_limits(listed: Any) -> TagLimits:
    """Return tag limits from their listed form. Of two that count the same, the later one holds, as in Dagster.

    Raises:
        InvalidConfig: an entry has another form.
    """
    if not isinstance(listed, list | tuple):
        raise InvalidConfig(f"tag_concurrency_limits is a list of {_FORM}; {listed!r} is not.")
    of_key: dict[str, int] = {}
    of_value: dict[tuple[str, str], int] = {}
    of_each: dict[str, int] = {}
    for number, entry in enumerate(listed):
        key, value, limit = _entry(entry, f"tag_concurrency_limits[{number}]")
        if isinstance(value, str):
            of_value[key, value] = limit
        elif value:
            of_each[key] = limit
        else:
            of_key[key] = limit
    return TagLimits(of_key=of_key, of_value=of_value, of_each_value=of_each)


def _entry(entry: Any, where: str) -> tuple[str, str | bool, int]:
    if not isinstance(entry, Mapping) or not isinstance(entry.get("key"), str):
        raise InvalidConfig(f"{where} is {_FORM}; {entry!r} is not.")
    _refuse_unknown(entry, ("key", "value", "limit"), where)
    limit: Any = entry.get("limit")
    value: Any = entry.get("value")
    if not is_count(limit):
        raise InvalidConfig(f"{where} needs a limit, a whole number from 0; got {limit!r}.")
    if isinstance(value, Mapping):
        _refuse_unknown(value, (EACH_VALUE,), f"{where}.value")
        value = value.get(EACH_VALUE, False)
        if not isinstance(value, bool):
            raise InvalidConfig(f"{where}.value.{EACH_VALUE} is true or false; {value!r} is not.")
        return entry["key"], value, limit
    if value is not None and not isinstance(value, str):
        raise InvalidConfig(f"{where}.value is text or {{'{EACH_VALUE}': True}}; {value!r} is not.")
    return entry["key"], value or False, limit


def read_pools(pools: Any) -> dict[str, int]:
    """Return the sizes of pools by name. Raises :class:`InvalidConfig` where one is no whole number from 0 to 1000."""
    if not isinstance(pools, Mapping):
        raise InvalidConfig(f"pools is a mapping from a pool's name to its size; {pools!r} is not.")
    for name, size in pools.items():
        if not isinstance(name, str) or not name or not is_pool_size(size):
            raise InvalidConfig(
                f"A pool has a name and a size, a whole number from 0 to {LARGEST_POOL}; {name!r}: {size!r} is not."
            )
    return dict(pools)


def is_count(value: Any, least: int = 0) -> bool:
    """Whether a value is a whole number from ``least``."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


def is_pool_size(value: Any) -> bool:
    """Whether a pool can be of that size."""
    return is_count(value) and value <= LARGEST_POOL


def _refuse_unknown(entry: Mapping[str, Any], known: Iterable[str], where: str) -> None:
    for name in entry:
        if name not in known:
            raise InvalidConfig(f"{where} has no field '{name}'.{did_you_mean(str(name), known)}")
