"""Real kernels on one project: what is done to one leaves the others alone, and nothing outlives its owner."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from waiting import eventually

from jobkernel.errors import HistoryError
from jobkernel.storage.client import HistoryClient
from jobkernel.storage.control import server_status, stop_server
from jobkernel.storage.process import is_alive, process_started
from jobkernel.storage.server import DEATHS_S, LINGER_S
from tests.notebook.kernels import Kernel, text_of

LEAVING_S = 10.0
"""What leaving itself may take: the checkpoint of the history on a loaded machine."""
WAITS = "import pathlib, time\nwhile not pathlib.Path({gate!r}).exists():\n    time.sleep(0.02)\n42"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    (tmp_path / "rt").mkdir()
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path / "rt"))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    monkeypatch.delenv("JOBKERNEL_PROJECT", raising=False)
    folder = tmp_path / "project"
    folder.mkdir()
    yield folder
    with contextlib.suppress(HistoryError):
        stop_server(folder)


@pytest.fixture
def watcher(project: Path) -> Iterator[HistoryClient]:
    """Somebody who looks at the history from outside of every kernel."""
    client = HistoryClient.connect(project, notebook="watcher.ipynb", linger_s=LINGER_S)
    yield client
    client.close()


@contextlib.contextmanager
def notebook(project: Path, name: str) -> Iterator[Kernel]:
    kernel = Kernel(project, name)
    try:
        kernel.run("%load_ext jobkernel")
        yield kernel
    finally:
        kernel.close()


def runs_by_notebook(watcher: HistoryClient) -> dict[str, list[str]]:
    """The statuses of each notebook's runs, oldest first."""
    found: dict[str, list[str]] = {}
    for row in reversed(watcher.query("latest_runs")):
        found.setdefault(Path(row["notebook"]).name, []).append(row["status"])
    return found


def step_runs(watcher: HistoryClient, step_key: str) -> bool:
    query = f"select count(*) from steps where step_key = '{step_key}' and status = 'STARTED'"
    return watcher.sql(query).fetchall() == [(1,)]


def pid_of_server(project: Path) -> int:
    status = server_status(project)
    assert status is not None
    return int(status["pid"])


def test_stop_and_restart_in_one_notebook_leave_the_server_and_the_run_of_another_alone(
    project: Path, watcher: HistoryClient
) -> None:
    with notebook(project, "mine.ipynb") as mine, notebook(project, "theirs.ipynb") as theirs:
        theirs.run("%%asset patient\n" + WAITS.format(gate="go"))
        theirs.run("handle = get_ipython().run_line_magic('materialize', 'patient --bg')")
        mine.run("%%asset slow\n" + WAITS.format(gate="never"))
        cell = mine.begin("%materialize slow")
        eventually(lambda: step_runs(watcher, "patient") and step_runs(watcher, "slow"), "both runs go on")
        server = pid_of_server(project)

        mine.interrupt()
        mine.finish(cell, is_failing=True)
        assert runs_by_notebook(watcher) == {"theirs.ipynb": ["STARTED"], "mine.ipynb": ["CANCELED"]}

        mine.begin("%materialize slow")
        eventually(lambda: step_runs(watcher, "slow"), "the second run goes on")
        mine.restart()
        eventually(lambda: runs_by_notebook(watcher)["mine.ipynb"] == ["CANCELED", "FAILURE"], "the run is told dead")
        assert watcher.query("latest_runs")[0]["reason"] == "kernel died"
        assert runs_by_notebook(watcher)["theirs.ipynb"] == ["STARTED"]
        assert pid_of_server(project) == server

        (project / "go").touch()
        assert "42" in text_of(theirs.run("handle.wait().raise_for_status()\nhandle.value('patient')"))
        assert pid_of_server(project) == server


CHILDREN = """%%asset squares
import multiprocessing, os, threading, workers
print('begin')
busy = threading.Event()
noise = threading.Thread(target=lambda: [print('noise', n) for n in range(2000) if not busy.is_set()])
noise.start()
with multiprocessing.get_context('fork').Pool(4) as pool:
    found = pool.map(workers.square, range(40), chunksize=1)
busy.set()
noise.join()
print('end')
sum(found)
"""
WORKERS = """
import logging, warnings

def square(number):
    print('child', number, flush=True)
    logging.getLogger('loader').warning('item %d', number)
    return number * number
"""


def test_forked_children_that_print_neither_hang_a_run_nor_lose_what_they_say(
    project: Path, watcher: HistoryClient
) -> None:
    (project / "workers.py").write_text(WORKERS)
    with notebook(project, "forks.ipynb") as kernel:
        kernel.run("import warnings; warnings.filterwarnings('ignore', category=DeprecationWarning)")
        kernel.run(CHILDREN)
        for _ in range(3):
            shown = text_of(kernel.run("%materialize squares"))
            assert "✓ 1 step in " in shown
        assert "20540" in text_of(kernel.run("squares"))

    run_id = watcher.query("latest_runs")[0]["run_id"]
    lines = watcher.sql(f"select step_key, level, message from logs where run_id = '{run_id}'").fetchall()
    assert {step for step, _, _ in lines} == {"squares"}
    printed = [message for _, level, message in lines if level == "stdout" and message.startswith("child")]
    assert sorted(printed) == sorted(f"child {number}" for number in range(40))
    logged = [message for _, level, message in lines if "item" in message]
    assert len(logged) == 40


LEFTOVER = """%%asset parent
import os, pathlib, time
child = os.fork()
if child == 0:
    while not pathlib.Path('leave').exists():
        print('still here', flush=True)
        time.sleep(0.05)
    os._exit(0)
pathlib.Path('child').write_text(str(child))
time.sleep(600)
"""


@pytest.fixture
def dying(project: Path) -> Iterator[Kernel]:
    """A kernel whose run has forked a child that stays; in the end both are gone."""
    kernel = Kernel(project, "dying.ipynb")
    try:
        kernel.run("%load_ext jobkernel")
        kernel.run("import warnings\nwarnings.filterwarnings('ignore', category=DeprecationWarning)")
        kernel.run(LEFTOVER)
        kernel.begin("%materialize parent")
        yield kernel
    finally:
        (project / "leave").touch()
        kernel.close()


def test_a_killed_kernel_is_known_dead_beside_its_living_child_and_the_server_leaves_after_its_last_client(
    project: Path, watcher: HistoryClient, dying: Kernel
) -> None:
    child = a_process(int(eventually(lambda: text_in(project / "child"), "the child was forked")))
    server = a_process(pid_of_server(project))

    os.kill(dying.manager.provisioner.process.pid, signal.SIGKILL)  # type: ignore[union-attr]
    eventually(lambda: watcher.query("open_runs") == [], "the run is told dead")
    assert watcher.query("latest_runs")[0]["reason"] == "kernel died"
    assert is_alive(*child), "the child was there all the while"

    watcher.close()
    eventually(lambda: not is_alive(*server), "the server left", LINGER_S + DEATHS_S + LEAVING_S)
    assert is_alive(*child), "the server waited for no child"
    (project / "leave").touch()
    eventually(lambda: not is_alive(*child), "the child ended")


def a_process(pid: int) -> tuple[int, str]:
    """Return what tells a process from a later one of the same number."""
    started = process_started(pid)
    assert started is not None
    return pid, started


def text_in(path: Path) -> str:
    with contextlib.suppress(OSError):
        return path.read_text()
    return ""
