"""A definition as it was written, and what defining or forgetting it changed. Kept by the registry."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import Any, Final, Protocol

from jobkernel.model.definitions import EMPTY, Assets
from jobkernel.records import dataclass

AUTOMATIONS: Final = ("schedule", "sensor")


class Unresolved(Protocol):
    """A cell's asset before it is known which of the names it reads are assets."""

    @property
    def free_names(self) -> frozenset[str]:
        """The names that may turn out to be assets."""
        ...

    def resolved(self, known: Mapping[str, str]) -> Assets:
        """Return the definition, given which variable names are assets and under which key."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One definition as it was written. Exactly one of ``record`` and ``unresolved`` is given."""

    kind: str
    name: str
    record: Any = None
    unresolved: Unresolved | None = None
    options: Mapping[str, Any] = field(default=EMPTY)


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What defining (or forgetting) something did: the entry before, and each edge that came or went elsewhere.

    ``inherited`` maps keys to the notebook that had them before.
    """

    entry: Entry
    previous: Entry | None
    new_edges: tuple[tuple[str, str], ...] = ()
    lost_edges: tuple[tuple[str, str], ...] = ()
    inherited: Mapping[str, str] = field(default=EMPTY)


def keys_of(entry: Entry) -> list[str]:
    """Return the keys of the assets that an asset's entry makes."""
    return [entry.name] if entry.record is None else [spec.key for spec in entry.record.specs]


def owned_keys_of(entry: Entry) -> list[str]:
    """Return what one notebook of a project owns by an entry: keys of assets, or a schedule's or sensor's name."""
    if entry.kind in AUTOMATIONS:
        return [f"{entry.kind} {entry.name}"]
    return keys_of(entry) if entry.kind == "asset" else []


def place_of(owned: str) -> tuple[str, str]:
    """Return kind and name of what is owned by such a key."""
    kind, space, name = owned.partition(" ")
    return (kind, name) if space and kind in AUTOMATIONS else ("asset", owned)
