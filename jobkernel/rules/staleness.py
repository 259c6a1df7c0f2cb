"""Whether an asset's value is what its code and inputs would give now, and if not, what changed. Pure.

An asset is stale when its own fingerprint differs from the one it was made with, when an upstream value is another
than the one it was made from, or when something upstream is stale itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import field
from heapq import heapify, heappop, heappush
from typing import Final

from jobkernel.model.definitions import EMPTY
from jobkernel.records import dataclass

FRESH: Final = "fresh"
STALE: Final = "stale"
NEVER: Final = "never"
PARTLY: Final = "partly"
"""Of an asset with partitions: some are missing or failed, and none is stale."""

CAUSE_OF_PART: Final = {
    "own": "code",
    "helper": "helper",
    "constant": "code",
    "package": "packages",
    "param": "config",
    "params": "config",
    "config": "config",
}
"""What a changed part of a fingerprint is called on screens, by the word before its colon."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Where an asset stands. ``changed`` names the fingerprint parts, ``upstream`` the assets, that differ.

    Of an asset with partitions, ``partitions`` says in words how they stand, and ``edition`` grows whenever the
    verdict on any of them moves.
    """

    status: str
    cause: str | None = None
    changed: tuple[str, ...] = ()
    upstream: tuple[str, ...] = ()
    partitions: str | None = None
    edition: int = 0


IS_FRESH: Final = Verdict(status=FRESH)
WAS_NEVER_MADE: Final = Verdict(status=NEVER)


@dataclass(frozen=True, slots=True, kw_only=True)
class Making:
    """How a value was made: the hash of each part of its fingerprint, and the version of each upstream value.

    Where nobody told of what, ``at`` says when (µs): what was made since is then another than it was made from.
    """

    parts: Mapping[str, str] = field(default=EMPTY)
    upstream: Mapping[str, str] = field(default=EMPTY)
    at: int | None = None


Judge = Callable[["Grounds", Mapping[str, Verdict]], Verdict]
"""Draws the verdict on one asset, from the grounds and the verdicts on what stands above it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Grounds:
    """What verdicts are drawn from, by asset: what each is made from, its code now, how it was made, its version.

    ``times`` is when each was made last. ``judges`` draw those on assets that have partitions or are made from such;
    they are given what is judged so far.
    """

    parents: Mapping[str, tuple[str, ...]]
    now: Mapping[str, Mapping[str, str]]
    made: Mapping[str, Making]
    versions: Mapping[str, str | None]
    times: Mapping[str, int] = field(default=EMPTY)
    judges: Mapping[str, Judge] = field(default=EMPTY)

    def asked(self, made: Making | None, parents: Iterable[str]) -> list[str]:
        """Return the parents whose versions tell of a value: all, or those made since where nobody told of what."""
        if made is None or made.at is None:
            return list(parents)
        return [parent for parent in parents if self.times.get(parent, 0) > made.at]


def judge(
    now: Mapping[str, str] | None,
    made: Making | None,
    versions: Mapping[str, str | None],
    stale_upstream: Iterable[str] = (),
) -> Verdict:
    """Return the verdict on one asset.

    ``now`` are its fingerprint's part hashes, None where its code is not known here; ``versions`` the present data
    version of each upstream; ``stale_upstream`` those that are stale themselves.
    """
    if made is None:
        return WAS_NEVER_MADE
    changed = changed_parts(made.parts, now) if now is not None and made.parts else ()
    moved = tuple(key for key, version in versions.items() if version is not None and made.upstream.get(key) != version)
    moved += tuple(key for key in stale_upstream if key not in moved)
    if not changed and not moved:
        return IS_FRESH
    cause = CAUSE_OF_PART.get(changed[0].partition(":")[0], "code") if changed else "upstream"
    return Verdict(status=STALE, cause=cause, changed=changed, upstream=moved)


def changed_parts(before: Mapping[str, str], now: Mapping[str, str]) -> tuple[str, ...]:
    """Return the parts that differ, that came or that went, own code first."""
    names = [name for name in {**before, **now} if before.get(name) != now.get(name)]
    return tuple(sorted(names, key=lambda name: (not name.startswith("own"), name)))


def judge_all(order: Iterable[str], grounds: Grounds) -> dict[str, Verdict]:
    """Return the verdict on every asset; ``order`` is upstream first."""
    verdicts: dict[str, Verdict] = {}
    for key in order:
        verdicts[key] = _judge_among(key, grounds, verdicts)
    return verdicts


def judge_again(
    verdicts: Mapping[str, Verdict],
    moved: Iterable[str],
    grounds: Grounds,
    *,
    place: Mapping[str, int],
    children: Callable[[str], Iterable[str]],
) -> dict[str, Verdict]:
    """Return the verdicts that differ from ``verdicts``, where the grounds of only ``moved`` changed since.

    Judged are those, what they feed, and further down only below what became stale or is so no more. ``place`` tells
    where each asset that is there stands in an order that is upstream first; ``moved`` may name others, which went.
    """
    roots = set(moved)
    found: dict[str, Verdict] = {}
    judged = {**verdicts}
    for gone in roots - place.keys():
        judged.pop(gone, None)
    waiting = {key for root in roots for key in (root, *children(root)) if key in place}
    queue = [(place[key], key) for key in waiting]
    heapify(queue)
    while queue:
        _, key = heappop(queue)
        before, verdict = verdicts.get(key), _judge_among(key, grounds, judged)
        judged[key] = verdict
        if verdict != before:
            found[key] = verdict
        if is_stale(verdict) != is_stale(before) or (verdict != before and verdict.partitions is not None):
            for child in children(key):
                if child in place and child not in waiting:
                    waiting.add(child)
                    heappush(queue, (place[child], child))
    return found


def _judge_among(key: str, grounds: Grounds, verdicts: Mapping[str, Verdict]) -> Verdict:
    if key in grounds.judges:
        return grounds.judges[key](grounds, verdicts)
    above = [parent for parent in grounds.parents.get(key, ()) if parent != key]
    stale = [parent for parent in above if is_stale(verdicts.get(parent))]
    made = grounds.made.get(key)
    seen = {parent: grounds.versions.get(parent) for parent in grounds.asked(made, above)}
    return judge(grounds.now.get(key), made, seen, stale)


def is_stale(verdict: Verdict | None) -> bool:
    """Whether a verdict says stale."""
    return verdict is not None and verdict.status == STALE
