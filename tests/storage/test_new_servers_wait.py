"""A server that comes after another starts nothing until the kernels with open runs have said what they hold."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from jobkernel.clock import ManualClock
from jobkernel.model.events import Event
from jobkernel.storage.deaths import open_runs
from jobkernel.storage.desk import Desk
from jobkernel.storage.encoding import stored
from jobkernel.storage.process import this_process
from jobkernel.storage.store import Batch, Store


class Kernel:
    """A kernel's connection that writes down what it is told."""

    def __init__(self, name: str) -> None:
        self.who = this_process(name, name, f"{name}.ipynb")
        self.number = 0
        self.told: list[str] = []

    def push(self, name: str, **fields: Any) -> None:
        """Take what is told."""
        if name in ("admitted", "slot"):
            self.told.append(f"{name} {fields['run_id']}")

    def come(self, desk: Desk, *runs: dict[str, Any]) -> None:
        """Connect, with the runs that it holds."""
        self.number = desk.store.register(self.who, 1)[0]
        desk.join(self, runs=runs)


def enqueued(desk: Desk, kernel: Kernel, run_id: str, *, started: bool) -> None:
    events = [Event("RUN_ENQUEUED", run_id, None, 1, {"job_name": "j"})]
    events += [Event("RUN_START", run_id, None, 2, {})] if started else []
    desk.committer.call(lambda: desk.take(Batch(kernel.number, 1, [stored(event) for event in events])))


def held(run_id: str, *, admitted: bool, granted: bool | None = None) -> dict[str, Any]:
    slot = {"step": {"pool": "db", "priority": 0, "granted": granted}}
    return {"run_id": run_id, "priority": 0, "admitted": admitted, "slots": slot if granted is not None else {}}


@pytest.fixture
def reopened(tmp_path: Path) -> tuple[Desk, Kernel, Kernel]:
    """The history of two kernels with a run each, under a limit of one of all, opened by a new server."""
    one, other = Kernel("one"), Kernel("other")
    desk = Desk(Store.open(str(tmp_path / "h.duckdb")), ManualClock(), None)
    one.come(desk)
    other.come(desk)
    desk.handle(one, "set_setting", {"name": "pools", "value": {"db": 1}})
    enqueued(desk, one, "first", started=True)
    enqueued(desk, other, "second", started=True)
    desk.close()
    desk = Desk(Store.open(str(tmp_path / "h.duckdb")), ManualClock(), None)
    for _, who, runs in open_runs(desk):
        desk.resume(who, runs)
    return desk, one, other


def test_a_slot_is_not_given_twice_while_its_holder_is_not_back(reopened: tuple[Desk, Kernel, Kernel]) -> None:
    desk, one, other = reopened

    other.come(desk, held("second", admitted=True, granted=False))
    assert other.told == []
    one.come(desk, held("first", admitted=True, granted=True))

    assert other.told == []
    desk.handle(one, "release_slot", {"run_id": "first", "step_key": "step", "pool": "db"})
    assert other.told == ["slot second"]
    desk.close()


def test_the_death_of_a_holder_ends_the_waiting(reopened: tuple[Desk, Kernel, Kernel]) -> None:
    desk, one, other = reopened
    other.come(desk, held("second", admitted=True, granted=False))

    one.number = desk.store.register(one.who, 1)[0]
    desk.bury(one.who.client_id, one.number, "one.ipynb")

    assert other.told == ["slot second"]
    desk.close()


def test_after_a_while_nobody_is_waited_for(reopened: tuple[Desk, Kernel, Kernel]) -> None:
    desk, _, other = reopened
    other.come(desk, held("second", admitted=True, granted=False), held("third", admitted=False))
    assert other.told == []

    desk.await_no_more()

    assert other.told == ["slot second", "admitted third"]
    desk.close()
