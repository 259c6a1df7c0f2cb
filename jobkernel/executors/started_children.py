"""Remembers the child processes that a step's code starts, and ends them when the step is stopped.

Those of ``subprocess`` and ``multiprocessing``, pools among them. Left alone: what the step detached into a session of
its own. Installed by capture; called by forced_stop.
"""

from __future__ import annotations

import contextlib
import functools
import gc
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import field
from multiprocessing.process import BaseProcess
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
    patches.replace(BaseProcess, "start", _remembering(BaseProcess.start))


def _remembering(original: Callable[..., None]) -> Callable[..., None]:
    """Return a method that starts a process and, in a step, is remembered to have."""

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
    """Ends the children of one step: asks each at first, kills those that take too long. Used by one thread.

    A pool is told to end first, since it would replace the workers that it loses.
    """

    output: StepOutput | None
    asked: dict[Any, float] = field(default_factory=dict)

    def go_on(self) -> bool:
        """Do what is due now; return whether a child is left that may still have to be killed."""
        children = _children(self.output)
        if not self.asked and children:
            _end_pools(self.output)
        for child in children:
            if child not in self.asked:
                self.asked[child] = time.monotonic()
                _tell(child.terminate)
        alive = [child for child in self.asked if _is_alive(child)]
        for child in alive:
            if time.monotonic() - self.asked[child] > GRACE_S:
                _tell(child.kill)
        return bool(alive)


def _end_pools(output: StepOutput | None) -> None:
    """Have the pools whose workers a step has started start no more."""
    pools = sys.modules.get("multiprocessing.pool")
    if pools is None or output is None:
        return
    started = set(map(id, output.processes or ()))
    for pool in [each for each in gc.get_objects() if issubclass(type(each), pools.Pool)]:
        if any(id(worker) in started for worker in getattr(pool, "_pool", ())):
            threading.Thread(target=pool.terminate, name="jobkernel-end-of-pool", daemon=True).start()


def _children(output: StepOutput | None) -> list[Any]:
    """Return the processes that a step has started and not detached, with their own children."""
    import psutil  # only where something is ended

    started = list(output.processes or ()) if output is not None else []
    here, session, found = os.getpid(), os.getsid(0), []
    for process in started:
        with contextlib.suppress(psutil.Error, OSError):
            has_ended = getattr(process, "returncode", None) is not None
            if not has_ended and (child := psutil.Process(process.pid)).ppid() == here:
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
