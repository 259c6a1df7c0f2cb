"""Turn ``--set a.b=c`` texts into run config: paths, short forms, values. Pure; called by the magics and the CLI."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from jobkernel.errors import InvalidConfig, did_you_mean
from jobkernel.model.config_basics import ConfigType, Problems
from jobkernel.model.config_schema import Array, Field, Map, Noneable, Shape
from jobkernel.rules.config_schemas import ConfigSchemas, Names, NodeSchema
from jobkernel.rules.run_config import TOP, plain_run_config


def config_from_sets(texts: Iterable[str], schemas: ConfigSchemas, base: Any = None) -> dict[str, Any]:
    """Return run config with every ``path=value`` set, over ``base`` (a dict, a RunConfig or None).

    A path is spelled out (``ops.alpha.config.n``, ``resources.db.config.url``), or short: ``alpha.n``,
    ``inner.alpha.n``, ``resources.db.url``, and ``n`` where the plan has one op that takes config. A value is JSON,
    else text; where the schema wants text, a value such as ``5`` is the text.

    Raises:
        InvalidConfig: no ``=``, a path that names nothing, or a base that is no run config.
    """
    config = plain_run_config(base)
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name.strip():
            raise InvalidConfig(f"'{text}' sets nothing; write path=value, as alpha.n=3.")
        path = _full_path(tuple(name.strip().split(".")), schemas)
        config = _changed(config, path, _value_of(value.strip(), _type_at(path, schemas)))
    return config


def config_paths(nodes: Mapping[str, NodeSchema]) -> list[str]:
    """Return the short paths of all that the config of ops and graphs may hold at the top: ``alpha.n``."""
    found = []
    for name, node in nodes.items():
        inner = config_paths(node.nodes) if node.nodes is not None else _entries(node)
        found += [f"{name}.{path}" for path in inner]
    return found


def _entries(node: NodeSchema) -> list[str]:
    field = node.config_field if node.schema is not None else None
    kind = field.config_type if isinstance(field, Field) else None
    while isinstance(kind, Noneable):
        kind = kind.inner_type
    return list(kind.fields) if isinstance(kind, Shape) else []


def _full_path(path: Names, schemas: ConfigSchemas) -> Names:
    if path[0] in TOP and path[0] not in schemas.nodes:
        is_short = path[0] == "resources" and len(path) > 2 and path[2] != "config"
        return (*path[:2], "config", *path[2:]) if is_short else path
    found: list[str] = ["ops"]
    nodes: dict[str, NodeSchema] | None = schemas.nodes
    for index, name in enumerate(path):
        node = nodes.get(name) if nodes is not None else None
        if node is None:
            return _without_op(path, schemas) if index == 0 else _unknown(path, nodes or {})
        found.append(name)
        nodes = node.nodes
        if nodes is None:
            rest = path[index + 1 :]
            return (*found, *rest) if rest[:1] in (("config",), ("inputs",)) else (*found, "config", *rest)
        found.append("ops")
    return _unknown(path, nodes or {})


def _without_op(path: Names, schemas: ConfigSchemas) -> Names:
    """The path inside the one op that takes config, where there is just one."""
    taking = {name: node.config_field for name, node in schemas.nodes.items() if node.schema is not None}
    if len(taking) == 1:
        ((name, field),) = taking.items()
        if isinstance(field, Field) and _type_below(field.config_type, path[:1]) is not None:
            return ("ops", name, "config", *path)
    return _unknown(path, schemas.nodes)


def _unknown(path: Names, nodes: Mapping[str, NodeSchema]) -> Names:
    text = ".".join(path)
    raise InvalidConfig(f"'{text}' names no op and no entry of the run config.{did_you_mean(path[0], nodes)}")


def _changed(config: Mapping[str, Any], path: Names, value: Any) -> dict[str, Any]:
    """Return the config with one entry set, the dicts on the way made where they are not there."""
    inner = config.get(path[0])
    below = _changed(inner if isinstance(inner, Mapping) else {}, path[1:], value) if path[1:] else value
    return {**config, path[0]: below}


def _value_of(text: str, kind: ConfigType | None) -> Any:
    try:
        value = json.loads(text)
    except ValueError:
        return text
    return text if kind is not None and not _fits(value, kind) and _fits(text, kind) else value


def _fits(value: Any, kind: ConfigType) -> bool:
    found: Problems = []
    kind.check(value, (), found)
    return not found


def _type_at(path: Names, schemas: ConfigSchemas) -> ConfigType | None:
    """The type of the entry that a full path names, None where nothing is known of it."""
    if path[0] == "resources":
        field = schemas.resources.get(path[1]) if len(path) > 2 else None
        return _type_below(field.config_type, path[3:]) if field is not None else None
    nodes: dict[str, NodeSchema] | None = schemas.nodes if path[0] == "ops" else None
    rest = path[1:]
    while nodes is not None and rest:
        node = nodes.get(rest[0])
        if node is None:
            return None
        if node.nodes is None:
            field = node.config_field if rest[1:2] == ("config",) else None
            return _type_below(field.config_type, rest[2:]) if field is not None else None
        nodes, rest = node.nodes, rest[2:]
    return None


def _type_below(kind: ConfigType, path: Names) -> ConfigType | None:
    for name in path:
        while isinstance(kind, Noneable):
            kind = kind.inner_type
        if isinstance(kind, Shape) and name in kind.fields:
            kind = kind.fields[name].config_type
        elif isinstance(kind, Map | Array):
            kind = kind.inner_type
        else:
            return None
    return kind
