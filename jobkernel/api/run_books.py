"""Where an instance has its runs and events from: a book in memory, or the history of a live session.

Knows Dagster's names for both; :mod:`jobkernel.api.instance` asks.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, MutableMapping, Sequence
from typing import TYPE_CHECKING, Any, Final, Protocol

from jobkernel.api.events import DagsterEvent
from jobkernel.api.run_records import EventLogRecord, entry_of
from jobkernel.errors import MissingUpstream, Unsupported
from jobkernel.model import events as ev
from jobkernel.model.dagster_run import DagsterRun
from jobkernel.model.events import Event
from jobkernel.model.keys import AssetKey
from jobkernel.model.runs import RunStatus
from jobkernel.values.addresses import AssetAddress
from jobkernel.values.table_formats import settled

if TYPE_CHECKING:
    from jobkernel.engine.session import Session

OURS: Final = frozenset(
    {
        ev.LOG_MESSAGE, ev.STEP_NOT_RUN, ev.STEP_CANCELED, ev.STEP_PROGRESS, ev.ASSET_MATERIALIZATION_PLANNED,
        ev.ASSET_CHECK_EVALUATION_PLANNED, ev.ASSET_FAILED_TO_MATERIALIZE,
    }
)  # fmt: skip
"""Events that Dagster has not, or does not count among those of a run."""
_MOST_RUNS: Final = 100_000


class RunBook(Protocol):
    """Runs and their events, as far as they are remembered."""

    def run(self, run_id: str) -> DagsterRun | None:
        """Return a run, None where there is none of that id."""
        ...

    def newest_first(self) -> Iterator[DagsterRun]:
        """Give all runs."""
        ...

    def records(self, run_id: str) -> list[EventLogRecord]:
        """Return the events of a run, oldest first."""
        ...

    def making(self, asset_key: str) -> list[str]:
        """Return the ids of the runs that made an asset, oldest first."""
        ...

    def note(self, run: DagsterRun, events: Sequence[DagsterEvent]) -> None:
        """Take in a run of this process that has ended."""
        ...

    def report(self, event_type: str, body: dict[str, Any]) -> None:
        """Take in an event of an asset that belongs to no run."""
        ...

    def forget(self, run_id: str) -> None:
        """Forget a run and its events."""
        ...


class MemoryBook:
    """Remembers as long as it lives."""

    def __init__(self) -> None:
        self._runs: dict[str, DagsterRun] = {}
        self._records: dict[str, list[EventLogRecord]] = {}
        self._last_id = 0

    def run(self, run_id: str) -> DagsterRun | None:
        """Return a run, None where there is none of that id."""
        return self._runs.get(run_id)

    def newest_first(self) -> Iterator[DagsterRun]:
        """Give all runs."""
        return iter(list(reversed(self._runs.values())))

    def records(self, run_id: str) -> list[EventLogRecord]:
        """Return the events of a run, oldest first."""
        return self._records.get(run_id, [])

    def making(self, asset_key: str) -> list[str]:
        """Return the ids of the runs that made an asset, oldest first."""
        return [run_id for run_id, records in self._records.items() if any(_makes(each, asset_key) for each in records)]

    def note(self, run: DagsterRun, events: Sequence[DagsterEvent]) -> None:
        """Take in a run that has ended."""
        self._runs[run.run_id] = run
        self._records[run.run_id] = self._recorded(run.run_id, events)

    def report(self, event_type: str, body: dict[str, Any]) -> None:
        """Take in an event of an asset that belongs to no run."""
        event = DagsterEvent(Event(event_type, None, None, time.time_ns() // 1000, body), "")
        self._records.setdefault("", []).extend(self._recorded("", [event]))

    def _recorded(self, run_id: str, events: Sequence[DagsterEvent]) -> list[EventLogRecord]:
        first, self._last_id = self._last_id + 1, self._last_id + len(events)
        return [
            EventLogRecord(storage_id=number, event_log_entry=entry_of(run_id, event))
            for number, event in enumerate(events, first)
        ]

    def forget(self, run_id: str) -> None:
        """Forget a run and its events."""
        self._runs.pop(run_id, None)
        self._records.pop(run_id, None)


class HistoryBook:
    """Asks the history of a session, and adds runs of this process to it."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def run(self, run_id: str) -> DagsterRun | None:
        """Return a run, None where there is none of that id."""
        self._session.history.flush()
        rows = self._session.history.query("run", run_id=run_id)
        return _run_of(rows[0]) if rows else None

    def newest_first(self) -> Iterator[DagsterRun]:
        """Give all runs."""
        self._session.history.flush()
        for row in self._session.history.query("latest_runs", limit=_MOST_RUNS):
            run = self.run(row["run_id"])
            if run is not None:
                yield run

    def records(self, run_id: str) -> list[EventLogRecord]:
        """Return the events of a run, oldest first; those of assets that no run made or saw where it is empty."""
        run, history = (self.run(run_id) if run_id else None), self._session.history
        if run is None and run_id:
            return []
        rows = history.query("run_events", run_id=run_id) if run_id else history.query("events_without_run")
        job_name = run.job_name if run is not None else ""
        return [
            EventLogRecord(
                storage_id=row["seq"],
                event_log_entry=entry_of(run_id, DagsterEvent(event_of(row), job_name)),
            )
            for row in rows
            if row["event_type"] not in OURS
        ]

    def making(self, asset_key: str) -> list[str]:
        """Return the ids of the runs that made an asset, oldest first."""
        self._session.history.flush()
        rows = self._session.history.query("materializations", asset_key=asset_key, limit=_MOST_RUNS)
        return list(dict.fromkeys(row["run_id"] or "" for row in reversed(rows)))

    def note(self, run: DagsterRun, events: Sequence[DagsterEvent]) -> None:
        """Add a run of this process that has ended to the history."""
        session = self._session
        began = events[0].event.occurred_at if events else session.clock.now_us()
        body = {
            "job_name": run.job_name,
            "tags": dict(run.tags),
            "config": dict(run.run_config),
            "trigger": "in_process",
            "priority": 0,
            "parent_run_id": run.parent_run_id,
            "root_run_id": run.root_run_id,
            "kernel_id": session.kernel_id,
            "notebook": session.notebook,
            "executor": "in_process",
            "steps": list(dict.fromkeys(event.step_key for event in events if event.step_key is not None)),
            "assets": [key.text for key in run.asset_selection or ()],
        }
        self._emit([Event(ev.RUN_ENQUEUED, run.run_id, None, began, body), *(each.event for each in events)])

    def _emit(self, events: Iterable[Event]) -> None:
        session = self._session
        for event in events:
            session.history.emit(event)
            session.states.note(event)
        session.history.flush()
        session.changed.set()

    def report(self, event_type: str, body: dict[str, Any]) -> None:
        """Add an event of an asset that belongs to no run to the history."""
        self._emit([Event(event_type, None, None, self._session.clock.now_us(), body)])

    def forget(self, run_id: str) -> None:
        """Refused: what the project remembers goes by its own rules."""
        raise Unsupported("DagsterInstance.delete_run is not supported here; %jk prune deletes what is old.")


class AssetsOf(MutableMapping[Any, Any]):
    """The values of assets as a session keeps them, by key; those of partitions by address."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def __getitem__(self, key: str | AssetAddress) -> Any:
        try:
            if isinstance(key, AssetAddress):
                return self._session.values.load_key(key.key, key.partition)
            return self._session.load(key)
        except MissingUpstream as error:
            raise KeyError(key) from error

    def __setitem__(self, key: str | AssetAddress, value: Any) -> None:
        self._session.values.store.put(_address(key), settled(value))

    def __delitem__(self, key: str | AssetAddress) -> None:
        self._session.values.store.delete(_address(key))

    def __contains__(self, key: object) -> bool:
        if isinstance(key, AssetAddress):
            return self._session.values.has_asset(key.key, key.partition)
        return isinstance(key, str) and self._session.has_value(key)

    def __iter__(self) -> Iterator[str]:
        return iter([key for key in self._session.registry.assets if key in self])

    def __len__(self) -> int:
        return sum(1 for _ in self)


def _address(key: str | AssetAddress) -> AssetAddress:
    return key if isinstance(key, AssetAddress) else AssetAddress(key)


def event_of(row: Any) -> Event:
    """Return an event as the history keeps it."""
    return Event(row["event_type"], row["run_id"], row["step_key"], row["occurred_at"], row["body"])


def shown_events(events: Iterable[Event], job_name: str) -> list[DagsterEvent]:
    """Return the events that Dagster has too, under its names."""
    return [DagsterEvent(event, job_name) for event in events if event.event_type not in OURS]


def _makes(record: EventLogRecord, asset_key: str) -> bool:
    event = record.event_log_entry.dagster_event
    return bool(event.is_step_materialization) and event.body["asset_key"] == asset_key


def _run_of(row: Any) -> DagsterRun:
    assets = [AssetKey.from_escaped_user_string(key) for key in row["assets"] or ()]
    return DagsterRun(
        run_id=row["run_id"],
        job_name=row["job_name"],
        run_config=row["config"] or {},
        tags=row["tags"] or {},
        status=RunStatus(row["status"]),
        parent_run_id=row["parent_run_id"],
        root_run_id=row["root_run_id"],
        asset_selection=frozenset(assets) if assets else None,
        step_keys_to_execute=tuple(row["steps"] or ()) or None,
    )
