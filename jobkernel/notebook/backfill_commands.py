"""``%jk backfills`` and ``%jk backfill ID``: what there is, one of them, and cancel, retry, resume."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import Any, Final

from jobkernel.clock import from_us
from jobkernel.engine.backfill import Backfill, tally_words
from jobkernel.engine.session import Session
from jobkernel.notebook.kernel import NotebookKernel
from jobkernel.notebook.options import UsageProblem, whole_number
from jobkernel.notebook.shown import Shown
from jobkernel.rules.backfill_progress import Tally
from jobkernel.storage.table import Table

COLUMNS: Final = {
    "backfill": "VARCHAR",
    "of": "VARCHAR",
    "status": "VARCHAR",
    "progress": "VARCHAR",
    "requested_at (UTC)": "TIMESTAMP",
    "notebook": "VARCHAR",
    "note": "VARCHAR",
}
NAMED: Final = 10


def backfills(kernel: NotebookKernel, given: argparse.Namespace) -> Table | Shown:
    """Return the backfills of the project, newest first."""
    session = kernel.session
    session.history.flush()
    rows = session.history.query("backfills", limit=whole_number(given.limit, "--limit", least=1) or 20)
    if not rows:
        return Shown("No backfill yet; %materialize ASSET --partition FIRST..LAST is one.")
    left = set(session.history.request("backfills_without_kernel"))
    cells = [_cells(row, is_left=row["backfill_id"] in left) for row in rows]
    return Table(list(COLUMNS), list(COLUMNS.values()), cells, widest=120)


def backfill(kernel: NotebookKernel, given: argparse.Namespace) -> Backfill | Shown:
    """Show one backfill, or cancel it, retry what it did not make, or go on with what a dead kernel left."""
    keeper = kernel.session.backfills
    held = kernel.names.get(given.backfill)
    name = held.backfill_id if isinstance(held, Backfill) else given.backfill
    asked = [name for name in ("cancel", "retry", "resume") if getattr(given, name)]
    if len(asked) > 1:
        raise UsageProblem(f"%jk backfill: --{asked[0]} and --{asked[1]} are two things; give one.")
    if given.cancel:
        backfill_id = keeper.full_id(name)
        return Shown(f"⊘ backfill {backfill_id}: {keeper.cancel(backfill_id)}")
    if given.retry:
        return keeper.retry(name)
    if given.resume:
        return keeper.resume(name)
    return _shown(kernel.session, keeper.full_id(name))


def _cells(row: Mapping[str, Any], *, is_left: bool) -> tuple[Any, ...]:
    note = f"its kernel is gone: %jk backfill {row['backfill_id']} --resume" if is_left else row["error"]
    asked = from_us(row["requested_at"]).replace(tzinfo=None, microsecond=0)
    words = tally_words(_tally(row))
    return row["backfill_id"], row["selection"], row["status"], words, asked, row["notebook"], note


def _tally(row: Mapping[str, Any]) -> Tally:
    return Tally(
        **{name: int(row[name]) for name in ("partitions", "done", "failed", "not_run", "canceled", "running")}
    )


def _shown(session: Session, backfill_id: str) -> Backfill | Shown:
    known = session.backfills.find(backfill_id)
    session.history.flush()
    row = session.history.query("backfills", backfill_ids=[backfill_id])[0]
    is_left = backfill_id in session.history.request("backfills_without_kernel")
    tally = known.progress if known is not None else _tally(row)
    status = known.status if known is not None else row["status"]
    lines = [f"backfill {backfill_id} of {row['selection']}: {status}, {tally_words(tally)}"]
    refused = known.refused if known is not None else {}
    failed = [
        each
        for each in _newest(session, backfill_id)
        if each["status"] in ("FAILURE", "CANCELED") and each["number"] not in refused
    ]
    told = [f"{known.runs[number].title}: not launched, {error}" for number, error in refused.items()] if known else []
    told = told[:NAMED] + [_failure(session, each) for each in failed[: NAMED - len(told[:NAMED])]]
    lines += [f"  {line}" for line in told]
    more = len(failed) + len(refused) - len(told)
    lines += [f"  and {more} more"] if more else []
    if is_left:
        lines.append(f"Its kernel is gone: %jk backfill {backfill_id} --resume goes on with what it had not launched.")
    elif status in ("COMPLETED_FAILED", "CANCELED"):
        lines.append(f"%jk backfill {backfill_id} --retry runs again what was not made.")
    lines.append(f"Its runs: %runs --tag dagster/backfill={backfill_id}")
    return Shown("\n".join(lines))


def _newest(session: Session, backfill_id: str) -> list[dict[str, Any]]:
    rows = session.history.query("runs_of_backfill", backfill_id=backfill_id)
    return list({row["number"]: row for row in rows}.values())


def _failure(session: Session, row: Mapping[str, Any]) -> str:
    run = session.history.query("run", run_id=row["run_id"])[0]
    tags = run["tags"] or {}
    start, end = (tags.get(f"dagster/asset_partition_range_{each}") for each in ("start", "end"))
    what = run["partition_key"] or (f"{start}..{end}" if start else ", ".join(run["assets"] or ()))
    error = row["error"] if isinstance(row["error"], Mapping) else {}
    why = str(error.get("message") or error.get("type") or run["reason"] or "").partition("\n")[0]
    return f"{what}: {row['status']}, run {row['run_id'][:8]}{f', {why}' if why else ''}"
