"""``jobkernel run`` of a notebook with a broken definition: on without it, unless the job needs it."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from jobkernel.storage.control import stop_server
from tests.unit.cli.conftest import command_in

CELLS = (
    "%load_ext jobkernel",
    "%%asset numbers\n[1, 2, 3]",
    "%%asset total\nsum(numbers)",
    "%%asset broken --group\n1",
    "# jk: asset unfinished\nx ===",
    "%%check numbers few\nlen(numbers) <",
    "%%op greet --retry-delay 3s\n'hello'",
    "%%op count\n3",
    "%job totals total",
    "%job all_of_it *",
    "%job checked numbers",
    "%%job counting\ncount()",
)
Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    folder: Path = tmp_path_factory.mktemp("broken")
    nbformat.write(new_notebook(cells=[new_code_cell(source) for source in CELLS]), folder / "nb.ipynb")
    command = command_in(folder)
    yield lambda *arguments: command("run", "nb.ipynb", *arguments)
    stop_server(folder)


def test_a_job_that_does_not_need_the_broken_cells_runs_and_each_is_named_in_a_line(run: Run) -> None:
    done = run("counting")

    assert (done.returncode, done.stderr) == (0, "")
    told = [line for line in done.stdout.splitlines() if line.startswith("left out: ")]
    assert [line.partition(" (")[0] for line in told] == [f"left out: cell {number}" for number in (4, 5, 6, 7)]
    assert "needs a value" in told[0]
    assert done.stdout.splitlines()[-1].endswith(": SUCCESS")


@pytest.mark.parametrize(("job", "cell"), [("all_of_it", 4), ("checked", 6)])
def test_a_job_that_needs_a_broken_cell_is_not_run_and_ends_with_1(run: Run, job: str, cell: int) -> None:
    done = run(job)

    assert done.returncode == 1
    assert done.stderr.startswith(f"jobkernel: Cell {cell} (")
    assert done.stderr.count("\n") == 1
    assert "run " not in done.stdout.splitlines()[-1]


def test_what_does_not_fit_is_refused_with_2(run: Run) -> None:
    assert run("countng").stderr == "jobkernel: No job 'countng' is defined. Did you mean 'counting'?\n"
    done = run("counting", "--set", "nothing.n=1")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "'nothing.n' names no op" in done.stderr
