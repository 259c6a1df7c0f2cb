"""Schedules: ``@schedule``, ``ScheduleDefinition`` and the context to call them with. Source: Dagster's.

A definition holds a frozen :class:`~jobkernel.model.automation.Schedule`, its ``record``; the rest is how it is asked.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from datetime import datetime
from typing import Any, Self

from jobkernel.api.automation_definition import AutomationDefinition
from jobkernel.api.automation_parts import (
    Aim,
    aim_at,
    aim_at_name,
    checked_context,
    checked_keys,
    checked_metadata,
    checked_text,
    first_up,
    is_running,
    needs_with,
    only_one,
    refuse_clash,
)
from jobkernel.api.ops import function_name
from jobkernel.api.partitioned_runs import partition_resolver
from jobkernel.api.refusals import refuse
from jobkernel.api.schedule_bodies import Decorated, body_of, checked_crons, choice, plain_config
from jobkernel.errors import InvalidDefinition, InvalidInvocation
from jobkernel.executors.automation_context import ScheduleEvaluationContext
from jobkernel.executors.evaluating import evaluate
from jobkernel.model.automation import Catchup, DefaultScheduleStatus, Overlap, RunRequest, Schedule, Target
from jobkernel.records import dataclass
from jobkernel.rules.names import check_name, check_owners, user_tags


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleExecutionData:
    """What one tick of a schedule gave. Source: Dagster's class of that name."""

    run_requests: list[RunRequest]
    skip_message: str | None = None
    log_key: Sequence[str] | None = None


class ScheduleDefinition(AutomationDefinition):
    """Starts runs of a job at the times of a cron, or of several. Source: Dagster's ``ScheduleDefinition``.

    ``catchup`` (``"none"``, ``"last"``, ``"all"``; at most ``catchup_cap``) and ``overlap`` (``"skip"``, ``"queue"``,
    ``"allow"``) are jobkernel's own. ``record`` is what the scheduler goes by.

    Raises:
        InvalidDefinition: a bad cron, zone, name, tag or owner, not exactly one target, or arguments that exclude
            each other.
    """

    word = "schedule"
    context_type = ScheduleEvaluationContext
    record: Schedule

    def __init__(
        self,
        name: str | None = None,
        *,
        cron_schedule: str | Sequence[str] | None = None,
        job_name: str | None = None,
        run_config: Any = None,
        run_config_fn: Callable[..., Any] | None = None,
        tags: Mapping[str, str] | None = None,
        tags_fn: Callable[[Any], Any] | None = None,
        metadata: Mapping[str, Any] | None = None,
        should_execute: Callable[[Any], Any] | None = None,
        environment_vars: Mapping[str, str] | None = None,
        execution_timezone: str | None = None,
        execution_fn: Callable[..., Any] | Decorated | None = None,
        description: str | None = None,
        job: Any = None,
        default_status: DefaultScheduleStatus = DefaultScheduleStatus.STOPPED,
        required_resource_keys: set[str] | None = None,
        target: Any = None,
        owners: Sequence[str] | None = None,
        catchup: Catchup | str = Catchup.LAST,
        catchup_cap: int | None = None,
        overlap: Overlap | str = Overlap.ALLOW,
    ) -> None:
        only_one("A schedule", job=job, job_name=job_name, target=target)
        aim = _aim(name, job, job_name, target)
        own = check_name(name or f"{aim.targets[0].job_name}_schedule", "Schedule")
        what = f"schedule '{own}'"
        refuse_clash(
            what,
            execution_fn,
            run_config=run_config,
            run_config_fn=run_config_fn,
            tags_fn=tags_fn,
            should_execute=should_execute,
        )
        only_one(first_up(what), run_config=run_config, run_config_fn=run_config_fn)
        only_one(first_up(what), tags=tags or None, tags_fn=tags_fn)
        body = body_of(execution_fn, run_config_fn, should_execute, tags_fn, what)
        self._cron_schedule, self._execution_timezone = cron_schedule, execution_timezone
        self._environment_vars = environment_vars
        self._assets = aim.assets
        self._decorated = execution_fn if isinstance(execution_fn, Decorated) else None
        self._parameters = body.parameters
        self.record = Schedule(
            name=own,
            targets=aim.targets,
            function=body.function,
            context_argument=body.parameters.context,
            resource_arguments=body.parameters.resources,
            required_resources=checked_keys(required_resource_keys, body.parameters, what),
            starts_on=is_running(default_status, DefaultScheduleStatus, what),
            description=checked_text(description, "description", what),
            tags=user_tags(tags, what),
            metadata=checked_metadata(metadata, what),
            owners=check_owners(owners, what),
            crons=checked_crons(cron_schedule, execution_timezone, what),
            timezone=execution_timezone or "UTC",
            catchup=choice(Catchup, catchup, "catchup", what),
            catchup_cap=catchup_cap,
            overlap=choice(Overlap, overlap, "overlap", what),
            run_config=plain_config(run_config, what),
            should_execute=body.should_execute,
            request_tags=body.tags_fn,
        )

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the decorated function, with the context that :func:`build_schedule_context` gives.

        Raises:
            InvalidInvocation: the schedule was not made by ``@schedule``, or the arguments are not what it takes.
        """
        if self._decorated is None:
            raise InvalidInvocation(f"Schedule '{self.name}' was not made by @schedule, so it cannot be called.")
        _context, arguments = self.directly(build_schedule_context, args, kwargs)
        result = self._decorated.function(**arguments)
        return deepcopy(result) if isinstance(result, dict) else result

    def evaluate_tick(self, context: ScheduleEvaluationContext) -> ScheduleExecutionData:
        """Return what the schedule asks for in a context; nothing is launched.

        Raises:
            UserCodeError: from what the schedule's function raised.
            InvariantViolation: the function gave what it may not give.
        """
        found = evaluate(self.record, checked_context(context, ScheduleEvaluationContext))
        return ScheduleExecutionData(run_requests=list(found.requests), skip_message=found.skip_reason)

    def with_attributes(self, *, job: Any = None, metadata: Mapping[str, Any] | None = None) -> Self:
        """Return the schedule with another job or other metadata."""
        return self.changed(None if job is None else aim_at(job), metadata)

    def with_updated_job(self, new_job: Any) -> Self:
        """Return the schedule with another job."""
        return self.with_attributes(job=new_job)

    @property
    def job_name(self) -> str:
        """The name of the job that it starts."""
        return self.record.targets[0].job_name

    @property
    def target(self) -> Target:
        """The job that it starts."""
        return self.record.targets[0]

    @property
    def has_job(self) -> bool:
        """Whether its job was given as a definition, and not by name."""
        return self.target.job is not None

    @property
    def job(self) -> Any:
        """The definition of the job that it starts.

        Raises:
            InvalidDefinition: the job was given by name.
        """
        if self.target.job is None:
            raise InvalidDefinition(f"Schedule '{self.name}' knows its job '{self.job_name}' by name only.")
        return self.target.job

    @property
    def cron_schedule(self) -> str | Sequence[str]:
        """The cron, or the crons, as given."""
        assert self._cron_schedule is not None
        return self._cron_schedule

    @property
    def execution_timezone(self) -> str | None:
        """The time zone, as given; None means UTC."""
        return self._execution_timezone

    @property
    def environment_vars(self) -> Mapping[str, str] | None:
        """What was given under that name; it has no effect."""
        return self._environment_vars

    @property
    def owners(self) -> Sequence[str] | None:
        """Who answers for it."""
        return list(self.record.owners) or None

    @property
    def default_status(self) -> DefaultScheduleStatus:
        """Whether it is on before anybody switches it."""
        return DefaultScheduleStatus.RUNNING if self.record.starts_on else DefaultScheduleStatus.STOPPED


def schedule(
    cron_schedule: str | Sequence[str],
    *,
    job_name: str | None = None,
    name: str | None = None,
    tags: Mapping[str, str] | None = None,
    tags_fn: Callable[[Any], Any] | None = None,
    metadata: Mapping[str, Any] | None = None,
    should_execute: Callable[[Any], Any] | None = None,
    environment_vars: Mapping[str, str] | None = None,
    execution_timezone: str | None = None,
    description: str | None = None,
    job: Any = None,
    default_status: DefaultScheduleStatus = DefaultScheduleStatus.STOPPED,
    required_resource_keys: set[str] | None = None,
    target: Any = None,
    owners: Sequence[str] | None = None,
    catchup: Catchup | str = Catchup.LAST,
    catchup_cap: int | None = None,
    overlap: Overlap | str = Overlap.ALLOW,
) -> Callable[[Callable[..., Any]], ScheduleDefinition]:
    """Make a schedule of a function that returns or yields what to run. Source: Dagster's ``@schedule``.

    The function gives RunRequests, a SkipReason, a dict of run config, or nothing; it takes the context and resources.

    Raises:
        InvalidDefinition: see :class:`ScheduleDefinition`.
    """

    def decorate(function: Callable[..., Any]) -> ScheduleDefinition:
        own = name or function_name(function, "@schedule")
        only_one(f"Schedule '{own}'", tags=tags or None, tags_fn=tags_fn)
        made = ScheduleDefinition(
            name=own,
            cron_schedule=cron_schedule,
            job_name=job_name,
            tags=tags,
            metadata=metadata,
            environment_vars=environment_vars,
            execution_timezone=execution_timezone,
            execution_fn=Decorated(function, should_execute, tags_fn),
            description=description,
            job=job,
            default_status=default_status,
            required_resource_keys=required_resource_keys,
            target=target,
            owners=owners,
            catchup=catchup,
            catchup_cap=catchup_cap,
            overlap=overlap,
        )
        functools.update_wrapper(made, function)
        return made

    return decorate


def build_schedule_context(
    instance: Any = None,
    scheduled_execution_time: datetime | None = None,
    resources: Mapping[str, Any] | None = None,
    repository_def: Any = None,
    instance_ref: Any = None,
) -> ScheduleEvaluationContext:
    """Return the context to call a schedule with, or to evaluate a tick of it. Source: Dagster's function.

    ``repository_def`` takes :class:`Definitions`. Use the context by ``with`` where resources clean up.
    """
    refuse("build_schedule_context", instance_ref=instance_ref)
    return ScheduleEvaluationContext(
        instance=instance,
        scheduled_execution_time=scheduled_execution_time,
        resources=resources,
        definitions=repository_def,
        must_be_entered=needs_with(resources),
        resolve_partition=partition_resolver(repository_def, instance, scheduled_execution_time),
    )


def _aim(name: str | None, job: Any, job_name: str | None, target: Any) -> Aim:
    if target is not None:
        return aim_at(target, name)
    if job is not None:
        return aim_at(job)
    if job_name is not None:
        return aim_at_name(job_name, "a schedule")
    raise InvalidDefinition("A schedule starts something: give it job=, job_name= or target=.")
