"""What may be forgotten, and forgetting it: old events, logs and finished runs.

Never the latest materialization of an asset partition (its event and fingerprint), the latest result of a check, the
latest evaluation of a condition, definitions, settings, what schedules and sensors go by (run keys, cursors,
switches), or a run that is still open.
Runs on the writing thread, in one transaction.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jobkernel.records import dataclass
from jobkernel.storage.output_files import LOGS, run_folder
from jobkernel.storage.store import Store, sentences

if TYPE_CHECKING:
    import duckdb

DAY_US = 86_400 * 1_000_000
SKIPPED_DAYS = 7
"""How long at most a sensor's look at the world that led to nothing is kept."""

KEPT_CONDITIONS = 100
"""How many evaluations of the condition of one asset are kept at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """How long finished runs are kept: ``days`` (None: for ever), and at most ``runs`` of them."""

    days: float | None
    runs: int
    now_us: int

    @property
    def cutoff_us(self) -> int:
        """Return the instant before which things are old."""
        return 0 if self.days is None else int(self.now_us - self.days * DAY_US)

    @property
    def skipped_us(self) -> int:
        """Return the instant before which sensors' ticks that led to nothing are old."""
        return max(self.cutoff_us, self.now_us - SKIPPED_DAYS * DAY_US) if self.days is not None else 0


OLD = {
    "runs": (
        "execution",
        "step_key is null and ended_us is not null and (ended_us < $cutoff or row_seq not in"
        " (select row_seq from kept.execution where step_key is null order by row_seq desc limit $runs))",
    ),
    "steps": ("execution", "step_key is not null and run_id in (select run_id from old_runs)"),
    "log_lines": ("log_line", "run_id in (select run_id from old_runs)"),
    "log_files": ("log_file", "run_id in (select run_id from old_runs)"),
    "conditions": (
        "condition",
        "occurred_us < $cutoff and row_seq not in (select max(row_seq) from kept.condition group by asset_key)"
        " or (asset_key, row_seq) in (select (asset_key, row_seq) from kept.condition"
        " qualify row_number() over (partition by asset_key order by row_seq desc) > $conditions)",
    ),
    "events": (
        "event",
        "(run_id in (select run_id from old_runs) or (run_id is null and occurred_us < $cutoff))"
        " and seq not in (select materialized_seq from kept.asset_partition where materialized_seq is not null)"
        " or (event_type = 'TICK_SKIPPED' and occurred_us < $skipped and body ->> 'automation_type' <> 'SCHEDULE')"
        " or (event_type = 'CONDITIONS_EVALUATED' and seq not in (select row_seq from kept.condition))",
    ),
    "ticks": (
        "tick",
        "status <> 'STARTED' and (evaluated_us < $cutoff"
        " or (evaluated_us < $skipped and status = 'SKIPPED' and automation_type <> 'SCHEDULE'))",
    ),
    "backfills": ("backfill", "ended_us < $cutoff"),
    "materializations": (
        "materialization",
        "(run_id in (select run_id from old_runs) or (run_id is null and occurred_us < $cutoff)) and row_seq not in"
        " (select materialized_seq from kept.asset_partition where materialized_seq is not null)",
    ),
    "checks": (
        "check_result",
        "(run_id in (select run_id from old_runs) or (run_id is null and occurred_us < $cutoff)) and row_seq not in"
        " (select max(row_seq) from kept.check_result group by asset_key, check_name, partition_key)",
    ),
}
"""What goes, by the word in the answer: its table and which of its rows."""


def what_goes(store: Store, cursor: duckdb.DuckDBPyConnection, limits: Retention) -> dict[str, Any]:
    """Return how many rows of each kind a prune would delete."""
    with sentences(store.path):
        return {word: _count(cursor, table, which, limits) for word, (table, which) in OLD.items()}


def prune(store: Store, folder: Path | None, limits: Retention) -> dict[str, Any]:
    """Delete what is old, captured output included; return how many rows of each kind went, and the ``run_ids``."""
    cursor = store.cursor()
    counts = what_goes(store, cursor, limits)
    if not any(counts.values()):
        return counts
    with sentences(store.path):
        old_runs = [run_id for (run_id,) in _ask(cursor, _OLD_RUNS, limits)]
    store.forget_old({word: _delete(table, which) for word, (table, which) in OLD.items()}, _values(limits))
    for run_id in old_runs if folder else ():
        shutil.rmtree(Path(folder or "") / LOGS / run_folder(run_id), ignore_errors=True)
    store.checkpoint()
    return {**counts, "run_ids": old_runs}


_OLD_RUNS = f"select run_id from kept.execution where {OLD['runs'][1]}"  # noqa: S608 - our own words


def _with_old_runs(statement: str) -> str:
    return f"with old_runs as ({_OLD_RUNS}) {statement}" if "old_runs" in statement else statement


def _count(cursor: duckdb.DuckDBPyConnection, table: str, which: str, limits: Retention) -> int:
    return int(_ask(cursor, _with_old_runs(f"select count(*) from kept.{table} where {which}"), limits)[0][0])  # noqa: S608


def _delete(table: str, which: str) -> str:
    return _with_old_runs(f"delete from kept.{table} where {which}")  # noqa: S608 - our own words


def _values(limits: Retention) -> dict[str, int]:
    kept = {"runs": limits.runs, "conditions": KEPT_CONDITIONS}
    return {"cutoff": limits.cutoff_us, "skipped": limits.skipped_us, **kept}


def _ask(cursor: duckdb.DuckDBPyConnection, sql: str, limits: Retention) -> list[tuple[Any, ...]]:
    values = {word: value for word, value in _values(limits).items() if f"${word}" in sql}
    return cursor.execute(sql, values).fetchall()  # type: ignore[no-any-return]
