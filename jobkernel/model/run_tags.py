"""The names of the tags by which Dagster says things of a run: the one home of each. Rules give them their meaning."""

from __future__ import annotations

from typing import Final

PRIORITY_TAG: Final = "dagster/priority"
PARTITION_TAG: Final = "dagster/partition"
PARTITION_SET_TAG: Final = "dagster/partition_set"
PARENT_TAG: Final = "dagster/parent_run_id"
ROOT_TAG: Final = "dagster/root_run_id"
RESUME_TAG: Final = "dagster/is_resume_retry"
MAX_RETRIES_TAG: Final = "dagster/max_retries"
STRATEGY_TAG: Final = "dagster/retry_strategy"
ON_STEP_FAILURE_TAG: Final = "dagster/retry_on_asset_or_op_failure"
WILL_RETRY_TAG: Final = "dagster/will_retry"
RETRY_RUN_TAG: Final = "dagster/auto_retry_run_id"
DID_RETRY_TAG: Final = "dagster/did_retry"
RETRY_NUMBER_TAG: Final = "dagster/retry_number"
REASON_TAG: Final = "dagster/failure_reason"
MAX_RUNTIME_TAGS: Final = ("dagster/max_runtime", "dagster/max_runtime_seconds")
SCHEDULE_NAME_TAG: Final = "dagster/schedule_name"
SENSOR_NAME_TAG: Final = "dagster/sensor_name"
TICK_TAG: Final = "dagster/tick"
RUN_KEY_TAG: Final = "dagster/run_key"
ONE_AT_A_TIME_TAG: Final = "jobkernel/one_at_a_time"
"""Ours: of the runs with one value of it, one is active at a time."""
SCHEDULED_TIME_TAG: Final = ".dagster/scheduled_execution_time"
RANGE_START_TAG: Final = "dagster/asset_partition_range_start"
RANGE_END_TAG: Final = "dagster/asset_partition_range_end"
BACKFILL_TAG: Final = "dagster/backfill"
BACKFILL_RUN_TAG: Final = ".jobkernel/backfill_run"
"""Ours: which of its backfill's runs a run is; one that runs again what another ran has the same number."""
