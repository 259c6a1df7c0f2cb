"""IO managers and input managers as functions: ``@io_manager``, ``@input_manager`` and what they make.

Knows no runs; what the managers are told is in :mod:`jobkernel.values.contexts`. Source: Dagster's names.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Self

from jobkernel.api.resources import ResourceDefinition
from jobkernel.errors import InvalidDefinition
from jobkernel.executors.resources import takes_context
from jobkernel.model.config_schema import field_of
from jobkernel.values.io import IOManager


class IOManagerDefinition(ResourceDefinition):
    """An IO manager made by a function of its context. Source: Dagster's ``IOManagerDefinition``.

    ``input_config_schema`` and ``output_config_schema`` say what run config may hold under ``ops.NAME.inputs`` and
    ``ops.NAME.outputs`` for what the manager loads and stores.

    Raises:
        InvalidDefinition: a schema is none.
    """

    __slots__ = ()

    def __init__(
        self,
        resource_fn: Callable[..., Any],
        config_schema: Any = None,
        description: str | None = None,
        required_resource_keys: Iterable[str] | None = None,
        version: str | None = None,
        input_config_schema: Any = None,
        output_config_schema: Any = None,
        *,
        config: Any = None,
        name: str | None = None,
    ) -> None:
        super().__init__(
            resource_fn,
            config_schema,
            description,
            required_resource_keys,
            version,
            config=config,
            name=name,
            input_schema=_field(input_config_schema),
            output_schema=_field(output_config_schema),
        )

    @property
    def input_config_schema(self) -> Any:
        """What run config may say of an input that this manager loads; None for anything."""
        return self.input_schema

    @property
    def output_config_schema(self) -> Any:
        """What run config may say of an output that this manager stores; None for nothing."""
        return self.output_schema

    @classmethod
    def hardcoded_io_manager(cls, value: Any, description: str | None = None) -> Self:
        """Return the IO manager that is given.

        Raises:
            InvalidDefinition: it is none.
        """
        if not isinstance(value, IOManager):
            raise InvalidDefinition(f"hardcoded_io_manager takes an IOManager, not {value!r}.")
        return cls(lambda _context: value, description=description)


class InputManagerDefinition(ResourceDefinition):
    """A manager that loads inputs and stores nothing. Source: Dagster's ``InputManagerDefinition``."""

    __slots__ = ()

    def __init__(
        self,
        resource_fn: Callable[..., Any],
        config_schema: Any = None,
        description: str | None = None,
        input_config_schema: Any = None,
        required_resource_keys: Iterable[str] | None = None,
        version: str | None = None,
        *,
        config: Any = None,
        name: str | None = None,
    ) -> None:
        super().__init__(
            resource_fn,
            config_schema,
            description,
            required_resource_keys,
            version,
            config=config,
            name=name,
            input_schema=_field(input_config_schema),
        )

    @property
    def input_config_schema(self) -> Any:
        """What run config may say of an input that this manager loads; None for anything."""
        return self.input_schema


class _Loading:
    """What a step gets for an input manager: its function, asked for each input."""

    def __init__(self, load: Callable[..., Any]) -> None:
        self._load = load

    def load_input(self, context: Any) -> Any:
        """Return what the function gives; where that is a manager itself, what it loads."""
        value = self._load(context) if takes_context(self._load) else self._load()
        return value.load_input(context) if isinstance(value, IOManager | _Loading) else value


def io_manager(
    config_schema: Any = None,
    description: str | None = None,
    output_config_schema: Any = None,
    input_config_schema: Any = None,
    required_resource_keys: Iterable[str] | None = None,
    version: str | None = None,
) -> Any:
    """Make an IO manager of the decorated function, which returns an object with handle_output and load_input.

    Raises:
        InvalidDefinition: a schema is none, or the function asks for more than its context.
    """
    if _is_function(config_schema):
        return IOManagerDefinition(config_schema)
    return lambda function: IOManagerDefinition(
        function,
        config_schema,
        description,
        required_resource_keys,
        version,
        input_config_schema=input_config_schema,
        output_config_schema=output_config_schema,
    )


def input_manager(
    config_schema: Any = None,
    description: str | None = None,
    input_config_schema: Any = None,
    required_resource_keys: Iterable[str] | None = None,
    version: str | None = None,
) -> Any:
    """Make an input manager of the decorated function of an input's context, which returns the input's value.

    Raises:
        InvalidDefinition: a schema is none, or the function asks for more than its context.
    """

    def made(function: Callable[..., Any], schema: Any) -> InputManagerDefinition:
        if not callable(function):
            raise InvalidDefinition(f"input_manager takes a function of an input's context, not {function!r}.")
        takes_context(function)
        return InputManagerDefinition(
            lambda _context: _Loading(function),
            schema,
            description or getattr(function, "__doc__", None),
            input_config_schema,
            required_resource_keys,
            version,
            name=str(getattr(function, "__name__", "input_manager")),
        )

    return made(config_schema, None) if _is_function(config_schema) else lambda function: made(function, config_schema)


def _is_function(given: Any) -> bool:
    """Whether what stands in the place of a schema is the decorated function."""
    return callable(given) and not isinstance(given, type) and not hasattr(given, "config_type")


def _field(schema: Any) -> Any:
    return None if schema is None else field_of(schema)


__all__ = ["IOManagerDefinition", "InputManagerDefinition", "input_manager", "io_manager"]
