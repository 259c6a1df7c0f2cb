"""Open the resources that a run needs, in the order in which they need each other; close them in reverse.

A definition is a ``Resource`` record, a configurable resource (anything with ``opened``), or the value itself.
Called by the engine once a run; knows no plan.
"""

from __future__ import annotations

import contextlib
import inspect
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import field, replace
from typing import Any, NoReturn

from jobkernel.errors import (
    CircularDependency,
    InvalidConfig,
    InvalidDefinition,
    InvariantViolation,
    JobkernelError,
    ResourceFailed,
    UnknownResource,
    Unsupported,
    did_you_mean,
)
from jobkernel.executors.failure import describe_error
from jobkernel.executors.resource_view import ResourceView
from jobkernel.executors.step_log import StepLogger
from jobkernel.model import events as ev
from jobkernel.model.config_basics import Filling, Problems, listed
from jobkernel.model.config_schema import Field, field_of
from jobkernel.model.dagster_run import DagsterRun
from jobkernel.model.definitions import DEFAULT_IO, Resource
from jobkernel.records import dataclass
from jobkernel.rules.config_schemas import IOSchemas

Emit = Callable[[str, "dict[str, Any] | None"], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class InitResourceContext:
    """What a resource sees while it is made. Source: Dagster's ``InitResourceContext``."""

    resource_config: Any = None
    resources: ResourceView = field(default_factory=lambda: ResourceView({}))
    all_resource_defs: Mapping[str, Any] = field(default_factory=dict)
    resource_def: Any = None
    run: DagsterRun | None = None
    emit: Emit = lambda _event_type, _body: None

    @property
    def log(self) -> StepLogger:
        """A logger whose lines belong to the run."""
        return StepLogger(self.emit)

    log_manager = log

    @property
    def dagster_run(self) -> DagsterRun | None:
        """The run, None outside of one."""
        return self.run

    @property
    def run_id(self) -> str | None:
        """The run's id, None outside of a run."""
        return self.run.run_id if self.run is not None else None

    @property
    def instance(self) -> NoReturn:
        """Refused: the history is asked through ``jk.session()`` and ``jk.sql``."""
        raise Unsupported("A resource's context has no instance; use jk.sql for the history.")

    def replace_config(self, config: Any) -> InitResourceContext:
        """Return the same context with other config."""
        return replace(self, resource_config=config)


@contextlib.contextmanager
def open_resources(
    definitions: Mapping[str, Any],
    config: Any,
    keys: Iterable[str],
    emit: Emit,
    run: DagsterRun | None = None,
) -> Iterator[dict[str, Any]]:
    """Make the resources ``keys`` and those they need; yield them by key; close them in reverse order.

    The IO manager of that name is left out where nobody defines it: then the default store is meant.

    Raises:
        UnknownResource: nobody defines one of them.
        CircularDependency: they need each other.
        ResourceFailed: from what a resource raised while it was made, after RESOURCE_INIT_FAILURE was recorded.
    """
    wanted = [key for key in keys if key != DEFAULT_IO or key in definitions]
    ordered = in_need_order(definitions, wanted)
    names = {"resources": ordered or [DEFAULT_IO]}
    with contextlib.ExitStack() as stack:
        emit(ev.RESOURCE_INIT_STARTED, names)
        opened: dict[str, Any] = {}
        for key in ordered:
            try:
                opened[key] = _enter(stack, key, definitions, config, opened, emit, run)
            except BaseException as error:
                emit(ev.RESOURCE_INIT_FAILURE, {**names, "resource": key, "error": describe_error(error)})
                if isinstance(error, JobkernelError) or not isinstance(error, Exception):
                    raise
                text = f"Resource '{key}' raised {type(error).__name__} while it was made: {error}."
                raise ResourceFailed(text) from error
        emit(ev.RESOURCE_INIT_SUCCESS, names)
        yield opened


def _enter(
    stack: contextlib.ExitStack,
    key: str,
    definitions: Mapping[str, Any],
    config: Any,
    opened: Mapping[str, Any],
    emit: Emit,
    run: DagsterRun | None,
) -> Any:
    definition = definitions[key]
    needed = needed_keys(definition, definitions)
    context = InitResourceContext(
        resource_config=_config_of(definition, key, config),
        resources=ResourceView({name: opened[name] for name in needed}),
        all_resource_defs=definitions,
        resource_def=definition,
        run=run,
        emit=emit,
    )
    return stack.enter_context(opened_resource(definition, context))


def opened_resource(definition: Any, context: InitResourceContext) -> contextlib.AbstractContextManager[Any]:
    """Return the context manager that makes one resource and cleans up after it."""
    if isinstance(definition, Resource):
        return _opened_record(definition, context)
    opened = getattr(definition, "opened", None)
    if opened is not None and is_configurable(definition):
        manager: contextlib.AbstractContextManager[Any] = opened(context)
        return manager
    return contextlib.nullcontext(definition)


def is_configurable(definition: Any) -> bool:
    """Whether a definition is a configurable resource (and no plain value)."""
    return getattr(definition, "__jobkernel_resource__", False) is True and not isinstance(definition, type)


@contextlib.contextmanager
def _opened_record(definition: Resource, context: InitResourceContext) -> Iterator[Any]:
    create = definition.capture({}) if definition.capture is not None else definition.create
    result = create(context) if takes_context(create) else create()
    if inspect.isgenerator(result):
        made = contextlib.contextmanager(lambda: result)()
    elif isinstance(result, contextlib.ContextDecorator):
        made = result  # type: ignore[assignment]
    else:
        yield result
        return
    with made as value:
        yield value


def takes_context(create: Callable[..., Any]) -> bool:
    """Whether a resource function has a parameter for its context.

    Raises:
        InvalidDefinition: it asks for more than that.
    """
    try:
        parameters = list(inspect.signature(create).parameters.values())
    except (TypeError, ValueError):
        return False
    needed = [each for each in parameters if each.default is each.empty and each.kind < each.VAR_POSITIONAL]
    if len(needed) > 1:
        name = getattr(create, "__name__", "resource")
        raise InvalidDefinition(f"Resource function '{name}' takes one parameter, its context, or none.")
    return bool(needed) or any(each.kind < each.VAR_POSITIONAL for each in parameters)


def needed_keys(definition: Any, definitions: Mapping[str, Any]) -> list[str]:
    """Return the keys of the resources that a definition needs."""
    if isinstance(definition, Resource):
        return sorted(definition.required_resources)
    if is_configurable(definition):
        return list(definition.needed_keys(definitions))
    return []


def in_need_order(definitions: Mapping[str, Any], keys: Iterable[str]) -> list[str]:
    """Return the keys and all they need: those that need nothing first, then those that need only these; by name.

    Raises:
        UnknownResource: nobody defines one of ``keys``.
        InvariantViolation: nobody defines what one of them needs.
        CircularDependency: they need each other.
    """
    depths: dict[str, int] = {}
    for key in keys:
        _add_with_needs(key, definitions, depths, ())
    return sorted(depths, key=lambda key: (depths[key], key))


def _add_with_needs(key: str, definitions: Mapping[str, Any], depths: dict[str, int], above: tuple[str, ...]) -> int:
    """Note how deep the needs of a resource reach; return that depth."""
    if key in depths:
        return depths[key]
    if key in above:
        raise CircularDependency(f"Resources need each other in a circle: {' -> '.join([*above, key])}.")
    if key not in definitions and above:
        raise InvariantViolation(_missing(key, definitions, f"resource '{above[-1]}'"))
    if key not in definitions:
        raise UnknownResource(_missing(key, definitions, "the run"))
    below = [
        _add_with_needs(needed, definitions, depths, (*above, key))
        for needed in needed_keys(definitions[key], definitions)
    ]
    depths[key] = 1 + max(below, default=-1)
    return depths[key]


def require_resources(definitions: Mapping[str, Any], needs: Mapping[str, str]) -> None:
    """Check that every needed resource is defined, and what those need in turn.

    ``needs`` maps a key to who needs it ("op 'load'").

    Raises:
        UnknownResource: naming the key, who needs it, and the nearest defined one.
    """
    for key, who in needs.items():
        if key not in definitions and key != DEFAULT_IO:
            raise UnknownResource(_missing(key, definitions, who))
    in_need_order(definitions, [key for key in needs if key in definitions])


def _missing(key: str, definitions: Mapping[str, Any], who: str) -> str:
    known = [name for name in definitions if name != DEFAULT_IO]
    guess = did_you_mean(key, known) or (f" There are: {', '.join(known)}." if known else "")
    return f"Resource '{key}', needed by {who}, is not provided.{guess}"


def config_field_of(definition: Any) -> Field | None:
    """Return the field of a resource's config, None where it takes none (or anything)."""
    if isinstance(definition, Resource):
        if definition.config_schema is None:
            return None
        stated = field_of(definition.config_schema)
        if definition.config is None:
            return stated
        return Field(stated.config_type, default_value=definition.config, description=stated.description)
    if is_configurable(definition):
        found: Field = definition.resource_config_field()
        return found
    return None


def config_fields(definitions: Mapping[str, Any]) -> dict[str, Field | None]:
    """Return the config fields of all resources by key, the default IO manager's among them."""
    return {DEFAULT_IO: None, **{key: config_field_of(each) for key, each in definitions.items()}}


def io_schemas(definitions: Mapping[str, Any]) -> dict[str, IOSchemas]:
    """Return what run config may tell those IO managers that say so, by key."""
    records = {key: each for key, each in definitions.items() if isinstance(each, Resource)}
    stated = {key: IOSchemas(each.input_schema, each.output_schema) for key, each in records.items()}
    return {key: each for key, each in stated.items() if any(each)}


def _config_of(definition: Any, key: str, config: Any) -> Any:
    read = getattr(config, "for_resource", None)
    filled = read(key) if read is not None else None
    return default_config(definition) if filled is None else filled


def default_config(definition: Any) -> Any:
    """Return the config of a resource to which run config says nothing.

    Raises:
        InvalidConfig: it needs some, or an environment variable is not set.
    """
    config_field = config_field_of(definition)
    if config_field is None:
        return None
    return filled_config(config_field, config_field.default_value if config_field.default_provided else {})


def filled_config(config_field: Field, given: Any) -> Any:
    """Return config checked and filled from this process's environment.

    Raises:
        InvalidConfig: it does not fit, or an environment variable is not set.
    """
    found: Problems = []
    config_field.config_type.check(given, (), found)
    if not found:
        filled = config_field.config_type.fill(given, (), Filling(os.environ, found))
        if not found:
            return filled
    raise InvalidConfig(f"The config does not fit:{listed(found)}")
