"""Run one SELECT that a person wrote, walled in: read-only, with a deadline, and caps on rows and bytes.

The history's own settings already forbid files, extensions and changes of settings. Knows DuckDB; knows no socket.
"""

from __future__ import annotations

import re
import threading
from typing import TYPE_CHECKING, Any, Final

from jobkernel.errors import QueryRefused, did_you_mean
from jobkernel.storage.table import Table

if TYPE_CHECKING:
    import duckdb

DEADLINE_S = 10.0
MOST_ROWS = 100_000
MOST_BYTES = 64 * 1024 * 1024
CHUNK = 2_000
VIEWS: Final = (
    "runs",
    "steps",
    "events",
    "logs",
    "materializations",
    "assets",
    "checks",
    "ticks",
    "conditions",
    "dynamic_partitions",
    "backfills",
)
"""The documented views."""


def select(cursor: duckdb.DuckDBPyConnection, text: str, *, deadline_s: float = DEADLINE_S) -> Table:
    """Return what the SELECT finds. Raises :class:`QueryRefused` for anything else, and past the limits."""
    import duckdb  # loaded since the history was opened

    stopped = threading.Event()

    def stop() -> None:
        stopped.set()
        cursor.interrupt()

    alarm = threading.Timer(deadline_s, stop)
    alarm.name, alarm.daemon = "jobkernel-query-deadline", True
    alarm.start()
    try:
        check(cursor, text)
        return _read(cursor, text)
    except duckdb.Error as error:
        if stopped.is_set():
            raise QueryRefused(
                f"The query was stopped after {deadline_s:g} s; ask for less, or join on a key."
            ) from None
        raise QueryRefused(_explained(error)) from None
    finally:
        alarm.cancel()


def check(cursor: duckdb.DuckDBPyConnection, text: str) -> None:
    """Raise :class:`QueryRefused` unless the text is exactly one SELECT."""
    import duckdb  # loaded since the history was opened

    statements = cursor.extract_statements(text)
    if len(statements) != 1:
        many = f"this is {len(statements)} statements" if statements else "here is none"
        raise QueryRefused(f"One SELECT at a time; {many}.")
    kind = statements[0].type
    if kind != duckdb.StatementType.SELECT:
        raise QueryRefused(f"The history can only be read: one SELECT, not {str(kind).rpartition('.')[2]}.")


def _read(cursor: duckdb.DuckDBPyConnection, text: str) -> Table:
    cursor.execute("begin transaction read only")
    try:
        cursor.execute(text)
        described = cursor.description or []
        rows, truncated = _fetch(cursor)
        return Table([column[0] for column in described], [str(column[1]) for column in described], rows, truncated)
    finally:
        cursor.execute("rollback")


def _fetch(cursor: duckdb.DuckDBPyConnection) -> tuple[list[tuple[Any, ...]], bool]:
    rows: list[tuple[Any, ...]] = []
    size = 0
    while chunk := cursor.fetchmany(CHUNK):
        rows += chunk
        size += sum(len(value) if isinstance(value, (str, bytes)) else 16 for row in chunk for value in row)
        if len(rows) > MOST_ROWS or size > MOST_BYTES:
            cursor.interrupt()
            return rows[:MOST_ROWS], True
    return rows, False


def _explained(error: Exception) -> str:
    """Return what DuckDB says as sentences for the person who asked; names that are ours alone stay out."""
    text = str(error).strip()
    if "Out of Memory" in text:
        return "The query needs more memory than the history allows; ask for fewer rows or columns."
    if table := re.search(r"Table with name \"?([^\s\"]+)\"? does not exist", text):
        return f"The history has no view '{table[1]}'.{did_you_mean(table[1], VIEWS)} It has {', '.join(VIEWS)}."
    if column := re.search(r"Referenced column \"(.+?)\" not found", text):
        near = re.findall(r"\"(\w+)\"", text.partition("Candidate bindings:")[2])
        guess = did_you_mean(column[1], near) or (f" Some that there are: {', '.join(near)}." if near else "")
        return f"There is no column '{column[1]}' here.{guess} A text is written in single quotes."
    first = " ".join(text.split("\n\n")[0].partition("Candidate functions:")[0].split())
    said = re.sub(r"^(\w+ Error|Error): ", "", first).replace("kept.", "")
    return said if said.endswith((".", "?", "!")) else f"{said}."
