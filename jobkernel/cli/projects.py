"""Which project a command is about, its history, and the run that is meant."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from jobkernel.errors import HistoryError


def project_argument(command: argparse.ArgumentParser) -> None:
    """Let a command be told its project."""
    command.add_argument("--project", type=Path, metavar="DIR", help="the project (default: found from here upward)")


def run_argument(command: argparse.ArgumentParser) -> None:
    """Let a command be told a run."""
    command.add_argument("run", metavar="RUN", help="a run's id, or the beginning of it")


def place(given: argparse.Namespace) -> Path:
    """Return the folder that is meant. Raises :class:`HistoryError` where there is none."""
    start = given.project or Path.cwd()
    if not start.is_dir():
        raise HistoryError(f"There is no folder '{start}'.")
    return Path(start).resolve() if given.project else project_of(start)


def project_of(start: Path) -> Path:
    """Return the project that a folder belongs to."""
    from jobkernel.engine.project import find_project

    return find_project(start, os.environ, Path.home())


def prepared(folder: Path) -> Path:
    """Return the project of a notebook's folder, made where there is none yet."""
    from jobkernel.engine.project import prepare

    project = project_of(folder)
    prepare(project)
    return project


def project(given: argparse.Namespace) -> Path:
    """Return the project that is meant. Raises :class:`HistoryError` where it has no history."""
    found = place(given)
    if not (found / ".jobkernel" / "history.duckdb").exists():
        raise HistoryError(f"'{found}' holds no jobkernel history; go to the project's folder, or give --project DIR.")
    return found


@contextmanager
def history_of(folder: Path) -> Iterator[Any]:
    """Connect to a project's history for a while."""
    from jobkernel.storage.client import HistoryClient

    history = HistoryClient.connect(folder, notebook=None)
    try:
        yield history
    finally:
        history.close()


def row_of(history: Any, beginning: str) -> dict[str, Any]:
    """Return what is kept of the run that begins with this text. Raises :class:`UnknownName`."""
    from jobkernel.engine.records import RunRecords

    records = RunRecords(history)
    return records.row(records.find(beginning))
