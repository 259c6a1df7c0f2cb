"""Sensors: ``@sensor``, ``SensorDefinition`` and the context to call them with. Source: Dagster's.

A definition holds a frozen :class:`~jobkernel.model.automation.Sensor`, its ``record``. Sensors of assets and of runs
are definitions of this kind whose function first asks what is new.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import field, replace
from enum import Enum
from typing import Any, ClassVar, Self

from jobkernel.api.automation_definition import AutomationDefinition
from jobkernel.api.automation_parts import (
    Aim,
    aim_at,
    aim_at_all,
    aim_at_name,
    checked_context,
    checked_keys,
    checked_metadata,
    checked_text,
    is_running,
    needs_with,
    only_one,
    read_parameters,
)
from jobkernel.api.automation_runs import InstanceNews
from jobkernel.api.ops import function_name
from jobkernel.api.partitioned_runs import partition_resolver
from jobkernel.api.refusals import refuse
from jobkernel.errors import InvalidDefinition
from jobkernel.executors.automation_context import AutomationContext, SensorEvaluationContext
from jobkernel.executors.evaluating import evaluate
from jobkernel.model.automation import (
    DEFAULT_INTERVAL_S,
    DEFAULT_TIMEOUT_S,
    UNCHANGED,
    AutomationKind,
    DefaultSensorStatus,
    PartitionsRequest,
    Reaction,
    RunRequest,
    Sensor,
    Target,
)
from jobkernel.records import dataclass
from jobkernel.rules.names import check_name, check_owners, lenient_tags


class SensorType(Enum):
    """What a sensor watches. Source: Dagster's enum of that name."""

    STANDARD = "STANDARD"
    RUN_STATUS = "RUN_STATUS"
    ASSET = "ASSET"
    MULTI_ASSET = "MULTI_ASSET"
    AUTOMATION = "AUTOMATION"


_TYPES = {
    AutomationKind.SENSOR: SensorType.STANDARD,
    AutomationKind.RUN_STATUS_SENSOR: SensorType.RUN_STATUS,
    AutomationKind.ASSET_SENSOR: SensorType.ASSET,
    AutomationKind.MULTI_ASSET_SENSOR: SensorType.MULTI_ASSET,
    AutomationKind.AUTOMATION: SensorType.AUTOMATION,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class SensorExecutionData:
    """What one look of a sensor gave. Source: Dagster's class of that name."""

    run_requests: list[RunRequest]
    skip_message: str | None = None
    cursor: str | None = None
    dagster_run_reactions: list[Reaction] = field(default_factory=list)
    dynamic_partitions_requests: list[PartitionsRequest] = field(default_factory=list)
    asset_events: list[Any] = field(default_factory=list)
    log_key: Sequence[str] | None = None


class SensorDefinition(AutomationDefinition):
    """Looks now and then whether runs are wanted. Source: Dagster's ``SensorDefinition``.

    ``timeout_seconds`` is jobkernel's own: how long one look may take. ``record`` is what the scheduler goes by.

    Raises:
        InvalidDefinition: no function, more than one target, or a bad name, tag, owner or interval.
    """

    kind: ClassVar[AutomationKind] = AutomationKind.SENSOR
    word = "sensor"
    context_type: ClassVar[type[AutomationContext]] = SensorEvaluationContext
    record: Sensor

    def __init__(
        self,
        name: str | None = None,
        *,
        evaluation_fn: Callable[..., Any] | None = None,
        job_name: str | None = None,
        minimum_interval_seconds: int | None = None,
        description: str | None = None,
        job: Any = None,
        jobs: Sequence[Any] | None = None,
        default_status: DefaultSensorStatus = DefaultSensorStatus.STOPPED,
        asset_selection: Any = None,
        required_resource_keys: set[str] | None = None,
        tags: Mapping[str, str] | None = None,
        metadata: Mapping[str, Any] | None = None,
        target: Any = None,
        owners: Sequence[str] | None = None,
        timeout_seconds: float = DEFAULT_TIMEOUT_S,
    ) -> None:
        if evaluation_fn is None:
            raise InvalidDefinition("A sensor looks by a function; give it evaluation_fn=.")
        only_one("A sensor", job=job, jobs=jobs, job_name=job_name, target=target, asset_selection=asset_selection)
        aim = _aim(name, job, jobs, job_name, target)
        own = check_name(name or function_name(evaluation_fn, "SensorDefinition"), "Sensor")
        what = f"sensor '{own}'"
        self._function = evaluation_fn
        self._parameters = read_parameters(evaluation_fn, what)
        self._assets = aim.assets
        self.record = Sensor(
            name=own,
            kind=self.kind,
            targets=aim.targets,
            function=evaluation_fn,
            context_argument=self._parameters.context,
            resource_arguments=self._parameters.resources,
            required_resources=checked_keys(required_resource_keys, self._parameters, what),
            asset_selection=_selection(asset_selection),
            starts_on=is_running(default_status, DefaultSensorStatus, what),
            description=checked_text(description, "description", what),
            tags=lenient_tags(tags, what),
            metadata=checked_metadata(metadata, what),
            owners=check_owners(owners, what),
            minimum_interval_s=_seconds(minimum_interval_seconds, "minimum_interval_seconds", what),
            timeout_s=_seconds(timeout_seconds, "timeout_seconds", what),
        )

    def monitoring(self, **monitored: Any) -> None:
        """Note in the record which assets, or which runs, the function asks for."""
        self.record = replace(self.record, **monitored)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the function, with the context that :func:`build_sensor_context` gives.

        Raises:
            InvalidInvocation: the arguments are not what it takes.
        """
        context, arguments = self.directly(self.build_context, args, kwargs)
        return self.called(self._function, context, arguments)

    def called(self, function: Callable[..., Any], _context: Any, arguments: Mapping[str, Any]) -> Any:
        """Return what a direct call of the function gives."""
        return function(**arguments)

    @staticmethod
    def build_context() -> AutomationContext:
        """Return the context of a direct call that was given none."""
        return build_sensor_context()

    def evaluate_tick(self, context: SensorEvaluationContext) -> SensorExecutionData:
        """Return what the sensor asks for in a context; nothing is launched and no cursor kept.

        Raises:
            InvariantViolation: the function gave what it may not give.
            Exception: what the function raised, as it is.
        """
        found = evaluate(self.record, checked_context(context, SensorEvaluationContext))
        return SensorExecutionData(
            run_requests=list(found.requests),
            skip_message=found.skip_reason,
            cursor=context.cursor if found.cursor is UNCHANGED else found.cursor,
            dagster_run_reactions=list(found.reactions),
            dynamic_partitions_requests=list(found.dynamic_partitions_requests),
            asset_events=list(found.asset_events),
        )

    def with_attributes(self, *, jobs: Sequence[Any] | None = None, metadata: Mapping[str, Any] | None = None) -> Self:
        """Return the sensor with other jobs or other metadata."""
        return self.changed(None if jobs is None else aim_at_all(jobs), metadata)

    def with_updated_jobs(self, new_jobs: Sequence[Any]) -> Self:
        """Return the sensor with other jobs."""
        return self.with_attributes(jobs=new_jobs)

    def with_updated_job(self, new_job: Any) -> Self:
        """Return the sensor with another job."""
        return self.with_attributes(jobs=[new_job])

    @property
    def sensor_type(self) -> SensorType:
        """What it watches."""
        return _TYPES[self.record.kind]

    @property
    def job_name(self) -> str:
        """The name of the job that it starts.

        Raises:
            InvalidDefinition: it has none, or several.
        """
        return self._only_target().job_name

    @property
    def job(self) -> Any:
        """The definition of the job that it starts.

        Raises:
            InvalidDefinition: it has none or several, or knows it by name only.
        """
        target = self._only_target()
        if target.job is None:
            raise InvalidDefinition(f"Sensor '{self.name}' knows its job '{target.job_name}' by name only.")
        return target.job

    @property
    def jobs(self) -> list[Any]:
        """The definitions of the jobs that it may start.

        Raises:
            InvalidDefinition: it has none.
        """
        found = [target.job for target in self.targets if target.job is not None]
        if not found:
            raise InvalidDefinition(f"Sensor '{self.name}' was given no job.")
        return found

    @property
    def has_jobs(self) -> bool:
        """Whether a job was given as a definition."""
        return any(target.job is not None for target in self.targets)

    @property
    def asset_selection(self) -> Any:
        """The assets that its runs are over, where it starts no job."""
        return self.record.asset_selection

    @property
    def minimum_interval_seconds(self) -> int | None:
        """How many seconds lie between two looks at least, start to start."""
        return int(self.record.minimum_interval_s)

    @property
    def owners(self) -> Sequence[str]:
        """Who answers for it."""
        return list(self.record.owners)

    @property
    def default_status(self) -> DefaultSensorStatus:
        """Whether it is on before anybody switches it."""
        return DefaultSensorStatus.RUNNING if self.record.starts_on else DefaultSensorStatus.STOPPED

    def _only_target(self) -> Target:
        if len(self.targets) != 1:
            jobs = "several jobs" if self.targets else "no job"
            raise InvalidDefinition(f"Sensor '{self.name}' was given {jobs}; ask for its jobs.")
        return self.targets[0]


def sensor(
    job_name: str | None = None,
    *,
    name: str | None = None,
    minimum_interval_seconds: int | None = None,
    description: str | None = None,
    job: Any = None,
    jobs: Sequence[Any] | None = None,
    default_status: DefaultSensorStatus = DefaultSensorStatus.STOPPED,
    asset_selection: Any = None,
    required_resource_keys: set[str] | None = None,
    tags: Mapping[str, str] | None = None,
    metadata: Mapping[str, Any] | None = None,
    target: Any = None,
    owners: Sequence[str] | None = None,
    timeout_seconds: float = DEFAULT_TIMEOUT_S,
) -> Callable[[Callable[..., Any]], SensorDefinition]:
    """Make a sensor of a function that returns or yields what to run. Source: Dagster's ``@sensor``.

    The function gives RunRequests, a SkipReason, a SensorResult, or nothing; it takes the context and resources.

    Raises:
        InvalidDefinition: see :class:`SensorDefinition`.
    """

    def decorate(function: Callable[..., Any]) -> SensorDefinition:
        made = SensorDefinition(
            name=name or function_name(function, "@sensor"),
            evaluation_fn=function,
            job_name=job_name,
            minimum_interval_seconds=minimum_interval_seconds,
            description=description,
            job=job,
            jobs=jobs,
            default_status=default_status,
            asset_selection=asset_selection,
            required_resource_keys=required_resource_keys,
            tags=tags,
            metadata=metadata,
            target=target,
            owners=owners,
            timeout_seconds=timeout_seconds,
        )
        functools.update_wrapper(made, function)
        return made

    return decorate


def build_sensor_context(
    instance: Any = None,
    cursor: str | None = None,
    repository_name: str | None = None,
    repository_def: Any = None,
    sensor_name: str | None = None,
    resources: Mapping[str, Any] | None = None,
    definitions: Any = None,
    instance_ref: Any = None,
    last_sensor_start_time: float | None = None,
) -> SensorEvaluationContext:
    """Return the context to call a sensor with, or to evaluate a look of it. Source: Dagster's function.

    ``definitions`` (or ``repository_def``) takes :class:`Definitions`. Use the context by ``with`` where resources
    clean up.
    """
    refuse("build_sensor_context", instance_ref=instance_ref)
    known = definitions if definitions is not None else repository_def
    return SensorEvaluationContext(
        name=sensor_name,
        instance=instance,
        cursor=cursor,
        repository_name=repository_name,
        definitions=known,
        resources=resources,
        last_sensor_start_time=last_sensor_start_time,
        news=None if instance is None else InstanceNews(instance),
        must_be_entered=needs_with(resources),
        resolve_partition=partition_resolver(known, instance),
    )


def _aim(name: str | None, job: Any, jobs: Sequence[Any] | None, job_name: str | None, target: Any) -> Aim:
    if target is not None:
        return aim_at(target, name)
    if job is not None:
        return aim_at(job)
    if job_name is not None:
        return aim_at_name(job_name, "a sensor")
    return aim_at_all(jobs or ())


def _selection(given: Any) -> Any:
    from jobkernel.rules.selection import AssetSelection

    return None if given is None else AssetSelection.from_coercible(given)


def _seconds(given: Any, name: str, what: str) -> float:
    if given is None:
        return DEFAULT_INTERVAL_S
    if isinstance(given, bool) or not isinstance(given, int | float) or given < 0:
        raise InvalidDefinition(f"{name} of {what} is a number of seconds, not {given!r}.")
    return float(given)
