"""Tracebacks of another process: the places that travel, and a traceback that shows them here.

Knows no steps. Called where a step ends in a worker and where its end arrives in the kernel.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from types import FrameType, TracebackType
from typing import Any

from jobkernel.executors.failure import frames_of

Place = tuple[str, str, int]
"""A file, or what a cell is compiled under; a function; a line."""


def places_of(error: BaseException) -> tuple[Place, ...]:
    """Return where the calls stood that an exception went through, outermost first, without jobkernel's own."""
    return tuple((each.filename, each.name, each.lineno or 1) for each in frames_of(error.__traceback__))


def traceback_through(places: Sequence[Place]) -> TracebackType | None:
    """Return a traceback through these places; its frames have names and lines, and hold no variables."""
    trace: TracebackType | None = None
    for filename, name, line in reversed(places):
        frame = _frame(filename, name)
        trace = TracebackType(trace, frame, frame.f_lasti, line)
    return trace


def _frame(filename: str, name: str) -> FrameType:
    names: dict[str, Any] = {"frame_here": sys._getframe}
    code = compile("frame = frame_here()", filename, "exec")
    code = code.replace(co_name=name, co_qualname=name, co_linetable=_nowhere(len(code.co_code)))
    exec(code, names)  # noqa: S102 - one line of ours, under the name of the file that it stands for
    frame: FrameType = names.pop("frame")
    names.clear()
    return frame


def _nowhere(size: int) -> bytes:
    """Return a table that gives no instruction of so many bytes of code a column, as ``-X no_debug_ranges`` does."""
    units = size // 2
    return bytes(0xF8 | (min(8, units - done) - 1) for done in range(0, units, 8))
