"""What events of schedules and sensors mean for the rows of automations, ticks and run keys. A part of ``fold``."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from jobkernel.model import events as words
from jobkernel.rules.ticks import WRONG_CLOCK
from jobkernel.storage.encoding import json_text
from jobkernel.storage.rows import AUTOMATION, CONDITION, RUN_KEY, TICK, Row, Rows

if TYPE_CHECKING:
    from jobkernel.storage.fold import Change, Fact

MICROSECOND: Final = timedelta(microseconds=1)
KEYS_OF_A_TICK: Final = 1_000_000
"""A tick gives fewer run keys than this."""
KEPT_OF_TICKS = (
    "requests",
    "run_keys",
    "skipped_keys",
    "origin_run_ids",
    "count",
    "first_us",
    "last_us",
    "late_s",
    "log",
    "partitions_changed",
    "assets_reported",
    "token",
    "client_id",
)
"""What a tick's row keeps in its details."""


def automation_key(body: dict[str, Any]) -> tuple[str]:
    """Return what names an automation's row."""
    return (str(body.get("name")),)


def _automation(rows: Rows, fact: Fact) -> Row:
    (name,) = automation_key(fact.body)
    row = rows.get(AUTOMATION, (name,))
    return row or rows.make(AUTOMATION, fact.seq, name=name, failures=0)


def _changed(rows: Rows, fact: Fact, _run: Row | None) -> None:
    body = fact.body
    row = _automation(rows, fact)
    crons = json_text(body["crons"]) if body.get("crons") is not None else None
    is_other = (row["crons"], row["timezone"]) != (crons, body.get("timezone"))
    rows.change(
        AUTOMATION,
        row,
        since_us=_since(row, fact, is_on=body.get("counts", True), is_other=is_other),
        automation_type=body.get("automation_type"),
        notebook=body.get("notebook"),
        crons=crons,
        timezone=body.get("timezone"),
    )


def _since(row: Row, fact: Fact, *, is_on: bool, is_other: bool = False) -> int | None:
    """Return since when times count: from now on where it was off or has other times; None while it is off."""
    if not is_on:
        return None
    since: int | None = row["since_us"]
    return fact.occurred_us if since is None or is_other else since


def _switched(rows: Rows, fact: Fact, _run: Row | None) -> None:
    row = _automation(rows, fact)
    on = fact.body.get("on")
    is_on = bool(fact.body.get("counts", on))
    rows.change(AUTOMATION, row, is_on=None if on is None else bool(on), since_us=_since(row, fact, is_on=is_on))


def _cursor_set(rows: Rows, fact: Fact, _run: Row | None) -> None:
    rows.change(AUTOMATION, _automation(rows, fact), cursor=fact.body.get("cursor"))


def _keys_reset(rows: Rows, fact: Fact, _run: Row | None) -> None:
    name, keys = str(fact.body.get("name")), fact.body.get("run_keys")
    if keys is None:
        rows.change(AUTOMATION, _automation(rows, fact), keys_reset_seq=fact.seq)
        return
    for key in keys:
        row = rows.get(RUN_KEY, (name, key))
        if row is not None:
            rows.change(RUN_KEY, row, run_id=None)


def _tick_started(rows: Rows, fact: Fact, _run: Row | None) -> None:
    _tick(rows, fact, "STARTED")
    name, tick_id = str(fact.body.get("name")), fact.body.get("tick_id")
    for place, request in enumerate(fact.body.get("requests") or ()):
        key = request.get("run_key")
        if key is None or not fact.body.get("keeps_keys"):
            continue
        values = {"run_id": request.get("run_id"), "tick_id": tick_id, "given_seq": fact.seq}
        row = rows.get(RUN_KEY, (name, key))
        if row is None:
            row_seq = fact.seq * KEYS_OF_A_TICK + place  # rows are told apart by it, and a tick gives several
            rows.make(RUN_KEY, row_seq, automation_name=name, run_key=key, **values)
        else:
            rows.change(RUN_KEY, row, **values)


def _tick_ends(status: str) -> Change:
    def change(rows: Rows, fact: Fact, _run: Row | None) -> None:
        _tick(rows, fact, status)

    return change


def _tick(rows: Rows, fact: Fact, status: str) -> None:
    """Put a tick's row in, or what is new of it, and note how far its automation is."""
    body = fact.body
    tick_id = str(body.get("tick_id"))
    known = rows.get(TICK, (tick_id,))
    tick = known or rows.make(TICK, fact.seq, tick_id=tick_id, details=None, status=status)
    details = {name: body[name] for name in KEPT_OF_TICKS if body.get(name) is not None}
    values: dict[str, Any] = {"status": status}
    if known is None:
        values |= {
            "automation_name": str(body.get("name")),
            "automation_type": body.get("automation_type"),
            "scheduled_us": body.get("scheduled_us"),
            "evaluated_us": body.get("evaluated_us"),
            "details": json_text(details),
        }
        if body.get("requests"):
            values["run_ids"] = json_text([request.get("run_id") for request in body["requests"]])
    if status != "STARTED":
        values["ended_us"] = fact.occurred_us
    for name in ("skip_reason", "cursor"):
        if body.get(name) is not None:
            values[name] = str(body[name])
    for name in ("run_ids", "error"):
        if body.get(name) is not None:
            values[name] = json_text(body[name])
    rows.change(TICK, tick, **values)
    if known is None or body.get("error") is not None:
        _moves_on(rows, fact, status)


def _moves_on(rows: Rows, fact: Fact, status: str) -> None:
    body = fact.body
    row = _automation(rows, fact)
    values: dict[str, Any] = {}
    if (scheduled := body.get("last_us") or body.get("scheduled_us")) is not None:
        known = row["scheduled_us"] or 0
        is_wrong = known - (body.get("evaluated_us") or known) > WRONG_CLOCK / MICROSECOND
        values["scheduled_us"] = scheduled if is_wrong else max(scheduled, known)
    if body.get("evaluated_us") is not None:
        values["evaluated_us"] = body["evaluated_us"]
    if body.get("token") is not None:
        values["token"] = body["token"]
    if "new_cursor" in body:
        values["cursor"] = body["new_cursor"]
    if status != "MISSED":
        values["failures"] = (row["failures"] or 0) + 1 if status == "FAILURE" else 0
    rows.change(AUTOMATION, row, **values)


def _conditions_evaluated(rows: Rows, fact: Fact, _run: Row | None) -> None:
    where = {"automation_name": fact.body.get("automation"), "tick_id": fact.body.get("tick_id")}
    for each in fact.body.get("found") or ():
        rows.append(
            CONDITION,
            fact.seq,
            asset_key=str(each.get("key")),
            occurred_us=fact.occurred_us,
            requested=int(each.get("requested") or 0),
            why=each.get("why"),
            tree=json_text(each.get("tree")),
            **where,
        )


def tick_key(body: dict[str, Any]) -> tuple[str]:
    """Return what names a tick's row."""
    return (str(body.get("tick_id")),)


AUTOMATION_FOLDS: dict[str, Change] = {
    words.AUTOMATION_CHANGED: _changed,
    words.AUTOMATION_SWITCHED: _switched,
    words.CURSOR_SET: _cursor_set,
    words.RUN_KEYS_RESET: _keys_reset,
    words.TICK_STARTED: _tick_started,
    words.TICK_SUCCESS: _tick_ends("SUCCESS"),
    words.TICK_SKIPPED: _tick_ends("SKIPPED"),
    words.TICK_FAILURE: _tick_ends("FAILURE"),
    words.TICK_MISSED: _tick_ends("MISSED"),
    words.CONDITIONS_EVALUATED: _conditions_evaluated,
}
TICK_EVENTS = frozenset(
    {words.TICK_STARTED, words.TICK_SUCCESS, words.TICK_SKIPPED, words.TICK_FAILURE, words.TICK_MISSED}
)
