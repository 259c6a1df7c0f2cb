"""Which keys moved after which version, so that whoever looked before looks at those only. Owned by what moves."""

from __future__ import annotations

import threading
from collections.abc import Iterable


class Moves:
    """The newest move of each key. Safe to use from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()  # protects both below
        self._moved: dict[str, int] = {}
        self.version = 0

    def note(self, keys: Iterable[str]) -> None:
        """Make a new version, in which these keys moved."""
        with self._lock:
            self.version += 1
            for key in keys:
                self._moved.pop(key, None)  # so that the newest moves stand last
                self._moved[key] = self.version

    def since(self, version: int) -> tuple[int, list[str]]:
        """Return the present version, and each key that moved after the one given, newest first."""
        with self._lock:
            found = []
            for key, moved_at in reversed(self._moved.items()):
                if moved_at <= version:
                    break
                found.append(key)
            return self.version, found
