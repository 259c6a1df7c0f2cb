"""The keys of dynamic partitions, as the project's history keeps them: over restarts, and for every notebook.

Each change is a row of its own, so that two kernels adding at once lose nothing; the keys are what they come to.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from uuid import uuid4

from jobkernel.clock import Clock
from jobkernel.model import events as ev
from jobkernel.model.events import Event
from jobkernel.model.partition_keys import refuse_odd_keys
from jobkernel.model.partition_loading import DynamicKeys
from jobkernel.model.partition_requests import AddDynamicPartitionsRequest, AfterChanges, PartitionsRequest
from jobkernel.storage.history import History

if TYPE_CHECKING:
    from jobkernel.engine.session import Session

_PREFIX: Final = "dynamic_partitions"
_ADDED: Final = "added"
_DELETED: Final = "deleted"


_wished: ContextVar[Sequence[PartitionsRequest]] = ContextVar("wished_partitions", default=())


class Asked(NamedTuple):
    """A change of dynamic keys: the body of its event, None where nothing changes, and what it comes to."""

    body: dict[str, Any] | None
    result: dict[str, Any]


class KeptInHistory:
    """Keeps dynamic keys in a history."""

    def __init__(self, history: History, clock: Clock, on_change: Callable[[], None] = lambda: None) -> None:
        self._history = history
        self._clock = clock
        self._on_change = on_change

    def get_dynamic_partitions(self, partitions_def_name: str) -> list[str]:
        """Return the keys of that name, oldest first."""
        known: dict[str, None] = {}
        for _, _, what, keys in self._changes(partitions_def_name):
            if what == _ADDED:
                known.update(dict.fromkeys(keys))
            else:
                for key in keys:
                    known.pop(key, None)
        return list(known)

    def has_dynamic_partition(self, partitions_def_name: str, partition_key: str) -> bool:
        """Whether that key was added and not deleted since."""
        return partition_key in self.get_dynamic_partitions(partitions_def_name)

    def add_dynamic_partitions(self, partitions_def_name: str, partition_keys: Sequence[str]) -> None:
        """Add keys; those that are there already stay where they are."""
        known = set(self.get_dynamic_partitions(partitions_def_name))
        self._note(partitions_def_name, _ADDED, [key for key in dict.fromkeys(partition_keys) if key not in known])

    def delete_dynamic_partition(self, partitions_def_name: str, partition_key: str) -> None:
        """Take a key away; nothing happens where it is not there."""
        if self.has_dynamic_partition(partitions_def_name, partition_key):
            self._note(partitions_def_name, _DELETED, [partition_key])

    def asked(self, changes: Sequence[PartitionsRequest]) -> list[Asked]:
        """Return what changes come to, in order, as somebody else has to have it kept; nothing is changed here.

        Keys that are there are not added again, and those that are not there are not deleted, as in Dagster.

        Raises:
            InvalidDefinition: a key to add holds ``...`` or a control character.
        """
        found: list[Asked] = []
        for number, change in enumerate(changes):
            name, is_added = change.partitions_def_name, isinstance(change, AddDynamicPartitionsRequest)
            if is_added:
                refuse_odd_keys(change.partition_keys, f"Dynamic partitions '{name}'")
            known = set(AfterChanges(self, changes[:number]).get_dynamic_partitions(name))
            moved = [key for key in change.partition_keys if (key in known) is not is_added]
            what = _ADDED if is_added else _DELETED
            result = {
                "partitions": name,
                what: moved,
                "skipped": [key for key in change.partition_keys if key not in moved],
            }
            found.append(Asked(self._body(name, what, moved, number) if moved else None, result))
        return found

    def _changes(self, name: str) -> list[tuple[int, int, str, list[str]]]:
        """Return when, as the how-many-th, what was done with which keys, in order."""
        rows: list[dict[str, Any]] = self._history.query("settings")
        own = [row["value"] for row in rows if row["name"].startswith(_PREFIX) and row["value"]["name"] == name]
        return sorted((each["at"], each["number"], each["what"], each["keys"]) for each in own)

    def _note(self, name: str, what: str, keys: Sequence[str]) -> None:
        if not keys:
            return
        body = self._body(name, what, keys)
        self._history.emit(Event(ev.SETTING_CHANGED, None, None, body["value"]["at"], body))
        self._history.flush()
        self._on_change()

    def _body(self, name: str, what: str, keys: Sequence[str], later: int = 0) -> dict[str, Any]:
        number = len(self._changes(name)) + later
        value = {"name": name, "at": self._clock.now_us(), "number": number, "what": what, "keys": list(keys)}
        return {"name": f"{_PREFIX}/{uuid4().hex}", "value": value}


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
