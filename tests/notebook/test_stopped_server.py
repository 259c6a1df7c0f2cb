"""A stopped project server (SIGSTOP) delays one cell, and then nothing; what was recorded arrives when it wakes."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from kernels import Kernel, text_of
from waiting import eventually

from jobkernel.storage.control import server_status
from jobkernel.storage.waiters import LATE_S

SETUP = "%load_ext jobkernel\nimport warnings\nwarnings.filterwarnings('ignore', category=DeprecationWarning)"
SLACK_S = 8.0
"""What a slow machine may add to the one wait."""
QUIET = "has not answered within 10 s; what was recorded is kept here until it does."


@pytest.fixture
def kernel(project: Path) -> Iterator[Kernel]:
    kernel = Kernel(project, "mine.ipynb")
    try:
        kernel.run(SETUP)
        kernel.run("%%asset orders\nprint('counted')\n[1, 2, 3]")
        kernel.run("%%asset broken\n1 / 0")
        kernel.run("%%asset slow\nimport time\nwhile True:\n    time.sleep(0.05)")
        yield kernel
    finally:
        kernel.close()


@pytest.fixture
def server(project: Path, kernel: Kernel) -> Iterator[int]:
    """The pid of the server; it runs again in the end."""
    status = server_status(project)
    assert status is not None
    pid = int(status["pid"])
    yield pid
    os.kill(pid, signal.SIGCONT)


def history(kernel: Kernel) -> str:
    """The status of each run, as the history knows it; nothing while it does not answer."""
    shown = kernel.run(
        "import jobkernel as jk\n"
        "try:\n    print([row['status'] for row in jk.session().history.query('latest_runs')])\n"
        "except jk.errors.JobkernelError:\n    pass"
    )
    return text_of(shown).strip()


def test_a_cell_waits_once_for_a_stopped_server_and_its_run_is_told_when_it_wakes(kernel: Kernel, server: int) -> None:
    os.kill(server, signal.SIGSTOP)

    began = time.monotonic()
    first = text_of(kernel.run("%materialize orders"))
    took = time.monotonic() - began
    began = time.monotonic()
    second = text_of(kernel.run("%materialize orders\nassert orders == [1, 2, 3]"))
    took_again = time.monotonic() - began

    assert LATE_S - 2.5 < took < LATE_S + SLACK_S
    assert took_again < SLACK_S
    for text in (first, second):
        assert "counted" in text
        assert text.count(QUIET) == 1
        assert "Traceback" not in text
    assert history(kernel) == ""

    os.kill(server, signal.SIGCONT)

    eventually(lambda: history(kernel) == "['SUCCESS', 'SUCCESS']")
    assert QUIET not in text_of(kernel.run("%materialize orders"))


def test_a_run_is_canceled_while_the_server_is_stopped(kernel: Kernel, server: int) -> None:
    cell = kernel.begin("%materialize slow")
    eventually(lambda: "STARTED" in str(kernel.result("runs")))
    os.kill(server, signal.SIGSTOP)

    began = time.monotonic()
    kernel.interrupt()
    shown = text_of(kernel.finish(cell, is_failing=True))
    took = time.monotonic() - began

    assert "canceled" in shown.lower()
    assert took < LATE_S + SLACK_S
    os.kill(server, signal.SIGCONT)
    eventually(lambda: history(kernel) == "['CANCELED']")


def test_a_run_that_is_to_be_retried_fails_in_its_cell_at_once_and_is_retried_when_the_server_wakes(
    kernel: Kernel, server: int
) -> None:
    os.kill(server, signal.SIGSTOP)

    began = time.monotonic()
    shown = text_of(kernel.run("%materialize broken --tag dagster/max_retries=1", is_failing=True))

    assert time.monotonic() - began < LATE_S + SLACK_S
    assert "ZeroDivisionError" in shown
    os.kill(server, signal.SIGCONT)
    eventually(lambda: history(kernel) == "['FAILURE', 'FAILURE']")
    tags = kernel.run(
        "print([row['tags'].get('dagster/retry_number') for row in jk.session().history.query('latest_runs')])"
    )
    assert sorted(eval(text_of(tags)), key=str) == ["1", None]


def test_the_wait_itself_can_be_interrupted_and_nothing_is_run(kernel: Kernel, server: int, project: Path) -> None:
    os.kill(server, signal.SIGSTOP)

    began = time.monotonic()
    cell = kernel.begin("open('begun', 'w').close()\n%materialize orders")
    eventually((project / "begun").exists)
    kernel.interrupt()
    shown = text_of(kernel.finish(cell, is_failing=True))

    assert time.monotonic() - began < LATE_S + SLACK_S
    assert "counted" not in shown
