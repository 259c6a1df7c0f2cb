"""An asset's partitions as screens show them: the bar of a card, the list of the details, a line of the picture.

Words and bounds only; how partitions stand the session's freshness tells. Called by statuses, details and requests.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from jobkernel.engine.partition_freshness import PartitionStanding
from jobkernel.engine.session import Session
from jobkernel.rules.partition_standing import bar_of, counts_words
from jobkernel.rules.staleness import NEVER

LISTED: Final = 200
"""So many partitions a list tells of at most."""
LETTERS: Final = {"fresh": "f", "stale": "s", "failed": "x", "running": "r", NEVER: "-"}
"""How a cell of a bar travels."""


def partition_status(session: Session, key: str) -> dict[str, Any]:
    """Return the protocol's ``partitions`` of a status; nothing for an asset that has none."""
    standing = session.freshness.partitions(key)
    return {} if standing is None else {"partitions": bar_status(standing)}


def bar_status(standing: PartitionStanding) -> dict[str, Any]:
    """Return the protocol's ``PartitionBar``: the counts, and a letter for each cell, in order."""
    counts = standing.counts
    cells = bar_of(standing.keys, standing.words)
    return {
        "of": counts.of, "made": counts.made, "missing": counts.missing, "failed": counts.failed,
        "stale": counts.stale, "running": counts.running, "text": counts_words(counts),
        "cells": "".join(LETTERS[cell.word] for cell in cells),
    }  # fmt: skip


def partition_list(session: Session, key: str, text: str = "", word: str | None = None) -> dict[str, Any]:
    """Return the protocol's ``PartitionList``: newest first, those whose key holds ``text`` and that stand so.

    ``rows`` are at most :data:`LISTED`, ``found`` says how many there are.
    """
    standing = session.freshness.partitions(key)
    if standing is None:
        return {"rows": [], "found": 0}
    wanted = text.strip().lower()
    found = [
        part
        for part in reversed(standing.keys)
        if wanted in part.lower() and (word is None or standing.words.get(part, NEVER) == word)
    ]
    states = session.states.partitions.of(key)
    return {"rows": [_row(part, standing.words, states.get(part)) for part in found[:LISTED]], "found": len(found)}


def _row(part: str, words: Mapping[str, str], state: Any) -> dict[str, Any]:
    made = state.made if state is not None else None
    return {
        "key": part,
        "status": words.get(part, NEVER),
        "at": None if made is None else made.made_at / 1000,
        "run_id": state.last_run_id if state is not None else None,
        "error": state.error if state is not None and state.last_ending == "FAILURE" else None,
    }
