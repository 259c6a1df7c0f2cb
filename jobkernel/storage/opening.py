"""Open the history file: make it when it is new, bring an old one up to date, say why it cannot be used.

Knows DuckDB's settings and error texts. Called by ``Store.open`` alone. A file that is refused is left as it was.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

from jobkernel.errors import DiskFull, HistoryCorrupt, HistoryError, HistoryHeld, HistoryInterrupted, HistoryTooNew

if TYPE_CHECKING:
    import duckdb

SCHEMA_VERSION = 5
MEMORY = ":memory:"

Migration = Callable[["duckdb.DuckDBPyConnection"], None]


def _only_views(_connection: duckdb.DuckDBPyConnection) -> None:
    """Change no table: the documented views are made anew after every migration."""


def _automations(connection: duckdb.DuckDBPyConnection) -> None:
    """Make the tables of schedules, sensors and backfills; a tick's row has an end and details."""
    connection.execute("drop view if exists ticks")
    _make_tables(connection, "tick", "automation", "run_key", "backfill")  # of ticks one was there, never written


def _conditions(connection: duckdb.DuckDBPyConnection) -> None:
    """Make the table of what conditions came to."""
    _make_tables(connection, "condition")


def _dynamic_partitions(connection: duckdb.DuckDBPyConnection) -> None:
    """Make the table of dynamic partitions, of what stood among the settings: a row for each change of keys."""
    _make_tables(connection, "dynamic_partition")
    rows = connection.execute(
        "delete from kept.setting where name like 'dynamic_partitions/%' returning value"
    ).fetchall()
    found: dict[tuple[str, str], int] = {}
    changes = sorted((json.loads(value) for (value,) in rows), key=lambda each: (each["at"], each["number"]))
    for change in changes:
        for key in change["keys"]:
            if change["what"] == "added":
                found.setdefault((change["name"], key), change["at"])
            else:
                found.pop((change["name"], key), None)
    if found:  # the events that said so mean nothing to this version
        connection.execute("insert or ignore into kept.meta values ('pruned', '0')")
    for seq, ((name, key), at) in enumerate(found.items(), -len(found)):  # before all that events will add
        connection.execute("insert into kept.dynamic_partition values (?, ?, ?, ?, ?)", [seq, name, key, at, seq])


def _make_tables(connection: duckdb.DuckDBPyConnection, *names: str) -> None:
    script = _script("schema.sql")
    for name in names:
        found = re.search(rf"create table kept\.{name} \(.*?\n\);", script, re.DOTALL)
        assert found is not None
        connection.execute(f"drop table if exists kept.{name}")
        connection.execute(found[0])


MIGRATIONS: dict[int, Migration] = {2: _only_views, 3: _automations, 4: _conditions, 5: _dynamic_partitions}
"""What brings the tables of a history from the version before to this one, by the version it leads to."""

SETTINGS = {
    "threads": 2,
    "memory_limit": "1GB",
    "temp_directory": "",
    "checkpoint_threshold": "32MB",
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
    "python_enable_replacements": False,
}


def open_history_file(
    path: str, *, version: int = SCHEMA_VERSION, migrations: dict[int, Migration] | None = None
) -> duckdb.DuckDBPyConnection:
    """Return a connection to a history of this version, walled in. Raises a :class:`HistoryError`."""
    import duckdb  # heavy: only the owner of a history pays for it

    try:
        connection = duckdb.connect(path, config=SETTINGS)
    except duckdb.Error as error:
        raise said(error, path) from error
    try:
        _bring_up_to_date(connection, path, version, MIGRATIONS if migrations is None else migrations)
        connection.execute("set enable_external_access = false")
        connection.execute("set lock_configuration = true")
    except duckdb.Error as error:
        connection.close()
        raise said(error, path) from error
    except BaseException:
        connection.close()
        raise
    return connection


def said(error: Exception, path: str) -> HistoryError:
    """Return what DuckDB reports as a sentence with a remedy."""
    text = str(error)
    if "has been invalidated" in text:
        return HistoryInterrupted(f"{path} has to be opened again after a failure of the disk; that happens by itself.")
    if "Could not set lock" in text or "onflicting lock" in text:
        return HistoryHeld(_held(text, path))
    if "No space left" in text or "ENOSPC" in text or "File too large" in text:
        return DiskFull(
            f"The disk that holds {path} is full; nothing that was kept is lost. Free some space, then go on."
        )
    if "version number" in text:
        return HistoryTooNew(
            f"{path} was written by a newer DuckDB; install the jobkernel and DuckDB that wrote it, or newer ones."
        )
    if "Permission denied" in text or "ead-only file system" in text:
        return HistoryHeld(f"{path} may not be written by this user; give yourself write access to it.")
    first_line = text.strip().splitlines()[0] if text.strip() else type(error).__name__
    return HistoryCorrupt(
        f"{path} cannot be read as a history ({first_line}). Put back a copy of it, or move it and its .wal file away"
        " to start a new history; stored values are not touched."
    )


def _held(text: str, path: str) -> str:
    holder = re.search(r"held in (.+?) \(PID (\d+)\)", text)
    who = f"{holder[1]} (process {holder[2]})" if holder else "another program"
    return f"{path} is held open by {who}; close it there, then try again."


def _bring_up_to_date(
    connection: duckdb.DuckDBPyConnection, path: str, version: int, migrations: dict[int, Migration]
) -> None:
    found = _version_of(connection)
    if found is None:
        _create(connection, path, version)
    elif found > version:
        raise HistoryTooNew(
            f"{path} was written by a newer jobkernel (history version {found}, this one knows {version});"
            " upgrade jobkernel in this environment to open it."
        )
    elif found < version:
        _migrate(connection, range(found + 1, version + 1), migrations)


def _version_of(connection: duckdb.DuckDBPyConnection) -> int | None:
    tables = connection.execute("select schema_name || '.' || table_name from duckdb_tables()").fetchall()
    if ("kept.meta",) not in tables:
        return None
    row = connection.execute("select value from kept.meta where name = 'schema_version'").fetchall()
    return int(row[0][0]) if row else None


def _create(connection: duckdb.DuckDBPyConnection, path: str, version: int) -> None:
    if connection.execute("select 1 from duckdb_tables() limit 1").fetchall():
        raise HistoryCorrupt(
            f"{path} is a DuckDB database but no jobkernel history; move it away, jobkernel needs that name."
        )
    connection.execute("begin")
    connection.execute(_script("schema.sql")).fetchall()
    connection.execute(_script("views.sql")).fetchall()
    connection.execute("insert into kept.meta values ('schema_version', ?)", [str(version)]).fetchall()
    connection.execute("commit")


def _script(name: str) -> str:
    return resources.files("jobkernel.storage").joinpath(name).read_text("utf-8")


def _migrate(connection: duckdb.DuckDBPyConnection, versions: Sequence[int], migrations: dict[int, Migration]) -> None:
    connection.execute("begin")
    try:
        for version in versions:
            migrations[version](connection)
            connection.execute(
                "update kept.meta set value = ? where name = 'schema_version'", [str(version)]
            ).fetchall()
        connection.execute(_script("views.sql")).fetchall()
    except BaseException:
        connection.execute("rollback")
        raise
    connection.execute("commit")


def file_of(path: str) -> Path | None:
    """Return the path of a history on disk, or None for one in memory."""
    return None if path == MEMORY else Path(path)
