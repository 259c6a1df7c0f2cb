"""jobkernel: orchestration that lives inside the notebook.

Public names load on first use from the module that the table gives, so that importing this stays a matter of
milliseconds. Dagster's words mean what they mean there; names of Dagster that are in no table refuse to be used.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from jobkernel.version import __version__

_MODULES: dict[str, tuple[str, ...]] = {
    "api.ops": ("OpDefinition", "op"),
    "api.declarations": ("DynamicOut", "GraphIn", "GraphOut", "In", "Nothing", "Out"),
    "api.composition": ("PendingNodeInvocation",),
    "api.graphs": ("GraphDefinition", "graph"),
    "api.dependencies": (
        "DependencyDefinition", "InputMapping", "MultiDependencyDefinition", "NodeInvocation",
        "OutputMapping",
    ),
    "api.jobs": ("JobDefinition", "UnresolvedAssetJobDefinition", "define_asset_job", "job"),
    "api.assets": ("asset",),
    "api.multi_assets": ("multi_asset",),
    "api.assets_from_nodes": ("graph_asset", "graph_multi_asset"),
    "api.assets_definition": ("AssetsDefinition", "SourceAsset"),
    "api.specs": ("AssetDep", "AssetIn", "AssetSpec"),
    "api.declared_outputs": ("AssetCheckSpec", "AssetOut"),
    "api.checks": ("AssetChecksDefinition", "asset_check", "multi_asset_check"),
    "api.hooks": ("HookDefinition", "failure_hook", "success_hook"),
    "api.definitions": ("Definitions",),
    "api.types": ("Any", "Bool", "Dict", "Float", "Int", "List", "Optional", "Set", "String", "Tuple"),
    "api.loading": (
        "load_asset_checks_from_current_module", "load_asset_checks_from_modules",
        "load_asset_checks_from_package_module", "load_assets_from_current_module",
        "load_assets_from_modules", "load_assets_from_package_module", "load_assets_from_package_name",
        "map_asset_specs",
    ),
    "model.keys": ("AssetCheckKey", "AssetKey"),
    "model.policies": ("Backoff", "Jitter", "RetryPolicy"),
    "model.results": (
        "AssetCheckEvaluation", "AssetCheckResult", "AssetCheckSeverity", "AssetMaterialization", "AssetObservation",
        "DataVersion", "DynamicOutput", "ExpectationResult", "Failure", "MaterializeResult", "ObserveResult", "Output",
        "RetryRequested",
    ),
    "model.metadata": (
        "BoolMetadataValue", "CodeReferencesMetadataValue", "DagsterAssetMetadataValue",
        "DagsterJobMetadataValue", "DagsterRunMetadataValue", "FloatMetadataValue", "IntMetadataValue",
        "JsonMetadataValue", "LocalFileCodeReference", "MarkdownMetadataValue", "MetadataValue",
        "NotebookMetadataValue", "NullMetadataValue", "PathMetadataValue", "PoolMetadataValue",
        "PythonArtifactMetadataValue", "TableColumn", "TableColumnConstraints", "TableColumnDep",
        "TableColumnLineage", "TableColumnLineageMetadataValue", "TableConstraints", "TableMetadataValue",
        "TableRecord", "TableSchema", "TableSchemaMetadataValue", "TextMetadataValue",
        "TimestampMetadataValue", "UrlCodeReference", "UrlMetadataValue",
    ),
    "model.config": ("Config", "PermissiveConfig", "RunConfig"),
    "model.config_basics": ("Enum", "EnumValue"),
    "model.config_schema": (
        "Array", "BoolSource", "Field", "IntSource", "Map", "Noneable", "Permissive", "ScalarUnion",
        "Selector", "Shape", "StringSource",
    ),
    "model.config_mapping": ("ConfigMapping", "config_mapping"),
    "model.environment": ("EnvVar",),
    "model.dagster_run": ("DagsterRun",),
    "model.runs": ("DagsterRunStatus",),
    "api.partitions": (
        "AddDynamicPartitionsRequest", "BackfillPolicy", "DailyPartitionsDefinition",
        "DeleteDynamicPartitionsRequest", "DynamicPartitionsDefinition", "HourlyPartitionsDefinition",
        "MonthlyPartitionsDefinition", "MultiPartitionKey", "MultiPartitionsDefinition", "Partition",
        "PartitionKeyRange", "PartitionsDefinition", "StaticPartitionsDefinition", "TimeWindow",
        "TimeWindowPartitionsDefinition", "WeeklyPartitionsDefinition", "partition_loading_context",
        "AllPartitionMapping", "DimensionPartitionMapping", "IdentityPartitionMapping", "LastPartitionMapping",
        "MultiPartitionMapping", "MultiToSingleDimensionPartitionMapping", "PartitionMapping",
        "SpecificPartitionsPartitionMapping", "StaticPartitionMapping", "TimeWindowPartitionMapping",
        "PartitionedConfig", "daily_partitioned_config", "dynamic_partitioned_config", "hourly_partitioned_config",
        "monthly_partitioned_config", "partitioned_config", "static_partitioned_config",
        "weekly_partitioned_config",
    ),
    "rules.selection": ("AssetSelection",),
    "values.contexts": ("InputContext", "OutputContext", "build_input_context", "build_output_context"),
    "values.io": (
        "FilesystemIOManager", "IOManager", "InMemoryIOManager", "UPathIOManager", "fs_io_manager", "mem_io_manager",
    ),
    "executors.context": ("AssetCheckExecutionContext", "AssetExecutionContext", "OpExecutionContext"),
    "executors.resources": ("InitResourceContext",),
    "executors.hooks": ("HookContext",),
    "rules.type_check": (
        "DagsterType", "PythonObjectDagsterType", "TypeCheck", "check_dagster_type",
        "make_python_type_usable_as_dagster_type", "usable_as_dagster_type",
    ),
    "api.resources": (
        "ResourceDefinition", "ResourceParam", "build_init_resource_context", "build_resources", "resource",
        "with_resources",
    ),
    "api.io_managers": ("IOManagerDefinition", "InputManagerDefinition", "input_manager", "io_manager"),
    "api.configurable": (
        "ConfigurableIOManager", "ConfigurableIOManagerFactory", "ConfigurableResource",
        "ConfigurableResourceFactory", "PartialResource", "ResourceDependency",
    ),
    "api.materializing": ("materialize", "materialize_to_memory"),
    "api.validating": ("validate_run_config",),
    "api.result": ("ExecuteInProcessResult",),
    "api.instance": ("DagsterInstance",),
    "api.run_records": (
        "EventLogEntry", "EventLogRecord", "EventRecordsFilter", "EventRecordsResult", "RunRecord", "RunsFilter",
    ),
    "api.execute_job": (
        "JobExecutionResult", "ReconstructableJob", "ReexecutionOptions", "execute_job", "reconstructable",
    ),
    "api.events": ("DagsterEvent", "DagsterEventType"),
    "api.executor_names": (
        "ExecutorDefinition", "dask_executor", "in_process_executor", "multi_or_in_process_executor",
        "multiprocess_executor",
    ),
    "engine.opening": ("test_session",),
    "notebook.doors": ("load", "session", "sql", "why"),
    "notebook.extension": ("load_ipython_extension", "unload_ipython_extension"),
    "api.schedules": ("ScheduleDefinition", "build_schedule_context", "schedule"),
    "api.partitioned_schedules": ("build_schedule_from_partitioned_job",),
    "api.sensors": ("SensorDefinition", "build_sensor_context", "sensor"),
    "api.asset_sensors": ("AssetSensorDefinition", "asset_sensor"),
    "api.automation_conditions": (
        "AutomationConditionSensorDefinition", "EvaluateAutomationConditionsResult", "evaluate_automation_conditions",
    ),
    "rules.conditions_words": ("AutomationCondition",),
    "api.multi_asset_sensors": ("MultiAssetSensorDefinition", "multi_asset_sensor"),
    "api.multi_asset_context": ("MultiAssetSensorEvaluationContext", "build_multi_asset_sensor_context"),
    "api.status_sensors": ("RunStatusSensorDefinition", "run_failure_sensor", "run_status_sensor"),
    "api.run_status_context": (
        "RunFailureSensorContext", "RunStatusSensorContext", "build_run_status_sensor_context",
    ),
    "executors.automation_context": ("ScheduleEvaluationContext", "SensorEvaluationContext"),
    "model.automation": ("DefaultScheduleStatus", "DefaultSensorStatus"),
    "model.run_requests": ("RunRequest", "SensorResult", "SkipReason"),
    "api.context_builders": (
        "build_asset_check_context", "build_asset_context", "build_hook_context", "build_op_context",
    ),
}  # fmt: skip
"""Module → the public names it holds. A name is added here when what it names exists."""

_HOMES: dict[str, str] = {name: module for module, names in _MODULES.items() for name in names}

__all__ = ["__version__", *_HOMES]


def __getattr__(name: str) -> Any:
    module = _HOMES.get(name)
    if module is not None:
        value = getattr(import_module(f"{__name__}.{module}"), name)
    elif name.startswith("Dagster"):
        value = _error_named(name)
    else:
        value = _refused(name)
    globals()[name] = value
    return value


def _error_named(name: str) -> Any:
    from jobkernel.errors import DAGSTER_NAMES

    return DAGSTER_NAMES[name] if name in DAGSTER_NAMES else _refused(name)


def _refused(name: str) -> Any:
    from jobkernel.api.unsupported import placeholder

    return placeholder(name)


def _jupyter_labextension_paths() -> list[dict[str, str]]:
    """Tell JupyterLab where the built extension is."""
    return [{"src": "labextension", "dest": "jobkernel"}]


def __dir__() -> list[str]:
    from jobkernel.errors import DAGSTER_NAMES

    return sorted({*__all__, *DAGSTER_NAMES})
