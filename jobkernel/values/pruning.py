"""Which files of the value store may go: outputs of old runs, assets nobody defines, leftovers of killed writes.

Decides from a listing and the time it is given; deletes through :class:`Files`. Called by the store.
"""

from __future__ import annotations

import json
import math
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable
from typing import Any, Final, NamedTuple

from jobkernel.values.addresses import AssetAddress, safe_name
from jobkernel.values.files import Entry, Files

LEFTOVER_AFTER: Final = 3600.0
"""Seconds after which a file that no record names is a leftover, and not a write in progress."""


class Pruned(NamedTuple):
    """How many files went (or would go), and their bytes."""

    files: int
    bytes: int


class Keep(NamedTuple):
    """What must stay. ``runs`` None keeps every run, ``asset`` None every asset; ``active`` runs stay always.

    A run that is not among ``runs`` goes only if nothing of it was written since ``settled_before``, in seconds.
    """

    runs: Collection[str] | None = None
    asset: Callable[[AssetAddress], bool] | None = None
    active: Collection[str] = ()
    limit: int | None = None
    settled_before: float = math.inf


def files_to_prune(files: Files, keep: Keep, now: float) -> list[Entry]:
    """Return the files that may go, oldest runs first where ``keep.limit`` bytes are exceeded."""
    entries = list(files.entries())
    runs = _by_run(entries)
    gone = [entry for name in _old_runs(runs, keep) for entry in runs.pop(name)]
    gone += _old_assets(files, entries, keep, now)
    if keep.limit is not None:
        gone_paths = {entry.path for entry in gone}
        left = sum(entry.size for entry in entries if entry.path not in gone_paths)
        gone += _over_limit(runs, left - keep.limit, keep)
    return gone


def _by_run(entries: Iterable[Entry]) -> dict[str, list[Entry]]:
    runs: dict[str, list[Entry]] = defaultdict(list)
    for entry in entries:
        top, _, rest = entry.path.partition("/")
        if top == "runs":
            runs[rest.partition("/")[0]].append(entry)
    return runs


def _old_runs(runs: dict[str, list[Entry]], keep: Keep) -> list[str]:
    if keep.runs is None:
        return []
    stay = {safe_name(run_id) for run_id in (*keep.runs, *keep.active)}
    return [
        name
        for name, entries in runs.items()
        if name not in stay and max(entry.modified for entry in entries) < keep.settled_before
    ]


def _old_assets(files: Files, entries: list[Entry], keep: Keep, now: float) -> list[Entry]:
    assets = [entry for entry in entries if entry.path.startswith("assets/")]
    named: set[str] = set()
    gone = []
    for entry in assets:
        if not entry.path.endswith(".record"):
            continue
        record = _read(files, entry.path)
        if record is None:
            continue
        file = f"{entry.path.rpartition('/')[0]}/{record.get('file')}"
        named.add(file)
        if keep.asset is not None and not keep.asset(AssetAddress(*record["address"])):
            gone += [entry, *(each for each in assets if each.path == file)]
    loose = [entry for entry in assets if not entry.path.endswith(".record") and entry.path not in named]
    return gone + [entry for entry in loose if now - entry.modified > LEFTOVER_AFTER]


def _over_limit(runs: dict[str, list[Entry]], excess: int, keep: Keep) -> list[Entry]:
    active = {safe_name(run_id) for run_id in keep.active}
    candidates = [name for name in runs if name not in active]
    gone: list[Entry] = []
    for name in sorted(candidates, key=lambda each: max(entry.modified for entry in runs[each])):
        if excess <= 0:
            break
        gone += runs[name]
        excess -= sum(entry.size for entry in runs[name])
    return gone


def _read(files: Files, path: str) -> dict[str, Any] | None:
    try:
        record: dict[str, Any] = json.loads(files.read(path))
    except (FileNotFoundError, ValueError):
        return None
    return record
