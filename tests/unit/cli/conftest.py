"""A project with a small notebook, and the command line in processes of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

import jobkernel
from jobkernel.storage.control import stop_server

CELLS = (
    "%load_ext jobkernel",
    "%%asset numbers --run\n[1, 2, 3]",
    "numbers.nothing_of_this_name",
    "broken = numbers.nothing_of_this_name",
    "def double(x):\n    return 2 * x",
    "%%asset doubled\n[double(n) for n in numbers]",
    "%job everything +doubled",
    "%%op greet --param name:str=world\nprint(f'hello {name}')",
    "%%job greeting\ngreet()",
    "%%op fail\n1 / 0",
    "%%op after --ins x\nx",
    "%%job failing\nafter(fail())",
    "%%op wait\nimport time\nprint('waiting')\nfor _ in range(600):\n    context.check_canceled()\n    time.sleep(0.1)",
    "%%job waiting\nwait()",
    "%materialize everything_is_wrong_here",
)

CommandLine = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    (tmp_path / "rt").mkdir()
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path / "rt"))
    monkeypatch.delenv("JOBKERNEL_PROJECT", raising=False)
    monkeypatch.setenv("PYTHONPATH", str(Path(jobkernel.__file__).parents[1]))
    folder = tmp_path / "project"
    folder.mkdir()
    notebook = new_notebook(cells=[new_code_cell(source) for source in CELLS])
    nbformat.write(notebook, folder / "small.ipynb")
    yield folder
    stop_server(folder)


@pytest.fixture
def command(project: Path) -> CommandLine:
    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            words(*arguments), cwd=project, capture_output=True, text=True, timeout=90, env=dict(os.environ)
        )

    return run


def words(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "jobkernel.cli", *arguments]
