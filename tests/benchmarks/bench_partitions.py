"""Partitions: 10 000 keys enumerated, mapped and counted; beside Dagster's own definitions where it is there."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import count
from time import perf_counter
from typing import Any

import jobkernel as jk
from jobkernel.model import events as ev
from jobkernel.model.events import Event
from jobkernel.rules.fingerprint import fingerprint_of
from jobkernel.rules.partition_edges import upstream_keys
from jobkernel.rules.partition_standing import bar_of
from jobkernel.rules.partition_table import _table
from jobkernel.rules.partition_text import read_keys
from tests.benchmarks.timing import median_ms

COUNT = 10_000
START = datetime(2022, 1, 1)  # noqa: DTZ001  - a moment of the wall clock
NOW = START.replace(tzinfo=UTC) + timedelta(hours=COUNT)


def measure() -> dict[str, float]:
    """Return our figures."""
    found: dict[str, float] = {}
    for zone in ("UTC", "Europe/Berlin"):
        hours = jk.HourlyPartitionsDefinition(START, timezone=zone)
        found[f"keys_of_10000_hours_{zone}_ms"] = median_ms(lambda hours=hours: _enumerated(hours), 5)
    with jk.partition_loading_context(NOW):
        return found | _counting(jk.HourlyPartitionsDefinition(START)) | _standing()


def measure_peer() -> dict[str, float]:
    """Return Dagster's figures for the same."""
    import dagster as dg

    hours = dg.HourlyPartitionsDefinition(START)
    with dg.partition_loading_context(NOW):
        keys = list(hours.get_partition_keys())
        first, second = (hours.subset_with_partition_keys(each) for each in (keys[:6000:2], keys[3000:9000]))
        return {
            "keys_of_10000_hours_UTC_ms": median_ms(lambda: hours.get_partition_keys(), 3),
            "status_of_10000_ms": median_ms(lambda: ((first | second) - (first & second)).get_partition_keys(), 3),
        }


def _enumerated(hours: Any) -> int:
    _table.cache_clear()
    return len(hours.get_partition_keys(NOW))


def _counting(hours: Any) -> dict[str, float]:
    keys = hours.get_partition_keys()
    days = jk.DailyPartitionsDefinition(START)
    made, failed = set(keys[:6000:2]), set(keys[3000:9000:7])

    def statuses() -> int:
        first, second = hours.subset_with_partition_keys(made), hours.subset_with_partition_keys(failed)
        done = first - second
        missing = (first | second).get_partition_keys_not_in_subset()
        return len(done) + len(missing) + len((first & second).get_partition_key_ranges())

    return {
        "status_of_10000_ms": median_ms(statuses, 9),
        "missing_ms": median_ms(lambda: read_keys("missing", hours, made=lambda: made), 9),
        "is_a_key_ms": median_ms(lambda: hours.has_partition_key(keys[7000]), 9),
        "hours_of_all_days_ms": median_ms(
            lambda: upstream_keys(days.get_partition_keys(), downstream=days, upstream=hours), 5
        ),
        "day_of_one_hour_ms": median_ms(lambda: upstream_keys(keys[5000:5001], downstream=hours, upstream=days), 9),
    }


def _standing() -> dict[str, float]:
    """Return how long it takes to tell how 10 000 partitions stand: of an asset, and after one was made anew."""
    hours = jk.HourlyPartitionsDefinition(START, end_date=START + timedelta(hours=COUNT))
    keys = hours.get_partition_keys()
    above, below = (
        jk.asset(name=name, partitions_def=hours, deps=deps)(lambda: None) for name, deps in (("a", []), ("b", ["a"]))
    )
    with jk.test_session() as session:
        session.add(above, below)
        session.freshness.follow = lambda _function, _memo: fingerprint_of({"own": "x" * 2000})
        parts = {name: session.freshness.fingerprint(name) for name in "ab"}

        def make(name: str, key: str, at: int, upstream: dict[str, str]) -> None:
            made_by = {"parts": parts[name].to_json(), "upstream": upstream}  # type: ignore[union-attr]
            body = {"asset_key": name, "partition_key": key, "fingerprint": made_by}
            session.states.note(Event(ev.ASSET_MATERIALIZATION, f"{at} {key}", name, at, body))

        for key in keys:
            make("a", key, 1, {})
            make("b", key, 1, {"a": f"1 {key}"})
        began = perf_counter()
        session.freshness.verdicts()
        first = (perf_counter() - began) * 1000
        number = count(2)

        def status() -> int:
            make("a", keys[5000], next(number), {})
            standing = session.freshness.partitions("b")
            assert standing is not None
            return len(bar_of(standing.keys, standing.words))

        return {"first_judged_20000_ms": first, "status_after_one_made_of_10000_ms": median_ms(status, 9)}
