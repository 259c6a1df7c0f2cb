"""Which waiting runs may start: Dagster's tables of its run queue, and why the others wait."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from jobkernel.errors import InvalidConfig
from jobkernel.rules.admission import QueuedRun, RunLine, priority_of
from jobkernel.rules.limits import Limits, read_pools, read_tag_limits
from jobkernel.rules.slots import SlotHolder, Slots

EACH = {"applyLimitPerUniqueValue": True}


def a_line(*listed: dict[str, Any], **limits: Any) -> RunLine:
    chosen = Limits(tags=read_tag_limits(list(listed)), **limits)
    return RunLine(chosen, Slots(chosen))


def submit(
    line: RunLine, *runs: str | tuple[str, Mapping[str, str]], priority: Mapping[str, int] | None = None
) -> None:
    for run in runs:
        run_id, tags = (run, {}) if isinstance(run, str) else run
        arrived = len(line.waiting) + len(line.running) + 1
        line.add(QueuedRun(run_id=run_id, arrived=arrived, priority=(priority or {}).get(run_id, 0), tags=tags))


def submit_in_pool(line: RunLine, run_id: str, *, roots: Mapping[str, int], pools: tuple[str, ...] = ("db",)) -> None:
    arrived = len(line.waiting) + len(line.running) + 1
    line.add(QueuedRun(run_id=run_id, arrived=arrived, pools=frozenset(pools), roots=roots))


def admitted(line: RunLine) -> list[str]:
    return [run.run_id for run in line.admit()]


def test_runs_start_in_the_order_they_came() -> None:
    line = a_line()
    submit(line, "A", "B", "C")

    assert admitted(line) == ["A", "B", "C"]


def test_higher_priority_goes_first_and_a_lower_one_last() -> None:
    line = a_line()
    submit(line, "def", "low", "hi", priority={"low": -1, "hi": 3})

    assert admitted(line) == ["hi", "def", "low"]


@pytest.mark.parametrize(
    ("tags", "priority"),
    [({}, 0), ({"dagster/priority": "7"}, 7), ({"dagster/priority": "-2"}, -2), ({"dagster/priority": "foobar"}, 0)],
)
def test_the_priority_tag_is_a_whole_number_or_nothing(tags: dict[str, str], priority: int) -> None:
    assert priority_of(tags) == priority


@pytest.mark.parametrize(("most", "started"), [(10, 10), (1, 1), (0, 0), (-1, 12)])
def test_only_so_many_runs_run_at_once(most: int, started: int) -> None:
    line = a_line(max_concurrent_runs=most)
    submit(line, *[f"r{number}" for number in range(12)])

    assert len(admitted(line)) == started


def test_a_run_blocked_by_its_tag_is_passed_over_and_starts_when_the_other_ends() -> None:
    line = a_line({"key": "team", "limit": 1})
    submit(line, ("A", {"team": "x"}), ("B", {"team": "y"}), "C")

    assert admitted(line) == ["A", "C"]
    line.end("A")
    assert admitted(line) == ["B"]


def test_limits_by_value_each_count_their_own() -> None:
    line = a_line({"key": "db", "value": "tiny", "limit": 1}, {"key": "user", "value": "johann", "limit": 2})
    both = {"db": "tiny", "user": "johann"}
    submit(line, ("r1", both), ("r2", {"db": "tiny"}), ("r3", {"user": "johann"}), ("r4", {"user": "johann"}))

    assert admitted(line) == ["r1", "r3"]


def test_each_value_of_a_key_has_a_count_of_its_own() -> None:
    line = a_line({"key": "foo", "value": EACH, "limit": 1})
    values = ["bar", "bar", "baz", "baz"]
    submit(line, *[(f"r{number}", {"foo": value}) for number, value in enumerate(values, 1)])

    assert admitted(line) == ["r1", "r3"]


def test_all_limits_that_apply_hold() -> None:
    line = a_line({"key": "foo", "value": EACH, "limit": 1}, {"key": "foo", "limit": 2})
    values = ["bar", "bar", "other", "other-2"]
    submit(line, *[(f"r{number}", {"foo": value}) for number, value in enumerate(values, 1)])

    assert admitted(line) == ["r1", "r3"]


def test_of_two_limits_of_one_form_and_key_the_later_one_counts() -> None:
    line = a_line({"key": "foo", "limit": 1}, {"key": "foo", "limit": 2})
    submit(line, *[(f"r{number}", {"foo": "x"}) for number in range(3)])

    assert admitted(line) == ["r0", "r1"]


def test_priorities_tag_limits_and_the_maximum_together() -> None:
    line = a_line({"key": "t", "limit": 1}, max_concurrent_runs=3)
    t = {"t": "1"}
    submit(line, ("A", t), ("B", t), "C", "D", "E", priority={"A": 2, "B": 2, "C": 1, "D": -3})

    assert admitted(line) == ["A", "C", "E"]
    line.end("A")
    assert admitted(line) == ["B"]
    assert line.in_order() == ["D"]


@pytest.mark.parametrize(
    ("granularity", "roots", "started"),
    [
        ("op", {"db": 1}, ["A", "C"]),
        ("run", {"db": 1}, ["A", "C"]),
        ("op", {}, ["A", "B", "C"]),
        ("run", {}, ["A", "C"]),
    ],
    ids=["first-step-in-pool", "run", "free-first-step", "run-with-free-first-step"],
)
def test_a_full_pool_blocks_runs_that_could_do_nothing(
    granularity: str, roots: dict[str, int], started: list[str]
) -> None:
    line = a_line(pools={"db": 1}, pool_granularity=granularity)
    submit_in_pool(line, "A", roots=roots)
    submit_in_pool(line, "B", roots=roots)
    submit(line, "C")

    assert admitted(line) == started


def test_a_pool_without_a_limit_blocks_nothing_unless_there_is_a_default() -> None:
    free, limited = a_line(), a_line(default_pool_limit=1)
    for line in (free, limited):
        submit_in_pool(line, "A", roots={"db": 1})
        submit_in_pool(line, "B", roots={"db": 1})

    assert admitted(free) == ["A", "B"]
    assert admitted(limited) == ["A"]


def test_a_run_starts_when_the_slot_of_its_first_step_is_free_again() -> None:
    line = a_line(pools={"db": 1})
    submit_in_pool(line, "A", roots={"db": 1})
    submit_in_pool(line, "B", roots={"db": 1})
    assert admitted(line) == ["A"]
    step = SlotHolder("A", "load")
    assert line.slots.claim("db", step)
    assert admitted(line) == []

    assert line.slots.release("db", step) == []
    line.pool_freed("db")

    assert admitted(line) == ["B"]


def test_freed_slots_go_to_the_highest_priority_then_to_who_asked_first() -> None:
    slots = Slots(Limits(pools={"foo": 2}))
    asked = [("r1", "a", 0), ("r1", "b", 0), ("r2", "s", 0), ("r3", "s", 5), ("r4", "s", 5)]

    granted = [slots.claim("foo", SlotHolder(run, step), priority) for run, step, priority in asked]

    assert granted == [True, True, False, False, False]
    assert slots.release("foo", SlotHolder("r1", "a")) == [("r3", "s")]
    assert slots.release("foo", SlotHolder("r1", "b")) == [("r4", "s")]
    assert slots.release_run("r3") == {"foo": [("r2", "s")]}


def test_a_lower_limit_evicts_nobody_and_a_higher_one_lets_in_at_once() -> None:
    slots = Slots(Limits(pools={"foo": 2}))
    for step in ("a", "b", "c"):
        slots.claim("foo", SlotHolder("r", step))

    assert slots.set_limits(Limits(pools={"foo": 1})) == []
    assert slots.holders("foo") == [("r", "a"), ("r", "b")]
    assert slots.release("foo", SlotHolder("r", "a")) == []
    assert slots.set_limits(Limits()) == [("r", "c")]


def test_changed_limits_count_at_once() -> None:
    line = a_line(max_concurrent_runs=1)
    submit(line, "A", ("B", {"team": "x"}), ("C", {"team": "x"}))
    assert admitted(line) == ["A"]

    line.set_limits(Limits(max_concurrent_runs=5, tags=read_tag_limits([{"key": "team", "limit": 1}])))

    assert admitted(line) == ["B"]
    line.set_limits(Limits(max_concurrent_runs=0))
    assert admitted(line) == []
    assert sorted(line.running) == ["A", "B"]


def test_every_waiting_run_says_its_place_and_what_it_waits_for() -> None:
    line = a_line({"key": "team", "limit": 1}, max_concurrent_runs=2, pools={"db": 0})
    submit(line, ("first-run", {"team": "x"}), ("second", {"team": "x"}), "third", "fourth")
    submit_in_pool(line, "fifth", roots={"db": 1})
    assert admitted(line) == ["first-run", "third"]

    assert [line.ahead_of(each) for each in ("second", "fourth", "fifth", "third")] == [0, 1, 2, 0]
    assert line.why("second") == "the tag limit on team is reached: 1 of 1 runs are running (by first-ru)"
    assert line.why("fourth") == "2 of 2 runs are running (max_concurrent_runs)"
    assert line.why("fifth") == "pool 'db' is full: 0 of 0 slots are taken"
    assert line.why("third") == ""
    line.set_limits(Limits(max_concurrent_runs=0))
    assert line.why("second") == "max_concurrent_runs is 0, so no run may start"


def test_a_withdrawn_run_is_never_started() -> None:
    line = a_line(max_concurrent_runs=1)
    submit(line, "A", "B", "C")
    admitted(line)

    line.remove("B")
    line.end("A")

    assert admitted(line) == ["C"]


@pytest.mark.parametrize(
    ("listed", "said"),
    [
        ("team", "tag_concurrency_limits is a list"),
        ([{"limit": 1}], "tag_concurrency_limits[0] is {'key': K"),
        ([{"key": "a"}], "tag_concurrency_limits[0] needs a limit, a whole number from 0; got None."),
        ([{"key": "a", "limit": True}], "needs a limit"),
        ([{"key": "a", "limti": 1}], "has no field 'limti'. Did you mean 'limit'?"),
        ([{"key": "a", "value": 3, "limit": 1}], "tag_concurrency_limits[0].value is text"),
        ([{"key": "a", "value": {"applyLimitPerValue": True}, "limit": 1}], "has no field 'applyLimitPerValue'"),
        ([{"key": "a", "value": {"applyLimitPerUniqueValue": 1}, "limit": 1}], "is true or false; 1 is not."),
    ],
)
def test_a_tag_limit_of_another_form_is_refused_in_a_sentence(listed: Any, said: str) -> None:
    with pytest.raises(InvalidConfig) as refused:
        read_tag_limits(listed)

    assert said in str(refused.value)


@pytest.mark.parametrize("pools", [{"db": -1}, {"db": 1001}, {"db": "1"}, {"db": True}, {3: 1}, ["db"]])
def test_a_pool_has_a_size_from_0_to_1000(pools: Any) -> None:
    assert read_pools({"db": 0, "api": 1000}) == {"db": 0, "api": 1000}
    with pytest.raises(InvalidConfig, match=r"whole number from 0 to 1000|mapping"):
        read_pools(pools)
