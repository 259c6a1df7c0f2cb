"""What a client waits for: an answer, or that its events are durable; and the server's errors as ours."""

from __future__ import annotations

import threading
import time
from typing import Any

from jobkernel import errors
from jobkernel.errors import HistoryError, JobkernelError


class Flush:
    """Somebody waits until all before this is durable."""

    def __init__(self) -> None:
        self.target: int | None = None
        self.done = threading.Event()
        self.error: JobkernelError | None = None
        self.is_given_up = False


class Call:
    """A request and its answer."""

    def __init__(self, frame: dict[str, Any]) -> None:
        self.frame = frame
        self.asked_at = time.monotonic()
        self.done = threading.Event()
        self.value: Any = None
        self.error: JobkernelError | None = None
        self.is_given_up = False

    def fail(self, error: JobkernelError) -> None:
        """Answer with an error."""
        self.error = error
        self.done.set()


def error_of(told: list[str]) -> JobkernelError:
    """Return the error that the server names: its class and its sentence."""
    kind = getattr(errors, told[0], HistoryError)
    is_ours = isinstance(kind, type) and issubclass(kind, JobkernelError)
    return kind(told[1]) if is_ours else HistoryError(told[1])
