"""The slots of pools: which running steps hold one, which wait for one, who is next. Pure bookkeeping.

Limits are the project's and may change at any time; lowering one evicts nobody. Owned by the project's run queue,
which calls it under its own lock.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Mapping
from dataclasses import field
from typing import NamedTuple

from jobkernel.records import dataclass
from jobkernel.rules.limits import Limits


class SlotHolder(NamedTuple):
    """A step of a run that holds a slot, or wants one."""

    run_id: str
    step_key: str


@dataclass(slots=True)
class _Pool:
    held: dict[SlotHolder, None] = field(default_factory=dict)
    waiting: list[tuple[int, int, SlotHolder]] = field(default_factory=list)
    expected: dict[str, int] = field(default_factory=dict)
    """Slots that the first steps of an admitted run will ask for, and have not yet."""


class Slots:
    """Who holds and who waits, by pool. A freed slot goes to the highest priority, then to who asked first."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._pools: dict[str, _Pool] = {}
        self._asked = 0
        self._is_held = False

    def claim(self, pool: str, holder: SlotHolder, priority: int = 0) -> bool:
        """Give a step a slot, or put it in line; return whether it holds one now. Asking again changes nothing."""
        one = self._pools.setdefault(pool, _Pool())
        if holder in one.held:
            return True
        self._no_longer_expected(one, holder.run_id)
        if not any(waiting == holder for _, _, waiting in one.waiting):
            self._asked += 1
            insort(one.waiting, (-priority, self._asked, holder))
        return holder in self._grant(pool)

    def hold(self, pool: str, holder: SlotHolder) -> None:
        """Note a slot that was given before, whatever the limit says now."""
        self._pools.setdefault(pool, _Pool()).held[holder] = None

    def release(self, pool: str, holder: SlotHolder) -> list[SlotHolder]:
        """Take a slot back, or a step out of the line; return the steps that got one for it."""
        one = self._pools.get(pool)
        if one is None:
            return []
        one.held.pop(holder, None)
        one.waiting = [each for each in one.waiting if each[2] != holder]
        return self._grant(pool)

    def release_run(self, run_id: str) -> dict[str, list[SlotHolder]]:
        """Take back all that a run holds and wants; return who got its slots, by each pool that the run was in."""
        freed: dict[str, list[SlotHolder]] = {}
        for pool, one in list(self._pools.items()):
            held = [holder for holder in one.held if holder.run_id == run_id]
            waits = [each for each in one.waiting if each[2].run_id == run_id]
            if one.expected.pop(run_id, None) is None and not held and not waits:
                continue
            for holder in held:
                del one.held[holder]
            one.waiting = [each for each in one.waiting if each[2].run_id != run_id]
            freed[pool] = self._grant(pool)
        return freed

    def expect(self, run_id: str, roots: Mapping[str, int]) -> None:
        """Count on it that an admitted run will ask for slots with its first steps."""
        for pool, count in roots.items():
            self._pools.setdefault(pool, _Pool()).expected[run_id] = count

    def set_limits(self, limits: Limits) -> list[SlotHolder]:
        """Go by other limits from now on; return the steps that got a slot by it."""
        self._limits = limits
        return [holder for pool in list(self._pools) for holder in self._grant(pool)]

    def hold_all(self, held: bool) -> list[SlotHolder]:
        """Grant nothing for as long as ``held``; return the steps that got a slot by its end."""
        self._is_held = held
        return [holder for pool in list(self._pools) for holder in self._grant(pool)]

    def has_room(self, pool: str) -> bool:
        """Whether a step that comes now would get a slot, those expected counted in."""
        limit = self._limits.of_pool(pool)
        if limit is None or pool not in self._pools:
            return limit != 0
        one = self._pools[pool]
        return len(one.held) + len(one.waiting) + sum(one.expected.values()) < limit

    def holders(self, pool: str) -> list[SlotHolder]:
        """Return the steps that hold a slot, those that got it first before the others."""
        return list(self._pools[pool].held) if pool in self._pools else []

    def sizes(self) -> dict[str, tuple[int, int]]:
        """Return how many hold and how many wait for a slot, by pool."""
        return {name: (len(one.held), len(one.waiting)) for name, one in self._pools.items()}

    def _grant(self, pool: str) -> list[SlotHolder]:
        one = self._pools[pool]
        limit = self._limits.of_pool(pool) if self._limits.pool_granularity == "op" else None
        granted: list[SlotHolder] = []
        while not self._is_held and one.waiting and (limit is None or len(one.held) < limit):
            holder = one.waiting.pop(0)[2]
            one.held[holder] = None
            granted.append(holder)
        if not one.held and not one.waiting and not one.expected:
            del self._pools[pool]
        return granted

    def _no_longer_expected(self, one: _Pool, run_id: str) -> None:
        left = one.expected.pop(run_id, 0) - 1
        if left > 0:
            one.expected[run_id] = left
