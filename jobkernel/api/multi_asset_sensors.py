"""Sensors of several assets: ``@multi_asset_sensor``. Their function asks the context what is new, and marks it.

Source: Dagster's ``MultiAssetSensorDefinition``.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import update_wrapper
from typing import Any

from jobkernel.api.asset_sensors import Watch
from jobkernel.api.automation_parts import Parameters, read_parameters
from jobkernel.api.multi_asset_context import MultiAssetSensorEvaluationContext
from jobkernel.api.ops import function_name
from jobkernel.api.sensors import SensorDefinition
from jobkernel.errors import InvalidDefinition, InvariantViolation
from jobkernel.executors.automation_context import SensorEvaluationContext
from jobkernel.model.automation import (
    DEFAULT_TIMEOUT_S,
    AutomationKind,
    DefaultSensorStatus,
    RunRequest,
    SensorResult,
    SkipReason,
)
from jobkernel.model.keys import AssetKey
from jobkernel.rules.selection import AssetSelection


class MultiAssetSensorDefinition(SensorDefinition):
    """Looks whether any of several assets was made. Source: Dagster's ``MultiAssetSensorDefinition``.

    Raises:
        InvalidDefinition: see :class:`SensorDefinition`.
    """

    kind = AutomationKind.MULTI_ASSET_SENSOR
    context_type = MultiAssetSensorEvaluationContext

    def __init__(
        self,
        name: str,
        monitored_assets: Any,
        job_name: str | None,
        asset_materialization_fn: Callable[..., Any],
        minimum_interval_seconds: int | None = None,
        description: str | None = None,
        job: Any = None,
        jobs: Sequence[Any] | None = None,
        default_status: DefaultSensorStatus = DefaultSensorStatus.STOPPED,
        request_assets: Any = None,
        required_resource_keys: set[str] | None = None,
        tags: Mapping[str, str] | None = None,
        metadata: Mapping[str, Any] | None = None,
        timeout_seconds: float = DEFAULT_TIMEOUT_S,
    ) -> None:
        parameters = read_parameters(asset_materialization_fn, f"sensor '{name}'")
        super().__init__(
            name,
            evaluation_fn=watch_assets(name, monitored_assets, asset_materialization_fn, parameters),
            job_name=job_name,
            minimum_interval_seconds=minimum_interval_seconds,
            description=description,
            job=job,
            jobs=jobs,
            default_status=default_status,
            asset_selection=request_assets,
            required_resource_keys={*(required_resource_keys or ()), *parameters.resources},
            tags=tags,
            metadata=metadata,
            timeout_seconds=timeout_seconds,
        )
        self._function, self._parameters = asset_materialization_fn, parameters
        keys = (
            monitored_assets
            if isinstance(monitored_assets, AssetSelection)
            else tuple(k.text for k in monitored_assets)
        )
        self.monitoring(monitored_assets=keys)

    def called(self, function: Callable[..., Any], context: Any, arguments: Mapping[str, Any]) -> Any:
        """Return what a direct call of the function gives; the context's cursor is moved by what was consumed."""
        returned = function(**arguments)
        if isinstance(context, MultiAssetSensorEvaluationContext):
            context.update_cursor_after_evaluation()
        return returned


def multi_asset_sensor(
    monitored_assets: Any,
    *,
    job_name: str | None = None,
    name: str | None = None,
    minimum_interval_seconds: int | None = None,
    description: str | None = None,
    job: Any = None,
    jobs: Sequence[Any] | None = None,
    default_status: DefaultSensorStatus = DefaultSensorStatus.STOPPED,
    request_assets: Any = None,
    required_resource_keys: set[str] | None = None,
    tags: Mapping[str, str] | None = None,
    metadata: Mapping[str, Any] | None = None,
    timeout_seconds: float = DEFAULT_TIMEOUT_S,
) -> Callable[[Callable[..., Any]], MultiAssetSensorDefinition]:
    """Make a sensor of several assets from a function of its context. Source: Dagster's ``@multi_asset_sensor``.

    Raises:
        InvalidDefinition: ``monitored_assets`` is neither a list of AssetKeys nor a selection.
    """
    is_keys = isinstance(monitored_assets, list | tuple) and all(
        isinstance(each, AssetKey) for each in monitored_assets
    )
    if not isinstance(monitored_assets, AssetSelection) and not is_keys:
        raise InvalidDefinition(
            f"monitored_assets is a list of AssetKeys or an AssetSelection, not {monitored_assets!r}."
        )

    def decorate(function: Callable[..., Any]) -> MultiAssetSensorDefinition:
        made = MultiAssetSensorDefinition(
            name=name or function_name(function, "@multi_asset_sensor"),
            monitored_assets=monitored_assets,
            job_name=job_name,
            asset_materialization_fn=function,
            minimum_interval_seconds=minimum_interval_seconds,
            description=description,
            job=job,
            jobs=jobs,
            default_status=default_status,
            request_assets=request_assets,
            required_resource_keys=required_resource_keys,
            tags=tags,
            metadata=metadata,
            timeout_seconds=timeout_seconds,
        )
        update_wrapper(made, function)
        return made

    return decorate


def watch_assets(name: str, monitored: Any, function: Callable[..., Any], parameters: Parameters) -> Watch:
    """Return what calls a function with a context that knows what is new, and then moves the cursor.

    Raises:
        InvalidDefinition: runs were asked for, but nothing was marked as consumed: they would be asked for again.
    """

    def watch(context: SensorEvaluationContext) -> Iterator[Any]:
        inner = context.within(
            MultiAssetSensorEvaluationContext,
            monitored_assets=monitored,
            cursor=context.cursor,
            last_tick_completion_time=context.last_tick_completion_time,
            last_run_key=context.last_run_key,
            last_sensor_start_time=context.last_sensor_start_time,
            repository_name=context.repository_name,
            news=context.news,
        )
        arguments = context.resources_of(parameters.resources, f"Sensor '{name}'")
        own = {parameters.context: inner} if parameters.context else {}
        with inner:
            asks_for_runs = False
            for each in _results(function(**own, **arguments), name):
                asks_for_runs |= isinstance(each, RunRequest) or bool(getattr(each, "run_requests", None))
                yield each
        if asks_for_runs and not inner.cursor_updated:
            raise InvalidDefinition(
                f"Sensor '{name}' asks for runs but marks nothing as consumed, so the next look would ask again; call "
                "context.advance_cursor() or context.advance_all_cursors()."
            )
        inner.update_cursor_after_evaluation()
        context.update_cursor(inner.cursor)

    return watch


def _results(returned: Any, name: str) -> Iterator[Any]:
    if inspect.isgenerator(returned) or isinstance(returned, list):
        for each in returned:
            if isinstance(each, SensorResult):
                raise InvariantViolation(f"Sensor '{name}' may return a SensorResult, but not yield one.")
            yield each
    elif isinstance(returned, SensorResult) and returned.cursor:
        raise InvariantViolation(f"Sensor '{name}' keeps its cursor itself; leave cursor out of its SensorResult.")
    elif isinstance(returned, RunRequest | SkipReason | SensorResult):
        yield returned
