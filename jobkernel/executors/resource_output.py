"""What resources print while they open and close belongs to the run's log, not to whatever cell happens to run.

Called by the launcher around ``open_resources``; in other processes it is part of the step's own output.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import Any, Final

from jobkernel.executors.capture import capturing
from jobkernel.executors.step_output import OutputLine, StepOutput
from jobkernel.model import events as ev

MOST_LINES: Final = 1_000
"""So many lines of one run's resources are kept; each is an event."""
Emit = Callable[[str, "dict[str, Any] | None"], None]


@contextmanager
def logged(
    opening: AbstractContextManager[Mapping[str, Any]], emit: Emit, clock_us: Callable[[], int]
) -> Iterator[Mapping[str, Any]]:
    """Open resources, and close them at the end, with what they print recorded as log messages of the run."""
    output = StepOutput(None, clock_us, _Lines(emit).take)
    try:
        with ExitStack() as stack:
            with capturing(output):
                resources = stack.enter_context(opening)
            opened = stack.pop_all()
            stack.enter_context(_last_words(opened, output))
            yield resources
    finally:
        output.close()


@contextmanager
def _last_words(opened: ExitStack, output: StepOutput) -> Iterator[None]:
    try:
        yield
    finally:
        with capturing(output):
            opened.close()


class _Lines:
    def __init__(self, emit: Emit) -> None:
        self._emit = emit
        self._left = MOST_LINES

    def take(self, lines: Sequence[OutputLine]) -> None:
        """Record lines, up to the most; then say once that there were more."""
        for line in lines[: self._left]:
            self._emit(ev.LOG_MESSAGE, {"level": line.level, "message": line.text})
        if 0 < self._left < len(lines):
            self._emit(ev.LOG_MESSAGE, {"level": "event", "message": "… more than is kept of what resources print …"})
        self._left = max(0, self._left - len(lines))
