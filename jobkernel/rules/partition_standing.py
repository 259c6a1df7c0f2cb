"""How the partitions of an asset stand together: counts, the asset's verdict, its bar, in words. Pure.

Knows one word per partition that is not missing (:data:`WORDS`); ``engine.partition_freshness`` keeps those words.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from hashlib import blake2b
from itertools import islice
from typing import Final, NamedTuple

from jobkernel.records import dataclass
from jobkernel.rules.staleness import FRESH, NEVER, PARTLY, STALE, WAS_NEVER_MADE, Verdict

FAILED: Final = "failed"
RUNNING: Final = "running"
WORDS: Final = (FAILED, RUNNING, STALE, NEVER, FRESH)
"""The words of a partition, the most urgent first; ``never`` is missing."""
MOST_CELLS: Final = 100
"""So many cells a bar has at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PartitionCounts:
    """How many partitions exist (``of``), and how many of those stand how.

    ``made`` have a value, whether or not a later attempt failed; ``stale`` are among them. ``failed`` were tried last
    without success, ``running`` are being made now.
    """

    of: int
    made: int
    stale: int = 0
    failed: int = 0
    running: int = 0

    @property
    def missing(self) -> int:
        """How many have no value."""
        return self.of - self.made


class Cell(NamedTuple):
    """Partitions that stand beside each other in a bar: the most urgent word among them, how many, first and last."""

    word: str
    size: int
    first: str
    last: str


def counts_words(counts: PartitionCounts) -> str:
    """Return counts in words: ``12 of 31 made, 2 failed, 1 stale``."""
    if not counts.of:
        return "no partition exists yet"
    parts = [f"{counts.made:,} of {counts.of:,} made"]
    told = ((counts.failed, "failed"), (counts.stale, "stale"), (counts.running, "in progress"))
    return ", ".join([*parts, *(f"{count:,} {word}" for count, word in told if count)])


def words_among(counts: PartitionCounts) -> tuple[str, ...]:
    """Return by which words an asset is found for the sake of some of its partitions."""
    told = (("missing", counts.missing), (STALE, counts.stale), (FAILED, counts.failed), (RUNNING, counts.running))
    return tuple(word for word, count in told if count)


def verdict_of(counts: PartitionCounts, stale: Verdict | None, edition: int) -> Verdict:
    """Return the verdict on an asset by what stands of its partitions; ``stale`` is that on one that is stale."""
    words = counts_words(counts)
    if stale is not None:
        return Verdict(
            status=STALE,
            cause=stale.cause,
            changed=stale.changed,
            upstream=stale.upstream,
            partitions=words,
            edition=edition,
        )
    status = NEVER if not counts.made else FRESH if not counts.missing and not counts.failed else PARTLY
    return Verdict(status=status, partitions=words, edition=edition)


def bar_of(keys: Sequence[str], words: Mapping[str, str], most: int = MOST_CELLS) -> list[Cell]:
    """Return the bar of these partitions, in order: one cell each, or as many in a cell as it takes for ``most``.

    Cells differ by one partition at most. What no word is told of is missing.
    """
    count = min(len(keys), most)
    bounds = [len(keys) * place // count for place in range(count + 1)] if count else []
    return [_cell(keys, words, first, end) for first, end in zip(bounds, islice(bounds, 1, None), strict=False)]


def _cell(keys: Sequence[str], words: Mapping[str, str], first: int, end: int) -> Cell:
    among = {words.get(keys[place], NEVER) for place in range(first, end)}
    word = next(each for each in WORDS if each in among)
    return Cell(word, end - first, keys[first], keys[end - 1])


def word_of(verdict: Verdict | None, *, is_running: bool, has_failed: bool) -> str:
    """Return the word of one partition."""
    if is_running:
        return RUNNING
    if has_failed:
        return FAILED
    return (verdict or WAS_NEVER_MADE).status


def mark_of(key: str, version: str) -> int:
    """Return a number that stands for this version of this partition; numbers of several are added up."""
    return int.from_bytes(blake2b(f"{key}\0{version}".encode(), digest_size=8).digest())


def version_of_sum(marks: int) -> str:
    """Return the version of several partitions together, by the sum of their marks."""
    return f"{marks % (1 << 64):016x}"


def version_together(versions: Iterable[tuple[str, str | None]]) -> str | None:
    """Return one version for these partitions, whatever their order; None where none has a value.

    That of a single one is its own.
    """
    found = [(key, version) for key, version in versions if version is not None]
    if len(found) < 2:
        return found[0][1] if found else None
    return version_of_sum(sum(mark_of(key, version) for key, version in found))
