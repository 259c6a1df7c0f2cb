"""A run whose kernel was killed is tried again: once, by a kernel of its notebook that defines what it ran."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from kernels import Kernel, text_of
from waiting import eventually

from jobkernel.storage.client import HistoryClient

SETUP = "%load_ext jobkernel\nimport warnings\nwarnings.filterwarnings('ignore', category=DeprecationWarning)"
LOAD = "%%op load\nopen('loaded', 'a').write('x')\n20"
GRIND = """%%op grind --ins load
import os, pathlib, time
pathlib.Path(f'began-{os.getpid()}').touch()
while not pathlib.Path('go').exists():
    time.sleep(0.02)
open('ground', 'a').write('x')
load + 1
"""
JOB = "%%job nightly --tag dagster/max_retries=1\ngrind(load())"


@pytest.fixture
def kernel_of(project: Path) -> Iterator[Callable[..., Kernel]]:
    """Starts kernels with jobkernel in them; all are ended."""
    kernels: list[Kernel] = []

    def start(*cells: str, notebook: str = "night.ipynb") -> Kernel:
        kernel = Kernel(project, notebook)
        kernels.append(kernel)
        for cell in (SETUP, *cells):
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


def pid_of(kernel: Kernel) -> int:
    pid = kernel.manager.provisioner.pid  # type: ignore[union-attr]
    assert pid is not None
    return int(pid)


def begin_the_night(kernel: Kernel, project: Path, options: str = "") -> None:
    """Launch the job and wait until its second step runs."""
    kernel.run(f"%launch nightly {options}")
    eventually((project / f"began-{pid_of(kernel)}").exists)


def kill(kernel: Kernel, watcher: HistoryClient) -> None:
    os.kill(pid_of(kernel), signal.SIGKILL)
    eventually(lambda: not watcher.query("open_runs"))


def runs(watcher: HistoryClient) -> list[dict[str, Any]]:
    latest = watcher.query("latest_runs", limit=100)
    found = [row for each in latest for row in watcher.query("run", run_id=each["run_id"])]
    return sorted(found, key=lambda row: row["first_seq"])


def ended(watcher: HistoryClient, count: int) -> list[dict[str, Any]]:
    eventually(lambda: len(found := runs(watcher)) == count and all(row["ended_at"] for row in found))
    return runs(watcher)


def waiting_in(kernel: Kernel) -> str:
    return text_of(kernel.run("import jobkernel; print(jobkernel.session().left_runs.waiting)")).strip()


def told_when_settled(kernel: Kernel) -> str | None:
    """What a cell says once the kernel has nothing left to take up."""
    text = waiting_in(kernel)
    return text if text.endswith("()") else None


def test_a_restarted_kernel_goes_on_with_its_run_once_it_has_defined_it(
    project: Path, kernel_of: Callable[..., Kernel], watcher: HistoryClient
) -> None:
    first = kernel_of(LOAD, GRIND, JOB)
    begin_the_night(first, project, "--priority 3")
    eventually(lambda: any(path.is_file() for path in (project / ".jobkernel" / "values").rglob("*")))
    kill(first, watcher)
    dead = runs(watcher)[0]
    assert dead["status"] == "FAILURE"
    assert dead["tags"]["dagster/will_retry"] == "true"
    assert dead["tags"]["dagster/failure_reason"] == "UNEXPECTED_TERMINATION"
    assert "tried again as soon as a kernel of that notebook has defined" in dead["error"]["message"]

    (project / "go").touch()
    second = kernel_of(LOAD)
    assert dead["run_id"] in waiting_in(second)
    assert len(runs(watcher)) == 1, "nothing is launched before the job is there"
    second.run(GRIND)
    second.run(JOB)

    _, again = ended(watcher, 2)
    assert again["status"] == "SUCCESS"
    assert (again["parent_run_id"], again["root_run_id"]) == (dead["run_id"], dead["run_id"])
    assert again["run_id"] == dead["tags"]["dagster/auto_retry_run_id"]
    assert (again["trigger"], again["priority"], again["tags"]["dagster/retry_number"]) == ("retry", 3, "1")
    assert (project / "loaded").read_text() == "x", "it went on from the failure"
    assert (project / "ground").read_text() == "x"
    eventually(partial(told_when_settled, second))


@pytest.mark.parametrize("reason", ["its strategy says so", "what its steps had made is gone"])
def test_all_of_it_is_run_again_where(
    reason: str, project: Path, kernel_of: Callable[..., Kernel], watcher: HistoryClient
) -> None:
    first = kernel_of(LOAD, GRIND, JOB)
    is_wanted = reason == "its strategy says so"
    begin_the_night(first, project, "--tag dagster/retry_strategy=ALL_STEPS" if is_wanted else "")
    kill(first, watcher)
    (project / "go").touch()
    if not is_wanted:
        shutil.rmtree(project / ".jobkernel" / "values", ignore_errors=True)

    kernel_of(LOAD, GRIND, JOB)

    _, again = ended(watcher, 2)
    assert again["status"] == "SUCCESS"
    assert (project / "loaded").read_text() == "xx"
    assert "dagster/is_resume_retry" not in again["tags"]


def test_two_kernels_of_the_notebook_do_not_both_run_it_again(
    project: Path, kernel_of: Callable[..., Kernel], watcher: HistoryClient
) -> None:
    others = [kernel_of(LOAD, GRIND, JOB) for _ in range(2)]
    stranger = kernel_of(LOAD.replace("load", "fetch"), notebook="other.ipynb")
    dying = kernel_of(LOAD, GRIND, JOB)
    begin_the_night(dying, project)
    (project / "go").touch()

    os.kill(pid_of(dying), signal.SIGKILL)

    dead, again = ended(watcher, 2)
    assert (dead["status"], again["status"]) == ("FAILURE", "SUCCESS")
    told = "".join(eventually(partial(told_when_settled, kernel)) for kernel in others)
    assert told.count(f"Run {dead['run_id'][:8]}, whose kernel died, is tried again as run") == 1
    assert len(runs(watcher)) == 2
    assert waiting_in(stranger) == "()"


def test_a_retry_that_dies_too_is_the_last_where_one_was_allowed(
    project: Path, kernel_of: Callable[..., Kernel], watcher: HistoryClient
) -> None:
    first = kernel_of(LOAD, GRIND, JOB)
    begin_the_night(first, project)
    kill(first, watcher)
    second = kernel_of(LOAD, GRIND, JOB)
    eventually((project / f"began-{pid_of(second)}").exists)

    kill(second, watcher)

    _, again = ended(watcher, 2)
    assert again["status"] == "FAILURE"
    assert again["tags"]["dagster/will_retry"] == "false"
    third = kernel_of(LOAD, GRIND, JOB)
    assert waiting_in(third) == "()"


def test_a_run_that_somebody_ran_again_by_hand_is_not_tried_again(
    project: Path, kernel_of: Callable[..., Kernel], watcher: HistoryClient
) -> None:
    first = kernel_of(LOAD, GRIND, JOB)
    begin_the_night(first, project, "--tag dagster/retry_strategy=ALL_STEPS")
    kill(first, watcher)
    dead = runs(watcher)[0]
    (project / "go").touch()
    second = kernel_of("import jobkernel\njobkernel.session().left_runs.close()", LOAD, GRIND, JOB)
    second.run(f"%jk reexecute {dead['run_id']}")
    ended(watcher, 2)

    assert watcher.request("claim_retry", run_id=dead["run_id"]) is None
    third = kernel_of(LOAD, GRIND, JOB)
    assert waiting_in(third) == "()"
    assert len(runs(watcher)) == 2
