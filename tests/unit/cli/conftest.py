"""A project with a small notebook, and the command line in processes of its own."""

from __future__ import annotations

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
    "%%asset raw/orders\n2",
    "%job ordering raw/orders",
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


def words(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "jobkernel.cli", *arguments]


@pytest.fixture(scope="module", autouse=True)
def surroundings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path_factory.mktemp("rt")))
        patch.setenv("PYTHONPATH", str(Path(jobkernel.__file__).parents[1]))
        patch.delenv("JOBKERNEL_PROJECT", raising=False)
        yield


def a_project(folder: Path) -> Path:
    notebook = new_notebook(cells=[new_code_cell(source) for source in CELLS])
    nbformat.write(notebook, folder / "small.ipynb")
    return folder


def command_in(folder: Path) -> CommandLine:
    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(words(*arguments), cwd=folder, capture_output=True, text=True, timeout=100)

    return run


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Path]:
    yield a_project(tmp_path)
    stop_server(tmp_path)


@pytest.fixture
def command(project: Path) -> CommandLine:
    return command_in(project)


@pytest.fixture(scope="module")
def after_a_run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[CommandLine, str]]:
    """The command line of a project in which the job ``greeting`` ran once, and what that printed."""
    folder = a_project(tmp_path_factory.mktemp("greeted"))
    command = command_in(folder)
    done = command("run", "small.ipynb", "greeting", "--set", "greet.name=Ada", "--tag", "team=ops")
    assert (done.returncode, done.stderr) == (0, "")
    yield command, done.stdout
    stop_server(folder)
