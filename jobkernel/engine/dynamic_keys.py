"""The keys of dynamic partitions, as the project's history keeps them: over restarts, and for every notebook.

Each key is a row of its own, which events change in their order, so that two kernels adding at once lose nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, NamedTuple

from jobkernel.clock import Clock
from jobkernel.model import events as ev
from jobkernel.model.automation import Beside
from jobkernel.model.events import Event
from jobkernel.model.partition_keys import refuse_odd_keys
from jobkernel.model.partition_loading import DynamicKeys
from jobkernel.model.partition_requests import AddDynamicPartitionsRequest, AfterChanges, PartitionsRequest
from jobkernel.storage.history import History

if TYPE_CHECKING:
    from jobkernel.engine.session import Session

_wished: ContextVar[Sequence[PartitionsRequest]] = ContextVar("wished_partitions", default=())


class Asked(NamedTuple):
    """A change of dynamic keys: the events that make it, none where nothing changes, and what it comes to."""

    events: list[Beside]
    result: dict[str, Any]


class KeptInHistory:
    """Keeps dynamic keys in a history."""

    def __init__(self, history: History, clock: Clock, on_change: Callable[[], None] = lambda: None) -> None:
        self._history = history
        self._clock = clock
        self._on_change = on_change

    def get_dynamic_partitions(self, partitions_def_name: str) -> list[str]:
        """Return the keys of that name, oldest first."""
        rows = self._history.query("dynamic_partitions", partitions_name=partitions_def_name)
        return [row["partition_key"] for row in rows]

    def has_dynamic_partition(self, partitions_def_name: str, partition_key: str) -> bool:
        """Whether that key was added and not deleted since."""
        return partition_key in self.get_dynamic_partitions(partitions_def_name)

    def add_dynamic_partitions(self, partitions_def_name: str, partition_keys: Sequence[str]) -> None:
        """Add keys; those that are there already stay where they are."""
        self._keep(_events(ev.DYNAMIC_PARTITION_ADDED, partitions_def_name, dict.fromkeys(partition_keys)))

    def delete_dynamic_partition(self, partitions_def_name: str, partition_key: str) -> None:
        """Take a key away; nothing happens where it is not there."""
        self._keep(_events(ev.DYNAMIC_PARTITION_DELETED, partitions_def_name, [partition_key]))

    def asked(self, changes: Sequence[PartitionsRequest]) -> list[Asked]:
        """Return what changes come to, in order, as somebody else has to have it kept; nothing is changed here.

        Keys that are there are not added again, and those that are not there are not deleted, as in Dagster.

        Raises:
            InvalidDefinition: a key to add holds ``...`` or a control character.
        """
        found, after = [], AfterChanges(self)
        for change in changes:
            name, is_added = change.partitions_def_name, isinstance(change, AddDynamicPartitionsRequest)
            if is_added:
                refuse_odd_keys(change.partition_keys, f"Dynamic partitions '{name}'")
            known = set(after.get_dynamic_partitions(name))
            moved = [key for key in change.partition_keys if (key in known) is not is_added]
            skipped = [key for key in change.partition_keys if (key in known) is is_added]
            result = {"partitions": name, "added" if is_added else "deleted": moved, "skipped": skipped}
            event_type = ev.DYNAMIC_PARTITION_ADDED if is_added else ev.DYNAMIC_PARTITION_DELETED
            found.append(Asked(_events(event_type, name, moved), result))
            after.make(change)
        return found

    def _keep(self, changes: Sequence[Beside]) -> None:
        now = self._clock.now_us()
        self._history.emit_many([Event(event_type, None, None, now, body) for event_type, body in changes])
        self._history.flush()
        self._on_change()


def _events(event_type: str, name: str, keys: Iterable[str]) -> list[Beside]:
    return [(event_type, {"name": name, "partition_key": key}) for key in keys]


class RememberedKeys(KeptInHistory):
    """The same, remembered until told to forget: for questions that come often."""

    def __init__(self, history: History, clock: Clock) -> None:
        super().__init__(history, clock, self.forget)
        self._remembered: dict[str, list[str]] = {}

    def forget(self) -> None:
        """Ask the history anew from now on."""
        self._remembered = {}

    def get_dynamic_partitions(self, partitions_def_name: str) -> list[str]:
        """Return the keys of that name, oldest first."""
        remembered = self._remembered
        if partitions_def_name not in remembered:
            remembered[partitions_def_name] = super().get_dynamic_partitions(partitions_def_name)
        return remembered[partitions_def_name]


@contextmanager
def as_if_made(changes: Sequence[PartitionsRequest]) -> Iterator[None]:
    """Count changes of dynamic keys in that are not made yet, in what this thread asks of a session's partitions."""
    token = _wished.set(changes)
    try:
        yield
    finally:
        _wished.reset(token)


def dynamic_keys_now(session: Session) -> DynamicKeys:
    """Return the dynamic keys of a session's project, with the changes that are counted in."""
    kept, wished = dynamic_keys_of(session), _wished.get()
    return AfterChanges(kept, wished) if wished else kept


def dynamic_keys_of(session: Session) -> KeptInHistory:
    """Return who keeps the dynamic keys of a session's project."""
    return KeptInHistory(session.history, session.clock, session.dynamic_keys_moved)
