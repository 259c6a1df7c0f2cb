"""A small outer config that a function turns into run config: :class:`ConfigMapping`. Knows schemas only."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from jobkernel.errors import InvalidDefinition
from jobkernel.model.config_schema import Field, field_of


class ConfigMapping:
    """Turns outer config, checked against ``config_schema``, into the config of what lies inside.

    ``config_fn`` gets the outer config (a Config object where its parameter is annotated with a Config class) and
    returns the inner dict or a RunConfig. Source: Dagster's ``ConfigMapping``.
    """

    __slots__ = ("config_class", "config_fn", "config_schema", "receive_processed_config_values")

    def __init__(
        self,
        config_fn: Callable[[Any], Any],
        config_schema: Any = None,
        receive_processed_config_values: bool | None = None,
    ) -> None:
        if not callable(config_fn):
            raise TypeError(f"config_fn of a config mapping must be a function, not {config_fn!r}.")
        self.config_fn = config_fn
        self.receive_processed_config_values = receive_processed_config_values is not False
        self.config_class = _config_class_of(config_fn) if config_schema is None else None
        self.config_schema: Field | None = None
        if self.config_class is not None or config_schema is not None:
            self.config_schema = field_of(self.config_class or config_schema)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the function behind the mapping."""
        return self.config_fn(*args, **kwargs)


def _config_class_of(function: Callable[[Any], Any]) -> Any:
    parameters = list(inspect.signature(function, eval_str=True).parameters.values())
    if not parameters:
        raise InvalidDefinition(f"Config mapping '{function.__name__}' takes the outer config as its parameter.")
    annotation = parameters[0].annotation
    return annotation if getattr(annotation, "__jobkernel_config__", False) else None


def config_mapping(
    config_fn: Callable[[Any], Any] | None = None,
    *,
    config_schema: Any = None,
    receive_processed_config_values: bool | None = None,
) -> Any:
    """Make a :class:`ConfigMapping` of the decorated function."""
    if config_fn is not None:
        return ConfigMapping(config_fn, config_schema, receive_processed_config_values)
    return lambda function: ConfigMapping(function, config_schema, receive_processed_config_values)
