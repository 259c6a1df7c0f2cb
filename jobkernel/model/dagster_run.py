"""A run as bodies, hooks and results see it, under Dagster's names. Knows no store."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import Any

from jobkernel.model.run_tags import RESUME_TAG
from jobkernel.model.runs import RunStatus
from jobkernel.records import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class DagsterRun:
    """One run: its id, job, tags, config as given, and status. Source: Dagster's ``DagsterRun``."""

    run_id: str
    job_name: str
    run_config: Mapping[str, Any] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    status: RunStatus = RunStatus.NOT_STARTED
    parent_run_id: str | None = None
    root_run_id: str | None = None
    asset_selection: frozenset[Any] | None = None
    op_selection: tuple[str, ...] | None = None
    step_keys_to_execute: tuple[str, ...] | None = None

    @property
    def is_finished(self) -> bool:
        """Whether the run has ended."""
        return self.status.is_final

    @property
    def is_success(self) -> bool:
        """Whether the run ended well."""
        return self.status is RunStatus.SUCCESS

    @property
    def is_failure(self) -> bool:
        """Whether the run failed."""
        return self.status is RunStatus.FAILURE

    @property
    def is_resume_retry(self) -> bool:
        """Whether the run takes up the failed steps of another."""
        return self.tags.get(RESUME_TAG) == "true"

    def tags_for_storage(self) -> dict[str, str]:
        """Return the tags as they are kept."""
        return dict(self.tags)
