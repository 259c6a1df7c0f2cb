"""Which live notebook owns which key. Knows notebooks by their client; knows no socket and no history."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from jobkernel.errors import KeyOwnedElsewhere


class Owner(NamedTuple):
    """A live kernel and the notebook it runs."""

    client_id: str
    notebook: str | None


@dataclass(slots=True)
class KeyClaims:
    """Keys in the hands of live kernels."""

    owners: dict[str, Owner] = field(default_factory=dict)

    def others(self, client_id: str, keys: Iterable[str]) -> dict[str, Owner]:
        """Return those of the keys that somebody else owns."""
        found = {key: self.owners.get(key) for key in keys}
        return {key: owner for key, owner in found.items() if owner and owner.client_id != client_id}

    def claim(self, owner: Owner, keys: Iterable[str]) -> None:
        """Give the keys to this owner, unless another has one: then :class:`KeyOwnedElsewhere`, and none is given."""
        wanted = list(keys)
        if taken := self.others(owner.client_id, wanted):
            raise KeyOwnedElsewhere(refusal({key: other.notebook for key, other in taken.items()}))
        self.take(owner, wanted)

    def take(self, owner: Owner, keys: Iterable[str]) -> dict[str, Owner]:
        """Give the keys to this owner, whoever has them; return who had them."""
        wanted = list(keys)
        taken = self.others(owner.client_id, wanted)
        self.owners.update(dict.fromkeys(wanted, owner))
        return taken

    def release(self, client_id: str, keys: Iterable[str] | None = None) -> None:
        """Take the keys from this client; all of its keys when none are named."""
        mine = [key for key, owner in self.owners.items() if owner.client_id == client_id]
        for key in mine if keys is None else set(mine) & set(keys):
            del self.owners[key]


def refusal(taken: dict[str, str | None]) -> str:
    """Return the sentence that names each key and the notebook that owns it."""
    named = ", ".join(f"'{key}' (in {notebook or 'another notebook'})" for key, notebook in sorted(taken.items()))
    return f"Already defined by a notebook that is running: {named}. Use --take-over to define it here instead."
