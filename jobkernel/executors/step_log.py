"""``context.log``: a logger whose lines belong to one step, and go to its output while it is captured."""

from __future__ import annotations

import logging
import sys
import traceback
from typing import Any, Final

from jobkernel.executors.call import Emit
from jobkernel.executors.step_logging import level_word
from jobkernel.executors.step_output import CURRENT
from jobkernel.model import events as ev

_LOGGER: Final = logging.getLogger("jobkernel")
_LEVELS: Final = logging.getLevelNamesMapping()


class StepLogger:
    """Logs with the methods of :class:`logging.Logger`. Source: Dagster's ``context.log``."""

    __slots__ = ("_emit",)

    def __init__(self, emit: Emit) -> None:
        self._emit = emit

    def debug(self, message: Any, *values: Any, **options: Any) -> None:
        """Log at level DEBUG; ``values`` are put in by ``%``."""
        self.log(logging.DEBUG, message, *values, **options)

    def info(self, message: Any, *values: Any, **options: Any) -> None:
        """Log at level INFO."""
        self.log(logging.INFO, message, *values, **options)

    def warning(self, message: Any, *values: Any, **options: Any) -> None:
        """Log at level WARNING."""
        self.log(logging.WARNING, message, *values, **options)

    warn = warning

    def error(self, message: Any, *values: Any, **options: Any) -> None:
        """Log at level ERROR."""
        self.log(logging.ERROR, message, *values, **options)

    def critical(self, message: Any, *values: Any, **options: Any) -> None:
        """Log at level CRITICAL."""
        self.log(logging.CRITICAL, message, *values, **options)

    fatal = critical

    def exception(self, message: Any, *values: Any, **options: Any) -> None:
        """Log at level ERROR with the traceback of the exception being handled."""
        self.log(logging.ERROR, message, *values, **{"exc_info": True, **options})

    def log(self, level: int | str, message: Any, *values: Any, **options: Any) -> None:
        """Log at a level given as a number or a word.

        Raises:
            ValueError: there is no level of that name.
        """
        number = _LEVELS.get(level.upper(), -1) if isinstance(level, str) else level
        if number < 0:
            raise ValueError(f"There is no log level '{level}'; use DEBUG, INFO, WARNING, ERROR or CRITICAL.")
        text = str(message) % values if values else str(message)
        text += _traceback_of(options.get("exc_info"))
        sink = CURRENT.get()
        if sink is not None:
            sink.add(level_word(number), text)
            return
        self._emit(ev.LOG_MESSAGE, {"level": level_word(number), "message": text})
        if number >= logging.WARNING or _LOGGER.isEnabledFor(number):
            _LOGGER.log(number, "%s", text)

    def isEnabledFor(self, _level: int) -> bool:  # noqa: N802  - logging's name
        """Return True: a step's log takes every level."""
        return True

    def getEffectiveLevel(self) -> int:  # noqa: N802  - logging's name
        """Return the lowest level, which a step's log takes."""
        return logging.DEBUG


def _traceback_of(exc_info: Any) -> str:
    if not exc_info:
        return ""
    if isinstance(exc_info, BaseException):
        error: BaseException | None = exc_info
    else:
        error = exc_info[1] if isinstance(exc_info, tuple) else sys.exc_info()[1]
    return "" if error is None else "\n" + "".join(traceback.format_exception(error)).rstrip()
