"""Limits by tag hold back the same runs, in whatever order they come: Dagster's own counter beside our queue."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from harness import dagster
from hypothesis import given, settings
from hypothesis import strategies as st

from jobkernel.rules.admission import QueuedRun, RunLine
from jobkernel.rules.limits import Limits, read_tag_limits
from jobkernel.rules.slots import Slots

KEYS, VALUES = st.sampled_from(["team", "db"]), st.sampled_from(["x", "y", "z"])
TAGS = st.lists(st.dictionaries(KEYS, VALUES), max_size=8)
LIMITS = st.lists(
    st.fixed_dictionaries(
        {"key": KEYS, "limit": st.integers(0, 3)},
        optional={"value": st.one_of(VALUES, st.booleans().map(lambda each: {"applyLimitPerUniqueValue": each}))},
    ),
    max_size=4,
)


@dataclass
class Tagged:
    """What Dagster's counter counts."""

    tags: dict[str, str]


def theirs(limits: list[dict[str, Any]], running: list[dict[str, str]], waiting: list[dict[str, str]]) -> list[int]:
    """Return the places of the waiting runs that Dagster launches in one pass."""
    dagster()
    from dagster._utils.tags import TagConcurrencyLimitsCounter

    counter = TagConcurrencyLimitsCounter(limits, [Tagged(tags) for tags in running])
    started = []
    for place, tags in enumerate(waiting):
        if not counter.is_blocked(Tagged(tags)):
            counter.update_counters_with_launched_item(Tagged(tags))
            started.append(place)
    return started


def ours(limits: list[dict[str, Any]], running: list[dict[str, str]], waiting: list[dict[str, str]]) -> list[int]:
    """Return the places of the waiting runs that the queue admits."""
    limit = Limits(tags=read_tag_limits(limits), max_concurrent_runs=-1)
    open_limits = Limits(max_concurrent_runs=-1)
    line = RunLine(open_limits, Slots(open_limits))
    for number, tags in enumerate(running):
        line.add(QueuedRun(run_id=f"r{number}", arrived=number, tags=tags))
    line.admit()
    line.set_limits(limit)
    for number, tags in enumerate(waiting):
        line.add(QueuedRun(run_id=str(number), arrived=len(running) + number, tags=tags))
    return [int(run.run_id) for run in line.admit()]


@settings(max_examples=300, deadline=None)
@given(limits=LIMITS, running=TAGS, waiting=TAGS)
def test_the_same_runs_start(
    limits: list[dict[str, Any]], running: list[dict[str, str]], waiting: list[dict[str, str]]
) -> None:
    assert ours(limits, running, waiting) == theirs(limits, running, waiting)
