"""Why partitions are stale, failed or missing, in words that stay few however many partitions there are.

Called by ``reasons`` and ``explain``; shows nothing itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

from jobkernel.clock import from_us
from jobkernel.engine.asset_state import Made
from jobkernel.engine.partition_freshness import PartitionStanding
from jobkernel.engine.partitions import as_of_now, partitions_of
from jobkernel.engine.session import Session
from jobkernel.errors import InvariantViolation
from jobkernel.model.partition_subset import ranges_of
from jobkernel.rules.fingerprint import Change
from jobkernel.rules.partition_multi import MultiPartitionsDefinition
from jobkernel.rules.partition_run import checked_key
from jobkernel.rules.partition_standing import FAILED, RUNNING
from jobkernel.rules.staleness import FRESH, NEVER, STALE, WAS_NEVER_MADE, Verdict

MOST: Final = 3
"""So many ranges, causes or partitions a sentence names."""
Words = Callable[[Change], dict[str, Any]]
"""Returns the part of one change of code, as ``reasons`` tells it."""


def partition_parts(session: Session, key: str, changed: Words) -> list[dict[str, Any]]:
    """Return the parts of why not all partitions of an asset are fresh: what failed, is stale, is missing."""
    standing = session.freshness.partitions(key)
    if standing is None:
        return []
    parts = []
    failed = _of_word(standing, FAILED)
    if failed:
        parts.append(_part("failed", key, f"{len(failed):,} failed", f"failed: {spans(standing, failed)}"))
    parts += _stale_parts(session, key, standing, changed)
    for word, what in ((NEVER, "missing"), (RUNNING, "in progress")):
        found = _of_word(standing, word)
        if found:
            parts.append(_part(what, key, f"{len(found):,} {what}", f"{what}: {spans(standing, found)}"))
    return parts


def parts_of_partition(session: Session, key: str, partition: str, changed: Words) -> list[dict[str, Any]]:
    """Return the parts of why one partition is stale: code that changed, partitions above that were made anew."""
    verdict = session.freshness.partition_verdict(key, partition)
    own = [changed(change) for change in session.freshness.changes(key, partition)] if verdict.changed else []
    return own + [_above(session, key, partition, parent) for parent in verdict.upstream]


def known_partition(session: Session, key: str, partition: str) -> str:
    """Return a partition that exists.

    Raises:
        InvariantViolation: the asset has no partitions.
        UnknownName: no partition is called that.
    """
    definition = partitions_of(session.registry, key)
    if definition is None:
        raise InvariantViolation(f"'{key}' has no partitions; leave out --partition.")
    with as_of_now(session):
        return str(checked_key(partition, definition))


def reasons_of_partition(session: Session, key: str, partition: str, changed: Words) -> dict[str, Any]:
    """Return ``status``, ``headline`` and ``parts`` of why a partition stands as it does."""
    partition = known_partition(session, key, partition)
    standing = session.freshness.partitions(key)
    word = standing.words.get(partition, NEVER) if standing is not None else NEVER
    state = session.states.partitions.of(key).get(partition)
    made = state.made if state is not None else None
    name = f"{key}, partition {partition},"
    parts = parts_of_partition(session, key, partition, changed)
    if word == RUNNING:
        return {"status": word, "headline": f"{name} is being made.", "parts": parts}
    if word == FAILED and state is not None:
        since = "" if made is None else f" Its last good value is of {_when(made.made_at)}."
        line = (state.error or "see its log").splitlines()[0]
        return {"status": word, "headline": f"{name} failed at {_when(state.last_at)}: {line}.{since}", "parts": parts}
    if made is None:
        return {"status": NEVER, "headline": f"{name} was never made.", "parts": _absent(session, key, partition)}
    if word == FRESH:
        return {"status": FRESH, "headline": fresh_words(name, made), "parts": []}
    names = ", ".join(dict.fromkeys(part["short"] for part in parts)) or "something above it changed"
    return {"status": STALE, "headline": f"{name} is stale since it was made {_when(made.made_at)}: {names}.",
            "parts": parts}  # fmt: skip


def spans(standing: PartitionStanding, partitions: Iterable[str]) -> str:
    """Return partitions as few ranges: ``2024-01-01..2024-01-05, 2024-01-09 and 12 more``."""
    names = [first if first == last else f"{first}..{last}" for first, last in _ranges(standing, set(partitions))]
    told = ", ".join(names[:MOST])
    return told + (f" and {len(names) - MOST:,} more" if len(names) > MOST else "")


def _ranges(standing: PartitionStanding, chosen: set[str]) -> list[tuple[str, str]]:
    """Return the ends of the ranges that partitions form; of two dimensions, they lie in one of them."""
    if isinstance(standing.definition, MultiPartitionsDefinition):
        return [(keys[0], keys[-1]) for keys in standing.definition.ranges_of(chosen, standing.keys)]
    return [(each.start, each.end) for each in ranges_of(standing.keys, chosen)]


def _of_word(standing: PartitionStanding, word: str) -> list[str]:
    return [key for key in standing.keys if standing.words.get(key, NEVER) == word]


def _stale_parts(session: Session, key: str, standing: PartitionStanding, changed: Words) -> list[dict[str, Any]]:
    """Return a part for each thing that makes partitions stale, and which they are."""
    causes: dict[tuple[Any, ...], list[str]] = {}
    verdicts = session.freshness.partition_verdicts(key)
    for partition in _of_word(standing, STALE):
        causes.setdefault(_cause(verdicts.get(partition, WAS_NEVER_MADE)), []).append(partition)
    found = []
    for partitions in list(causes.values())[:MOST]:
        for part in parts_of_partition(session, key, partitions[0], changed):
            short = f"{len(partitions):,} stale ({part['short']})"
            text = f"stale: {spans(standing, partitions)}; {part['text']}"
            found.append({**part, "short": short, "text": text})
    rest = sum(map(len, list(causes.values())[MOST:]))
    return found + ([_part(STALE, key, f"{rest:,} more stale", f"{rest:,} more are stale")] if rest else [])


def _cause(verdict: Verdict) -> tuple[Any, ...]:
    return verdict.changed, verdict.upstream


def _above(session: Session, key: str, partition: str, parent: str) -> dict[str, Any]:
    """Return the part of what stands above: of partitions, which of those needed are stale or were made since."""
    standing = session.freshness.partitions(parent)
    if standing is None:
        made = session.freshness.state_of(parent).made
        verdict = session.freshness.verdicts().get(parent)
        if verdict is not None and verdict.status == STALE:
            return _part("upstream", parent, f"{parent} above it is stale", f"{parent} above it is stale")
        at = f" at {_when(made.made_at)}" if made is not None else ""
        return _part("upstream", parent, f"upstream {parent} was made anew", f"{parent} was made anew{at}")
    needed = session.freshness.partitions_needed(key, partition, parent)
    stale = [each for each in needed if standing.words.get(each) == STALE]
    if stale:
        what = f"{parent} {spans(standing, stale)} above it is stale"
        return _part("upstream", parent, f"{parent} above it is stale", what)
    newer = _newer(session, key, partition, parent, list(needed))
    what = f"{parent} {spans(standing, newer)} was made anew" if newer else f"{parent} changed"
    return _part("upstream", parent, f"upstream {parent} was made anew", what)


def _newer(session: Session, key: str, partition: str, parent: str, needed: Sequence[str]) -> list[str]:
    own, above = session.states.partitions.of(key)[partition].made, session.states.partitions.of(parent)
    since = own.made_at if own is not None else 0
    states = ((each, above.get(each)) for each in needed)
    return [
        each for each, state in states if state is not None and state.made is not None and state.made.made_at > since
    ]


def _absent(session: Session, key: str, partition: str) -> list[dict[str, Any]]:
    """Return a part for each asset above of which something needed was never made."""
    found = []
    for parent in session.registry.graph.parents(key):
        standing = session.freshness.partitions(parent)
        if standing is None:
            continue
        made = session.states.partitions.of(parent)
        needed = session.freshness.partitions_needed(key, partition, parent)
        absent = [each for each in needed if each not in made or made[each].made is None]
        if absent:
            text = f"{parent} {spans(standing, absent)} above it was never made"
            found.append(_part("missing", parent, f"{parent} missing", text))
    return found


def _part(what: str, name: str, short: str, text: str) -> dict[str, Any]:
    return {"what": what, "name": name, "short": short, "text": text, "diff": None}


def fresh_words(name: str, made: Made) -> str:
    """Say why an asset, or a partition of it, is fresh."""
    if made.is_told:
        return f"{name} is fresh: made {_when(made.made_at)} from this code and these inputs."
    return f"{name} is fresh: reported as made {_when(made.made_at)}, and nothing above it was made since."


def _when(at: int | None) -> str:
    return "an unknown time" if at is None else f"{from_us(at).astimezone():%Y-%m-%d %H:%M:%S}"
