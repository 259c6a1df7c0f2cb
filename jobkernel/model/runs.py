"""Runs and steps as records, with Dagster's status words. Knows no events' bodies and no store."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from jobkernel.model.definitions import EMPTY


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
class RunOptions:
    """What is chosen at a launch, over what the job says."""

    run_id: str
    config: Any = None
    tags: Mapping[str, str] = field(default=EMPTY)
    priority: int = 0
    partition_key: str | None = None
    trigger: str = "manual"
    trigger_name: str | None = None
    tick_id: str | None = None
    run_key: str | None = None
    parent_run_id: str | None = None
    root_run_id: str | None = None
    executor: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Launch:
    """What somebody chooses at a launch; where it says nothing, the job or the project does."""

    config: Any = None
    tags: Mapping[str, str] = field(default=EMPTY)
    priority: int | None = None
    executor: str | None = None
    run_id: str | None = None
    partition_key: str | None = None
    trigger: str = "manual"
    trigger_name: str | None = None
    tick_id: str | None = None
    run_key: str | None = None
    parent_run_id: str | None = None
    root_run_id: str | None = None


PLAIN_LAUNCH: Final = Launch()
