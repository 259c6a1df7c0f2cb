"""The asset keys that this notebook owns in its project, and those that others took from it. Called by the session."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from typing import Any

from jobkernel.storage.history import History


class OwnedKeys:
    """Claims of one notebook. Safe from any thread."""

    def __init__(self, history: History, notebook: str | None) -> None:
        self._history = history
        self._notebook = notebook
        self._claimed: set[str] = set()
        self._lock = threading.Lock()  # protects _lost
        self._lost: dict[str, str] = {}
        self.close = history.listen("keys_taken", self._taken)

    def claim(self, keys: Iterable[str], take_over: bool) -> dict[str, str]:
        """Claim those keys that are not ours yet; return those that another notebook had, with that one's name.

        Raises:
            KeyOwnedElsewhere: another notebook's live kernel defines one of them, and they are not taken over.
        """
        wanted = [key for key in keys if key not in self._claimed]
        if not wanted:
            return {}
        answer = self._history.request("claim_keys", keys=wanted, notebook=self._notebook, take_over=take_over)
        self._claimed.update(wanted)
        return {**answer["inherited"], **answer["taken"]}

    def release(self, keys: list[str]) -> None:
        """Give keys back."""
        if keys:
            self._claimed.difference_update(keys)
            self._history.request("release_keys", keys=keys)

    def take_lost(self) -> dict[str, str]:
        """Return what other notebooks took over since this was last asked: the notebook that has each key now."""
        with self._lock:
            lost, self._lost = self._lost, {}
        return lost

    def _taken(self, fields: Mapping[str, Any]) -> None:
        self._claimed.difference_update(fields["keys"])
        with self._lock:
            self._lost.update(dict.fromkeys(fields["keys"], fields["notebook"] or "another notebook"))
