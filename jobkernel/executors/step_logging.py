"""Sends the log records of a step's code to the step. Knows `logging`; knows no files. Called by capture.

It stands where loggers hand records to handlers, so it sees loggers that do not propagate and handlers added later,
and a notebook without handlers keeps Python's handler of last resort.
"""

from __future__ import annotations

import logging
import sys
import traceback
from collections.abc import Callable, Iterator
from typing import Any

from jobkernel.executors.patches import Patches
from jobkernel.executors.step_output import CURRENT, StepOutput
from jobkernel.executors.streams import StreamRouter

_LEVELS = ((50, "CRITICAL"), (40, "ERROR"), (30, "WARNING"), (20, "INFO"))
_UNNAMED = ("root", "jobkernel")
_FORMAT = logging.Formatter("%(message)s")

_SILENT = StepOutput(None, lambda: 0)
_SILENT.close()


def install(patches: Patches) -> None:
    """Route records from now on; ``patches`` undoes it."""
    patches.replace(logging.Logger, "callHandlers", _routed(logging.Logger.callHandlers))


def level_word(number: int) -> str:
    """Return the word that a step's log shows for a logging level."""
    return next((word for least, word in _LEVELS if number >= least), "DEBUG")


def _routed(original: Callable[..., None]) -> Callable[..., None]:
    def callHandlers(self: logging.Logger, record: logging.LogRecord) -> None:  # noqa: N802  - logging's name
        sink = CURRENT.get()
        if sink is None:
            original(self, record)
            return
        sink.add(level_word(record.levelno), _text(record))
        _hand_on(self, record)

    return callHandlers


def _text(record: logging.LogRecord) -> str:
    try:
        message = _FORMAT.format(record)
    except Exception as wrong:  # noqa: BLE001  - arguments that do not fit their message are user code
        message = f"{record.msg!r} (its arguments do not fit: {traceback.format_exception_only(wrong)[-1].strip()})"
    return message if record.name in _UNNAMED else f"{record.name}: {message}"


def _hand_on(logger: logging.Logger, record: logging.LogRecord) -> None:
    """Let the handlers have it that do not show it in the running cell: files, collectors, a test's own."""
    token = CURRENT.set(_SILENT)
    try:
        for handler in _handlers(logger):
            if record.levelno >= handler.level and not _shows_on_console(handler):
                handler.handle(record)
    finally:
        CURRENT.reset(token)


def _handlers(logger: logging.Logger | None) -> Iterator[logging.Handler]:
    while logger is not None:
        yield from logger.handlers
        logger = logger.parent if logger.propagate else None


def _shows_on_console(handler: logging.Handler) -> bool:
    if not isinstance(handler, logging.StreamHandler) or isinstance(handler, logging.FileHandler):
        return False
    stream: Any = handler.stream
    if type(stream) is StreamRouter or stream in (sys.__stdout__, sys.__stderr__):
        return True
    behind = (getattr(sys.stdout, "_base", None), getattr(sys.stderr, "_base", None))
    return stream in behind or hasattr(stream, "pub_thread")
