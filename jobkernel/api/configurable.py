"""Resources as pydantic classes: ``ConfigurableResource`` and kin. Imported on first use, since it loads pydantic.

Knows how such a resource is configured, nested and made; the executors open it, run config sets its fields.
"""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, ClassVar, Generic, Self, TypeVar, get_args

from jobkernel.errors import InvalidDefinition, InvalidInvocation, Unsupported
from jobkernel.executors.resources import (
    InitResourceContext,
    default_config,
    is_configurable,
    needed_keys,
    opened_resource,
)
from jobkernel.model.config import Config, is_resource_field, plain_config, schema_with_defaults
from jobkernel.model.config_schema import Field
from jobkernel.model.definitions import Resource
from jobkernel.values.io import IOManager

Value = TypeVar("Value")
_DEPENDENCY = "resource_dependency"


class _Dependency:
    """``ResourceDependency[T]``: a field that holds another resource, whatever its value is."""

    def __class_getitem__(cls, kind: Any) -> Any:
        return Annotated[Any, _DEPENDENCY]


ResourceDependency = _Dependency


class ConfigurableResourceFactory(Config, Generic[Value]):
    """Makes a resource out of configured fields: what ``create_resource`` returns is handed to bodies.

    Fields annotated with another resource class hold that resource. Source: Dagster's class of that name.
    """

    __jobkernel_resource__: ClassVar[bool] = True
    _nested_fields__: ClassVar[dict[str, Any]] = {}

    @classmethod
    def __pydantic_init_subclass__(cls, **options: Any) -> None:
        """Let fields that hold resources also take resources whose config comes at launch."""
        super().__pydantic_init_subclass__(**options)
        own = {name: info for name, info in cls.model_fields.items() if is_resource_field(info)}
        known = {name: kind for name, kind in cls._nested_fields__.items() if name in own}
        cls._nested_fields__ = {**{name: info.annotation for name, info in own.items()}, **known}
        fresh = [info for info in own.values() if _DEPENDENCY not in info.metadata]
        for info in fresh:
            info.annotation, info.metadata = Any, [*info.metadata, _DEPENDENCY]
        if fresh:
            cls.model_rebuild(force=True)

    def __init__(self, **entries: Any) -> None:
        for name, value in entries.items():
            if name in self._nested_fields__:
                _check_nested(type(self), name, self._nested_fields__[name], value)
        super().__init__(**entries)
        given = {name for name in entries if name not in self._nested_fields__}
        self.given__internal__ = {key: value for key, value in self.config_dict().items() if key in given}
        self.context__internal__: InitResourceContext | None = None

    def config_dict(self) -> dict[str, Any]:
        """Return the configured fields as run config holds them."""
        nested = set(self._nested_fields__)
        return {key: value for key, value in super().config_dict().items() if key not in nested}

    @classmethod
    def configure_at_launch(cls, **entries: Any) -> PartialResource:
        """Return the resource with the rest of its fields left to run config."""
        return PartialResource(cls, entries)

    def create_resource(self, context: InitResourceContext) -> Any:
        """Return what bodies get."""
        raise NotImplementedError(f"{type(self).__name__} must say what it makes: define create_resource.")

    def setup_for_execution(self, context: InitResourceContext) -> None:
        """Prepare; called once a run, before anything is made. Override it."""

    def teardown_after_execution(self, context: InitResourceContext) -> None:
        """Clean up; called once a run, after its last step. Override it."""

    @contextlib.contextmanager
    def yield_for_execution(self, context: InitResourceContext) -> Iterator[Any]:
        """Yield what bodies get, between setting up and tearing down. Override it instead of those two."""
        self.setup_for_execution(context)
        try:
            yield self.create_resource(context)
        finally:
            self.teardown_after_execution(context)

    def resource_config_field(self) -> Field:
        """Return the schema of this resource's config; what run config says of it replaces what it was given."""
        own = type(self).config_field()
        return Field(own.config_type, default_value=self.given__internal__, description=own.description)

    def needed_keys(self, definitions: Mapping[str, Any]) -> list[str]:
        """Return the keys of the resources that nested ones stand for, or need in turn."""
        return _nested_keys(self.nested_resources, definitions, type(self).__name__)

    @property
    def nested_resources(self) -> dict[str, Any]:
        """The resources in this one's fields."""
        return {name: self.__dict__[name] for name in self._nested_fields__ if self.__dict__.get(name) is not None}

    @contextlib.contextmanager
    def opened(self, context: InitResourceContext) -> Iterator[Any]:
        """Make the resource for a run: nested ones first, then this one with the run's config."""
        with contextlib.ExitStack() as stack:
            nested = {name: _opened_nested(stack, value, context) for name, value in self.nested_resources.items()}
            ready = self._with({**(context.resource_config or {}), **nested}, context)
            manager: Any = ready.yield_for_execution(context)
            if inspect.isasyncgen(manager) or hasattr(manager, "__aenter__"):
                raise Unsupported(f"{type(self).__name__}.yield_for_execution must not be async; write it without.")
            yield stack.enter_context(manager)

    def _with(self, values: Mapping[str, Any], context: InitResourceContext | None) -> Self:
        mine = {(info.alias or name): self.__dict__[name] for name, info in type(self).model_fields.items()}
        kept = self.given__internal__.keys() | self._nested_fields__.keys()
        made = type(self)(**{**{name: value for name, value in mine.items() if name in kept}, **values})
        made.given__internal__ = self.given__internal__
        made.context__internal__ = context
        return made

    def with_replaced_resource_context(self, resource_context: InitResourceContext) -> Self:
        """Return the same resource bound to a context."""
        return self._with({}, resource_context)

    with_resource_context = with_replaced_resource_context

    def get_resource_context(self) -> InitResourceContext:
        """Return the context this resource was made in.

        Raises:
            InvalidInvocation: it was not made for a run yet.
        """
        if self.context__internal__ is None:
            raise InvalidInvocation(f"{type(self).__name__} has a context only while a run uses it.")
        return self.context__internal__

    @classmethod
    def from_resource_context(
        cls, context: InitResourceContext, nested_resources: Mapping[str, Any] | None = None
    ) -> Any:
        """Return what bodies get, made from a context's config."""
        return cls(**(context.resource_config or {}), **(nested_resources or {}))._opened_once(context)

    @classmethod
    @contextlib.contextmanager
    def from_resource_context_cm(
        cls, context: InitResourceContext, nested_resources: Mapping[str, Any] | None = None
    ) -> Iterator[Any]:
        """Yield what bodies get, made from a context's config, and clean up."""
        made = cls(**(context.resource_config or {}), **(nested_resources or {}))
        with made.opened(context) as value:
            yield value

    def process_config_and_initialize(self) -> Any:
        """Return what bodies get, with environment variables read, outside of any run; nothing is cleaned up."""
        return self._opened_once(InitResourceContext(resource_config=default_config(self)))

    @contextlib.contextmanager
    def process_config_and_initialize_cm(self) -> Iterator[Any]:
        """Yield what bodies get, with environment variables read, outside of any run, and clean up."""
        with self.opened(InitResourceContext(resource_config=default_config(self))) as value:
            yield value

    def _opened_once(self, context: InitResourceContext) -> Any:
        plain, mine = ConfigurableResourceFactory, type(self)
        cleans_up = mine.teardown_after_execution is not plain.teardown_after_execution
        if cleans_up or mine.yield_for_execution is not plain.yield_for_execution:
            raise InvalidInvocation(f"{mine.__name__} cleans up after itself; use the method that ends in _cm.")
        with self.opened(context) as value:
            return value


class ConfigurableResource(ConfigurableResourceFactory[Value]):
    """A resource that is its own value: bodies get the object with its fields set.

    Override ``setup_for_execution``, ``teardown_after_execution`` or ``yield_for_execution`` to prepare and clean up.
    """

    def create_resource(self, context: InitResourceContext) -> Any:
        """Return this object, or what an override of the older hook makes of it."""
        return self.get_object_to_set_on_execution_context()

    def get_object_to_set_on_execution_context(self) -> Any:
        """Return what bodies get: this object."""
        return self


class PartialResource:
    """A resource some of whose fields come from run config. Made by ``configure_at_launch``."""

    __jobkernel_resource__ = True

    def __init__(self, resource_class: type[ConfigurableResourceFactory[Any]], data: Mapping[str, Any]) -> None:
        self.resource_cls = resource_class
        self.data = dict(data)
        self.nested_resources = {key: value for key, value in data.items() if key in resource_class._nested_fields__}
        self._given = {key: plain_config(value) for key, value in data.items() if key not in self.nested_resources}

    def resource_config_field(self) -> Field:
        """Return the schema of the config, what is known already as its defaults."""
        return schema_with_defaults(self.resource_cls, self._given)

    def needed_keys(self, definitions: Mapping[str, Any]) -> list[str]:
        """Return the keys of the resources that nested ones stand for, or need in turn."""
        return _nested_keys(self.nested_resources, definitions, self.resource_cls.__name__)

    def opened(self, context: InitResourceContext) -> contextlib.AbstractContextManager[Any]:
        """Make the resource for a run, with the run's config."""
        return self.resource_cls(**{**self.data, **(context.resource_config or {})}).opened(context)


def _check_nested(owner: type, name: str, expected: Any, value: Any) -> None:
    """Refuse a nested resource of another class. Records and plain dependencies are taken as they are."""
    classes = tuple(each for each in (expected, *get_args(expected)) if isinstance(each, type))
    wanted = tuple(each for each in classes if getattr(each, "__jobkernel_resource__", False))
    kind = value.resource_cls if isinstance(value, PartialResource) else type(value)
    is_free = not wanted or value is None or isinstance(value, Resource)
    if not is_free and not issubclass(kind, wanted):
        raise InvalidDefinition(
            f"{owner.__name__}.{name} takes {wanted[0].__name__}, not {kind.__name__}; give one of those."
        )


def _opened_nested(stack: contextlib.ExitStack, value: Any, context: InitResourceContext) -> Any:
    """Return a nested resource's value: one shared with the run where it is left to launch, else one of its own."""
    key = _key_of(value, context.all_resource_defs) if isinstance(value, PartialResource | Resource) else None
    if key is not None:
        return getattr(context.resources, key)
    if not (is_configurable(value) or isinstance(value, Resource)):
        return value
    return stack.enter_context(opened_resource(value, context.replace_config(default_config(value))))


def _key_of(value: Any, definitions: Mapping[str, Any]) -> str | None:
    return next((key for key, each in definitions.items() if each is value), None)


def _nested_keys(nested: Mapping[str, Any], definitions: Mapping[str, Any], owner: str) -> list[str]:
    found: dict[str, None] = {}
    for name, value in nested.items():
        key = _key_of(value, definitions)
        if key is not None and isinstance(value, PartialResource | Resource):
            found[key] = None
        elif isinstance(value, PartialResource):
            raise InvalidDefinition(
                f"{owner}.{name} is configured at launch: put it among the resources too, under a key of its own."
            )
        else:
            found.update(dict.fromkeys(needed_keys(value, definitions)))
    return list(found)


class ConfigurableIOManagerFactory(ConfigurableResourceFactory[Value]):
    """Makes an IO manager out of configured fields: define ``create_io_manager``."""

    def create_io_manager(self, context: InitResourceContext) -> Any:
        """Return the IO manager."""
        raise NotImplementedError(f"{type(self).__name__} must say what it makes: define create_io_manager.")

    def create_resource(self, context: InitResourceContext) -> Any:
        """Return the IO manager."""
        return self.create_io_manager(context)


class ConfigurableIOManager(ConfigurableResource[Any], IOManager):
    """An IO manager out of configured fields: define ``handle_output`` and ``load_input``."""
