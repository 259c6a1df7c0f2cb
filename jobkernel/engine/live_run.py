"""A run of this kernel as the rest of jobkernel sees it, and who may run it again. Made by the launcher."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import field
from typing import Final, Protocol
from uuid import uuid4

from jobkernel.engine.run import ActiveRun
from jobkernel.engine.run_notes import still_running
from jobkernel.executors.step_output import OutputLine, StepOutput
from jobkernel.model.runs import RunOptions
from jobkernel.records import dataclass
from jobkernel.rules.asset_plan import shown_key
from jobkernel.rules.plan import Plan

ATTEMPT: Final = "#"
"""Between a step's key and the number of a later attempt, in the name of what that attempt printed."""
OnOutput = Callable[[str, Sequence[OutputLine]], None]
"""Told a step's key and its new lines, on the thread that wrote them: be quick."""


def new_run_id() -> str:
    """Return a fresh run id, a UUID as Dagster's are."""
    return str(uuid4())


@dataclass(slots=True, kw_only=True, eq=False)
class LiveRun:
    """A run of this kernel: the machine that drives it, and what its steps printed."""

    active: ActiveRun
    options: RunOptions
    queued_at: int
    outputs: dict[str, StepOutput] = field(default_factory=dict)
    is_admitted: bool = False
    durable: threading.Event = field(default_factory=threading.Event)
    loss: str | None = None
    notice: str | None = None
    on_output: OnOutput | None = None
    is_local: bool = True
    cell_id: str | None = None
    """The cell that waits for the run, where one does."""

    @property
    def plan(self) -> Plan:
        """The plan that the run follows."""
        return self.active.setup.plan


def abandoned_words(live: LiveRun) -> list[str]:
    """Return a sentence for each step whose thread still runs it, though the run has given it up."""
    lost = live.active.notes.abandoned()
    return [f"{shown_key(live.plan, key)} was abandoned; {still_running(threads)}." for key, threads in lost.items()]


class Retries(Protocol):
    """What retries whole runs."""

    def at_failure(self, run: ActiveRun, reason: str) -> Mapping[str, str]:
        """Return the tags that a failing run gets."""
        ...

    def after(self, run: ActiveRun) -> None:
        """Launch the retry that was promised when the run failed."""
        ...
