"""Decides which ticks of a schedule are launched, which were missed and when to look again. Knows no clock and no runs.

What is decided is remembered by one instant, up to which every tick has been dealt with; so no tick is launched
twice, whatever the clock does. Called by the scheduler with the present instant; ``replay`` goes through many.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from jobkernel.errors import InvalidDefinition
from jobkernel.model.automation import Catchup, Overlap
from jobkernel.records import dataclass
from jobkernel.rules.cron import TICK, Crons
from jobkernel.rules.cron_counts import count_ticks

ON_TIME: Final = timedelta(minutes=1)
"""A tick that is looked at within this time is no missed one: a busy kernel may be late by seconds."""
WRONG_CLOCK: Final = timedelta(days=1)
"""A clock that stands further behind than this was wrong before; waiting for it to catch up would take too long."""
DEFAULT_CAP: Final = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class CatchupPolicy:
    """Which missed ticks are made up for: with ``all`` the newest ``cap``; none that is older than ``window``."""

    catchup: Catchup = Catchup.LAST
    cap: int = DEFAULT_CAP
    window: timedelta | None = None

    def __post_init__(self) -> None:
        if self.cap < 1:
            raise InvalidDefinition(f"The cap of a catch-up is a whole number from 1; got {self.cap}.")
        if self.window is not None and self.window <= timedelta():
            raise InvalidDefinition(
                f"The window of a catch-up is a time longer than 0, such as 24h; got {self.window}."
            )

    @property
    def most(self) -> int:
        """How many ticks may be launched at once, the one on time included."""
        return self.cap if self.catchup is Catchup.ALL else 1

    def oldest(self, now: datetime) -> datetime | None:
        """Return the oldest tick that is launched at an instant; None for any."""
        if self.catchup is Catchup.NONE:
            return now - ON_TIME + TICK
        return None if self.window is None else now - max(self.window, ON_TIME)


@dataclass(frozen=True, slots=True, kw_only=True)
class TickMemory:
    """What a schedule must not forget.

    ``starts_at`` is when it was switched on, or its crons or zone were last changed: ticks count from there on, that
    instant included; None is switched off. All ticks up to ``decided_until``,
    that instant included, have been dealt with; None is nothing yet.
    """

    starts_at: datetime | None = None
    decided_until: datetime | None = None

    def started(self, now: datetime) -> TickMemory:
        """Return the memory of a schedule switched on, or given other crons or another zone: nothing past is fired."""
        return replace(self, starts_at=now)

    def stopped(self) -> TickMemory:
        """Return the memory of a schedule switched off."""
        return replace(self, starts_at=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class DueTick:
    """A tick to launch, and how late that is."""

    at: datetime
    late: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """Ticks in a row that are not launched: how many (at least so many, unless ``is_exact``), the first, the last."""

    count: int
    first: datetime
    last: datetime
    is_exact: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """What follows at an instant: ticks to launch, oldest first; those missed, all older; when the next one falls.

    ``memory`` is to be stored together with what was done. ``behind`` is how far the clock has to go until it is where
    ticks have been decided up to: it was set back, and none of them is launched again.
    """

    launch: tuple[DueTick, ...] = ()
    missed: Gap | None = None
    next_at: datetime | None = None
    memory: TickMemory
    behind: timedelta = timedelta()


def due_ticks(crons: Crons, memory: TickMemory, policy: CatchupPolicy, now: datetime) -> Due:
    """Decide at an instant what becomes of the ticks since the last decision; bounded work, however long ago that was.

    Where nothing has to be remembered, ``memory`` of the answer is the very object that was given.
    """
    if memory.starts_at is None:
        return Due(memory=memory)
    memory = _righted(memory, memory.starts_at, now)
    start = _start(memory)
    found = next(iter(crons.decided), None)
    if found is None or found.start != start or found.now != now:
        found = _Decided(start, now, crons.after(start))
        crons.decided[:] = [found]
    if found.first > now:
        return Due(next_at=found.first, memory=memory, behind=max(start - now, timedelta()))
    launch, missed, next_at = found.follows.get(policy) or found.follow(crons, policy)
    memory = TickMemory(starts_at=memory.starts_at, decided_until=now)
    return Due(launch=launch, missed=missed, next_at=next_at, memory=memory)


@dataclass(slots=True)
class _Decided:
    """What becomes, at ``now``, of the ticks later than ``start``: the same for all schedules that fire so."""

    start: datetime
    now: datetime
    first: datetime
    follows: dict[CatchupPolicy, tuple[tuple[DueTick, ...], Gap | None, datetime]] = field(default_factory=dict)

    def follow(self, crons: Crons, policy: CatchupPolicy) -> tuple[tuple[DueTick, ...], Gap | None, datetime]:
        """Decide by a policy what of them is launched, what is missed, and what comes next."""
        launched, next_at = _launched(crons, policy, self.first, self.now)
        launch = tuple([DueTick(at=tick, late=self.now - tick) for tick in launched])
        self.follows[policy] = found = launch, _missed(crons, self.first, launched, self.now), next_at
        return found


def _start(memory: TickMemory) -> datetime:
    """Return after which instant ticks are to be decided; one at the very moment of switching on counts."""
    assert memory.starts_at is not None
    on = memory.starts_at - TICK
    return on if memory.decided_until is None else max(on, memory.decided_until)


def _righted(memory: TickMemory, starts_at: datetime, now: datetime) -> TickMemory:
    """Return the memory as it is, or begun anew where it comes from a clock that was far ahead."""
    if max(starts_at, memory.decided_until or starts_at) - now <= WRONG_CLOCK:
        return memory
    return TickMemory(starts_at=min(starts_at, now), decided_until=now)


def _launched(
    crons: Crons, policy: CatchupPolicy, first: datetime, now: datetime
) -> tuple[Sequence[datetime], datetime]:
    """Return the newest ticks that the policy launches, oldest first; and the one that is to come."""
    oldest = policy.oldest(now)
    oldest = first if oldest is None else max(first, oldest)
    next_at = crons.after(first)
    if next_at > now:  # as nearly always
        return ([first] if first >= oldest else []), next_at
    found: list[datetime] = []
    tick = crons.upto(now)
    while tick >= oldest and len(found) < policy.most:
        found.append(tick)
        tick = crons.before(tick)
    return found[::-1], crons.after(now)


def _missed(crons: Crons, first: datetime, launched: Sequence[datetime], now: datetime) -> Gap | None:
    """Return the ticks from ``first`` on that are older than those launched."""
    if launched and launched[0] <= first:
        return None
    last = crons.before(launched[0]) if launched else crons.upto(now)
    counted = count_ticks(crons, first - TICK, last)
    return Gap(count=counted.number, first=first, last=last, is_exact=counted.is_exact)


class Verdict(StrEnum):
    """What becomes of a tick that is due."""

    LAUNCH = "launch"
    SKIP = "skip"
    QUEUE = "queue"


@dataclass(frozen=True, slots=True, kw_only=True)
class OverlapDecision:
    """A verdict, with its reason where the tick is not simply launched."""

    verdict: Verdict
    reason: str | None = None


def decide_overlap(policy: Overlap, schedule: str, active_runs: Sequence[str]) -> OverlapDecision:
    """Decide on a tick while runs of the same schedule, given by their ids, are queued or running."""
    if not active_runs or policy is Overlap.ALLOW:
        return OverlapDecision(verdict=Verdict.LAUNCH)
    more = f" and {len(active_runs) - 1} more of its runs are" if len(active_runs) > 1 else " is"
    active = f"Run {active_runs[0][:8]} of schedule '{schedule}'{more} not over"
    if policy is Overlap.QUEUE:
        return OverlapDecision(verdict=Verdict.QUEUE, reason=f"{active}; this one waits for it.")
    return OverlapDecision(
        verdict=Verdict.SKIP, reason=f"{active}; --overlap queue waits for it, --overlap allow runs beside it."
    )


def replay(crons: Crons, memory: TickMemory, policy: CatchupPolicy, wakes: Iterable[datetime]) -> Iterator[Due]:
    """Go through the instants at which somebody looks, each with the memory that the one before left."""
    for now in wakes:
        due = due_ticks(crons, memory, policy, now)
        memory = due.memory
        yield due
