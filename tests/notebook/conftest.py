"""Notebooks for tests: ``nb`` keeps its history in memory and is quick, ``project`` is a folder for real servers."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from shells import Notebook, notebook_in

from jobkernel.clock import SystemClock
from jobkernel.engine import opening
from jobkernel.errors import HistoryError
from jobkernel.storage.control import stop_server
from jobkernel.storage.history import LocalHistory


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A project folder of its own, whose server is gone when the test ends."""
    (tmp_path / "rt").mkdir()
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path / "rt"))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    monkeypatch.setenv("MPLBACKEND", "agg")
    monkeypatch.delenv("JOBKERNEL_PROJECT", raising=False)
    folder = tmp_path / "project"
    folder.mkdir()
    yield folder
    with contextlib.suppress(HistoryError):
        stop_server(folder)


@pytest.fixture
def nb(project: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Notebook]:
    """A notebook with jobkernel loaded; values on disk, history in this process."""

    def local(folder: Path, **who: Any) -> LocalHistory:
        return LocalHistory(folder=folder / ".jobkernel", clock=SystemClock(), **who)

    monkeypatch.setattr(opening.HistoryClient, "connect", local)
    with notebook_in(project) as notebook:
        yield notebook
