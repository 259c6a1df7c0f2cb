"""How far a backfill is: which of its runs may be launched, and what the end of one means for the others. Pure.

Each run ends once: made, failed, left out because something above it failed, or canceled. One change costs what hangs
on it, so 10 000 runs cost no more each than ten. ``engine.backfills`` tells it what happened.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterable, Sequence
from enum import StrEnum

from jobkernel.records import dataclass
from jobkernel.rules.backfills import BackfillRun


class BackfillStatus(StrEnum):
    """Where a backfill stands, in Dagster's words."""

    REQUESTED = "REQUESTED"
    CANCELING = "CANCELING"
    CANCELED = "CANCELED"
    COMPLETED_SUCCESS = "COMPLETED_SUCCESS"
    COMPLETED_FAILED = "COMPLETED_FAILED"
    FAILED = "FAILED"

    @property
    def is_final(self) -> bool:
        """Whether nothing changes this status by itself any more."""
        return self not in (BackfillStatus.REQUESTED, BackfillStatus.CANCELING)


class RunState(StrEnum):
    """Where one run of a backfill stands."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    NOT_RUN = "not_run"
    CANCELED = "canceled"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """How many partitions of a backfill stand where; together they are ``partitions``."""

    partitions: int = 0
    done: int = 0
    failed: int = 0
    not_run: int = 0
    canceled: int = 0
    running: int = 0
    waiting: int = 0


class BackfillProgress:
    """The states of a backfill's runs."""

    def __init__(self, runs: Sequence[BackfillRun], done: Iterable[int] = ()) -> None:
        self.runs = runs
        self.states = [RunState.WAITING] * len(runs)
        self._counts: Counter[RunState] = Counter()
        self._below: dict[int, list[int]] = {}
        self._ready: list[int] = []
        made = set(done)
        for number in made:
            self.states[number] = RunState.DONE
        self._open = [len(set(run.needs) - made) for run in runs]
        for run in runs:
            self._counts[self.states[run.number]] += run.partitions
            for need in run.needs:
                self._below.setdefault(need, []).append(run.number)
            if self.states[run.number] is RunState.WAITING and not self._open[run.number]:
                self._ready.append(run.number)
        heapq.heapify(self._ready)
        self.in_flight: set[int] = set()

    @property
    def tally(self) -> Tally:
        """How many partitions stand where."""
        counts = {str(state): self._counts[state] for state in RunState}
        return Tally(partitions=sum(counts.values()), **counts)

    @property
    def is_over(self) -> bool:
        """Whether no run is under way and none can be launched any more."""
        return not self.in_flight and not self._ready

    @property
    def verdict(self) -> BackfillStatus:
        """How it ended."""
        if self._counts[RunState.CANCELED]:
            return BackfillStatus.CANCELED
        unmade = self._counts[RunState.FAILED] + self._counts[RunState.NOT_RUN]
        return BackfillStatus.COMPLETED_FAILED if unmade else BackfillStatus.COMPLETED_SUCCESS

    def next_run(self, most: int) -> BackfillRun | None:
        """Start the next run that may be launched beside at most ``most`` in all, and return it."""
        while self._ready and len(self.in_flight) < most:
            number = heapq.heappop(self._ready)
            if self.states[number] is RunState.WAITING:
                self.in_flight.add(number)
                self._become(number, RunState.RUNNING)
                return self.runs[number]
        return None

    def attach(self, number: int) -> None:
        """Note a run that is under way already."""
        self.in_flight.add(number)
        self._become(number, RunState.RUNNING)

    def ended(self, number: int, state: RunState) -> None:
        """Note how a run ended; what needs one that was not made is left out, or may be launched now."""
        self.in_flight.discard(number)
        self._become(number, state)
        for below in self._below.get(number, ()):
            if state is RunState.DONE:
                self._open[below] -= 1
                if not self._open[below] and self.states[below] is RunState.WAITING:
                    heapq.heappush(self._ready, below)
            else:
                self._leave_out(below)

    def cancel(self) -> None:
        """Launch nothing more: what waits never runs."""
        self._ready.clear()
        for number, state in enumerate(self.states):
            if state is RunState.WAITING:
                self._become(number, RunState.CANCELED)

    def give_up(self) -> None:
        """Leave out what still waits though nothing is under way: runs that need each other in a circle."""
        for number in self.with_state(RunState.WAITING):
            self._leave_out(number)

    def with_state(self, *states: RunState) -> list[int]:
        """Return the numbers of the runs that stand so, in order."""
        return [number for number, state in enumerate(self.states) if state in states]

    def _leave_out(self, number: int) -> None:
        left = [number]
        while left:
            each = left.pop()
            if self.states[each] is RunState.WAITING:
                self._become(each, RunState.NOT_RUN)
                left += self._below.get(each, ())

    def _become(self, number: int, state: RunState) -> None:
        size = self.runs[number].partitions
        self._counts[self.states[number]] -= size
        self._counts[state] += size
        self.states[number] = state
