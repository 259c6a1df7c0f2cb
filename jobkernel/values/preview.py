"""A small picture of any value as JSON: the head of a table, a text, or an image. All of it is text for screens.

Never raises: what a value's own code breaks is told in a sentence. Called through :mod:`describe`.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Iterable
from typing import Any, Final, NamedTuple

from jobkernel.model.metadata_json import readable_text
from jobkernel.values.cell_texts import CELL, broken, column_texts, cut
from jobkernel.values.collections_text import brief, collection_text

_LARGEST_IMAGE: Final = 2_000_000
_IMAGE_DOTS: Final = 2000.0
_UNNAMED: Final = "index"

Column = tuple[str, str, bool]
"""A column's name, its dtype's word, and whether it holds numbers."""


class Shape(NamedTuple):
    """The rows of a table and its columns; the first ``labels`` of them are the table's index."""

    rows: int
    columns: list[Column]
    labels: int = 0


def preview(value: Any, rows: int = 10, columns: int = 20, text: int = 2000) -> dict[str, Any]:
    """Return ``{"form": "table" | "text" | "image", …}`` as the screens' protocol has it.

    A table has ``columns`` (name, dtype, numeric, and index where they label rows), ``rows`` of texts and ``shape``
    [rows, columns] without the index; a text is cut at ``text`` characters; an image is a PNG data address.
    """
    try:
        return _preview(value, rows, columns, text)
    except Exception as error:  # noqa: BLE001  - a value's own code may fail, and its run must not
        return _text(broken(value, error), text)


def shape_of(value: Any) -> Shape | None:
    """Return a table's shape, or None for what is no table."""
    kind = _table_kind(value)
    return _SHAPES[kind](value) if kind is not None else None


def _preview(value: Any, rows: int, columns: int, text: int) -> dict[str, Any]:
    kind = _table_kind(value)
    if kind is not None:
        return _table(_SHAPES[kind](value), _HEADS[kind](value, rows, columns), columns)
    image = _image(value)
    if image is not None:
        return {"form": "image", "data": "data:image/png;base64," + base64.b64encode(image).decode()}
    return _text(_words(value, text), text)


def _table(shape: Shape, rows: list[list[Any]], columns: int) -> dict[str, Any]:
    texts = [column_texts(column) for column in zip(*rows, strict=True)]
    return {
        "form": "table",
        "columns": [_column(each, is_index=place < shape.labels) for place, each in enumerate(shape.columns[:columns])],
        "rows": [list(row) for row in zip(*texts, strict=True)],
        "shape": [shape.rows, len(shape.columns) - shape.labels],
    }


def _column(column: Column, *, is_index: bool) -> dict[str, Any]:
    name, dtype, numeric = column
    shown = "" if is_index and name == _UNNAMED else cut(readable_text(name), CELL)
    told = {"name": shown, "dtype": cut(dtype, CELL), "numeric": numeric}
    return {**told, "index": True} if is_index else told


def _text(words: str, limit: int) -> dict[str, Any]:
    return {"form": "text", "text": cut(readable_text(words), limit)}


def _table_kind(value: Any) -> str | None:
    package, name = type(value).__module__.partition(".")[0], type(value).__name__
    kind = _TABLE_KINDS.get((package, name))
    return None if kind == "numpy" and value.ndim not in (1, 2) else kind


_TABLE_KINDS: Final = {
    ("pandas", "DataFrame"): "pandas",
    ("pandas", "Series"): "series",
    ("polars", "DataFrame"): "polars",
    ("polars", "Series"): "polars series",
    ("pyarrow", "Table"): "arrow",
    ("pyarrow", "RecordBatch"): "arrow",
    ("numpy", "ndarray"): "numpy",
}


def _pandas_shape(value: Any) -> Shape:
    columns = [
        (str(name), str(dtype), dtype.kind in "iufc") for name, dtype in zip(value.columns, value.dtypes, strict=True)
    ]
    index = _index_columns(value.index)
    return Shape(len(value), index + columns, len(index))


def _index_columns(index: Any) -> list[Column]:
    if _is_plain(index):
        return []
    dtypes = index.dtypes if index.nlevels > 1 else [index.dtype]
    names = [_UNNAMED if name is None else str(name) for name in index.names]
    return [(name, str(dtype), dtype.kind in "iufc") for name, dtype in zip(names, dtypes, strict=True)]


def _is_plain(index: Any) -> bool:
    """Whether an index only counts the rows."""
    if type(index).__name__ == "RangeIndex":
        return index.name is None
    if index.nlevels > 1 or index.name is not None or index.dtype.kind != "i" or not len(index):
        return False
    first, last = index[0], index[-1]
    return bool(first == 0 and last == len(index) - 1 and index.is_monotonic_increasing and index.is_unique)


def _pandas_head(value: Any, rows: int, columns: int) -> list[list[Any]]:
    head = value.iloc[:rows, :columns]
    taken = [column.tolist() for _, column in head.items()]
    body = [list(row) for row in zip(*taken, strict=True)] if taken else [[] for _ in range(len(head))]
    return [row[:columns] for row in _with_index(value.index, head.index, body)]


def _with_index(whole: Any, index: Any, body: list[list[Any]]) -> list[list[Any]]:
    """Return rows with their labels, unless the ``whole`` index only counts; a head of it may do so by chance."""
    if _is_plain(whole):
        return body
    labels = [list(label) if index.nlevels > 1 else [label] for label in index]
    return [label + row for label, row in zip(labels, body, strict=True)]


def _series_shape(value: Any) -> Shape:
    name = "value" if value.name is None else str(value.name)
    column = (name, str(value.dtype), value.dtype.kind in "iufc")
    index = _index_columns(value.index)
    return Shape(len(value), [*index, column], len(index))


def _series_head(value: Any, rows: int, columns: int) -> list[list[Any]]:
    head = value.iloc[:rows]
    return [row[:columns] for row in _with_index(value.index, head.index, [[item] for item in head.tolist()])]


def _polars_shape(value: Any) -> Shape:
    columns = [(name, str(dtype), dtype.is_numeric()) for name, dtype in value.schema.items()]
    return Shape(value.height, columns)


def _polars_head(value: Any, rows: int, columns: int) -> list[list[Any]]:
    return [list(row) for row in value.head(rows).select(value.columns[:columns]).rows()]


def _polars_series_shape(value: Any) -> Shape:
    return Shape(len(value), [(value.name or "value", str(value.dtype), value.dtype.is_numeric())])


def _polars_series_head(value: Any, rows: int, columns: int) -> list[list[Any]]:
    return [[item][:columns] for item in value.head(rows).to_list()]


def _arrow_shape(value: Any) -> Shape:
    words = [str(field.type) for field in value.schema]
    numeric = [word.startswith(("int", "uint", "float", "double", "half", "decimal")) for word in words]
    return Shape(value.num_rows, list(zip(value.schema.names, words, numeric, strict=True)))


def _arrow_head(value: Any, rows: int, columns: int) -> list[list[Any]]:
    head = value.slice(0, rows)
    width = min(columns, value.num_columns)
    taken = [head.column(position).to_pylist() for position in range(width)]
    return [list(row) for row in zip(*taken, strict=True)]


def _numpy_shape(value: Any) -> Shape:
    numeric = value.dtype.kind in "iufc"
    if value.ndim == 1 and value.dtype.names:
        return Shape(
            len(value), [(name, str(value.dtype[name]), value.dtype[name].kind in "iufc") for name in value.dtype.names]
        )
    if value.ndim == 1:
        return Shape(len(value), [("value", str(value.dtype), numeric)])
    names = map(str, range(value.shape[1]))
    return Shape(len(value), [(name, str(value.dtype), numeric) for name in names])


def _numpy_head(value: Any, rows: int, columns: int) -> list[list[Any]]:
    if value.ndim == 1 and value.dtype.names:
        return [list(row)[:columns] for row in value[:rows].tolist()]
    if value.ndim == 1:
        return [[item] for item in value[:rows].tolist()]
    return [list(row) for row in value[:rows, :columns].tolist()]


_SHAPES: Final[dict[str, Callable[[Any], Any]]] = {
    "pandas": _pandas_shape,
    "series": _series_shape,
    "polars": _polars_shape,
    "polars series": _polars_series_shape,
    "arrow": _arrow_shape,
    "numpy": _numpy_shape,
}
_HEADS: Final[dict[str, Callable[[Any, int, int], list[list[Any]]]]] = {
    "pandas": _pandas_head,
    "series": _series_head,
    "polars": _polars_head,
    "polars series": _polars_series_head,
    "arrow": _arrow_head,
    "numpy": _numpy_head,
}


def _image(value: Any) -> bytes | None:
    figure = _figure(value)
    if figure is not None:
        return _drawn(figure)
    draw = getattr(type(value), "_repr_png_", None)
    if draw is None:
        return None
    png = draw(value)
    data = png[0] if isinstance(png, tuple) else png
    data = base64.b64decode(data) if isinstance(data, str) else data
    return data if isinstance(data, bytes) and len(data) <= _LARGEST_IMAGE else None


def _figure(value: Any) -> Any | None:
    if type(value).__module__.partition(".")[0] != "matplotlib":
        return None
    figure = value if type(value).__name__ == "Figure" else getattr(value, "figure", None)
    return figure if hasattr(figure, "savefig") else None


def _drawn(figure: Any) -> bytes | None:
    """Draw a figure as pyplot's inline backend does, so that it gives the very picture that its step displayed."""
    longest = max(*figure.get_size_inches(), 1.0)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", bbox_inches="tight", dpi=min(figure.dpi, _IMAGE_DOTS / longest))
    data = buffer.getvalue()
    return data if len(data) <= _LARGEST_IMAGE else None


def _words(value: Any, limit: int) -> str:
    kind = type(value)
    if kind in (str, bytes, bytearray):
        return str(value[: limit + 1]) if kind is str else repr(value[:limit])
    if kind in (dict, list):
        return collection_text(value)
    if kind.__name__ == "LazyFrame":
        return _lines(value.collect_schema().items())
    if kind.__name__ == "DuckDBPyRelation":
        return _lines(zip(value.columns, value.types, strict=True))
    return brief(value) if kind in (tuple, set, frozenset) else repr(value)


def _lines(columns: Iterable[tuple[str, Any]]) -> str:
    return "\n".join(f"{name}: {dtype}" for name, dtype in columns)
