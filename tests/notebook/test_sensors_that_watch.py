"""Sensors of files, of an asset and of runs, written as cells, in a notebook with a real history."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from shells import Notebook

PATIENCE_S = 20.0


def waited(nb: Notebook, sql: str, wanted: Callable[[list[Any]], bool]) -> list[Any]:
    deadline = time.monotonic() + PATIENCE_S
    while True:
        nb.session.history.flush()
        rows: list[Any] = nb.session.history.sql(sql).fetchall()
        if wanted(rows) or time.monotonic() > deadline:
            return rows
        time.sleep(0.05)


RUNS = "select tags ->> 'jobkernel/file' from runs where trigger_name = 'inbox' order by queued_at"


@pytest.fixture
def inbox(nb: Notebook, tmp_path: Path) -> Path:
    nb.ok("%%asset a\n1", "%job j a")
    (tmp_path / "inbox").mkdir()
    return tmp_path / "inbox"


def test_each_new_or_changed_file_starts_one_run_within_a_second_or_so(nb: Notebook, inbox: Path) -> None:
    (inbox / "old.csv").write_text("0")
    nb.ok(f"%sensor inbox --job j --files '{inbox}/*.csv' --every 1h --on")
    assert [Path(row[0]).name for row in waited(nb, RUNS, lambda rows: len(rows) == 1)] == ["old.csv"]
    (inbox / "new.csv").write_text("1")
    (inbox / "other.txt").write_text("no")
    began = time.monotonic()
    assert [Path(row[0]).name for row in waited(nb, RUNS, lambda rows: len(rows) == 2)] == ["old.csv", "new.csv"]
    took = time.monotonic() - began
    (inbox / "old.csv").write_text("changed")
    names = [Path(row[0]).name for row in waited(nb, RUNS, lambda rows: len(rows) == 3)]
    assert names == ["old.csv", "new.csv", "old.csv"]
    assert took < PATIENCE_S  # its speed is measured elsewhere; the hour of --every is not waited for


def test_a_file_that_is_written_slowly_is_one_run(nb: Notebook, inbox: Path) -> None:
    nb.ok(f"%sensor inbox --job j --files '{inbox}/*.csv' --every 1h --on")
    with (inbox / "slow.csv").open("w") as file:
        for number in range(12):
            file.write(f"{number}\n")
            file.flush()
            time.sleep(0.1)
    waited(nb, RUNS, lambda rows: len(rows) >= 1)
    time.sleep(1)
    assert len(waited(nb, RUNS, bool)) == 1


def test_a_body_sees_the_files(nb: Notebook, inbox: Path) -> None:
    for name in ("b.csv", "a.csv"):
        (inbox / name).write_text(name)
        time.sleep(0.02)
    body = "print(len(files))\n[RunRequest(tags={'names': ' '.join(path.name for path in files)})]"
    nb.ok(f"%%sensor inbox --job j --files '{inbox}/*.csv' --every 1s --on\n{body}")
    rows = waited(nb, "select tags ->> 'names' from runs where trigger_name = 'inbox'", bool)
    assert rows == [("b.csv a.csv",)]
    nb.ok("%sensor inbox off", "%sensor inbox on")
    reasons = waited(nb, "select skip_reason from ticks where status = 'SKIPPED'", bool)
    assert reasons[0][0].startswith("No new or changed file among 2 of ")


def test_files_seen_before_a_restart_are_not_new_after_it(nb: Notebook, inbox: Path) -> None:
    (inbox / "a.csv").write_text("1")
    line = f"%sensor inbox --job j --files '{inbox}/*.csv' --every 1s --on"
    nb.ok(line)
    waited(nb, RUNS, bool)
    nb.ok(line)
    waited(nb, "select 1 from ticks where status = 'SKIPPED'", bool)
    assert len(waited(nb, RUNS, bool)) == 1


def test_a_folder_that_is_not_there_yet_is_made(nb: Notebook, inbox: Path) -> None:
    nb.ok(f"%sensor inbox --job j --files '{inbox}/deep/*/x.csv' --every 1h --on")
    (inbox / "deep" / "one").mkdir()
    (inbox / "deep" / "one" / "x.csv").write_text("1")
    assert len(waited(nb, RUNS, bool)) == 1


def test_an_asset_that_was_materialized_starts_a_run(nb: Notebook) -> None:
    nb.ok("%%asset up\n1", "%%asset down\n2", "%job j down")
    body = "RunRequest(run_key=context.cursor, tags={'of': event.dagster_event.asset_key.to_user_string()})"
    nb.ok(f"%%sensor follow --job j --asset up --every 1s --on\n{body}")
    assert waited(nb, "select skip_reason from ticks", bool)[0][0].startswith("No new materialization")
    nb.ok("%materialize up")
    rows = waited(nb, "select tags ->> 'of', status from runs where trigger_name = 'follow'", bool)
    assert rows[0][0] == "up"


def test_an_asset_needs_no_body(nb: Notebook) -> None:
    nb.ok("%%asset up\n1", "%%asset down\n2", "%job j down", "%sensor follow --job j --asset up --every 1s --on")
    nb.ok("%materialize up")
    assert len(waited(nb, "select 1 from runs where trigger_name = 'follow'", bool)) == 1


def test_a_run_that_failed_is_told_to_the_body(nb: Notebook) -> None:
    nb.ok("%%op bad\n1 / 0", "%%job nightly\nbad()", "%%op worse\n1 / 0", "%%job other\nworse()")
    nb.ok("%%sensor alarm --on-failure --monitor nightly --every 1s --on\n"
          "print('told of', context.dagster_run.job_name, context.failure_event.event_type_value)")  # fmt: skip
    waited(nb, "select 1 from ticks", bool)
    for job in ("other", "nightly"):
        nb.ok(f"%launch {job}").value.wait()
    assert waited(nb, "select status from ticks where status in ('SUCCESS', 'FAILURE')", bool) == [("SUCCESS",)]
    assert "told of nightly PIPELINE_FAILURE" in nb("%sensor alarm").text
    assert "acts on runs of nightly that are FAILURE" in nb("%sensor alarm").text


@pytest.mark.parametrize(
    ("cell", "words"),
    [
        ("%sensor s --job j", "needs --files or --asset"),
        ("%%sensor s --job j --asset a --files 'x'\n1", "exclude each other"),
        ("%%sensor s --job j --monitor j\n1", "--monitor goes with"),
        ("%%sensor s --on-status LOST\n1", "LOST"),
        ("%sensor s --files 'x/*.csv'", "missing --job"),
    ],
)
def test_wrong_use_is_one_sentence(nb: Notebook, cell: str, words: str) -> None:
    assert words in nb.refused(cell)
