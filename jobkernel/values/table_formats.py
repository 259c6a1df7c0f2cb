"""Tables as Parquet: pandas, polars, Arrow, DuckDB relations. The only place that imports these to store values.

A table that Parquet would change (told by writing and reading its first rows) is not encoded here; it is pickled.
A DuckDB relation and a record batch reader come back as Arrow tables, a lazy frame as a lazy frame of its rows.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Callable
from typing import Any

from jobkernel.values import frames
from jobkernel.values.encoded import Encoded, Kept, itself
from jobkernel.values.exact_json import exact_text
from jobkernel.values.files import HashingFile

_TRIAL_ROWS = 3


def encode_pandas(value: Any) -> Encoded | None:
    """Return a DataFrame or Series, or None where Parquet would change it."""
    import pandas as pd

    if type(value) is pd.DataFrame:
        return _encode_frame(value, value, "pandas.DataFrame", {})
    if type(value) is pd.Series and not value.attrs and exact_text(value.name) is not None:
        return _encode_frame(value, frames.series_to_frame(value), "pandas.Series", {"name": value.name})
    return None


def _encode_frame(value: Any, frame: Any, kind: str, extra: dict[str, Any]) -> Encoded | None:
    made = frames.to_parquet_table(frame)
    if made is None:
        return None
    table, note = made
    return Encoded(
        "parquet",
        kind,
        _arrow_filler(table),
        lambda: _pandas_kept(value.copy(deep=True)),
        _pandas_size(value),
        {**note, **extra},
    )


def decode_frame(data: bytes, restore: Any) -> Kept:
    """Return a DataFrame."""
    return _pandas_kept(frames.from_parquet_table(_read_arrow(data), restore))


def decode_series(data: bytes, restore: Any) -> Kept:
    """Return a Series."""
    frame = frames.from_parquet_table(_read_arrow(data), restore)
    return _pandas_kept(frames.frame_to_series(frame, restore["name"]))


def _pandas_kept(value: Any) -> Kept:
    # a shallow copy is not enough: `.array` and `.values` of extension columns reach below copy-on-write
    return Kept(value, lambda held: held.copy(deep=True), _pandas_size(value))


def _pandas_size(value: Any) -> int:
    usage = value.memory_usage(index=True, deep=False)
    return int(usage if value.ndim == 1 else usage.sum())


def encode_polars(value: Any) -> Encoded | None:
    """Return a DataFrame, Series or LazyFrame (collected here), or None where Parquet would change it."""
    import polars as pl

    kinds = {pl.DataFrame: "polars.DataFrame", pl.LazyFrame: "polars.LazyFrame", pl.Series: "polars.Series"}
    kind = kinds.get(type(value))
    if kind is None:
        return None
    frame = value.collect() if kind == "polars.LazyFrame" else value
    table = frame.to_frame() if kind == "polars.Series" else frame
    if not _polars_survives(table.head(_TRIAL_ROWS)):
        return None

    def fill(file: HashingFile) -> None:
        table.write_parquet(file)

    size = int(table.estimated_size())
    return Encoded("parquet", kind, fill, lambda: _polars_kept(_polars_copy(table), kind), size)


def decode_polars(kind: str) -> Callable[[bytes, Any], Kept]:
    """Return the reader for ``polars.DataFrame``, ``.LazyFrame`` or ``.Series``."""

    def decode(data: bytes, _restore: Any) -> Kept:
        import polars as pl

        return _polars_kept(pl.read_parquet(data), kind)

    return decode


def _polars_kept(table: Any, kind: str) -> Kept:
    revive: dict[str, Callable[[Any], Any]] = {
        "polars.DataFrame": lambda held: held.clone(),
        "polars.LazyFrame": lambda held: held.clone().lazy(),
        "polars.Series": lambda held: held.to_series().clone(),
    }
    return Kept(table, revive[kind], int(table.estimated_size()))


def _polars_copy(table: Any) -> Any:
    # polars shares memory with the numpy arrays it was made from, so a clone is not private; reversing twice copies
    import polars.selectors as column

    shareable = column.numeric() | column.temporal() | column.array()
    return table.with_columns(shareable.reverse().reverse())


def _polars_survives(head: Any) -> bool:
    import polars as pl

    buffer = io.BytesIO()
    try:
        head.write_parquet(buffer)
        back = pl.read_parquet(buffer.getvalue())
    except pl.exceptions.PolarsError:
        return False
    return bool(back.schema == head.schema and back.shape == head.shape and back.equals(head))


def encode_arrow(value: Any) -> Encoded | None:
    """Return a Table, RecordBatch or reader (read here), or None where Parquet would change it."""
    import pyarrow as pa

    value = settled(value)
    if type(value) not in (pa.Table, pa.RecordBatch):
        return None
    kind = f"arrow.{type(value).__name__}"
    table = pa.Table.from_batches([value]) if kind == "arrow.RecordBatch" else value
    if not _arrow_survives(table.slice(0, _TRIAL_ROWS)):
        return None
    schema = base64.b64encode(table.schema.serialize().to_pybytes()).decode()
    return Encoded(
        "parquet",
        kind,
        _arrow_filler(table),
        lambda: _arrow_kept(_arrow_copy(table), kind),
        int(table.nbytes),
        {"schema": schema},
    )


def decode_arrow(kind: str) -> Callable[[bytes, Any], Kept]:
    """Return the reader for ``arrow.Table`` or ``arrow.RecordBatch``."""

    def decode(data: bytes, restore: Any) -> Kept:
        import pyarrow as pa

        schema = pa.ipc.read_schema(pa.BufferReader(base64.b64decode(restore["schema"])))
        return _arrow_kept(_with_schema(_read_arrow(data), schema), kind)

    return decode


def _arrow_kept(table: Any, kind: str) -> Kept:
    if kind == "arrow.RecordBatch":
        table = table.combine_chunks()
        batches = table.to_batches()
        return Kept(batches[0] if batches else _empty_batch(table.schema), itself, int(table.nbytes))
    return Kept(table, itself, int(table.nbytes))


def _empty_batch(schema: Any) -> Any:
    import pyarrow as pa

    return pa.RecordBatch.from_arrays([pa.array([], field.type) for field in schema], schema=schema)


def _arrow_copy(table: Any) -> Any:
    # Arrow shares memory with the numpy arrays it was made from, so the table itself is not private
    import pyarrow as pa

    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return pa.ipc.open_stream(sink.getvalue()).read_all()


def _with_schema(table: Any, schema: Any) -> Any:
    if table.schema.equals(schema, check_metadata=True):
        return table
    return table.cast(schema).replace_schema_metadata(schema.metadata)


def _arrow_survives(head: Any) -> bool:
    import pyarrow as pa
    import pyarrow.parquet as pq

    sink = pa.BufferOutputStream()
    try:
        pq.write_table(head, sink)
        back = _with_schema(_read_arrow(sink.getvalue()), head.schema)
    except pa.ArrowException:
        return False
    return bool(back.schema.equals(head.schema, check_metadata=True) and back.equals(head))


def encode_duckdb(value: Any) -> Encoded | None:
    """Return a DuckDB relation's rows, or None for what is no relation."""
    rows = settled(value)
    return None if rows is value else encode_arrow(rows)


def settled(value: Any) -> Any:
    """Return the rows, as an Arrow table, of what can be read only once or by its connection; else the value.

    That is a DuckDB relation and a record batch reader. Whoever stores *and* looks at a value settles it first.
    """
    if _is_relation(value):
        return value.to_arrow_table()
    return value.read_all() if _is_reader(value) else value


def is_settled(value: Any) -> bool:
    """Whether a value may be looked at by whoever does not store it; see :func:`settled`."""
    return not (_is_relation(value) or _is_reader(value))


def _is_relation(value: Any) -> bool:
    kind = type(value)
    return kind.__name__ == "DuckDBPyRelation" and "duckdb" in kind.__module__


def _is_reader(value: Any) -> bool:
    kind = type(value)
    return kind.__name__ == "RecordBatchReader" and kind.__module__.startswith("pyarrow")


def _arrow_filler(table: Any) -> Callable[[HashingFile], None]:
    def fill(file: HashingFile) -> None:
        import pyarrow.parquet as pq

        pq.write_table(table, file)

    return fill


def _read_arrow(data: Any) -> Any:
    import pyarrow as pa
    import pyarrow.parquet as pq

    return pq.ParquetFile(pa.BufferReader(data)).read()
