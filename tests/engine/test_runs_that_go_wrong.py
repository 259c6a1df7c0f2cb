"""Whatever goes wrong around a run, it ends once, says so, and the next run is as good as ever."""

from __future__ import annotations

import gc
import sys
import threading
import weakref
from pathlib import Path
from typing import Any

import pytest
from live_sessions import PATIENCE_S, a_session, asset, define, ended, events_of, launch, stubborn
from waiting import eventually

import jobkernel as jk
from jobkernel.clock import SystemClock
from jobkernel.engine.entries import Entry
from jobkernel.engine.handle import RunHandle
from jobkernel.engine.session import Session
from jobkernel.errors import DiskFull, InvalidDefinition, MissingUpstream
from jobkernel.executors.stored import StoredValues
from jobkernel.model import events as ev
from jobkernel.storage.history import LocalHistory
from jobkernel.values.store import ValueStore


def one() -> int:
    return 1


def test_a_full_disk_at_the_end_of_a_run_is_told_and_costs_no_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(timeout: float = 30.0) -> None:
        raise DiskFull("The disk is full.")

    with a_session(max_workers=1) as session:
        define(session, asset(one, "a"))
        with monkeypatch.context() as patch:
            patch.setattr(session.history, "flush", full)
            hurt = launch(session, "a")
            assert ended(hurt) == "SUCCESS"
        well = launch(session, "a")
        assert ended(well) == "SUCCESS"
    assert (hurt.live.loss, hurt.live.durable.is_set()) == ("The disk is full.", False)
    assert (well.live.loss, well.live.durable.is_set()) == (None, True)


def test_a_resource_that_exits_fails_its_run() -> None:
    @jk.resource
    def db(_context: Any) -> None:
        sys.exit("no password")

    @jk.asset(required_resource_keys={"db"})
    def a() -> int:
        return 1

    with a_session() as session:
        define(session, a, asset(one, "b"))
        session.define(Entry(kind="resource", name="db", record=db))
        handle = launch(session, "a")
        assert ended(handle) == "FAILURE"
        assert events_of(session, handle)[-1] == ev.RUN_FAILURE
        assert ended(launch(session, "b")) == "SUCCESS"


def test_a_hook_that_exits_ends_neither_the_run_nor_the_thread() -> None:
    @jk.failure_hook
    def alarm(context: jk.HookContext) -> None:
        raise SystemExit("the alarm could not be sent")

    @jk.op
    def bad() -> None:
        raise ValueError("bad")

    @jk.job(hooks={alarm})
    def nightly() -> None:
        bad()

    with a_session(max_workers=1) as session:
        define(session, nightly)
        for _ in range(2):
            handle = session.launch(session.plan_job("nightly"))
            assert ended(handle) == "FAILURE"
            assert not handle.live.active.in_flight
        assert ev.HOOK_ERRORED in events_of(session, handle)


def test_code_whose_fingerprint_cannot_be_taken_fails_its_step_and_nothing_else(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def unreadable(step: Any) -> None:
        raise RuntimeError("dictionary changed size during iteration")

    with a_session(max_workers=1) as session:
        define(session, asset(one, "a"))
        with monkeypatch.context() as patch:
            patch.setattr(session.freshness, "at_launch", lambda *_: unreadable)
            handle = launch(session, "a")
            assert ended(handle) == "FAILURE"
        assert "dictionary changed size" in str(handle.live.active.error)
        assert ended(launch(session, "a")) == "SUCCESS"


def test_an_interrupted_launch_leaves_no_run_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    with a_session() as session:
        define(session, asset(one, "a"))
        ask = session.history.request

        def interrupted(operation: str, **fields: Any) -> Any:
            answer = ask(operation, **fields)
            if operation == "submit_runs":
                raise KeyboardInterrupt
            return answer

        with monkeypatch.context() as patch:
            patch.setattr(session.history, "request", interrupted)
            for _ in range(12):  # more than the queue has places
                with pytest.raises(KeyboardInterrupt):
                    launch(session, "a")
        assert session.launcher.alive() == []
        assert session.running_keys() == {}
        handle = launch(session, "a")
        assert ended(handle) == "SUCCESS"
        assert session.history.request("queue")["waiting"] == []


def test_the_ends_of_runs_that_never_started_are_kept_together_at_a_close(monkeypatch: pytest.MonkeyPatch) -> None:
    with a_session() as session:
        session.history.request("set_setting", name="max_concurrent_runs", value=0)
        define(session, asset(one, "a"))
        handles = [launch(session, "a") for _ in range(20)]
        flush, flushed = session.history.flush, []
        monkeypatch.setattr(session.history, "flush", lambda *given: (flushed.append(1), flush(*given)))
        session.launcher.close()
        assert len(flushed) == 1
        assert all(handle.live.durable.is_set() for handle in handles)
        kept = session.history.query("latest_runs", limit=100)
        assert [row["status"] for row in kept] == ["CANCELED"] * 20


@pytest.mark.parametrize("moment", ["before", "after"])
def test_nothing_follows_the_end_of_a_run_canceled_while_it_is_submitted(
    monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    with a_session() as session:
        define(session, asset(one, "a"))
        ask = session.history.request

        def canceling(operation: str, **fields: Any) -> Any:
            cancel = operation == "submit_runs"
            if cancel and moment == "before":
                session.launcher.runs[fields["runs"][0]["run_id"]].active.cancel()
            answer = ask(operation, **fields)
            if cancel and moment == "after":
                session.launcher.runs[fields["runs"][0]["run_id"]].active.cancel()
            return answer

        with monkeypatch.context() as patch:
            patch.setattr(session.history, "request", canceling)
            handle = launch(session, "a")
        assert ended(handle) == "CANCELED"
        kept = events_of(session, handle)
        assert kept[-1] == ev.RUN_CANCELED
        assert ev.RUN_STARTING not in kept
        assert handle.run_id not in session.history.request("status")["running"]


def test_the_error_of_an_asset_whose_retries_are_spent_is_what_went_wrong() -> None:
    @jk.asset
    def a() -> int:
        try:
            return 1 // 0
        except ZeroDivisionError as error:
            raise jk.RetryRequested(max_retries=0) from error

    with a_session() as session:
        define(session, a)
        assert ended(launch(session, "a")) == "FAILURE"
        assert session.states.of("a").error == "ZeroDivisionError: integer division or modulo by zero"
        session.history.flush()
        session.refresh()
        assert "ZeroDivisionError" in str(session.states.of("a").error)


def test_running_again_from_failure_runs_the_check_that_failed_and_not_its_asset() -> None:
    made: list[str] = []
    checked: list[str] = []

    @jk.asset
    def orders() -> int:
        made.append("orders")
        return 1

    @jk.asset_check(asset=orders)
    def sound() -> jk.AssetCheckResult:
        checked.append("sound")
        if len(checked) == 1:
            raise ValueError("the checker broke")
        return jk.AssetCheckResult(passed=True)

    with a_session() as session:
        define(session, orders)
        record = getattr(sound, "record", sound)
        session.define(Entry(kind="check", name="orders:sound", record=record))
        failed = launch(session, "orders")
        assert ended(failed) == "FAILURE"
        assert ended(session.reexecute(failed.run_id, from_failure=True)) == "SUCCESS"
        result = session.states.check("orders", "sound")
    assert (made, checked) == (["orders"], ["sound", "sound"])
    assert result is not None
    assert result.passed


def thread_of(handle: RunHandle, step_key: str) -> int:
    return handle.live.active.in_flight[step_key].thread_id


def test_what_an_abandoned_step_still_makes_and_says_is_dropped_and_its_thread_replaced() -> None:
    gate, began = threading.Event(), threading.Event()
    with a_session(max_workers=1) as session:
        define(session, asset(stubborn(gate, began), "stuck"), asset(one, "a"))
        handle = launch(session, "stuck")
        assert began.wait(PATIENCE_S)
        (lost,) = (each for each in threading.enumerate() if each.ident == thread_of(handle, "stuck"))
        handle.cancel()
        handle.cancel(forced=True)
        handle.live.active.abandon("stuck")
        assert ended(handle) == "CANCELED"
        assert ended(launch(session, "a")) == "SUCCESS"
        before = events_of(session, handle)
        gate.set()
        session.pool.close()
        lost.join(PATIENCE_S)
        assert not lost.is_alive()
        assert events_of(session, handle) == before
        assert before[-1] == ev.RUN_CANCELED
        assert session.states.made("stuck") is None
        with pytest.raises(MissingUpstream) as raised:
            session.load("stuck")
        assert "Did you mean 'stuck'" not in str(raised.value)


def test_a_step_that_is_canceled_while_its_inputs_load_never_runs_its_body(monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[str] = []
    loading, go_on = threading.Event(), threading.Event()

    @jk.asset
    def b(a: int) -> int:
        ran.append("b")
        return a

    with a_session() as session:
        define(session, asset(one, "a"), b)
        assert ended(launch(session, "a")) == "SUCCESS"
        load = session.values.load_asset

        def slow(*which: Any) -> Any:
            loading.set()
            assert go_on.wait(PATIENCE_S)
            return load(*which)

        monkeypatch.setattr(session.values, "load_asset", slow)
        handle = launch(session, "b")
        assert loading.wait(PATIENCE_S)
        handle.cancel()
        handle.cancel(forced=True)
        go_on.set()
        assert ended(handle) == "CANCELED"
        assert session.states.made("b") is None
    assert ran == []


def kept_in(folder: Path) -> LocalHistory:
    return LocalHistory(str(folder / "history.duckdb"), folder=folder, clock=SystemClock())


def a_session_on_disk(folder: Path) -> Session:
    history = kept_in(folder)
    return Session(history=history, values=StoredValues(ValueStore(folder / "values")), clock=SystemClock())


@pytest.mark.parametrize("is_stubborn", [False, True])
def test_a_session_that_closes_records_the_end_of_what_it_cancels(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_stubborn: bool
) -> None:
    monkeypatch.setattr("jobkernel.engine.session.CLOSING_S", 0.1 if is_stubborn else PATIENCE_S)
    gate, began = threading.Event(), threading.Event()

    def polite() -> None:
        began.set()
        while not gate.wait(0.01):
            pass

    session = a_session_on_disk(tmp_path)
    define(session, asset(stubborn(gate, began) if is_stubborn else polite, "a"))
    handle = launch(session, "a")
    assert began.wait(PATIENCE_S)
    session.close()
    gate.set()

    assert handle.status == "CANCELED"
    again = kept_in(tmp_path)
    try:
        assert again.query("run", run_id=handle.run_id)[0]["status"] == "CANCELED"
        assert again.query("open_runs") == []
    finally:
        again.close()


def test_two_definitions_that_would_be_one_step_are_refused_with_both_names() -> None:
    with a_session() as session:
        define(session, asset(one, "x", key_prefix="sales"), asset(one, "sales__x"))
        with pytest.raises(InvalidDefinition, match=r"'sales/x' and asset 'sales__x' would both be the step"):
            launch(session, "sales/x", "sales__x")
        assert session.launcher.alive() == []


class Big:
    """Something large that a run must not keep."""


def test_runs_that_have_ended_keep_nothing_of_their_steps_but_the_last_error() -> None:
    held: list[weakref.ref[Big]] = []

    def bad() -> None:
        frame = Big()
        held.append(weakref.ref(frame))
        raise ValueError("bad")

    with a_session(max_workers=1) as session:
        define(session, asset(bad, "bad"))
        for _ in range(8):
            assert ended(launch(session, "bad")) == "FAILURE"
        gc.collect()
        assert len(held) == 8
        assert sum(each() is not None for each in held) <= 2


def test_a_run_that_has_ended_lets_go_of_its_resources() -> None:
    held: list[weakref.ref[Big]] = []

    @jk.resource
    def db(_context: Any) -> Big:
        made = Big()
        held.append(weakref.ref(made))
        return made

    @jk.asset(required_resource_keys={"db"})
    def a() -> int:
        return 1

    with a_session(max_workers=1) as session:
        define(session, a)
        session.define(Entry(kind="resource", name="db", record=db))
        handle = launch(session, "a")
        assert ended(handle) == "SUCCESS"
        eventually(lambda: gc.collect() >= 0 and [each() for each in held] == [None])
