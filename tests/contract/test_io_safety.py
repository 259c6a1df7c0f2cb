"""Writes happen or do not: kills, full disks, read-only folders and foreign pickles leave the last good value."""

from __future__ import annotations

import contextlib
import os
import pickle
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

from jobkernel.errors import DiskFull, UnreadableValue, UnstorableValue, UnverifiedPickle, ValueNotWritten
from jobkernel.values.addresses import AssetAddress, OutputAddress
from jobkernel.values.io import FilesystemIOManager, build_input_context, build_output_context
from jobkernel.values.pruning import LEFTOVER_AFTER, Keep
from jobkernel.values.signing import KEY_VARIABLE, Signer
from jobkernel.values.store import ValueStore

ORDERS = AssetAddress("orders")
WRITER = """
import sys, numpy as np, pandas as pd
from jobkernel.values.addresses import AssetAddress
from jobkernel.values.signing import KEY_VARIABLE, Signer
from jobkernel.values.store import ValueStore
store = ValueStore(sys.argv[1], Signer(b"k" * 32))
print("ready", flush=True)
number = 0
while True:
    number += 1
    value = pd.DataFrame({"n": np.full(200_000, number)}) if number % 2 else [number] * 50_000
    store.put(AssetAddress("orders"), value)
"""


@pytest.fixture(autouse=True)
def own_key(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep tests away from the user's key."""
    monkeypatch.setenv(KEY_VARIABLE, str(tmp_path_factory.getbasetemp() / "pickle.key"))


def test_a_kill_in_the_middle_of_writing_leaves_a_whole_value(tmp_path: Path) -> None:
    # given a value, and a process that replaces it without end
    for delay in (0.0, 0.02, 0.05, 0.09):
        ValueStore(tmp_path, Signer(b"k" * 32)).put(ORDERS, [0] * 50_000)
        process = subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path)], stdout=subprocess.PIPE)
        assert process.stdout is not None
        process.stdout.readline()
        # when it is killed at some moment
        time.sleep(delay)
        process.kill()
        process.wait()
        process.stdout.close()
        # then the value is one of those that were written, all of it
        value = ValueStore(tmp_path, Signer(b"k" * 32)).get(ORDERS)
        numbers = value["n"] if isinstance(value, pd.DataFrame) else value
        assert len(numbers) in (50_000, 200_000)
        assert len(set(numbers)) == 1


def test_leftovers_of_killed_writes_are_pruned_and_writes_in_progress_are_not(tmp_path: Path) -> None:
    store = ValueStore(tmp_path)
    path = store.put(ORDERS, np.arange(3)).path
    assert path is not None
    leftover = Path(path).with_name("value.0123456789ab.npy")
    leftover.write_bytes(b"half")
    now = leftover.stat().st_mtime
    assert store.prune(Keep(), now=now + 1).files == 0
    assert store.prune(Keep(), now=now + LEFTOVER_AFTER + 1).files == 1
    assert not leftover.exists()
    assert store.get(ORDERS).tolist() == [0, 1, 2]


def test_readers_see_the_old_value_or_the_new_one_while_it_is_replaced(tmp_path: Path) -> None:
    writer, reader = ValueStore(tmp_path), ValueStore(tmp_path)
    versions = [pl.DataFrame({"n": [0] * 1000}), np.zeros(1000), {"n": [0] * 30_000}]
    writer.put(ORDERS, versions[0])
    stop = threading.Event()

    def replace_on_and_on() -> None:
        number = 0
        while not stop.is_set():
            number += 1
            writer.put(ORDERS, versions[number % 3])

    thread = threading.Thread(target=replace_on_and_on)
    thread.start()
    try:
        seen = {type(reader.get(ORDERS)).__name__ for _ in range(200)}
    finally:
        stop.set()
        thread.join()
    assert seen <= {"DataFrame", "ndarray", "dict"}


def test_a_replaced_value_leaves_one_file_and_its_record(tmp_path: Path) -> None:
    store = ValueStore(tmp_path)
    for value in (np.arange(3), pl.DataFrame({"a": [1]}), b"raw", (1, 2), np.arange(4)):
        store.put(ORDERS, value)
    names = sorted(path.suffix for path in (tmp_path / "assets/orders").iterdir())
    assert names == [".npy", ".record"]


class Unpicklable:
    def __reduce__(self) -> Any:
        raise RuntimeError("my own trouble")


@pytest.mark.parametrize(
    ("value", "word"),
    [
        (lambda: 0, "function"),
        (os, "module"),
        ((n for n in ()), "generator"),
        (len, "function"),
        (Unpicklable(), "my own trouble"),
        (threading.Lock(), "lock"),
    ],
    ids=["function", "module", "generator", "builtin", "own error", "lock"],
)
def test_what_cannot_be_stored_is_refused_by_name_and_the_last_value_stays(
    tmp_path: Path, value: Any, word: str
) -> None:
    store = ValueStore(tmp_path)
    store.put(ORDERS, 1)
    with pytest.raises(UnstorableValue, match=rf"asset 'orders'.*{word}.*--io memory"):
        store.put(ORDERS, value)
    assert store.get(ORDERS) == 1
    assert ValueStore(tmp_path).get(ORDERS) == 1


def test_an_open_file_is_refused(tmp_path: Path) -> None:
    with open(os.devnull) as file, pytest.raises(UnstorableValue, match="an open file"):
        ValueStore(tmp_path).put(ORDERS, file)


class Explosive:
    """Unpickling it would be seen."""

    exploded = False

    def __reduce__(self) -> Any:
        return (_explode, ())


def _explode() -> None:
    Explosive.exploded = True


def test_a_pickle_of_another_key_is_never_loaded(tmp_path: Path) -> None:
    ValueStore(tmp_path, Signer.temporary()).put(ORDERS, Explosive())
    Explosive.exploded = False
    with pytest.raises(UnverifiedPickle, match="pickled by somebody else"):
        ValueStore(tmp_path, Signer.temporary()).get(ORDERS)
    assert not Explosive.exploded


def test_a_changed_pickle_is_never_loaded(tmp_path: Path) -> None:
    signer = Signer.temporary()
    path = ValueStore(tmp_path, signer).put(ORDERS, Explosive()).path
    assert path is not None
    whole = Path(path).read_bytes()
    for position in range(0, len(whole), 7):
        changed = bytearray(whole)
        changed[position] ^= 1
        Path(path).write_bytes(bytes(changed))
        Explosive.exploded = False
        with pytest.raises(UnverifiedPickle):
            ValueStore(tmp_path, signer).get(ORDERS)
        assert not Explosive.exploded


@pytest.mark.parametrize(
    "content", [b"", b"x", pickle.dumps(Explosive()), pickle.dumps(Explosive()) + b"jobkernel-sealed-1"]
)
def test_an_unsigned_pickle_is_never_loaded(tmp_path: Path, content: bytes) -> None:
    manager = FilesystemIOManager(tmp_path)
    (tmp_path / "orders").write_bytes(content)
    Explosive.exploded = False
    with pytest.raises(UnverifiedPickle, match="materialize it again"):
        manager.load_input(build_input_context(asset_key="orders"))
    assert not Explosive.exploded


def test_whoever_trusts_a_stored_pickle_can_read_it_with_pickle_alone(tmp_path: Path) -> None:
    manager = FilesystemIOManager(tmp_path)
    manager.handle_output(build_output_context(asset_key=["a", "b"]), {"n": (1, 2)})
    with open(tmp_path / "a" / "b", "rb") as file:
        assert pickle.load(file) == {"n": (1, 2)}


@pytest.mark.parametrize("name", ["../../outside", "/etc/outside", "a/../../../outside"])
def test_odd_names_stay_inside_the_folder(tmp_path: Path, name: str) -> None:
    root = tmp_path / "inside" / "values"
    manager = FilesystemIOManager(root)
    manager.handle_output(build_output_context(asset_key=[name]), 1)
    manager.handle_output(build_output_context(asset_key="k", partition_key=name), 1)
    ValueStore(root).put(AssetAddress("x", name), 1)
    written = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(written) == 3
    assert all(root in path.parents for path in written)


def test_a_damaged_file_is_said_in_a_sentence(tmp_path: Path) -> None:
    store = ValueStore(tmp_path)
    for value in (pl.DataFrame({"a": [1]}), np.arange(3), "x" * 100_000):
        path = store.put(ORDERS, value).path
        assert path is not None
        Path(path).write_bytes(b"\x00damaged")
        with pytest.raises(UnreadableValue, match=r"asset 'orders' is damaged.*materialize it again"):
            ValueStore(tmp_path).get(ORDERS)


def test_a_folder_that_cannot_be_written_is_said_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "values").write_text("a file, where the folder should be")
    store = ValueStore(tmp_path / "values")
    with pytest.raises(ValueNotWritten, match=r"cannot be written to .*values.*last good value is untouched"):
        store.put(ORDERS, 1)
    with pytest.raises(ValueNotWritten):
        store.put(ORDERS, np.arange(3))


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    mount = tmp_path / "disk"
    mount.mkdir()
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(mount)], capture_output=True, check=False
    )
    if made.returncode:
        pytest.skip(f"a small file system cannot be mounted here: {made.stderr.decode().strip()}")
    yield mount
    subprocess.run(["umount", "-l", str(mount)], check=True)


@pytest.mark.parametrize(
    "large",
    [
        pd.DataFrame({"n": np.random.default_rng(0).random(100_000)}),
        pl.DataFrame({"n": np.random.default_rng(0).random(100_000)}),
        np.random.default_rng(0).random(100_000),
        "x" * 400_000,
        b"x" * 400_000,
        (1, "x" * 400_000),
    ],
    ids=["pandas", "polars", "numpy", "text", "bytes", "pickle"],
)
def test_a_full_disk_is_said_in_a_sentence_and_the_last_value_stays(small_disk: Path, large: Any) -> None:
    store = ValueStore(small_disk)
    store.put(ORDERS, {"last": "good"})
    with pytest.raises(DiskFull, match=r"no room left.*prune"):
        store.put(ORDERS, large)
    assert store.get(ORDERS) == {"last": "good"}
    assert ValueStore(small_disk).get(ORDERS) == {"last": "good"}
    assert [path.name for path in (small_disk / "assets/orders").iterdir()] == ["value.record"]


def test_small_outputs_on_a_full_disk_are_said_at_the_flush_and_written_when_there_is_room(small_disk: Path) -> None:
    filler = small_disk / "filler"
    store = ValueStore(small_disk)
    with open(filler, "wb", buffering=0) as file, contextlib.suppress(OSError):
        while file.write(b"x" * 4096):
            pass
    store.put(OutputAddress("run", "step"), "y" * 4000)
    with pytest.raises(DiskFull, match="no room left"):
        store.flush("run")
    assert store.get(OutputAddress("run", "step")) == "y" * 4000
    filler.unlink()
    store.flush("run")
    assert ValueStore(small_disk).get(OutputAddress("run", "step")) == "y" * 4000
    store.close()


def test_a_read_only_folder_is_said_in_a_sentence(small_disk: Path) -> None:
    store = ValueStore(small_disk)
    store.put(ORDERS, 1)
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    with pytest.raises(ValueNotWritten, match="Read-only"):
        store.put(ORDERS, 2)
    assert store.get(ORDERS) == 1
