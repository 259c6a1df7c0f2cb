"""What sensors ask of an instance when they are called by hand.

``InstanceNews`` answers what is new from a ``DagsterInstance``. The scheduler has its own, over the history.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from jobkernel.api.events import DagsterEvent, DagsterEventType
from jobkernel.api.run_records import EventLogRecord, EventRecordsFilter, entry_of
from jobkernel.model.automation import NewsItem
from jobkernel.model.dagster_run import DagsterRun
from jobkernel.model.keys import AssetKey


class InstanceNews:
    """What is new, of an instance. See :class:`jobkernel.model.automation.News`."""

    def __init__(self, instance: Any) -> None:
        self._instance = instance

    def materializations(
        self,
        asset_key: str,
        *,
        after: int | None,
        limit: int,
        newest_first: bool,
        partitions: Sequence[str] | None = None,
    ) -> list[NewsItem]:
        """Return materializations of an asset behind a place."""
        asked = EventRecordsFilter(
            DagsterEventType.ASSET_MATERIALIZATION, AssetKey.from_escaped_user_string(asset_key), partitions
        )
        return _behind(self._instance.get_event_records(asked, ascending=not newest_first), after, limit)

    def run_events(
        self, event_type: str, *, after: int | None, limit: int, newest_first: bool, job_names: Sequence[str] = ()
    ) -> list[NewsItem]:
        """Return the events of one type of the runs of these jobs."""
        asked = EventRecordsFilter(DagsterEventType[event_type])
        records = self._instance.get_event_records(asked, ascending=not newest_first)
        wanted = [each for each in records if not job_names or each.event_log_entry.dagster_event.job_name in job_names]
        return _behind(wanted, after, limit)

    def run(self, run_id: str) -> DagsterRun | None:
        """Return a run, None where it is forgotten."""
        found: DagsterRun | None = self._instance.get_run_by_id(run_id)
        return found


def record_of(item: NewsItem) -> EventLogRecord:
    """Return a piece of news as a record of the event log."""
    event = DagsterEvent(item.event, item.job_name)
    return EventLogRecord(storage_id=item.seq, event_log_entry=entry_of(item.event.run_id or "", event))


def _behind(records: Sequence[EventLogRecord], after: int | None, limit: int) -> list[NewsItem]:
    chosen = [each for each in records if after is None or each.storage_id > after]
    return [_item(each) for each in chosen[:limit]]


def _item(record: EventLogRecord) -> NewsItem:
    event = record.event_log_entry.dagster_event
    return NewsItem(record.storage_id, event.event, event.job_name)
