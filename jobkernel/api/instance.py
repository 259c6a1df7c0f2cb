"""``DagsterInstance.ephemeral()``: what runs in this process leave behind, in memory. Knows no disk."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

from jobkernel.api.events import DagsterEvent
from jobkernel.errors import Unsupported
from jobkernel.model import events as ev
from jobkernel.model.dagster_run import DagsterRun
from jobkernel.model.keys import AssetKey
from jobkernel.model.results import AssetMaterialization
from jobkernel.model.runs import RunStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class EventLogEntry:
    """An event with the run it belongs to and when it was."""

    dagster_event: DagsterEvent
    run_id: str
    timestamp: float

    @property
    def asset_key(self) -> AssetKey | None:
        """The asset that the event is about."""
        return self.dagster_event.asset_key

    @property
    def step_key(self) -> str | None:
        """The step it happened in."""
        return self.dagster_event.step_key

    @property
    def asset_materialization(self) -> AssetMaterialization | None:
        """What was made, None where the event is about something else."""
        return self.dagster_event.materialization if self.dagster_event.is_step_materialization else None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunsFilter:
    """Which runs are asked for; what is not given fits every run. Source: Dagster's ``RunsFilter``."""

    run_ids: Iterable[str] | None = None
    job_name: str | None = None
    statuses: Iterable[RunStatus] | None = None
    tags: Mapping[str, str | Iterable[str]] | None = None

    def fits(self, run: DagsterRun) -> bool:
        """Whether a run is among those asked for."""
        return (
            (self.run_ids is None or run.run_id in set(self.run_ids))
            and (self.job_name is None or run.job_name == self.job_name)
            and (not self.statuses or run.status in set(self.statuses))
            and all(_fits_tag(run.tags.get(key), wanted) for key, wanted in (self.tags or {}).items())
        )


def _fits_tag(value: str | None, wanted: str | Iterable[str]) -> bool:
    return value in ([wanted] if isinstance(wanted, str) else list(wanted))


class DagsterInstance:
    """Remembers runs and values in memory, for as long as it lives. Made by :meth:`ephemeral`."""

    def __init__(self) -> None:
        self._runs: dict[str, DagsterRun] = {}
        self._events: dict[str, list[DagsterEvent]] = {}
        self.asset_values: dict[str, Any] = {}

    @classmethod
    def ephemeral(cls, *_given: Any, **_named: Any) -> DagsterInstance:
        """Return a new, empty one."""
        return cls()

    local_temp = ephemeral

    @classmethod
    def get(cls) -> NoReturn:
        """Refused: what a project remembers is asked through the session."""
        raise Unsupported("DagsterInstance.get() is not supported; use jk.session(), or DagsterInstance.ephemeral().")

    def __enter__(self) -> DagsterInstance:
        return self

    def __exit__(self, *_error: object) -> None:
        return

    @property
    def is_ephemeral(self) -> bool:
        """Return True: nothing of this stays."""
        return True

    def remember(self, run: DagsterRun, events: Iterable[DagsterEvent]) -> None:
        """Take a run in, with everything that happened in it."""
        self._runs[run.run_id] = run
        self._events[run.run_id] = list(events)

    def get_run_by_id(self, run_id: str) -> DagsterRun | None:
        """Return a run, None where there is none of that id."""
        return self._runs.get(run_id)

    def has_run(self, run_id: str) -> bool:
        """Whether there is a run of that id."""
        return run_id in self._runs

    def get_runs(
        self, filters: RunsFilter | None = None, cursor: str | None = None, limit: int | None = None
    ) -> list[DagsterRun]:
        """Return runs, newest first; ``cursor`` is the id of the last one already had."""
        runs = [run for run in reversed(self._runs.values()) if filters is None or filters.fits(run)]
        ids = [run.run_id for run in runs]
        start = ids.index(cursor) + 1 if cursor in ids else 0
        return runs[start:] if limit is None else runs[start : start + limit]

    def get_runs_count(self, filters: RunsFilter | None = None) -> int:
        """Return how many runs there are."""
        return len(self.get_runs(filters))

    def get_run_ids(self, filters: RunsFilter | None = None) -> list[str]:
        """Return the ids of runs, newest first."""
        return [run.run_id for run in self.get_runs(filters)]

    def delete_run(self, run_id: str) -> None:
        """Forget a run and its events."""
        self._runs.pop(run_id, None)
        self._events.pop(run_id, None)

    def all_logs(self, run_id: str, of_type: Any = None) -> list[EventLogEntry]:
        """Return the events of a run, oldest first; ``of_type`` is a DagsterEventType, or a set of them."""
        wanted = {of_type} if hasattr(of_type, "value") else (set(of_type) if of_type else None)
        events = self._events.get(run_id, [])
        return [_entry(run_id, event) for event in events if wanted is None or event.event_type in wanted]

    def get_latest_materialization_event(self, asset_key: AssetKey) -> EventLogEntry | None:
        """Return the event of an asset's latest materialization, None where it was never made."""
        text = AssetKey.from_coercible(asset_key).text
        for run_id, events in reversed(self._events.items()):
            for event in reversed(events):
                if event.event.event_type == ev.ASSET_MATERIALIZATION and event.body["asset_key"] == text:
                    return _entry(run_id, event)
        return None

    def all_asset_keys(self) -> list[AssetKey]:
        """Return the keys of all assets that were ever made."""
        made = [event for events in self._events.values() for event in events if event.is_step_materialization]
        return list(dict.fromkeys(event.asset_key for event in made if event.asset_key is not None))

    get_asset_keys = all_asset_keys

    def has_asset_key(self, asset_key: AssetKey) -> bool:
        """Whether an asset was ever made."""
        return asset_key in self.all_asset_keys()

    def dispose(self) -> None:
        """Forget everything."""
        self._runs.clear()
        self._events.clear()
        self.asset_values.clear()

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        raise Unsupported(f"DagsterInstance.{name} is not supported; ask the history by jk.sql, or jk.session().")


def _entry(run_id: str, event: DagsterEvent) -> EventLogEntry:
    return EventLogEntry(dagster_event=event, run_id=run_id, timestamp=event.timestamp)
