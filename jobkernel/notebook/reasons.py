"""What makes an asset stale, in words: its own code, a helper, a constant, parameters, a package, something above it.

Called by the echo of a cell, by ``%why`` and by the details; shows nothing itself.
"""

from __future__ import annotations

import re
from typing import Any

from jobkernel.clock import from_us
from jobkernel.engine.session import Session
from jobkernel.notebook.partition_reasons import partition_parts, reasons_of_partition
from jobkernel.rules.fingerprint import CHOSEN, Change


def reasons_of(session: Session, key: str) -> list[dict[str, Any]]:
    """Return the parts of why an asset is stale: ``what``, ``name``, ``short``, ``text``, ``diff``; own code first."""
    if session.freshness.partitions(key) is not None:
        return partition_parts(session, key, lambda change: _changed(change, _texts(session, key)))
    verdict = session.freshness.verdicts()[key]
    return _changes(session, key) + [_moved(session, parent) for parent in verdict.upstream]


def stale_words(session: Session, key: str, most: int = 3) -> str:
    """Return in a few words why an asset is stale: ``code changed, upstream orders was made anew``."""
    words = list(dict.fromkeys(_echoed(reason) for reason in reasons_of(session, key)))
    if not words:
        return f"{session.freshness.verdicts()[key].cause} changed"
    return ", ".join(words[:most]) + (f" and {len(words) - most} more" if len(words) > most else "")


def _echoed(reason: dict[str, Any]) -> str:
    return "code changed" if reason["what"] == "code" else str(reason["short"])


def _changes(session: Session, key: str) -> list[dict[str, Any]]:
    texts = _texts(session, key)
    return [_changed(change, texts) for change in session.freshness.changes(key)]


def _texts(session: Session, key: str) -> list[str]:
    now = session.freshness.fingerprint(key)
    return [part.text for part in now.parts.values()] if now is not None else []


def reasons_of_one(session: Session, key: str, partition: str) -> dict[str, Any]:
    """Return ``status``, ``headline`` and ``parts`` of why a partition stands as it does.

    Raises:
        InvariantViolation: the asset has no partitions.
        UnknownName: no partition is called that.
    """
    return reasons_of_partition(session, key, partition, lambda change: _changed(change, _texts(session, key)))


def _changed(change: Change, texts: list[str]) -> dict[str, Any]:
    """Return the part of one change; ``texts`` is the code as it is now, which may still use what is gone."""
    if change.what == "missing":
        is_used = any(re.search(rf"\b{re.escape(change.name)}\b", text) for text in texts)
        short = f"{change.name} is not defined in this kernel yet" if is_used else f"no longer uses {change.name}"
    elif change.name == CHOSEN:
        short = f"made with other parameters: {', '.join((change.before or '').splitlines())}"
    else:
        short = {"code": "its code changed", "packages": f"package {change.name} changed"}.get(
            change.what, f"{change.what} {change.name} changed" if change.what != "config" else "its parameters changed"
        )
    diff = change.diff if change.name != CHOSEN else ()
    return {"what": change.what, "name": change.name, "short": short, "text": short, "diff": diff or None}


def _moved(session: Session, parent: str) -> dict[str, Any]:
    verdict = session.freshness.verdicts().get(parent)
    made = session.freshness.state_of(parent).made
    if verdict is not None and verdict.status == "stale":
        short = f"{parent} above it is stale{_cause(session, parent)}"
        text = f"{parent} above it is stale and will change"
    elif made is not None:
        short, text = f"upstream {parent} was made anew", f"{parent} was made anew at {when(made.made_at)}"
    else:
        short = text = f"upstream {parent} changed"
    return {"what": "upstream", "name": parent, "short": short, "text": text, "diff": None}


def _cause(session: Session, key: str) -> str:
    """Return in brackets what an asset is stale for, itself or by what is above it; nothing where that is unknown."""
    changes = _changes(session, key)
    if changes:
        return f" ({changes[0]['short'].removesuffix(' changed')})"
    verdicts = session.freshness.verdicts()
    above = verdicts[key].upstream
    stale = [parent for parent in above if parent in verdicts and verdicts[parent].status == "stale"]
    return _cause(session, stale[0]) if stale else f" ({above[0]} was made anew)" if above else ""


def when(at: int | None) -> str:
    """Return a time of the history as people here read it."""
    if at is None:
        return "an unknown time"
    return f"{from_us(at).astimezone():%Y-%m-%d %H:%M:%S}"
