"""Pandas tables as Parquet and back, exactly: index, dtypes, column names, attributes.

What Parquet alone would change is written down as a *restore* note; what cannot be restored is found out on the
first rows, and then the table is not for Parquet. The only place that imports pandas to store values.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

Restore = dict[str, Any]
_HEAD_ROWS: Final = 3
_known: dict[Any, bool] = {}


def to_parquet_table(frame: Any) -> tuple[Any, Restore] | None:
    """Return the Arrow table of a DataFrame and its restore note, or None where Parquet would change it."""
    import pyarrow as pa

    note = _restore_note(frame)
    if note is None:
        return None
    try:
        if not _survives(frame, note):
            return None
        return pa.Table.from_pandas(frame), note
    except (pa.ArrowException, TypeError, ValueError, OverflowError, UnicodeError, NotImplementedError):
        return None


def from_parquet_table(table: Any, note: Mapping[str, Any]) -> Any:
    """Return the DataFrame of an Arrow table and its restore note."""
    import pandas as pd

    frame = table.to_pandas()
    for position, rule in note.get("columns", ()):
        frame.isetitem(position, _restored(frame.iloc[:, position], rule))
    if "index" in note:
        frame.index = pd.Index(_restored(frame.index.to_series(), note["index"]), name=frame.index.name)
    if note.get("freq"):
        frame.index.freq = note["freq"]
    return frame


def series_to_frame(series: Any) -> Any:
    """Return a Series as the only column of a DataFrame, under the name ``value``."""
    frame = series.to_frame(name="value")
    frame.attrs = {}
    return frame


def frame_to_series(frame: Any, name: Any) -> Any:
    """Return the Series that :func:`series_to_frame` was given."""
    series = frame.iloc[:, 0]
    series.name = name
    return series


def _restore_note(frame: Any) -> Restore | None:
    if not _has_plain_columns(frame.columns) or not frame.flags.allows_duplicate_labels:
        return None
    columns = []
    for position, dtype in enumerate(frame.dtypes):
        rule = _rule(dtype, frame.iloc[:, position])
        if rule is None:
            return None
        if rule != "as it is":
            columns.append([position, rule])
    note: Restore = {"columns": columns} if columns else {}
    return _index_note(frame.index, note)


def _has_plain_columns(columns: Any) -> bool:
    return columns.nlevels == 1 and columns.is_unique and set(map(type, columns)) in (set(), {str}, {int})


def _index_note(index: Any, note: Restore) -> Restore | None:
    if index.nlevels == 1:
        rule = _rule(index.dtype, index.to_series())
        if rule is None:
            return None
        if rule != "as it is":
            note["index"] = rule
    if getattr(index, "freq", None) is not None and index.dtype.kind in "mM":
        note["freq"] = index.freqstr
    return note


def _rule(dtype: Any, values: Any) -> str | None:
    """Return how the column is restored after reading, or None where it cannot be."""
    kind = getattr(dtype, "kind", "")
    if str(dtype) == "object":
        return _object_rule(values)
    if str(dtype).startswith(("datetime64[s", "timedelta64[s")) or (kind in "mM" and "tz" in str(dtype)):
        return f"dtype {dtype}"
    if type(dtype).__name__ == "StringDtype":
        missing = "nan" if dtype.na_value is not _pandas_missing() else "NA"
        return f"string {dtype.storage} {missing}"
    return "as it is"


def _pandas_missing() -> Any:
    import pandas as pd

    return pd.NA


def _object_rule(values: Any) -> str | None:
    import pandas as pd

    word = pd.api.types.infer_dtype(values, skipna=True)
    missing = values[pd.isna(values)].tolist()
    if word not in ("string", "bytes", "empty"):
        return None
    if all(item is None for item in missing):
        return "object None"
    if all(type(item) is float for item in missing):
        return "object nan"
    return None


def _restored(values: Any, rule: str) -> Any:
    import pandas as pd

    word, _, rest = rule.partition(" ")
    if word == "object":
        missing = None if rest == "None" else float("nan")
        items = values.astype(object).to_numpy(dtype=object, copy=True)
        items[pd.isna(items)] = missing
        return pd.Series(items, dtype=object, index=values.index)
    if word == "string":
        storage, na = rest.split(" ")
        make: Any = pd.StringDtype  # its stubs want the storage as a literal
        return values.astype(make(storage, na_value=pd.NA if na == "NA" else float("nan")))
    return values.astype(rest)


def _survives(frame: Any, note: Restore) -> bool:
    signature = _signature(frame, note)
    if signature not in _known:
        if len(_known) > 1000:
            _known.clear()
        _known[signature] = _survives_trial(frame.head(_HEAD_ROWS), note)
    return _known[signature]


def _signature(frame: Any, note: Restore) -> Any:
    index = frame.index
    return (
        tuple(zip(frame.columns, map(str, frame.columns.map(type)), map(repr, frame.dtypes), strict=True)),
        (type(frame.columns), repr(frame.columns.dtype), frame.columns.name),
        (type(index), repr(index.dtype), tuple(index.names), len(index) > 0),
        (repr(frame.attrs), repr(note)),
        repr([level.dtype for level in index.levels]) if index.nlevels > 1 else "",
    )


def _survives_trial(head: Any, note: Restore) -> bool:
    import pandas as pd
    import pyarrow as pa
    import pyarrow.parquet as pq

    buffer = pa.BufferOutputStream()
    pq.write_table(pa.Table.from_pandas(head), buffer)
    back = from_parquet_table(pq.ParquetFile(pa.BufferReader(buffer.getvalue())).read(), note)
    try:
        pd.testing.assert_frame_equal(
            back, head, check_index_type=True, check_column_type=True, check_freq=True, check_exact=True
        )
    except AssertionError:
        return False
    same_missing = [list(map(type, back.iloc[:, i])) == list(map(type, head.iloc[:, i])) for i in range(head.shape[1])]
    return back.attrs == head.attrs and all(same_missing)
