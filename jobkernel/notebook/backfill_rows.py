"""Backfills as screens show them: a row each, live where this kernel sees to one, else out of the history.

Owns what the history said last. Decides nothing, sends nothing. Called by the publisher and by requests.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict
from typing import Any, Final

from jobkernel.engine.backfill import Backfill
from jobkernel.engine.session import Session
from jobkernel.errors import JobkernelError
from jobkernel.notebook.shown import count_of, one_line
from jobkernel.notebook.statuses import millis
from jobkernel.rules.backfill_progress import BackfillStatus

LISTED: Final = 20
"""So many backfills screens are told of without asking for more."""
READ_EVERY_S: Final = 1.0
"""The history is asked at most so often for backfills of other kernels."""
STATUSES: Final = {
    "SUCCESS": ("COMPLETED_SUCCESS",),
    "FAILURE": ("COMPLETED_FAILED", "FAILED"),
    "CANCELED": ("CANCELED",),
}
"""What backfills a filter by the status of runs lets through."""
_COUNTS: Final = ("done", "failed", "not_run", "canceled", "running")
_UNMADE: Final = {"failed": "failed", "not_run": "not run", "canceled": "canceled"}

Row = dict[str, Any]


class BackfillRows:
    """The rows of the newest backfills of one session's project."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._lock = threading.Lock()  # protects what follows
        self._kept: list[Row] = []
        self._seen: frozenset[tuple[str, BackfillStatus | None]] | None = None
        self._read_at = 0.0
        self.is_behind = False
        """Whether the history moved since it was last asked, too soon to ask it again then."""

    def history_moved(self) -> None:
        """Have the history asked again when rows are wanted next, or a little later."""
        self.is_behind = True

    def newest(self) -> list[Row]:
        """Return the protocol's ``BackfillRow`` of the newest, those of this kernel as they stand now."""
        with self._lock:
            own = {each.backfill_id: each for each in self._session.backfills.here()}
            self._read_where_due(own)
            return [_live(row, own.get(row["backfill_id"])) for row in self._kept]

    def _read_where_due(self, own: Mapping[str, Backfill]) -> None:
        seen = frozenset((name, each.final) for name, each in own.items())
        is_late = self.is_behind and time.monotonic() - self._read_at >= READ_EVERY_S
        if seen == self._seen and not is_late:
            return
        self.is_behind = False
        with suppress(JobkernelError):  # a history that is away answers when it is back
            self._kept = self._read(limit=LISTED)
            self._seen, self._read_at = seen, time.monotonic()
            return
        self.is_behind = True

    def page(self, *, job: str | None, status: str | None, before: int | None, since: int | None) -> list[Row]:
        """Return the rows of those asked for between two instants (us), as a list of runs filters them."""
        own = {each.backfill_id: each for each in self._session.backfills.here()}
        found = [_live(row, own.get(row["backfill_id"])) for row in self._read(before=before, limit=10 * LISTED)]
        wanted = STATUSES.get(status) if status is not None else None
        return [
            row
            for row in found
            if (since is None or (row["requested_at"] or 0) * 1000 >= since)
            and (job is None or row["job_name"] == job)
            and (status is None or row["status"] in (wanted or ()))
        ]

    def _read(self, **asked: Any) -> list[Row]:
        session = self._session
        rows = session.history.query("backfills", **asked)
        is_any_open = any(row["ended_at"] is None for row in rows)
        left = session.history.request("backfills_without_kernel") if is_any_open else ()
        return [_row(row, session.notebook, is_left=row["backfill_id"] in left) for row in rows]


def _row(row: Mapping[str, Any], notebook: str | None, *, is_left: bool) -> Row:
    counts = {name: int(row[name] or 0) for name in _COUNTS}
    whole = int(row["partitions"] or 0)
    return _with_words(
        {
            **counts,
            "backfill_id": row["backfill_id"],
            "title": row["selection"] or row["job_name"] or "",
            "job_name": row["job_name"] or "",
            "status": row["status"],
            "requested_at": millis(row["requested_at"]),
            "ended_at": millis(row["ended_at"]),
            "partitions": whole,
            "waiting": max(0, whole - sum(counts.values())),
            "notebook": None if row["notebook"] == notebook else row["notebook"],
            "error": one_line(row["error"]) if row["error"] else None,
            "left": is_left,
        }
    )


def _live(row: Row, own: Backfill | None) -> Row:
    """Return a row with what this kernel knows better than the history."""
    if own is None or own.final is not None:
        return row
    now = {**asdict(own.progress), "status": own.status, "error": own.failed_words() or None}
    return _with_words({**row, **now, "notebook": None, "left": False})


def _with_words(row: Row) -> Row:
    status = BackfillStatus(row["status"])
    return {
        **row,
        "cancel": None if status.is_final else _cancel_words(row, is_asked=status is BackfillStatus.CANCELING),
        "again": _again_words(row) if status.is_final or row["left"] else None,
    }


def _cancel_words(row: Row, *, is_asked: bool) -> str:
    """Say what the next press on Cancel does."""
    if row["left"]:
        return "its kernel is gone; what it had not launched never is"
    who = f"asks {row['notebook']}: " if row["notebook"] else ""
    if is_asked:
        return f"{who}interrupts what still runs"
    waiting, running = row["waiting"], row["running"]
    words = [f"starts none of the {count_of(waiting, 'waiting partition')}"] if waiting else []
    words += [f"asks the {running:,} running to stop"] if running else []
    return who + (", ".join(words) or "it ends at once")


def _again_words(row: Row) -> str | None:
    """Say what running the rest does; None where every partition was made."""
    if row["left"]:
        return f"goes on with the {count_of(row['waiting'] + row['running'], 'partition')} that its kernel left"
    if row["status"] == BackfillStatus.COMPLETED_SUCCESS:
        return None
    return f"runs again {', '.join(f'{row[name]:,} {word}' for name, word in _UNMADE.items() if row[name])}"
