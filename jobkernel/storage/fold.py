"""Fold events into the state rows that they change: the one function that says what an event means.

Pure but for the rows it is handed: no clock, no store. The store calls it inside the transaction that appends the
events, and again over the whole log to rebuild the rows.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from jobkernel.model import events as words
from jobkernel.storage.automation_fold import AUTOMATION_FOLDS, TICK_EVENTS, automation_key, tick_key
from jobkernel.storage.backfill_fold import BACKFILL_FOLDS
from jobkernel.storage.encoding import StoredEvent, json_text
from jobkernel.storage.rows import (
    ASSET_PARTITION,
    AUTOMATION,
    CHECK_RESULT,
    DEFINITION,
    DYNAMIC_PARTITION,
    LOG_FILE,
    MATERIALIZATION,
    RUN,
    SETTING,
    STEP,
    TICK,
    Row,
    Rows,
)

Change = Callable[["Rows", "Fact", "Row | None"], None]

FINAL_RUN_STATUSES = frozenset({"SUCCESS", "FAILURE", "CANCELED"})
OPEN_STEP_STATUSES = frozenset({"STARTED", "UP_FOR_RETRY"})


class Fact(NamedTuple):
    """An event on its way into the rows, its body parsed."""

    seq: int
    event_type: str
    run_id: str | None
    step_key: str | None
    occurred_us: int
    body: dict[str, Any]


def fold(rows: Rows, first_seq: int, events: Sequence[StoredEvent]) -> set[str]:
    """Change the rows by these events, numbered from ``first_seq``; return the ids of runs that ended."""
    bodies = [_parsed(event[4]) if event[0] in FOLDS else {} for event in events]
    _load_known(rows, events, bodies)
    ended: set[str] = set()
    run: Row | None = None
    for seq, (event, body) in enumerate(zip(events, bodies, strict=True), first_seq):
        event_type, run_id, step_key, occurred_us, _ = event
        if run_id is None:
            run = None
        elif run is None or run["run_id"] != run_id:
            run = _run_of(rows, run_id, seq)
        if change := FOLDS.get(event_type):
            change(rows, Fact(seq, event_type, run_id, step_key, occurred_us, body), run)
        if run is None:
            continue
        run["last_seq"] = seq
        if run["status"] in FINAL_RUN_STATUSES:
            rows.change(RUN, run)
            ended.add(run["run_id"])
    return ended


_decode = json.JSONDecoder().raw_decode  # what is kept has no blanks around it


def _parsed(body: str | None) -> dict[str, Any]:
    parsed = _decode(body)[0] if body else None
    return parsed if isinstance(parsed, dict) else {}


def _load_known(rows: Rows, events: Sequence[StoredEvent], bodies: Sequence[dict[str, Any]]) -> None:
    """Bring the rows of assets, definitions and ticks of these events into memory, with one question for each."""
    for table, words_of_it, key in (
        (ASSET_PARTITION, ASSET_EVENTS, _asset_key),
        (DEFINITION, DEFINITION_EVENTS, _definition_key),
        (DYNAMIC_PARTITION, DYNAMIC_PARTITION_EVENTS, _dynamic_key),
        (TICK, TICK_EVENTS, tick_key),
        (AUTOMATION, TICK_EVENTS, automation_key),
    ):
        keys = [key(body) for event, body in zip(events, bodies, strict=True) if event[0] in words_of_it]
        if keys:
            rows.load(table, keys)


def _run_of(rows: Rows, run_id: str, seq: int) -> Row:
    run = rows.get(RUN, (run_id,))
    if run is None:
        rows.start_run(run_id)
        run = rows.make(RUN, seq, run_id=run_id, status="NOT_STARTED", last_seq=seq, details={})
    return run


def _known(body: dict[str, Any], names: Sequence[str]) -> dict[str, Any]:
    return {name: body[name] for name in names if body.get(name) is not None}


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


def _whole(value: Any) -> int | None:
    try:
        return None if value is None else int(value)
    except (TypeError, ValueError):
        return None


def _number(value: Any) -> float | None:
    try:
        return None if value is None else float(value)
    except (TypeError, ValueError):
        return None


def _json(value: Any) -> str | None:
    return None if value is None else json_text(value)


def _flag(value: Any) -> bool | None:
    return None if value is None else bool(value)


ENQUEUED = (
    *("trigger", "trigger_name", "tick_id", "run_key", "partition_key", "parent_run_id", "root_run_id"),
    *("kernel_id", "notebook", "executor", "tags", "config", "steps", "assets", "checks"),
)


def _run_enqueued(rows: Rows, fact: Fact, run: Row | None) -> None:
    if run is None or run["status"] in FINAL_RUN_STATUSES:
        return
    run["details"].update(_known(fact.body, ENQUEUED), priority=_whole(fact.body.get("priority")) or 0)
    job_name = _text(fact.body.get("job_name"))
    rows.change(RUN, run, status="QUEUED", queued_us=fact.occurred_us, job_name=job_name)


def _becomes(status: str) -> Change:
    def change(rows: Rows, _fact: Fact, run: Row | None) -> None:
        if run is None or run["status"] in FINAL_RUN_STATUSES or run["status"] == "CANCELING":
            return
        rows.change(RUN, run, status=status)

    return change


def _run_start(rows: Rows, fact: Fact, run: Row | None) -> None:
    if run is None or run["status"] in FINAL_RUN_STATUSES:
        return
    status = run["status"] if run["status"] == "CANCELING" else "STARTED"
    rows.change(RUN, run, status=status, started_us=run["started_us"] or fact.occurred_us)


def _run_canceling(rows: Rows, fact: Fact, run: Row | None) -> None:
    if run is None or run["status"] in FINAL_RUN_STATUSES:
        return
    run["details"].update(canceled_by=_text(fact.body.get("by")), forced=bool(fact.body.get("forced")))
    rows.change(RUN, run, status="CANCELING")


def _ends(status: str) -> Change:
    def change(rows: Rows, fact: Fact, run: Row | None) -> None:
        if run is None or run["status"] in FINAL_RUN_STATUSES:
            return
        run["details"].update(_known(fact.body, ("error", "reason")))
        tags = fact.body.get("tags")
        if isinstance(tags, dict):
            run["details"]["tags"] = {**(run["details"].get("tags") or {}), **tags}
        rows.change(RUN, run, status=status, ended_us=fact.occurred_us)
        for key in rows.planned_by(run["run_id"]):
            asset = rows.get(ASSET_PARTITION, key)
            if asset is not None and asset["planned_run_id"] == run["run_id"]:
                rows.change(ASSET_PARTITION, asset, planned_run_id=None)

    return change


def _attempt(rows: Rows, fact: Fact, run: Row) -> Row:
    """Return the step row that the event speaks of: the attempt it names, else the latest, else a new first one."""
    attempts = rows.steps(run["run_id"]).setdefault(str(fact.step_key), [])
    number = _whole(fact.body.get("attempt"))
    if number is None and attempts:
        return attempts[-1]
    for row in attempts:
        if row["attempt"] == number:
            return row
    identity = {"run_id": run["run_id"], "step_key": str(fact.step_key), "attempt": number or 1}
    row = rows.make(STEP, fact.seq, **identity, status="STARTED", details={})
    attempts.append(row)
    return row


def _step_start(rows: Rows, fact: Fact, run: Row | None) -> None:
    if run is None or fact.step_key is None:
        return
    step = _attempt(rows, fact, run)
    step["details"].update(_known(fact.body, ("executor", "worker")))
    started_us = step["started_us"] or fact.occurred_us
    status = step["status"] if step["status"] not in OPEN_STEP_STATUSES else "STARTED"
    rows.change(STEP, step, status=status, started_us=started_us)


def _step_ends(status: str) -> Change:
    def change(rows: Rows, fact: Fact, run: Row | None) -> None:
        if run is None or fact.step_key is None:
            return
        step = _attempt(rows, fact, run)
        if step["status"] not in OPEN_STEP_STATUSES:
            return
        is_between = step["status"] == "UP_FOR_RETRY"  # the attempt is over; only that none follows is new
        details = _known(fact.body, ("error", "reason", "delay_s"))
        if not is_between:
            details["duration_s"] = _number(fact.body.get("duration_s"))
        if details.get("duration_s", 0) is None and step["started_us"] is not None:
            details["duration_s"] = max(0, fact.occurred_us - step["started_us"]) / 1e6
        if (because := fact.body.get("because")) is not None:
            details["reason"] = because
        step["details"].update(details)
        ended_us = step["ended_us"] if is_between else fact.occurred_us
        rows.change(STEP, step, status=status, ended_us=ended_us)

    return change


def _asset_key(body: dict[str, Any]) -> tuple[str, str | None]:
    return str(body.get("asset_key")), _text(body.get("partition_key"))


def _asset_row(rows: Rows, fact: Fact) -> Row:
    key = _asset_key(fact.body)
    row = rows.get(ASSET_PARTITION, key)
    return row or rows.make(ASSET_PARTITION, fact.seq, asset_key=key[0], partition_key=key[1])


def _asset_planned(rows: Rows, fact: Fact, run: Row | None) -> None:
    if run is None or run["status"] in FINAL_RUN_STATUSES:
        return
    rows.change(ASSET_PARTITION, _asset_row(rows, fact), planned_run_id=run["run_id"])
    rows.planned_by(run["run_id"]).add(_asset_key(fact.body))


def _asset_settled(rows: Rows, fact: Fact, **values: Any) -> None:
    asset = _asset_row(rows, fact)
    if asset["planned_run_id"] == fact.run_id:
        values["planned_run_id"] = None
    rows.change(ASSET_PARTITION, asset, last_run_id=fact.run_id, last_us=fact.occurred_us, **values)


def _materialized(rows: Rows, fact: Fact, _run: Row | None) -> None:
    made = {"materialized_seq": fact.seq, "materialized_us": fact.occurred_us}
    _asset_settled(rows, fact, status="MATERIALIZED", error=None, **made)
    asset_key, partition_key = _asset_key(fact.body)
    rows.append(
        MATERIALIZATION,
        fact.seq,
        asset_key=asset_key,
        partition_key=partition_key,
        run_id=fact.run_id,
        step_key=fact.step_key,
        occurred_us=fact.occurred_us,
        duration_s=_number(fact.body.get("duration_s")),
        data_version=_text(fact.body.get("data_version")),
        code_version=_text(fact.body.get("code_version")),
        **{name: _json(fact.body.get(name)) for name in ("tags", "metadata", "fingerprint")},
    )


def _failed_to_materialize(rows: Rows, fact: Fact, _run: Row | None) -> None:
    _asset_settled(rows, fact, status="FAILED", error=_json(fact.body.get("error")))


def _check_evaluated(rows: Rows, fact: Fact, _run: Row | None) -> None:
    asset_key, partition_key = _asset_key(fact.body)
    rows.append(
        CHECK_RESULT,
        fact.seq,
        asset_key=asset_key,
        partition_key=partition_key,
        check_name=str(fact.body.get("check_name")),
        run_id=fact.run_id,
        step_key=fact.step_key,
        occurred_us=fact.occurred_us,
        passed=_flag(fact.body.get("passed")),
        severity=_text(fact.body.get("severity")),
        blocking=_flag(fact.body.get("blocking")),
        description=_text(fact.body.get("description")),
        metadata=_json(fact.body.get("metadata")),
    )


def _definition_key(body: dict[str, Any]) -> tuple[str, str]:
    return str(body.get("kind")), str(body.get("name"))


def _defined(rows: Rows, fact: Fact, _run: Row | None) -> None:
    kind, name = _definition_key(fact.body)
    row = rows.get(DEFINITION, (kind, name)) or rows.make(DEFINITION, fact.seq, kind=kind, name=name)
    texts = {word: _text(fact.body.get(word)) for word in ("notebook", "group_name", "source")}
    parts = {word: _json(fact.body.get(word)) for word in ("options", "deps")}
    rows.change(DEFINITION, row, changed_us=fact.occurred_us, forgotten=False, **texts, **parts)


def _forgotten(rows: Rows, fact: Fact, _run: Row | None) -> None:
    row = rows.get(DEFINITION, _definition_key(fact.body))
    if row is not None:
        rows.change(DEFINITION, row, changed_us=fact.occurred_us, forgotten=True)


def _set(rows: Rows, fact: Fact, _run: Row | None) -> None:
    name = str(fact.body.get("name"))
    row = rows.get(SETTING, (name,)) or rows.make(SETTING, fact.seq, name=name)
    rows.change(SETTING, row, changed_us=fact.occurred_us, value=json_text(fact.body.get("value")))


def _dynamic_key(body: dict[str, Any]) -> tuple[str, str]:
    return str(body.get("name")), str(body.get("partition_key"))


def _partition_added(rows: Rows, fact: Fact, _run: Row | None) -> None:
    name, key = _dynamic_key(fact.body)
    row = rows.get(DYNAMIC_PARTITION, (name, key))
    if row is None:
        row = rows.make(DYNAMIC_PARTITION, fact.seq, name=name, partition_key=key)
    if row["added_seq"] is None:
        rows.change(DYNAMIC_PARTITION, row, added_seq=fact.seq, changed_us=fact.occurred_us)


def _partition_deleted(rows: Rows, fact: Fact, _run: Row | None) -> None:
    row = rows.get(DYNAMIC_PARTITION, _dynamic_key(fact.body))
    if row is not None:
        rows.change(DYNAMIC_PARTITION, row, added_seq=None, changed_us=fact.occurred_us)


def _logs_captured(rows: Rows, fact: Fact, _run: Row | None) -> None:
    if fact.run_id is not None and (path := fact.body.get("path")):
        step_key = fact.step_key
        rows.append(LOG_FILE, fact.seq, run_id=fact.run_id, step_key=step_key, path=str(path), copied=False)


FOLDS: dict[str, Change] = {
    words.RUN_ENQUEUED: _run_enqueued,
    words.RUN_DEQUEUED: _becomes("NOT_STARTED"),
    words.RUN_STARTING: _becomes("STARTING"),
    words.RUN_START: _run_start,
    words.RUN_CANCELING: _run_canceling,
    words.RUN_SUCCESS: _ends("SUCCESS"),
    words.RUN_FAILURE: _ends("FAILURE"),
    words.RUN_CANCELED: _ends("CANCELED"),
    words.STEP_START: _step_start,
    words.STEP_RESTARTED: _step_start,
    words.STEP_SUCCESS: _step_ends("SUCCESS"),
    words.STEP_FAILURE: _step_ends("FAILURE"),
    words.STEP_SKIPPED: _step_ends("SKIPPED"),
    words.STEP_NOT_RUN: _step_ends("NOT_RUN"),
    words.STEP_CANCELED: _step_ends("CANCELED"),
    words.STEP_UP_FOR_RETRY: _step_ends("UP_FOR_RETRY"),
    words.ASSET_MATERIALIZATION_PLANNED: _asset_planned,
    words.ASSET_MATERIALIZATION: _materialized,
    words.ASSET_FAILED_TO_MATERIALIZE: _failed_to_materialize,
    words.ASSET_CHECK_EVALUATION: _check_evaluated,
    words.DEFINITION_CHANGED: _defined,
    words.DEFINITION_FORGOTTEN: _forgotten,
    words.CELL_KEPT: _defined,
    words.CELL_FORGOTTEN: _forgotten,
    words.SETTING_CHANGED: _set,
    words.DYNAMIC_PARTITION_ADDED: _partition_added,
    words.DYNAMIC_PARTITION_DELETED: _partition_deleted,
    words.LOGS_CAPTURED: _logs_captured,
    **AUTOMATION_FOLDS,
    **BACKFILL_FOLDS,
}
DEFINITION_EVENTS = frozenset(
    {words.DEFINITION_CHANGED, words.DEFINITION_FORGOTTEN, words.CELL_KEPT, words.CELL_FORGOTTEN}
)
DYNAMIC_PARTITION_EVENTS = frozenset({words.DYNAMIC_PARTITION_ADDED, words.DYNAMIC_PARTITION_DELETED})
ASSET_EVENTS = frozenset(
    {words.ASSET_MATERIALIZATION_PLANNED, words.ASSET_MATERIALIZATION, words.ASSET_FAILED_TO_MATERIALIZE}
)
