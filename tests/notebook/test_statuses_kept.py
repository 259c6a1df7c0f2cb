"""Statuses kept from question to question are those found from scratch, and what moved is told whole."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from waiting import eventually

import jobkernel as jk
from jobkernel.clock import SystemClock
from jobkernel.engine.opening import test_session as session_in_memory
from jobkernel.engine.session import Session
from jobkernel.notebook.statuses import Statuses, full

PATIENCE_S = 10.0
KEYS = [f"k{number}" for number in range(6)]


class Screen:
    """What somebody holds who is told only what moved."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.statuses = Statuses(session)
        self.version = -1
        self.held: dict[str, dict[str, Any]] = {}

    def told(self) -> dict[str, dict[str, Any]]:
        self.version, moved = self.statuses.moved_since(self.version)
        self.held.update(moved)
        return moved

    def agrees(self) -> bool:
        """Whether it shows what is found from scratch; usual durations are read at other times."""
        self.told()
        found = Statuses(self.session).all()
        shown = {key: self.held[key] for key in found}
        return _timeless(shown) == _timeless(found) == _timeless(self.statuses.all())


def _timeless(statuses: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {key: full({**status, "usual_s": None}) for key, status in statuses.items()}


@pytest.fixture
def session() -> Iterator[Session]:
    session = session_in_memory(SystemClock())
    yield session
    session.close()


def an_asset(key: str, deps: list[str], fails: bool, checked: bool) -> Any:
    checks = [jk.AssetCheckSpec("good", asset=key)] if checked else None

    @jk.asset(name=key, deps=deps, check_specs=checks)
    def body() -> jk.MaterializeResult:
        if fails:
            raise ValueError(key)
        results = [jk.AssetCheckResult(check_name="good", passed=bool(deps))] if checked else []
        return jk.MaterializeResult(metadata={"dagster/row_count": len(deps)}, check_results=results)

    return body


@pytest.mark.parametrize("seed", range(6))
def test_what_is_told_piece_by_piece_is_the_whole(session: Session, seed: int) -> None:
    chance, screen = random.Random(seed), Screen(session)
    for key in KEYS:
        session.add(an_asset(key, [], False, False))
    for _ in range(25):
        match chance.randrange(5):
            case 0 | 1:
                at = chance.randrange(len(KEYS))
                deps = chance.sample(KEYS[:at], k=min(at, 2))
                session.add(an_asset(KEYS[at], deps, chance.random() < 0.2, chance.random() < 0.3))
            case 2 | 3:
                keys = chance.sample(KEYS, k=chance.randint(1, 4))
                session.launch(session.plan(keys)).wait(PATIENCE_S)
            case 4:
                session.refresh()
        assert screen.agrees()


def test_what_runs_and_what_waits_for_it_is_told_as_it_goes(session: Session) -> None:
    gate = threading.Event()

    @jk.asset
    def first() -> int:
        assert gate.wait(PATIENCE_S)
        return 1

    @jk.asset
    def second(first: int) -> int:
        return first + 1

    @jk.asset
    def aside() -> int:
        return 0

    session.add(first, second, aside)
    screen = Screen(session)
    assert set(screen.told()) == {"first", "second", "aside"}
    handle = session.launch(session.plan(["first", "second"]))
    eventually(lambda: (screen.told(), screen.held["first"].get("status"))[1] == "running")
    assert screen.held["second"] == {"status": "queued", "kind": "python", "run_id": handle.run_id}
    assert screen.agrees()
    assert "aside" not in screen.told()
    gate.set()
    assert handle.wait(PATIENCE_S).success
    assert screen.agrees()
    assert {key: screen.held[key].get("status") for key in screen.held} == {
        "first": "fresh",
        "second": "fresh",
        "aside": None,
    }
    assert screen.told() == {}


def test_ops_are_told_by_the_latest_run_of_their_job(session: Session) -> None:
    is_bad = True

    @jk.op(out=jk.DynamicOut())
    def parts() -> Any:
        for number in range(2):
            yield jk.DynamicOutput(number, mapping_key=str(number))

    @jk.op
    def work(part: int) -> int:
        if is_bad and part:
            raise ValueError(part)
        return part

    @jk.job
    def fan() -> None:
        parts().map(work)

    session.add(fan)
    screen = Screen(session)
    assert set(screen.told()) == {"op:fan/parts", "op:fan/work"}
    for is_bad in (True, False):
        session.launch(session.plan_job("fan")).wait(PATIENCE_S)
        assert screen.agrees()
        assert screen.held[next(key for key in screen.held if "work[1]" in key)]["status"] == (
            "failed" if is_bad else "fresh"
        )


def test_an_asset_that_went_is_gone(session: Session) -> None:
    session.add(an_asset("a", [], False, False), an_asset("b", ["a"], False, False))
    screen = Screen(session)
    screen.told()
    session.forget("a")
    assert set(screen.statuses.all()) == {"b"}
