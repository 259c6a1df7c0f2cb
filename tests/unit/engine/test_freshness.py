"""What a run was launched with is what its assets are judged by, and what is made together is fresh together."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest

import jobkernel as jk
from jobkernel.clock import SystemClock
from jobkernel.engine.entries import Entry
from jobkernel.engine.opening import test_session as session_in_memory
from jobkernel.engine.session import Session

PATIENCE_S = 10.0


@pytest.fixture
def session() -> Iterator[Session]:
    session = session_in_memory(SystemClock())
    yield session
    session.close()


def define(session: Session, assets: Any) -> None:
    session.define(Entry(kind="asset", name=assets.record.specs[0].key, record=assets.record))


def make(session: Session, *keys: str) -> None:
    handle = session.launch(session.plan(keys)).wait(PATIENCE_S)
    assert handle.success


def test_assets_that_are_made_together_are_fresh_though_one_depends_on_the_other(session: Session) -> None:
    @jk.multi_asset(specs=[jk.AssetSpec("x"), jk.AssetSpec("y", deps=["x"])])
    def both() -> Iterator[jk.MaterializeResult]:
        yield jk.MaterializeResult(asset_key="x")
        yield jk.MaterializeResult(asset_key="y")

    define(session, both)
    for _ in range(2):
        make(session, "x", "y")
        assert session.freshness.status_words() == {"x": "fresh", "y": "fresh"}


def test_what_is_made_outside_still_makes_stale_what_is_made_together(session: Session) -> None:
    versions = iter("12")

    @jk.asset
    def source() -> jk.MaterializeResult:
        return jk.MaterializeResult(data_version=jk.DataVersion(next(versions)))

    @jk.multi_asset(specs=[jk.AssetSpec("x", deps=["source"]), jk.AssetSpec("y", deps=["x"])])
    def both() -> Iterator[jk.MaterializeResult]:
        yield jk.MaterializeResult(asset_key="x")
        yield jk.MaterializeResult(asset_key="y")

    define(session, source)
    define(session, both)
    make(session, "source", "x", "y")
    make(session, "source")
    assert session.freshness.status_words()["x"] == "stale"


def test_an_upstream_made_while_its_run_waits_counts_as_it_is_when_the_step_starts(session: Session) -> None:
    gate, began = threading.Event(), threading.Event()

    @jk.asset
    def a() -> int:
        began.set()
        assert gate.wait(PATIENCE_S)
        return 1

    @jk.asset
    def b(a: int) -> int:
        return a + 1

    define(session, a)
    define(session, b)
    handle = session.launch(session.plan(["a", "b"]))
    assert began.wait(PATIENCE_S)
    gate.set()
    assert handle.wait(PATIENCE_S).success
    assert session.freshness.status_words() == {"a": "fresh", "b": "fresh"}
