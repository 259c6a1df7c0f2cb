"""A small picture of any value as JSON: the head of a table, a text, or an image. All of it is text for screens.

Never raises: what a value's own code breaks is told in a sentence. Called through :mod:`describe`.
"""

from __future__ import annotations

import base64
import io
import json
import reprlib
from collections.abc import Callable, Iterable
from typing import Any, Final, NamedTuple

from jobkernel.model.metadata_json import readable_text

_CELL: Final = 200
_ITEMS: Final = 50
_DEEPEST: Final = 6
_LARGEST_IMAGE: Final = 2_000_000
_IMAGE_DOTS: Final = 2000.0

Column = tuple[str, str, bool]
"""A column's name, its dtype's word, and whether it holds numbers."""


class Shape(NamedTuple):
    """The rows of a table and its columns."""

    rows: int
    columns: list[Column]


def preview(value: Any, rows: int = 10, columns: int = 20, text: int = 2000) -> dict[str, Any]:
    """Return ``{"form": "table" | "text" | "image", …}`` as the screens' protocol has it.

    A table has ``columns`` (name, dtype, numeric), ``rows`` of texts and ``shape`` [rows, columns]; a text is cut
    at ``text`` characters; an image is a PNG data address.
    """
    try:
        return _preview(value, rows, columns, text)
    except Exception as error:  # noqa: BLE001  - a value's own code may fail, and its run must not
        return _text(_broken(value, error), text)


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
    return {
        "form": "table",
        "columns": [
            {"name": _cut(readable_text(name), _CELL), "dtype": _cut(dtype, _CELL), "numeric": numeric}
            for name, dtype, numeric in shape.columns[:columns]
        ],
        "rows": [[_cell(item) for item in row] for row in rows],
        "shape": [shape.rows, len(shape.columns)],
    }


def _cell(item: Any) -> str:
    kind = type(item)
    if kind is int or kind is float:
        return str(item)
    try:
        shown = item[: _CELL + 1] if kind is str or kind is bytes else item
        return _cut(readable_text(str(shown)), _CELL)
    except Exception as error:  # noqa: BLE001  - an object in a cell may fail to show itself
        return _broken(item, error)


def _text(words: str, limit: int) -> dict[str, Any]:
    return {"form": "text", "text": _cut(readable_text(words), limit)}


def _cut(words: str, limit: int) -> str:
    return words if len(words) <= limit else words[: limit - 1] + "…"


def _broken(value: Any, error: BaseException) -> str:
    return f"This {type(value).__name__} cannot be shown: {type(error).__name__} while it was asked for its text."


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
    return Shape(len(value), _index_columns(value.index) + columns)


def _index_columns(index: Any) -> list[Column]:
    if _is_plain(index):
        return []
    dtypes = index.dtypes if index.nlevels > 1 else [index.dtype]
    names = ["index" if name is None else str(name) for name in index.names]
    return [(name, str(dtype), dtype.kind in "iufc") for name, dtype in zip(names, dtypes, strict=True)]


def _is_plain(index: Any) -> bool:
    return type(index).__name__ == "RangeIndex" and index.name is None


def _pandas_head(value: Any, rows: int, columns: int) -> list[list[Any]]:
    head = value.iloc[:rows, :columns]
    taken = [column.tolist() for _, column in head.items()]
    body = [list(row) for row in zip(*taken, strict=True)] if taken else [[] for _ in range(len(head))]
    return [row[:columns] for row in _with_index(head.index, body)]


def _with_index(index: Any, body: list[list[Any]]) -> list[list[Any]]:
    if _is_plain(index):
        return body
    labels = [list(label) if index.nlevels > 1 else [label] for label in index]
    return [label + row for label, row in zip(labels, body, strict=True)]


def _series_shape(value: Any) -> Shape:
    name = "value" if value.name is None else str(value.name)
    column = (name, str(value.dtype), value.dtype.kind in "iufc")
    return Shape(len(value), [*_index_columns(value.index), column])


def _series_head(value: Any, rows: int, columns: int) -> list[list[Any]]:
    head = value.iloc[:rows]
    return [row[:columns] for row in _with_index(head.index, [[item] for item in head.tolist()])]


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
        return json.dumps(_trimmed(value, 0), indent=1, ensure_ascii=False, default=_brief)
    if kind.__name__ == "LazyFrame":
        return _lines(value.collect_schema().items())
    if kind.__name__ == "DuckDBPyRelation":
        return _lines(zip(value.columns, value.types, strict=True))
    return _brief(value) if kind in (tuple, set, frozenset) else repr(value)


def _lines(columns: Iterable[tuple[str, Any]]) -> str:
    return "\n".join(f"{name}: {dtype}" for name, dtype in columns)


def _trimmed(value: Any, depth: int) -> Any:
    if isinstance(value, str):
        return _cut(value[: _CELL + 1], _CELL)
    if isinstance(value, dict | list) and depth > _DEEPEST:
        return "…"
    if isinstance(value, dict):
        some = dict(list(value.items())[:_ITEMS]) if len(value) > _ITEMS else value
        kept = {_cell(name): _trimmed(item, depth + 1) for name, item in some.items()}
        return {**kept, "…": f"{len(value) - _ITEMS:,} more"} if len(value) > _ITEMS else kept
    if isinstance(value, list):
        kept_items = [_trimmed(item, depth + 1) for item in value[:_ITEMS]]
        return [*kept_items, f"… {len(value) - _ITEMS:,} more"] if len(value) > _ITEMS else kept_items
    return value


def _brief(value: Any) -> str:
    short = reprlib.Repr()
    short.maxtuple = short.maxset = short.maxfrozenset = short.maxlist = short.maxdict = _ITEMS
    short.maxstring = short.maxother = _CELL
    return short.repr(value)
