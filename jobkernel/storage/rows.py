"""The state rows that events change: their tables, their keys, and the rows in memory while a batch is folded.

Knows the names of tables and columns; knows no event and no DuckDB. ``fold`` changes rows here, ``store`` writes
what changed.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import field
from typing import Any, Protocol

from jobkernel.records import dataclass
from jobkernel.storage.encoding import json_text

Row = dict[str, Any]
Key = tuple[Any, ...]
LARGEST_CACHE = 20_000


@dataclass(frozen=True, slots=True)
class Table:
    """A kind of state row: its columns in order, and those that name a row.

    Runs and steps are ``kept_in`` one table; what has no column there is in their ``details``, a dict while in memory.
    """

    name: str
    columns: tuple[str, ...]
    key: tuple[str, ...]
    kept_in: str = ""

    @property
    def target(self) -> str:
        """Return the table that is written."""
        return self.kept_in or self.name

    def line(self, row: Row) -> tuple[Any, ...]:
        """Return the row as it is written."""
        values = list(row.values())
        if self.kept_in:
            values[-1] = json_text(values[-1])
        return tuple(values)

    def row(self, line: Sequence[Any]) -> Row:
        """Return the row that was written so."""
        row = dict(zip(self.columns, line, strict=True))
        if self.kept_in:
            row["details"] = json.loads(row["details"])
        return row


def _columns(words: str) -> tuple[str, ...]:
    return tuple(words.split())


EXECUTION = _columns("row_seq last_seq run_id step_key attempt job_name status queued_us started_us ended_us details")
RUN = Table("run", EXECUTION, ("run_id",), kept_in="execution")
STEP = Table("step", EXECUTION, ("run_id", "step_key", "attempt"), kept_in="execution")
ASSET_PARTITION = Table(
    "asset_partition",
    _columns(
        "row_seq asset_key partition_key status planned_run_id last_run_id last_us materialized_seq materialized_us"
        " error"
    ),
    ("asset_key", "partition_key"),
)
DEFINITION = Table(
    "definition",
    _columns("row_seq kind name changed_us notebook group_name source options deps forgotten"),
    ("kind", "name"),
)
SETTING = Table("setting", _columns("row_seq name changed_us value"), ("name",))
DYNAMIC_PARTITION = Table(
    "dynamic_partition", _columns("row_seq name partition_key changed_us added_seq"), ("name", "partition_key")
)
MATERIALIZATION = Table(
    "materialization",
    _columns(
        "row_seq asset_key partition_key run_id step_key occurred_us duration_s data_version code_version tags"
        " metadata fingerprint"
    ),
    (),
)
CHECK_RESULT = Table(
    "check_result",
    _columns(
        "row_seq asset_key partition_key check_name run_id step_key occurred_us passed severity blocking description"
        " metadata"
    ),
    (),
)
LOG_FILE = Table("log_file", _columns("row_seq run_id step_key path copied"), ())
AUTOMATION = Table(
    "automation",
    _columns(
        "row_seq name automation_type notebook is_on crons timezone since_us scheduled_us evaluated_us cursor failures"
        " token keys_reset_seq"
    ),
    ("name",),
)
TICK = Table(
    "tick",
    _columns(
        "row_seq tick_id automation_name automation_type status scheduled_us evaluated_us skip_reason cursor run_ids"
        " error ended_us details"
    ),
    ("tick_id",),
)
RUN_KEY = Table(
    "run_key", _columns("row_seq automation_name run_key run_id tick_id given_seq"), ("automation_name", "run_key")
)
CONDITION = Table("condition", _columns("row_seq asset_key occurred_us automation_name tick_id requested why tree"), ())
BACKFILL = Table(
    "backfill",
    _columns("row_seq backfill_id status job_name notebook client_id requested_us ended_us details"),
    ("backfill_id",),
)

KEYED = (RUN, STEP, ASSET_PARTITION, DEFINITION, SETTING, DYNAMIC_PARTITION, AUTOMATION, TICK, RUN_KEY, BACKFILL)
ALL_TABLES = (*KEYED, MATERIALIZATION, CHECK_RESULT, LOG_FILE, CONDITION)


class Source(Protocol):
    """Reads rows that are not in memory from where they are kept."""

    def rows_of(self, _table: Table, _keys: list[Key]) -> list[Row]:
        """Return the rows of these keys; keys that are not there are left out."""
        ...

    def steps_of(self, _run_id: str) -> list[Row]:
        """Return a run's step rows, oldest first."""
        ...

    def planned_by(self, _run_id: str) -> list[Row]:
        """Return the asset partitions that the run has planned and not made."""
        ...


@dataclass(slots=True)
class Changes:
    """What one batch did: rows to take out by row_seq, and rows to put in, both by the table they are kept in."""

    removed: dict[str, list[int]] = field(default_factory=dict)
    added: dict[str, list[tuple[Any, ...]]] = field(default_factory=dict)


@dataclass(slots=True)
class Rows:
    """The state rows that are in memory, and which of them the present batch changed."""

    source: Source
    cache: dict[str, dict[Key, Row | None]] = field(default_factory=lambda: {table.name: {} for table in KEYED})
    dirty: dict[str, dict[int, Row]] = field(default_factory=lambda: {table.name: {} for table in KEYED})
    born: dict[str, set[int]] = field(default_factory=lambda: {table.name: set() for table in KEYED})
    appended: dict[str, list[Row]] = field(default_factory=dict)
    steps_of_run: dict[str, dict[str, list[Row]]] = field(default_factory=dict)
    """Steps of the runs in memory: run id → step key → attempts in order."""
    planned: dict[str, set[Key]] = field(default_factory=dict)
    """Asset partitions that the runs in memory have planned and not made."""

    def load(self, table: Table, keys: Iterable[Key]) -> None:
        """Bring the rows of these keys into memory with one question."""
        cache = self.cache[table.name]
        missing = [key for key in dict.fromkeys(keys) if key not in cache]
        if not missing:
            return
        cache.update(dict.fromkeys(missing))
        for row in self.source.rows_of(table, missing):
            cache[tuple(row[name] for name in table.key)] = row

    def get(self, table: Table, key: Key) -> Row | None:
        """Return the row of this key, or None where there is none."""
        cache = self.cache[table.name]
        if key not in cache:
            self.load(table, [key])
        return cache[key]

    def steps(self, run_id: str) -> dict[str, list[Row]]:
        """Return the attempts of each of the run's steps, in order."""
        if run_id not in self.steps_of_run:
            found: dict[str, list[Row]] = {}
            for row in self.source.steps_of(run_id):
                found.setdefault(row["step_key"], []).append(row)
                self.cache[STEP.name][run_id, row["step_key"], row["attempt"]] = row
            self.steps_of_run[run_id] = found
        return self.steps_of_run[run_id]

    def planned_by(self, run_id: str) -> set[Key]:
        """Return the keys of the asset partitions that the run has planned and not made."""
        if run_id not in self.planned:
            known = self.cache[ASSET_PARTITION.name]
            for row in self.source.planned_by(run_id):
                known.setdefault((row["asset_key"], row["partition_key"]), row)
            self.planned[run_id] = {
                key for key, row in known.items() if row is not None and row["planned_run_id"] == run_id
            }
        return self.planned[run_id]

    def start_run(self, run_id: str) -> None:
        """Note that nothing is kept yet about the run's steps and plans."""
        self.steps_of_run[run_id] = {}
        self.planned[run_id] = set()

    def make(self, table: Table, row_seq: int, **values: Any) -> Row:
        """Put a new row in, its other columns None."""
        row: Row = dict.fromkeys(table.columns)
        row.update(values, row_seq=row_seq)
        self.cache[table.name][tuple([row[name] for name in table.key])] = self.dirty[table.name][row_seq] = row
        self.born[table.name].add(row_seq)
        return row

    def change(self, table: Table, row: Row, **values: Any) -> None:
        """Change a row that is in memory."""
        row.update(values)
        self.dirty[table.name][row["row_seq"]] = row

    def append(self, table: Table, row_seq: int, **values: Any) -> None:
        """Put a row into a table whose rows never change."""
        row: Row = dict.fromkeys(table.columns)
        row.update(values, row_seq=row_seq)
        self.appended.setdefault(table.name, []).append(row)

    def changes(self) -> Changes:
        """Return what the batch did."""
        found = Changes()
        for table in KEYED:
            dirty, born = self.dirty[table.name], self.born[table.name]
            if dirty:
                removed = [row_seq for row_seq in dirty if row_seq not in born]
                if removed:
                    found.removed.setdefault(table.target, []).extend(removed)
                found.added.setdefault(table.target, []).extend(table.line(row) for row in dirty.values())
        for name, rows in self.appended.items():
            found.added[name] = [tuple(row.values()) for row in rows]
        return found

    def settle(self, ended_runs: Iterable[str]) -> None:
        """Forget what was changed, once it is durable, and the rows of runs that ended."""
        for table in KEYED:
            self.dirty[table.name].clear()
            self.born[table.name].clear()
            if len(self.cache[table.name]) > LARGEST_CACHE:
                self._shrink(table)
        self.appended.clear()
        for run_id in ended_runs:
            self.forget_run(run_id)

    def _shrink(self, table: Table) -> None:
        if table in (RUN, STEP):
            return
        self.cache[table.name].clear()

    def forget_run(self, run_id: str) -> None:
        """Drop a run and its steps from memory."""
        self.cache[RUN.name].pop((run_id,), None)
        self.planned.pop(run_id, None)
        steps = self.cache[STEP.name]
        for attempts in self.steps_of_run.pop(run_id, {}).values():
            for row in attempts:
                steps.pop((run_id, row["step_key"], row["attempt"]), None)

    def forget(self) -> None:
        """Drop everything from memory, as after a transaction that failed."""
        for table in KEYED:
            self.cache[table.name].clear()
            self.dirty[table.name].clear()
            self.born[table.name].clear()
        self.appended.clear()
        self.steps_of_run.clear()
        self.planned.clear()
