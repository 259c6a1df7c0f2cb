"""Cancel a run and say what that does: one of this kernel, of another, or one that waits; a second time forces it.

Called by ``%jk cancel`` and the command line.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from jobkernel.engine.cancel_words import LEAVES, cancel_words, cancel_words_of_row
from jobkernel.engine.live_run import LiveRun
from jobkernel.engine.session import Session
from jobkernel.model.runs import RunStatus
from jobkernel.storage.history import History

HAS_ENDED: Final = "it has ended already"
"""How what is said of a run begins that was too late to cancel."""


def cancel_run(session: Session, name: str, *, forced: bool) -> str:
    """Cancel the run whose id begins with ``name``; return in words what that does, and what a second time would do.

    Raises:
        UnknownName: there is no such run.
        HistoryError: its kernel is gone.
    """
    run_id = session.find_run(name)
    live = session.run_of(run_id)
    words = (
        _cancel_here(session, live, forced=forced)
        if live is not None
        else cancel_elsewhere(session.history, session.records.row(run_id), forced=forced, by=session.notebook)
    )
    return f"run {run_id[:8]}: {words}"


def cancel_elsewhere(history: History, row: Mapping[str, Any], *, forced: bool, by: str | None) -> str:
    """Ask the kernel that a run belongs to, to cancel it; ``row`` is what the history says of it.

    Raises:
        HistoryError: its kernel is gone.
    """
    if row["ended_at"] is not None:
        return _ended(row["status"])
    forced = forced or row["status"] == RunStatus.CANCELING
    answer = history.request("cancel_run", run_id=row["run_id"], forced=forced, by=by)
    if answer["status"] is not None:
        return _ended(answer["status"])
    now, again = (cancel_words_of_row(row, forced=force) for force in (forced, True))
    return _and_again(now, again)


def _cancel_here(session: Session, live: LiveRun, *, forced: bool) -> str:
    status = live.active.status
    if status.is_final:
        return _ended(status)
    forced = forced or status is RunStatus.CANCELING
    now, again = (cancel_words(live, forced=force) for force in (forced, True))
    session.launcher.cancel(live, forced=forced)
    return _and_again(now, again)


def _ended(status: str) -> str:
    return f"{HAS_ENDED}: {status}"


def _and_again(now: str, again: str) -> str:
    return f"{now}." + (f" Cancel again: {again}." if again != now and now != LEAVES else "")
