"""Check run config against a plan's schemas, merge it over the job's own, and hand each op and resource its part.

Pure: the environment comes in as a mapping and is read when a value is asked for, so that secrets are never kept.
Called by every launch, in process or not.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import Any

from jobkernel.errors import ConfigMappingFailed, InvalidConfig
from jobkernel.model.config_basics import (
    ConfigType,
    Filling,
    Path,
    Problem,
    Problems,
    listed,
    path_text,
    shown,
    storable,
    unknown_entry,
)
from jobkernel.model.config_mapping import ConfigMapping
from jobkernel.model.config_schema import Array, Field, Noneable, Permissive, Shape
from jobkernel.model.configured import Configured
from jobkernel.model.definitions import EMPTY
from jobkernel.records import dataclass
from jobkernel.rules.config_schemas import (
    LOGGERS,
    ConfigSchemas,
    Names,
    NodeSchema,
    field_of_input,
    inner_config,
    loaded_value,
)
from jobkernel.rules.execution_schemas import check_execution

TOP = ("ops", "resources", "execution", "loggers", "inputs")


class _Missing:
    def __reduce__(self) -> str:
        return "_MISSING"  # the same object also in another process


_MISSING: Any = _Missing()


@dataclass(frozen=True, slots=True)
class Entry:
    """The config of one op or resource as given, with the schema that fills it."""

    path: Path
    given: Any
    field: Field | None
    config_class: Any = None
    configured: Configured | None = None

    def plain(self, environment: Mapping[str, str], found: Problems) -> Any:
        """Return the config as plain values, with defaults applied and environment variables read."""
        outer = self._outer(environment, found)
        if self.configured is None or found:
            return outer
        return inner_config(self.configured, outer, environment, self.path, found)

    def _outer(self, environment: Mapping[str, str], found: Problems) -> Any:
        if self.field is None:
            return self.given
        if self.given is not _MISSING:
            return self.field.config_type.fill(self.given, self.path, Filling(environment, found))
        if self.field.default_provided:
            return self.field.config_type.fill(self.field.default_value, self.path, Filling(environment, found))
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class ResolvedConfig:
    """Run config that fits its plan. Values are filled when they are asked for."""

    given: Mapping[str, Any] = field(default_factory=dict)
    ops: Mapping[Names, Entry] = field(default_factory=dict)
    resources: Mapping[str, Entry] = field(default_factory=dict)
    inputs: Mapping[tuple[Names, str], Any] = field(default_factory=dict)
    managed: Mapping[tuple[Names, str, str], Entry] = field(default_factory=dict)
    execution: Mapping[str, Any] = field(default_factory=dict)
    loggers: Mapping[str, Any] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)

    def for_op(self, path: Names) -> Any:
        """Return what the op at ``path`` gets as its config argument: a Config object, a plain value, or None.

        Raises:
            pydantic.ValidationError: a validator of the op's Config class refuses the values.
        """
        entry = self.ops.get(path)
        if entry is None:
            return None
        filled = self._filled(entry)
        return filled if entry.config_class is None else entry.config_class(**filled)

    def op_config(self, path: Names) -> Any:
        """Return what ``context.op_config`` is: plain values also where the op takes a Config object."""
        entry = self.ops.get(path)
        return None if entry is None else self._filled(entry)

    def for_resource(self, key: str) -> Any:
        """Return the filled config of a resource, None where it has none."""
        entry = self.resources.get(key)
        return None if entry is None else self._filled(entry)

    def input_value(self, path: Names, name: str, default: Any = None) -> Any:
        """Return the value that run config gives an input of the op at ``path``."""
        return self.inputs.get((path, name), default)

    def for_manager(self, path: Names, section: str, name: str) -> Any:
        """Return what an IO manager is told of one of the ``inputs`` or ``outputs`` of the op at ``path``."""
        entry = self.managed.get((path, section, name))
        return None if entry is None else self._filled(entry)

    def stored(self) -> dict[str, Any]:
        """Return the config as given, JSON-able; environment variables stay ``{"env": NAME}``."""
        return {key: storable(value) for key, value in self.given.items()}

    def check_classes(self) -> None:
        """Build every Config object once, so that a validator that refuses is heard before the run starts.

        Raises:
            InvalidConfig: naming each op whose validators refuse.
        """
        found: Problems = []
        for path, entry in self.ops.items():
            if entry.config_class is not None:
                try:
                    self.for_op(path)
                except ValueError as error:
                    found.append(Problem(entry.path, f"is refused: {error}."))
        if found:
            raise InvalidConfig(_sentence("", found))

    def _filled(self, entry: Entry) -> Any:
        found: Problems = []
        filled = entry.plain(self.environment, found)
        if found:
            raise InvalidConfig(_sentence("", found))
        return filled


NO_CONFIG = ResolvedConfig()
"""The config of a run in which nothing can or need be configured."""


def resolve_run_config(
    schemas: ConfigSchemas,
    config: Any = None,
    defaults: Any = None,
    *,
    environment: Mapping[str, str] = EMPTY,
) -> ResolvedConfig:
    """Return the config of a run: what is given at launch over what the job says.

    ``config`` and ``defaults`` are a dict, a RunConfig or None. Under each top-level entry, every op (resource, …) that
    the launch names takes the launch's config whole; the others keep the job's. Source: Dagster's job config.

    Raises:
        InvalidConfig: listing every entry that does not fit, with its path.
    """
    given = plain_run_config(config)
    if schemas.mapping is not None:
        merged = plain_run_config(_mapped(schemas.mapping, given, environment, schemas.job_name))
    else:
        merged = _merged(plain_run_config(defaults), given)
    reader = _Reader(schemas, environment)
    reader.read(merged)
    if reader.found:
        raise InvalidConfig(_sentence(schemas.job_name, reader.found))
    return ResolvedConfig(
        given=given,
        ops=reader.ops,
        resources=reader.resources,
        inputs=reader.inputs,
        managed=reader.managed,
        execution=merged.get("execution", {}),
        loggers=merged.get("loggers", {}),
        environment=environment,
    )


def plain_run_config(config: Any) -> dict[str, Any]:
    """Return run config as a dict.

    Raises:
        InvalidConfig: it is neither a dict nor a RunConfig.
    """
    if config is None or isinstance(config, ConfigMapping):
        return {}
    to_dict = getattr(config, "to_config_dict", None)
    if to_dict is not None:
        return dict(to_dict())
    if isinstance(config, Mapping):
        return dict(config)
    raise InvalidConfig(f"Run config is a dict or a RunConfig, not {shown(config)}.")


def _merged(defaults: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    merged = dict(defaults)
    for name, entries in given.items():
        before = defaults.get(name)
        is_over = isinstance(before, Mapping) and isinstance(entries, Mapping)
        merged[name] = {**before, **entries} if is_over and before is not None else entries
    return merged


def _mapped(mapping: ConfigMapping, outer: Any, environment: Mapping[str, str], where: str) -> Any:
    """Return what a config mapping makes of its outer config."""
    if mapping.config_schema is None:
        return _called(mapping, outer, where)
    found: Problems = []
    mapping.config_schema.config_type.check(outer, (), found)
    filled = outer
    if not found and mapping.receive_processed_config_values:
        filled = mapping.config_schema.config_type.fill(outer, (), Filling(environment, found))
    if found:
        raise InvalidConfig(_sentence(where, found))
    return _called(mapping, mapping.config_class(**filled) if mapping.config_class else filled, where)


def _called(mapping: ConfigMapping, outer: Any, where: str) -> Any:
    try:
        return mapping.config_fn(outer)
    except Exception as error:
        text = f"The config mapping of '{where}' raised {type(error).__name__}: {error}."
        raise ConfigMappingFailed(text) from error


def _sentence(job_name: str, found: Problems) -> str:
    of_job = f" of '{job_name}'" if job_name else ""
    return f"Run config{of_job} does not fit:{listed(found)}"


class _Reader:
    """Walks merged config beside the schemas, and gathers entries and problems."""

    def __init__(self, schemas: ConfigSchemas, environment: Mapping[str, str]) -> None:
        self.schemas, self.environment = schemas, environment
        self.found: Problems = []
        self.ops: dict[Names, Entry] = {}
        self.resources: dict[str, Entry] = {}
        self.inputs: dict[tuple[Names, str], Any] = {}
        self.managed: dict[tuple[Names, str, str], Entry] = {}

    def read(self, config: Mapping[str, Any]) -> None:
        for name in config:
            if name not in TOP:
                self.found.append(Problem((str(name),), unknown_entry(str(name), TOP)))
        check_execution(config.get("execution", {}), self.schemas.executor, self.found)
        LOGGERS.check(config.get("loggers", {}), ("loggers",), self.found)
        self._read_nodes(self.schemas.nodes, self._ops(config.get("ops", {})), (), ("ops",))
        self._read_resources(config.get("resources", {}))
        self._read_graph_inputs(config.get("inputs", {}))

    def _ops(self, given: Any) -> Any:
        """Return the ops' entries; where the job's graph maps its config, what the mapping makes of ``config``."""
        mapping = self.schemas.graph_mapping
        if mapping is None:
            return given
        outer = self._entries(given, ("ops",), ("config",)).get("config", {})
        return _mapped(mapping, outer, self.environment, self.schemas.job_name)

    def _entries(self, given: Any, path: Path, known: Any) -> Mapping[str, Any]:
        """Return a dict of entries that are all known; anything else is a problem, and no entries."""
        if not isinstance(given, Mapping):
            self.found.append(Problem(path, f"expected a dict, got {shown(given)}."))
            return {}
        for name in given:
            if name not in known:
                self.found.append(Problem((*path, str(name)), unknown_entry(str(name), known)))
        return given

    def _read_nodes(self, nodes: Mapping[str, NodeSchema], given: Any, above: Names, path: Path) -> None:
        entries = self._entries(given, path, nodes)
        for name, node in nodes.items():
            if name not in entries and node.needs_nothing:
                continue
            below, inner_path = (*above, name), (*path, name)
            entry = entries.get(name, {})
            if node.mapping is not None:
                self._read_mapped(node, entry, below, inner_path)
            elif node.nodes is not None:
                inner = self._entries(entry, inner_path, ("ops",))
                self._read_nodes(node.nodes, inner.get("ops", {}), below, (*inner_path, "ops"))
            elif name in entries or not node.is_ignored:
                self._read_op(node, entry, below, inner_path)

    def _read_mapped(self, node: NodeSchema, given: Any, names: Names, path: Path) -> None:
        assert node.mapping is not None
        assert node.nodes is not None
        outer = self._entries(given, path, ("config",)).get("config", {})
        made = _mapped(node.mapping, outer, self.environment, ".".join(names))
        self._read_nodes(node.nodes, made, names, (*path, "ops"))

    def _read_op(self, node: NodeSchema, given: Any, names: Names, path: Path) -> None:
        entries = self._entries(given, path, node.sections)
        config_field = node.config_field
        value = entries.get("config", _MISSING)
        if config_field is None:
            if value is not _MISSING:
                self.ops[names] = Entry((*path, "config"), value, None)
        else:
            configured = node.schema if isinstance(node.schema, Configured) else None
            entry = Entry((*path, "config"), value, config_field, node.config_class, configured)
            if self._is_sound(entry, needs_value=not node.is_ignored):
                self.ops[names] = entry
        if node.inputs or node.managed_inputs:
            self._read_inputs(node, entries.get("inputs", {}), names, (*path, "inputs"))
        if node.managed_outputs:
            self._read_managed(node.managed_outputs, entries.get("outputs", {}), names, (*path, "outputs"))

    def _is_sound(self, entry: Entry, *, needs_value: bool) -> bool:
        before = len(self.found)
        if entry.field is None:
            return True
        if entry.given is not _MISSING:
            entry.field.config_type.check(entry.given, entry.path, self.found)
        elif entry.field.is_required and needs_value:
            self._missing(entry)
        if len(self.found) == before and (entry.given is not _MISSING or needs_value):
            entry.plain(self.environment, self.found)
        return len(self.found) == before

    def _missing(self, entry: Entry) -> None:
        """Name the entries that are missing rather than the whole config, where there are entries."""
        assert entry.field is not None
        before = len(self.found)
        if isinstance(entry.field.config_type, Shape):
            entry.field.config_type.check({}, entry.path, self.found)
        if len(self.found) == before:
            self.found.append(Problem(entry.path, f"is missing; give {entry.field.config_type.describe()}."))

    def _read_inputs(self, node: NodeSchema, given: Any, names: Names, path: Path) -> None:
        entries = self._entries(given, path, {**node.inputs, **node.managed_inputs})
        for name, item in node.inputs.items():
            value = self._input_value(item, entries.get(name, _MISSING), (*path, name))
            if value is not _MISSING:
                self.inputs[names, name] = value
        self._read_managed(
            node.managed_inputs, {name: entries[name] for name in entries if name in node.managed_inputs}, names, path
        )

    def _read_managed(self, fields: Mapping[str, Field], given: Any, names: Names, path: Path) -> None:
        entries = self._entries(given, path, fields)
        for name, config_field in fields.items() if isinstance(given, Mapping) else ():
            entry = Entry((*path, name), entries.get(name, _MISSING), config_field)
            if self._is_sound(entry, needs_value=True):
                self.managed[names, str(path[-1]), name] = entry

    def _input_value(self, item: Any, given: Any, path: Path) -> Any:
        entry = Entry(path, given, field_of_input(item))
        if given is _MISSING and entry.field is not None and entry.field.is_required:
            self.found.append(Problem(path, _unfed(entry.field.config_type, path)))
            return _MISSING
        if not self._is_sound(entry, needs_value=True) or given is _MISSING:
            return _MISSING
        return loaded_value(item.annotation, entry.plain(self.environment, self.found))

    def _read_graph_inputs(self, given: Any) -> None:
        entries = self._entries(given, ("inputs",), self.schemas.graph_inputs)
        for name, item in self.schemas.graph_inputs.items():
            value = self._input_value(item, entries.get(name, _MISSING), ("inputs", name))
            if value is not _MISSING:
                places = [place for place, source in self.schemas.input_sources.items() if source == name]
                self.inputs.update(dict.fromkeys(places, value))

    def _read_resources(self, given: Any) -> None:
        entries = self._entries(given, ("resources",), self.schemas.resources)
        for key, config_field in self.schemas.resources.items():
            path: Path = ("resources", key)
            value = self._entries(entries.get(key, {}), path, ("config",)).get("config", _MISSING)
            if value is _MISSING and config_field is None:
                continue
            entry = Entry((*path, "config"), value, config_field)
            needed = key in self.schemas.needed_resources
            if (key in entries or needed) and self._is_sound(entry, needs_value=needed):
                self.resources[key] = entry


def _unfed(kind: ConfigType, path: Path) -> str:
    """Say of an input that nothing feeds what may feed it."""
    below = () if isinstance(kind, Array | Permissive | Noneable) else ("value",)
    value = f"give it a value, --set {path_text((*path, *below))}=…"
    if path[0] != "ops":
        return f"nothing feeds this input of the job; {value}."
    op, name = path[-3], path[-1]
    return f"nothing feeds this input; pass another op's result in the job, {op}({name}=other()), or {value}."
