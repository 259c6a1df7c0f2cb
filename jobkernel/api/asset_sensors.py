"""Sensors of one asset: ``@asset_sensor``. Each look takes the newest materialization behind the cursor, if any.

Source: Dagster's ``AssetSensorDefinition``. What is new is asked of the context.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import update_wrapper
from typing import Any

from jobkernel.api.automation_parts import Parameters, read_parameters
from jobkernel.api.automation_runs import record_of
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

Watch = Callable[[SensorEvaluationContext], Iterator[Any]]
"""What a sensor's record calls: asks what is new, then the user's function, and moves the cursor."""


class AssetSensorDefinition(SensorDefinition):
    """Looks whether an asset was made. Source: Dagster's ``AssetSensorDefinition``.

    The function may take the context, the event's ``EventLogEntry``, and resources; several materializations between
    two looks are one call, with the newest.

    Raises:
        InvalidDefinition: ``asset_key`` is no AssetKey; else as :class:`SensorDefinition`.
    """

    kind = AutomationKind.ASSET_SENSOR

    def __init__(
        self,
        name: str,
        asset_key: AssetKey,
        job_name: str | None,
        asset_materialization_fn: Callable[..., Any],
        minimum_interval_seconds: int | None = None,
        description: str | None = None,
        job: Any = None,
        jobs: Sequence[Any] | None = None,
        default_status: DefaultSensorStatus = DefaultSensorStatus.STOPPED,
        required_resource_keys: set[str] | None = None,
        tags: Mapping[str, str] | None = None,
        metadata: Mapping[str, Any] | None = None,
        timeout_seconds: float = DEFAULT_TIMEOUT_S,
    ) -> None:
        what = f"sensor '{name}'"
        if not isinstance(asset_key, AssetKey):
            raise InvalidDefinition(f"asset_key of {what} is an AssetKey, not {asset_key!r}.")
        parameters = read_parameters(asset_materialization_fn, what)
        super().__init__(
            name,
            evaluation_fn=watch_asset(name, asset_key, asset_materialization_fn, parameters),
            job_name=job_name,
            minimum_interval_seconds=minimum_interval_seconds,
            description=description,
            job=job,
            jobs=jobs,
            default_status=default_status,
            required_resource_keys={*(required_resource_keys or ()), *parameters.resources},
            tags=tags,
            metadata=metadata,
            timeout_seconds=timeout_seconds,
        )
        self._asset_key = asset_key
        self.monitoring(monitored_assets=(asset_key.text,))

    @property
    def asset_key(self) -> AssetKey:
        """The asset that it looks at."""
        return self._asset_key


def asset_sensor(
    asset_key: AssetKey,
    *,
    job_name: str | None = None,
    name: str | None = None,
    minimum_interval_seconds: int | None = None,
    description: str | None = None,
    job: Any = None,
    jobs: Sequence[Any] | None = None,
    default_status: DefaultSensorStatus = DefaultSensorStatus.STOPPED,
    required_resource_keys: set[str] | None = None,
    tags: Mapping[str, str] | None = None,
    metadata: Mapping[str, Any] | None = None,
    timeout_seconds: float = DEFAULT_TIMEOUT_S,
) -> Callable[[Callable[..., Any]], AssetSensorDefinition]:
    """Make a sensor of an asset from a function of the context and the event. Source: Dagster's ``@asset_sensor``.

    Raises:
        InvalidDefinition: see :class:`AssetSensorDefinition`.
    """

    def decorate(function: Callable[..., Any]) -> AssetSensorDefinition:
        made = AssetSensorDefinition(
            name=name or function_name(function, "@asset_sensor"),
            asset_key=asset_key,
            job_name=job_name,
            asset_materialization_fn=function,
            minimum_interval_seconds=minimum_interval_seconds,
            description=description,
            job=job,
            jobs=jobs,
            default_status=default_status,
            required_resource_keys=required_resource_keys,
            tags=tags,
            metadata=metadata,
            timeout_seconds=timeout_seconds,
        )
        update_wrapper(made, function)
        return made

    return decorate


def watch_asset(name: str, asset_key: AssetKey, function: Callable[..., Any], parameters: Parameters) -> Watch:
    """Return what asks for an asset's newest materialization and calls a function with it.

    The cursor is the event's place in the history, set when the function has ended.
    """

    def watch(context: SensorEvaluationContext) -> Iterator[Any]:
        after = place_of(context.cursor)
        found = context.news.materializations(asset_key.text, after=after, limit=1, newest_first=True)
        if not found:
            yield SkipReason(f"No new materialization events found for asset key {asset_key}")
            return
        record = record_of(found[0])
        arguments = context.resources_of(parameters.resources, f"Sensor '{name}'")
        arguments.update(zip(parameters.others, (context, record.event_log_entry), strict=False))
        yield from results_of(function(**arguments), name)
        context.update_cursor(str(record.storage_id))

    return watch


def results_of(returned: Any, name: str) -> Iterator[Any]:
    """Go through what the function of an asset sensor returned.

    Raises:
        InvariantViolation: a SensorResult that sets the cursor, which is the sensor's own; or no result at all.
    """
    if inspect.isgenerator(returned) or isinstance(returned, list):
        yield from returned
    elif isinstance(returned, SensorResult) and returned.cursor:
        raise InvariantViolation(f"Sensor '{name}' keeps its cursor itself; leave cursor out of its SensorResult.")
    elif isinstance(returned, RunRequest | SkipReason | SensorResult):
        yield returned
    elif returned is not None:
        raise InvariantViolation(
            f"Sensor '{name}' gave {returned!r} of type {type(returned).__name__}; it may give RunRequests, a "
            "SkipReason, a SensorResult, or nothing."
        )


def place_of(cursor: str | None) -> int | None:
    """Return the place in the history that a cursor names; a cursor that names none is as good as no cursor."""
    try:
        return int(cursor) if cursor else None
    except ValueError:
        return None
