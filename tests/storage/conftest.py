"""Projects of their own, with a runtime folder of their own, whose servers are gone when the test ends."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import jobkernel
from jobkernel.errors import HistoryError
from jobkernel.storage.control import server_status, stop_server


@pytest.fixture(autouse=True)
def runtime(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "rt"
    folder.mkdir()
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(folder))
    return folder


@pytest.fixture
def project(tmp_path: Path, runtime: Path) -> Iterator[Path]:
    folder = tmp_path / "project"
    folder.mkdir()
    yield folder
    with contextlib.suppress(HistoryError):
        stop_server(folder)


def spawn(*arguments: str, **options: Any) -> subprocess.Popen[bytes]:
    """Start a Python that can import jobkernel."""
    home = str(Path(jobkernel.__file__).parents[1])
    environment = {**os.environ, "PYTHONPATH": home, **options.pop("env", {})}
    return subprocess.Popen([sys.executable, *arguments], env=environment, **options)


def server_pid(project: Path) -> int | None:
    """Return the pid of the project's server, or None where none answers."""
    with contextlib.suppress(HistoryError):
        status = server_status(project)
        return int(status["pid"]) if status else None
    return None


def kill(pid: int) -> None:
    """Kill without a word of warning."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
