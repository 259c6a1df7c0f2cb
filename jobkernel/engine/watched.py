"""A schedule or sensor as this kernel watches it: its definition, what the history keeps of it, and when it is due.

Knows no thread. The scheduler decides by it, looks change it, screens read it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from jobkernel.clock import from_us
from jobkernel.model.automation import Automation, Schedule, Sensor
from jobkernel.rules.cron import Crons, read_crons
from jobkernel.rules.ticks import Catchup, CatchupPolicy, TickMemory

LONGEST_BACKOFF: Final = 20
"""After errors a sensor looks less often: at most so many of its intervals lie between two looks."""
DEFAULT_TIMEOUT_S: Final = 60.0


@dataclass(slots=True)
class Look:
    """A look that is under way: since when, on which thread, and whether it was given up."""

    tick_id: str
    began: datetime
    thread_id: int | None = None
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
    cursor: str | None = None
    failures: int = 0
    token: int | None = None
    owner: Mapping[str, Any] = field(default_factory=dict)
    next_at: datetime | None = None
    look: Look | None = None
    last_run_key: str | None = None
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
        return CatchupPolicy(catchup=Catchup(schedule.catchup), **given)

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

    def remember(self, row: Mapping[str, Any] | None) -> None:
        """Take over what the history keeps."""
        if row is None:
            return
        self.switched = row["is_on"]
        self.starts_at = instant(row["since_us"])
        self.decided_until = instant(row["scheduled_us"])
        self.evaluated_at = instant(row["evaluated_us"])
        self.cursor = row["cursor"]
        self.failures = row["failures"] or 0


def instant(microseconds: int | None) -> datetime | None:
    """Return an aware UTC instant, or None."""
    return None if microseconds is None else from_us(microseconds)


def microseconds(moment: datetime) -> int:
    """Return an aware instant in microseconds since the epoch."""
    return round(moment.timestamp() * 1_000_000)
