"""Nobody can change a stored value: not its producer after returning it, not a reader, not through a sibling."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobkernel.values.addresses import Address, AssetAddress, OutputAddress
from jobkernel.values.cache import ValueCache
from jobkernel.values.signing import Signer
from jobkernel.values.store import ValueStore

ASSET, OUTPUT = AssetAddress("a"), OutputAddress("run", "step")


@dataclass
class Box:
    items: list[int] = field(default_factory=lambda: [1, 2])


def a_frame() -> pd.DataFrame:
    frame = pd.DataFrame(
        {
            "n": [1, 2, 3],
            "f": [0.5, 1.5, 2.5],
            "s": ["x", "y", "z"],
            "i": pd.array([1, None, 3], dtype="Int64"),
            "c": pd.Categorical(["u", "v", "u"]),
            "t": pd.date_range("2024", periods=3, tz="UTC"),
            "o": pd.Series(["p", "q", None], dtype=object),
        }
    )
    frame.attrs = {"k": [1]}
    return frame


def set_item(key: Any, value: Any) -> Callable[[Any], None]:
    return lambda held: held.__setitem__(key, value)


PANDAS = {
    "column": set_item("n", 9),
    "loc": lambda f: f.loc.__setitem__((0, "n"), 9),
    "iloc": lambda f: f.iloc.__setitem__((0, 0), 9),
    "at": lambda f: f.at.__setitem__((0, "s"), "w"),
    "array": lambda f: f["n"].array.__setitem__(0, 9),
    "masked array": lambda f: f["i"].array.__setitem__(0, 9),
    "masked values": lambda f: f["i"].values.__setitem__(0, 9),
    "below the mask": lambda f: f["i"].array._data.__setitem__(0, 9),
    "category": lambda f: f["c"].array.__setitem__(0, "v"),
    "category codes": lambda f: f["c"].array._ndarray.__setitem__(0, 1),
    "time": lambda f: f["t"].array.__setitem__(0, pd.Timestamp("2030", tz="UTC")),
    "object": lambda f: f["o"].array.__setitem__(0, "w"),
    "pop": lambda f: f.pop("n"),
    "insert": lambda f: f.insert(0, "q", 1),
    "rename": lambda f: setattr(f, "columns", list("abcdefg")),
    "index name": lambda f: setattr(f.index, "name", "q"),
    "attrs": lambda f: f.attrs["k"].append(2),
}
POLARS = {
    "cell": set_item((0, "n"), 9),
    "columns": lambda f: setattr(f, "columns", ["x", "y"]),
    "insert": lambda f: f.insert_column(0, pl.Series("q", [1, 2, 3])),
    "drop": lambda f: f.drop_in_place("n"),
    "extend": lambda f: f.extend(f),
    "series": lambda f: f.get_column("n").scatter(0, 9),
    "writable numpy": lambda f: f["n"].to_numpy(writable=True).__setitem__(0, 9),
}
CASES: dict[str, tuple[Callable[[], Any], Callable[[Any], Any]]] = {
    **{f"pandas {name}": (a_frame, change) for name, change in PANDAS.items()},
    **{
        f"polars {name}": (lambda: pl.DataFrame({"n": [1, 2, 3], "s": ["x", "y", "z"]}), change)
        for name, change in POLARS.items()
    },
    "polars series": (lambda: pl.Series("n", [1, 2, 3]), set_item(0, 9)),
    "pandas series": (lambda: pd.Series([1, 2, 3], name="n"), lambda s: s.array.__setitem__(0, 9)),
    "pandas objects": (lambda: pd.DataFrame({"o": [[1], [2]]}), lambda f: f["o"].iloc[0].append(9)),
    "numpy": (lambda: np.arange(3), set_item(0, 9)),
    "numpy objects": (lambda: np.array([[1], None], dtype=object), lambda a: a[0].append(9)),
    "list": (lambda: [1, [2]], lambda v: v[1].append(9)),
    "long list": (lambda: [[n] for n in range(20_000)], lambda v: v[7].append(9)),
    "dict": (lambda: {"a": {"b": 1}}, lambda v: v["a"].update(b=9)),
    "set": (lambda: {1, 2}, lambda v: v.add(9)),
    "tuple of lists": (lambda: ([1], [2]), lambda v: v[0].append(9)),
    "dataclass": (Box, lambda v: v.items.append(9)),
    "bytearray": (lambda: bytearray(b"ab"), set_item(0, 9)),
}


def fingerprint(value: Any) -> bytes:
    """What a change in place would change."""
    if isinstance(value, pl.DataFrame | pl.Series):
        return repr(value.to_dict(as_series=False) if isinstance(value, pl.DataFrame) else value.to_list()).encode()
    if isinstance(value, pd.DataFrame):
        return repr((value.to_dict(), value.index.name, list(value.columns), value.attrs)).encode()
    return repr(value.tolist() if isinstance(value, np.ndarray | pd.Series) else value).encode()


@pytest.mark.parametrize("address", [ASSET, OUTPUT], ids=["asset", "output"])
@pytest.mark.parametrize("cache", [None, ValueCache(budget=0)], ids=["cached", "not cached"])
@pytest.mark.parametrize("name", CASES)
def test_a_change_in_place_stays_with_whoever_made_it(
    tmp_path: Any, name: str, address: Address, cache: ValueCache | None
) -> None:
    make, change = CASES[name]
    store = ValueStore(tmp_path, Signer.temporary(), cache)
    produced = make()
    original = fingerprint(produced)
    store.put(address, produced)
    # when the producer changes what it returned, and a reader what it got
    change(produced)
    reader = store.get(address)
    assert fingerprint(reader) == original
    change(reader)
    # then it was a change, and nobody else sees it
    assert fingerprint(reader) != original or "numpy" in name.split() or "extend" in name
    assert fingerprint(store.get(address)) == original
    store.close()


def test_tables_made_from_a_numpy_array_do_not_share_it(tmp_path: Any) -> None:
    store = ValueStore(tmp_path)
    for name, make in {
        "polars": lambda array: pl.DataFrame({"n": array, "t": array.astype("M8[us]")}),
        "polars series": lambda array: pl.Series("n", array),
        "arrow": lambda array: pa.table({"n": array}),
        "pandas": lambda array: pd.DataFrame({"n": pd.Series(array, copy=False)}, copy=False),
    }.items():
        array = np.arange(3)
        store.put(AssetAddress(name), make(array))
        array[0] = 99
        kept = store.get(AssetAddress(name))
        first = kept["n"][0] if name != "polars series" else kept[0]
        assert (first.as_py() if name == "arrow" else first) == 0, name


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(alphabet=st.characters())
    | st.binary()
    | st.complex_numbers(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.tuples(inner, inner)
        | st.dictionaries(st.integers() | st.text() | st.booleans(), inner, max_size=3)
        | st.frozensets(st.integers(), max_size=3)
    ),
    max_leaves=10,
)


@given(value=ANYTHING)
@settings(max_examples=150, deadline=None)
def test_any_plain_value_comes_back_exactly(tmp_path_factory: pytest.TempPathFactory, value: Any) -> None:
    folder = tmp_path_factory.mktemp("values")
    signer = Signer.temporary()
    store = ValueStore(folder, signer)
    for address in (ASSET, OUTPUT):
        store.put(address, value)
        assert types_and_text(store.get(address)) == types_and_text(value)
    store.close()
    for address in (ASSET, OUTPUT):
        assert types_and_text(ValueStore(folder, signer).get(address)) == types_and_text(value)


def types_and_text(value: Any) -> Any:
    """A form in which 1, True and 1.0, or a list and a tuple, differ, and NaN equals itself."""
    if isinstance(value, dict):
        return [(types_and_text(key), types_and_text(item)) for key, item in value.items()]
    if isinstance(value, list | tuple):
        return type(value).__name__, [types_and_text(item) for item in value]
    if isinstance(value, frozenset):
        return "frozenset", sorted(value)
    return type(value).__name__, repr(value)


@given(value=JSON.filter(lambda value: isinstance(value, list | dict)), data=st.data())
@settings(max_examples=150, deadline=None)
def test_deep_changes_of_a_read_value_never_reach_the_next_reader(
    tmp_path_factory: pytest.TempPathFactory, value: Any, data: st.DataObject
) -> None:
    store = ValueStore(tmp_path_factory.mktemp("values"), Signer.temporary())
    original = pickle.dumps(copy.deepcopy(value))
    address = data.draw(st.sampled_from([ASSET, OUTPUT]))
    store.put(address, value)
    spoil(value)
    spoil(store.get(address))
    assert store.get(address) == pickle.loads(original)
    store.close()


def spoil(value: Any) -> None:
    for inner in list(value.values() if isinstance(value, dict) else value):
        if isinstance(inner, dict | list):
            spoil(inner)
    value.clear()
