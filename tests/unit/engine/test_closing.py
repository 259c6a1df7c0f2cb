"""A history in process closes when all that was emitted is written, also when nobody closes it."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from jobkernel.model.events import Event
from jobkernel.storage.history import LocalHistory

DEFINED = {"kind": "asset", "notebook": None, "group_name": "g", "source": None, "options": {}, "deps": []}


def a_definition(number: int) -> Event:
    return Event("DEFINITION_CHANGED", None, None, number, {**DEFINED, "name": f"a{number}"})


def test_closing_waits_until_ten_thousand_definitions_are_kept(tmp_path: Path) -> None:
    path = str(tmp_path / "history.duckdb")
    history = LocalHistory(path)
    history.emit_many(a_definition(number) for number in range(1, 10_001))
    history.close()
    again = LocalHistory(path)
    try:
        assert again.sql("select count(*) from events").fetchall() == [(10_000,)]
        assert len(again.query("definitions")) == 10_000
    finally:
        again.close()


def test_ten_thousand_new_definitions_cost_no_question_each() -> None:
    history = LocalHistory()
    try:
        began = time.monotonic()
        history.emit_many(a_definition(number) for number in range(1, 10_001))
        history.flush(60)
        assert time.monotonic() - began < 8
    finally:
        history.close()


def test_a_process_that_ends_with_a_full_history_ends_well(tmp_path: Path) -> None:
    script = (
        "from jobkernel.model.events import Event\n"
        "from jobkernel.storage.history import LocalHistory\n"
        f"history = LocalHistory({str(tmp_path / 'history.duckdb')!r})\n"
        "history.emit_many(Event('ENGINE_EVENT', None, None, n + 1, {'message': str(n)}) for n in range(50_000))\n"
    )
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=100, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")
    history = LocalHistory(str(tmp_path / "history.duckdb"))
    try:
        assert history.sql("select count(*) from events").fetchall() == [(50_000,)]
    finally:
        history.close()
