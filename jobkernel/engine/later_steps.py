"""Steps that are tried again after a while: what waits, until when, and how a thread without work waits for them.

Knows no run; called under the run's lock, but for ``wait``.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import field

from jobkernel.records import dataclass
from jobkernel.rules.plan import PlannedStep


@dataclass(slots=True)
class LaterSteps:
    """The steps of one run that wait for their next attempt, with what calls each off."""

    _waiting: dict[str, Callable[[], None]] = field(default_factory=dict)
    _moved: threading.Event = field(default_factory=threading.Event)

    def put(self, step: PlannedStep, call_off: Callable[[], None]) -> None:
        """Note a step that waits."""
        self._waiting[step.key] = call_off

    def take(self, step: PlannedStep) -> bool:
        """Return whether a step still waited; it waits no more, and whoever waits for it is woken."""
        if self._waiting.pop(step.key, None) is None:
            return False
        self._moved.set()
        return True

    def call_off(self) -> None:
        """Let no step wait any more."""
        for call_off in self._waiting.values():
            call_off()

    def clear(self) -> None:
        """Forget the steps that waited, and wake whoever waits for them."""
        self._waiting.clear()
        self._moved.set()

    def expect(self) -> bool:
        """Return whether a step waits, and be ready to :meth:`wait` for it."""
        if not self._waiting:
            return False
        self._moved.clear()
        return True

    def wait(self) -> None:
        """Wait, without the lock, until a step is to be tried again or none is any more."""
        self._moved.wait()
