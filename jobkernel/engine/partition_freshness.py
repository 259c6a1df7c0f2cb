"""Which partitions are fresh, stale, failed, missing or being made: kept, and judged again only where something moved.

Each asset with partitions has a book. ``Freshness`` owns them, holds its lock around every call, and sets as of when
partitions are asked for. Knows no screen.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, Final

from jobkernel.engine.asset_state import UNKNOWN, Made
from jobkernel.engine.moves import Moves
from jobkernel.engine.partition_edges import Above, Exist, Versions
from jobkernel.engine.states import AssetStates
from jobkernel.model.definitions import Assets
from jobkernel.model.partitions import PartitionsDefinition
from jobkernel.records import dataclass
from jobkernel.rules.partition_standing import FAILED, RUNNING, PartitionCounts, verdict_of, word_of
from jobkernel.rules.staleness import STALE, Grounds, Judge, Making, Verdict, is_stale, judge

MADE: Final = "made"
AssetsOf = Callable[[str], "Assets | None"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PartitionStanding:
    """How an asset's partitions stand: ``keys`` that exist, in order; ``words`` of those that are not missing."""

    definition: PartitionsDefinition
    counts: PartitionCounts
    keys: Sequence[str]
    words: Mapping[str, str]


class PartitionBook:
    """What is judged of the partitions of one asset."""

    def __init__(self, key: str, states: AssetStates, exist: Exist, parents: tuple[str, ...]) -> None:
        self.key = key
        self.exist = exist
        self.above: dict[str, Above] = {}
        self.moves = Moves()
        """The partitions whose version moved, or which became stale or are so no more."""
        self.verdicts: dict[str, Verdict] = {}
        self.stale: dict[str, None] = {}
        self.words: dict[str, str] = {}
        self._states = states.partitions
        self._parents = parents
        self._made: set[str] = set()
        self._counts: Counter[str] = Counter()
        self._edition = 0
        self._seen: Any = None
        self._seen_moves: dict[str, int] = {}
        self._seen_own = -1
        self._seen_exist = -1

    def judge(self, grounds: Grounds, verdicts: Mapping[str, Verdict]) -> Verdict:
        """Judge again what moved, and return the verdict on the asset."""
        moved = self._moved(grounds, verdicts)
        if moved:
            self._judge_parts(moved, grounds, verdicts)
        if self._seen_exist != self.exist.edition:
            self._count_again()
        stale = next(iter(self.stale), None)
        return verdict_of(self.counts(), self.verdicts[stale] if stale is not None else None, self._edition)

    def counts(self) -> PartitionCounts:
        """Return how many partitions stand how."""
        count = self._counts
        return PartitionCounts(
            of=len(self.exist.keys), made=count[MADE], stale=count[STALE], failed=count[FAILED], running=count[RUNNING]
        )

    def standing(self) -> PartitionStanding:
        """Return how the partitions stand; what is returned never changes."""
        return PartitionStanding(
            definition=self.exist.definition, counts=self.counts(), keys=self.exist.keys, words=dict(self.words)
        )

    def _moved(self, grounds: Grounds, verdicts: Mapping[str, Verdict]) -> Iterable[str]:
        """Return the partitions to judge again."""
        self._seen_own, own = self._states.moves(self.key).since(self._seen_own)
        seen = (
            grounds.now.get(self.key),
            [(grounds.versions.get(parent), is_stale(verdicts.get(parent))) for parent in self._plain()],
            [(id(edge), edge.exist_edition()) for edge in self.above.values()],
        )
        is_other, self._seen = seen != self._seen, seen
        if is_other:
            self._seen_moves.clear()
        below = [self._below(parent, edge) for parent, edge in self.above.items()]
        if is_other or any(parts is None for parts in below):
            return {*self._states.of(self.key), *own}
        return {*own, *(part for parts in below for part in parts or () if part in self._made)}

    def _plain(self) -> list[str]:
        return [parent for parent in self._parents if parent not in self.above]

    def _below(self, parent: str, edge: Above) -> Iterable[str] | None:
        version, parts = edge.book.moves.since(self._seen_moves.get(parent, -1))
        self._seen_moves[parent] = version
        return edge.below(parts) if parts else ()

    def _judge_parts(self, parts: Iterable[str], grounds: Grounds, verdicts: Mapping[str, Verdict]) -> None:
        now, plain = grounds.now.get(self.key), {parent: grounds.versions.get(parent) for parent in self._plain()}
        times = grounds.times
        stale = [parent for parent in plain if is_stale(verdicts.get(parent))]
        states, planned, felt = self._states.of(self.key), self._states.planned(self.key), []
        for part in parts:
            state = states.get(part, UNKNOWN)
            verdict = None
            if state.made is not None:
                verdict = self._judge_one(part, state.made, now, _since(state.made, plain, times), stale)
            word = word_of(verdict, is_running=part in planned, has_failed=state.last_ending == "FAILURE")
            felt.append(part)
            self._put(part, verdict, word)
        self._edition += 1
        self.moves.note(felt)

    def _judge_one(
        self,
        part: str,
        made: Made,
        now: Mapping[str, str] | None,
        plain: Mapping[str, str | None],
        stale: Sequence[str],
    ) -> Verdict:
        hashes = self._states.hashes_of(made)
        making = Making(parts=hashes, upstream=made.upstream)
        code = now if hashes != now else None  # equal code needs no comparison part by part
        if not self.above:
            return judge(code, making, plain, stale)
        asked = {
            parent: edge for parent, edge in self.above.items() if made.is_told or edge.newest(part) > made.made_at
        }
        versions = {**plain, **{parent: edge.version(part) for parent, edge in asked.items()}}
        above = [parent for parent, edge in self.above.items() if edge.is_stale(part)]
        return judge(code, making, versions, [*stale, *above])

    def _put(self, part: str, verdict: Verdict | None, word: str) -> None:
        is_there = part in self.exist.places
        if is_there:
            self._add(part, -1)
        self.words[part] = word
        if verdict is None:
            self._made.discard(part)
            self.verdicts.pop(part, None)
        else:
            self._made.add(part)
            self.verdicts[part] = verdict
        self.stale.pop(part, None)
        if is_there:
            if is_stale(verdict):
                self.stale[part] = None
            self._add(part, 1)

    def _add(self, part: str, number: int) -> None:
        word = self.words.get(part)
        if word in (FAILED, RUNNING):
            self._counts[word] += number
        if part in self._made:
            self._counts[MADE] += number
        if part in self.stale:
            self._counts[STALE] += number

    def _count_again(self) -> None:
        """Count anew: other partitions exist than before."""
        self._seen_exist = self.exist.edition
        self._counts.clear()
        there = [part for part in self.words if part in self.exist.places]
        stale = {part: None for part in there if is_stale(self.verdicts.get(part))}
        moved = stale.keys() ^ self.stale.keys()
        self.stale = stale
        for part in there:
            self._add(part, 1)
        self._edition += 1
        if moved:
            self.moves.note(moved)


class PartitionFreshness:
    """The books of all assets that have partitions, and how their partitions stand above other assets."""

    def __init__(self, states: AssetStates) -> None:
        self._states = states
        self._exist: dict[PartitionsDefinition, Exist] = {}
        self._versions: dict[str, Versions] = {}
        self._known: dict[str, tuple[Any, ...]] = {}
        self._wholes: dict[str, dict[str, Above]] = {}
        self.books: dict[str, PartitionBook] = {}
        self.judges: dict[str, Judge] = {}

    def take_code(self, order: Iterable[str], parents: Mapping[str, tuple[str, ...]], assets_of: AssetsOf) -> list[str]:
        """Take in what is defined; return the assets to judge again."""
        defined = {key: assets for key in order if (assets := assets_of(key)) is not None}
        found = {key: made for key, assets in defined.items() if (made := partitions_in(assets, key)) is not None}
        self._exist = {definition: self._exist_of(definition) for definition in dict.fromkeys(found.values())}
        touching = {
            key: tuple((parent, found.get(parent), mapping_in(defined[key], parent)) for parent in parents.get(key, ()))
            for key in defined
            if key in found or any(parent in found for parent in parents.get(key, ()))
        }
        known = {key: (found.get(key), edges) for key, edges in touching.items()}
        moved = {key for key in known.keys() | self._known.keys() if known.get(key) != self._known.get(key)}
        if moved:
            self._make_books(known, moved)
        self._known = known
        return list(moved)

    def _make_books(self, known: Mapping[str, tuple[Any, ...]], moved: set[str]) -> None:
        for key in moved:
            self.books.pop(key, None)
            self.judges.pop(key, None)
            self._wholes.pop(key, None)
        for key in moved & known.keys():
            if known[key][0] is not None:
                parents = tuple(parent for parent, _, _ in known[key][1] if parent != key)
                self.books[key] = PartitionBook(key, self._states, self._exist[known[key][0]], parents)
        for key in known:
            edges = self._edges(key, known[key])
            if key in self.books:
                self.books[key].above = edges
                self.judges[key] = self.books[key].judge
            else:
                self._wholes[key] = edges
                self.judges[key] = partial(_judge_whole, key, edges)

    def _edges(self, key: str, known: tuple[Any, ...]) -> dict[str, Above]:
        """Return the edges to assets above one that have partitions; one to itself says nothing of staleness."""
        own, edges = known
        return {
            parent: Above(self.versions(parent), self._exist[upstream], own, mapping, self.books[parent])
            for parent, upstream, mapping in edges
            if upstream is not None and parent != key
        }

    def _exist_of(self, definition: PartitionsDefinition) -> Exist:
        return self._exist.get(definition) or Exist(definition)

    def versions(self, key: str) -> Versions:
        """Return the versions of an asset's partitions."""
        return self._versions.setdefault(key, Versions(key, self._states.partitions))

    def needed(self, key: str, partition: str | None, parent: str) -> Collection[str]:
        """Return the partitions of an asset above that one needs and that exist."""
        book = self.books.get(key)
        edges = book.above if book is not None else self._wholes.get(key, {})
        return edges[parent].needed(partition) if parent in edges else ()

    def look_at_time(self) -> list[str]:
        """Look which partitions exist now; return the assets of which others do than before."""
        moved = {id(each) for each in self._exist.values() if each.look()}
        return [key for key, book in self.books.items() if id(book.exist) in moved] if moved else []


def _since(made: Made, versions: Mapping[str, str | None], times: Mapping[str, int]) -> Mapping[str, str | None]:
    """Return the versions that tell of a value: where nobody told of what it was made, those made since."""
    if made.is_told:
        return versions
    return {parent: version for parent, version in versions.items() if times.get(parent, 0) > made.made_at}


def partitions_in(assets: Assets, key: str) -> PartitionsDefinition | None:
    """Return the partitions of one of the assets that are made together; None where it has none."""
    return next((spec.partitions for spec in assets.specs if spec.key == key), None)


def mapping_in(assets: Assets, parent: str) -> Any:
    """Return the mapping to an upstream asset that is given where these assets are defined; None where none is."""
    return next((spec.mappings[parent] for spec in assets.specs if parent in spec.mappings), None)


def _judge_whole(key: str, edges: Mapping[str, Above], grounds: Grounds, verdicts: Mapping[str, Verdict]) -> Verdict:
    """Judge an asset without partitions that is made from some with."""
    versions: dict[str, str | None] = {}
    stale = []
    made = grounds.made.get(key)
    for parent in grounds.parents.get(key, ()):
        edge = edges.get(parent)
        versions[parent] = edge.version(None) if edge is not None else grounds.versions.get(parent)
        if edge.is_stale(None) if edge is not None else is_stale(verdicts.get(parent)):
            stale.append(parent)
    asked = {parent: versions[parent] for parent in grounds.asked(made, versions)}
    return judge(grounds.now.get(key), made, asked, stale)
