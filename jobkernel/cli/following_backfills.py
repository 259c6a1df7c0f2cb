"""A backfill followed in a terminal to its end: a bar of its partitions; Ctrl-C cancels it.

Asks the history; knows no notebook.
"""

from __future__ import annotations

import time
from typing import Any

from jobkernel.cli.following import LOOK_AGAIN_S, Screen, screen
from jobkernel.cli.telling import FAILED, INTERRUPTED, OK, complain, say
from jobkernel.engine.backfill import NAMED
from jobkernel.storage.history import History


def follow_backfill(history: History, backfill_id: str, title: str) -> int:
    """Follow a backfill to its end and return the exit code; Ctrl-C cancels it."""
    is_canceled = False
    with screen() as shown:
        shown.say(f"backfill {backfill_id} of {title}")
        while True:
            try:
                row = _to_the_end(history, backfill_id, shown)
                break
            except KeyboardInterrupt:
                is_canceled = True
                history.request("cancel_backfill", backfill_id=backfill_id, by="the command line")
                shown.say("canceling: what was not launched never is")
    say(f"backfill {backfill_id}: {row['status']}, {row['done']}/{row['partitions']} partitions")
    for line in _failures(history, backfill_id):
        complain(line)
    return OK if row["status"] == "COMPLETED_SUCCESS" else INTERRUPTED if is_canceled else FAILED


def _to_the_end(history: History, backfill_id: str, shown: Screen) -> dict[str, Any]:
    while True:
        row = history.query("backfills", backfill_ids=[backfill_id])[0]
        words = f"{row['failed']} failed" if row["failed"] else ""
        shown.stand(row["done"] + row["failed"], row["partitions"], words)
        if row["ended_at"] is not None:
            return row
        time.sleep(LOOK_AGAIN_S)


def _failures(history: History, backfill_id: str) -> list[str]:
    newest = {row["number"]: row for row in history.query("runs_of_backfill", backfill_id=backfill_id)}
    failed = [row["run_id"] for row in newest.values() if row["status"] == "FAILURE"]
    lines = [_failure(history.query("run", run_id=run_id)[0]) for run_id in failed[:NAMED]]
    return lines + ([f"and {len(failed) - NAMED} more"] if len(failed) > NAMED else [])


def _failure(run: dict[str, Any]) -> str:
    tags = run["tags"] or {}
    start, end = (tags.get(f"dagster/asset_partition_range_{each}") for each in ("start", "end"))
    what = run["partition_key"] or (f"{start}..{end}" if start else "what has no partitions")
    return f"{what} failed; `jobkernel logs {run['run_id'][:8]}` says why."
