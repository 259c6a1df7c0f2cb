"""Running a whole notebook in a kernel of its own, as a front end would, and asking the history of what it did."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient

from jobkernel.storage.client import HistoryClient


def execute(path: Path) -> dict[str, str]:
    """Run every cell; return the text under each code cell by its id. A cell that fails fails the test."""
    notebook = nbformat.read(path, as_version=4)
    client = NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(path.parent)}})
    client.execute(env={**os.environ, "JPY_SESSION_NAME": str(path)})
    return {cell.id: _text_of(cell) for cell in notebook.cells if cell.cell_type == "code"}


def asked(project: Path, query: str) -> list[tuple[Any, ...]]:
    """Return what a SELECT over a project's history gives."""
    history = HistoryClient.connect(project)
    try:
        return history.sql(query).fetchall()
    finally:
        history.close()


def _text_of(cell: Any) -> str:
    shown = [output.get("text") or output.get("data", {}).get("text/plain", "") for output in cell.outputs]
    return "\n".join(shown)
