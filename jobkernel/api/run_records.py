"""What an instance says of runs and events: records, statistics, and the filters by which they are asked for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from enum import Enum
from types import NoneType
from typing import Any, Final

from jobkernel.api.events import DagsterEvent, DagsterEventType
from jobkernel.api.refusals import refuse
from jobkernel.errors import InvariantViolation
from jobkernel.model import events as ev
from jobkernel.model.dagster_run import DagsterRun
from jobkernel.model.keys import AssetKey
from jobkernel.model.results import AssetMaterialization, AssetObservation
from jobkernel.model.run_tags import BACKFILL_TAG
from jobkernel.model.runs import RunStatus
from jobkernel.records import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class EventLogEntry:
    """An event with the run it belongs to and when it was, in seconds since the epoch."""

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

    @property
    def asset_observation(self) -> AssetObservation | None:
        """What was seen, None where the event is about something else."""
        event = self.dagster_event
        return event.asset_observation_data.asset_observation if event.is_asset_observation else None


def entry_of(run_id: str, event: DagsterEvent) -> EventLogEntry:
    """Return an event as an entry of the log."""
    return EventLogEntry(dagster_event=event, run_id=run_id, timestamp=event.timestamp)


@dataclass(frozen=True, slots=True, kw_only=True)
class EventLogRecord:
    """An entry of the event log with its place there. Source: Dagster's ``EventLogRecord``."""

    storage_id: int
    event_log_entry: EventLogEntry

    @property
    def run_id(self) -> str:
        """The run it belongs to."""
        return self.event_log_entry.run_id

    @property
    def timestamp(self) -> float:
        """When it was, in seconds since the epoch."""
        return self.event_log_entry.timestamp

    @property
    def asset_key(self) -> AssetKey | None:
        """The asset that the event is about."""
        return self.event_log_entry.asset_key

    @property
    def partition_key(self) -> str | None:
        """The partition that the event is about."""
        return self.event_log_entry.dagster_event.partition

    @property
    def asset_materialization(self) -> AssetMaterialization | None:
        """What was made, None where the event is about something else."""
        return self.event_log_entry.asset_materialization

    @property
    def asset_observation(self) -> AssetObservation | None:
        """What was seen, None where the event is about something else."""
        return self.event_log_entry.asset_observation


@dataclass(frozen=True, slots=True)
class EventRecordsFilter:
    """Which events are asked for; an empty list is as if not given. Source: Dagster's ``EventRecordsFilter``.

    Raises:
        TypeError: an event type, asset key or place in the log that is none.
    """

    event_type: Any
    asset_key: AssetKey | None = None
    asset_partitions: Sequence[str] | None = None
    after_cursor: int | None = None
    before_cursor: int | None = None
    after_timestamp: float | None = None
    before_timestamp: float | None = None
    storage_ids: Sequence[int] | None = None

    def __post_init__(self) -> None:
        _check("EventRecordsFilter", "event_type", self.event_type, DagsterEventType)
        for name in ("after_cursor", "before_cursor"):
            _check("EventRecordsFilter", name, getattr(self, name), int, NoneType)
        _check("EventRecordsFilter", "asset_key", self.asset_key, AssetKey, NoneType)

    def fits(self, record: EventLogRecord) -> bool:
        """Whether an event is among those asked for."""
        event = record.event_log_entry.dagster_event
        return (
            event.event_type is self.event_type
            and (self.asset_key is None or event.asset_key == self.asset_key)
            and (not self.asset_partitions or event.body.get("partition_key") in self.asset_partitions)
            and (not self.storage_ids or record.storage_id in self.storage_ids)
            and _within(record.storage_id, self.after_cursor, self.before_cursor)
            and _within(record.timestamp, self.after_timestamp, self.before_timestamp)
        )


def _within(value: Any, after: Any, before: Any) -> bool:
    return (after is None or value > after) and (before is None or value < before)


def _check(what: str, name: str, value: Any, *kinds: type) -> None:
    if not isinstance(value, kinds):
        wanted = " or ".join("None" if kind is NoneType else kind.__name__ for kind in kinds)
        raise TypeError(f"{name} of {what} must be {wanted}, not {value!r}.")


@dataclass(frozen=True, slots=True, kw_only=True)
class EventRecordsResult:
    """A page of event records. Source: Dagster's ``EventRecordsResult``."""

    records: Sequence[EventLogRecord]
    cursor: str
    has_more: bool


@dataclass(frozen=True, slots=True)
class RunsFilter:
    """Which runs are asked for; what is not given fits every run. Source: Dagster's ``RunsFilter``.

    A run is created when it is submitted, and updated when it last changed; a time without a zone is UTC.

    Raises:
        InvariantViolation: an empty list of run ids, which would fit nothing.
        TypeError: a text in place of a list, or something else than statuses and texts in one.
        Unsupported: ``snapshot_id`` is given.
    """

    run_ids: Sequence[str] | None = None
    job_name: str | None = None
    statuses: Sequence[RunStatus] | None = ()
    tags: Mapping[str, str | Sequence[str]] | None = None
    snapshot_id: str | None = None
    updated_after: datetime | None = None
    updated_before: datetime | None = None
    created_after: datetime | None = None
    created_before: datetime | None = None
    exclude_subruns: bool | None = None

    def __post_init__(self) -> None:
        refuse("RunsFilter", snapshot_id=self.snapshot_id)
        if self.run_ids is not None and not self.run_ids:
            raise InvariantViolation("run_ids of RunsFilter is empty, which fits no run; leave it out for all runs.")
        if isinstance(self.run_ids, str):
            raise TypeError(f"run_ids of RunsFilter must be a list, not {self.run_ids!r}.")
        for status in self.statuses or ():
            _check("RunsFilter", "each of statuses", status, RunStatus)
        for value in (self.tags or {}).values():
            _check("RunsFilter", "each of tags", value, str, Sequence)
        object.__setattr__(self, "statuses", list(self.statuses or ()))
        object.__setattr__(self, "tags", dict(self.tags or {}))
        for name in _TIMES:
            object.__setattr__(self, name, _aware(getattr(self, name)))

    def fits(self, run: DagsterRun, record_of: Callable[[DagsterRun], RunRecord]) -> bool:
        """Whether a run is among those asked for; its times are looked up only where they matter."""
        return (
            (self.run_ids is None or run.run_id in set(self.run_ids))
            and (self.job_name is None or run.job_name == self.job_name)
            and (not self.statuses or run.status in set(self.statuses))
            and (not self.exclude_subruns or BACKFILL_TAG not in run.tags)
            and all(_fits_tag(run.tags.get(key), wanted) for key, wanted in (self.tags or {}).items())
            and (not self._has_times or self._fits_times(record_of(run)))
        )

    @property
    def _has_times(self) -> bool:
        return any(getattr(self, name) is not None for name in _TIMES)

    def _fits_times(self, record: RunRecord) -> bool:
        return _within(record.create_timestamp, self.created_after, self.created_before) and _within(
            record.update_timestamp, self.updated_after, self.updated_before
        )


_TIMES: Final = ("updated_after", "updated_before", "created_after", "created_before")


def _aware(moment: datetime | None) -> datetime | None:
    return moment.replace(tzinfo=UTC) if moment is not None and moment.tzinfo is None else moment


def _fits_tag(value: str | None, wanted: str | Iterable[str]) -> bool:
    return value in ([wanted] if isinstance(wanted, str) else list(wanted))


@dataclass(frozen=True, slots=True)
class RunRecord:
    """A run with its times: aware datetimes, and seconds since the epoch. Source: Dagster's ``RunRecord``."""

    storage_id: int
    dagster_run: DagsterRun
    create_timestamp: datetime
    update_timestamp: datetime
    start_time: float | None = None
    end_time: float | None = None


def record_of(run: DagsterRun, records: Sequence[EventLogRecord]) -> RunRecord:
    """Return a run with its times, from its events, oldest first."""
    events = [record.event_log_entry.dagster_event for record in records]
    changes = [record.timestamp for record in records if record.event_log_entry.dagster_event.step_key is None]
    return RunRecord(
        storage_id=records[0].storage_id if records else 0,
        dagster_run=run,
        create_timestamp=_moment(records[0].timestamp if records else 0),
        update_timestamp=_moment(changes[-1] if changes else 0),
        start_time=time_of(events, {ev.RUN_START}),
        end_time=time_of(events, ev.FINAL_RUN_EVENTS),
    )


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStats:
    """Counts and times of one run. Source: Dagster's ``DagsterRunStatsSnapshot``."""

    run_id: str
    steps_succeeded: int
    steps_failed: int
    materializations: int
    expectations: int
    enqueued_time: float | None
    launch_time: float | None
    start_time: float | None
    end_time: float | None


class StepEventStatus(Enum):
    """How a step ended. Source: Dagster's ``StepEventStatus``."""

    SKIPPED = "SKIPPED"
    SUCCESS = "SUCCESS"
    FAILURE = "FAILURE"
    IN_PROGRESS = "IN_PROGRESS"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStepStats:
    """What came of one step. Source: Dagster's ``RunStepKeyStatsSnapshot``."""

    run_id: str
    step_key: str
    status: StepEventStatus
    attempts: int
    start_time: float | None
    end_time: float | None


_ENDINGS: Final = {
    ev.STEP_SUCCESS: StepEventStatus.SUCCESS,
    ev.STEP_FAILURE: StepEventStatus.FAILURE,
    ev.STEP_SKIPPED: StepEventStatus.SKIPPED,
}


def stats_of(run_id: str, events: Sequence[DagsterEvent]) -> RunStats:
    """Return the statistics of a run from its events, oldest first."""
    count = Counter(event.event.event_type for event in events)
    return RunStats(
        run_id=run_id,
        steps_succeeded=count[ev.STEP_SUCCESS],
        steps_failed=count[ev.STEP_FAILURE],
        materializations=count[ev.ASSET_MATERIALIZATION],
        expectations=count["STEP_EXPECTATION_RESULT"],
        enqueued_time=time_of(events, {ev.RUN_ENQUEUED}),
        launch_time=time_of(events, {ev.RUN_STARTING}),
        start_time=time_of(events, {ev.RUN_START}),
        end_time=time_of(events, ev.FINAL_RUN_EVENTS),
    )


def step_stats_of(run_id: str, events: Sequence[DagsterEvent]) -> list[RunStepStats]:
    """Return what came of each step that something happened in, in the order in which they began."""
    by_step: dict[str, list[DagsterEvent]] = {}
    for event in events:
        if event.step_key is not None:
            by_step.setdefault(event.step_key, []).append(event)
    return [_of_step(run_id, key, found) for key, found in by_step.items()]


def _of_step(run_id: str, key: str, events: Sequence[DagsterEvent]) -> RunStepStats:
    endings = [_ENDINGS[each.event.event_type] for each in events if each.event.event_type in _ENDINGS]
    starts = sum(each.event.event_type in (ev.STEP_START, ev.STEP_RESTARTED) for each in events)
    return RunStepStats(
        run_id=run_id,
        step_key=key,
        status=endings[-1] if endings else StepEventStatus.IN_PROGRESS,
        attempts=starts,
        start_time=time_of(events, {ev.STEP_START}),
        end_time=time_of(events, _ENDINGS.keys()),
    )


def time_of(events: Iterable[DagsterEvent], types: Iterable[str]) -> float | None:
    """Return when the first event of one of these types was, in seconds since the epoch; None where there is none."""
    wanted = set(types)
    return next((event.timestamp for event in events if event.event.event_type in wanted), None)


def page(
    records: Sequence[EventLogRecord],
    fits: Callable[[EventLogRecord], bool],
    limit: int,
    cursor: str | None,
    ascending: bool,
) -> EventRecordsResult:
    """Return the records that fit, newest first unless ``ascending``, from behind ``cursor`` on."""
    chosen = [record for record in records if fits(record)]
    if not ascending:
        chosen.reverse()
    if cursor is not None:
        place = int(cursor)
        chosen = [each for each in chosen if (each.storage_id > place if ascending else each.storage_id < place)]
    taken = chosen[:limit]
    last = str(taken[-1].storage_id) if taken else (cursor or "")
    return EventRecordsResult(records=taken, cursor=last, has_more=len(chosen) > limit)
