"""What screens may ask of a run beside its steps' statuses: what holds steps up, and which threads were left behind.

Written by the run under its lock; each reading is of one small dict, so readers need none.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import field

from jobkernel.model.definitions import EMPTY
from jobkernel.records import dataclass


@dataclass(slots=True)
class RunNotes:
    """Notes of one run, by step.

    ``waits`` says in words why a step has no slot of its pool, ``retries`` when a step is tried again (µs), ``lost``
    which step each abandoned thread (by its id) was given for, ``end_tags`` what tags the run got when it failed.
    """

    waits: dict[str, str] = field(default_factory=dict)
    retries: dict[str, int] = field(default_factory=dict)
    lost: dict[int, str] = field(default_factory=dict)
    end_tags: Mapping[str, str] = EMPTY

    def clear(self) -> None:
        """Note that nothing will be tried any more."""
        self.waits.clear()
        self.retries.clear()

    def abandoned(self) -> dict[str, list[str]]:
        """Return the names of the threads that abandoned attempts still hold, by step."""
        lost = dict(self.lost)
        if not lost:
            return {}
        names = {thread.ident: thread.name for thread in threading.enumerate()}
        found: dict[str, list[str]] = {}
        for ident, key in lost.items():
            if ident in names:
                found.setdefault(key, []).append(names[ident])
        return found


def still_running(threads: Sequence[str]) -> str:
    """Return in words that these threads still run a step that was abandoned."""
    if len(threads) == 1:
        return f"thread {threads[0]} still runs it"
    return f"threads {' and '.join(threads)} still run it"
