"""What a schedule or sensor would do: one look without effect, and launching what it gave if that is wanted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from jobkernel.clock import both_times
from jobkernel.model.automation import UNCHANGED, AddDynamicPartitionsRequest, Automation, Evaluation, PartitionsRequest
from jobkernel.records import dataclass


@dataclass(slots=True)
class Preview:
    """One look: ``requests``, or ``skip_reason``; ``cursor`` is what a sensor would keep. Nothing has happened yet.

    ``refusal`` says why no run can be launched as things are, such as an input that was never made.
    """

    automation: Automation
    evaluation: Evaluation
    scheduled_at: datetime | None
    _launch: Callable[[Preview], list[Any]]
    refusal: str | None = None
    is_launched: bool = False

    @property
    def requests(self) -> Sequence[Any]:
        """The run requests."""
        return self.evaluation.requests

    @property
    def skip_reason(self) -> str | None:
        """Why there are none."""
        return self.evaluation.skip_reason

    @property
    def cursor(self) -> str | None:
        """What the cursor would be; None also where it would stay what it is."""
        return None if self.evaluation.cursor is UNCHANGED else self.evaluation.cursor

    def launch(self) -> list[Any]:
        """Launch what was asked for, in the background, and keep the cursor; return the handles of the runs.

        A run key that was used before keeps nothing from being launched here.
        """
        if self.is_launched:
            return []
        self.is_launched = True
        return self._launch(self)

    def __repr__(self) -> str:
        kind = "schedule" if self.automation.is_schedule else "sensor"
        head = f"{kind} {self.automation.name}"
        if self.scheduled_at is not None:
            head += f" at {both_times(self.scheduled_at, getattr(self.automation, 'timezone', 'UTC'))}"
        lines = [f"{head} would {self._would()}"]
        lines += [f"  {request_words(request)}" for request in self.requests[:20]]
        if len(self.requests) > 20:
            lines.append(f"  … and {len(self.requests) - 20} more")
        lines += [f"  This would fail as things are: {self.refusal}"] if self.refusal else []
        lines += [f"  {change_words(change)}" for change in self.evaluation.dynamic_partitions_requests]
        if count := len(self.evaluation.asset_events):
            lines.append(f"  {count} asset event{'s' if count > 1 else ''} would be reported")
        if self.evaluation.cursor is not UNCHANGED:
            lines.append(f"  cursor: {self.evaluation.cursor}")
        lines += [f"  {line.level}: {line.message}" for line in self.evaluation.log]
        lines.append("Nothing was launched; .launch() does." if self.requests and not self.is_launched else "")
        return "\n".join(lines).rstrip()

    def _would(self) -> str:
        count = len(self.requests)
        if not count:
            return f"launch nothing: {self.skip_reason}" if self.skip_reason else "launch nothing"
        return f"launch {count} run{'s' if count > 1 else ''}:"


def change_words(change: PartitionsRequest) -> str:
    """Say which keys of dynamic partitions would be added or deleted, in one line."""
    verb = "added to" if isinstance(change, AddDynamicPartitionsRequest) else "deleted from"
    return f"{', '.join(change.partition_keys)} would be {verb} partitions '{change.partitions_def_name}'"


def request_words(request: Any) -> str:
    """Say what a run request asks for, in one line."""
    words = [request.run_key or "one run", f"of {request.job_name}" if request.job_name else ""]
    words.append(f"partition {request.partition_key}" if request.partition_key else "")
    words.append(f"config {dict(request.run_config)}" if request.run_config else "")
    own = {name: value for name, value in request.tags.items() if not name.startswith("dagster/")}
    words.append(f"tags {own}" if own else "")
    return ", ".join(word for word in words if word)
