"""The steps of one run that may start, best first, and limits on how many with a tag run at once. Pure bookkeeping.

Higher priority goes first, then who was ready first. A step that a limit blocks is passed over until one that counts
against the same limit ends. Owned by the engine's run, which calls it under its lock.
"""

from __future__ import annotations

import heapq
import itertools
from collections import Counter
from collections.abc import Iterable

from jobkernel.rules.limits import Count, TagLimits
from jobkernel.rules.plan import PlannedStep

Entry = tuple[int, int, PlannedStep]


class ReadySteps:
    """Steps that wait for nothing but a free worker."""

    def __init__(self, limits: TagLimits | None = None) -> None:
        self._limits = limits
        self._heap: list[Entry] = []
        self._numbers = itertools.count()
        self._running: Counter[Count] = Counter()
        self._parked: dict[Count, list[Entry]] = {}

    def __len__(self) -> int:
        return len(self._heap)

    def add(self, steps: Iterable[PlannedStep]) -> None:
        """Take steps in, in the order in which they became ready."""
        for step in steps:
            heapq.heappush(self._heap, (-step.priority, next(self._numbers), step))

    def take(self) -> PlannedStep | None:
        """Take out the first step that may start now; it counts as running until it is told to have ended."""
        while self._heap:
            entry = heapq.heappop(self._heap)
            if self._limits is None:
                return entry[2]
            counts = self._limits.on(entry[2].tags)
            full = next((count for count, limit in counts.items() if self._running[count] >= limit), None)
            if full is None:
                self._running.update(counts.keys())
                return entry[2]
            heapq.heappush(self._parked.setdefault(full, []), entry)
            for count, limit in counts.items():  # its place under the others is free for somebody else
                if self._running[count] < limit:
                    self._wake(count)
        return None

    def ended(self, step: PlannedStep) -> None:
        """Note that a step that was taken runs no more."""
        if self._limits is not None:
            for count in self._limits.on(step.tags):
                self._running[count] -= 1
                self._wake(count)

    def clear(self) -> None:
        """Forget the steps that have not been taken."""
        self._heap.clear()
        self._parked.clear()

    def _wake(self, count: Count) -> None:
        parked = self._parked.get(count)
        if parked:
            heapq.heappush(self._heap, heapq.heappop(parked))
