"""``build_schedule_from_partitioned_job``: a schedule at the pace of a job's partitions, for the latest of them.

Source: Dagster's function of that name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

from jobkernel.api.jobs import UnresolvedAssetJobDefinition
from jobkernel.api.partitioned_runs import request_for_partition
from jobkernel.api.schedules import ScheduleDefinition, schedule
from jobkernel.errors import InvalidDefinition, InvariantViolation
from jobkernel.executors.automation_context import ScheduleEvaluationContext
from jobkernel.model.automation import DefaultScheduleStatus, SkipReason, Target
from jobkernel.model.partition_loading import partition_loading_context
from jobkernel.model.partitions import StaticPartitionsDefinition
from jobkernel.records import dataclass
from jobkernel.rules.names import check_owners
from jobkernel.rules.partition_multi import MultiPartitionsDefinition
from jobkernel.rules.partition_windows import TimeWindowPartitionsDefinition

NONE_YET = "The job's PartitionsDefinition has no partitions"


@dataclass(frozen=True, slots=True, kw_only=True)
class UnresolvedPartitionedAssetScheduleDefinition:
    """A schedule of an asset job whose partitions are known once its assets are: :class:`Definitions` resolves it."""

    word: ClassVar[str] = "schedule"
    name: str
    job: Any
    offsets: Mapping[str, int | None]
    options: Mapping[str, Any]
    tags: Mapping[str, str] | None = None

    @property
    def targets(self) -> tuple[Target, ...]:
        """The job that it starts."""
        return (Target(job_name=self.job.name, job=self.job),)

    @property
    def target_assets(self) -> tuple[Any, ...]:
        """No assets beside those of its job."""
        return ()

    def with_metadata(self, metadata: Mapping[str, Any]) -> UnresolvedPartitionedAssetScheduleDefinition:
        """Return the same with other metadata."""
        return replace(self, options={**self.options, "metadata": metadata})

    def resolve(self, job: Any) -> ScheduleDefinition:
        """Return the schedule for the job as its definitions resolved it.

        Raises:
            InvariantViolation: the assets of the job have no partitions.
            InvalidDefinition: they are neither by time nor static.
        """
        return _scheduled(job, self.name, self.offsets, self.options, self.tags, cron=None, timezone=None)


def build_schedule_from_partitioned_job(
    job: Any,
    description: str | None = None,
    name: str | None = None,
    minute_of_hour: int | None = None,
    hour_of_day: int | None = None,
    day_of_week: int | None = None,
    day_of_month: int | None = None,
    default_status: DefaultScheduleStatus = DefaultScheduleStatus.STOPPED,
    tags: Mapping[str, str] | None = None,
    cron_schedule: str | None = None,
    execution_timezone: str | None = None,
    metadata: Mapping[str, Any] | None = None,
    owners: Sequence[str] | None = None,
) -> ScheduleDefinition | UnresolvedPartitionedAssetScheduleDefinition:
    """Return a schedule that asks, whenever a partition of the job ends, for a run of it; ``run_key`` is its key.

    Of partitions by time the pace is theirs, at the minute, hour and day given; of two dimensions every key of the
    latest window is asked for. Static ones need ``cron_schedule``, and all are asked for.

    Raises:
        InvariantViolation: offsets beside a cron, both days, offsets that the pace does not have, or no partitions.
        InvalidDefinition: partitions that are neither by time nor static.
    """
    offsets = {
        "minute_of_hour": minute_of_hour,
        "hour_of_day": hour_of_day,
        "day_of_week": day_of_week,
        "day_of_month": day_of_month,
    }
    has_cron = bool(cron_schedule or execution_timezone)
    if day_of_week and day_of_month:
        raise InvariantViolation("A schedule of partitions takes a day of the week or of the month, not both.")
    if has_cron and any(value is not None for value in offsets.values()):
        raise InvariantViolation("A schedule of partitions takes a cron, or a minute, hour and day; not both.")
    own = name or f"{job.name}_schedule"
    options = {
        "default_status": default_status,
        "description": description,
        "metadata": metadata,
        "owners": list(check_owners(owners, f"schedule '{own}'")) or None,
    }
    if isinstance(job, UnresolvedAssetJobDefinition) and job.partitions_def is None:
        if has_cron:
            raise InvariantViolation(_no_cron(job.name))
        return UnresolvedPartitionedAssetScheduleDefinition(
            name=own, job=job, offsets=offsets, options=options, tags=tags
        )
    return _scheduled(job, own, offsets, options, tags, cron=cron_schedule, timezone=execution_timezone)


def _scheduled(
    job: Any,
    name: str,
    offsets: Mapping[str, int | None],
    options: Mapping[str, Any],
    tags: Mapping[str, str] | None,
    *,
    cron: str | None,
    timezone: str | None,
) -> ScheduleDefinition:
    definition = job.partitions_def
    if definition is None:
        raise InvariantViolation(f"Job '{job.name}' has no partitions; give it partitions_def=, or select such assets.")
    by_time = _time_of(definition, job.name)
    if by_time is None:
        if cron is None:
            raise InvariantViolation(f"Job '{job.name}' has static partitions; say when by cron_schedule=.")
    elif cron or timezone:
        raise InvariantViolation(_no_cron(job.name))
    else:
        cron, timezone = by_time.get_cron_schedule(**offsets), by_time.timezone
    return schedule(
        cron,
        job=job,
        name=name,
        execution_timezone=timezone,
        should_execute=None if by_time is None or not by_time.exclusions else _unless_excluded(by_time),
        **options,
    )(_asking(job, definition, tags))


def _time_of(definition: Any, job_name: str) -> TimeWindowPartitionsDefinition | None:
    if isinstance(definition, TimeWindowPartitionsDefinition):
        return definition
    if isinstance(definition, MultiPartitionsDefinition):
        found = [each.partitions_def for each in definition.partitions_defs]
        by_time = [each for each in found if isinstance(each, TimeWindowPartitionsDefinition)]
        if len(by_time) == 1:
            return by_time[0]
    if isinstance(definition, StaticPartitionsDefinition):
        return None
    raise InvalidDefinition(
        f"Job '{job_name}' has partitions that no schedule follows; partitions by time, two dimensions of which one is "
        "by time, and static partitions can be scheduled."
    )


def _asking(job: Any, definition: Any, tags: Mapping[str, str] | None) -> Callable[[ScheduleEvaluationContext], Any]:
    def ask(context: ScheduleEvaluationContext) -> Any:
        with _as_of(context):
            keys = _latest(definition)
            if not keys:
                return SkipReason(NONE_YET)
            found = [request_for_partition(job, key, run_key=key, tags=tags) for key in keys]
        return found[0] if isinstance(definition, TimeWindowPartitionsDefinition) else found

    return ask


def _latest(definition: Any) -> list[str]:
    """Return the keys that are asked for now."""
    if isinstance(definition, StaticPartitionsDefinition):
        return list(definition.get_partition_keys())
    if isinstance(definition, TimeWindowPartitionsDefinition):
        last = definition.get_last_partition_key()
        return [] if last is None else [last]
    dimension = definition.time_window_dimension
    last = dimension.partitions_def.get_last_partition_key()
    return [] if last is None else list(definition.get_multipartition_keys_with_dimension_value(dimension.name, last))


def _unless_excluded(definition: TimeWindowPartitionsDefinition) -> Callable[[ScheduleEvaluationContext], bool]:
    whole = TimeWindowPartitionsDefinition(
        definition.start,
        definition.fmt,
        definition.end,
        timezone=definition.timezone,
        end_offset=definition.end_offset,
        cron_schedule=definition.cron_schedule,
    )

    def should_execute(context: ScheduleEvaluationContext) -> bool:
        with _as_of(context):
            window = whole.get_last_partition_window()
        return window is None or not definition.is_window_start_excluded(window.start)

    return should_execute


def _as_of(context: ScheduleEvaluationContext) -> Any:
    store = context.instance if context.has_instance else None
    return partition_loading_context(context.scheduled_at, store)


def _no_cron(job_name: str) -> str:
    return f"Job '{job_name}' has partitions by time, which say when; drop cron_schedule= and execution_timezone=."
