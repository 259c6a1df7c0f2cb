"""What threads put down for the one thread that sends it: gathered while much comes, at once where somebody waits.

Knows nothing of what the things are. Used by ``client``.
"""

from __future__ import annotations

import queue
import threading
from typing import Any, Final

LARGEST_DRAIN: Final = 10_000
BUSY: Final = 100
"""So many things at once mean that more are coming: those go together, and are one transaction of the server."""
GATHER_S: Final = 0.01
"""How long more is waited for then, unless somebody hurries or enough is there."""
ENOUGH: Final = 1_000


class Inbox:
    """A queue with many writers and one reader. ``put`` costs what a queue's costs: it is called for every event."""

    def __init__(self) -> None:
        self._things: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self.put = self._things.put
        self._hurry = threading.Event()
        self._is_busy = False

    def hurry(self) -> None:
        """Have what was put before be taken soon: somebody waits for what comes of it."""
        self._hurry.set()

    def take(self) -> list[Any]:
        """Return what was put since, in order; wait until there is something."""
        if self._is_busy and self._things.qsize() < ENOUGH:
            self._hurry.wait(GATHER_S)
        self._hurry.clear()  # before looking: who hurries from now on is heard at the next turn
        things = [self._things.get()]
        while len(things) < LARGEST_DRAIN and not self._things.empty():
            things.append(self._things.get())
        self._is_busy = len(things) > BUSY
        return things
