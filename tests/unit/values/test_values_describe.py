"""What is said of a value: kind, rows, columns, and a preview that never breaks and never runs away."""

from __future__ import annotations

import json
import math
import time
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure

from jobkernel.model.metadata import MetadataValue, shown_text
from jobkernel.values.describe import automatic_metadata, kind_word, preview, row_count, settled


class Broken:
    def __repr__(self) -> str:
        raise ValueError("no words")

    __str__ = __repr__


def a_figure() -> Figure:
    figure = Figure(figsize=(2, 1))
    figure.subplots().plot([1, 2])
    return figure


FRAME = pd.DataFrame({"n": [1, 2], "s": ["a", None]})
TABLES = {
    "pandas": FRAME,
    "polars": pl.DataFrame({"n": [1, 2], "s": ["a", None]}),
    "arrow": pa.table({"n": [1, 2], "s": ["a", None]}),
}


@pytest.mark.parametrize("kind", TABLES)
def test_a_table_is_previewed_by_its_head(kind: str) -> None:
    shown = preview(TABLES[kind])
    assert shown["form"] == "table"
    assert [column["name"] for column in shown["columns"]] == ["n", "s"]
    assert [column["numeric"] for column in shown["columns"]] == [True, False]
    assert [row[0] for row in shown["rows"]] == ["1", "2"]
    assert shown["rows"][0][1] == "a"
    assert shown["shape"] == [2, 2]


@pytest.mark.parametrize("kind", TABLES)
def test_the_automatic_metadata_of_a_table_are_rows_and_columns(kind: str) -> None:
    found = automatic_metadata(TABLES[kind], stored_bytes=123)
    assert found["dagster/row_count"] == MetadataValue.int(2)
    assert shown_text(found["dagster/column_schema"]).splitlines()[0].startswith("n: ")
    assert found["bytes"] == MetadataValue.int(123)
    assert row_count(TABLES[kind]) == 2


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (FRAME, "pandas"), (FRAME["n"], "pandas"), (TABLES["polars"], "polars"), (pl.LazyFrame({"a": [1]}), "polars"),
        (TABLES["arrow"], "arrow"), (np.arange(3), "numpy"), (np.float64(1), "numpy"), ({"a": 1}, "json"),
        (None, "json"), ("x", "json"), (a_figure(), "matplotlib"), ((1, 2), "python"), (Broken(), "python")
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)  # fmt: skip
def test_each_kind_has_its_word(value: Any, kind: str) -> None:
    assert kind_word(value) == kind


def test_a_relation_shows_its_columns_without_being_run() -> None:
    with duckdb.connect() as connection:
        relation = connection.sql("select 1 as n, error('it was run') as s")
        assert kind_word(relation) == "duckdb"
        assert preview(relation)["text"].splitlines()[0] == "n: INTEGER"
        del relation


def test_an_index_that_says_something_is_shown() -> None:
    shown = preview(FRAME.set_index("s"))
    assert [column["name"] for column in shown["columns"]] == ["s", "n"]
    assert shown["rows"][0] == ["a", "1"]
    pairs = preview(pd.DataFrame({"v": [1]}, index=pd.MultiIndex.from_tuples([("a", 1)], names=["x", None])))
    assert [column["name"] for column in pairs["columns"]] == ["x", "", "v"]
    assert [column.get("index", False) for column in pairs["columns"]] == [True, True, False]
    assert pairs["shape"] == [1, 1]


@pytest.mark.parametrize("index", [pd.RangeIndex(2), pd.Index([0, 1])], ids=["range", "counted"])
def test_an_index_that_only_counts_the_rows_is_not_shown(index: Any) -> None:
    shown = preview(FRAME.set_index(index))
    assert [column["name"] for column in shown["columns"]] == ["n", "s"]


def test_an_index_with_gaps_further_down_labels_every_row_that_is_shown() -> None:
    numbers = pd.DataFrame({"a": range(30)}).drop(index=[20])
    assert preview(numbers)["columns"][0]["index"]
    assert [row[0] for row in preview(numbers)["rows"]] == [str(each) for each in range(10)]
    assert {len(row) for row in preview(numbers)["rows"]} == {2}
    assert {len(row) for row in preview(numbers["a"])["rows"]} == {2}


def test_an_index_that_was_reordered_is_shown() -> None:
    shown = preview(pd.DataFrame({"n": [1, 2, 3]}, index=[0, 5, 2]))
    assert [row[0] for row in shown["rows"]] == ["0", "5", "2"]
    assert shown["shape"] == [3, 1]


@pytest.mark.parametrize(
    ("numbers", "texts"),
    [
        ([0.1 + 0.2, 1 / 3], ["0.300000", "0.333333"]),
        ([0.1 + 0.2, 12345.678901], ["0.30", "12345.68"]),
        ([1.0, 2.0], ["1.0", "2.0"]),
        ([2.5, float("nan"), float("inf")], ["2.5", "NaN", "inf"]),
        ([100.5, 0.00012], ["100.5", "0.00012"]),
        ([1e20, 1e-12, 0.0], ["1e+20", "1e-12", "0.0"]),
        ([1234567.891, -2.5], ["1234567.89", "-2.50"]),
    ],
)
def test_floats_are_shown_to_six_digits_or_so(numbers: list[float], texts: list[str]) -> None:
    for table in (pd.DataFrame({"x": numbers}), pl.DataFrame({"x": numbers}), pa.table({"x": numbers})):
        assert [row[0] for row in preview(table)["rows"]] == texts
    assert [row[0] for row in preview(np.array(numbers))["rows"]] == texts


@given(st.lists(st.floats(), min_size=1, max_size=8))
def test_a_float_is_shown_as_one_that_is_near(numbers: list[float]) -> None:
    shown = [float(row[0]) for row in preview(np.array(numbers))["rows"]]
    assert all(
        near == number or math.isnan(number) or abs(near - number) <= max(0.005, abs(number) * 0.05)
        for near, number in zip(shown, numbers, strict=True)
    )
    assert [math.isnan(near) for near in shown] == [math.isnan(number) for number in numbers]


def test_dates_without_hours_are_shown_without_them() -> None:
    days = pd.date_range("2024-01-01", periods=2)
    assert preview(pd.DataFrame({"t": days}))["rows"] == [["2024-01-01"], ["2024-01-02"]]
    assert preview(pd.DataFrame({"t": days + pd.Timedelta("90m")}))["rows"][0] == ["2024-01-01 01:30:00"]


def test_arrays_of_one_and_two_dimensions_are_tables_others_are_text() -> None:
    assert preview(np.arange(3))["rows"] == [["0"], ["1"], ["2"]]
    assert preview(np.eye(2))["shape"] == [2, 2]
    assert preview(np.array([(1, "a")], dtype=[("n", int), ("s", "U1")]))["rows"] == [["1", "a"]]
    assert preview(np.zeros((2, 2, 2)))["form"] == "text"
    assert preview(np.array(5))["form"] == "text"


def test_a_figure_is_shown_as_a_picture_and_stays_as_it_is() -> None:
    figure = a_figure()
    canvas = figure.canvas
    shown = preview(figure)
    assert shown["form"] == "image"
    assert shown["data"].startswith("data:image/png;base64,iVBOR")
    assert figure.canvas is canvas
    assert preview(figure.axes[0])["form"] == "image"


def test_texts_and_json_are_shown_as_text() -> None:
    assert preview({"a": [1, None]})["text"] == "{'a': [1, None]}"
    assert preview("<script>\x1b[31m")["text"] == "<script>\x1b[31m"
    assert preview(pl.LazyFrame({"a": [1]}))["text"] == "a: Int64"
    assert preview((1, 2))["text"] == "(1, 2)"


def test_containers_take_a_line_where_it_fits_and_one_for_each_part_where_not() -> None:
    assert preview(list(range(30)))["text"].count("\n") == 1
    rows = [{"id": each, "name": "x" * 60} for each in range(3)]
    assert len(preview(rows)["text"].splitlines()) == 3
    assert preview(list(range(80)))["text"].endswith("… 30 more]")
    assert preview({each: each for each in range(80)})["text"].endswith("…: 30 more}")
    itself: list[Any] = []
    itself.append(itself)
    assert preview(itself)["text"] == "[[[[[[[…]]]]]]]"


def test_what_cannot_show_itself_is_told_in_a_sentence() -> None:
    assert preview(Broken())["text"] == "This Broken cannot be shown: ValueError while it was asked for its text."
    cell = preview(pd.DataFrame({"o": [Broken()]}))["rows"][0][0]
    assert cell.startswith("This Broken cannot be shown")
    assert "Broken" in preview({"a": Broken()})["text"]
    assert automatic_metadata(Broken()) == {}


@pytest.mark.parametrize(
    "value",
    [
        "x" * 1_000_000,
        b"x" * 1_000_000,
        ["y" * 1_000_000] * 100,
        {f"k{n}" * 1000: "v" * 10_000 for n in range(1000)},
        pd.DataFrame({"c" * 1000: ["z" * 1_000_000]}),
        pl.DataFrame({f"c{n}": ["z" * 100_000] for n in range(300)}),
        list(range(1_000_000)),
        set(range(100_000)),
        np.zeros((1000, 1000)),
        [[[[[[[[[[1]]]]]]]]]],
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_preview_is_small_whatever_the_value(value: Any) -> None:
    text = json.dumps(preview(value), allow_nan=False)
    assert len(text) < 60_000


def test_a_lone_surrogate_and_emoji_can_be_sent() -> None:
    for value in ("a\ud800", {"\ud800": "😀"}, pd.DataFrame({"o": pd.Series(["\ud801"], dtype=object)})):
        json.dumps(preview(value), ensure_ascii=False).encode("utf-8")


@given(
    st.recursive(
        st.none() | st.floats() | st.text() | st.binary(),
        lambda x: st.lists(x) | st.dictionaries(st.text(), x),
        max_leaves=8,
    )
)
def test_a_preview_is_always_json(value: Any) -> None:
    json.dumps(preview(value))


def test_describing_a_large_table_is_cheap() -> None:
    rows = 330_000
    frame = pd.DataFrame({f"c{n}": np.zeros(rows) for n in range(21)})
    for table in (frame, pl.from_pandas(frame), pa.Table.from_pandas(frame)):
        describe_once(table)
        assert min(describe_once(table) for _ in range(10)) < 0.01


def describe_once(table: Any) -> float:
    start = time.perf_counter()
    preview(table)
    automatic_metadata(table)
    return time.perf_counter() - start


def test_what_can_be_read_only_once_is_settled_into_an_arrow_table() -> None:
    table = TABLES["arrow"]
    assert settled(table.to_reader()).equals(table)
    with duckdb.connect() as connection:
        relation = connection.sql("select 1 as n")
        assert settled(relation).to_pydict() == {"n": [1]}
        del relation
    for value in (FRAME, None, "x", table):
        assert settled(value) is value
