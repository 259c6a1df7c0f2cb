"""Which parameters a launch gave other values than their defaults, as text: a part of what a value was made by. Pure.

What a job's own config says counts as the job's normal; only what was given at the launch is told.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from jobkernel.errors import InvalidConfig
from jobkernel.model.config_basics import storable
from jobkernel.model.config_schema import Field, Shape
from jobkernel.model.definitions import Op
from jobkernel.rules.config_schemas import NodeSchema
from jobkernel.rules.plan import Plan
from jobkernel.rules.run_config import plain_run_config


def chosen_parameters(plan: Plan, config: Any) -> dict[str, str]:
    """Return for each step that config given at a launch changes what it changes: ``limit=5 (default 10)``, in lines.

    Environment variables are named and not read; what is marked as secret is not shown.
    """
    try:
        given = plain_run_config(config)
    except InvalidConfig:  # the launch itself says what is wrong with it
        return {}
    found = {key: _lines(step.op, _config_at(given, step.path)) for key, step in plan.steps.items()} if given else {}
    return {key: "\n".join(lines) for key, lines in found.items() if lines}


def _config_at(config: Mapping[str, Any], path: tuple[str, ...]) -> Any:
    inner: Any = config
    for name in path:
        for word in ("ops", name):
            inner = inner.get(word) if isinstance(inner, Mapping) else None
    return inner.get("config") if isinstance(inner, Mapping) else None


def _lines(op: Op, given: Any) -> list[str]:
    field = NodeSchema(schema=op.config_schema, takes_argument=op.config_argument is not None).config_field
    if field is None or not isinstance(given, Mapping) or not isinstance(field.config_type, Shape):
        return []
    lines = (_line(name, value, field.config_type.fields.get(name)) for name, value in given.items())
    return [line for line in lines if line]


def _line(name: str, value: Any, field: Field | None) -> str | None:
    """Return what is said of one parameter; None of one that has its default, or that has none to differ from."""
    if field is None:
        return f"{name}={_text(value)}"
    if not field.default_provided or storable(value) == storable(field.default_value):
        return None
    if field.is_secret:
        return f"{name} (a secret)"
    return f"{name}={_text(value)} (default {_text(field.default_value)})"


def _text(value: Any) -> str:
    return json.dumps(storable(value), ensure_ascii=False)
