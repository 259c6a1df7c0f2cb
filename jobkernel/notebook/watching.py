"""What a sensor of a cell watches: an asset, runs, files, or whatever its body looks at."""

from __future__ import annotations

import argparse
import functools
from collections.abc import Callable, Mapping
from typing import Any

from jobkernel.api.asset_sensors import watch_asset
from jobkernel.api.automation_parts import Parameters
from jobkernel.api.status_sensors import watch_runs
from jobkernel.model.automation import AutomationKind, RunRequest
from jobkernel.model.keys import AssetKey
from jobkernel.model.runs import RunStatus
from jobkernel.notebook.file_sensors import FileNews

Capture = Callable[[dict[Any, Any]], Callable[..., Any]]


def watching_fields(
    given: argparse.Namespace, fields: Mapping[str, Any], look_again: Callable[[str], None]
) -> dict[str, Any]:
    """Return the fields of the sensor that these options make, around its body's capture."""
    capture: Capture | None = fields.get("capture")
    resources = tuple(fields.get("resource_arguments", ()))
    if given.files:
        again = functools.partial(look_again, given.name)
        pattern = given.files
        return {
            "files": pattern,
            "capture": lambda memo: FileNews(pattern, again, capture(memo) if capture is not None else None),
        }
    if given.asset:
        key = AssetKey.from_user_string(given.asset)
        parameters = Parameters(("context", "event"), resources)

        def of_asset(memo: dict[Any, Any]) -> Callable[..., Any]:
            body = capture(memo) if capture is not None else _one_run
            return _alone(watch_asset(given.name, key, body, parameters))

        return {"kind": AutomationKind.ASSET_SENSOR, "monitored_assets": (key.text,), "capture": of_asset}
    status = "FAILURE" if given.on_failure else given.on_status
    if status and capture is not None:
        of_body, parameters = capture, Parameters(("context",), resources)
        jobs = tuple(given.monitor or ())

        def of_runs(memo: dict[Any, Any]) -> Callable[..., Any]:
            body = of_body(memo)
            return _alone(watch_runs(given.name, RunStatus(status), _seeing_failures(body), parameters, jobs))

        return {
            "kind": AutomationKind.RUN_STATUS_SENSOR,
            "monitored_status": status,
            "monitored_jobs": jobs,
            "capture": of_runs,
        }
    return {}


def _one_run(_context: Any = None, **_given: Any) -> RunRequest:
    return RunRequest()


def _seeing_failures(body: Callable[..., Any]) -> Callable[..., Any]:
    """Return a body that is given the context of a failure where the run failed."""

    def look(context: Any, **more: Any) -> Any:
        failed = context.dagster_run.status is RunStatus.FAILURE
        return body(context.for_run_failure() if failed else context, **more)

    return look


def _alone(watch: Callable[..., Any]) -> Callable[..., Any]:
    """Return what is called with the context alone: what watches opens resources by itself."""

    def look(context: Any, **_resources: Any) -> Any:
        return watch(context)

    return look
