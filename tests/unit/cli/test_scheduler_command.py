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

from jobkernel.storage.control import stop_server
from jobkernel.storage.history import open_history

SENSOR = "%%sensor watch --job j --every 1s --on\nSkipReason('nothing new')"


def started(folder: Path, *cells: str) -> subprocess.Popen[str]:
    nbformat.write(new_notebook(cells=[new_code_cell(cell) for cell in cells]), folder / "n.ipynb")
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3]), "IPYTHONDIR": str(folder / "ipython")}
    command = [sys.executable, "-m", "jobkernel", "scheduler", str(folder / "n.ipynb")]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)


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
    process = started(folder, "%%asset a --run\n1", "%job j a", SENSOR)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "keeping watch going; Ctrl-C ends it\n"
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


def test_a_notebook_without_schedules_is_refused(folder: Path) -> None:
    process = started(folder, "%%asset a\n1")
    _, complaint = process.communicate(timeout=60)
    stop_server(folder)
    assert process.returncode == 2
    assert "defines no schedule and no sensor, so there is nothing to keep going." in complaint
