"""A run that was admitted while its kernel was not connected is told so when the kernel is back."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from jobkernel.clock import ManualClock
from jobkernel.storage.desk import Desk
from jobkernel.storage.process import this_process
from jobkernel.storage.store import Store


class Connection:
    """A client's connection that writes down what it is told."""

    def __init__(self, desk: Desk, client: Any, runs: tuple[dict[str, Any], ...] = ()) -> None:
        self.who, self.number = client
        self.told: list[str] = []
        desk.join(self, runs=runs)

    def push(self, name: str, **fields: Any) -> None:
        """Take what is told."""
        if name == "admitted":
            self.told.append(fields["run_id"])


@pytest.fixture
def desk() -> Iterator[Desk]:
    desk = Desk(Store.open(":memory:"), ManualClock(), None)
    yield desk
    desk.close()


@pytest.fixture
def client(desk: Desk) -> Any:
    """One kernel, which may connect more than once."""
    who = this_process("kernel", "k", "n.ipynb")
    return who, desk.store.register(who, 1)[0]


def waiting(run_id: str) -> dict[str, Any]:
    return {"run_id": run_id, "priority": 0, "tags": {}, "admitted": False}


def test_an_admission_that_nobody_heard_is_told_after_the_reconnect(desk: Desk, client: Any) -> None:
    first = Connection(desk, client)
    desk.handle(first, "set_setting", {"name": "max_concurrent_runs", "value": 1})
    assert desk.handle(first, "submit_runs", {"runs": [{"run_id": "r1"}]})["admitted"]
    assert not desk.handle(first, "submit_runs", {"runs": [{"run_id": "r2"}]})["admitted"]
    desk.leave(first)
    desk.handle(first, "release_run", {"run_id": "r1"})
    assert list(desk.queue.running) == ["r2"]

    again = Connection(desk, client, (waiting("r2"),))

    assert again.told == ["r2"]
    assert first.told == []


def test_a_run_that_waits_on_is_not_told_at_a_reconnect(desk: Desk, client: Any) -> None:
    first = Connection(desk, client)
    desk.handle(first, "set_setting", {"name": "max_concurrent_runs", "value": 1})
    desk.handle(first, "submit_runs", {"runs": [{"run_id": "r1"}]})
    desk.handle(first, "submit_runs", {"runs": [{"run_id": "r2"}]})
    desk.leave(first)

    again = Connection(desk, client, ({**waiting("r1"), "admitted": True}, waiting("r2")))

    assert again.told == []
    desk.handle(again, "release_run", {"run_id": "r1"})
    assert again.told == ["r2"]
