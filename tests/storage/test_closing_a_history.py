"""A history is closed while a thread asks it something: the answer comes, then the file is let go."""

from __future__ import annotations

import threading
from contextlib import suppress
from pathlib import Path

import duckdb
from waiting import eventually

from jobkernel.storage.store import Store

LONG = "select count(*) from range(400000000) numbers(number) where number % 7 = 3"


def test_a_history_that_is_closed_waits_for_what_is_being_answered(tmp_path: Path) -> None:
    store = Store.open(str(tmp_path / "history.duckdb"))
    cursor, answers = store.cursor(), []

    def ask() -> None:
        while not answers:
            with suppress(duckdb.ResourceInUseException):  # the test looks whether it is busy
                answers.append(cursor.execute(LONG).fetchone())

    thread = threading.Thread(target=ask)
    thread.start()
    eventually(lambda: is_busy(cursor), "the question is being answered")
    store.close()
    thread.join()
    assert answers == [(57142857,)]
    Store.open(str(tmp_path / "history.duckdb")).close()


def is_busy(cursor: duckdb.DuckDBPyConnection) -> bool:
    try:
        cursor.execute("select 1")
    except duckdb.ResourceInUseException:
        return True
    return False
