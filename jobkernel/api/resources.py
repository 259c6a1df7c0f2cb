"""Resources as functions and records: ``@resource``, ``ResourceDefinition``, the ``build_…`` helpers.

Knows no runs. The classes that pydantic makes are in :mod:`jobkernel.api.configurable`, IO managers that functions make
in :mod:`jobkernel.api.io_managers`.
"""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Annotated, Any, Self, TypeVar

from jobkernel.api.refusals import refuse
from jobkernel.errors import InvalidConfig, InvalidDefinition, InvalidInvocation
from jobkernel.executors.resource_view import ResourceView
from jobkernel.executors.resources import (
    InitResourceContext,
    config_field_of,
    default_config,
    filled_config,
    open_resources,
    opened_resource,
    require_resources,
    takes_context,
)
from jobkernel.model.config_basics import listed
from jobkernel.model.config_schema import Field, field_of
from jobkernel.model.definitions import Assets, Resource

Kind = TypeVar("Kind")
ResourceParam = Annotated[Kind, "resource_param"]
"""Annotates a parameter that is given the resource of its name: ``db: ResourceParam[Database]``."""


class ResourceDefinition(Resource):
    """A resource made by a function of its context. Source: Dagster's ``ResourceDefinition``.

    Raises:
        InvalidDefinition: the function asks for more than its context.
    """

    __slots__ = ()
    __hash__ = object.__hash__  # definitions are told apart by identity

    def __init__(
        self,
        resource_fn: Callable[..., Any],
        config_schema: Any = None,
        description: str | None = None,
        required_resource_keys: Iterable[str] | None = None,
        version: str | None = None,
        *,
        config: Any = None,
        name: str | None = None,
        input_schema: Field | None = None,
        output_schema: Field | None = None,
    ) -> None:
        refuse("ResourceDefinition", version=version)
        if not callable(resource_fn):
            raise InvalidDefinition(f"A resource is made by a function, not by {resource_fn!r}.")
        takes_context(resource_fn)
        super().__init__(
            name=name or str(getattr(resource_fn, "__name__", "resource")),
            create=resource_fn,
            config_schema=config_schema,
            config=config,
            required_resources=frozenset(required_resource_keys or ()),
            description=description or getattr(resource_fn, "__doc__", None),
            input_schema=input_schema,
            output_schema=output_schema,
        )

    def __eq__(self, other: object) -> bool:
        return self is other

    @property
    def resource_fn(self) -> Callable[..., Any]:
        """The function that makes the resource."""
        return self.create

    @property
    def required_resource_keys(self) -> set[str]:
        """The resources that this one needs."""
        return set(self.required_resources)

    @classmethod
    def hardcoded_resource(cls, value: Any, description: str | None = None) -> Self:
        """Return the resource whose value is given."""
        return cls(lambda _context: value, description=description)

    @classmethod
    def none_resource(cls, description: str | None = None) -> Self:
        """Return the resource whose value is None."""
        return cls.hardcoded_resource(None, description)

    @classmethod
    def mock_resource(cls, description: str | None = None) -> Self:
        """Return a resource that is a fresh ``MagicMock`` in every run."""
        return cls(_mock, description=description)

    @classmethod
    def string_resource(cls, description: str | None = None) -> Self:
        """Return the resource whose value is the text that run config gives."""
        return cls(lambda context: context.resource_config, config_schema=str, description=description)

    def configured(
        self, config_or_config_fn: Any, config_schema: Any = None, description: str | None = None
    ) -> ResourceDefinition:
        """Return the resource with config given here, or computed from a smaller config.

        Raises:
            InvalidConfig: the config does not fit.
        """
        own = field_of(self.config_schema) if self.config_schema is not None else None
        said = description or self.description
        if callable(config_or_config_fn):
            made = self._again(create=_remade(self, config_or_config_fn, own), config_schema=config_schema)
        else:
            if own is not None:
                filled_shape_check(own, config_or_config_fn)
            made = self._again(config=config_or_config_fn)
        object.__setattr__(made, "description", said)
        return made

    def _again(self, **changed: Any) -> ResourceDefinition:
        """Return the same definition, of the same kind, with some fields changed."""
        made = copy.copy(self)
        for name, value in changed.items():
            object.__setattr__(made, name, value)
        return made

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Make the resource directly, with a context from :func:`build_init_resource_context`.

        Raises:
            InvalidInvocation: the function needs a context, or config, and got none.
        """
        given = [*args, *kwargs.values()]
        if len(given) > 1:
            raise InvalidInvocation(f"Resource '{self.name}' is called with its context only.")
        context = given[0] if given else None
        if takes_context(self.create) and context is None:
            raise InvalidInvocation(f"Resource '{self.name}' needs its context; give build_init_resource_context(…).")
        if not takes_context(self.create):
            return self.create()
        made: Any = context or InitResourceContext()
        config_field = config_field_of(self)
        if config_field is not None:
            stated = made.resource_config if made.resource_config is not None else config_field.default_value
            made = made.replace_config(filled_config(config_field, stated))
        return self.create(made)


def _mock(_context: InitResourceContext) -> Any:
    from unittest.mock import MagicMock  # slow to import, and only tests use it

    return MagicMock()


def filled_shape_check(config_field: Field, given: Any) -> None:
    """Refuse config that does not fit, without reading the environment.

    Raises:
        InvalidConfig: listing what does not fit.
    """
    found: list[Any] = []
    config_field.config_type.check(given, (), found)
    if found:
        raise InvalidConfig(f"The config does not fit:{listed(found)}")


def _remade(inner: Resource, function: Callable[[Any], Any], own: Field | None) -> Callable[[Any], Any]:
    def create(context: InitResourceContext) -> Any:
        config = function(context.resource_config)
        filled = filled_config(own, config) if own is not None else config
        return inner.create(context.replace_config(filled)) if takes_context(inner.create) else inner.create()

    return create


def resource(
    config_schema: Any = None,
    description: str | None = None,
    required_resource_keys: Iterable[str] | None = None,
    version: str | None = None,
) -> Any:
    """Make a resource of the decorated function, which returns its value, or yields it once to clean up after.

    Raises:
        InvalidDefinition: the function asks for more than its context.
    """
    if callable(config_schema) and not isinstance(config_schema, type) and not hasattr(config_schema, "config_type"):
        return ResourceDefinition(config_schema)
    return lambda function: ResourceDefinition(function, config_schema, description, required_resource_keys, version)


class _Given:
    """Resource config as a dict of keys, for resources made outside of a run."""

    def __init__(self, definitions: Mapping[str, Any], config: Mapping[str, Any]) -> None:
        self._definitions, self._config = definitions, config

    def for_resource(self, key: str) -> Any:
        """Return the filled config of one resource, None where nothing is given."""
        if key not in self._config:
            return None
        given = self._config[key]
        inner = given.get("config") if isinstance(given, Mapping) else given
        config_field = config_field_of(self._definitions[key])
        return inner if config_field is None else filled_config(config_field, inner)


def _unheard(_event_type: str, _body: dict[str, Any] | None) -> None:
    return


@contextlib.contextmanager
def build_resources(
    resources: Mapping[str, Any],
    instance: Any = None,
    resource_config: Mapping[str, Any] | None = None,
    dagster_run: Any = None,
    log_manager: Any = None,
    event_loop: Any = None,
) -> Iterator[ResourceView]:
    """Make resources outside of a run; yield them by attribute; clean up.

    ``resource_config`` maps keys to ``{"config": …}``.

    Raises:
        InvalidConfig: config does not fit, or is missing.
        UnknownResource: a resource needs one that is not given.
    """
    del instance
    refuse("build_resources", log_manager=log_manager, event_loop=event_loop)
    config = _Given(resources, resource_config or {})
    with open_resources(resources, config, list(resources), _unheard, dagster_run) as opened:
        yield ResourceView(opened)


class _BuiltInitContext(InitResourceContext):
    """An init context with resources of its own, which it closes when it goes, or at the end of ``with``."""

    __slots__ = ("_stack",)
    _stack: contextlib.ExitStack

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self._stack.close()


def build_init_resource_context(
    config: Any = None, resources: Mapping[str, Any] | None = None, instance: Any = None, event_loop: Any = None
) -> InitResourceContext:
    """Return the context to call a resource function with; use it by ``with`` where its resources clean up."""
    del instance
    refuse("build_init_resource_context", event_loop=event_loop)
    stack = contextlib.ExitStack()
    view = stack.enter_context(build_resources(resources or {}))
    built = _BuiltInitContext(resource_config=config, resources=view, all_resource_defs=dict(resources or {}))
    object.__setattr__(built, "_stack", stack)
    return built


def with_resources(
    definitions: Iterable[Any],
    resource_defs: Mapping[str, Any],
    resource_config_by_key: Mapping[str, Any] | None = None,
) -> Sequence[Any]:
    """Return the assets with resources bound to them.

    Raises:
        UnknownResource: an asset needs a resource that is not given.
        InvalidConfig: config is given for a resource that it does not fit.
    """
    bound = {key: _with_config(each, key, resource_config_by_key or {}) for key, each in resource_defs.items()}
    found = []
    for definition in definitions:
        record = getattr(definition, "record", definition)
        if isinstance(record, Assets) and record.node is not None:
            require_resources({**bound, **record.resource_defs}, _needs(record))
            found.append(definition.with_resources(bound))
        else:
            found.append(definition)
    return found


def _with_config(definition: Any, key: str, config: Mapping[str, Any]) -> Any:
    if key not in config:
        return definition
    given = config[key]
    if not isinstance(given, Mapping) or "config" not in given:
        raise InvalidConfig(f"resource_config_by_key['{key}'] must be {{'config': …}}.")
    if isinstance(definition, ResourceDefinition):
        return definition.configured(given["config"])
    raise InvalidConfig(f"Resource '{key}' takes its config as its own fields; drop it from resource_config_by_key.")


def _needs(assets: Assets) -> dict[str, str]:
    """Which resources an asset's computation needs, and in words who needs each."""
    needed: dict[str, str] = {}
    stack: list[Any] = [assets.node]
    while stack:
        node = stack.pop()
        if hasattr(node, "invocations"):
            stack.extend(invocation.node for invocation in node.invocations)
            continue
        for key in (*node.required_resources, *node.resource_arguments.values(), *(o.io for o in node.outputs)):
            needed.setdefault(key, f"'{node.name}'")
    return needed


__all__ = [
    "InitResourceContext", "ResourceDefinition", "ResourceParam", "build_init_resource_context",
    "build_resources", "default_config", "opened_resource", "resource", "with_resources",
]  # fmt: skip
