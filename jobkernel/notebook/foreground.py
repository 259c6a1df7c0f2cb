"""Run in the foreground of a cell: progress while it goes, Ctrl-C or ■ cancels it and nothing else, then the result.

Knows IPython's display and nothing of definitions; the magics call it.
"""

from __future__ import annotations

import time
from pathlib import Path
from types import TracebackType
from typing import Any

from IPython.display import DisplayHandle, display

from jobkernel.engine.handle import RunHandle
from jobkernel.errors import RunCanceled
from jobkernel.notebook.progress_view import progress_line
from jobkernel.notebook.shown import Shown
from jobkernel.notebook.step_echo import StepEcho

PACKAGE = str(Path(__file__).parent.parent)
REFRESH_S = 0.2
"""How often the progress line may change."""
SHOW_AFTER_S = 0.35
"""A run that ends sooner shows no progress line at all."""
GRACE_S = 0.7
"""How long after ■ a step may take to stop by itself before its thread is interrupted."""
ABANDON_S = 5.0
"""How long after that a step may take before it is left behind and its output dropped."""
LAST_WAIT_S = 2.0
"""How long the cell waits after that for the run to end."""


class Progress:
    """The line that shows where a run stands; replaced by the result when it ends."""

    def __init__(self, handle: RunHandle, echo: StepEcho) -> None:
        self._handle = handle
        self._echo = echo
        self._display: DisplayHandle | None = None
        self._last = ""

    def update(self) -> None:
        """Show the present state, if it differs from what is shown, and what was printed since."""
        shown = progress_line(self._handle)
        if shown.text != self._last:
            self._put(shown)
        self._last = shown.text
        self._echo.show(self._handle.run_id)

    def end(self, result: Shown) -> None:
        """Put the result in the line's place, above what was printed."""
        self._put(result)
        self._echo.show(self._handle.run_id)

    def _put(self, shown: Shown) -> None:
        if self._display is None:
            self._display = display(shown, display_id=True)
        else:
            self._display.update(shown)


class CellStopped(RunCanceled):
    """A run that was canceled from its cell; its result already says so, hence one line in place of a traceback."""

    def _render_traceback_(self) -> list[str]:
        return ["This cell stopped with its run."]


def wait_here(handle: RunHandle, echo: StepEcho) -> Progress:
    """Wait for a run's end with a progress line and what its steps print; an interrupt cancels the run."""
    progress = Progress(handle, echo)
    try:
        _watch(handle, progress)
    except KeyboardInterrupt:
        _stop(handle, progress)
    return progress


def _watch(handle: RunHandle, progress: Progress) -> None:
    active = handle.live.active
    if active.wait(SHOW_AFTER_S):
        return
    while not active.wait(REFRESH_S):
        progress.update()


def _stop(handle: RunHandle, progress: Progress) -> None:
    """Cancel: ask first, then interrupt, then leave behind; a second interrupt skips the waiting."""
    handle.cancel()
    for patience, act in ((GRACE_S, _interrupt), (ABANDON_S, _abandon)):
        try:
            if _ends_within(handle, progress, patience):
                return
        except KeyboardInterrupt:
            handle.cancel(forced=True)
        act(handle)
    handle.live.active.wait(LAST_WAIT_S)


def _ends_within(handle: RunHandle, progress: Progress, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if handle.live.active.wait(min(REFRESH_S, seconds)):
            return True
        progress.update()
    return handle.live.active.ended.is_set()


def _interrupt(handle: RunHandle) -> None:
    handle.cancel(forced=True)


def _abandon(handle: RunHandle) -> None:
    active = handle.live.active
    for key in list(active.in_flight):
        active.abandon(key)


def users_error(error: BaseException) -> BaseException:
    """Return the exception with the frames of jobkernel itself off its traceback, so that the cell's come first."""
    return error.with_traceback(_users_part(error.__traceback__))


def _users_part(traceback: TracebackType | None) -> TracebackType | None:
    first: Any = traceback
    while first is not None and first.tb_frame.f_code.co_filename.startswith(PACKAGE):
        first = first.tb_next
    return first if first is not None else traceback
