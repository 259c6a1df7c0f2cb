"""Dagster's tables of its run queue, pools, run retries and timeouts, row by row, beside the rules that decide here.

A daemon decides there, so the outcomes are those that its own tests state. Rows are numbered as in these tables.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from jobkernel.errors import InvalidConfig
from jobkernel.rules.admission import QueuedRun, RunLine, priority_of
from jobkernel.rules.limits import Limits, read_pools, read_tag_limits
from jobkernel.rules.run_retries import is_retried, longest_runtime, most_retries
from jobkernel.rules.slots import SlotHolder, Slots

EACH, TOGETHER = {"applyLimitPerUniqueValue": True}, {"applyLimitPerUniqueValue": False}
Run = tuple[str, Mapping[str, str]]


@dataclass(frozen=True)
class Row:
    """Runs in the order in which they came, under limits; which start in one pass, and after each ending."""

    waiting: tuple[Run | str, ...]
    launched: str
    running: tuple[Run | str, ...] = ()
    tags: tuple[dict[str, Any], ...] = ()
    most: int = 10
    then: tuple[tuple[str, str], ...] = field(default=())


def p(name: str, priority: int, **tags: str) -> Run:
    return name, {"dagster/priority": str(priority), **tags}


def t(name: str, **tags: str) -> Run:
    return name, tags


QUEUE = {
    "178 in the order they came": Row(("A", "B", "C"), "A B C"),
    "179 by priority": Row(("def", p("low", -1), p("hi", 3)), "hi def low"),
    "181 a priority that is no number is none": Row(
        (t("bad", **{"dagster/priority": "foobar"}), p("one", 1), "zero"), "one bad zero"
    ),
    "182 ten unless set otherwise": Row(tuple("ABCDEFGHIJKL"), "A B C D E F G H I J"),
    "184 two, one of them running": Row(("A", "B", "C"), "A", running=("X",), most=2),
    "185 none": Row(("A", "B"), "", most=0),
    "187 any number": Row(tuple("ABCDEF"), "A B C D E F", running=tuple("VWXYZ"), most=-1),
    "188 one of a tag": Row(
        (t("A", team="x"), t("B", team="y"), "C"), "A C", tags=({"key": "team", "limit": 1},), then=(("A", "B"),)
    ),
    "190 all values of a tag together": Row(
        (t("tiny-1", db="tiny"), t("tiny-2", db="tiny"), t("large-1", db="large")),
        "tiny-1 tiny-2",
        tags=({"key": "db", "value": TOGETHER, "limit": 2},),
    ),
    "191 two limits by value": Row(
        (t("r1", db="tiny", user="johann"), t("r2", db="tiny"), t("r3", user="johann"), t("r4", user="johann")),
        "r1 r3",
        tags=({"key": "db", "value": "tiny", "limit": 1}, {"key": "user", "value": "johann", "limit": 2}),
    ),
    "193 one of each value": Row(
        (t("r1", foo="bar"), t("r2", foo="bar"), t("r3", foo="baz"), t("r4", foo="baz")),
        "r1 r3",
        tags=({"key": "foo", "value": EACH, "limit": 1},),
    ),
    "194 one of each value, two together": Row(
        (t("r1", foo="bar"), t("r2", foo="bar"), t("r3", foo="other"), t("r4", foo="other-2")),
        "r1 r3",
        tags=({"key": "foo", "value": EACH, "limit": 1}, {"key": "foo", "limit": 2}),
    ),
    "196 one of a key, whatever its value": Row(
        (t("r1", foo="a", x="1"), t("r2", foo="b"), t("r3", foo="c", y="2")), "r1", tags=({"key": "foo", "limit": 1},)
    ),
    "197 the later of two for one key": Row(
        (t("r1", foo="a"), t("r2", foo="a"), t("r3", foo="a")),
        "r1 r2",
        tags=({"key": "foo", "limit": 1}, {"key": "foo", "limit": 2}),
    ),
    "199 blocked by one that runs": Row(
        (t("A", t="1"), "B"), "B", running=(t("X", t="1"),), tags=({"key": "t", "limit": 1},)
    ),
    "200 all of it": Row(
        (p("A", 2, t="1"), p("B", 2, t="1"), p("C", 1), p("D", -3), "E"),
        "A C E",
        tags=({"key": "t", "limit": 1},),
        most=3,
        then=(("A", "B"),),
    ),
}


def enter(line: RunLine, *runs: Run | str) -> None:
    for each in runs:
        run_id, tags = (each, {}) if isinstance(each, str) else each
        arrived = len(line.waiting) + len(line.running) + 1
        line.add(QueuedRun(run_id=run_id, arrived=arrived, priority=priority_of(tags), tags=tags))


def launched(line: RunLine) -> str:
    return " ".join(run.run_id for run in line.admit())


@pytest.mark.parametrize("row", QUEUE.values(), ids=QUEUE.keys())
def test_one_pass_over_the_queue_launches_the_same_runs_in_the_same_order(row: Row) -> None:
    line = RunLine(Limits(max_concurrent_runs=-1), Slots(Limits()))
    enter(line, *row.running)
    line.admit()
    line.set_limits(Limits(max_concurrent_runs=row.most, tags=read_tag_limits(list(row.tags))))
    enter(line, *row.waiting)

    assert launched(line) == row.launched
    for ended, next_ones in row.then:
        line.end(ended)
        assert launched(line) == next_ones


def test_203_a_run_cancelled_in_the_queue_is_never_launched() -> None:
    line = RunLine(Limits(max_concurrent_runs=1), Slots(Limits()))
    enter(line, "A", "B", "C")
    assert launched(line) == "A"

    line.remove("B")
    line.end("A")

    assert launched(line) == "C"


IN_POOL, BESIDE_POOL = {"db": 1}, {}
POOLED: dict[str, tuple[dict[str, Any], dict[str, int], str]] = {
    "204 op, all in the pool": ({"pools": {"db": 1}}, IN_POOL, "A C"),
    "205 run, all in the pool": ({"pools": {"db": 1}, "pool_granularity": "run"}, IN_POOL, "A C"),
    "206, 208 op, a free root": ({"pools": {"db": 1}}, BESIDE_POOL, "A B C"),
    "209 run, a free root": ({"pools": {"db": 1}, "pool_granularity": "run"}, BESIDE_POOL, "A C"),
    "211 no limit": ({}, IN_POOL, "A B C"),
    "212 a default counts from the first pass on": ({"default_pool_limit": 1}, IN_POOL, "A C"),
}


@pytest.mark.parametrize(("limits", "roots", "expected"), POOLED.values(), ids=POOLED.keys())
def test_pools_hold_back_the_same_runs(limits: dict[str, Any], roots: dict[str, int], expected: str) -> None:
    chosen = Limits(**limits)
    line = RunLine(chosen, Slots(chosen))
    for number, run_id in enumerate("AB"):
        line.add(QueuedRun(run_id=run_id, arrived=number, pools=frozenset({"db"}), roots=roots))
    enter(line, "C")

    assert launched(line) == expected


def test_214_freed_slots_go_by_priority_then_to_who_asked_first() -> None:
    slots = Slots(Limits(pools={"db": 2}))
    asked = [("r1", "a", 0), ("r1", "b", 0), ("r2", "s", 0), ("r3", "s", 5), ("r4", "s", 5)]

    assert [slots.claim("db", SlotHolder(run, step), priority) for run, step, priority in asked] == [
        True, True, False, False, False,
    ]  # fmt: skip
    freed = [slots.release("db", SlotHolder(*holder)) for holder in (("r1", "a"), ("r1", "b"), ("r3", "s"))]
    assert freed == [[("r3", "s")], [("r4", "s")], [("r2", "s")]]


@pytest.mark.parametrize(("size", "is_taken"), [(-1, False), (0, True), (1000, True), (1001, False)])
def test_215_a_pool_has_room_for_at_most_a_thousand(size: int, is_taken: bool) -> None:
    if is_taken:
        assert read_pools({"db": size}) == {"db": size}
    else:
        with pytest.raises(InvalidConfig, match="from 0 to 1000"):
            read_pools({"db": size})


def test_217_a_limit_that_is_taken_away_lets_the_waiting_step_go_on() -> None:
    slots = Slots(Limits(pools={"foo": 1}))
    first, second = SlotHolder("run", "first"), SlotHolder("run", "second")
    assert [slots.claim("foo", first), slots.claim("foo", second)] == [True, False]

    assert slots.set_limits(Limits()) == [second]


RETRIED = {
    "268 two, none so far": ({"dagster/max_retries": "2"}, 0, 0, True),
    "268 two, one so far": ({"dagster/max_retries": "2"}, 0, 1, True),
    "268 two, two so far": ({"dagster/max_retries": "2"}, 0, 2, False),
    "269 one by the setting": ({}, 1, 0, True),
    "269 one by the setting, and no more": ({}, 1, 1, False),
    "271 the tag before a setting of none": ({"dagster/max_retries": "10"}, 0, 0, True),
    "272 a tag that is no whole number": ({"dagster/max_retries": "soon"}, 5, 0, False),
    "272 a part of a number": ({"dagster/max_retries": "1.5"}, 5, 0, False),
    "neither setting nor tag": ({}, 0, 0, False),
}


@pytest.mark.parametrize(("tags", "setting", "so_far", "expected"), RETRIED.values(), ids=RETRIED.keys())
@pytest.mark.parametrize("reason", ["STEP_FAILURE", "RUN_EXCEPTION"])
def test_runs_are_retried_as_often(
    tags: dict[str, str], setting: int, so_far: int, expected: bool, reason: str
) -> None:
    assert is_retried(tags, reason, retries_so_far=so_far, default=setting, on_step_failure=True) is expected
    assert (most_retries(tags, setting) > so_far) is expected


RUNTIMES = {
    "278 exceeded": ({"dagster/max_runtime": "500"}, None, 501, True),
    "280 not yet": ({"dagster/max_runtime": "1000"}, None, 501, False),
    "280 no tag": ({}, None, 501, False),
    "281 by the other name": ({"dagster/max_runtime_seconds": "10"}, None, 11, True),
    "the setting": ({}, 100, 101, True),
    "283 the tag before the setting": ({"dagster/max_runtime": "1000"}, 100, 101, False),
    "284 none by the tag": ({"dagster/max_runtime": "0"}, 100, 101, False),
    "284 no number": ({"dagster/max_runtime": "abc"}, 100, 101, False),
}


@pytest.mark.parametrize(("tags", "setting", "seconds", "is_over"), RUNTIMES.values(), ids=RUNTIMES.keys())
def test_runs_may_take_as_long(tags: dict[str, str], setting: float | None, seconds: float, is_over: bool) -> None:
    longest = longest_runtime(tags, setting)

    assert (longest is not None and seconds > longest) is is_over
