"""Open the session of a notebook: find the project, connect to its history, open its values.

A project that cannot be written gets an in-memory session, and one line that says so.
"""

from __future__ import annotations

import os
import tempfile
from functools import partial
from pathlib import Path
from typing import Any, Self, TypeVar

from jobkernel.clock import Clock, ManualClock, SystemClock
from jobkernel.engine import live
from jobkernel.engine.project import find_project, prepare
from jobkernel.engine.session import Session
from jobkernel.engine.shared_settings import share_settings
from jobkernel.engine.upkeep import Upkeep
from jobkernel.errors import ProjectReadOnly
from jobkernel.executors.stored import StoredValues
from jobkernel.records import dataclass
from jobkernel.settings import JobKernel
from jobkernel.storage.client import HistoryClient
from jobkernel.storage.history import LocalHistory
from jobkernel.values.cache import ValueCache
from jobkernel.values.place import values_place
from jobkernel.values.store import ValueStore


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A session, and what the person should know of how it was opened (a sentence), if anything."""

    session: Session
    notice: str | None = None


def open_session(
    *,
    notebook: Path | None = None,
    folder: Path | None = None,
    kernel_id: str | None = None,
    settings: JobKernel | None = None,
) -> Opened:
    """Open the session of a notebook, or of a folder where no notebook is known.

    Raises:
        HistoryError: the project's history cannot be used; the sentence says why and what to do.
    """
    settings = settings or JobKernel()
    start = notebook.parent if notebook is not None else folder or Path.cwd()
    project = find_project(start, os.environ, Path.home())
    clock = SystemClock()
    name = _shown_name(notebook, project)
    try:
        place = prepare(project)
        history = HistoryClient.connect(project, kernel_id=kernel_id, notebook=name)
    except ProjectReadOnly as error:
        session = _in_memory(clock, settings, name, kernel_id, Session)
        live.opened(session)
        return Opened(session=session, notice=f"{error} This session keeps its history and values in memory only.")
    cache = ValueCache(settings.memory_budget)
    session = Session(
        history=history,
        values=StoredValues(ValueStore(values_place(project, place / "values"), cache=cache)),
        clock=clock,
        max_workers=settings.max_workers,
        project=project,
        logs=place / "logs",
        notebook=name,
        kernel_id=kernel_id,
    )
    _follow_settings(settings, session, cache)
    session.keep_until_closed(Upkeep(history, session.values, clock).close)
    live.opened(session)
    return Opened(session=session)


class TestSession(Session):
    """A session in memory, closed at the end of a ``with`` block."""

    __test__ = False  # not a test, whatever collects by name

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()


def test_session(clock: Clock | None = None, *, max_workers: int = 4) -> TestSession:
    """Return a session that lives in memory, with a clock that is moved by hand unless another is given.

    Retries, timeouts and the longest time of a run wait for ``session.clock``: ``session.clock.move_on()`` goes to the
    nearest moment that something waits for, ``session.clock.move(timedelta(hours=1))`` over all on the way. Close the
    session, or use it by ``with``.
    """
    return _in_memory(clock or ManualClock(), JobKernel(max_workers=max_workers), None, None, TestSession)


test_session.__test__ = False  # type: ignore[attr-defined]  # not a test, whatever collects by name


Opening = TypeVar("Opening", bound=Session)


def _in_memory(
    clock: Clock, settings: JobKernel, notebook: str | None, kernel_id: str | None, kind: type[Opening]
) -> Opening:
    folder = tempfile.TemporaryDirectory(prefix="jobkernel-", ignore_cleanup_errors=True)
    place = Path(folder.name)
    history = LocalHistory(folder=place, clock=clock, kernel_id=kernel_id, notebook=notebook)
    cache = ValueCache(settings.memory_budget)
    session = kind(
        history=history,
        values=StoredValues(ValueStore(place / "values", cache=cache)),
        clock=clock,
        max_workers=settings.max_workers,
        logs=place / "logs",
        notebook=notebook,
        kernel_id=kernel_id,
    )
    session.keep_until_closed(folder.cleanup)
    _follow_settings(settings, session, cache)
    return session


def _follow_settings(settings: JobKernel, session: Session, cache: ValueCache) -> None:
    """Let what ``%config`` sets later count: for this kernel at once, for the project through its history."""

    def resize(change: Any) -> None:
        session.pool.size = session.executors.max_workers = change["new"]

    def executor(change: Any) -> None:
        session.executors.default = change["new"]

    def memory(change: Any) -> None:
        session.executors.memory_limit = change["new"]

    def budget(change: Any) -> None:
        cache.budget = change["new"]

    session.executors.default, session.executors.memory_limit = settings.executor, settings.worker_memory_limit
    followed = {
        "max_workers": resize,
        "memory_budget": budget,
        "executor": executor,
        "worker_memory_limit": memory,
    }
    for name, follow in followed.items():
        settings.observe(follow, name)
        session.keep_until_closed(partial(settings.unobserve, follow, name))
    session.keep_until_closed(share_settings(settings, session.history))


def _shown_name(notebook: Path | None, project: Path) -> str | None:
    if notebook is None:
        return None
    try:
        return str(notebook.resolve().relative_to(project))
    except ValueError:
        return str(notebook)
