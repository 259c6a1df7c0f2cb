"""Sessions in memory for tests of runs: define by decorators, launch, wait with a deadline, look at what was kept."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import jobkernel as jk
from jobkernel.clock import SystemClock
from jobkernel.engine.entries import Entry
from jobkernel.engine.handle import RunHandle
from jobkernel.engine.opening import test_session as session_in_memory
from jobkernel.engine.session import Session

PATIENCE_S = 10.0


@contextmanager
def a_session(max_workers: int = 2) -> Iterator[Session]:
    """A session in memory on the real clock, closed at the end."""
    session = session_in_memory(SystemClock(), max_workers=max_workers)
    try:
        yield session
    finally:
        session.close()


def define(session: Session, *definitions: Any) -> None:
    """Define what decorators made."""
    for each in definitions:
        record = getattr(each, "record", each)
        kind = "job" if isinstance(each, jk.JobDefinition) else "asset"
        name = record.name if kind == "job" else record.specs[0].key
        session.define(Entry(kind=kind, name=name, record=record))


def launch(session: Session, *keys: str) -> RunHandle:
    """Start a run that makes these assets."""
    return session.launch(session.plan(keys))


def ended(handle: RunHandle) -> str:
    """Wait for a run's end; return its status."""
    assert handle.live.active.wait(PATIENCE_S), "the run did not end"
    return handle.status


def events_of(session: Session, handle: RunHandle) -> list[str]:
    """Return the types of all events kept of a run, in order."""
    session.history.flush()
    return [row["event_type"] for row in session.history.query("run_events", run_id=handle.run_id)]


def asset(body: Callable[[], Any], name: str, **options: Any) -> Any:
    """An asset without inputs, made by a function."""

    @jk.asset(name=name, **options)
    def made() -> Any:
        return body()

    return made


def stubborn(gate: threading.Event, began: threading.Event) -> Callable[[], str]:
    """A body that swallows every interrupt until its gate opens."""

    def body() -> str:
        began.set()
        while not gate.is_set():
            try:
                gate.wait(0.05)
            except BaseException:
                continue
        return "late"

    return body
