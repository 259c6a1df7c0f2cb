"""Everything a step's code prints, logs, warns and displays goes to the step's own output, whatever thread it runs on.

Owns installing and removing the hooks, and entering a step's output. What the hooks do stands beside it: streams,
step_logging, threads_of_steps, redirects, shell_hooks, figures. Not captured: what other programs and C code write
to the process's own descriptors. Called by the session (install) and by whatever runs a step (capturing).
"""

from __future__ import annotations

import builtins
import functools
import os
import sys
import threading
from collections.abc import Callable
from contextvars import Token
from typing import Any

from jobkernel.executors import figures, redirects, shell_hooks, started_children, step_logging, threads_of_steps
from jobkernel.executors.patches import Patches
from jobkernel.executors.step_output import (
    CURRENT,
    NOTHING,
    OutputLine,
    OutputSummary,
    StepOutput,
)
from jobkernel.executors.streams import RefusingInput, StreamRouter, refuse_input_in_step

__all__ = [
    "NOTHING", "OutputLine", "OutputSummary", "StepOutput", "capturing", "current_output", "install", "system",
    "uninstall",
]  # fmt: skip

system = shell_hooks.system


class _Installation:
    """Whether the hooks stand, and what they replaced."""

    def __init__(self) -> None:
        self.lock = threading.RLock()  # protects the hooks being set, renewed and taken away
        self.patches: Patches | None = None
        self.watches_forks = False


_installation = _Installation()


def install() -> None:
    """Route output by step from now on; outside steps nothing changes. Installing again changes nothing."""
    with _installation.lock:
        if _installation.patches is not None:
            return
        _installation.patches = patches = Patches()
        _route_streams()
        patches.replace(builtins, "input", _refusing(builtins.input))
        step_logging.install(patches)
        threads_of_steps.install(patches)
        redirects.install(patches)
        started_children.install(patches)
        shell_hooks.install(patches)
        figures.install()
        _watch_forks()


def uninstall() -> None:
    """Take every hook away; output of steps goes where all output goes. Uninstalling again changes nothing."""
    with _installation.lock:
        if _installation.patches is None:
            return
        figures.uninstall()
        _installation.patches.undo()
        _installation.patches = None
        for name in ("stdin", "stdout", "stderr"):
            stream = getattr(sys, name)
            if type(stream) in (StreamRouter, RefusingInput):
                setattr(sys, name, stream._base)


def current_output() -> StepOutput | None:
    """Return the output of the step whose code is running here, or None outside steps."""
    return CURRENT.get()


def capturing(sink: StepOutput) -> _Capturing:
    """Return a context in which this thread's, task's and their children's output belongs to ``sink``.

    On leaving, pyplot figures that the step left open are kept in ``sink`` and closed. ``sink`` stays open.
    """
    return _Capturing(sink)


class _Capturing:
    __slots__ = ("_sink", "_token")

    def __init__(self, sink: StepOutput) -> None:
        self._sink = sink

    def __enter__(self) -> StepOutput:
        if type(sys.stdout) is not StreamRouter or type(sys.stderr) is not StreamRouter:
            _route_replaced_streams()
        self._token: Token[StepOutput | None] = CURRENT.set(self._sink)
        return self._sink

    def __exit__(self, *_: object) -> None:
        try:
            if self._sink.figures:
                figures.keep_figures(self._sink)
        finally:
            CURRENT.reset(self._token)


def _route_streams() -> None:
    if type(sys.stdout) is not StreamRouter:
        sys.stdout = StreamRouter(sys.stdout, "stdout")
    if type(sys.stderr) is not StreamRouter:
        sys.stderr = StreamRouter(sys.stderr, "stderr")
    if sys.stdin is not None and type(sys.stdin) is not RefusingInput:
        sys.stdin = RefusingInput(sys.stdin)


def _route_replaced_streams() -> None:
    """Somebody set other streams since (a redirect, a test's capture): stand before those too."""
    with _installation.lock:
        if _installation.patches is not None:
            _route_streams()


def _refusing(original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def input(*prompt: object) -> Any:
        refuse_input_in_step()
        return original(*prompt)

    return input


def _watch_forks() -> None:
    """The hooks at a fork cannot be taken away; outside steps they do nothing."""
    if _installation.watches_forks or not hasattr(os, "register_at_fork"):
        return
    _installation.watches_forks = True
    os.register_at_fork(before=_before_fork, after_in_parent=_after_fork_in_parent, after_in_child=_after_fork_in_child)


def _before_fork() -> None:
    sink = CURRENT.get()
    if sink is not None:
        sink.prepare_fork()


def _after_fork_in_parent() -> None:
    sink = CURRENT.get()
    if sink is not None:
        sink.listen_to_children()


def _after_fork_in_child() -> None:
    _installation.lock = threading.RLock()
    sink = CURRENT.get()
    if sink is not None:
        sink.become_child()
