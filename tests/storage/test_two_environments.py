"""Two environments with different versions of jobkernel meet on one project, in real processes."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from waiting import eventually

import jobkernel
from jobkernel.storage.control import server_status
from jobkernel.storage.process import is_alive, process_started
from jobkernel.storage.wire import PROTOCOL

CLIENT = """
import json, sys
from jobkernel.errors import JobkernelError
from jobkernel.model.events import Event
from jobkernel.storage.client import HistoryClient
try:
    client = HistoryClient.connect(sys.argv[1], notebook=sys.argv[2], linger_s=30.0)
except JobkernelError as error:
    print(json.dumps({"error": type(error).__name__, "sentence": str(error)}), flush=True)
    sys.exit(0)
told = []
client.listen("notice", lambda fields: told.append(fields["sentence"]))
client.emit(Event("ENGINE_EVENT", sys.argv[2], None, 1))
client.flush()
status = client.request("status")
print(json.dumps({"pid": status["pid"], "version": status["versions"][1]}), flush=True)
sys.stdin.readline()
kept = [row["run_id"] for row in client.query("events") if row["event_type"] == "ENGINE_EVENT"]
print(json.dumps({"told": told, "kept": kept, "pid": client.request("status")["pid"]}), flush=True)
client.close()
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """A virtual environment with a jobkernel of its own."""

    python: Path
    version: str

    @contextmanager
    def notebook(self, project: Path, name: str) -> Iterator[Notebook]:
        """A process of this environment on the project, for a while."""
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        process = subprocess.Popen(
            [str(self.python), "-c", CLIENT, str(project), name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=project,
            env=environment,
        )
        try:
            yield Notebook(process)
        finally:
            process.communicate("\n", timeout=30)


class Notebook:
    """One side of a meeting: what it was told first, and at its end."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.met = self._line()

    def _line(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        found: dict[str, Any] = json.loads(self._process.stdout.readline())
        return found

    @property
    def has_ended(self) -> bool:
        return self._process.poll() is not None

    def end(self) -> dict[str, Any]:
        """Let it end; return what it was told and what the history holds."""
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        return self._line()


def an_environment(folder: Path, *, version: str, protocol: int = PROTOCOL) -> Environment:
    """Make a virtual environment that shares every package with this one but jobkernel."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    home = folder / "checkout"
    source = Path(jobkernel.__file__).parent
    shutil.copytree(source, home / "jobkernel", ignore=shutil.ignore_patterns("__pycache__", "labextension", "static"))
    rewrite(home / "jobkernel" / "version.py", r'__version__ = ".*"', f'__version__ = "{version}"')
    rewrite(home / "jobkernel" / "storage" / "wire.py", r"^PROTOCOL\b.*$", f"PROTOCOL = {protocol}")
    (packages,) = folder.glob("lib/python*/site-packages")
    (packages / "shared.pth").write_text(f"{home}\n{sysconfig.get_path('purelib')}\n")
    return Environment(python=folder / "bin" / "python", version=version)


def rewrite(path: Path, pattern: str, replacement: str) -> None:
    text, count = re.subn(pattern, replacement, path.read_text(), flags=re.MULTILINE)
    assert count == 1
    path.write_text(text)


@pytest.fixture(scope="module")
def older(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    return an_environment(tmp_path_factory.mktemp("older"), version="0.0.1")


@pytest.fixture(scope="module")
def newer(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    return an_environment(tmp_path_factory.mktemp("newer"), version="99.0")


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """A newer environment whose wire is another one."""
    return an_environment(tmp_path_factory.mktemp("stranger"), version="99.1", protocol=PROTOCOL + 1)


@pytest.fixture(autouse=True)
def no_server_left(project: Path) -> Iterator[None]:
    yield
    status = server_status_of_any(project)
    if status is not None:
        pid = int(status["pid"])
        os.kill(pid, 15)
        eventually(lambda: not is_alive(pid, status["started"]))


def server_status_of_any(project: Path) -> dict[str, Any] | None:
    """Return what the owner of the project wrote down of itself: also one whose wire is not ours."""
    try:
        owner: dict[str, Any] = json.loads((project / ".jobkernel" / "owner.json").read_text())
    except OSError:
        return None
    return owner if is_alive(owner["pid"], owner["started"]) else None


@pytest.mark.parametrize("newcomer", ["newer", "stranger"])
def test_a_newer_notebook_has_an_idle_older_server_leave_and_finds_what_it_kept(
    project: Path, older: Environment, newcomer: str, request: pytest.FixtureRequest
) -> None:
    environment: Environment = request.getfixturevalue(newcomer)
    with older.notebook(project, "first.ipynb") as first:
        assert first.met["version"] == "0.0.1"
    old = server_status_of_any(project)
    assert old is not None, "it lingers"

    with environment.notebook(project, "second.ipynb") as second:
        assert second.met["version"] == environment.version
        assert second.met["pid"] != old["pid"]
        assert second.end()["kept"] == ["first.ipynb", "second.ipynb"]
    eventually(lambda: process_started(old["pid"]) != old["started"])


def test_versions_of_one_wire_share_the_server_that_is_busy_whichever_is_the_older(
    project: Path, older: Environment, newer: Environment
) -> None:
    with older.notebook(project, "old.ipynb") as old, newer.notebook(project, "new.ipynb") as new:
        assert new.met == old.met == {"pid": old.met["pid"], "version": "0.0.1"}
        assert new.end()["kept"] == ["old.ipynb", "new.ipynb"]
        assert old.end()["told"] == []


def test_a_notebook_that_a_busy_older_server_does_not_understand_gets_one_sentence_and_so_do_the_others(
    project: Path, older: Environment, stranger: Environment
) -> None:
    with older.notebook(project, "old.ipynb") as old:
        with stranger.notebook(project, "strange.ipynb") as strange, stranger.notebook(project, "again.ipynb") as again:
            for turned_away in (strange, again):
                assert turned_away.met == {
                    "error": "VersionMismatch",
                    "sentence": f"This project's server runs jobkernel 0.0.1 (protocol {PROTOCOL}) and this notebook"
                    f" 99.1 (protocol {PROTOCOL + 1}); close the notebooks of the older one (a pinned one"
                    " ends with its Jupyter server), or install the same version in both environments.",
                }
        ended = old.end()
    assert ended["pid"] == old.met["pid"]
    assert ended["kept"] == ["old.ipynb"]
    assert ended["told"] == [
        f"A notebook with jobkernel 99.1 (protocol {PROTOCOL + 1}) asked for this project and was turned away: its"
        f" server runs jobkernel 0.0.1 (protocol {PROTOCOL}). Install the same version in both environments to use them"
        " side by side."
    ]


@pytest.mark.parametrize("is_busy", [True, False])
def test_an_older_notebook_gets_one_sentence_from_a_newer_server_and_never_ends_it(
    project: Path, older: Environment, stranger: Environment, *, is_busy: bool
) -> None:
    with stranger.notebook(project, "new.ipynb") as new:
        if not is_busy:
            new.end()
            eventually(lambda: new.has_ended)
        before = server_status_of_any(project)
        with older.notebook(project, "old.ipynb") as old:
            assert old.met["error"] == "VersionMismatch"
            assert "runs jobkernel 99.1" in old.met["sentence"]
            assert "this notebook 0.0.1" in old.met["sentence"]
        assert before is not None
        assert server_status_of_any(project) == before
        if is_busy:
            assert new.end()["kept"] == ["new.ipynb"]


def test_an_older_notebook_shares_a_newer_idle_server_of_the_same_wire(
    project: Path, older: Environment, newer: Environment
) -> None:
    with newer.notebook(project, "new.ipynb") as new:
        pid = new.met["pid"]
    with older.notebook(project, "old.ipynb") as old:
        assert old.met == {"pid": pid, "version": "99.0"}
        assert old.end()["kept"] == ["new.ipynb", "old.ipynb"]
    assert server_status(project) is not None
