"""Decide which waiting runs may start: highest priority first, then first come, passing over those a limit blocks.

Pure bookkeeping for one queue: every start, end and change of limits is told, and a decision looks only at what that
can have changed, so 10 000 waiting runs cost no more than ten. Owned by ``storage.run_queue``, which holds its lock.
"""

from __future__ import annotations

import heapq
from bisect import bisect_left, insort
from collections import Counter
from collections.abc import Mapping
from dataclasses import field

from jobkernel.model.definitions import EMPTY
from jobkernel.model.run_tags import PRIORITY_TAG
from jobkernel.records import dataclass
from jobkernel.rules.limits import NO_LIMIT, Count, Limits
from jobkernel.rules.slots import Slots

Place = tuple[int, int, str]
"""Where a run stands in line: lower comes first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QueuedRun:
    """A run that wants to start, or has started: what admission looks at.

    ``pools`` are those of all its steps; ``roots`` counts, by pool, the steps that wait for nothing, and is empty where
    one of them needs no pool.
    """

    run_id: str
    arrived: int
    """Grows with every submission; the order among equals."""
    priority: int = 0
    tags: Mapping[str, str] = field(default=EMPTY)
    pools: frozenset[str] = frozenset()
    roots: Mapping[str, int] = field(default=EMPTY)
    title: str = ""
    """What people call it."""

    @property
    def place(self) -> Place:
        """Where it stands in line."""
        return (-self.priority, self.arrived, self.run_id)


Holds = tuple[tuple[tuple[Count, int], ...], frozenset[str]]
"""What holds a run back: counts with how far each may go, and pools of which one must have room."""


@dataclass(slots=True, eq=False)
class _Group:
    """Waiting runs that the same limits hold back: while the first of them may not start, none may."""

    line: list[Place] = field(default_factory=list)
    parked_on: tuple[Count, ...] = ()
    woken_by: set[Count] = field(default_factory=set)
    """Counts that let it try again; where it leaves room under one of them, the next group of that count tries."""


class RunLine:
    """The runs that wait and those that run, under limits."""

    def __init__(self, limits: Limits | None = None, slots: Slots | None = None) -> None:
        self.limits = limits or Limits()
        self.slots = slots or Slots(self.limits)
        self.waiting: dict[str, QueuedRun] = {}
        self.running: dict[str, QueuedRun] = {}
        self._order: list[Place] = []
        self._counts: Counter[Count] = Counter()
        self._holds: dict[str, Holds] = {}
        self._groups: dict[Holds, _Group] = {}
        self._parked: dict[Count, list[tuple[Place, Holds]]] = {}
        self._heads: list[tuple[Place, Holds]] = []

    def add(self, run: QueuedRun) -> None:
        """Put a run in line."""
        self.waiting[run.run_id] = run
        insort(self._order, run.place)
        self._join_group(run)

    def start(self, run: QueuedRun) -> None:
        """Count a run as running, whatever the limits say."""
        self.remove(run.run_id)
        self.running[run.run_id] = run
        for count, _ in self._holding(run)[0]:
            self._counts[count] += 1
        if self.limits.pool_granularity == "op":
            self.slots.expect(run.run_id, run.roots)

    def remove(self, run_id: str) -> None:
        """Take a run out of the line, so that it never starts."""
        run = self.waiting.pop(run_id, None)
        if run is None:
            return
        del self._order[bisect_left(self._order, run.place)]
        holds = self._holds.pop(run_id)
        group = self._groups[holds]
        del group.line[bisect_left(group.line, run.place)]
        if group.line:
            self._offer(holds, group)
        else:
            del self._groups[holds]
            self._pass_on(holds, group)

    def end(self, run_id: str) -> None:
        """Give back the place of a run that ended."""
        run = self.running.pop(run_id, None)
        if run is None:
            return
        for count, _ in self._holding(run)[0]:
            self._counts[count] -= 1
            if not self._counts[count]:
                del self._counts[count]
            self._freed(count)
        self._holds.pop(run_id, None)

    def pool_freed(self, pool: str) -> None:
        """Look again at the runs that wait for a pool."""
        self._freed(("pool", pool))

    def pool_sizes(self) -> dict[str, tuple[int, int]]:
        """Return how many hold and how many wait for each pool in use: steps, or runs where the limit counts these."""
        if self.limits.pool_granularity == "op":
            return self.slots.sizes()
        held = Counter(pool for run in self.running.values() for pool in run.pools)
        waiting = Counter(pool for run in self.waiting.values() for pool in run.pools)
        return {pool: (held[pool], waiting[pool]) for pool in sorted(held.keys() | waiting.keys())}

    def set_limits(self, limits: Limits) -> None:
        """Go by other limits from now on. Nothing that runs is stopped."""
        self.limits = limits
        self._holds = {}
        self._counts = Counter(count for run in self.running.values() for count, _ in self._holding(run)[0])
        self._groups, self._parked, self._heads = {}, {}, []
        for run in self.waiting.values():
            self._join_group(run)

    def admit(self) -> list[QueuedRun]:
        """Start what may start, and return it in order."""
        return list(iter(self.admit_one, None))

    def admit_one(self) -> QueuedRun | None:
        """Start the first run that may start, and return it."""
        while self._has_place() and (found := self._next_group()) is not None:
            holds, group = found
            full = self._full(holds)
            if full:
                group.parked_on = full
                self._offer(holds, group)
                self._pass_on(holds, group)
                continue
            run = self.waiting[group.line[0][2]]
            self.start(run)
            self._pass_on(holds, group)
            return run
        return None

    def ahead_of(self, run_id: str) -> int:
        """Return how many waiting runs stand before this one; 0 for one that does not wait."""
        run = self.waiting.get(run_id)
        return bisect_left(self._order, run.place) if run is not None else 0

    def in_order(self) -> list[str]:
        """Return the ids of the waiting runs in the order in which they are asked."""
        return [run_id for _, _, run_id in self._order]

    def why(self, run_id: str) -> str:
        """Return in words what a waiting run waits for; empty for one that does not wait."""
        run = self.waiting.get(run_id)
        if run is None:
            return ""
        most = self.limits.max_concurrent_runs
        if most == 0:
            return "max_concurrent_runs is 0, so no run may start"
        full = self._full(self._holding(run))
        if full:
            return " and ".join(self._in_words(count) for count in full)
        if self._has_place():
            return "it is about to start"
        return f"{len(self.running)} of {most} runs are running (max_concurrent_runs)"

    def _has_place(self) -> bool:
        most = self.limits.max_concurrent_runs
        return most == NO_LIMIT or len(self.running) < most

    def _holding(self, run: QueuedRun) -> Holds:
        """Return what holds a run back under the limits of now."""
        holds = self._holds.get(run.run_id)
        if holds is None:
            holds = self._holds[run.run_id] = (tuple(sorted(self._limits_on(run).items())), self._roots(run))
        return holds

    def _limits_on(self, run: QueuedRun) -> dict[Count, int]:
        limits = self.limits.tags.on(run.tags)
        if self.limits.pool_granularity == "run":
            sizes = {pool: self.limits.of_pool(pool) for pool in run.pools}
            limits.update({("pool", pool): size for pool, size in sizes.items() if size is not None})
        return limits

    def _roots(self, run: QueuedRun) -> frozenset[str]:
        if self.limits.pool_granularity == "run" or any(self.limits.of_pool(pool) is None for pool in run.roots):
            return frozenset()
        return frozenset(run.roots)

    def _join_group(self, run: QueuedRun) -> None:
        holds = self._holding(run)
        group = self._groups.setdefault(holds, _Group())
        insort(group.line, run.place)
        if group.line[0] == run.place:
            self._offer(holds, group)

    def _offer(self, holds: Holds, group: _Group) -> None:
        """Put a group where its first run will be looked for: among those to try, or those blocked by a count."""
        if not group.parked_on:
            heapq.heappush(self._heads, (group.line[0], holds))
        for count in group.parked_on:
            heapq.heappush(self._parked.setdefault(count, []), (group.line[0], holds))

    def _next_group(self) -> tuple[Holds, _Group] | None:
        while self._heads:
            place, holds = heapq.heappop(self._heads)
            group = self._groups.get(holds)
            if group is not None and not group.parked_on and group.line[0] == place:
                return holds, group
        return None

    def _full(self, holds: Holds) -> tuple[Count, ...]:
        """Return what blocks: the first limit that is reached, or all the pools of the first steps."""
        limits, roots = holds
        for count, limit in limits:
            if self._counts[count] >= limit:
                return (count,)
        if roots and not any(self.slots.has_room(pool) for pool in roots):
            return tuple(("pool", pool) for pool in sorted(roots))
        return ()

    def _freed(self, count: Count) -> None:
        """Let the first group that is blocked by this count try again; it passes on what it leaves."""
        parked = self._parked.get(count, [])
        while parked:
            place, holds = heapq.heappop(parked)
            group = self._groups.get(holds)
            if group is not None and count in group.parked_on and group.line[0] == place:
                group.parked_on = ()
                group.woken_by.add(count)
                self._offer(holds, group)
                return
        self._parked.pop(count, None)

    def _pass_on(self, holds: Holds, group: _Group) -> None:
        woken_by, group.woken_by = group.woken_by, set()
        for count in woken_by:
            limit = dict(holds[0]).get(count)
            has_room = self.slots.has_room(count[1]) if limit is None else self._counts[count] < limit
            if has_room:
                self._freed(count)

    def _in_words(self, count: Count) -> str:
        kind, name, *value = count
        if kind == "pool":
            limit = self.limits.of_pool(name)
            holders = [run.run_id for run in self.running.values() if name in run.pools]
            if self.limits.pool_granularity == "op":
                holders = [holder.run_id for holder in self.slots.holders(name)]
            return f"pool '{name}' is full: {limit} of {limit} slots are taken{_by(holders)}"
        holders = [run.run_id for run in self.running.values() if count in self._limits_on(run)]
        tag = f"{name}={value[0]}" if value else name
        limit = self.limits.tags.on({name: value[0] if value else ""})[count]
        return f"the tag limit on {tag} is reached: {len(holders)} of {limit} runs are running{_by(holders)}"


def priority_of(tags: Mapping[str, str]) -> int:
    """Return the priority that tags give: the whole number in ``dagster/priority``, else 0."""
    try:
        return int(tags.get(PRIORITY_TAG, "0"))
    except ValueError:
        return 0


def _by(holders: list[str]) -> str:
    named = ", ".join(dict.fromkeys(run_id[:8] for run_id in holders))
    return f" (by {named})" if 0 < len(holders) <= 5 else ""
