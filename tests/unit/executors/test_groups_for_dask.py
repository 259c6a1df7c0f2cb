"""Which steps go to Dask together."""

from __future__ import annotations

from collections import deque

import pytest

from jobkernel.executors.dask_groups import GROUP_BYTES, GROUP_S, SHORT_S, Box, Pace, key_of, next_group
from jobkernel.executors.dask_task import Sent


def box_of(name: str, pace: Pace | None = None, size: int = 1) -> Box:
    return Box(Sent(key_of(name), "topic", "1", (3, 11), "values", None, None, None), b"x" * size, pace)


def names(boxes: list[Box]) -> list[str]:
    return [box.key.rpartition("-")[0] for box in boxes]


def pace_of(*seconds: float) -> Pace:
    pace = Pace()
    for each in seconds:
        pace.note(each)
    return pace


def groups_of(waiting: list[Box], workers: int = 2) -> list[list[str]]:
    rest, found = deque(waiting), []
    while rest:
        found.append(names(next_group(rest, workers).left))
    return found


@pytest.mark.parametrize(
    ("seconds", "together"),
    [
        ((), 1),
        ((GROUP_S / 10,), 10),
        ((0.0,), 50),
        ((SHORT_S,), 1),
        ((0.001, GROUP_S / 10, 9.0), 10),
        ((0.001, 9.0, 9.0), 1),
        ((9.0,) * 50 + (GROUP_S / 10,) * 16, 10),
    ],
)
def test_as_many_go_together_as_the_latest_steps_were_short(seconds: tuple[float, ...], together: int) -> None:
    assert pace_of(*seconds).together == together


def test_until_a_step_has_ended_each_goes_alone() -> None:
    pace = Pace()
    assert groups_of([box_of("a", pace), box_of("b", pace)]) == [["a"], ["b"]]


def test_each_worker_gets_its_share_of_what_waits() -> None:
    pace = pace_of(0.001)
    boxes = [box_of(name, pace) for name in "abcde"]
    first = next_group(deque(boxes), 2)
    assert names(first.left) == ["a", "b", "c"]
    assert [box.group for box in boxes] == [first, first, first, None, None]


def test_only_steps_of_one_run_go_together_and_those_without_a_pace_alone() -> None:
    one, other = pace_of(0.001), pace_of(0.001)
    waiting = [box_of("a", one), box_of("x", other), box_of("alone"), box_of("b", one), box_of("y", other)]
    assert groups_of(waiting, workers=1) == [["a", "b"], ["x", "y"], ["alone"]]


def test_what_is_large_goes_alone() -> None:
    pace = pace_of(0.001)
    waiting = [box_of("a", pace, GROUP_BYTES + 1), box_of("b", pace), box_of("c", pace)]
    assert groups_of(waiting, workers=1) == [["a"], ["b", "c"]]


def test_a_group_that_has_begun_has_stopped_where_nothing_ended_between_two_looks() -> None:
    pace = pace_of(0.001)
    group = next_group(deque(box_of(name, pace) for name in "ab"), 1)
    assert [group.has_stopped(begun) for begun in (False, False, True, True)] == [False, False, False, True]
    del group.left[0]
    assert [group.has_stopped(True), group.has_stopped(True)] == [False, True]


def test_what_is_taken_out_of_a_group_goes_alone_under_another_key() -> None:
    pace = pace_of(0.001)
    box, behind = box_of("a-b", pace), box_of("c", pace)
    group = next_group(deque([box, behind]), 1)
    key = behind.key
    behind.leave_group()
    assert (behind.key != key, names([behind]), behind.group, behind.pace) == (True, ["c"], None, None)
    assert group.keys == [box.key, key]
