"""Replacing attributes of other people's modules and classes so that it can be undone. Called by capture."""

from __future__ import annotations

from typing import Any

_ABSENT: Any = object()


class Patches:
    """Replacements in the order they were made; ``undo`` takes back those that nobody replaced since."""

    def __init__(self) -> None:
        self._made: list[tuple[Any, str, Any, Any]] = []

    def replace(self, owner: Any, name: str, new: Any) -> None:
        """Set ``owner.name``, remembering what ``owner`` itself (not its bases) held there."""
        self._made.append((owner, name, vars(owner).get(name, _ABSENT), new))
        setattr(owner, name, new)

    def undo(self) -> None:
        """Restore everything, last first; where somebody wrapped ours meanwhile, theirs stays."""
        while self._made:
            owner, name, old, new = self._made.pop()
            if vars(owner).get(name, _ABSENT) is not new:
                continue
            if old is _ABSENT:
                delattr(owner, name)
            else:
                setattr(owner, name, old)
