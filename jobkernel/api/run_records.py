"""What an instance says of runs and events: records, statistics, and the filters by which they are asked for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

from jobkernel.api.events import DagsterEvent
from jobkernel.model import events as ev
from jobkernel.model.dagster_run import DagsterRun
from jobkernel.model.keys import AssetKey
from jobkernel.model.results import AssetMaterialization
from jobkernel.model.runs import RunStatus


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


@dataclass(frozen=True, slots=True)
class EventRecordsFilter:
    """Which events are asked for. Source: Dagster's ``EventRecordsFilter``."""

    event_type: Any
    asset_key: AssetKey | None = None
    asset_partitions: Sequence[str] | None = None
    after_timestamp: float | None = None
    before_timestamp: float | None = None

    def fits(self, record: EventLogRecord) -> bool:
        """Whether an event is among those asked for."""
        event = record.event_log_entry.dagster_event
        return (
            event.event_type is self.event_type
            and (self.asset_key is None or event.asset_key == self.asset_key)
            and (self.asset_partitions is None or event.body.get("partition_key") in self.asset_partitions)
            and (self.after_timestamp is None or record.timestamp > self.after_timestamp)
            and (self.before_timestamp is None or record.timestamp < self.before_timestamp)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class EventRecordsResult:
    """A page of event records. Source: Dagster's ``EventRecordsResult``."""

    records: Sequence[EventLogRecord]
    cursor: str
    has_more: bool


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


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRecord:
    """A run with when it was, in seconds since the epoch. Source: Dagster's ``RunRecord``."""

    storage_id: int
    dagster_run: DagsterRun
    start_time: float | None = None
    end_time: float | None = None


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
