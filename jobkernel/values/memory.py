"""Values kept as the objects themselves, in this kernel only: the ``memory`` manager (``--io memory``).

Nothing is copied, so readers share the object; nothing survives the kernel, and a missing value says so.
"""

from __future__ import annotations

import secrets
from typing import Any

from jobkernel.errors import MissingUpstream
from jobkernel.values.addresses import Address, OutputAddress
from jobkernel.values.store import Stored


class MemoryValues:
    """Values by address, with the interface of :class:`~jobkernel.values.store.ValueStore`."""

    def __init__(self) -> None:
        self._values: dict[Address, tuple[Any, Stored]] = {}

    def put(self, address: Address, value: Any) -> Stored:
        """Keep the object in place of the last one."""
        stored = Stored(None, 0, secrets.token_hex(16), "memory")
        self._values[address] = (value, stored)
        return stored

    def get(self, address: Address) -> Any:
        """Return the object.

        Raises:
            MissingUpstream: it was not made in this kernel.
        """
        try:
            return self._values[address][0]
        except KeyError:
            raise MissingUpstream(
                f"The value of {address.label} is kept in memory (--io memory) and is gone with its kernel; "
                "materialize it again."
            ) from None

    def exists(self, address: Address) -> bool:
        """Whether the object is here."""
        return address in self._values

    def stored(self, address: Address) -> Stored | None:
        """Return what is known of a value, or None where it is not here."""
        found = self._values.get(address)
        return found[1] if found is not None else None

    def delete(self, address: Address) -> None:
        """Forget the object, if it is here."""
        self._values.pop(address, None)

    def delete_run(self, run_id: str) -> None:
        """Forget every output of a run."""
        gone = [address for address in self._values if type(address) is OutputAddress and address.run_id == run_id]
        for address in gone:
            self._values.pop(address, None)

    def flush(self, run_id: str | None = None) -> None:
        """There is nothing to write."""
