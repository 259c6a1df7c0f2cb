"""``--sql`` bodies: what they read, what they refuse, what running them gives."""

from __future__ import annotations

import pickle
import threading
from collections.abc import Callable
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from jobkernel.errors import Interrupted, InvalidDefinition
from jobkernel.notebook.body_call import PARAMS
from jobkernel.notebook.capture import Launch
from jobkernel.notebook.sql_body import QueryFailed, SqlCall, parse_sql_body, resolve_sql

KNOWN = {"raw": "raw", "orders": "sales/orders", "mine": "mine"}


def call_of(text: str, names: dict[str, Any] | None = None, **options: Any) -> SqlCall:
    params = options.get("params", ())
    body = parse_sql_body(text, name="mine", **options)
    resolution = resolve_sql(body, KNOWN, params=params, namespace=names or {})
    return SqlCall.bound(body, resolution, Launch(names or {}))


UPSTREAM = {
    "select * from raw": {"raw": "raw"},
    "select * from RAW": {"RAW": "raw"},
    "select * from orders": {"orders": "sales/orders"},
    'select * from "sales/orders"': {"sales/orders": "sales/orders"},
    "select * from main.raw": {},
    "with raw as (select 1) from raw": {},
    "select * from mine": {},
    "select * from other": {},
}


@pytest.mark.parametrize(("text", "inputs"), UPSTREAM.items(), ids=UPSTREAM.keys())
def test_tables_that_are_assets_are_upstream(text: str, inputs: dict[str, str]) -> None:
    assert resolve_sql(parse_sql_body(text, name="mine"), KNOWN).inputs == inputs


def test_inputs_of_the_magic_line_come_first_and_no_infer_leaves_the_rest() -> None:
    body = parse_sql_body("select * from raw, x", name="mine")

    assert resolve_sql(body, KNOWN, ins={"x": "orders"}).inputs == {"x": "orders", "raw": "raw"}
    assert resolve_sql(body, KNOWN, ins={"x": "orders"}, infer=False).inputs == {"x": "orders"}
    assert resolve_sql(body, KNOWN, namespace=["raw"]).shadowed == ("raw",)


TABLES: dict[str, Callable[[], Any]] = {
    "pandas": lambda: pd.DataFrame({"a": [1, 2]}),
    "polars": lambda: pl.DataFrame({"a": [1, 2]}),
    "polars, lazy": lambda: pl.LazyFrame({"a": [1, 2]}),
    "Arrow": lambda: pa.table({"a": [1, 2]}),
    "Arrow batches": lambda: pa.table({"a": [1, 2]}).to_reader(),
    "a list of dicts": lambda: [{"a": 1}, {"a": 2}],
    "a dict of lists": lambda: {"a": [1, 2]},
    "a dict of arrays": lambda: {"a": np.array([1, 2])},
    "a DuckDB relation": lambda: duckdb.connect().sql("select unnest([1, 2]) as a"),
}


@pytest.mark.parametrize("make", TABLES.values(), ids=TABLES.keys())
def test_every_kind_of_table_can_be_read(make: Callable[[], Any]) -> None:
    assert call_of("select max(a) + 1 as b from raw")(None, raw=make()).to_pylist() == [{"b": 3}]


KINDS = {"arrow": pa.Table, "pandas": pd.DataFrame, "polars": pl.DataFrame}


@pytest.mark.parametrize(("kind", "expected"), KINDS.items())
def test_the_result_is_of_the_kind_that_was_asked_for(kind: Any, expected: type) -> None:
    assert isinstance(call_of("from raw", as_=kind)(None, raw=pa.table({"a": [1]})), expected)


def test_a_key_with_parts_is_an_input_of_a_python_name() -> None:
    assert call_of('from "sales/orders"')(None, sales_orders=pa.table({"a": [1]})).num_rows == 1


def test_parameters_are_prepared_and_never_pasted() -> None:
    evil = "'; drop table raw; --"
    call = call_of("select $word as word, count(*) as n from raw where a <> $word", params=["word", "other"])

    found = call(None, raw=pa.table({"a": ["x"]}), **{PARAMS: {"word": evil, "other": 1}})

    assert found.to_pylist() == [{"word": evil, "n": 1}]


def test_a_notebook_variable_is_captured_at_launch() -> None:
    names = {"lookup": pd.DataFrame({"a": [1]})}
    call = call_of("select count(*) as n from lookup", names)
    names["lookup"] = pd.DataFrame({"a": [1, 2]})

    assert call(None).to_pylist() == [{"n": 1}]
    assert pickle.loads(pickle.dumps(call))(None).to_pylist() == [{"n": 1}]


def test_names_of_other_frames_are_no_tables() -> None:
    table = pa.table({"a": [1]})

    with pytest.raises(QueryFailed, match="'table' is neither an asset nor a notebook variable"):
        call_of('select * from "table"')(None)
    assert table.num_rows == 1


def test_pivots_and_summaries_are_queries() -> None:
    raw = pa.table({"year": [1, 1, 2], "a": [1, 2, 3]})

    assert call_of("pivot raw on year using sum(a)")(None, raw=raw).num_columns == 2
    assert call_of("summarize raw")(None, raw=raw).num_rows == 2


REFUSALS = {
    "": "is empty: write one query",
    "-- nothing": "is empty",
    "select 1; select 2": "holds 2 statements; keep one query",
    "create table x (a int)": "and CREATE has none; write a SELECT",
    "select\n* form raw where": "SQL of asset 'mine', line 3 of the cell: Parser Error: syntax error at or near",
    "select $limit": "has the parameter \\$limit; say what it is: --param limit:int=10",
    "select ?": "has the parameter \\$1; name it",
}


@pytest.mark.parametrize(("text", "sentence"), REFUSALS.items(), ids=REFUSALS.keys())
def test_what_is_not_one_query_is_refused_in_one_sentence(text: str, sentence: str) -> None:
    with pytest.raises(InvalidDefinition, match=sentence) as caught:
        parse_sql_body(text, name="mine")

    assert "\n" not in str(caught.value)


def test_a_query_needs_a_name() -> None:
    with pytest.raises(InvalidDefinition, match="--sql needs a name"):
        parse_sql_body("select 1", name=None)


def test_an_error_of_the_query_is_duckdbs_own_with_the_line_of_the_cell() -> None:
    with pytest.raises(QueryFailed, match=r"^SQL of asset 'mine', line 3 of the cell: Binder Error: .*nope") as caught:
        call_of("select\n  nope\nfrom raw")(None, raw=pa.table({"a": [1]}))

    assert "\n" not in str(caught.value)


def test_what_is_no_table_is_refused_by_name() -> None:
    with pytest.raises(QueryFailed, match="reads 'raw', which is a int; a table is pandas, polars"):
        call_of("from raw")(None, raw=3)


class Canceling:
    """A context that is asked to stop as soon as somebody wants to know."""

    def __init__(self) -> None:
        self.timer: threading.Timer | None = None

    def on_cancel(self, callback: Callable[[], None]) -> Callable[[], None]:
        self.timer = threading.Timer(0.2, callback)
        self.timer.start()
        return self.timer.cancel


def test_canceling_stops_a_running_query() -> None:
    call = call_of("select count(*) from range(10_000_000) a, range(1_000_000) b where a.range * b.range % 7 = 3")

    with pytest.raises(Interrupted, match="The query of asset 'mine' was stopped"):
        call(Canceling())
