"""Run config that follows from the partition: :class:`PartitionedConfig` and the decorators that make it. Dagster's."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from jobkernel.errors import InvalidInvocation, InvariantViolation
from jobkernel.model.partitions import (
    DynamicPartitionsDefinition,
    Partition,
    PartitionsDefinition,
    StaticPartitionsDefinition,
)
from jobkernel.model.run_tags import PARTITION_SET_TAG
from jobkernel.rules.partition_calendar import (
    DailyPartitionsDefinition,
    HourlyPartitionsDefinition,
    MonthlyPartitionsDefinition,
    WeeklyPartitionsDefinition,
)
from jobkernel.rules.partition_windows import TimeWindowPartitionsDefinition

ConfigOfKey = Callable[[str], Any]
TagsOfKey = Callable[[str], Mapping[str, str]]
OfWindow = Callable[[datetime, datetime], Any]


class PartitionedConfig:
    """Run config for each partition of a job: by ``run_config_for_partition_key_fn``, or the older word for it."""

    def __init__(
        self,
        partitions_def: PartitionsDefinition,
        run_config_for_partition_fn: Callable[[Partition], Any] | None = None,
        decorated_fn: Callable[..., Any] | None = None,
        tags_for_partition_fn: Callable[[Partition], Mapping[str, str]] | None = None,
        run_config_for_partition_key_fn: ConfigOfKey | None = None,
        tags_for_partition_key_fn: TagsOfKey | None = None,
    ) -> None:
        """Take partitions and the functions.

        Raises:
            InvariantViolation: not just one function of config is given, or two of tags.
        """
        if not isinstance(partitions_def, PartitionsDefinition):
            raise TypeError(f"PartitionedConfig takes a partitions definition, not {partitions_def!r}.")
        if (run_config_for_partition_fn is None) is (run_config_for_partition_key_fn is None):
            raise InvariantViolation("PartitionedConfig takes one of the two functions that give run config.")
        if tags_for_partition_fn is not None and tags_for_partition_key_fn is not None:
            raise InvariantViolation("PartitionedConfig takes one function that gives tags, not two.")
        self.partitions_def = partitions_def
        self.run_config_for_partition_fn = run_config_for_partition_fn
        self.run_config_for_partition_key_fn = run_config_for_partition_key_fn
        self.tags_for_partition_fn = tags_for_partition_fn
        self.tags_for_partition_key_fn = tags_for_partition_key_fn
        self._decorated = decorated_fn

    def get_partition_keys(self, current_time: datetime | None = None) -> Sequence[str]:
        """Return the keys that exist."""
        return self.partitions_def.get_partition_keys(current_time)

    def get_run_config_for_partition_key(self, partition_key: str) -> Any:
        """Return the run config of a partition, as plain data."""
        if self.run_config_for_partition_key_fn is not None:
            config = self.run_config_for_partition_key_fn(partition_key)
        else:
            assert self.run_config_for_partition_fn is not None
            config = self.run_config_for_partition_fn(Partition(partition_key))
        return copy.deepcopy(config.to_config_dict() if hasattr(config, "to_config_dict") else config)

    def get_tags_for_partition_key(self, partition_key: str, job_name: str | None = None) -> Mapping[str, str]:
        """Return the tags of a run of a partition."""
        if self.tags_for_partition_key_fn is not None:
            own = self.tags_for_partition_key_fn(partition_key)
        else:
            own = self.tags_for_partition_fn(Partition(partition_key)) if self.tags_for_partition_fn else {}
        return {**own, **tags_of_partition(self.partitions_def, partition_key, job_name)}

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the decorated function.

        Raises:
            InvalidInvocation: no decorator made this.
        """
        if self._decorated is None:
            raise InvalidInvocation("Only a partitioned config that a decorator made can be called.")
        return self._decorated(*args, **kwargs)


def tags_of_partition(definition: PartitionsDefinition, partition_key: str, job_name: str | None) -> Mapping[str, str]:
    """Return the tags that say which partition a run makes, and of which job where one is named."""
    given = {PARTITION_SET_TAG: f"{job_name}_partition_set"} if job_name else {}
    return {**definition.get_tags_for_partition_key(partition_key), **given}


def partitioned_config(
    partitions_def: PartitionsDefinition, tags_for_partition_key_fn: TagsOfKey | None = None
) -> Callable[[ConfigOfKey], PartitionedConfig]:
    """Make a partitioned config of a function that is given a key."""
    if tags_for_partition_key_fn is not None and not callable(tags_for_partition_key_fn):
        raise TypeError(f"tags_for_partition_key_fn is a function, not {tags_for_partition_key_fn!r}.")

    def decorate(function: ConfigOfKey) -> PartitionedConfig:
        return PartitionedConfig(
            partitions_def,
            decorated_fn=function,
            run_config_for_partition_key_fn=function,
            tags_for_partition_key_fn=tags_for_partition_key_fn,
        )

    return decorate


def static_partitioned_config(
    partition_keys: Sequence[str],
    tags_for_partition_fn: TagsOfKey | None = None,
    tags_for_partition_key_fn: TagsOfKey | None = None,
) -> Callable[[ConfigOfKey], PartitionedConfig]:
    """Make a partitioned config over fixed keys of a function that is given a key."""
    if tags_for_partition_fn is not None and tags_for_partition_key_fn is not None:
        raise InvariantViolation("static_partitioned_config takes one function that gives tags, not two.")
    definition = StaticPartitionsDefinition(partition_keys)
    return partitioned_config(definition, tags_for_partition_key_fn or tags_for_partition_fn)


def dynamic_partitioned_config(
    partition_fn: Callable[[datetime | None], Sequence[str]],
    tags_for_partition_fn: TagsOfKey | None = None,
    tags_for_partition_key_fn: TagsOfKey | None = None,
) -> Callable[[ConfigOfKey], PartitionedConfig]:
    """Make a partitioned config over computed keys of a function that is given a key."""
    if tags_for_partition_fn is not None and tags_for_partition_key_fn is not None:
        raise InvariantViolation("dynamic_partitioned_config takes one function that gives tags, not two.")
    definition = DynamicPartitionsDefinition(partition_fn)
    return partitioned_config(definition, tags_for_partition_key_fn or tags_for_partition_fn)


def hourly_partitioned_config(
    start_date: datetime | str,
    minute_offset: int = 0,
    timezone: str | None = None,
    fmt: str | None = None,
    end_offset: int = 0,
    tags_for_partition_fn: OfWindow | None = None,
    exclusions: Sequence[str | datetime] | None = None,
) -> Callable[[OfWindow], PartitionedConfig]:
    """Make a partitioned config over hours of a function that is given the window's start and end."""
    definition = HourlyPartitionsDefinition(
        start_date, None, minute_offset, timezone, fmt, end_offset, exclusions=exclusions
    )
    return _over(definition, tags_for_partition_fn)


def daily_partitioned_config(
    start_date: datetime | str,
    minute_offset: int = 0,
    hour_offset: int = 0,
    timezone: str | None = None,
    fmt: str | None = None,
    end_offset: int = 0,
    tags_for_partition_fn: OfWindow | None = None,
    exclusions: Sequence[str | datetime] | None = None,
) -> Callable[[OfWindow], PartitionedConfig]:
    """Make a partitioned config over days of a function that is given the window's start and end."""
    definition = DailyPartitionsDefinition(
        start_date, None, minute_offset, hour_offset, timezone, fmt, end_offset, exclusions=exclusions
    )
    return _over(definition, tags_for_partition_fn)


def weekly_partitioned_config(
    start_date: datetime | str,
    minute_offset: int = 0,
    hour_offset: int = 0,
    day_offset: int = 0,
    timezone: str | None = None,
    fmt: str | None = None,
    end_offset: int = 0,
    tags_for_partition_fn: OfWindow | None = None,
    exclusions: Sequence[str | datetime] | None = None,
) -> Callable[[OfWindow], PartitionedConfig]:
    """Make a partitioned config over weeks of a function that is given the window's start and end."""
    definition = WeeklyPartitionsDefinition(
        start_date, None, minute_offset, hour_offset, day_offset, timezone, fmt, end_offset, exclusions=exclusions
    )
    return _over(definition, tags_for_partition_fn)


def monthly_partitioned_config(
    start_date: datetime | str,
    minute_offset: int = 0,
    hour_offset: int = 0,
    day_offset: int = 1,
    timezone: str | None = None,
    fmt: str | None = None,
    end_offset: int = 0,
    tags_for_partition_fn: OfWindow | None = None,
    exclusions: Sequence[str | datetime] | None = None,
) -> Callable[[OfWindow], PartitionedConfig]:
    """Make a partitioned config over months of a function that is given the window's start and end."""
    definition = MonthlyPartitionsDefinition(
        start_date, None, minute_offset, hour_offset, day_offset, timezone, fmt, end_offset, exclusions=exclusions
    )
    return _over(definition, tags_for_partition_fn)


def _over(definition: TimeWindowPartitionsDefinition, tags: OfWindow | None) -> Callable[[OfWindow], PartitionedConfig]:
    def decorate(function: OfWindow) -> PartitionedConfig:
        return PartitionedConfig(
            definition,
            decorated_fn=function,
            run_config_for_partition_key_fn=lambda key: function(*definition.time_window_for_partition_key(key)),
            tags_for_partition_key_fn=lambda key: (
                tags(*definition.time_window_for_partition_key(key)) if tags is not None else {}
            ),
        )

    return decorate
