"""Ticks whose kernel died between the claim and the launch of their runs."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

from jobkernel.clock import ManualClock
from jobkernel.engine.deadlines import timer_of
from jobkernel.engine.looks import Looks
from jobkernel.errors import ServerUnreachable, UnknownName
from jobkernel.model.events import Event

NIGHTLY: Any = SimpleNamespace(name="nightly", automation=None)


class Runs:
    """Makes the run of a tick anew, unless something speaks against it."""

    def __init__(self) -> None:
        self.against: Exception | None = None
        self.queued: list[str] = []

    def again(self, _automation: Any, tick: dict[str, Any]) -> list[str]:
        if self.against is not None:
            raise self.against
        return [f"run of {tick['tick_id']}"]

    def enqueue(self, *lives: str) -> None:
        self.queued += lives


def looks_of(runs: Any, told: list[Event]) -> Looks:
    clock = ManualClock(datetime(2024, 1, 1, tzinfo=UTC))
    around: Any = None
    return Looks(
        history=SimpleNamespace(emit=told.append),
        clock=clock,
        timer=timer_of(clock),
        runs=runs,
        surroundings=around,
        after=lambda *_: None,
    )


def test_one_that_is_told_of_twice_is_launched_once() -> None:
    runs, told = Runs(), list[Event]()
    looks = looks_of(runs, told)

    for _ in range(2):
        looks.finish(NIGHTLY, [{"tick_id": "a"}])

    assert runs.queued == ["run of a"]
    assert [event.event_type for event in told] == ["TICK_SUCCESS"]


def test_one_that_meets_a_server_that_is_away_is_launched_when_it_is_told_of_again() -> None:
    runs, told = Runs(), list[Event]()
    looks = looks_of(runs, told)

    runs.against = ServerUnreachable("away")
    looks.finish(NIGHTLY, [{"tick_id": "a"}])
    assert told == []
    runs.against = None
    looks.finish(NIGHTLY, [{"tick_id": "a"}])

    assert runs.queued == ["run of a"]
    assert [event.event_type for event in told] == ["TICK_SUCCESS"]


def test_one_whose_job_is_gone_has_failed() -> None:
    runs, told = Runs(), list[Event]()
    runs.against = UnknownName("No job is called 'j'.")

    looks_of(runs, told).finish(NIGHTLY, [{"tick_id": "a"}])

    assert [(event.event_type, (event.body or {})["error"]["message"]) for event in told] == [
        ("TICK_FAILURE", "No job is called 'j'.")
    ]
