"""Which partitions exist now, what versions they have, and which of them an asset below needs. Remembers answers.

Called with as of when, and who keeps dynamic keys, set by ``partition_loading_context``. Judges nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterable, Sequence
from typing import Any, Protocol

from jobkernel.engine.moves import Moves
from jobkernel.engine.partition_states import PartitionStates
from jobkernel.errors import JobkernelError
from jobkernel.model.partitions import PartitionsDefinition, StaticPartitionsDefinition
from jobkernel.rules.partition_edges import mapping_between
from jobkernel.rules.partition_mapping import AllPartitionMapping, IdentityPartitionMapping, PartitionMapping
from jobkernel.rules.partition_multi import MultiPartitionsDefinition
from jobkernel.rules.partition_standing import mark_of, version_of_sum, version_together
from jobkernel.rules.partition_window_mapping import TimeWindowPartitionMapping
from jobkernel.rules.partition_windows import TimeWindowPartitionsDefinition


class Exist:
    """The keys of a definition that exist; ``edition`` grows with every look that finds others."""

    def __init__(self, definition: PartitionsDefinition) -> None:
        self.definition = definition
        self.edition = 0
        self.keys: Sequence[str] = ()
        self.places: dict[str, int] = {}
        self._extent: Hashable = None

    def look(self) -> bool:
        """Look which keys exist now; return whether others do than before. What cannot be told stays as it was."""
        try:
            extent = _extent_of(self.definition)
            if extent == self._extent:
                return False
            keys = tuple(self.definition.get_partition_keys())
        except Exception:  # noqa: BLE001 - a function of the user's may list the keys; a launch tells what it raises
            return False
        self.keys, self.places = keys, {key: place for place, key in enumerate(keys)}
        self._extent = extent
        self.edition += 1
        return True


def _extent_of(definition: PartitionsDefinition) -> Hashable:
    """Return something that is equal as long as the same keys exist, quickly."""
    if isinstance(definition, TimeWindowPartitionsDefinition):
        return definition.get_num_partitions(), definition.get_first_partition_key()
    if isinstance(definition, StaticPartitionsDefinition):
        return "static"
    if isinstance(definition, MultiPartitionsDefinition):
        return tuple(_extent_of(each.partitions_def) for each in definition.partitions_defs)
    return tuple(definition.get_partition_keys())


class Versions:
    """The versions of the values of an asset's partitions: their own data versions, else the runs that made them."""

    def __init__(self, key: str, states: PartitionStates) -> None:
        self._key = key
        self._states = states
        self._marks: dict[str, int] = {}
        self._sum = 0
        self._seen = -1

    def of(self, part: str) -> str | None:
        """Return the version of a partition's value; None where it has none."""
        state = self._states.of(self._key).get(part)
        return None if state is None or state.made is None else state.made.version

    def newest(self, parts: Iterable[str]) -> int:
        """Return when the newest value of these partitions was made; 0 where none has one."""
        states = self._states.of(self._key)
        made = (state.made.made_at for part in parts if (state := states.get(part)) and state.made is not None)
        return max(made, default=0)

    def of_all(self) -> str | None:
        """Return the version of all values together; None where there is none."""
        self._seen, moved = self._states.moves(self._key).since(self._seen)
        for part in moved:
            version = self.of(part)
            self._sum -= self._marks.pop(part, 0)
            if version is not None:
                self._marks[part] = mark_of(part, version)
                self._sum += self._marks[part]
        return version_of_sum(self._sum) if self._marks else None


class Judged(Protocol):
    """What is judged of the partitions of an asset above."""

    moves: Moves
    stale: dict[str, None]


class Above:
    """The edge from an asset to one above it that has partitions; ``own`` are its own partitions, if it has any."""

    def __init__(
        self,
        versions: Versions,
        exist: Exist,
        own: PartitionsDefinition | None,
        given: PartitionMapping | None,
        book: Judged,
    ) -> None:
        self.book = book
        self._versions = versions
        self._exist = exist
        self._own = own
        self._mapping = mapping_between(exist.definition, own, given)
        self._is_same = own is not None and own == exist.definition and _is_identity(self._mapping)
        self._needs: dict[str | None, Collection[str]] = {}
        self._needs_of = -1

    def exist_edition(self) -> int:
        """Return what grows when other partitions are needed than before."""
        return 0 if self._is_same else self._exist.edition

    def version(self, part: str | None) -> str | None:
        """Return the version of what a partition (None: the whole asset) needs; None where nothing of it is made."""
        if self._is_same and part is not None:
            return self._versions.of(part)
        if isinstance(self._mapping, AllPartitionMapping):
            return self._versions.of_all()
        return version_together((key, self._versions.of(key)) for key in self._needed(part))

    def newest(self, part: str | None) -> int:
        """Return when the newest value of what a partition needs was made; 0 where nothing of it is."""
        return self._versions.newest(self.needed(part))

    def is_stale(self, part: str | None) -> bool:
        """Whether anything is stale that a partition needs."""
        stale = self.book.stale
        if not stale or isinstance(self._mapping, AllPartitionMapping):
            return bool(stale)
        return part in stale if self._is_same else any(key in stale for key in self._needed(part))

    def needed(self, part: str | None) -> Collection[str]:
        """Return the partitions above that one needs, as far as they exist."""
        if self._is_same and part is not None:
            return (part,)
        return self._exist.keys if isinstance(self._mapping, AllPartitionMapping) else self._needed(part)

    def below(self, moved: Sequence[str]) -> Collection[str] | None:
        """Return the partitions that need any of these; None for all."""
        if self._is_same:
            return moved
        if self._own is None or isinstance(self._mapping, AllPartitionMapping):
            return None
        try:
            return self._mapping.downstream_of(set(moved), self._exist.definition, self._own)
        except (JobkernelError, ValueError, KeyError):
            return None  # a key among them exists no more

    def _needed(self, part: str | None) -> Collection[str]:
        if self._needs_of != self._exist.edition:
            self._needs.clear()
            self._needs_of = self._exist.edition
        if part not in self._needs:
            self._needs[part] = self._mapped(part)
        return self._needs[part]

    def _mapped(self, part: str | None) -> Collection[str]:
        keys = None if part is None else (part,)
        try:
            return tuple(self._mapping.upstream_of(keys, self._own, self._exist.definition).keys)
        except (JobkernelError, ValueError, KeyError):
            return ()  # it exists no more, or the two cannot be mapped; a launch says so


def _is_identity(mapping: Any) -> bool:
    if isinstance(mapping, TimeWindowPartitionMapping):
        return mapping.start_offset == mapping.end_offset == 0
    return isinstance(mapping, IdentityPartitionMapping)
