"""What is said of a value without being asked: its kind, rows, columns, bytes, and a small preview.

Never raises and never runs away: a value whose own code fails is described by a sentence. The engine calls it once
per materialization. Tables are asked through their own methods; nothing is imported here for them.
"""

from __future__ import annotations

from typing import Any, Final

from jobkernel.model.metadata import (
    IntMetadataValue,
    MetadataValue,
    TableColumn,
    TableSchema,
    TableSchemaMetadataValue,
)
from jobkernel.values.preview import Shape, preview, shape_of
from jobkernel.values.table_formats import settled

__all__ = ["automatic_metadata", "kind_word", "preview", "row_count", "settled"]

ROW_COUNT: Final = "dagster/row_count"
COLUMN_SCHEMA: Final = "dagster/column_schema"
BYTES: Final = "bytes"
_MOST_COLUMNS: Final = 500
_KINDS: Final = {
    "pandas": "pandas",
    "polars": "polars",
    "pyarrow": "arrow",
    "numpy": "numpy",
    "matplotlib": "matplotlib",
    "duckdb": "duckdb",
    "_duckdb": "duckdb",
}
_JSON_TYPES: Final = frozenset({dict, list, str, int, float, bool, type(None)})


def kind_word(value: Any) -> str:
    """Return the word for a node of this value: pandas, polars, arrow, numpy, duckdb, matplotlib, json or python."""
    if type(value) in _JSON_TYPES:
        return "json"
    return _KINDS.get(type(value).__module__.partition(".")[0], "python")


def row_count(value: Any) -> int | None:
    """Return the rows of a table, or None for what is no table."""
    shape = _shape(value)
    return shape.rows if shape is not None else None


def automatic_metadata(value: Any, stored_bytes: int | None = None) -> dict[str, MetadataValue[Any]]:
    """Return ``dagster/row_count`` and ``dagster/column_schema`` of a table, and ``bytes`` where they are known."""
    found: dict[str, MetadataValue[Any]] = {}
    shape = _shape(value)
    if shape is not None:
        found[ROW_COUNT] = IntMetadataValue(shape.rows)
        if shape.columns:
            columns = [TableColumn(name=name, type=dtype) for name, dtype, _ in shape.columns[:_MOST_COLUMNS]]
            found[COLUMN_SCHEMA] = TableSchemaMetadataValue(TableSchema(columns))
    if stored_bytes is not None:
        found[BYTES] = IntMetadataValue(stored_bytes)
    return found


def _shape(value: Any) -> Shape | None:
    try:
        return shape_of(value)
    except Exception:  # noqa: BLE001  - a value's own code may fail; then nothing is known of its shape
        return None
