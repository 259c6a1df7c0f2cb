"""A killed kernel's backfill is offered to the next kernel of its notebook, and goes on there when it is told."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from kernels import Kernel, text_of
from waiting import eventually

from jobkernel.storage.client import HistoryClient

SETUP = "%load_ext jobkernel\nimport warnings\nwarnings.filterwarnings('ignore', category=DeprecationWarning)"
DAY = """%%asset day --partitions daily:2024-01-01..2024-01-06
import pathlib, time
key = context.partition_key
if key == '2024-01-02':
    raise ValueError('not today')
if key == '2024-01-04':
    pathlib.Path('began').touch()
    while not pathlib.Path('go').exists():
        time.sleep(0.02)
open('made', 'a').write(key + '\\n')
key
"""


@pytest.fixture
def kernel_of(project: Path) -> Iterator[Callable[..., Kernel]]:
    """Starts kernels with jobkernel in them; all are ended."""
    kernels: list[Kernel] = []

    def start(*cells: str, notebook: str = "days.ipynb") -> Kernel:
        kernel = Kernel(project, notebook)
        kernels.append(kernel)
        for cell in cells:
            kernel.run(cell)
        return kernel

    yield start
    (project / "go").touch()
    for kernel in kernels:
        kernel.close()


@pytest.fixture
def watcher(project: Path) -> Iterator[HistoryClient]:
    client = HistoryClient.connect(project, kernel_id="watcher", notebook="watcher.ipynb")
    yield client
    client.close()


def kill(kernel: Kernel, watcher: HistoryClient) -> None:
    pid = kernel.manager.provisioner.pid  # type: ignore[union-attr]
    assert pid is not None
    os.kill(int(pid), signal.SIGKILL)
    eventually(lambda: not watcher.query("open_runs"))


def row_of(watcher: HistoryClient) -> dict[str, Any]:
    (row,) = watcher.query("backfills")
    return row


def test_a_killed_kernels_backfill_goes_on_once_in_the_next(
    kernel_of: Callable[..., Kernel], watcher: HistoryClient, project: Path
) -> None:
    first = kernel_of(SETUP, DAY, "handle = %materialize day --partition all --bg --max-runs 1")
    eventually((project / "began").exists)
    other = kernel_of(SETUP, DAY.replace("%%asset day", "%%asset day --take-over"), notebook="other.ipynb")
    name = row_of(watcher)["backfill_id"]
    assert "is seen to by days.ipynb" in text_of(other.run(f"%jk backfill {name} --resume", is_failing=True))

    kill(first, watcher)

    assert row_of(watcher)["status"] == "REQUESTED"
    assert "its kernel is gone" in text_of(other.run("%jk backfills"))
    next_kernel = kernel_of()
    assert f"%jk backfill {name} --resume goes on" in text_of(next_kernel.run(SETUP))
    assert "is not defined here" in text_of(next_kernel.run(f"%jk backfill {name} --resume", is_failing=True))

    (project / "go").touch()
    next_kernel.run(DAY.replace("%%asset day", "%%asset day --take-over"))
    next_kernel.run(f"handle = %jk backfill {name} --resume\nhandle.wait(30)")

    row = row_of(watcher)
    assert (row["status"], row["done"], row["failed"]) == ("COMPLETED_FAILED", 5, 1)
    made = (project / "made").read_text().split()
    assert made == [f"2024-01-0{day}" for day in (1, 3, 4, 5, 6)]
    successes = watcher.sql("select partition_key, count(*) from runs where status = 'SUCCESS' group by 1 order by 1")
    assert successes.fetchall() == [(key, 1) for key in made]


def test_a_backfill_whose_kernel_is_gone_is_canceled_by_any(
    kernel_of: Callable[..., Kernel], watcher: HistoryClient, project: Path
) -> None:
    first = kernel_of(SETUP, DAY, "handle = %materialize day --partition all --bg --max-runs 1")
    eventually((project / "began").exists)
    other = kernel_of(SETUP, notebook="other.ipynb")
    name = row_of(watcher)["backfill_id"]
    kill(first, watcher)

    assert "its kernel is gone" in text_of(other.run(f"%jk backfill {name} --cancel"))

    row = row_of(watcher)
    assert (row["status"], row["done"], row["failed"] + row["canceled"]) == ("CANCELED", 2, 4)


def test_a_living_kernels_backfill_is_canceled_from_another_notebook(
    kernel_of: Callable[..., Kernel], watcher: HistoryClient, project: Path
) -> None:
    kernel_of(SETUP, DAY, "handle = %materialize day --partition all --bg --max-runs 1")
    eventually((project / "began").exists)
    other = kernel_of(SETUP, notebook="other.ipynb")

    told = text_of(other.run(f"%jk backfill {row_of(watcher)['backfill_id']} --cancel"))

    assert "asked days.ipynb" in told
    eventually(lambda: row_of(watcher)["status"] in ("CANCELING", "CANCELED"))
    (project / "go").touch()
    eventually(lambda: row_of(watcher)["status"] == "CANCELED")
    assert len((project / "made").read_text().split()) <= 3


def test_a_backfill_that_is_unloaded_in_the_middle_goes_on_when_it_is_told(
    kernel_of: Callable[..., Kernel], watcher: HistoryClient, project: Path
) -> None:
    kernel = kernel_of(SETUP, DAY, "handle = %materialize day --partition all --bg --max-runs 1")
    eventually((project / "began").exists)
    name = row_of(watcher)["backfill_id"]

    told = text_of(kernel.run("%reload_ext jobkernel"))

    assert f"Backfill {name} was left by a kernel that is gone" in told
    (project / "go").touch()
    kernel.run(DAY)
    kernel.run(f"handle = %jk backfill {name} --resume\nhandle.wait(30)")
    row = row_of(watcher)
    assert (row["status"], row["done"], row["failed"]) == ("COMPLETED_FAILED", 5, 1)


def test_an_interrupt_cancels_the_backfill_of_the_cell_and_nothing_else(
    kernel_of: Callable[..., Kernel], watcher: HistoryClient, project: Path
) -> None:
    kernel = kernel_of(SETUP, DAY, "%%asset other\n1")
    cell = kernel.begin("%materialize day --partition all --max-runs 1")
    eventually((project / "began").exists)

    kernel.manager.interrupt_kernel()

    told = text_of(kernel.finish(cell, is_failing=True))
    assert "This cell stopped with its run." in told
    row = row_of(watcher)
    assert (row["status"], row["done"], row["running"]) == ("CANCELED", 2, 0)
    assert "✓" in text_of(kernel.run("%materialize other"))


def test_a_run_that_died_is_made_once_where_it_was_to_be_tried_again_as_well(
    kernel_of: Callable[..., Kernel], watcher: HistoryClient, project: Path
) -> None:
    first = kernel_of(
        SETUP, DAY, "handle = %materialize day --partition all --bg --max-runs 1 --tag dagster/max_retries=1"
    )
    eventually((project / "began").exists)
    name = row_of(watcher)["backfill_id"]
    kill(first, watcher)
    (project / "go").touch()

    next_kernel = kernel_of(SETUP, DAY, f"handle = %jk backfill {name} --resume\nhandle.wait(30)")
    # what a dead kernel left is looked through a second after the last definition
    next_kernel.run(
        "import jobkernel, time\nleft, deadline = jobkernel.session().left_runs, time.monotonic() + 20\n"
        "while left.waiting and time.monotonic() < deadline: time.sleep(0.05)\nassert not left.waiting",
    )

    tries = watcher.sql("select count(*) from runs where partition_key = '2024-01-04'").fetchall()
    assert tries == [(2,)]  # the one that died, and the one of the resumed backfill
    assert (project / "made").read_text().split().count("2024-01-04") == 1
