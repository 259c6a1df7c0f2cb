"""Check run config against a job without running it: ``validate_run_config``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jobkernel.api.running import configured_plan, plan_of_job
from jobkernel.model.definitions import DEFAULT_IO
from jobkernel.rules.plan import PlannedStep
from jobkernel.rules.run_config import ResolvedConfig


def validate_run_config(job_def: Any = None, run_config: Any = None) -> dict[str, Any]:
    """Check run config against a job and return it with every default filled in.

    Raises:
        InvalidConfig: listing everything that does not fit.
    """
    plan = plan_of_job(job_def, input_values=job_def.input_values)
    _, config = configured_plan(plan, run_config, job_def.executor)
    return {
        "ops": _tree({step.path: _validated(step, config) for step in plan.steps.values()}),
        "resources": {key: {"config": config.for_resource(key)} for key in sorted({DEFAULT_IO, *plan.resource_defs})},
        "execution": dict(config.execution),
        "loggers": dict(config.loggers),
    }


def _validated(step: PlannedStep, config: ResolvedConfig) -> dict[str, Any]:
    inputs = {name: value for (path, name), value in config.inputs.items() if path == step.path}
    return {"config": config.op_config(step.path), "inputs": inputs, "outputs": None}


def _tree(by_path: Mapping[tuple[str, ...], Any]) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for path, value in by_path.items():
        below = tree
        for name in path[:-1]:
            below = below.setdefault(name, {}).setdefault("ops", {})
        below[path[-1]] = value
    return tree
