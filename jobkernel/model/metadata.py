"""Metadata: raw values to :class:`MetadataValue`, those to JSON and back, and to plain text for screens.

Import every metadata class from here. Source of the automatic wrapping: Dagster's ``normalize_metadata``.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from jobkernel.errors import InvalidMetadata
from jobkernel.model.code_references import (
    CodeReferencesMetadataValue,
    LocalFileCodeReference,
    UrlCodeReference,
)
from jobkernel.model.keys import AssetKey
from jobkernel.model.metadata_json import from_json, readable_text, to_json
from jobkernel.model.metadata_values import (
    BoolMetadataValue,
    DagsterAssetMetadataValue,
    DagsterJobMetadataValue,
    DagsterRunMetadataValue,
    FloatMetadataValue,
    IntMetadataValue,
    JsonMetadataValue,
    MarkdownMetadataValue,
    MetadataValue,
    NotebookMetadataValue,
    NullMetadataValue,
    PathMetadataValue,
    PoolMetadataValue,
    PythonArtifactMetadataValue,
    TableColumnLineageMetadataValue,
    TableMetadataValue,
    TableSchemaMetadataValue,
    TextMetadataValue,
    TimestampMetadataValue,
    UrlMetadataValue,
)
from jobkernel.model.tables import (
    TableColumn,
    TableColumnConstraints,
    TableColumnDep,
    TableColumnLineage,
    TableConstraints,
    TableRecord,
    TableSchema,
)

__all__ = [
    "BoolMetadataValue",
    "CodeReferencesMetadataValue",
    "DagsterAssetMetadataValue",
    "DagsterJobMetadataValue",
    "DagsterRunMetadataValue",
    "FloatMetadataValue",
    "IntMetadataValue",
    "JsonMetadataValue",
    "LocalFileCodeReference",
    "MarkdownMetadataValue",
    "MetadataValue",
    "NotebookMetadataValue",
    "NullMetadataValue",
    "PathMetadataValue",
    "PoolMetadataValue",
    "PythonArtifactMetadataValue",
    "TableColumn",
    "TableColumnConstraints",
    "TableColumnDep",
    "TableColumnLineage",
    "TableColumnLineageMetadataValue",
    "TableConstraints",
    "TableMetadataValue",
    "TableRecord",
    "TableSchema",
    "TableSchemaMetadataValue",
    "TextMetadataValue",
    "TimestampMetadataValue",
    "UrlCodeReference",
    "UrlMetadataValue",
    "from_json",
    "normalize_metadata",
    "normalize_metadata_value",
    "shown_text",
    "to_json",
]

SHOWN_CHARACTERS: Final = 2000
"""How much of a long text a screen gets."""
_SHOWN_ROWS: Final = 20

_EXACT: Final[Mapping[type, Callable[[Any], MetadataValue[Any]]]] = {
    str: TextMetadataValue,
    int: IntMetadataValue,
    float: FloatMetadataValue,
    bool: BoolMetadataValue,
    dict: JsonMetadataValue,
    list: JsonMetadataValue,
    AssetKey: DagsterAssetMetadataValue,
    TableSchema: TableSchemaMetadataValue,
    TableColumnLineage: TableColumnLineageMetadataValue,
}
_BY_INSTANCE: Final[tuple[tuple[Any, Callable[[Any], MetadataValue[Any]]], ...]] = (
    (str, TextMetadataValue),
    (float, FloatMetadataValue),
    (bool, BoolMetadataValue),
    (int, IntMetadataValue),
    ((list, dict), JsonMetadataValue),
    (os.PathLike, PathMetadataValue),
    (AssetKey, DagsterAssetMetadataValue),
)


def normalize_metadata(metadata: Mapping[str, Any]) -> dict[str, MetadataValue[Any]]:
    """Return the mapping with every raw value wrapped as its kind.

    Texts, numbers, booleans, None, dicts, lists, paths, asset keys, table schemas and column lineages are wrapped;
    a :class:`MetadataValue` stays as it is. Source: Dagster's rules, its refusals included.

    Raises:
        InvalidMetadata: a value is of another type, or a dict or list that JSON cannot hold.
    """
    wrapped = {}
    for name, raw in metadata.items():
        try:
            wrapped[name] = normalize_metadata_value(raw)
        except InvalidMetadata as error:
            raise InvalidMetadata(f"Metadata '{name}' is of no known kind. {error}") from None
    return wrapped


def normalize_metadata_value(raw: Any) -> MetadataValue[Any]:
    """Return one raw value wrapped as its kind (see :func:`normalize_metadata`)."""
    wrap = _EXACT.get(type(raw))
    if wrap is not None:
        return wrap(raw)
    if isinstance(raw, MetadataValue):
        return raw
    if raw is None:
        return NullMetadataValue()
    for kinds, wrapper in _BY_INSTANCE:
        if isinstance(raw, kinds):
            return wrapper(raw)
    raise InvalidMetadata(f"Its type is {type(raw).__module__}.{type(raw).__qualname__}{_remedy(raw)}")


def _remedy(raw: Any) -> str:
    if isinstance(raw, datetime):
        return "; write MetadataValue.timestamp(…)."
    if isinstance(raw, tuple | set | frozenset):
        return "; write list(…)."
    if type(raw).__module__ == "numpy" and getattr(raw, "shape", None) == ():
        return "; write int(…), float(…) or .item()."
    return "; write str(…) of it, or wrap it with the MetadataValue constructor that fits."


def shown_text(value: MetadataValue[Any]) -> str:
    """Return the value as plain text for a screen, cut where it is very long."""
    show: Callable[[Any], str] = _SHOWN.get(value.kind, _shown_plainly)
    text = show(value)
    if len(text) <= SHOWN_CHARACTERS:
        return text
    return f"{text[:SHOWN_CHARACTERS]}… ({len(text):,} characters in all)"


def _shown_plainly(value: MetadataValue[Any]) -> str:
    return readable_text(str(value.value))


def _shown_timestamp(value: TimestampMetadataValue) -> str:
    try:
        return datetime.fromtimestamp(value.value, UTC).isoformat(sep=" ", timespec="seconds")
    except (OverflowError, ValueError, OSError):
        return f"{value.value} seconds since 1970"


def _shown_table(value: TableMetadataValue) -> str:
    names = [column.name for column in value.schema.columns]
    rows = [" | ".join(str(record.data.get(name)) for name in names) for record in value.records[:_SHOWN_ROWS]]
    rest = len(value.records) - len(rows)
    return readable_text("\n".join([" | ".join(names), *rows, *([f"… {rest:,} more rows"] if rest else [])]))


def _shown_lineage(value: TableColumnLineageMetadataValue) -> str:
    lines = [
        f"{column} ← " + ", ".join(f"{dep.asset_key.to_user_string()}.{dep.column_name}" for dep in deps)
        for column, deps in value.column_lineage.deps_by_column.items()
    ]
    return readable_text("\n".join(lines))


_SHOWN: Final[Mapping[str, Callable[[Any], str]]] = {
    "null": lambda value: "None",  # noqa: ARG005  - there is nothing to read
    "timestamp": _shown_timestamp,
    "json": lambda value: readable_text(json.dumps(value.data, ensure_ascii=False, indent=1)),
    "asset": lambda value: readable_text(value.asset_key.to_user_string()),
    "job": lambda value: readable_text(value.job_name),
    "python_artifact": lambda value: readable_text(f"{value.module}.{value.name}"),
    "table": _shown_table,
    "table_schema": lambda value: readable_text("\n".join(f"{c.name}: {c.type}" for c in value.schema.columns)),
    "column_lineage": _shown_lineage,
    "code_references": lambda value: readable_text("\n".join(item.source for item in value.code_references)),
}
