"""Remembers the child processes that a step's code starts with ``subprocess``, and ends them when the step is stopped.

Left alone: what the step detached into a session of its own. Installed by capture; called by forced_stop.
"""

from __future__ import annotations

import contextlib
import functools
import os
import subprocess
import time
from collections.abc import Callable
from dataclasses import field
from typing import Any, Final
from weakref import WeakSet

from jobkernel.executors.patches import Patches
from jobkernel.executors.step_output import CURRENT, StepOutput
from jobkernel.records import dataclass

GRACE_S: Final = 2.0
"""How long a child may take to end when asked, before it is killed."""


def install(patches: Patches) -> None:
    """Remember from now on; ``patches`` undoes it."""
    patches.replace(subprocess.Popen, "__init__", _remembering(subprocess.Popen.__init__))


def _remembering(original: Callable[..., None]) -> Callable[..., None]:
    @functools.wraps(original)
    def started(self: Any, *args: Any, **kwargs: Any) -> None:
        original(self, *args, **kwargs)
        sink = CURRENT.get()
        if sink is not None:
            sink.processes = sink.processes or WeakSet()
            sink.processes.add(self)

    return started


@dataclass(slots=True)
class Ending:
    """Ends the children of one step: asks each at first, kills those that take too long. Used by one thread."""

    output: StepOutput | None
    asked: dict[Any, float] = field(default_factory=dict)

    def go_on(self) -> bool:
        """Do what is due now; return whether a child is left that may still have to be killed."""
        for child in _children(self.output):
            if child not in self.asked:
                self.asked[child] = time.monotonic()
                _tell(child.terminate)
        alive = [child for child in self.asked if _is_alive(child)]
        for child in alive:
            if time.monotonic() - self.asked[child] > GRACE_S:
                _tell(child.kill)
        return bool(alive)


def _children(output: StepOutput | None) -> list[Any]:
    """Return the processes that a step has started and not detached, with their own children."""
    import psutil  # only where something is ended

    started = list(output.processes or ()) if output is not None else []
    here, session, found = os.getpid(), os.getsid(0), []
    for process in started:
        with contextlib.suppress(psutil.Error, OSError):
            if process.returncode is None and (child := psutil.Process(process.pid)).ppid() == here:
                found += [child, *child.children(recursive=True)]
    return [child for child in found if _session_of(child) == session]


def _session_of(child: Any) -> int | None:
    try:
        return os.getsid(child.pid)
    except OSError:
        return None


def _is_alive(child: Any) -> bool:
    """Whether a process runs. Nobody waits for it here: its exit code belongs to the step."""
    import psutil

    try:
        return bool(child.is_running() and child.status() != psutil.STATUS_ZOMBIE)
    except psutil.Error:
        return False


def _tell(signal_to: Callable[[], None]) -> None:
    import psutil

    with contextlib.suppress(psutil.Error):
        signal_to()
