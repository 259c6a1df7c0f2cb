"""How tests wait: for a condition, never for a time."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any


def eventually(condition: Callable[[], Any], what: str = "the condition", seconds: float = 60.0) -> Any:
    """Return what ``condition`` gives as soon as it is true; fail with ``what`` where that takes longer."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, f"{seconds:.0f} s passed without: {what}"
        time.sleep(0.01)
    return found
