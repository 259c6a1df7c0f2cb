"""What events of backfills mean for their rows. A part of ``fold``."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from jobkernel.model import events as words
from jobkernel.storage.encoding import json_text
from jobkernel.storage.rows import BACKFILL, Row, Rows

if TYPE_CHECKING:
    from jobkernel.storage.fold import Change, Fact


def _row(rows: Rows, fact: Fact) -> Row | None:
    return rows.get(BACKFILL, (str(fact.body.get("backfill_id")),))


def _requested(rows: Rows, fact: Fact, _run: Row | None) -> None:
    body = dict(fact.body)
    backfill_id = str(body.pop("backfill_id", None))
    if rows.get(BACKFILL, (backfill_id,)) is not None:
        return
    named = {name: body.pop(name, None) for name in ("job_name", "notebook", "client_id")}
    rows.make(
        BACKFILL,
        fact.seq,
        backfill_id=backfill_id,
        status="REQUESTED",
        requested_us=fact.occurred_us,
        details=json_text(body),
        **named,
    )


def _taken(rows: Rows, fact: Fact, _run: Row | None) -> None:
    row = _row(rows, fact)
    if row is None:
        return
    owner = {"client_id": fact.body.get("client_id"), "notebook": fact.body.get("notebook") or row["notebook"]}
    details = _details(row, tally=None, error=None, left=None)
    rows.change(BACKFILL, row, status="REQUESTED", ended_us=None, details=details, **owner)


def _left(rows: Rows, fact: Fact, _run: Row | None) -> None:
    row = _row(rows, fact)
    if row is not None:
        rows.change(BACKFILL, row, client_id=None, details=_details(row, left=fact.body.get("runs")))


def _canceling(rows: Rows, fact: Fact, _run: Row | None) -> None:
    row = _row(rows, fact)
    if row is not None and row["ended_us"] is None:
        rows.change(BACKFILL, row, status="CANCELING")


def _ended(rows: Rows, fact: Fact, _run: Row | None) -> None:
    row = _row(rows, fact)
    if row is None:
        return
    details = _details(row, tally=fact.body.get("tally"), error=fact.body.get("error"), left=None)
    rows.change(BACKFILL, row, status=str(fact.body.get("status")), ended_us=fact.occurred_us, details=details)


def _details(row: Row, **changed: Any) -> str:
    details = {**json.loads(row["details"] or "{}"), **changed}
    return json_text({name: value for name, value in details.items() if value is not None})


BACKFILL_FOLDS: dict[str, Change] = {
    words.BACKFILL_REQUESTED: _requested,
    words.BACKFILL_TAKEN: _taken,
    words.BACKFILL_LEFT: _left,
    words.BACKFILL_CANCELING: _canceling,
    words.BACKFILL_ENDED: _ended,
}
