"""A run's log: what its steps logged (events) and what they wrote (captured files), merged in time.

Knows where both lie. ``read`` answers by run, also while the run is going; ``copy_captured`` brings captured lines
into the history, so that the ``logs`` view has them when somebody asks in SQL.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jobkernel.storage.output_files import Line, lines_of, output_files
from jobkernel.storage.questions import ask
from jobkernel.storage.store import Store

if TYPE_CHECKING:
    import duckdb


def read(
    store: Store,
    cursor: duckdb.DuckDBPyConnection,
    folder: Path | None,
    *,
    run_id: str,
    step_key: str | None = None,
    after: dict[str, int] | None = None,
    limit: int = 10_000,
) -> dict[str, Any]:
    """Return ``{"lines": [...], "after": {...}}``: what came since ``after``, and what to pass the next time.

    A line has ``step_key``, ``occurred_at`` (µs), ``level`` and ``message``.
    """
    given = {"run_id": run_id, "step_key": step_key, "limit": limit}
    seen = dict(after or {})
    logged = ask(store, cursor, "logged_messages", given | {"after_seq": seen.get("events", 0)}).dicts()
    sources: list[Iterator[tuple[str, int, Line]]]
    sources = [iter([("events", row["seq"], _event_line(row)) for row in logged])]
    for step, path in output_files(folder, run_id, step_key) if folder else ():
        sources.append(_from_file(path.name, path, step, seen.get(path.name, 0)))
    merged = itertools.islice(heapq.merge(*sources, key=lambda entry: entry[2].occurred_at), limit)
    found = []
    for name, position, line in merged:
        seen[name] = position
        found.append(_shown(line))
    return {"lines": found, "after": seen}


def _from_file(name: str, path: Path, step_key: str, after: int) -> Iterator[tuple[str, int, Line]]:
    return ((name, line.end, line) for line in lines_of(path, step_key, after))


def _event_line(row: dict[str, Any]) -> Line:
    return Line(row["step_key"], row["occurred_at"], row["level"] or "INFO", row["message"] or "", 0)


def _shown(line: Line) -> dict[str, Any]:
    return {
        "step_key": line.step_key,
        "occurred_at": line.occurred_at,
        "level": line.level,
        "message": line.message,
    }


def captured(cursor: duckdb.DuckDBPyConnection) -> list[tuple[int, str, str | None, str]]:
    """Return the captured files that were not copied yet: row_seq, run id, step key, path."""
    sql = "select row_seq, run_id, step_key, path from kept.log_file where not copied order by row_seq"
    return cursor.execute(sql).fetchall()  # type: ignore[no-any-return]


def copy_captured(store: Store, folder: Path, files: list[tuple[int, str, str | None, str]]) -> int:
    """Copy the lines of these files into the history, once each; return how many. On the writing thread."""
    count = 0
    for row_seq, run_id, step_key, path in files:
        inside = (folder / path).resolve()
        lines = lines_of(inside, step_key) if inside.is_relative_to(folder.resolve()) else iter(())
        rows = [(run_id, line.step_key, line.occurred_at, line.level, line.message) for line in lines]
        store.keep_captured(row_seq, rows)
        count += len(rows)
    return count
