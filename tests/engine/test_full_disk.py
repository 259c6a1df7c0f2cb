"""Whole runs while the project's disk is full: each ends in the right state with a sentence, and the next one works."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from live_sessions import define
from waiting import eventually

import jobkernel as jk
from jobkernel.engine.handle import RunHandle
from jobkernel.engine.opening import open_session
from jobkernel.engine.session import Session
from jobkernel.executors import capture
from jobkernel.storage.control import stop_server

SIZE = "8m"
PATIENCE_S = 60.0


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A project on a disk of its own of eight megabytes."""
    folder = tmp_path / "project"
    folder.mkdir()
    mount = shutil.which("mount")
    command = [mount or "mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", str(folder)]
    if mount is None or subprocess.run(command, capture_output=True, check=False).returncode != 0:
        pytest.skip("only an administrator can mount a small disk")
    yield folder
    with contextlib.suppress(Exception):
        stop_server(folder)
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.fixture
def session(disk: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Session]:
    runtime = disk.parent / "rt"
    runtime.mkdir()
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(runtime))
    monkeypatch.setenv("JOBKERNEL_PROJECT", str(disk))
    opened = open_session(folder=disk)
    assert opened.notice is None
    capture.install()
    yield opened.session
    capture.uninstall()
    opened.session.close()


def fill(disk: Path) -> Path:
    """Take all the room that is left."""
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(bytes(4096))
    return filler


def ended(handle: RunHandle) -> str:
    assert handle.live.active.wait(PATIENCE_S), "the run hangs"
    return handle.status


@jk.op
def rows() -> list[int]:
    return list(range(100_000))


@jk.op
def talks(rows: list[int]) -> int:
    for number in range(20_000):
        print(f"line {number} of many that fill a log")
    return len(rows)


@jk.job
def nightly() -> None:
    talks(rows())


@jk.op
def says_nothing() -> None:
    return None


@jk.job
def silent() -> None:
    says_nothing()


def history_of(session: Session) -> list[str]:
    return [row["status"] for row in session.history.query("latest_runs")]


@pytest.mark.parametrize("executor", ["threads", "processes"])
def test_a_job_on_a_full_disk_fails_with_a_sentence_and_the_next_one_works(
    session: Session, disk: Path, executor: str
) -> None:
    define(session, nightly)
    session.executors.default = executor
    filler = fill(disk)

    handle = session.launch(session.plan_job("nightly"))

    assert ended(handle) == "FAILURE"
    assert "failed at rows: DiskFull: There is no room left to store a value in" in repr(handle)
    assert "history.duckdb is full; nothing that was kept is lost" in str(handle.live.loss)
    filler.unlink()
    eventually(lambda: history_of(session) == ["FAILURE"])
    again = session.launch(session.plan_job("nightly"))
    assert ended(again) == "SUCCESS"
    assert again.live.loss is None
    assert history_of(session) == ["SUCCESS", "FAILURE"]


def test_a_job_that_keeps_nothing_succeeds_on_a_full_disk_and_says_that_its_history_waits(
    session: Session, disk: Path
) -> None:
    define(session, silent)
    filler = fill(disk)

    handles = [session.launch(session.plan_job("silent")) for _ in range(3)]

    assert [ended(handle) for handle in handles] == ["SUCCESS"] * 3
    assert all("history.duckdb is full" in str(handle.live.loss) for handle in handles)
    filler.unlink()
    eventually(lambda: history_of(session) == ["SUCCESS"] * 3)


def test_a_disk_that_fills_while_a_step_prints_costs_the_log_its_end_and_not_the_run(
    session: Session, disk: Path
) -> None:
    filler = disk / "filler"

    @jk.op
    def fills_and_talks() -> int:
        print("before")
        fill(disk)
        for number in range(20_000):
            print(f"line {number} of many that find no room")
        return 7

    @jk.op
    def follows(number: int) -> int:
        return number + 1

    @jk.job
    def talking() -> None:
        follows(fills_and_talks())

    define(session, talking)
    handle = session.launch(session.plan_job("talking"))

    assert ended(handle) == "SUCCESS"
    assert handle.output_for_node("follows") == 8
    assert "full" in str(handle.live.loss) or "no room" in str(handle.live.loss)
    filler.unlink()
    eventually(lambda: history_of(session) == ["SUCCESS"])
    kept = [line["text"] for line in session.records.log_lines(handle.run_id, "fills_and_talks")]
    assert kept[0] == "before"
    assert 1 < len(kept) < 20_001
    said = session.records.step_messages(handle.run_id)["fills_and_talks"]
    assert "cannot be written: No space left on device" in said
