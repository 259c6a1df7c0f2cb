"""Private copies of values kept in memory under a budget, the least recently used going first.

A copy is bound to the stamp of the file it equals, so that a newer file, whoever wrote it, is never hidden.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Hashable
from typing import Final, NamedTuple

from jobkernel.values.encoded import Kept
from jobkernel.values.files import Stamp

DEFAULT_BUDGET: Final = 1 << 30
_OVERHEAD: Final = 200  # bytes that an entry costs beside its value


class Entry(NamedTuple):
    """One private copy and the stamp of the file it equals."""

    kept: Kept
    stamp: Stamp | None


class ValueCache:
    """Private copies by address, together no larger than ``budget`` bytes."""

    def __init__(self, budget: int = DEFAULT_BUDGET) -> None:
        self.budget = budget
        self._entries: OrderedDict[Hashable, Entry] = OrderedDict()
        self._size = 0
        self._lock = threading.Lock()  # protects the entries and their size

    @property
    def size(self) -> int:
        """The bytes held now."""
        return self._size

    def fits(self, size: int) -> bool:
        """Whether a copy of ``size`` bytes could be kept; ask before making one."""
        return size + _OVERHEAD <= self.budget

    def find(self, address: Hashable) -> Entry | None:
        """Return the copy under ``address``, now the most recently used one."""
        with self._lock:
            entry = self._entries.get(address)
            if entry is not None:
                self._entries.move_to_end(address)
            return entry

    def keep(self, address: Hashable, kept: Kept, stamp: Stamp | None) -> None:
        """Keep a copy; older ones go where the budget asks for it. One that is larger than the budget is not kept."""
        with self._lock:
            self._forget(address)
            if not self.fits(kept.size):
                return
            self._entries[address] = Entry(kept, stamp)
            self._size += kept.size + _OVERHEAD
            while self._size > self.budget:
                self._forget(next(iter(self._entries)))

    def forget(self, address: Hashable) -> None:
        """Drop the copy under ``address``, if there is one."""
        with self._lock:
            self._forget(address)

    def _forget(self, address: Hashable) -> None:
        entry = self._entries.pop(address, None)
        if entry is not None:
            self._size -= entry.kept.size + _OVERHEAD
