"""What happened since, asked of the history by sensors of assets and of runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from jobkernel.model.automation import NewsItem
from jobkernel.model.dagster_run import DagsterRun
from jobkernel.model.events import Event
from jobkernel.model.runs import RunStatus
from jobkernel.storage.history import History


class HistoryNews:
    """Answers over one project's history."""

    def __init__(self, history: History) -> None:
        self._history = history

    def materializations(
        self,
        asset_key: str,
        *,
        after: int | None,
        limit: int,
        newest_first: bool,
        partitions: Sequence[str] | None = None,
    ) -> list[NewsItem]:
        """Return materializations of an asset behind a place, in the order asked for."""
        rows = self._history.query(
            "new_materializations",
            asset_key=asset_key,
            after=after or 0,
            limit=limit,
            newest_first=newest_first,
            partitions=None if partitions is None else list(partitions),
        )
        return [_item(row) for row in rows]

    def run_events(
        self, event_type: str, *, after: int | None, limit: int, newest_first: bool, job_names: Sequence[str] = ()
    ) -> list[NewsItem]:
        """Return the events of one type of the runs of these jobs (none named: of all), in the order asked for."""
        rows = self._history.query(
            "new_run_events",
            event_type=event_type,
            after=after or 0,
            limit=limit,
            newest_first=newest_first,
            job_names=list(job_names) or None,
        )
        return [_item(row) for row in rows]

    def run(self, run_id: str) -> DagsterRun | None:
        """Return a run, None where it is forgotten."""
        rows = self._history.query("run", run_id=run_id)
        return run_of_row(rows[0]) if rows else None


def run_of_row(row: Mapping[str, Any]) -> DagsterRun:
    """Return a run of the history as sensors see it."""
    return DagsterRun(
        run_id=row["run_id"],
        job_name=row["job_name"] or "",
        run_config=row["config"] or {},
        tags=row["tags"] or {},
        status=RunStatus(row["status"]),
        parent_run_id=row["parent_run_id"],
        root_run_id=row["root_run_id"],
    )


def _item(row: Mapping[str, Any]) -> NewsItem:
    event = Event(row["event_type"], row["run_id"], row["step_key"], row["occurred_us"], row["body"])
    return NewsItem(row["seq"], event, row["job_name"] or "")
