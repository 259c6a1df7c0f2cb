"""Which live notebook owns which key. Knows notebooks by their clients; knows no socket and no history.

Kernels of one notebook hold its keys together: a headless run beside an open kernel, or one that was restarted while
the process before it lingers.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import field
from typing import NamedTuple

from jobkernel.errors import KeyOwnedElsewhere
from jobkernel.records import dataclass


class Owner(NamedTuple):
    """A live kernel and the notebook it runs."""

    client_id: str
    notebook: str | None

    def shares_with(self, other: Owner) -> bool:
        """Whether both may define the same key: one kernel, or kernels of one notebook."""
        return self.client_id == other.client_id or (self.notebook is not None and self.notebook == other.notebook)


@dataclass(slots=True)
class KeyClaims:
    """Keys in the hands of live kernels; those that hold one key are kernels of one notebook."""

    holders: dict[str, list[Owner]] = field(default_factory=dict)

    def others(self, owner: Owner, keys: Iterable[str]) -> dict[str, list[Owner]]:
        """Return those of the keys that another notebook owns, with its kernels."""
        found = {key: [each for each in self.holders.get(key, ()) if not each.shares_with(owner)] for key in keys}
        return {key: strangers for key, strangers in found.items() if strangers}

    def claim(self, owner: Owner, keys: Iterable[str]) -> None:
        """Give the keys to this owner, unless another has one: then :class:`KeyOwnedElsewhere`, and none is given."""
        wanted = list(keys)
        if taken := self.others(owner, wanted):
            raise KeyOwnedElsewhere(refusal({key: strangers[0].notebook for key, strangers in taken.items()}))
        self.take(owner, wanted)

    def take(self, owner: Owner, keys: Iterable[str]) -> dict[str, list[Owner]]:
        """Give the keys to this owner, whoever has them; return who had them and has them no more."""
        wanted = list(keys)
        taken = self.others(owner, wanted)
        for key in wanted:
            kept = [each for each in self.holders.get(key, ()) if each.shares_with(owner) and each != owner]
            self.holders[key] = [*kept, owner]
        return taken

    def release(self, client_id: str, keys: Iterable[str] | None = None) -> None:
        """Take the keys from this client; all of its keys when none are named."""
        for key in list(self.holders) if keys is None else keys:
            left = [each for each in self.holders.get(key, ()) if each.client_id != client_id]
            if left:
                self.holders[key] = left
            else:
                self.holders.pop(key, None)


def refusal(taken: dict[str, str | None]) -> str:
    """Return the sentence that names each key and the notebook that owns it."""
    named = ", ".join(f"'{key}' (in {notebook or 'another notebook'})" for key, notebook in sorted(taken.items()))
    return f"Already defined by a notebook that is running: {named}. Use --take-over to define it here instead."
