"""Sensors that find the same nothing again and again: every look is a tick, and hardly any costs a claim."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
from scheduled import World, a_world

from jobkernel.model.automation import RunRequest, SkipReason

EVERY = timedelta(seconds=30)


@pytest.fixture
def world() -> Iterator[World]:
    with a_world() as made:
        yield made


@pytest.fixture
def claims(world: World, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many ticks each claim was for."""
    found: list[int] = []
    ask = world.session.history.request

    def request(operation: str, **fields: Any) -> Any:
        if operation == "claim_ticks":
            found.append(len(fields["ticks"]))
        return ask(operation, **fields)

    monkeypatch.setattr(world.session.history, "request", request)
    return found


def looks(world: World, count: int) -> None:
    for _ in range(count):
        world.clock.move(EVERY)


def test_looks_that_find_the_same_nothing_are_claimed_once_and_all_of_them_are_ticks(
    world: World, claims: list[int]
) -> None:
    world.sensor(lambda context: SkipReason("no file"))
    looks(world, 20)
    assert claims == [1]
    rows = world.rows("watch")
    assert {(row["status"], row["skip_reason"]) for row in rows} == {("SKIPPED", "no file")}
    times = [row["evaluated_at"] for row in rows]
    assert [b - a for a, b in pairwise(times)] == [30_000_000] * 20


def test_what_is_not_written_yet_is_written_each_minute(world: World) -> None:
    world.sensor(lambda context: SkipReason("no file"))
    looks(world, 20)
    world.session.history.flush()
    (kept,) = world.session.history.sql("select count(*) from ticks").fetchone()
    assert 21 - 3 <= kept <= 21


def test_a_look_that_launches_stands_behind_the_quiet_ones_before_it(world: World) -> None:
    answers = iter([None, None, None, RunRequest(run_key="a"), None, None])
    world.sensor(lambda context: next(answers, None))
    looks(world, 7)
    rows = world.rows("watch")
    assert [row["status"] for row in rows] == ["SKIPPED"] * 3 + ["SUCCESS"] + ["SKIPPED"] * 4
    assert [row["evaluated_at"] for row in rows] == sorted(row["evaluated_at"] for row in rows)
    assert len(world.runs()) == 1


def test_another_reason_or_cursor_is_claimed(world: World, claims: list[int]) -> None:
    reasons = iter("aabb")
    world.sensor(lambda context: SkipReason(next(reasons, "b")))
    looks(world, 5)
    assert claims == [1, 1]
    assert [row["skip_reason"] for row in world.rows("watch")] == ["a", "a", "b", "b", "b", "b"]

    def counts(context: Any) -> SkipReason:
        context.update_cursor(str(int(context.cursor or 0) + 1))
        return SkipReason("b")

    world.sensor(counts)
    looks(world, 3)
    assert claims[2:] == [1, 1, 1]
    assert world.rows("watch")[-1]["cursor"] == "3"


def test_a_close_leaves_no_look_out(world: World) -> None:
    world.sensor(lambda context: SkipReason("no file"))
    looks(world, 3)
    world.session.automations.close()
    world.session.history.flush()
    assert world.session.history.sql("select count(*) from ticks").fetchone() == (4,)


def test_after_a_failure_the_first_look_that_finds_nothing_is_claimed(world: World, claims: list[int]) -> None:
    broken = [False]

    def look(context: Any) -> SkipReason:
        if broken[0]:
            raise ValueError("away")
        return SkipReason("no file")

    world.sensor(look)
    looks(world, 2)
    broken[0] = True
    looks(world, 1)
    broken[0] = False
    looks(world, 3)
    assert [row["status"] for row in world.rows("watch")] == ["SKIPPED"] * 3 + ["FAILURE"] + ["SKIPPED"] * 3
    assert claims == [1, 1, 1]
    assert world.session.automations.find("watch").failures == 0
