"""Runs go on while the person goes on: edits, interrupts and screens that go away meanwhile."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from shells import Notebook
from waiting import eventually

from jobkernel.engine.ready_plan import ReadyPlans
from jobkernel.model.runs import Launch
from jobkernel.notebook import current
from jobkernel.notebook.publisher import Publisher

PATIENCE_S = 10.0


def gates(nb: Notebook) -> tuple[threading.Event, threading.Event]:
    """Put ``gate`` and ``began`` into the notebook."""
    nb.names["gate"], nb.names["began"] = gate, began = threading.Event(), threading.Event()
    return gate, began


HELD = "%%asset a\nbegan.set()\ngate.wait(10)\na = 1"


def test_an_asset_edited_during_its_run_is_stale_after_it(nb: Notebook) -> None:
    gate, began = gates(nb)
    nb.ok(HELD, "%%asset b\nb = a + 10")
    handle = nb.ok("%materialize a b --bg").value
    assert began.wait(PATIENCE_S)
    nb.ok("%%asset b\nb = a + 2000")
    gate.set()
    assert handle.wait(PATIENCE_S).success
    assert nb.session.load("b") == 11
    assert nb.session.freshness.status_words() == {"a": "fresh", "b": "stale"}
    nb.ok("%%asset b\nb = a + 10")
    assert nb.session.freshness.status_words()["b"] == "fresh"


def test_a_helper_edited_during_a_run_makes_stale_what_the_run_makes_later(nb: Notebook) -> None:
    gate, began = gates(nb)
    nb.ok("def helper(): return 1", HELD, "%%asset b\nb = a + helper()")
    handle = nb.ok("%materialize a b --bg").value
    assert began.wait(PATIENCE_S)
    nb.ok("def helper(): return 100")
    gate.set()
    assert handle.wait(PATIENCE_S).success
    assert nb.session.load("b") == 2
    assert nb.session.freshness.status_words()["b"] == "stale"


def test_a_resource_cell_that_exits_fails_the_run_and_not_the_kernel(nb: Notebook) -> None:
    nb.ok("import sys", "%%resource db\nsys.exit('no password')", "%%asset a\ncontext.resources.db", "%%asset b\n1")
    ran = nb("%materialize a")
    assert ran.error is not None
    assert "no password" in ran.complaint + ran.text
    nb.ok("%materialize b")


def test_an_interrupt_while_a_run_is_launched_leaves_nothing_running(
    nb: Notebook, monkeypatch: pytest.MonkeyPatch
) -> None:
    nb.ok("%%asset a\n1")
    ask = nb.session.history.request

    def interrupted(operation: str, **fields: Any) -> Any:
        answer = ask(operation, **fields)
        if operation == "submit_runs":
            raise KeyboardInterrupt
        return answer

    with monkeypatch.context() as patch:
        patch.setattr(nb.session.history, "request", interrupted)
        assert isinstance(nb("%materialize a").error, KeyboardInterrupt)
    assert nb.session.running_keys() == {}
    assert nb.session.history.request("status")["running"] == []
    nb.ok("%materialize a")


def test_a_cell_whose_run_does_not_stop_is_red_and_says_that_it_is_being_canceled(
    nb: Notebook, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate, began = gates(nb)
    for name in ("GRACE_S", "ABANDON_S", "LAST_WAIT_S"):
        monkeypatch.setattr(f"jobkernel.notebook.foreground.{name}", 0.05)

    def interrupted(*_: Any) -> None:
        assert began.wait(PATIENCE_S)
        raise KeyboardInterrupt

    monkeypatch.setattr("jobkernel.notebook.foreground._watch", interrupted)
    nb.ok("%%resource db\nbegan.set()\ngate.wait(10)", "%%asset a\ncontext.resources.db")
    ran = nb("%materialize a")
    try:
        assert "is being canceled and has not stopped yet" in str(ran.error)
        assert "being canceled, has not stopped yet · 0 of 1 steps done" in ran.text
        assert "failed" not in ran.text
    finally:
        gate.set()
    (live,) = nb.session.launcher.runs.values()
    assert live.active.wait(PATIENCE_S)
    assert live.active.status == "CANCELED"


def publisher_of(nb: Notebook) -> Publisher:
    kernel = current.find(nb.shell)
    assert kernel is not None
    publisher: Publisher = kernel.publisher
    return publisher


def pushed_keys(pushes: list[dict[str, Any]]) -> set[str]:
    """Return the assets in the last whole graph that was pushed."""
    graphs = [push for push in pushes if push["push"] == "graph"]
    return set(graphs[-1]["snapshot"]["status"]) if graphs else set()


def test_a_screen_that_is_gone_costs_the_other_screens_nothing(nb: Notebook) -> None:
    asked: list[str] = []
    heard: list[dict[str, Any]] = []

    def gone(push: dict[str, Any]) -> None:
        asked.append(push["push"])
        raise RuntimeError("the page was closed")

    publisher = publisher_of(nb)
    publisher.listen(gone)
    publisher.listen(heard.append)
    nb.ok("%%asset a\n1")
    eventually(lambda: pushed_keys(heard) == {"a"})
    nb.ok("%%asset b\n1")
    eventually(lambda: pushed_keys(heard) == {"a", "b"})
    assert len(asked) == 1


def test_what_could_not_be_told_at_one_turn_is_told_at_the_next(nb: Notebook, monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[dict[str, Any]] = []
    failures: list[str] = []
    publisher = publisher_of(nb)
    publisher.listen(heard.append)
    snapshot = publisher._snapshot

    def flaky(*asked: Any) -> dict[str, Any]:
        if not failures:
            failures.append("once")
            raise RuntimeError("the server is away for a moment")
        return snapshot(*asked)

    monkeypatch.setattr(publisher, "_snapshot", flaky)
    nb.ok("%%asset a\n1")
    eventually(lambda: pushed_keys(heard) == {"a"})
    assert failures == ["once"]


def test_runs_made_together_share_a_plan_but_for_what_their_bodies_may_change(nb: Notebook) -> None:
    nb.ok("count = 0", "%%asset a\ncount + 1")
    session, together = nb.session, ReadyPlans()
    plan = session.plan(["a"])
    lives = [session.prepare(plan, together=together) for _ in range(2)]
    setups = [live.active.setup for live in lives]
    assert setups[0].fingerprint is setups[1].fingerprint
    assert setups[0].computes["a"] is not setups[1].computes["a"]
    assert setups[0].facts.run_id != setups[1].facts.run_id
    session.launcher.enqueue(*lives)
    for live in lives:
        assert live.active.wait(30)
        assert session.load("a") == 1


def test_runs_made_together_with_config_share_nothing(nb: Notebook) -> None:
    nb.ok("%%asset a\nn: int = 1\nn")
    session, together = nb.session, ReadyPlans()
    plan = session.plan(["a"])
    lives = [session.prepare(plan, Launch(config={"ops": {}}), together=together) for _ in range(2)]
    assert lives[0].active.setup.fingerprint is not lives[1].active.setup.fingerprint
