"""The keys of dynamic partitions, as a session keeps them: for as long as the kernel lives."""

from __future__ import annotations

from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from jobkernel.model.partition_loading import DynamicKeys, KeptHere

if TYPE_CHECKING:
    from jobkernel.engine.session import Session

_kept: WeakKeyDictionary[Session, DynamicKeys] = WeakKeyDictionary()


def dynamic_keys_of(session: Session) -> DynamicKeys:
    """Return who keeps the dynamic keys of a session."""
    return _kept.setdefault(session, KeptHere())
