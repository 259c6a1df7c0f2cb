"""What every IO manager promises: values come back as they were, the newest counts, absence is said."""

from __future__ import annotations

import datetime
import decimal
import functools
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from jobkernel.errors import MissingUpstream
from jobkernel.values.io import (
    FilesystemIOManager,
    IOManager,
    StoreIOManager,
    build_input_context,
    build_output_context,
)
from jobkernel.values.memory import MemoryValues
from jobkernel.values.signing import Signer
from jobkernel.values.store import ValueStore

SIGNER = Signer.temporary()


def local_store(folder: Path) -> IOManager:
    return StoreIOManager(ValueStore(folder, SIGNER))


def remote_store(folder: Path) -> IOManager:
    return StoreIOManager(ValueStore(f"memory://{folder.name}", SIGNER))


def filesystem(folder: Path) -> IOManager:
    return FilesystemIOManager(folder, signer=SIGNER)


def memory(folder: Path) -> IOManager:
    return StoreIOManager(_memory_of(folder))


@functools.cache
def _memory_of(folder: Path) -> MemoryValues:
    return MemoryValues()


MANAGERS = [local_store, remote_store, filesystem, memory]


@pytest.fixture(params=MANAGERS, ids=lambda make: make.__name__)
def open_manager(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[], IOManager]]:
    """Opening twice stands for two kernels (the memory manager knows only one)."""
    opened: list[IOManager] = []

    def open_one() -> IOManager:
        opened.append(request.param(tmp_path / "values"))
        return opened[-1]

    yield open_one
    for manager in opened:
        if isinstance(manager, StoreIOManager) and isinstance(manager.store, ValueStore):
            manager.store.close()


@dataclass
class Point:
    x: float
    tags: list[str] = field(default_factory=list)


def a_closure(step: int) -> Callable[[int], int]:
    return lambda number: number + step


class Holder:
    """Something that pickles by value and holds a closure."""

    def __init__(self, step: int) -> None:
        self.add = a_closure(step)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Holder) and self.add(1) == other.add(1)

    def __hash__(self) -> int:
        return 0


def same(left: Any, right: Any) -> bool:
    """Whether two values are of one type and equal, tables by their own exact comparison."""
    if type(left) is not type(right):
        return False
    if isinstance(left, pd.DataFrame):
        pd.testing.assert_frame_equal(left, right, check_freq=True)
        return bool(left.attrs == right.attrs)
    if isinstance(left, pd.Series):
        pd.testing.assert_series_equal(left, right, check_freq=True)
        return True
    if isinstance(left, pl.LazyFrame):
        return same(left.collect(), right.collect())
    if isinstance(left, pl.DataFrame | pl.Series):
        dtypes = (left.schema, right.schema) if isinstance(left, pl.DataFrame) else (left.dtype, right.dtype)
        return dtypes[0] == dtypes[1] and bool(left.equals(right))
    if isinstance(left, pa.Table | pa.RecordBatch):
        return bool(left.schema.equals(right.schema, check_metadata=True) and left.equals(right))
    if isinstance(left, np.ndarray):
        return left.dtype == right.dtype and left.shape == right.shape and left.tobytes() == right.tobytes()
    if isinstance(left, float) and math.isnan(left):
        return math.isnan(right)
    return bool(left == right)


DAYS = pd.date_range("2024-01-01", periods=3, freq="D")
VALUES: dict[str, Any] = {
    "None": None,
    "True": True,
    "int": 7,
    "huge int": 10**400,
    "float": 0.1,
    "minus zero": -0.0,
    "NaN": float("nan"),
    "infinity": float("inf"),
    "text": "naïve ☃",
    "long text": "x" * 300_000,
    "lone surrogate": "a\ud800b",
    "bytes": b"\x00\xff",
    "list": [1, [2.5, None], {"a": "b"}],
    "long list": list(range(50_000)),
    "dict": {"b": 1, "a": [True, {"c": None}]},
    "tuple": (1, (2, 3)),
    "list holding a tuple": [(1, 2)],
    "int keys": {1: "a", 2: "b"},
    "set": {1, 2, 3},
    "dataclass": Point(1.5, ["a"]),
    "closure in an object": Holder(3),
    "datetime": datetime.datetime(2024, 1, 1, tzinfo=datetime.UTC),
    "decimal": decimal.Decimal("1.10"),
    "class": Point,
    "numpy": np.arange(6, dtype="int16").reshape(2, 3),
    "numpy fortran": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    "numpy structured": np.array([(1, 2.5)], dtype=[("a", "i4"), ("b", "f8")]),
    "numpy 0-d": np.array(3),
    "numpy texts": np.array(["a", "bc"]),
    "numpy times": np.array(["2024-01-01"], dtype="datetime64[D]"),
    "numpy empty": np.zeros((0, 3)),
    "numpy scalar": np.float32(1.5),
    "pandas": pd.DataFrame({"n": [1, 2, 3], "s": ["a", None, "c"], "f": [0.5, float("nan"), 1.0]}),
    "pandas nullable": pd.DataFrame(
        {"i": pd.array([1, None], dtype="Int64"), "b": pd.array([True, None], dtype="boolean")}
    ),
    "pandas categories": pd.DataFrame({"c": pd.Categorical(["b", "a"], categories=["c", "b", "a"], ordered=True)}),
    "pandas int categories": pd.DataFrame({"c": pd.Categorical([3, None, 1], categories=[1, 2, 3])}),
    "pandas zoned": pd.DataFrame({"t": DAYS.tz_localize("Europe/Berlin")}),
    "pandas seconds": pd.DataFrame({"t": pd.array(["2024-01-01"], dtype="datetime64[s]")}),
    "pandas index": pd.DataFrame({"n": [1, 2, 3]}, index=pd.Index(["x", "y", "z"], name="key")),
    "pandas object index": pd.DataFrame({"n": [1]}, index=pd.Index(["x"], dtype=object)),
    "pandas frequency": pd.DataFrame({"n": [1, 2, 3]}, index=DAYS),
    "pandas multi-index": pd.DataFrame({"n": [1, 2]}, index=pd.MultiIndex.from_tuples([("a", 1), ("b", 2)])),
    "pandas int columns": pd.DataFrame(np.eye(2)),
    "pandas mixed columns": pd.DataFrame([[1, 2]], columns=["a", 5]),
    "pandas multi-columns": pd.DataFrame([[1, 2]], columns=pd.MultiIndex.from_tuples([("a", 1), ("b", 2)])),
    "pandas twin columns": pd.DataFrame([[1, 2]], columns=["a", "a"]),
    "pandas object texts": pd.DataFrame({"o": pd.Series(["a", None, "b"], dtype=object)}),
    "pandas object NaN": pd.DataFrame({"o": pd.Series(["a", float("nan")], dtype=object)}),
    "pandas object mixed": pd.DataFrame({"o": pd.Series(["a", 1, [2]], dtype=object)}),
    "pandas python strings": pd.DataFrame({"s": pd.array(["a", None], dtype="string[python]")}),
    "pandas complex": pd.DataFrame({"z": [1j]}),
    "pandas period": pd.DataFrame({"p": pd.period_range("2024", periods=2, freq="M")}),
    "pandas empty": pd.DataFrame(),
    "pandas no rows": pd.DataFrame({"a": pd.Series([], dtype="int32"), "o": pd.Series([], dtype=object)}),
    "pandas series": pd.Series([1, 2], name="n", index=["a", "b"]),
    "pandas series unnamed": pd.Series(["x", None]),
    "polars": pl.DataFrame({"a": [1, None], "s": ["x", "y"], "l": [[1], []]}),
    "polars enum": pl.DataFrame({"e": pl.Series(["x", "y"], dtype=pl.Enum(["y", "x", "z"]))}),
    "polars categories": pl.DataFrame({"c": pl.Series(["x", "y"], dtype=pl.Categorical)}),
    "polars zoned": pl.DataFrame({"t": pl.Series([datetime.datetime(2024, 1, 1)]).dt.replace_time_zone("Asia/Tokyo")}),  # noqa: DTZ001
    "polars struct": pl.DataFrame({"s": [{"x": 1, "y": "a"}]}),
    "polars empty struct": pl.DataFrame({"s": pl.Series([{}], dtype=pl.Struct([]))}),
    "polars empty": pl.DataFrame(),
    "polars no rows": pl.DataFrame(schema={"a": pl.Int8, "b": pl.String}),
    "polars series": pl.Series("n", [1, 2, None]),
    "polars lazy": pl.LazyFrame({"a": [3, 4]}).filter(pl.col("a") > 3),
    "arrow": pa.table({"a": [1, None], "s": ["x", "y"]}),
    "arrow metadata": pa.table({"a": [1]}).replace_schema_metadata({"k": "v"}),
    "arrow dictionary": pa.table({"d": pa.array([5, 6, 5]).dictionary_encode()}),
    "arrow seconds": pa.table({"t": pa.array([1], pa.timestamp("s")), "u": pa.array([1], pa.time32("s"))}),
    "arrow twin columns": pa.Table.from_arrays([pa.array([1]), pa.array(["x"])], names=["a", "a"]),
    "arrow map": pa.table({"m": pa.array([[("a", 1)]], pa.map_(pa.string(), pa.int64()))}),
    "arrow union": pa.table(
        {"u": pa.UnionArray.from_sparse(pa.array([0, 1], pa.int8()), [pa.array([1, 2]), pa.array(["a", "b"])])}
    ),
    "arrow batch": pa.record_batch({"a": [1, 2]}),
    "arrow no columns": pa.table({}),
}


@pytest.mark.parametrize("name", VALUES)
def test_a_value_comes_back_as_it_was(open_manager: Callable[[], IOManager], name: str) -> None:
    # given a value that one kernel stored, and read again from its own memory
    value = VALUES[name]
    writer = open_manager()
    writer.handle_output(build_output_context(asset_key=["sales", "orders"]), value)
    # when it is read there, and in another kernel
    from_memory = writer.load_input(build_input_context(asset_key=["sales", "orders"]))
    from_disk = open_manager().load_input(build_input_context(asset_key=["sales", "orders"]))
    # then both are what was stored
    assert same(value, from_memory)
    assert same(value, from_disk)


@pytest.mark.parametrize("name", ["None", "dict", "dataclass", "numpy", "pandas", "long text"])
def test_an_output_of_a_step_comes_back(open_manager: Callable[[], IOManager], name: str) -> None:
    written = build_output_context(step_key="clean", name="result", run_id="run-1")
    manager = open_manager()
    manager.handle_output(written, VALUES[name])
    if isinstance(manager, StoreIOManager):
        manager.store.flush("run-1")
    for reader in (manager, open_manager()):
        assert same(VALUES[name], reader.load_input(build_input_context(upstream_output=written)))


def test_runs_steps_outputs_and_mapping_keys_keep_apart(open_manager: Callable[[], IOManager]) -> None:
    manager = open_manager()
    contexts = [
        build_output_context(step_key=step, name=name, run_id=run, mapping_key=mapping)
        for run in ("r1", "r2")
        for step in ("s", "S", "s/x", "..")
        for name, mapping in (("result", None), ("each", "m"), ("each", "n"))
    ]
    for number, context in enumerate(contexts):
        manager.handle_output(context, number if number % 2 else [number])
    for number, context in enumerate(contexts):
        expected = number if number % 2 else [number]
        assert manager.load_input(build_input_context(upstream_output=context)) == expected


@pytest.mark.parametrize("name", ["numpy", "None", "pandas", "dict", "long text", "tuple"])
def test_a_newer_value_replaces_the_last_whatever_its_type(open_manager: Callable[[], IOManager], name: str) -> None:
    manager = open_manager()
    context = build_output_context(asset_key="report")
    for before in ("polars", "dict", "dataclass", name):
        manager.handle_output(build_output_context(asset_key="report"), VALUES[before])
    for reader in (manager, open_manager()):
        assert same(VALUES[name], reader.load_input(build_input_context(asset_key=context.asset_key)))


def test_partitions_are_apart_and_several_come_as_a_dict(open_manager: Callable[[], IOManager]) -> None:
    manager = open_manager()
    for day in ("2024-01-01", "2024-01-02"):
        manager.handle_output(build_output_context(asset_key="daily", partition_key=day), {"day": day})
    one = build_input_context(asset_key="daily", partition_key="2024-01-02")
    assert manager.load_input(one) == {"day": "2024-01-02"}
    both = build_input_context(
        asset_key="daily", asset_partition_key_range=_range("2024-01-01", "2024-01-02"), asset_partitions_def=_Days()
    )
    assert manager.load_input(both) == {day: {"day": day} for day in ("2024-01-01", "2024-01-02")}


def _range(start: str, end: str) -> Any:
    from jobkernel.model.partition_range import PartitionKeyRange

    return PartitionKeyRange(start, end)


class _Days:
    def get_partition_keys_in_range(self, given: Any) -> list[str]:
        return [given.start, given.end]


def test_a_value_that_was_never_made_is_said_in_a_sentence(open_manager: Callable[[], IOManager]) -> None:
    with pytest.raises(MissingUpstream, match=r"[Mm]aterialize it"):
        open_manager().load_input(build_input_context(asset_key="absent"))
