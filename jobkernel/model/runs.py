"""Runs and steps as records, with Dagster's status words. Knows no events' bodies and no store."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field, fields
from enum import StrEnum
from typing import Any, Final

from jobkernel.model.definitions import EMPTY
from jobkernel.records import dataclass


class RunStatus(StrEnum):
    """Where a run stands."""

    QUEUED = "QUEUED"
    NOT_STARTED = "NOT_STARTED"
    STARTING = "STARTING"
    STARTED = "STARTED"
    SUCCESS = "SUCCESS"
    FAILURE = "FAILURE"
    CANCELING = "CANCELING"
    CANCELED = "CANCELED"

    @property
    def is_final(self) -> bool:
        """Whether nothing changes this status any more."""
        return self in (RunStatus.SUCCESS, RunStatus.FAILURE, RunStatus.CANCELED)


DagsterRunStatus = RunStatus
"""The same under Dagster's name."""


class StepStatus(StrEnum):
    """Where a step stands."""

    WAITING = "WAITING"
    STARTED = "STARTED"
    UP_FOR_RETRY = "UP_FOR_RETRY"
    SUCCESS = "SUCCESS"
    FAILURE = "FAILURE"
    SKIPPED = "SKIPPED"
    NOT_RUN = "NOT_RUN"
    CANCELED = "CANCELED"

    @property
    def is_final(self) -> bool:
        """Whether nothing changes this status any more."""
        return self not in (StepStatus.WAITING, StepStatus.STARTED, StepStatus.UP_FOR_RETRY)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Chosen:
    config: Any = None
    tags: Mapping[str, str] = field(default=EMPTY)
    executor: str | None = None
    partition_key: str | None = None
    trigger: str = "manual"
    trigger_name: str | None = None
    tick_id: str | None = None
    run_key: str | None = None
    parent_run_id: str | None = None
    root_run_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions(_Chosen):
    """What a run was launched with, over what its job says."""

    run_id: str
    priority: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Launch(_Chosen):
    """What somebody chooses at a launch; where it says nothing, the job or the project does."""

    run_id: str | None = None
    priority: int | None = None

    def settled(self, *, run_id: str, priority: int, partition_key: str | None) -> RunOptions:
        """Return the choice with what it left open."""
        chosen = {name: getattr(self, name) for name in _CHOSEN}
        return RunOptions(**{**chosen, "partition_key": partition_key}, run_id=run_id, priority=priority)


_CHOSEN: Final = tuple(each.name for each in fields(_Chosen))
PLAIN_LAUNCH: Final = Launch()
