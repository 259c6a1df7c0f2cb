"""A schedule or sensor as this kernel watches it: its definition, what the history keeps of it, and when it is due.

Knows no thread. The scheduler decides by it, looks change it, screens read it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from datetime import datetime, timedelta
from typing import Any, Final, Protocol

from jobkernel.clock import from_us
from jobkernel.model.automation import DEFAULT_TIMEOUT_S, Automation, Evaluation, Schedule, Sensor
from jobkernel.records import dataclass
from jobkernel.rules.cron import Crons, read_crons
from jobkernel.rules.ticks import CatchupPolicy, Due, TickMemory, due_ticks

LONGEST_BACKOFF: Final = 20
"""After errors a sensor looks less often: at most so many of its intervals lie between two looks."""
MOST_HANGING: Final = 3
"""Of one schedule or sensor so many looks may be given up and still run; then it waits until one of them ends."""


class KnownJobs(Protocol):
    """Where jobs are defined."""

    @property
    def jobs(self) -> Mapping[str, Any]:
        """Jobs by name."""
        ...


@dataclass(slots=True)
class Look:
    """A look that is under way: since when, and the call of the user's function in it.

    ``thread_id`` is there while the function runs; ``number`` counts its calls, one for each time that is due.
    """

    tick_id: str
    began: datetime
    thread_id: int | None = None
    number: int = 0
    scheduled_at: datetime | None = None
    is_given_up: bool = False


@dataclass(slots=True)
class Watched:
    """One schedule or sensor of this kernel. ``token`` is there while this kernel sees to it; else ``owner`` does."""

    automation: Automation
    crons: Crons | None = None
    switched: bool | None = None
    starts_at: datetime | None = None
    decided_until: datetime | None = None
    evaluated_at: datetime | None = None
    evaluated_by: int | None = None
    """The token by which this kernel claimed the last look that it had; None where it had none yet."""
    cursor: str | None = None
    failures: int = 0
    token: int | None = None
    owner: Mapping[str, Any] = field(default_factory=dict)
    next_at: datetime | None = None
    look: Look | None = None
    hanging: int = 0
    """How many looks were given up and still run."""
    unfinished: list[Mapping[str, Any]] = field(default_factory=list)
    """Ticks of a kernel that died before it launched their runs."""
    last_run_key: str | None = None
    nothing: tuple[str | None, str | None] | None = None
    """The reason and cursor of the last look, where it found nothing and said no more."""
    unchanging: Evaluation | None = None
    """What a schedule without any function asks for, once it was asked."""
    defined_at: datetime | None = None
    trouble: str | None = None

    @classmethod
    def of(cls, automation: Automation) -> Watched:
        """Return a record of an automation of which nothing is known yet."""
        crons = read_crons(automation.crons, automation.timezone) if isinstance(automation, Schedule) else None
        return cls(automation=automation, crons=crons)

    @property
    def name(self) -> str:
        """The automation's name."""
        return self.automation.name

    @property
    def times(self) -> tuple[list[str] | None, str | None]:
        """The crons of a schedule and their zone; None and None of a sensor."""
        schedule = self.automation
        return (list(schedule.crons), schedule.timezone) if isinstance(schedule, Schedule) else (None, None)

    def has_times(self, row: Mapping[str, Any]) -> bool:
        """Whether the history knows it by the times that it has now."""
        return (row["crons"], row["timezone"]) == self.times

    @property
    def is_on(self) -> bool:
        """Whether it is on: as somebody switched it, else as its definition says."""
        return self.automation.starts_on if self.switched is None else self.switched

    @property
    def is_ours(self) -> bool:
        """Whether this kernel sees to it."""
        return self.token is not None

    @property
    def memory(self) -> TickMemory:
        """What the rules of ticks go by."""
        return TickMemory(starts_at=self.starts_at if self.is_on else None, decided_until=self.decided_until)

    @property
    def policy(self) -> CatchupPolicy:
        """What becomes of missed ticks."""
        schedule = self.automation
        assert isinstance(schedule, Schedule)
        given: dict[str, Any] = {} if schedule.catchup_cap is None else {"cap": schedule.catchup_cap}
        return CatchupPolicy(catchup=schedule.catchup, **given)

    @property
    def timeout_s(self) -> float:
        """How long a look may take."""
        return self.automation.timeout_s if isinstance(self.automation, Sensor) else DEFAULT_TIMEOUT_S

    @property
    def interval(self) -> timedelta:
        """How long after the start of one look the next begins; longer after errors."""
        assert isinstance(self.automation, Sensor)
        factor = min(2 ** max(0, self.failures - 1), LONGEST_BACKOFF) if self.failures else 1
        return timedelta(seconds=self.automation.minimum_interval_s * factor)

    def next_moment(self, now: datetime) -> datetime | None:
        """Return when it is to be looked at next; None where something else has to happen before."""
        if not self.is_ours or self.look is not None:
            return None
        if self.unfinished:
            return now
        return self._next_look(now) if self.is_on else None

    def _next_look(self, now: datetime) -> datetime | None:
        if self.hanging >= MOST_HANGING:
            self.trouble = f"{self.hanging} of its looks hang; it looks again when one of them ends."
            return None
        if self.crons is not None:
            due = self.due_ticks(now)
            return due.missed.first if due.missed is not None else due.launch[0].at if due.launch else due.next_at
        last = self.evaluated_at
        if last is None or (self.starts_at is not None and last < self.starts_at) or last > now:
            return now
        return last + self.interval

    def due_ticks(self, now: datetime) -> Due:
        """Return what of a schedule is due; where that is nothing, what is remembered is put right."""
        assert self.crons is not None
        due = due_ticks(self.crons, self.memory, self.policy, now)
        if due.missed is None and not due.launch:
            self.starts_at, self.decided_until = due.memory.starts_at, due.memory.decided_until
        return due

    def remember(self, row: Mapping[str, Any] | None) -> None:
        """Take over what the history keeps, but for looks of this kernel that were claimed since it was asked."""
        if row is None:
            return
        self.switched = row["is_on"]
        self.starts_at = instant(row["since_us"])
        evaluated_at = instant(row["evaluated_us"])
        ours = self.evaluated_by is not None and self.evaluated_by == self.token
        if ours and self.evaluated_at is not None and (evaluated_at is None or evaluated_at < self.evaluated_at):
            return
        self.decided_until = instant(row["scheduled_us"])
        self.evaluated_at = evaluated_at
        self.cursor = row["cursor"]
        self.failures = row["failures"] or 0
        self.last_run_key = row["last_run_key"]

    def reach(self, scheduled_at: datetime | None) -> None:
        """Note that all times up to this one are dealt with."""
        if scheduled_at is not None:
            self.decided_until = max(scheduled_at, self.decided_until or scheduled_at)

    def go_on_from(self, before: Watched) -> None:
        """Take over what a look of the definition before has brought."""
        if before.evaluated_at is None or (self.evaluated_at is not None and before.evaluated_at <= self.evaluated_at):
            return
        self.evaluated_at, self.evaluated_by = before.evaluated_at, before.evaluated_by
        self.cursor, self.failures = before.cursor, before.failures
        self.last_run_key = before.last_run_key
        self.reach(before.decided_until)


def instant(microseconds: int | None) -> datetime | None:
    """Return an aware UTC instant, or None."""
    return None if microseconds is None else from_us(microseconds)


def microseconds(moment: datetime) -> int:
    """Return an aware instant in microseconds since the epoch."""
    return round(moment.timestamp() * 1_000_000)
