"""What evaluations remember from look to look: one text, written and read here alone.

For each asset with a condition: when it was looked at and up to which event, what was requested, and what parts of its
condition remember. Subsets of windows of time are kept as ranges, so that years of days take a line.
"""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field, replace
from typing import Any, Final

from jobkernel.errors import InvalidInvocation
from jobkernel.model.definitions import EMPTY
from jobkernel.model.partition_subset import ranges_of
from jobkernel.model.partitions import PartitionsDefinition
from jobkernel.records import dataclass
from jobkernel.rules.conditions_facts import NONE, WHOLE, ConditionGraph, Key, Subset
from jobkernel.rules.conditions_subsets import shape_of, still_fits

FORMAT: Final = 1
PACKED: Final = "z:"
LONGEST_PLAIN: Final = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A subset as it was remembered: ``whole`` of an asset without partitions, else keys and ranges of keys."""

    shape: str = ""
    whole: bool = False
    keys: tuple[str, ...] = ()
    ranges: tuple[tuple[str, str], ...] = ()

    @classmethod
    def of(cls, subset: Subset, definition: PartitionsDefinition | None) -> Kept:
        """Return a subset in the form in which it is kept."""
        shape = shape_of(definition)
        if definition is None:
            return cls(whole=bool(subset))
        if not shape.startswith("time:") or len(subset) < 3:
            return cls(shape=shape, keys=tuple(sorted(map(str, subset))))
        ranges = ranges_of(list(definition.get_partition_keys()), {str(key) for key in subset})
        return cls(shape=shape, ranges=tuple((each.start, each.end) for each in ranges))

    def subset(self, definition: PartitionsDefinition | None) -> Subset | None:
        """Return the subset among the partitions of now; None where it means nothing there."""
        if definition is None:
            return (WHOLE if self.whole else NONE) if not self.shape else None
        if not self.ranges:
            keys = frozenset[str | None](self.keys)
            return keys if still_fits(self.shape, keys, definition) else None
        return frozenset(self._between(definition.get_partition_keys())) if self.shape == shape_of(definition) else None

    def _between(self, ordered: Sequence[str]) -> Iterable[str]:
        places = {key: place for place, key in enumerate(ordered)}
        for start, end in self.ranges:
            if start in places and end in places:
                yield from ordered[places[start] : places[end] + 1]

    def plain(self) -> dict[str, Any]:
        """Return it as JSON."""
        given = {"shape": self.shape, "whole": self.whole, "keys": self.keys, "ranges": self.ranges}
        return {name: value for name, value in given.items() if value}

    @classmethod
    def read(cls, plain: Mapping[str, Any]) -> Kept:
        """Return what :meth:`plain` wrote."""
        ranges = tuple((start, end) for start, end in plain.get("ranges", ()))
        whole, keys = bool(plain.get("whole")), tuple(plain.get("keys", ()))
        return cls(shape=plain.get("shape", ""), whole=whole, keys=keys, ranges=ranges)


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """What is remembered of one asset's or check's condition."""

    at: float
    seq: int | None
    requested: Kept
    parts: Mapping[str, Kept] = field(default=EMPTY)
    texts: Mapping[str, str | None] = field(default=EMPTY)


@dataclass(frozen=True, slots=True)
class Cursor:
    """What is remembered of all of them; ``looks`` counts the looks."""

    looks: int = 0
    of: Mapping[Key, Memory] = field(default_factory=dict)

    @property
    def oldest_seq(self) -> int:
        """Return the place behind which a fact may be news to some condition."""
        return min((memory.seq or 0 for memory in self.of.values()), default=0)

    def remembers_as(self, other: Cursor) -> bool:
        """Whether both remember the same, but for when they were made."""
        return self._timeless() == other._timeless()

    def _timeless(self) -> dict[Key, Memory]:
        return {key: replace(memory, at=0.0) for key, memory in self.of.items()}

    def followed_by(self, made: Mapping[Key, Memory], graph: ConditionGraph) -> Cursor:
        """Return the cursor after a look; an asset that is defined and has no condition any more is forgotten."""
        kept = {
            key: memory
            for key, memory in self.of.items()
            if not isinstance(key, str) or key not in graph.nodes or not graph.nodes[key].is_made
        }
        return Cursor(self.looks + 1, {**kept, **made})

    def text(self) -> str:
        """Return it as one line: JSON, packed where it is long, since every tick keeps one."""
        of = [{"key": key if isinstance(key, str) else list(key), **_plain(memory)} for key, memory in self.of.items()]
        plain = json.dumps({"format": FORMAT, "looks": self.looks, "of": of}, separators=(",", ":"))
        return (
            plain if len(plain) <= LONGEST_PLAIN else PACKED + base64.b85encode(zlib.compress(plain.encode())).decode()
        )


def read_cursor(text: str | None) -> Cursor:
    """Return what a text remembers; None remembers nothing.

    Raises:
        InvalidInvocation: the text was not written here.
    """
    if not text:
        return Cursor()
    try:
        unpacked = zlib.decompress(base64.b85decode(text.removeprefix(PACKED))) if text.startswith(PACKED) else text
        plain = json.loads(unpacked)
        if plain["format"] != FORMAT:
            return Cursor()
        of = {_key(each["key"]): _memory(each) for each in plain["of"]}
        return Cursor(plain["looks"], of)
    except (ValueError, KeyError, TypeError, AttributeError, zlib.error) as error:
        raise InvalidInvocation(f"No cursor of conditions: {text[:60]!r}; give the one of the look before.") from error


def _key(plain: Any) -> Key:
    return plain if isinstance(plain, str) else (plain[0], plain[1])


def _plain(memory: Memory) -> dict[str, Any]:
    parts = {name: kept.plain() for name, kept in memory.parts.items()}
    return {
        "at": memory.at,
        "seq": memory.seq,
        "requested": memory.requested.plain(),
        **({"parts": parts} if parts else {}),
        **({"texts": dict(memory.texts)} if memory.texts else {}),
    }


def _memory(plain: Mapping[str, Any]) -> Memory:
    return Memory(
        at=plain["at"],
        seq=plain["seq"],
        requested=Kept.read(plain["requested"]),
        parts={name: Kept.read(kept) for name, kept in plain.get("parts", {}).items()},
        texts=plain.get("texts", {}),
    )
