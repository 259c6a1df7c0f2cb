"""As users without any rights: a notebook's job runs, its files are its owner's alone, and another user is told."""

from __future__ import annotations

import os
import pwd
import shutil
import stat
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import nbformat
import pytest

import jobkernel
from jobkernel.engine.opening import open_session

pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else"),
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs the users that every Linux has"),
]

CELLS = (
    "%load_ext jobkernel",
    "class Thing:\n    pass",
    "%%asset numbers\nprint('counting')\n[1, 2, 3]",
    "%%asset pickled --deps numbers\nThing()",
    "%job all_of_it *",
)
OPENING = """
import sys
from pathlib import Path
from jobkernel.engine.opening import open_session
opened = open_session(folder=Path(sys.argv[1]))
print(opened.notice)
opened.session.close()
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """An ordinary user with a home and a Python that it may run."""

    name: str
    home: Path
    python: str
    path: str

    def run(self, *words: str, umask: int = 0o022, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
        """Run Python as this user, with nothing of our environment."""
        record = pwd.getpwnam(self.name)
        environment = {"HOME": str(self.home), "PATH": os.defpath, "PYTHONPATH": self.path, "LANG": "C.UTF-8"}
        return subprocess.run(
            [self.python, *words],
            user=record.pw_uid,
            group=record.pw_gid,
            extra_groups=[],
            umask=umask,
            cwd=cwd or self.home,
            env={**environment, "PYTHONDONTWRITEBYTECODE": "1"},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )


@pytest.fixture(scope="module")
def place() -> Iterator[Path]:
    """A folder that everybody can read, with a copy of the package in it."""
    folder = Path(tempfile.mkdtemp(prefix="jobkernel-users-"))
    folder.chmod(0o755)
    source = Path(jobkernel.__file__).parent
    shutil.copytree(source, folder / "checkout" / "jobkernel", ignore=shutil.ignore_patterns("__pycache__"))
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def ada(place: Path) -> User:
    return a_user("nobody", place)


@pytest.fixture(scope="module")
def bob(place: Path) -> User:
    return a_user("daemon", place)


def a_user(name: str, place: Path) -> User:
    record = pwd.getpwnam(name)
    home = place / f"home of {name}"
    home.mkdir(mode=0o700)
    os.chown(home, record.pw_uid, record.pw_gid)
    path = os.pathsep.join([str(place / "checkout"), sysconfig.get_path("purelib")])
    for python in (sys.executable, f"/usr/bin/python{sys.version_info.major}.{sys.version_info.minor}"):
        user = User(name=name, home=home, python=python, path=path)
        try:
            if user.run("-c", "import duckdb, ipykernel, nbclient, jobkernel").returncode == 0:
                return user
        except PermissionError:
            continue
    pytest.skip("no Python with the packages of this one may be run by an ordinary user")


@pytest.fixture
def project(ada: User, request: pytest.FixtureRequest) -> Iterator[Path]:
    """A folder of hers with a notebook; its server is gone when the test ends."""
    folder = ada.home / request.node.name
    folder.mkdir()
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in CELLS])
    nbformat.write(notebook, folder / "work.ipynb")
    record = pwd.getpwnam(ada.name)
    for path in (folder, folder / "work.ipynb"):
        os.chown(path, record.pw_uid, record.pw_gid)
    yield folder
    ada.run("-m", "jobkernel.cli", "server", "stop", cwd=folder)


def what_others_may(path: Path) -> int:
    """The rights of everybody but the owner."""
    return stat.S_IMODE(path.stat().st_mode) & 0o077


@pytest.mark.parametrize("umask", [0o022, 0o077, 0o000], ids=oct)
def test_an_ordinary_user_runs_a_job_and_reads_its_history(ada: User, project: Path, umask: int) -> None:
    ran = ada.run("-m", "jobkernel.cli", "run", "work.ipynb", "all_of_it", umask=umask, cwd=project)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "✓ pickled" in ran.stdout
    listed = ada.run("-m", "jobkernel.cli", "runs", umask=umask, cwd=project)
    assert "SUCCESS" in listed.stdout, listed.stderr
    logged = ada.run("-m", "jobkernel.cli", "logs", run_named_in(ran.stdout), umask=umask, cwd=project)
    assert "counting" in logged.stdout, logged.stderr

    uid = pwd.getpwnam(ada.name).pw_uid
    assert {path.stat().st_uid for path in ada.home.rglob("*")} == {uid}
    (runtime,) = {path.parent for path in ada.home.rglob("sock") if owner_project(path) == str(project)}
    assert what_others_may(runtime) == what_others_may(runtime / "sock") == 0
    assert what_others_may(project / ".jobkernel" / "history.duckdb") == 0


def owner_project(sock: Path) -> str | None:
    """The project that is served at this socket, as its log tells."""
    lines = (sock.parent / "server.log").read_text().splitlines()
    return next((line.partition(" serving ")[2] for line in lines if " serving " in line), None)


def run_named_in(text: str) -> str:
    """The id in the line "run 1234abcd of all_of_it"."""
    (line,) = [line for line in text.splitlines() if line.endswith(" of all_of_it")]
    return line.split()[1]


def test_a_project_of_another_user_is_told_in_one_sentence_and_left_as_it_is(
    ada: User, bob: User, project: Path
) -> None:
    assert ada.run("-m", "jobkernel.cli", "run", "work.ipynb", "all_of_it", cwd=project).returncode == 0
    for folder in (ada.home, project):
        folder.chmod(0o755)
    for path in (project / ".jobkernel").rglob("*"):
        path.chmod(0o777)
    (project / ".jobkernel").chmod(0o777)
    before = {path: path.stat().st_mtime_ns for path in (project / ".jobkernel").rglob("*") if path.suffix != ".json"}

    opened = bob.run("-c", OPENING, str(project))
    asked = bob.run("-m", "jobkernel.cli", "runs", "--project", str(project))
    ours = open_session(folder=project)
    ours.session.close()

    sentence = (
        f"{project / '.jobkernel'} belongs to another user (nobody); open the project as nobody, or copy it without its"
        " .jobkernel folder."
    )
    in_memory = f"{sentence} This session keeps its history and values in memory only."
    assert opened.stdout.strip() == in_memory, opened.stderr
    assert (asked.stderr.strip().removeprefix("jobkernel: "), asked.returncode) == (sentence, 2)
    assert ours.notice == in_memory, "root, who may write everywhere, is somebody else, too"
    after = {path: path.stat().st_mtime_ns for path in (project / ".jobkernel").rglob("*") if path.suffix != ".json"}
    assert after == before
    assert ada.run("-m", "jobkernel.cli", "runs", cwd=project).returncode == 0
