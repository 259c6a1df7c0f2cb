"""Partitions under Dagster's names: definitions, keys, ranges, mappings and policies. Made on the floors below.

Importing this says who tells the time where a question about partitions does not: the system's clock.
"""

from __future__ import annotations

from jobkernel.clock import SystemClock
from jobkernel.model.backfill_policy import BackfillPolicy
from jobkernel.model.partition_keys import MultiPartitionKey
from jobkernel.model.partition_loading import partition_loading_context, tell_time_by
from jobkernel.model.partition_range import PartitionKeyRange, TimeWindow
from jobkernel.model.partition_requests import AddDynamicPartitionsRequest, DeleteDynamicPartitionsRequest
from jobkernel.model.partitions import (
    DynamicPartitionsDefinition,
    Partition,
    PartitionsDefinition,
    StaticPartitionsDefinition,
)
from jobkernel.rules.partition_calendar import (
    DailyPartitionsDefinition,
    HourlyPartitionsDefinition,
    MonthlyPartitionsDefinition,
    WeeklyPartitionsDefinition,
)
from jobkernel.rules.partition_mapping import (
    AllPartitionMapping,
    IdentityPartitionMapping,
    LastPartitionMapping,
    PartitionMapping,
    SpecificPartitionsPartitionMapping,
    StaticPartitionMapping,
)
from jobkernel.rules.partition_multi import MultiPartitionsDefinition
from jobkernel.rules.partition_multi_mapping import (
    DimensionPartitionMapping,
    MultiPartitionMapping,
    MultiToSingleDimensionPartitionMapping,
)
from jobkernel.rules.partition_window_mapping import TimeWindowPartitionMapping
from jobkernel.rules.partition_windows import TimeWindowPartitionsDefinition
from jobkernel.rules.partitioned_config import (
    PartitionedConfig,
    daily_partitioned_config,
    dynamic_partitioned_config,
    hourly_partitioned_config,
    monthly_partitioned_config,
    partitioned_config,
    static_partitioned_config,
    weekly_partitioned_config,
)

tell_time_by(SystemClock().now)

__all__ = [
    "AddDynamicPartitionsRequest",
    "AllPartitionMapping",
    "BackfillPolicy",
    "DailyPartitionsDefinition",
    "DeleteDynamicPartitionsRequest",
    "DimensionPartitionMapping",
    "DynamicPartitionsDefinition",
    "HourlyPartitionsDefinition",
    "IdentityPartitionMapping",
    "LastPartitionMapping",
    "MonthlyPartitionsDefinition",
    "MultiPartitionKey",
    "MultiPartitionMapping",
    "MultiPartitionsDefinition",
    "MultiToSingleDimensionPartitionMapping",
    "Partition",
    "PartitionKeyRange",
    "PartitionMapping",
    "PartitionedConfig",
    "PartitionsDefinition",
    "SpecificPartitionsPartitionMapping",
    "StaticPartitionMapping",
    "StaticPartitionsDefinition",
    "TimeWindow",
    "TimeWindowPartitionMapping",
    "TimeWindowPartitionsDefinition",
    "WeeklyPartitionsDefinition",
    "daily_partitioned_config",
    "dynamic_partitioned_config",
    "hourly_partitioned_config",
    "monthly_partitioned_config",
    "partition_loading_context",
    "partitioned_config",
    "static_partitioned_config",
    "weekly_partitioned_config",
]
