"""The JSON form of metadata values, and reading it back. Used through :mod:`jobkernel.model.metadata`."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from typing import Any, Final

from jobkernel.errors import InvalidMetadata
from jobkernel.model.code_references import (
    CodeReferencesMetadataValue,
    LocalFileCodeReference,
    UrlCodeReference,
)
from jobkernel.model.keys import AssetKey
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


def to_json(value: MetadataValue[Any]) -> dict[str, Any]:
    """Return ``{"kind": …, "value": …}``, which JSON can hold and :func:`from_json` reads back.

    Numbers that JSON does not know (NaN, infinities) become texts; lone surrogates become ``?``.
    """
    write: Callable[[Any], Any] = _TO_JSON.get(value.kind, _plain_value)
    return {"kind": value.kind, "value": write(value)}


def from_json(stored: Mapping[str, Any]) -> MetadataValue[Any]:
    """Return the metadata value of a form made by :func:`to_json`.

    Raises:
        InvalidMetadata: the kind is unknown, which a newer jobkernel may have written.
    """
    kind = stored["kind"]
    read = _FROM_JSON.get(kind)
    if read is None:
        raise InvalidMetadata(f"Metadata of kind '{kind}' is not known to this version of jobkernel.")
    return read(stored["value"])


def _plain_value(value: MetadataValue[Any]) -> Any:
    held = value.value
    if isinstance(held, str):
        return readable_text(str.__str__(held))
    return held


def readable_text(text: str) -> str:
    """Return the text with what UTF-8 cannot hold (lone surrogates) turned into ``?``."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")


def _number(value: FloatMetadataValue | TimestampMetadataValue) -> float | str | None:
    if value.value is None or math.isfinite(value.value):
        return None if value.value is None else float(value.value)
    return str(float(value.value))


def _json_data(value: JsonMetadataValue) -> Any:
    try:
        json.dumps(value.data, allow_nan=False, ensure_ascii=False).encode("utf-8")
    except ValueError:
        return _readable(value.data)
    return value.data


def _readable(data: Any) -> Any:
    if isinstance(data, float) and not math.isfinite(data):
        return str(data)
    if isinstance(data, str):
        return readable_text(data)
    if isinstance(data, list):
        return [_readable(item) for item in data]
    if isinstance(data, dict):
        return {readable_text(name): _readable(item) for name, item in data.items()}
    return data


def _table_json(value: TableMetadataValue) -> dict[str, Any]:
    names = [column.name for column in value.schema.columns]
    rows = [[_readable(record.data.get(name)) for name in names] for record in value.records]
    return {"columns": names, "rows": rows, "schema": _schema_json(value.schema)}


def _schema_json(schema: TableSchema) -> dict[str, Any]:
    columns = [_column_json(column) for column in schema.columns]
    return {"columns": columns, "constraints": [*schema.constraints.other]}


def _column_json(column: TableColumn) -> dict[str, Any]:
    rules = column.constraints
    return {
        "name": readable_text(column.name),
        "type": readable_text(column.type),
        "description": column.description,
        "nullable": rules.nullable,
        "unique": rules.unique,
        "constraints": [*rules.other],
        "tags": dict(column.tags),
    }


def _lineage_json(value: TableColumnLineageMetadataValue) -> dict[str, Any]:
    return {
        column: [[list(dep.asset_key.parts), dep.column_name] for dep in deps]
        for column, deps in value.column_lineage.deps_by_column.items()
    }


def _job_json(value: DagsterJobMetadataValue) -> dict[str, Any]:
    return {
        "job_name": value.job_name,
        "location_name": value.location_name,
        "repository_name": value.repository_name,
    }


def _references_json(value: CodeReferencesMetadataValue) -> list[dict[str, Any]]:
    return [
        {"url": item.url, "label": item.label}
        if isinstance(item, UrlCodeReference)
        else {"file_path": item.file_path, "line_number": item.line_number, "label": item.label}
        for item in value.code_references
    ]


_TO_JSON: Final[Mapping[str, Callable[[Any], Any]]] = {
    "float": _number,
    "timestamp": _number,
    "json": _json_data,
    "asset": lambda value: value.asset_key.text,
    "python_artifact": lambda value: {"module": value.module, "name": value.name},
    "job": _job_json,
    "table": _table_json,
    "table_schema": lambda value: _schema_json(value.schema),
    "column_lineage": _lineage_json,
    "code_references": _references_json,
}


def _schema_from(stored: Mapping[str, Any]) -> TableSchema:
    columns = [
        TableColumn(
            name=column["name"],
            type=column["type"],
            description=column["description"],
            constraints=TableColumnConstraints(column["nullable"], column["unique"], column["constraints"]),
            tags=column["tags"],
        )
        for column in stored["columns"]
    ]
    return TableSchema(columns, TableConstraints(stored["constraints"]))


def _table_from(stored: Mapping[str, Any]) -> TableMetadataValue:
    records = [TableRecord(dict(zip(stored["columns"], row, strict=True))) for row in stored["rows"]]
    return TableMetadataValue(records, _schema_from(stored["schema"]))


def _lineage_from(stored: Mapping[str, Any]) -> TableColumnLineageMetadataValue:
    return TableColumnLineageMetadataValue(
        TableColumnLineage(
            {column: [TableColumnDep(AssetKey(parts), name) for parts, name in deps] for column, deps in stored.items()}
        )
    )


def _references_from(stored: list[dict[str, Any]]) -> CodeReferencesMetadataValue:
    return CodeReferencesMetadataValue(
        code_references=[
            UrlCodeReference(**item) if "url" in item else LocalFileCodeReference(**item) for item in stored
        ]
    )


def _float_or_none(stored: Any) -> float | None:
    return None if stored is None else float(stored)


_FROM_JSON: Final[Mapping[str, Callable[[Any], MetadataValue[Any]]]] = {
    "text": TextMetadataValue,
    "url": UrlMetadataValue,
    "md": MarkdownMetadataValue,
    "path": PathMetadataValue,
    "notebook": NotebookMetadataValue,
    "int": IntMetadataValue,
    "bool": BoolMetadataValue,
    "json": JsonMetadataValue,
    "pool": PoolMetadataValue,
    "dagster_run": DagsterRunMetadataValue,
    "null": lambda stored: NullMetadataValue(),  # noqa: ARG005  - there is nothing to read
    "float": lambda stored: FloatMetadataValue(_float_or_none(stored)),
    "timestamp": lambda stored: TimestampMetadataValue(float(stored)),
    "asset": lambda stored: DagsterAssetMetadataValue(AssetKey.from_escaped_user_string(stored)),
    "python_artifact": lambda stored: PythonArtifactMetadataValue(**stored),
    "job": lambda stored: DagsterJobMetadataValue(**stored),
    "table": _table_from,
    "table_schema": lambda stored: TableSchemaMetadataValue(_schema_from(stored)),
    "column_lineage": _lineage_from,
    "code_references": _references_from,
}
