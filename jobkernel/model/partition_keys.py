"""What a partition's key may be: checks of a list of keys, and keys of two dimensions. Knows no definitions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from jobkernel.errors import InvalidDefinition

DELIMITER: Final = "|"
"""Stands between the parts of a key of two dimensions."""
RESERVED_IN_PARTS: Final = frozenset("|,[]")
"""Characters that no key of a dimension may hold."""
_FORBIDDEN: Final = ("...", *"\a\b\f\n\r\t\v\0")


def checked_keys(keys: Any, what: str) -> tuple[str, ...]:
    """Return keys as a tuple.

    Raises:
        TypeError: they are no sequence of texts.
        InvalidDefinition: one holds ``...`` or a control character, or comes twice.
    """
    if isinstance(keys, str) or not isinstance(keys, Sequence):
        raise TypeError(f"{what} takes a list of partition keys, not {keys!r}.")
    for key in keys:
        if not isinstance(key, str):
            raise TypeError(f"{what} takes keys of type str, not {key!r}.")
    refuse_odd_keys(keys, what)
    repeated = [key for key, times in Counter(keys).items() if times > 1]
    if repeated:
        raise InvalidDefinition(f"{what} names partition '{repeated[0]}' more than once; keys are unique.")
    return tuple(keys)


def refuse_odd_keys(keys: Sequence[str], what: str) -> None:
    """Raise InvalidDefinition where a key holds ``...`` or a control character."""
    for key in keys:
        found = next((each for each in _FORBIDDEN if each in key), None)
        if found is not None:
            raise InvalidDefinition(f"{what} has the key {key!r}; a partition key cannot hold {found!r}.")


class PartitionDimensionKey(NamedTuple):
    """The part of a key that belongs to one dimension."""

    dimension_name: str
    partition_key: str


class MultiPartitionKey(str):
    """A key of two dimensions: its text joins the parts with ``|``, in order of the dimensions' names."""

    dimension_keys: list[PartitionDimensionKey]

    def __new__(cls, keys_by_dimension: Mapping[str, str]) -> MultiPartitionKey:
        """Make the key of these parts, by dimension name."""
        if not isinstance(keys_by_dimension, Mapping):
            raise TypeError(f"MultiPartitionKey takes a dict of keys by dimension, not {keys_by_dimension!r}.")
        for name, part in keys_by_dimension.items():
            if not isinstance(name, str) or not isinstance(part, str):
                raise TypeError(f"MultiPartitionKey takes texts by name, not {name!r}: {part!r}.")
        names = sorted(keys_by_dimension)
        made = super().__new__(cls, DELIMITER.join([keys_by_dimension[name] for name in names]))
        made.dimension_keys = [PartitionDimensionKey(name, keys_by_dimension[name]) for name in names]
        return made

    def __getnewargs__(self) -> tuple[dict[str, str]]:  # type: ignore[override]  # what __new__ takes here
        return (self.keys_by_dimension,)

    @property
    def keys_by_dimension(self) -> dict[str, str]:
        """The parts, by dimension name."""
        return dict(self.dimension_keys)
