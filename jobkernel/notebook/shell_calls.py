"""``!cmd`` and ``%magic`` inside a body: what ``get_ipython()`` answers there, in every executor.

Commands run in their own session, so that the notebook's interrupt does not reach them, and write to the step's output.
Line magics go to the notebook's shell, or to a bare one where there is no notebook. Used by bodies only.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from functools import lru_cache
from types import FrameType
from typing import Any


class BodyShell:
    """The shell as a body sees it."""

    def system(self, command: str) -> None:
        """Run a command and write what it says to the step's output; the exit code is left in ``_exit_code``."""
        frame = sys._getframe(1)
        with _started(_expanded(command, frame), stderr=subprocess.STDOUT) as process:
            for line in process.stdout or ():
                sys.stdout.write(line)
        frame.f_globals["_exit_code"] = process.returncode

    def getoutput(self, command: str, split: bool = True, depth: int = 0) -> Any:
        """Return what a command says, as IPython's list of lines (or as one text)."""
        from IPython.utils.text import LSString, SList

        with _started(_expanded(command, sys._getframe(1)), stderr=subprocess.STDOUT) as process:
            text = process.stdout.read() if process.stdout else ""
        return SList(text.splitlines()) if split else LSString(text)

    def run_line_magic(self, name: str, line: str, _stack_depth: int = 1) -> Any:
        """Run a line magic on the names of the body."""
        return _shell().run_line_magic(name, line, _stack_depth=_stack_depth + 1)

    def __getattr__(self, name: str) -> Any:
        return getattr(_shell(), name)


_BODY_SHELL = BodyShell()


def get_ipython() -> BodyShell:
    """Return the shell of a body."""
    return _BODY_SHELL


class _started:  # noqa: N801  - reads as a statement
    """A command that is killed, with everything it started, when its step leaves it early."""

    def __init__(self, command: str, *, stderr: int) -> None:
        self.process: subprocess.Popen[str] = subprocess.Popen(  # noqa: S602  - the person's own shell command
            command, shell=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=stderr,
            text=True, errors="replace", start_new_session=True,
        )  # fmt: skip

    def __enter__(self) -> subprocess.Popen[str]:
        return self.process

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None:
            os.killpg(self.process.pid, signal.SIGKILL)
        if self.process.stdout:
            self.process.stdout.close()
        self.process.wait()


def _expanded(command: str, frame: FrameType) -> str:
    """Return the command with ``{expression}`` and ``$name`` replaced, or as it is where IPython would leave it so."""
    from IPython.utils.text import DollarFormatter

    try:
        return str(DollarFormatter().vformat(command, args=[], kwargs={**frame.f_globals, **frame.f_locals}))
    except Exception:  # noqa: BLE001  - the expression is the user's code, and IPython runs the text unexpanded then
        return command


def _shell() -> Any:
    from IPython.core.getipython import get_ipython as notebook_shell

    return notebook_shell() or _bare_shell()


@lru_cache(maxsize=1)
def _bare_shell() -> Any:
    from IPython.core.interactiveshell import InteractiveShell
    from traitlets.config import Config

    return InteractiveShell(config=Config({"HistoryManager": {"enabled": False}}))
