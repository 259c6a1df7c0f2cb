"""A session in memory with a job, a clock moved by hand, and short words for schedules, sensors and their ticks."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import jobkernel as jk
from jobkernel.clock import ManualClock
from jobkernel.engine.entries import Entry
from jobkernel.engine.opening import test_session as session_in_memory
from jobkernel.engine.session import Session
from jobkernel.model.automation import Automation, Schedule, Sensor, Target

EVE = datetime(2024, 2, 1, 23, 59, 59, tzinfo=UTC)


class World:
    """A session with the jobs ``j`` and ``other``; ``gate`` keeps runs of ``slow`` from ending."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.gate = threading.Event()

        work = jk.op(name="work")(lambda: 1)
        wait = jk.op(name="wait")(lambda: self.wait())
        for name, op in (("j", work), ("other", work), ("slow", wait)):
            session.add(jk.GraphDefinition(name=f"graph_of_{name}", node_defs=[op]).to_job(name=name))

    def wait(self) -> None:
        """Wait for the gate."""
        assert self.gate.wait(10)

    @property
    def clock(self) -> ManualClock:
        assert isinstance(self.session.clock, ManualClock)
        return self.session.clock

    def define(self, automation: Automation) -> None:
        kind = "schedule" if automation.is_schedule else "sensor"
        self.session.define(Entry(kind=kind, name=automation.name, record=automation))

    def schedule(self, *crons: str, name: str = "nightly", job: str = "j", on: bool = True, **options: Any) -> None:
        target = (Target(job_name=job),)
        self.define(Schedule(name=name, crons=crons or ("0 0 * * *",), targets=target, starts_on=on, **options))

    def sensor(
        self, function: Callable[..., Any], name: str = "watch", jobs: tuple[str, ...] = ("j",), **options: Any
    ) -> None:
        targets = tuple([Target(job_name=job) for job in jobs])
        options = {"starts_on": True, "context_argument": "context", **options}
        self.define(Sensor(name=name, targets=targets, function=function, **options))

    def to(self, day: int, hour: int = 0, minute: int = 0, second: int = 1) -> None:
        """Move through time to a moment of February 2024."""
        self.clock.move(datetime(2024, 2, day, hour, minute, second, tzinfo=UTC) - self.clock.now())

    def asleep(self, by: timedelta) -> None:
        """Let time go by while nobody looks; then look."""
        self.clock._now += by
        self.clock.move(timedelta())

    def rows(self, name: str | None = None) -> list[dict[str, Any]]:
        """The ticks, oldest first."""
        self.session.automations.keep_looks()
        self.session.history.flush()
        found: list[dict[str, Any]] = self.session.history.query("ticks", automation=name, limit=10_000)
        return found[::-1]

    def ticks(self, name: str | None = None) -> list[tuple[str, str | None]]:
        """Status and scheduled time (day and hour, UTC) of the ticks, oldest first."""
        return [(row["status"], _short(row["scheduled_at"])) for row in self.rows(name)]

    def statuses(self, name: str | None = None) -> list[str]:
        return [row["status"] for row in self.rows(name)]

    def runs(self) -> list[dict[str, Any]]:
        """The runs, oldest first."""
        self.session.history.flush()
        found: list[dict[str, Any]] = self.session.history.query("latest_runs", limit=20_000)
        return found[::-1]

    def why(self, name: str | None = None) -> str:
        """Why the last tick launched nothing or failed."""
        row = self.rows(name)[-1]
        return str(row["error"]["message"] if row["error"] else row["skip_reason"])


@contextmanager
def a_world(start: datetime = EVE) -> Iterator[World]:
    session = session_in_memory(ManualClock(start))
    world = World(session)
    try:
        yield world
    finally:
        world.gate.set()
        session.close()


def _short(microseconds: int | None) -> str | None:
    return None if microseconds is None else f"{datetime.fromtimestamp(microseconds / 1e6, UTC):%d %H:%M}"
