"""``DagsterInstance``: what runs leave behind, asked in Dagster's words.

``ephemeral()`` remembers in memory, as long as it lives; ``get()`` is the project of this notebook.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterable, Mapping, MutableMapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any, Self

from jobkernel.api.events import DagsterEvent, DagsterEventType
from jobkernel.api.refusals import refuse
from jobkernel.api.run_books import AssetsOf, HistoryBook, MemoryBook, RunBook
from jobkernel.api.run_records import (
    EventLogEntry,
    EventLogRecord,
    EventRecordsFilter,
    EventRecordsResult,
    RunRecord,
    RunsFilter,
    RunStats,
    RunStepStats,
    page,
    record_of,
    stats_of,
    step_stats_of,
)
from jobkernel.engine import live
from jobkernel.engine.dynamic_keys import dynamic_keys_of
from jobkernel.errors import InvariantViolation, Unsupported
from jobkernel.model.dagster_run import DagsterRun
from jobkernel.model.keys import AssetKey
from jobkernel.model.partition_keys import refuse_odd_keys
from jobkernel.model.partition_loading import DynamicKeys, KeptHere
from jobkernel.model.results import AssetCheckEvaluation, AssetMaterialization, AssetObservation
from jobkernel.values.asset_events import event_told

if TYPE_CHECKING:
    from jobkernel.engine.session import Session


class DagsterInstance:
    """Remembers runs, their events and the values of assets. Made by :meth:`ephemeral` or :meth:`get`."""

    def __init__(self, session: Session | None = None) -> None:
        self._session = session
        self._is_live = session is not None
        self._book: RunBook = MemoryBook() if session is None else HistoryBook(session)
        self._dynamic: DynamicKeys = KeptHere() if session is None else dynamic_keys_of(session)
        self.asset_values: MutableMapping[Any, Any] = {} if session is None else AssetsOf(session)

    @classmethod
    def ephemeral(cls, tempdir: str | None = None, preload: Any = None, settings: Any = None) -> Self:
        """Return a new, empty one, in memory; nothing is written to ``tempdir``.

        Raises:
            Unsupported: ``preload`` is given, or a setting other than that nothing is told to anybody.
        """
        refuse("DagsterInstance.ephemeral", preload=preload)
        return cls._empty(tempdir, settings)

    @classmethod
    def local_temp(cls, tempdir: str | None = None, overrides: Any = None) -> Self:
        """Return a new, empty one, in memory; nothing is written to ``tempdir``.

        Raises:
            Unsupported: a setting other than that nothing is told to anybody.
        """
        return cls._empty(tempdir, overrides)

    @classmethod
    def _empty(cls, tempdir: Any, settings: Mapping[str, Any] | None) -> Self:
        if tempdir is not None and not isinstance(tempdir, str):
            raise TypeError(f"tempdir of DagsterInstance must be the path of a directory, not {tempdir!r}.")
        for name, value in (settings or {}).items():
            if (name, value) != ("telemetry", {"enabled": False}):
                raise Unsupported(f"DagsterInstance does not support setting '{name}' to {value!r}; leave it out.")
        return cls()

    @classmethod
    def get(cls) -> Self:
        """Return the one of this notebook: its runs are those of the project.

        Raises:
            InvariantViolation: no project is open in this process.
        """
        session = live.newest()
        if session is None:
            raise InvariantViolation(
                "DagsterInstance.get() is the project of a notebook, and none is open here; run %load_ext jobkernel"
                " first, or use DagsterInstance.ephemeral()."
            )
        return cls(session)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        if not self._is_live:
            self._close_session()

    @property
    def is_ephemeral(self) -> bool:
        """Whether nothing of this stays."""
        return not self._is_live

    @property
    def session(self) -> Session:
        """The session that runs jobs for this instance; of an ephemeral one, opened when first needed."""
        if self._session is None:
            from jobkernel.clock import SystemClock
            from jobkernel.engine.opening import test_session

            self._session = test_session(SystemClock())
            self._session.launcher.retries = None  # runs are retried by a project, not by a script
            self._closing = weakref.finalize(self, self._session.close)
        return self._session

    def remember(self, run: DagsterRun, events: Sequence[DagsterEvent]) -> None:
        """Take in a run of this process, with everything that happened in it."""
        self._book.note(run, events)

    def remember_launched(self, run: DagsterRun, events: Sequence[DagsterEvent]) -> None:
        """Take in a run of :attr:`session`; the history of a project has it already."""
        if not self._is_live:
            self._book.note(run, events)

    def get_run_by_id(self, run_id: str) -> DagsterRun | None:
        """Return a run, None where there is none of that id."""
        return self._book.run(run_id)

    def has_run(self, run_id: str) -> bool:
        """Whether there is a run of that id."""
        return self.get_run_by_id(run_id) is not None

    def get_runs(
        self,
        filters: RunsFilter | None = None,
        cursor: str | None = None,
        limit: int | None = None,
        bucket_by: Any = None,
        ascending: bool = False,
    ) -> list[DagsterRun]:
        """Return runs, newest first unless ``ascending``; ``cursor`` is the id of the last one already had.

        Raises:
            Unsupported: ``bucket_by`` is given.
        """
        refuse("DagsterInstance.get_runs", bucket_by=bucket_by)
        runs = iter(list(self._book.newest_first())[::-1]) if ascending else self._book.newest_first()
        if cursor is not None and self.has_run(cursor):
            for run in runs:
                if run.run_id == cursor:
                    break
        return list(islice((run for run in runs if filters is None or filters.fits(run, self._record_of)), limit))

    def get_runs_count(self, filters: RunsFilter | None = None) -> int:
        """Return how many runs there are."""
        return len(self.get_runs(filters))

    def get_run_ids(
        self, filters: RunsFilter | None = None, cursor: str | None = None, limit: int | None = None
    ) -> list[str]:
        """Return the ids of runs, newest first."""
        return [run.run_id for run in self.get_runs(filters, cursor, limit)]

    def get_run_records(
        self,
        filters: RunsFilter | None = None,
        limit: int | None = None,
        order_by: str | None = None,
        ascending: bool = False,
        cursor: str | None = None,
        bucket_by: Any = None,
    ) -> list[RunRecord]:
        """Return runs with their times, newest first unless ``ascending``.

        Raises:
            Unsupported: ``order_by`` or ``bucket_by`` is given.
        """
        refuse("DagsterInstance.get_run_records", order_by=order_by, bucket_by=bucket_by)
        return [self._record_of(run) for run in self.get_runs(filters, cursor, limit, ascending=ascending)]

    def get_run_record_by_id(self, run_id: str) -> RunRecord | None:
        """Return a run with its times, None where there is none of that id."""
        run = self.get_run_by_id(run_id)
        return None if run is None else self._record_of(run)

    def get_run_group(self, run_id: str) -> tuple[str, list[DagsterRun]] | None:
        """Return the id of the run that a run goes back to, and all runs that do; None where there is no such run."""
        run = self.get_run_by_id(run_id)
        if run is None:
            return None
        root = run.root_run_id or run.run_id
        members = [each for each in self.get_runs() if root in (each.run_id, each.root_run_id)]
        return root, members[::-1]

    def get_run_stats(self, run_id: str) -> RunStats:
        """Return how many steps of a run succeeded and failed, what it made, and its times."""
        return stats_of(run_id, self._events(run_id))

    def get_run_step_stats(self, run_id: str, step_keys: Iterable[str] | None = None) -> list[RunStepStats]:
        """Return what came of each step of a run."""
        wanted = None if step_keys is None else set(step_keys)
        found = step_stats_of(run_id, self._events(run_id))
        return [each for each in found if wanted is None or each.step_key in wanted]

    def delete_run(self, run_id: str) -> None:
        """Forget a run and its events."""
        self._book.forget(run_id)

    def all_logs(self, run_id: str, of_type: Any = None) -> list[EventLogEntry]:
        """Return the events of a run, oldest first; ``of_type`` is a DagsterEventType, or a set of them."""
        wanted = {of_type} if hasattr(of_type, "value") else (set(of_type) if of_type else None)
        entries = [record.event_log_entry for record in self._book.records(run_id)]
        return [entry for entry in entries if wanted is None or entry.dagster_event.event_type in wanted]

    def get_event_records(
        self, event_records_filter: EventRecordsFilter, limit: int | None = None, ascending: bool = False
    ) -> list[EventLogRecord]:
        """Return the events of all runs that a filter lets through, newest first unless ``ascending``."""
        asked = event_records_filter
        is_made = asked.asset_key is not None and asked.event_type is DagsterEventType.ASSET_MATERIALIZATION
        key = asked.asset_key.text if asked.asset_key is not None and is_made else None
        most = limit if limit is not None else 10**9
        return list(page(self._records(key), asked.fits, most, None, ascending=ascending).records)

    def fetch_materializations(
        self, records_filter: Any, limit: int, cursor: str | None = None, ascending: bool = False
    ) -> EventRecordsResult:
        """Return a page of an asset's materializations, newest first unless ``ascending``."""
        key = _key_of(records_filter)
        asked = EventRecordsFilter(DagsterEventType.ASSET_MATERIALIZATION, key)
        return page(self._records(key.text), asked.fits, limit, cursor, ascending=ascending)

    def fetch_observations(
        self, records_filter: Any, limit: int, cursor: str | None = None, ascending: bool = False
    ) -> EventRecordsResult:
        """Return a page of what was seen of an asset, newest first unless ``ascending``."""
        asked = EventRecordsFilter(DagsterEventType.ASSET_OBSERVATION, _key_of(records_filter))
        return page(self._records(None), asked.fits, limit, cursor, ascending=ascending)

    def get_latest_materialization_event(self, asset_key: AssetKey) -> EventLogEntry | None:
        """Return the event of an asset's latest materialization, None where it was never made."""
        latest = self.fetch_materializations(asset_key, 1).records
        return latest[0].event_log_entry if latest else None

    def report_runless_asset_event(
        self, asset_event: AssetMaterialization | AssetObservation | AssetCheckEvaluation
    ) -> None:
        """Tell that an asset was made, seen or checked elsewhere, by no run of here.

        Raises:
            InvariantViolation: it is none of these events.
        """
        if not isinstance(asset_event, AssetMaterialization | AssetObservation | AssetCheckEvaluation):
            raise InvariantViolation(
                "report_runless_asset_event takes an AssetMaterialization, AssetObservation or AssetCheckEvaluation,"
                f" not {asset_event!r}."
            )
        self._book.report(*event_told(asset_event))

    def all_asset_keys(self) -> list[AssetKey]:
        """Return the keys of all assets that were ever made or seen, in their order."""
        if self._is_live:
            rows = self.session.history.query("asset_states")
            return sorted(AssetKey.from_escaped_user_string(row["asset_key"]) for row in rows)
        events = [record.event_log_entry.dagster_event for record in self._records(None)]
        known = [each.asset_key for each in events if each.is_step_materialization or each.is_asset_observation]
        return sorted({key for key in known if key is not None})

    def get_asset_keys(
        self, prefix: Sequence[str] | None = None, limit: int | None = None, cursor: str | None = None
    ) -> list[AssetKey]:
        """Return the keys of :meth:`all_asset_keys` that begin with ``prefix``, at most ``limit``.

        Raises:
            Unsupported: ``cursor`` is given.
        """
        refuse("DagsterInstance.get_asset_keys", cursor=cursor)
        first = list(prefix or ())
        return [key for key in self.all_asset_keys() if list(key.path[: len(first)]) == first][:limit]

    def get_dynamic_partitions(self, partitions_def_name: str) -> Sequence[str]:
        """Return the keys of dynamic partitions, in the order in which they were added."""
        return self._dynamic.get_dynamic_partitions(partitions_def_name)

    def has_dynamic_partition(self, partitions_def_name: str, partition_key: str) -> bool:
        """Whether a key of dynamic partitions was added, and not deleted since."""
        return self._dynamic.has_dynamic_partition(partitions_def_name, partition_key)

    def add_dynamic_partitions(self, partitions_def_name: str, partition_keys: Sequence[str]) -> None:
        """Add keys of dynamic partitions; those that are there already stay where they are.

        Raises:
            InvalidDefinition: a key holds ``...`` or a control character.
        """
        if isinstance(partition_keys, str) or not isinstance(partitions_def_name, str):
            raise TypeError(f"add_dynamic_partitions takes a name and a list of keys, not {partition_keys!r}.")
        refuse_odd_keys(partition_keys, f"Dynamic partitions '{partitions_def_name}'")
        self._dynamic.add_dynamic_partitions(partitions_def_name, list(partition_keys))

    def delete_dynamic_partition(self, partitions_def_name: str, partition_key: str) -> None:
        """Delete a key of dynamic partitions."""
        self._dynamic.delete_dynamic_partition(partitions_def_name, partition_key)

    def has_asset_key(self, asset_key: AssetKey) -> bool:
        """Whether an asset was ever made."""
        return asset_key in self.all_asset_keys()

    def dispose(self) -> None:
        """Forget everything that is only in memory."""
        if not self._is_live:
            self._close_session()
            self._book = MemoryBook()
            self.asset_values.clear()

    def _close_session(self) -> None:
        if self._session is not None:
            self._session = None
            self._closing()

    def _events(self, run_id: str) -> list[DagsterEvent]:
        return [record.event_log_entry.dagster_event for record in self._book.records(run_id)]

    def _records(self, asset_key: str | None) -> list[EventLogRecord]:
        """Return the events of every run that made an asset, or of every run, and those without one, oldest first."""
        if asset_key is not None:
            run_ids = self._book.making(asset_key)
        else:
            run_ids = ["", *[run.run_id for run in self._book.newest_first()][::-1]]
        found = (record for run_id in run_ids for record in self._book.records(run_id))
        return sorted(found, key=lambda record: record.storage_id)

    def _record_of(self, run: DagsterRun) -> RunRecord:
        return record_of(run, self._book.records(run.run_id))

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        raise Unsupported(f"DagsterInstance.{name} is not supported; ask the history by jk.sql, or jk.session().")


def _key_of(records_filter: Any) -> AssetKey:
    return AssetKey.from_coercible(getattr(records_filter, "asset_key", records_filter))
