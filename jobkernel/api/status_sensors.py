"""Sensors of runs: ``@run_status_sensor`` and ``@run_failure_sensor``. Source: Dagster's.

The first look notes where the history is; each later one takes the runs that reached the status since, five at most,
and ends with the first for which the function returned something.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from jobkernel.api.asset_sensors import Watch
from jobkernel.api.automation_parts import Parameters, read_parameters
from jobkernel.api.automation_runs import record_of
from jobkernel.api.graphs import GraphDefinition
from jobkernel.api.jobs import JobDefinition, UnresolvedAssetJobDefinition
from jobkernel.api.ops import function_name
from jobkernel.api.run_records import EventLogRecord
from jobkernel.api.run_status_context import RunStatusSensorContext
from jobkernel.api.sensors import SensorDefinition
from jobkernel.errors import InvalidDefinition, InvariantViolation
from jobkernel.executors.automation_context import SensorEvaluationContext
from jobkernel.model import events as ev
from jobkernel.model.automation import (
    DEFAULT_TIMEOUT_S,
    AutomationKind,
    DefaultSensorStatus,
    Reaction,
    RunRequest,
    SensorResult,
    SkipReason,
)
from jobkernel.model.dagster_run import DagsterRun
from jobkernel.model.run_tags import PARTITION_TAG
from jobkernel.model.runs import RunStatus

MOST_READ: Final = 25
MOST_HANDLED: Final = 5
EVENT_OF: Final = {
    RunStatus.QUEUED: ev.RUN_ENQUEUED,
    RunStatus.STARTING: ev.RUN_STARTING,
    RunStatus.STARTED: ev.RUN_START,
    RunStatus.SUCCESS: ev.RUN_SUCCESS,
    RunStatus.FAILURE: ev.RUN_FAILURE,
    RunStatus.CANCELING: ev.RUN_CANCELING,
    RunStatus.CANCELED: ev.RUN_CANCELED,
}
"""The event that says that a run reached a status."""


class RunStatusSensorCursor(NamedTuple):
    """Where a sensor of runs is in the history. Source: Dagster's cursor, whose JSON it reads and writes."""

    record_id: int
    update_timestamp: str | None = None
    record_timestamp: str | None = None

    def to_json(self) -> str:
        """Return the cursor as it is kept."""
        return json.dumps({"__class__": "RunStatusSensorCursor", **dict(sorted(self._asdict().items()))})

    @staticmethod
    def read(text: str | None) -> RunStatusSensorCursor | None:
        """Return the cursor of a text, None where it is none."""
        try:
            found = json.loads(text or "")
            return RunStatusSensorCursor(found["record_id"], record_timestamp=found.get("record_timestamp"))
        except (ValueError, KeyError, TypeError):
            return None


class RunStatusSensorDefinition(SensorDefinition):
    """Looks for runs that reached a status. Source: Dagster's ``RunStatusSensorDefinition``.

    Raises:
        InvalidDefinition: a status that no event tells of, a monitored job that is none; else as
            :class:`SensorDefinition`.
    """

    kind = AutomationKind.RUN_STATUS_SENSOR
    context_type = RunStatusSensorContext

    def __init__(
        self,
        name: str,
        run_status: RunStatus,
        run_status_sensor_fn: Callable[..., Any],
        minimum_interval_seconds: int | None = None,
        description: str | None = None,
        monitored_jobs: Sequence[Any] | None = None,
        monitor_all_code_locations: bool | None = None,
        default_status: DefaultSensorStatus = DefaultSensorStatus.STOPPED,
        request_job: Any = None,
        request_jobs: Sequence[Any] | None = None,
        tags: Mapping[str, str] | None = None,
        metadata: Mapping[str, Any] | None = None,
        required_resource_keys: set[str] | None = None,
        timeout_seconds: float = DEFAULT_TIMEOUT_S,
    ) -> None:
        what = f"sensor '{name}'"
        if not isinstance(run_status, RunStatus) or run_status not in EVENT_OF:
            words = ", ".join(f"DagsterRunStatus.{status.name}" for status in EVENT_OF)
            raise InvalidDefinition(f"run_status of {what} is one of {words}; not {run_status!r}.")
        if not isinstance(monitor_all_code_locations, bool | None):
            raise InvalidDefinition(f"monitor_all_code_locations of {what} is a bool.")
        names = _job_names(monitored_jobs, what)
        parameters = read_parameters(run_status_sensor_fn, what)
        super().__init__(
            name,
            evaluation_fn=watch_runs(name, run_status, run_status_sensor_fn, parameters, names),
            minimum_interval_seconds=minimum_interval_seconds,
            description=description,
            default_status=default_status,
            job=request_job,
            jobs=request_jobs,
            required_resource_keys={*(required_resource_keys or ()), *parameters.resources},
            tags=tags,
            metadata=metadata,
            timeout_seconds=timeout_seconds,
        )
        self._function, self._parameters = run_status_sensor_fn, parameters
        self.monitoring(monitored_status=run_status.value, monitored_jobs=names)


def run_status_sensor(
    run_status: RunStatus,
    name: str | None = None,
    minimum_interval_seconds: int | None = None,
    description: str | None = None,
    monitored_jobs: Sequence[Any] | None = None,
    job_selection: Sequence[Any] | None = None,
    monitor_all_code_locations: bool | None = None,
    default_status: DefaultSensorStatus = DefaultSensorStatus.STOPPED,
    request_job: Any = None,
    request_jobs: Sequence[Any] | None = None,
    monitor_all_repositories: bool | None = None,
    tags: Mapping[str, str] | None = None,
    metadata: Mapping[str, Any] | None = None,
) -> Callable[[Callable[..., Any]], RunStatusSensorDefinition]:
    """Make a sensor of runs that reached a status. Source: Dagster's ``@run_status_sensor``.

    A function that returns nothing has dealt with the run; one that returns run requests ends the look.

    Raises:
        InvalidDefinition: jobs are named although all are to be monitored; see :class:`RunStatusSensorDefinition`.
    """

    def decorate(function: Callable[..., Any]) -> RunStatusSensorDefinition:
        jobs = monitored_jobs or job_selection
        monitor_all = monitor_all_code_locations or monitor_all_repositories
        if jobs and monitor_all:
            raise InvalidDefinition("A sensor of runs monitors the jobs that it names, or all; not both.")
        return RunStatusSensorDefinition(
            name=name or function_name(function, "@run_status_sensor"),
            run_status=run_status,
            run_status_sensor_fn=function,
            minimum_interval_seconds=minimum_interval_seconds,
            description=description,
            monitored_jobs=jobs,
            monitor_all_code_locations=monitor_all,
            default_status=default_status,
            request_job=request_job,
            request_jobs=request_jobs,
            tags=tags,
            metadata=metadata,
        )

    return decorate


def run_failure_sensor(name: Any = None, **options: Any) -> Any:
    """Make a sensor of runs that failed; its function takes a ``RunFailureSensorContext``.

    Takes what :func:`run_status_sensor` takes, but for the status; usable without parentheses. Source: Dagster's
    ``@run_failure_sensor``.
    """

    def decorate(function: Callable[..., Any]) -> RunStatusSensorDefinition:
        own = function_name(function, "@run_failure_sensor") if name is None or callable(name) else name

        @functools.wraps(function)
        def of_failure(*args: Any, **kwargs: Any) -> Any:
            given = {key: _for_failure(value) for key, value in kwargs.items()}
            return function(*map(_for_failure, args), **given)

        return run_status_sensor(RunStatus.FAILURE, own, **options)(of_failure)

    return decorate(name) if callable(name) else decorate


def _for_failure(value: Any) -> Any:
    return value.for_run_failure() if isinstance(value, RunStatusSensorContext) else value


def watch_runs(
    name: str,
    run_status: RunStatus,
    function: Callable[..., Any],
    parameters: Parameters,
    job_names: tuple[str, ...] = (),
) -> Watch:
    """Return what asks for runs (of these jobs, or of all) that reached a status and calls a function with each.

    A function that raises makes the look fail, but the cursor moves on, so that it is not called for that run again.
    """
    event_type = EVENT_OF[run_status]

    def watch(context: SensorEvaluationContext) -> Iterator[Any]:
        cursor = RunStatusSensorCursor.read(context.cursor)
        if cursor is None:
            yield _first_look(context, name, event_type)
            return
        found = context.news.run_events(
            event_type, after=cursor.record_id, limit=MOST_READ, newest_first=False, job_names=job_names
        )
        handled = 0
        for record in map(record_of, found):
            run = context.news.run(record.run_id)
            if run is None or (job_names and run.job_name not in job_names):
                context.update_cursor(_cursor_at(record).to_json())
                continue
            if handled >= MOST_HANDLED:
                return
            handled += 1
            arguments = context.resources_of(parameters.resources, f"Sensor '{name}'")
            inner = _within(context, name, run, record)
            own = {parameters.context: inner} if parameters.context else {}
            has_answered, error = yield from _answers(inner, functools.partial(function, **own, **arguments), name)
            context.update_cursor(_cursor_at(record).to_json())
            if has_answered:
                return
            yield Reaction(run=run, status=run_status.value, error=error)

    return watch


def _within(
    context: SensorEvaluationContext, name: str, run: DagsterRun, record: EventLogRecord
) -> RunStatusSensorContext:
    return context.within(
        RunStatusSensorContext,
        name=name,
        dagster_run=run,
        dagster_event=record.event_log_entry.dagster_event,
        partition_key=run.tags.get(PARTITION_TAG),
    )


def _answers(
    inner: RunStatusSensorContext, call: Callable[[], Any], name: str
) -> Generator[Any, None, tuple[bool, Exception | None]]:
    """Give what a function asks for after one run; return whether it asked for anything, and what it raised."""
    try:
        with inner:
            returned = call()
            sets_cursor = isinstance(returned, SensorResult) and bool(returned.cursor)
            if not sets_cursor:
                yield from _results(returned)
    except Exception as error:  # noqa: BLE001 - the boundary: what user code raised is told with the tick
        return False, error
    if sets_cursor:
        raise InvariantViolation(f"Sensor '{name}' keeps its cursor itself; leave cursor out of its SensorResult.")
    return returned is not None, None


def _results(returned: Any) -> Iterable[Any]:
    if returned is None:
        return []
    return [returned] if isinstance(returned, RunRequest | SkipReason | SensorResult) else returned


def _first_look(context: SensorEvaluationContext, name: str, event_type: str) -> SkipReason:
    found = context.news.run_events(event_type, after=None, limit=1, newest_first=True)
    cursor = _cursor_at(record_of(found[0])) if found else RunStatusSensorCursor(-1)
    context.update_cursor(cursor.to_json())
    return SkipReason(f"Initiating {name}. Set cursor to {cursor}")


def _cursor_at(record: EventLogRecord) -> RunStatusSensorCursor:
    moment = datetime.fromtimestamp(record.timestamp, UTC).isoformat()
    return RunStatusSensorCursor(record.storage_id, record_timestamp=moment)


def _job_names(jobs: Any, what: str) -> tuple[str, ...]:
    kinds = JobDefinition | UnresolvedAssetJobDefinition | GraphDefinition
    if jobs is not None and not isinstance(jobs, list):
        raise InvalidDefinition(f"monitored_jobs of {what} is a list of jobs, not {jobs!r}.")
    for job in jobs or ():
        if not isinstance(job, kinds):
            raise InvalidDefinition(f"monitored_jobs of {what} holds {job!r}, which is no job.")
    return tuple(job.name for job in jobs or ())
