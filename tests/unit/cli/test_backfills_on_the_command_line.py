"""``jobkernel run NOTEBOOK JOB --partition A..B``: a backfill followed to its end, with real processes."""

from __future__ import annotations

from pathlib import Path

import pytest
from nbformat import write
from nbformat.v4 import new_code_cell, new_notebook

from tests.unit.cli.conftest import CommandLine

CELLS = [
    "%load_ext jobkernel",
    "%%asset day --partitions daily:2024-01-01..2024-01-04\n"
    "if context.partition_key == '2024-01-03':\n    raise ValueError('not today')\n"
    "context.partition_key",
    "%job daily day",
]


@pytest.fixture
def days(command: CommandLine, project: Path) -> CommandLine:
    notebook = new_notebook(cells=[new_code_cell(source) for source in CELLS])
    write(notebook, project / "days.ipynb")
    return command


def test_a_range_is_followed_and_what_failed_is_named(days: CommandLine) -> None:
    done = days("run", "days.ipynb", "daily", "--partition", "2024-01-02..2024-01-04", "--max-runs", "1")

    assert done.returncode == 1, done.stderr
    assert done.stdout.splitlines()[-1].endswith(": COMPLETED_FAILED, 2/3 partitions")
    assert "2024-01-03 failed; `jobkernel logs " in done.stderr
    assert days("run", "days.ipynb", "daily", "--partition", "latest").returncode == 0


def test_a_backfill_over_nothing_is_refused_in_one_sentence(days: CommandLine) -> None:
    done = days("run", "days.ipynb", "daily", "--partition", "failed")

    assert (done.returncode, done.stderr) == (2, "jobkernel: No partition of 'day' failed.\n")
