"""The values folder follows the history: outputs of forgotten runs go, those over the limit too, assets stay."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import numpy
import pytest
from waiting import eventually

from jobkernel.clock import SystemClock
from jobkernel.engine import upkeep
from jobkernel.engine.upkeep import Upkeep, prune_values
from jobkernel.executors.stored import StoredValues
from jobkernel.model.events import Event
from jobkernel.storage.history import LocalHistory
from jobkernel.values.addresses import AssetAddress, OutputAddress
from jobkernel.values.store import ValueStore

HOUR_S = 3600


@pytest.fixture
def history() -> Iterator[LocalHistory]:
    history = LocalHistory(clock=SystemClock())
    yield history
    history.close()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[ValueStore]:
    store = ValueStore(tmp_path / "values")
    yield store
    store.close()


def an_ended_run(history: LocalHistory, run_id: str) -> None:
    now = time.time_ns() // 1000
    for word in ("RUN_ENQUEUED", "RUN_START", "RUN_SUCCESS"):
        history.emit(Event(word, run_id, None, now, {"job_name": "j", "steps": [], "assets": []}))
    history.flush()


def an_output(store: ValueStore, run_id: str, size: int = 100) -> None:
    store.put(OutputAddress(run_id, "step", "result"), numpy.zeros(size))
    store.flush()


def aged(folder: Path, age_s: float) -> Path:
    then = time.time() - age_s
    for path in folder.rglob("*"):
        if path.is_file():
            os.utime(path, (then, then))
    return folder


def test_outputs_of_runs_that_the_history_forgot_go_and_all_others_stay(
    history: LocalHistory, store: ValueStore, tmp_path: Path
) -> None:
    an_ended_run(history, "kept")
    store.put(AssetAddress("a"), 1)
    folders = {name: tmp_path / "values" / "runs" / name for name in ("kept", "gone", "young")}
    for name, age_s in (("kept", 9 * HOUR_S), ("gone", 9 * HOUR_S), ("young", 60)):
        an_output(store, name)
        aged(folders[name], age_s)
    counted = prune_values(history, StoredValues(store), SystemClock(), dry_run=True)
    assert all(any(folder.rglob("*")) for folder in folders.values())
    assert prune_values(history, StoredValues(store), SystemClock()) == counted
    left = {name for name, folder in folders.items() if any(each.is_file() for each in folder.rglob("*"))}
    assert left == {"kept", "young"}
    assert store.get(AssetAddress("a")) == 1


def test_values_over_their_limit_lose_the_outputs_of_the_oldest_run(
    history: LocalHistory, store: ValueStore, tmp_path: Path
) -> None:
    for number, name in enumerate(("oldest", "newest")):
        an_ended_run(history, name)
        an_output(store, name, size=10_000)
        aged(tmp_path / "values" / "runs" / name, (9 - number) * HOUR_S)
    history.request("set_setting", name="values_limit", value=store.size() - 1)
    assert prune_values(history, StoredValues(store), SystemClock()).files > 0
    assert not store.exists(OutputAddress("oldest", "step", "result"))
    assert store.exists(OutputAddress("newest", "step", "result"))


def test_a_session_prunes_in_the_background(
    history: LocalHistory, store: ValueStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upkeep, "FIRST_S", 0.01)
    an_output(store, "gone")
    folder = aged(tmp_path / "values" / "runs" / "gone", 9 * HOUR_S)
    keeping = Upkeep(history, StoredValues(store), SystemClock())
    try:
        assert eventually(lambda: not any(path.is_file() for path in folder.rglob("*")))
    finally:
        keeping.close()
