"""``jobkernel scheduler NOTEBOOK``: a real process that keeps a notebook's sensors going until it is told to end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook
from waiting import eventually

from jobkernel.storage.control import stop_server
from jobkernel.storage.history import open_history

SENSOR = "%%sensor watch --job j --every 1s --on\ncontext.update_cursor(str(int(context.cursor or 0) + 1))"


def started(folder: Path, *cells: str) -> subprocess.Popen[str]:
    nbformat.write(new_notebook(cells=[new_code_cell(cell) for cell in cells]), folder / "n.ipynb")
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3]), "IPYTHONDIR": str(folder / "ipython")}
    command = [sys.executable, "-m", "jobkernel", "scheduler", str(folder / "n.ipynb")]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)


def doubled(folder: Path) -> list[object]:
    """Return the cursors that two looks came to."""
    history = open_history(folder, notebook="looker").history
    try:
        return list(history.sql("select cursor from ticks group by cursor having count(*) > 1").fetchall())
    finally:
        history.close()


def count(folder: Path) -> int:
    history = open_history(folder, notebook="looker").history
    try:
        return int(history.sql("select count(*) from ticks").fetchall()[0][0])
    finally:
        history.close()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "rt").mkdir()
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path / "rt"))
    (tmp_path / "project").mkdir()
    return tmp_path / "project"


def test_it_keeps_a_notebook_going_until_ctrl_c(folder: Path) -> None:
    off = '%schedule nightly --job j --cron "0 2 * * *"'
    process = started(folder, "%%asset a --run\n1", "%job j a", SENSOR, off)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "keeping nightly (off), watch going; Ctrl-C ends it\n"
        deadline = time.monotonic() + 30
        while count(folder) < 2:
            assert time.monotonic() < deadline
            time.sleep(0.2)
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0
    finally:
        process.kill()
        process.communicate()
        stop_server(folder)


def test_of_two_one_looks_and_the_other_goes_on_when_it_is_told_to_end(folder: Path) -> None:
    processes = [started(folder, "%%asset a\n1", "%job j a", SENSOR) for _ in range(2)]
    try:
        for process in processes:
            assert process.stdout is not None
            assert process.stdout.readline() == "keeping watch going; Ctrl-C ends it\n"
        for process in processes:
            before = count(folder)
            eventually(lambda before=before: count(folder) >= before + 2, "two looks")
            process.send_signal(signal.SIGTERM)
            assert process.wait(30) == 0
        assert doubled(folder) == []
    finally:
        for process in processes:
            process.kill()
            process.communicate()
        stop_server(folder)


def test_a_kernel_that_is_killed_ends_it_with_a_sentence(folder: Path) -> None:
    process = started(folder, "%%asset a\n1", "%job j a", SENSOR)
    assert process.stdout is not None
    assert process.stdout.readline().startswith("keeping watch going")
    for child in Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split():
        os.kill(int(child), signal.SIGKILL)
    said, _ = process.communicate(timeout=60)
    stop_server(folder)
    assert (process.returncode, said) == (1, "the kernel of n.ipynb ended by itself\n")


def test_a_notebook_without_schedules_is_refused(folder: Path) -> None:
    process = started(folder, "%%asset a\n1")
    _, complaint = process.communicate(timeout=60)
    stop_server(folder)
    assert process.returncode == 2
    assert "defines no schedule and no sensor, so there is nothing to keep going." in complaint
