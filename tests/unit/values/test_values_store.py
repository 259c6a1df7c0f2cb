"""The default store: addresses, records, small outputs, the cache, the key, pruning."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from waiting import eventually

from jobkernel.errors import MissingUpstream, UnverifiedPickle, ValueNotWritten
from jobkernel.values.addresses import AssetAddress, OutputAddress, asset_path, output_path, safe_name
from jobkernel.values.cache import ValueCache
from jobkernel.values.encoded import Kept, itself
from jobkernel.values.memory import MemoryValues
from jobkernel.values.pruning import Keep
from jobkernel.values.signing import KEY_VARIABLE, read_or_make_key
from jobkernel.values.store import ValueStore


@given(st.lists(st.text(min_size=1), min_size=2, max_size=2, unique=True))
def test_two_names_never_share_a_file_name_even_where_case_is_ignored(names: list[str]) -> None:
    first, second = map(safe_name, names)
    assert first.lower() != second.lower()


@given(st.text(min_size=1))
def test_a_file_name_is_short_and_safe(name: str) -> None:
    made = safe_name(name)
    assert 0 < len(made.encode()) <= 100
    assert not made.startswith(".")
    assert not set(made) & set('/\\:*?"<>|\0')


@pytest.mark.parametrize(
    "key",
    [
        "orders",
        "a/b",
        "a\\/b",
        "Orders",
        "ORDERS",
        "😀",
        "x" * 5000,
        "/".join(["deep"] * 300),
        "..",
        ".",
        "a/../b",
        "con",
        "a b",
        "~",
        "é",
        "e\u0301",
    ],
)
def test_odd_keys_are_stored_apart(tmp_path: Path, key: str) -> None:
    store = ValueStore(tmp_path)
    others = [AssetAddress("other"), AssetAddress("a"), AssetAddress("a", "b"), AssetAddress("a", "value")]
    for number, address in enumerate(others):
        store.put(address, number)
    store.put(AssetAddress(key), "mine")
    store.put(AssetAddress(key, key), "my partition")
    fresh = ValueStore(tmp_path)
    assert [fresh.get(address) for address in others] == [0, 1, 2, 3]
    assert (fresh.get(AssetAddress(key)), fresh.get(AssetAddress(key, key))) == ("mine", "my partition")


def test_plain_names_make_readable_paths() -> None:
    assert asset_path(AssetAddress("sales/orders")) == "assets/sales/orders/value"
    assert asset_path(AssetAddress("orders", "2024-01-01")) == "assets/orders/2024-01-01"
    assert output_path(OutputAddress("0b1c", "clean.rows", "result")) == "runs/0b1c/clean.rows/result"


def test_the_data_version_follows_the_content_alone(tmp_path: Path) -> None:
    store = ValueStore(tmp_path)
    for value, other in [(1, 2), ({"a": 1}, {"a": 2}), (np.arange(3), np.arange(4)), (b"a", b"b"), ((1,), (2,))]:
        first = store.put(AssetAddress("a"), value)
        again = ValueStore(tmp_path).put(AssetAddress("b"), value)
        assert first.data_version == again.data_version
        assert store.put(AssetAddress("a"), other).data_version != first.data_version


def test_what_is_known_of_a_stored_value_is_known_to_another_kernel(tmp_path: Path) -> None:
    stored = ValueStore(tmp_path).put(AssetAddress("a"), np.arange(100))
    assert stored.path is not None
    assert Path(stored.path).stat().st_size == stored.bytes
    assert ValueStore(tmp_path).stored(AssetAddress("a")) == stored
    assert ValueStore(tmp_path).stored(AssetAddress("b")) is None


def test_another_kernel_s_newer_value_is_seen_at_once(tmp_path: Path) -> None:
    mine, theirs = ValueStore(tmp_path), ValueStore(tmp_path)
    for number in range(20):
        mine.put(AssetAddress("a"), [number])
        assert mine.get(AssetAddress("a")) == [number]
        theirs.put(AssetAddress("a"), [-number])
        assert mine.get(AssetAddress("a")) == [-number]


@pytest.mark.parametrize("value", [None, 1, {"a": [1]}, np.arange(3), (1, 2)], ids=repr)
@pytest.mark.parametrize("address", [AssetAddress("a"), OutputAddress("r", "s")], ids=["asset", "output"])
def test_a_deleted_value_is_gone_for_good(tmp_path: Path, address: Any, value: Any) -> None:
    store = ValueStore(tmp_path)
    store.put(address, value)
    store.flush()
    assert store.exists(address)
    store.delete(address)
    store.flush()
    for reader in (store, ValueStore(tmp_path)):
        assert not reader.exists(address)
        with pytest.raises(MissingUpstream, match="never made, or was pruned"):
            reader.get(address)
    store.close()


def test_a_small_output_is_written_behind_without_a_flush(tmp_path: Path) -> None:
    store = ValueStore(tmp_path)
    store.put(OutputAddress("run", "step"), 7)
    assert store.get(OutputAddress("run", "step")) == 7
    eventually(lambda: ValueStore(tmp_path).exists(OutputAddress("run", "step")))
    store.close()


def test_a_thousand_small_outputs_make_one_file(tmp_path: Path) -> None:
    store = ValueStore(tmp_path)
    addresses = [OutputAddress("run", f"step_{number}") for number in range(1000)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda address: store.put(address, address.step_key), addresses))
    store.flush("run")
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["small.jsonl"]
    fresh = ValueStore(tmp_path)
    assert [fresh.get(address) for address in addresses] == [address.step_key for address in addresses]
    store.close()


@pytest.mark.parametrize(
    "values", [(1, np.arange(3)), (np.arange(3), 1), ([1], [2]), (1, "x" * 10_000, 2, (3,))], ids=repr
)
def test_a_retried_step_s_newest_output_counts_small_or_large(tmp_path: Path, values: tuple[Any, ...]) -> None:
    store = ValueStore(tmp_path)
    for value in values:
        store.put(OutputAddress("run", "step"), value)
        store.flush("run")
        for reader in (store, ValueStore(tmp_path)):
            assert repr(reader.get(OutputAddress("run", "step"))) == repr(value)
    store.close()


def test_a_line_cut_short_by_a_kill_loses_nothing_else(tmp_path: Path) -> None:
    store = ValueStore(tmp_path)
    store.put(OutputAddress("run", "before"), 1)
    store.flush()
    with open(tmp_path / "runs/run/small.jsonl", "ab") as file:
        file.write(b'["torn","resu')
    store.put(OutputAddress("run", "after"), 2)
    store.flush()
    fresh = ValueStore(tmp_path)
    assert (fresh.get(OutputAddress("run", "before")), fresh.get(OutputAddress("run", "after"))) == (1, 2)
    store.close()


def test_a_worker_s_small_outputs_are_found_by_a_kernel_that_looked_before(tmp_path: Path) -> None:
    kernel, worker = ValueStore(tmp_path), ValueStore(tmp_path)
    worker.put(OutputAddress("run", "one"), 1)
    worker.flush()
    assert kernel.get(OutputAddress("run", "one")) == 1
    assert not kernel.exists(OutputAddress("run", "two"))
    worker.put(OutputAddress("run", "two"), 2)
    worker.flush()
    assert kernel.get(OutputAddress("run", "two")) == 2
    worker.close()


def test_many_runs_do_not_stay_in_memory(tmp_path: Path) -> None:
    store = ValueStore(tmp_path)
    for number in range(200):
        store.put(OutputAddress(f"run-{number}", "step"), number)
        store.flush(f"run-{number}")
    assert store._small is not None
    assert len(store._small._runs) <= 65
    assert [store.get(OutputAddress(f"run-{number}", "step")) for number in range(200)] == list(range(200))
    store.close()


def test_the_writer_stops_with_the_store(tmp_path: Path) -> None:
    store = ValueStore(tmp_path)
    store.put(OutputAddress("run", "step"), 1)
    assert store._small is not None
    writer = store._small._writer
    assert writer is not None
    store.close()
    assert not writer.is_alive()


def test_the_cache_stays_under_its_budget_and_the_least_used_goes_first() -> None:
    cache = ValueCache(budget=3000)
    for name in "abc":
        cache.keep(name, Kept(name, itself, 700), None)
    cache.find("a")
    cache.keep("d", Kept("d", itself, 700), None)
    assert [name for name in "abcd" if cache.find(name) is not None] == ["a", "c", "d"]
    cache.keep("huge", Kept("huge", itself, 5000), None)
    assert cache.find("huge") is None
    assert cache.size <= 3000
    cache.keep("a", Kept("a", itself, 100), None)
    for name in "abcd":
        cache.forget(name)
    assert cache.size == 0


def test_the_key_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    place = tmp_path / "data" / "pickle.key"
    with ThreadPoolExecutor(8) as pool:
        keys = set(pool.map(lambda _: read_or_make_key(place), range(32)))
    assert len(keys) == 1
    assert stat.S_IMODE(place.stat().st_mode) == 0o600
    assert stat.S_IMODE(place.parent.stat().st_mode) == 0o700
    assert [path.name for path in place.parent.iterdir()] == ["pickle.key"]


def test_two_processes_that_start_at_once_use_one_key(tmp_path: Path) -> None:
    script = (
        "import pathlib, sys; from jobkernel.values.signing import read_or_make_key;"
        "print(read_or_make_key(pathlib.Path(sys.argv[1])).hex())"
    )
    place = str(tmp_path / "data" / "pickle.key")
    processes = [
        subprocess.Popen([sys.executable, "-c", script, place], stdout=subprocess.PIPE, text=True) for _ in range(4)
    ]
    keys = {process.communicate(timeout=60)[0].strip() for process in processes}
    assert len(keys) == 1
    assert len(keys.pop()) == 64


def test_the_key_file_can_be_named_and_signs_for_every_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KEY_VARIABLE, str(tmp_path / "mine.key"))
    ValueStore(tmp_path / "values").put(AssetAddress("a"), (1, 2))
    assert ValueStore(tmp_path / "values").get(AssetAddress("a")) == (1, 2)
    monkeypatch.setenv(KEY_VARIABLE, str(tmp_path / "other.key"))
    with pytest.raises(UnverifiedPickle, match=KEY_VARIABLE):
        ValueStore(tmp_path / "values").get(AssetAddress("a"))


def test_a_key_that_others_can_read_is_refused(tmp_path: Path) -> None:
    place = tmp_path / "pickle.key"
    place.write_bytes(os.urandom(32))
    place.chmod(0o644)
    with pytest.raises(ValueNotWritten, match=r"chmod 600"):
        read_or_make_key(place)
    place.write_bytes(b"short")
    place.chmod(0o600)
    with pytest.raises(ValueNotWritten, match="damaged"):
        read_or_make_key(place)


def test_pruning_keeps_what_it_is_told_to_keep(tmp_path: Path) -> None:
    store = ValueStore(tmp_path)
    for run in ("old", "new"):
        store.put(OutputAddress(run, "small"), 1)
        store.put(OutputAddress(run, "large"), np.arange(1000))
    for key in ("wanted", "unwanted"):
        store.put(AssetAddress(key), np.arange(1000))
    now = time.time()
    keep = Keep(runs=["new"], asset=lambda address: address.key == "wanted")
    planned = store.prune(keep, now=now, dry_run=True)
    assert store.exists(AssetAddress("unwanted"))
    before = store.size()
    assert store.prune(keep, now=now) == planned
    assert store.size() == before - planned.bytes
    fresh = ValueStore(tmp_path)
    assert [fresh.exists(OutputAddress(run, step)) for run in ("old", "new") for step in ("small", "large")] == [
        False,
        False,
        True,
        True,
    ]
    assert [fresh.exists(AssetAddress(key)) for key in ("wanted", "unwanted")] == [True, False]
    store.close()


def test_over_the_limit_the_oldest_runs_go_first_and_active_ones_stay(tmp_path: Path) -> None:
    store = ValueStore(tmp_path)
    for age, run in enumerate(["a", "b", "c"]):
        path = store.put(OutputAddress(run, "step"), np.arange(1000)).path
        assert path is not None
        for file in Path(path).parent.iterdir():
            os.utime(file, (1000 + age, 1000 + age))
    limit = store.size() // 3 + 100
    store.prune(Keep(limit=limit, active=["a"]), now=time.time())
    assert [ValueStore(tmp_path).exists(OutputAddress(run, "step")) for run in "abc"] == [True, False, False]


def test_deleting_a_run_leaves_the_others(tmp_path: Path) -> None:
    store = ValueStore(tmp_path)
    for run in ("a", "b"):
        store.put(OutputAddress(run, "small"), 1)
        store.put(OutputAddress(run, "large"), np.arange(3))
    store.flush()
    store.delete_run("a")
    assert [store.exists(OutputAddress(run, step)) for run in "ab" for step in ("small", "large")] == [
        False,
        False,
        True,
        True,
    ]
    store.close()


def test_the_memory_keeps_the_object_itself_and_says_when_it_is_gone() -> None:
    values = MemoryValues()
    function = lambda: 1  # noqa: E731  - a value that no file could hold
    stored = values.put(AssetAddress("f"), function)
    assert values.get(AssetAddress("f")) is function
    assert (stored.format, stored.path) == ("memory", None)
    with pytest.raises(MissingUpstream, match=r"asset 'f' is kept in memory \(--io memory\).*materialize it again"):
        MemoryValues().get(AssetAddress("f"))


def test_importing_the_store_imports_nothing_heavy() -> None:
    script = (
        "import sys; import jobkernel.values.io, jobkernel.values.store, jobkernel.values.describe;"
        "heavy = 'numpy pandas polars pyarrow duckdb fsspec cloudpickle matplotlib'.split();"
        "print([name for name in heavy if name in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    assert out.strip() == "[]"


def test_a_relation_and_a_reader_come_back_as_arrow_tables(tmp_path: Path) -> None:
    store = ValueStore(tmp_path)
    with duckdb.connect() as connection:
        relation = connection.sql("select 1 as n")
        store.put(AssetAddress("relation"), relation)
        del relation
    store.put(AssetAddress("reader"), pa.table({"n": [1]}).to_reader())
    for key in ("relation", "reader"):
        assert store.get(AssetAddress(key)).to_pydict() == {"n": [1]}
        assert isinstance(ValueStore(tmp_path).get(AssetAddress(key)), pa.Table)


def test_a_value_larger_than_the_budget_is_never_copied_to_be_kept(tmp_path: Path) -> None:
    store = ValueStore(tmp_path, cache=ValueCache(budget=1000))
    large = np.arange(10_000)
    store.put(AssetAddress("a"), (1, 2))
    store.put(AssetAddress("a"), large)
    assert store._cache.size == 0
    assert store.get(AssetAddress("a")).tolist() == large.tolist()


def test_a_put_after_its_run_was_dropped_from_memory_is_kept(tmp_path: Path) -> None:
    store = ValueStore(tmp_path)
    store.put(OutputAddress("run", "one"), 1)
    store.forget_run("run")
    store.put(OutputAddress("run", "two"), 2)
    store.flush()
    for reader in (store, ValueStore(tmp_path)):
        assert [reader.get(OutputAddress("run", step)) for step in ("one", "two")] == [1, 2]
    store.close()


def test_threads_that_store_under_one_address_leave_one_whole_value(tmp_path: Path) -> None:
    store = ValueStore(tmp_path)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: store.put(AssetAddress("a"), np.full(1000, number)), range(100)))
    for reader in (store, ValueStore(tmp_path)):
        assert len(set(reader.get(AssetAddress("a")).tolist())) == 1
