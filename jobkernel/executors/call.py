"""What a step is given when it runs, and what it gives back. Made by the engine's runs, used by every executor."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import field
from enum import Enum
from typing import Any, Protocol

from jobkernel.errors import Interrupted, StepTimedOut
from jobkernel.executors.cancel import CancelToken
from jobkernel.model.dagster_run import DagsterRun
from jobkernel.model.definitions import EMPTY, Output
from jobkernel.model.partition_range import PartitionKeyRange
from jobkernel.model.runs import RunStatus
from jobkernel.records import dataclass
from jobkernel.rules.partition_run import RunPartitions
from jobkernel.rules.plan import FromAsset, FromManager, FromStep, PlannedInput, PlannedStep

Emit = Callable[[str, "dict[str, Any] | None"], None]
"""Record an event of this step: its type and body."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFacts:
    """What the steps of a run may know of it. ``config`` is the stored form, with secrets left as names.

    A run of one partition has a ``partition_key``, one of several a ``partition_range``.
    """

    run_id: str
    job_name: str
    tags: Mapping[str, str] = field(default=EMPTY)
    config: Any = None
    partition_key: str | None = None
    partition_range: PartitionKeyRange | None = None
    partitions: RunPartitions | None = None
    parent_run_id: str | None = None
    root_run_id: str | None = None

    def as_dagster_run(self) -> DagsterRun:
        """Return the run, started, under Dagster's names."""
        return DagsterRun(
            run_id=self.run_id,
            job_name=self.job_name,
            run_config=self.config or {},
            tags=self.tags,
            status=RunStatus.STARTED,
            parent_run_id=self.parent_run_id,
            root_run_id=self.root_run_id,
        )


class Exchange(Protocol):
    """Where the values of a run's steps are kept and found."""

    def keep(
        self, call: StepCall, output: Output, name: str, value: Any, metadata: Mapping[str, Any] = EMPTY
    ) -> dict[str, Any]:
        """Keep an output's value; return what the store says of it (path, bytes, data version, metadata).

        ``metadata`` is what the step gave with the value.
        """
        ...

    def load(self, call: StepCall, planned: PlannedInput, feed: FromStep | FromAsset | FromManager) -> Any:
        """Return the value behind a feed.

        Raises:
            MissingUpstream: it was never made.
        """
        ...

    def collected(self, feed: FromStep) -> tuple[FromStep, ...]:
        """Return the outputs that a collected feed stands for."""
        ...

    def has_made(self, feed: FromStep) -> bool:
        """Whether that output exists in this run."""
        ...


class Config(Protocol):
    """Run config, resolved."""

    def for_op(self, path: tuple[str, ...]) -> Any:
        """Return what the body at that path gets as its config."""
        ...

    def input_value(self, path: tuple[str, ...], name: str) -> Any:
        """Return what config says an unconnected input is."""
        ...

    def for_manager(self, path: tuple[str, ...], section: str, name: str) -> Any:
        """Return what an IO manager is told of one of the ``inputs`` or ``outputs`` of the op at that path."""
        ...

    def for_resource(self, key: str) -> Any:
        """Return the config of a resource, None where it has none."""
        ...


@dataclass(slots=True, kw_only=True)
class StepCall:
    """One attempt at a step: everything that running it needs.

    ``place`` says where it runs, as the history keeps it: ``executor``, and ``worker`` in another process.
    ``told_hooks`` is each output made so far, of a step that has hooks: its value and metadata.
    """

    step: PlannedStep
    run: RunFacts
    emit: Emit
    exchange: Exchange
    config: Config
    resources: Mapping[str, Any]
    cancel: CancelToken
    attempt: int = 1
    place: Mapping[str, str] = field(default=EMPTY)
    compute: Callable[..., Any] | None = None
    fingerprint: Mapping[str, Any] | None = None
    is_abandoned: bool = False
    began: float = field(default_factory=time.perf_counter)
    metadata_of_outputs: dict[str, dict[str, Any]] = field(default_factory=dict)
    told_hooks: dict[str, tuple[Any, Mapping[str, Any]]] = field(default_factory=dict)
    metadata_of_assets: dict[Any, dict[str, Any]] = field(default_factory=dict)

    def refuse_if_given_up(self) -> None:
        """Raise Interrupted where nobody waits for this attempt any more, StepTimedOut where it took too long.

        What it still makes is dropped.
        """
        if self.is_abandoned or self.cancel.because is not None:
            raise Interrupted("The step was given up; its output is dropped.")
        if self.step.timeout is not None and time.perf_counter() - self.began > self.step.timeout.total_seconds():
            raise timed_out(self.step)  # it held the interpreter, so that nobody could stop it in time


def timed_out(step: PlannedStep) -> StepTimedOut:
    """Return the error of a step that took longer than it may."""
    assert step.timeout is not None
    return StepTimedOut(f"Step '{step.key}' took longer than its timeout of {step.timeout.total_seconds():g} s.")


class Ending(Enum):
    """How an attempt ended."""

    SUCCESS = "SUCCESS"
    FAILURE = "FAILURE"
    RETRY = "RETRY"
    CANCELED = "CANCELED"


@dataclass(frozen=True, slots=True, kw_only=True)
class StepOutcome:
    """How an attempt ended. ``made`` are the outputs it made, ``delay`` the seconds until the next attempt."""

    ending: Ending
    made: tuple[str, ...] = ()
    mapping_keys: Mapping[str, tuple[str, ...]] | None = None
    delay: float = 0.0
    error: BaseException | None = None
