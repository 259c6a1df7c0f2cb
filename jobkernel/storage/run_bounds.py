"""Where in the history each run's rows lie, so that a question of one run reads few rows. Kept by the store."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import field
from typing import Final

from jobkernel.records import dataclass

STILL_OPEN: Final = 2**62
"""Stands for the last seq of a run that has not ended."""


@dataclass(slots=True)
class RunBounds:
    """Where each run's rows lie: the seq of its first event, and of its last once it has ended."""

    positions: dict[str, int] = field(default_factory=dict)
    firsts: array[int] = field(default_factory=lambda: array("q"))
    lasts: array[int] = field(default_factory=lambda: array("q"))

    def note(self, run_id: str, first: int, last: int) -> None:
        """Remember a run, or what changed of it."""
        position = self.positions.get(run_id)
        if position is None:
            self.positions[run_id] = len(self.firsts)
            self.firsts.append(first)
            self.lasts.append(last)
        else:
            self.lasts[position] = last

    def take_back(self, run_ids: Sequence[str]) -> None:
        """Forget the newest runs again."""
        for run_id in reversed(run_ids):
            position = self.positions.pop(run_id)
            del self.firsts[position:]
            del self.lasts[position:]

    def of(self, run_id: str) -> tuple[int, int]:
        """Return first and last seq; an unknown run lies nowhere."""
        position = self.positions.get(run_id)
        return (0, -1) if position is None else (self.firsts[position], self.lasts[position])

    def floor(self, newest: int) -> int:
        """Return the first seq of the oldest of the ``newest`` latest runs."""
        return self.firsts[-newest] if 0 < newest < len(self.firsts) else 0
