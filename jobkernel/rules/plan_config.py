"""The config of a whole plan, or of one op called outside of one. Cheap where nothing is configured. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

from jobkernel.model.config_schema import Field
from jobkernel.model.definitions import EMPTY
from jobkernel.rules.config_schemas import ConfigSchemas, IOSchemas, NodeSchema, schemas_of_plan
from jobkernel.rules.plan import FromConfig, FromValue, Plan, PlannedStep
from jobkernel.rules.run_config import NO_CONFIG, ResolvedConfig, resolve_run_config


def run_config_of_plan(
    plan: Plan,
    config: Any,
    defaults: Any = None,
    *,
    resources: Callable[[], Mapping[str, Field | None]] = dict,
    needed: Callable[[], Iterable[str]] = tuple,
    managers: Mapping[str, IOSchemas] = EMPTY,
    environment: Mapping[str, str] = EMPTY,
    executor: Any = None,
) -> ResolvedConfig:
    """Return the config of a run of a plan (see :func:`resolve_run_config`); cheap where nothing is configured.

    ``resources`` gives the fields of the resources by key, ``needed`` the keys of those that the plan uses; they are
    asked only where there is something to check; ``managers`` are those IO managers that say what they take of it.
    ``executor`` is the one whose options ``execution`` may hold; without
    one, those of any.
    """
    fields = resources()
    if not config and not defaults and not managers and not _can_be_configured(plan, fields):
        return NO_CONFIG
    schemas = replace(schemas_of_plan(plan, fields, needed(), managers), executor=executor)
    return resolve_run_config(schemas, config, defaults, environment=environment)


def _can_be_configured(plan: Plan, resources: Mapping[str, Field | None]) -> bool:
    if any(field is not None for field in resources.values()):
        return True
    for step in plan.steps.values():
        if step.op.config_schema is not None:
            return True
        for planned in step.inputs:
            if isinstance(planned.feeds[0] if planned.feeds else None, FromConfig):
                return True
    return False


def config_of_op(
    node: NodeSchema, given: Any, name: str, environment: Mapping[str, str] | None = None
) -> tuple[Any, Any]:
    """Return the config of one op called outside of a run: what its argument gets, and the same as plain values.

    Raises:
        InvalidConfig: it is missing or does not fit.
    """
    entries = {} if given is None else {name: {"config": given}}
    schemas = ConfigSchemas(nodes={name: node})
    config = resolve_run_config(schemas, {"ops": entries}, environment=environment if environment is not None else {})
    return config.for_op((name,)), config.op_config((name,))


def fed_from_config(plan: Plan, config: ResolvedConfig) -> Plan:
    """Return the plan in which the inputs that run config gives are fed with their values."""
    if not config.inputs:
        return plan
    return replace(plan, steps={key: _fed_step(step, config) for key, step in plan.steps.items()})


def _fed_step(step: PlannedStep, config: ResolvedConfig) -> PlannedStep:
    inputs = tuple(
        replace(planned, feeds=(FromValue(config.inputs[step.path, planned.input.name]),))
        if (step.path, planned.input.name) in config.inputs
        and all(isinstance(feed, FromConfig | FromValue) for feed in planned.feeds)
        else planned
        for planned in step.inputs
    )
    return replace(step, inputs=inputs)
