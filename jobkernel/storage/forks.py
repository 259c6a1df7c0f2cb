"""User code forks: what must be let go of in the child, which has none of the threads and none of the rights.

Knows objects that can forget themselves; knows nothing of what they are.
"""

from __future__ import annotations

import os
import weakref
from typing import Any, Protocol


class Forgetful(Protocol):
    """Something that is of no use in a forked child."""

    def _forget_in_child(self) -> None: ...


class Discard:
    """Where a forked child's events go: its run is its parent's to record."""

    def put(self, _item: Any) -> None:
        """Drop the item."""


_alive: weakref.WeakSet[Any] = weakref.WeakSet()


def forget_in_child(thing: Forgetful) -> None:
    """Have the thing forget itself in every child forked from now on, for as long as it lives."""
    _alive.add(thing)


def _forget_all() -> None:
    for thing in list(_alive):
        thing._forget_in_child()
    _alive.clear()


os.register_at_fork(after_in_child=_forget_all)
