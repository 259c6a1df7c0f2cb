"""Several steps in one Dask task: what each does and what is said of it is as if it had gone alone."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from waiting import eventually

import jobkernel as jk
from jobkernel.clock import SystemClock
from jobkernel.engine.handle import RunHandle
from jobkernel.engine.opening import test_session as session_in_memory
from jobkernel.engine.session import Session
from jobkernel.executors import dask_sending
from jobkernel.executors.dask_groups import Group, Pace
from jobkernel.model.runs import Launch
from jobkernel.rules.graph_plan import plan_graph

COUNT = 8
PATIENCE_S = 60.0


@pytest.fixture(scope="module")
def session() -> Iterator[Session]:
    made = session_in_memory(SystemClock(), max_workers=2)
    yield made
    made.close()


@pytest.fixture
def sizes(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Have all that is ready go in one group for each worker, however long it takes; return how large they were."""
    found: list[int] = []
    packed = Group.packed

    def noted(group: Group) -> bytes:
        found.append(len(group.left))
        return packed(group)

    monkeypatch.setattr(Group, "packed", noted)
    monkeypatch.setattr(Pace, "together", 100)
    monkeypatch.setattr(dask_sending, "ENOUGH", -1)
    monkeypatch.setattr(dask_sending, "GATHER_S", 0.5)
    return found


def start(session: Session, body: Callable[..., Any], timeout: timedelta | None = None, **options: Any) -> RunHandle:
    """Run a body for each of the numbers below COUNT, all of them ready at once."""

    @jk.op(out=jk.DynamicOut())
    def numbers() -> Iterator[Any]:
        for number in range(COUNT):
            yield jk.DynamicOutput(number, mapping_key=f"n{number}")

    each = jk.op(name="each", **options)(body)

    @jk.job
    def mapped() -> None:
        numbers().map(each)

    plan = plan_graph(mapped.graph, mapped)
    steps = {key: replace(step, timeout=timeout) for key, step in plan.steps.items()}
    return session.launch(replace(plan, steps=steps), Launch(executor="dask"))


def ended(handle: RunHandle) -> str:
    assert handle.live.active.wait(PATIENCE_S), "the run did not end"
    return handle.status


def rows_of(session: Session, handle: RunHandle) -> dict[str, dict[str, Any]]:
    session.history.flush()
    rows = session.history.query("run_steps", run_id=handle.run_id)
    return {row["step_key"]: row for row in rows if row["step_key"] != "numbers"}


def events_of(session: Session, handle: RunHandle) -> dict[str, list[str]]:
    session.history.flush()
    found: dict[str, list[str]] = {}
    for event in session.history.query("run_events", run_id=handle.run_id):
        found.setdefault(event["step_key"], []).append(event["event_type"])
    return found


def note(folder: Path, number: int) -> None:
    with (folder / str(number)).open("a") as file:
        file.write("x")


def notes(folder: Path) -> dict[int, str]:
    return {int(path.name): path.read_text() for path in folder.iterdir() if path.name.isdigit()}


ALL_ONCE = dict.fromkeys(range(COUNT), "x")


def test_each_step_is_told_and_kept_as_its_own(session: Session, sizes: list[int], tmp_path: Path) -> None:
    def body(context: jk.OpExecutionContext, number: int) -> int:
        print(f"this is {number}")
        note(tmp_path, number)
        return number * 2

    handle = start(session, body)
    assert ended(handle) == "SUCCESS"
    assert max(sizes) > 1
    assert notes(tmp_path) == ALL_ONCE
    assert handle.output_for_node("each") == {f"n{number}": number * 2 for number in range(COUNT)}
    lines = {key: [line.text for line in output.lines_after(0)] for key, output in handle.live.outputs.items()}
    assert {f"each[n{number}]": [f"this is {number}"] for number in range(COUNT)}.items() <= lines.items()
    kinds = [events for key, events in events_of(session, handle).items() if key and key.startswith("each")]
    assert len(kinds) == COUNT
    assert all(events == kinds[0] and events.count("STEP_SUCCESS") == 1 for events in kinds)


def test_what_waits_behind_a_long_step_goes_to_another_worker(
    session: Session, sizes: list[int], tmp_path: Path
) -> None:
    def body(number: int) -> None:
        note(tmp_path, number)
        while number == 0 and len(list(tmp_path.iterdir())) < COUNT:
            time.sleep(0.01)

    handle = start(session, body)
    assert ended(handle) == "SUCCESS"
    assert max(sizes) > 1
    assert notes(tmp_path) == ALL_ONCE


def test_what_waits_behind_one_that_keeps_pythons_lock_goes_to_another_worker(
    session: Session, sizes: list[int], tmp_path: Path
) -> None:
    def body(number: int) -> None:
        note(tmp_path, number)
        if number == 0:
            sum(range(10**15))

    handle = start(session, body)
    eventually(lambda: notes(tmp_path) == ALL_ONCE, "all others run")
    handle.cancel()
    handle.cancel(forced=True)
    assert ended(handle) == "CANCELED"
    assert max(sizes) > 1
    assert [key for key, row in rows_of(session, handle).items() if row["status"] == "CANCELED"] == ["each[n0]"]


def test_a_worker_that_dies_takes_neither_those_before_nor_those_behind_along(
    session: Session, sizes: list[int], tmp_path: Path
) -> None:
    def body(number: int) -> None:
        note(tmp_path, number)
        if number in (2, 6):
            os._exit(3)

    handle = start(session, body)
    assert ended(handle) == "FAILURE"
    assert max(sizes) > 1
    failed = {key: row for key, row in rows_of(session, handle).items() if row["status"] != "SUCCESS"}
    assert sorted(failed) == ["each[n2]", "each[n6]"]
    assert all("ended by itself with exit code 3" in row["error"]["message"] for row in failed.values())
    assert notes(tmp_path) == ALL_ONCE


def test_a_cancel_ends_the_one_that_runs_and_begins_none_behind(
    session: Session, sizes: list[int], tmp_path: Path
) -> None:
    def body(number: int) -> None:
        note(tmp_path, number)
        while True:
            time.sleep(0.01)

    handle = start(session, body)
    eventually(lambda: len(notes(tmp_path)) == 2, "both workers are at work")
    handle.cancel()
    handle.cancel(forced=True)
    assert ended(handle) == "CANCELED"
    assert max(sizes) > 1
    assert len(notes(tmp_path)) == 2
    assert ended(start(session, lambda number: number)) == "SUCCESS"


def test_one_that_fails_or_is_tried_again_stops_no_other(session: Session, sizes: list[int], tmp_path: Path) -> None:
    def body(number: int) -> int:
        note(tmp_path, number)
        if number == 3 or len(notes(tmp_path)[number]) == 1:
            raise ValueError(number)
        return number

    handle = start(session, body, retry_policy=jk.RetryPolicy(max_retries=1))
    assert ended(handle) == "FAILURE"
    assert max(sizes) > 1
    assert notes(tmp_path) == dict.fromkeys(range(COUNT), "xx")
    failed = [key for key, row in rows_of(session, handle).items() if row["status"] == "FAILURE"]
    assert failed == ["each[n3]"]


@pytest.mark.parametrize("options", [{"timeout": timedelta(seconds=50)}, {"pool": "few"}], ids=["timeout", "pool"])
def test_steps_with_a_timeout_or_a_pool_go_alone(session: Session, sizes: list[int], options: dict[str, Any]) -> None:
    handle = start(session, lambda number: number, **options)
    assert ended(handle) == "SUCCESS"
    assert sizes == [1] * (COUNT + 1)
