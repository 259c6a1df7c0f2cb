"""Mappings of partitions as people type them after ``--mapping NAME=``. Pure.

``same``, ``all``, ``last``; ``-6..0`` (windows from six before to its own) or ``-1``, with ``?`` those of them that
exist; ``keys:a,b``; ``dimension:date`` (of two dimensions).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from jobkernel.errors import InvalidDefinition, did_you_mean
from jobkernel.rules.partition_mapping import (
    AllPartitionMapping,
    IdentityPartitionMapping,
    LastPartitionMapping,
    SpecificPartitionsPartitionMapping,
)
from jobkernel.rules.partition_multi_mapping import MultiToSingleDimensionPartitionMapping
from jobkernel.rules.partition_window_mapping import TimeWindowPartitionMapping

_WORDS: Final[Mapping[str, Callable[[], Any]]] = {
    "same": IdentityPartitionMapping,
    "all": AllPartitionMapping,
    "last": LastPartitionMapping,
}
FORMS: Final = "same, all, last, -6..0, keys:a,b, dimension:NAME or a variable that holds a mapping"
_OFFSETS: Final = re.compile(r"(?P<start>[+-]?\d+)(?:\.\.(?P<end>[+-]?\d+))?(?P<some>\?)?")


def read_mapping(text: str) -> Any:
    """Return the mapping that a text says.

    Raises:
        InvalidDefinition: it says none; the sentence names what may be said.
    """
    said = text.strip()
    if said in _WORDS:
        return _WORDS[said]()
    offsets = _OFFSETS.fullmatch(said)
    if offsets is not None:
        return _windows(offsets, said)
    kind, _, rest = said.partition(":")
    if kind == "keys" and rest.strip(" ,"):
        return SpecificPartitionsPartitionMapping([key.strip() for key in rest.split(",") if key.strip()])
    if kind == "dimension" and rest.strip():
        return MultiToSingleDimensionPartitionMapping(rest.strip())
    raise InvalidDefinition(
        f"'{text}' says no mapping.{did_you_mean(kind, [*_WORDS, 'keys', 'dimension'])} Write {FORMS}."
    )


def _windows(offsets: re.Match[str], text: str) -> TimeWindowPartitionMapping:
    start = int(offsets["start"])
    end = start if offsets["end"] is None else int(offsets["end"])
    if end < start:
        raise InvalidDefinition(f"'{text}' ends before it starts; write {end}..{start}.")
    return TimeWindowPartitionMapping(start, end, allow_nonexistent_upstream_partitions=offsets["some"] is not None)
