"""Which public names are promised, by tier, and which tests show what of them.

A test says what it shows by ``@covers("asset", "op")`` (the happy path), or with ``aspect=REFUSALS`` or ``ORDER``.
The table in docs/compat.md is made from this by ``python -m tests.compat.report``.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from typing import TypeVar

HAPPY = "happy path"
REFUSALS = "refusals"
ORDER = "order"
ASPECTS = (HAPPY, REFUSALS, ORDER)

TIER_1: dict[str, str] = {
    "definitions": "asset multi_asset graph_asset AssetSpec AssetIn AssetOut AssetDep AssetKey op In Out GraphOut "
    "Nothing DynamicOut DynamicOutput graph job define_asset_job AssetSelection Definitions Config "
    "RunConfig ConfigurableResource EnvVar resource IOManager ConfigurableIOManager "
    "FilesystemIOManager io_manager",
    "results": "Output MaterializeResult MetadataValue AssetMaterialization AssetObservation DataVersion "
    "Failure RetryRequested RetryPolicy Backoff Jitter",
    "contexts": "AssetExecutionContext OpExecutionContext",
    "checks": "asset_check AssetCheckResult AssetCheckSpec AssetCheckSeverity",
    "running": "materialize materialize_to_memory execute_in_process execute_job ReexecutionOptions "
    "in_process_executor multiprocess_executor success_hook failure_hook HookContext DagsterInstance "
    "build_op_context build_asset_context errors",
    "partitions": "StaticPartitionsDefinition DailyPartitionsDefinition HourlyPartitionsDefinition "
    "WeeklyPartitionsDefinition MonthlyPartitionsDefinition TimeWindowPartitionsDefinition "
    "MultiPartitionsDefinition DynamicPartitionsDefinition MultiPartitionKey PartitionKeyRange TimeWindow "
    "BackfillPolicy IdentityPartitionMapping AllPartitionMapping LastPartitionMapping StaticPartitionMapping "
    "SpecificPartitionsPartitionMapping TimeWindowPartitionMapping MultiToSingleDimensionPartitionMapping "
    "MultiPartitionMapping DimensionPartitionMapping daily_partitioned_config hourly_partitioned_config "
    "weekly_partitioned_config monthly_partitioned_config PartitionedConfig partitioned_config "
    "static_partitioned_config dynamic_partitioned_config",
    "schedules": "schedule ScheduleDefinition DefaultScheduleStatus RunRequest SkipReason build_schedule_context "
    "ScheduleEvaluationContext build_schedule_from_partitioned_job",
    "sensors": "sensor SensorDefinition SensorResult DefaultSensorStatus build_sensor_context "
    "SensorEvaluationContext asset_sensor AssetSensorDefinition multi_asset_sensor run_status_sensor "
    "run_failure_sensor RunStatusSensorDefinition RunStatusSensorContext RunFailureSensorContext "
    "build_run_status_sensor_context AddDynamicPartitionsRequest DeleteDynamicPartitionsRequest",
    "conditions": "AutomationCondition AutomationConditionSensorDefinition evaluate_automation_conditions "
    "EvaluateAutomationConditionsResult",
}
"""Tier 1 by area; the areas of later releases are added with them."""

TIER_2 = (
    "graph_multi_asset multi_asset_check AssetsDefinition AssetChecksDefinition AssetCheckKey "
    "GraphDefinition OpDefinition JobDefinition GraphIn HookDefinition DependencyDefinition "
    "MultiDependencyDefinition NodeInvocation InputMapping OutputMapping SourceAsset ObserveResult "
    "ExpectationResult map_asset_specs load_assets_from_modules load_assets_from_current_module "
    "load_assets_from_package_module load_asset_checks_from_modules ConfigMapping PermissiveConfig Field "
    "Shape Permissive Selector Noneable Array Map Enum ScalarUnion config_mapping ResourceDefinition "
    "ResourceParam ResourceDependency build_resources build_init_resource_context build_input_context "
    "build_output_context InitResourceContext InMemoryIOManager mem_io_manager fs_io_manager configured "
    "with_resources AssetCheckExecutionContext build_asset_check_context build_hook_context "
    "validate_run_config input_manager unsupported reconstructable multi_or_in_process_executor "
    "EventRecordsFilter RunsFilter RunRecord ExecutorDefinition test_session dask_executor DagsterRunStatus "
    "Partition PartitionsDefinition PartitionMapping partition_loading_context "
    "MultiAssetSensorDefinition MultiAssetSensorEvaluationContext build_multi_asset_sensor_context"
)

COVERED: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
"""Symbol → aspect → the tests that show it."""

Test = TypeVar("Test", bound=Callable[..., None])


def covers(*symbols: str, aspect: str = HAPPY) -> Callable[[Test], Test]:
    """Say which public names a test shows, and what of them."""
    assert aspect in ASPECTS, aspect
    known = {name for names in (*TIER_1.values(), TIER_2) for name in names.split()}
    assert not set(symbols) - known, f"no such public name: {set(symbols) - known}"

    def note(test: Test) -> Test:
        for symbol in symbols:
            COVERED[symbol][aspect].append(test.__name__)
        return test

    return note
