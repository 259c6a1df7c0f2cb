"""The project's one queue of runs and the slots of its pools: who waits, who runs, who owns them.

Decides by ``rules.admission`` and ``rules.slots``; whoever calls it holds the desk's lock. What clients ask of it is in
``run_requests``.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping
from typing import Any

from jobkernel.rules.admission import QueuedRun, RunLine
from jobkernel.rules.limits import Limits
from jobkernel.rules.slots import SlotHolder, Slots

Told = tuple[str, str, dict[str, Any]]
"""Something to push: to which client, what, and its fields."""


class RunQueue:
    """Runs by id, each with the client that owns it. Methods that free something return what to tell for it."""

    def __init__(self) -> None:
        self.slots = Slots(Limits())
        self.line = RunLine(Limits(), self.slots)
        self.owners: dict[str, str] = {}
        self._awaited: set[str] = set()
        self._arrivals = itertools.count()
        self._arrived: dict[str, int] = {}

    @property
    def waiting(self) -> Mapping[str, QueuedRun]:
        """The runs in line, by id."""
        return self.line.waiting

    @property
    def running(self) -> Mapping[str, QueuedRun]:
        """The admitted runs, by id."""
        return self.line.running

    def remember_order(self, run_ids: Iterable[str]) -> None:
        """Let runs that an earlier server knew keep the order in which they came."""
        for run_id in run_ids:
            self._arrived.setdefault(run_id, next(self._arrivals))

    def await_owners(self, client_ids: Iterable[str]) -> None:
        """Start nothing until these clients of an earlier server are back and have said what they hold, or are gone."""
        self._awaited.update(client_ids)
        self.slots.hold_all(bool(self._awaited))

    def no_longer_awaited(self, client_ids: Iterable[str] | None = None) -> list[Told]:
        """Wait no more for these clients, or for any; return what to tell for what starts now."""
        if not self._awaited:
            return []
        self._awaited.difference_update(self._awaited.copy() if client_ids is None else client_ids)
        if self._awaited:
            return []
        return self._granted(self.slots.hold_all(False)) + self._admit()

    def submit(self, client_id: str, runs: Iterable[Mapping[str, Any]]) -> list[Told]:
        """Put runs in line, in order; one that is known keeps its place."""
        for described in runs:
            run_id = described["run_id"]
            self.owners[run_id] = client_id
            if run_id not in self.line.running and run_id not in self.line.waiting:
                self.line.add(self._run(**described))
        return self._admit()

    def resume(self, client_id: str, run_id: str, **described: Any) -> None:
        """Note a run that was admitted before, by a server that is gone."""
        self.owners[run_id] = client_id
        known = self.line.running.get(run_id)
        if known is None or described:
            self.line.end(run_id)
            self.line.start(self._run(run_id, **described))

    def drop(self, run_ids: Iterable[str]) -> list[Told]:
        """Forget runs that ended, with all that they held."""
        told: list[Told] = []
        for run_id in run_ids:
            self.line.remove(run_id)
            self.line.end(run_id)
            self._arrived.pop(run_id, None)
            for pool, granted in self.slots.release_run(run_id).items():
                told += self._granted(granted)
                self.line.pool_freed(pool)
            self.owners.pop(run_id, None)
        return told + self._admit()

    def withdraw(self, run_id: str) -> None:
        """Take a run out of the line, so that it is never admitted."""
        self.line.remove(run_id)

    def set_limits(self, limits: Limits) -> list[Told]:
        """Go by other limits from now on; nothing that runs is stopped."""
        if limits == self.line.limits:
            return []
        told = self._granted(self.slots.set_limits(limits))
        self.line.set_limits(limits)
        return told + self._admit()

    def claim_slot(self, run_id: str, step_key: str, pool: str, priority: int) -> bool:
        """Ask for a slot of a pool; return whether the step has one now, else it is told when it has."""
        run = self.line.running.get(run_id)
        return self.slots.claim(pool, SlotHolder(run_id, step_key), priority + (run.priority if run else 0))

    def hold_slot(self, run_id: str, step_key: str, pool: str) -> None:
        """Note a slot that an earlier server gave."""
        self.slots.hold(pool, SlotHolder(run_id, step_key))

    def release_slot(self, run_id: str, step_key: str, pool: str) -> list[Told]:
        """Take a slot back, or a step out of the line for one."""
        told = self._granted(self.slots.release(pool, SlotHolder(run_id, step_key)))
        self.line.pool_freed(pool)
        return told + self._admit()

    def place_of(self, run_id: str) -> dict[str, Any]:
        """Return how many runs are before a waiting one, and in words what it waits for."""
        return {"ahead": self.line.ahead_of(run_id), "why": self.line.why(run_id)}

    def of(self, client_id: str) -> list[str]:
        """Return the ids of a client's runs."""
        return [run_id for run_id, owner in self.owners.items() if owner == client_id]

    def _run(
        self,
        run_id: str,
        priority: int = 0,
        tags: Mapping[str, str] | None = None,
        pools: Iterable[str] = (),
        roots: Mapping[str, int] | None = None,
        title: str = "",
    ) -> QueuedRun:
        if run_id not in self._arrived:
            self._arrived[run_id] = next(self._arrivals)
        return QueuedRun(
            run_id=run_id,
            arrived=self._arrived[run_id],
            priority=priority,
            tags=tags or {},
            pools=frozenset(pools),
            roots=roots or {},
            title=title,
        )

    def _admit(self) -> list[Told]:
        if self._awaited:
            return []
        return [(self.owners[run.run_id], "admitted", {"run_id": run.run_id}) for run in self.line.admit()]

    def _granted(self, holders: Iterable[SlotHolder]) -> list[Told]:
        return [
            (self.owners[holder.run_id], "slot", {"run_id": holder.run_id, "step_key": holder.step_key})
            for holder in holders
            if holder.run_id in self.owners
        ]
