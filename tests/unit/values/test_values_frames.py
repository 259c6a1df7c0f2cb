"""Any pandas or polars table comes back exactly: dtypes, index, names, missing values."""

from __future__ import annotations

import datetime
from typing import Any

import pandas as pd
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from polars.testing.parametric import dataframes

from jobkernel.values.addresses import AssetAddress
from jobkernel.values.signing import Signer
from jobkernel.values.store import ValueStore

ROWS = 4
TEXT = st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=3)
EARLIEST, LATEST = datetime.datetime(1700, 1, 1), datetime.datetime(2200, 1, 1)  # noqa: DTZ001  - what nanoseconds reach
CELLS: dict[str, st.SearchStrategy[Any]] = {
    "int64": st.integers(-(2**63), 2**63 - 1),
    "uint8": st.integers(0, 255),
    "float64": st.floats(),
    "float32": st.floats(width=32),
    "bool": st.booleans(),
    "Int64": st.none() | st.integers(-(2**63), 2**63 - 1),
    "boolean": st.none() | st.booleans(),
    "Float64": st.none() | st.floats(allow_nan=False),
    "str": st.none() | TEXT,
    "string[python]": st.none() | TEXT,
    "string[pyarrow]": st.none() | TEXT,
    "category": st.none() | TEXT,
    "object": st.none() | TEXT | st.integers(0, 3) | st.just(float("nan")) | st.booleans(),
    "object of texts": st.none() | TEXT,
    "datetime64[s]": st.none() | st.datetimes(),
    "datetime64[ns]": st.none() | st.datetimes(EARLIEST, LATEST),
    "datetime64[us, Europe/Berlin]": st.none() | st.datetimes(),
    "timedelta64[ms]": st.none() | st.timedeltas(datetime.timedelta(days=-9999), datetime.timedelta(days=9999)),
}


def column(draw: st.DrawFn, dtype: str) -> Any:
    cells = draw(st.lists(CELLS[dtype], min_size=ROWS, max_size=ROWS))
    if dtype.startswith("object"):
        return pd.Series(cells, dtype=object)
    if "Berlin" in dtype:
        return pd.Series(cells, dtype="datetime64[us, UTC]").astype(dtype)
    if dtype.startswith(("datetime", "timedelta")):
        return pd.Series(pd.array([pd.NaT if cell is None else cell for cell in cells], dtype=dtype))
    return pd.Series(cells, dtype=dtype)


@st.composite
def pandas_frames(draw: st.DrawFn) -> pd.DataFrame:
    dtypes = draw(st.lists(st.sampled_from(sorted(CELLS)), min_size=0, max_size=4))
    frame = pd.DataFrame({f"c{n}": column(draw, dtype) for n, dtype in enumerate(dtypes)})
    names = draw(st.sampled_from(["texts", "numbers", "mixed", "named"]))
    if names == "numbers":
        frame.columns = range(len(dtypes))
    elif names == "mixed" and len(dtypes) > 1:
        frame.columns = ["a", *range(1, len(dtypes))]
    elif names == "named":
        frame = frame.rename_axis(columns="q")
    if dtypes:
        index = draw(st.sampled_from(["range", "texts", "objects", "days", "pairs", "slice"]))
        frame = INDEXES[index](frame)
    return frame.iloc[: draw(st.integers(0, ROWS))] if draw(st.booleans()) else frame


INDEXES: dict[str, Any] = {
    "range": lambda frame: frame,
    "texts": lambda frame: frame.set_axis(pd.Index(list("wxyz"), name="key")),
    "objects": lambda frame: frame.set_axis(pd.Index(["a", None, "b", "c"], dtype=object)),
    "days": lambda frame: frame.set_axis(pd.date_range("2024", periods=ROWS, freq="D", tz="UTC")),
    "pairs": lambda frame: frame.set_axis(pd.MultiIndex.from_product([["a", "b"], [1, 2]], names=["x", None])),
    "slice": lambda frame: frame.iloc[::2].reindex(frame.index),
}


@given(frame=pandas_frames())
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_pandas_table_comes_back_exactly(tmp_path_factory: pytest.TempPathFactory, frame: pd.DataFrame) -> None:
    folder, signer = tmp_path_factory.mktemp("values"), Signer.temporary()
    store = ValueStore(folder, signer)
    store.put(AssetAddress("a"), frame)
    for reader in (store, ValueStore(folder, signer)):
        back = reader.get(AssetAddress("a"))
        pd.testing.assert_frame_equal(back, frame, check_freq=True, check_exact=True)
        for name in range(frame.shape[1]):
            assert [kind_of(cell) for cell in back.iloc[:, name]] == [kind_of(cell) for cell in frame.iloc[:, name]]


def kind_of(cell: Any) -> str:
    return type(cell).__name__


@given(frame=dataframes(max_cols=4, max_size=5))
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_polars_table_comes_back_exactly(tmp_path_factory: pytest.TempPathFactory, frame: pl.DataFrame) -> None:
    folder, signer = tmp_path_factory.mktemp("values"), Signer.temporary()
    store = ValueStore(folder, signer)
    store.put(AssetAddress("a"), frame)
    for reader in (store, ValueStore(folder, signer)):
        back = reader.get(AssetAddress("a"))
        assert back.schema == frame.schema
        pl.testing.assert_frame_equal(back, frame, check_exact=True)
