"""The project's one queue of runs: who waits, who runs, who owns them. Decides by ``rules.admission``."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from jobkernel.rules.admission import Limits, QueuedRun, admit, in_order


@dataclass(slots=True)
class RunQueue:
    """Runs by id, each with the client that owns it."""

    limits: Limits = field(default_factory=Limits)
    waiting: dict[str, QueuedRun] = field(default_factory=dict)
    running: dict[str, QueuedRun] = field(default_factory=dict)
    owners: dict[str, str] = field(default_factory=dict)
    _arrivals: itertools.count[int] = field(default_factory=itertools.count)

    def submit(self, client_id: str, run_id: str, *, priority: int, tags: Mapping[str, str]) -> None:
        """Put a run in line; one that is known keeps its place."""
        self.owners[run_id] = client_id
        if run_id not in self.running and run_id not in self.waiting:
            self.waiting[run_id] = QueuedRun(run_id=run_id, arrived=next(self._arrivals), priority=priority, tags=tags)

    def resume(self, client_id: str, run_id: str, *, priority: int, tags: Mapping[str, str]) -> None:
        """Note a run that was admitted before, by a server that is gone."""
        self.owners[run_id] = client_id
        run = self.waiting.pop(run_id, None) or QueuedRun(
            run_id=run_id, arrived=next(self._arrivals), priority=priority, tags=tags
        )
        self.running[run_id] = run

    def admit(self) -> list[tuple[str, str]]:
        """Start what may start; return run id and owner of each."""
        admitted = admit(self.waiting.values(), self.running.values(), self.limits)
        for run in admitted:
            self.running[run.run_id] = self.waiting.pop(run.run_id)
        return [(run.run_id, self.owners[run.run_id]) for run in admitted]

    def ahead_of(self, run_id: str) -> int:
        """Return how many runs will be asked before this one; 0 for one that does not wait."""
        order = [run.run_id for run in in_order(self.waiting.values())]
        return order.index(run_id) if run_id in order else 0

    def drop(self, run_ids: Iterable[str]) -> None:
        """Forget runs that ended."""
        for run_id in run_ids:
            self.waiting.pop(run_id, None)
            self.running.pop(run_id, None)
            self.owners.pop(run_id, None)

    def withdraw(self, run_id: str) -> None:
        """Take a run out of the line, so that it is never admitted."""
        self.waiting.pop(run_id, None)

    def of(self, client_id: str) -> list[str]:
        """Return the ids of a client's runs."""
        return [run_id for run_id, owner in self.owners.items() if owner == client_id]
