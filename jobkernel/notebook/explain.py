"""Why an asset is fresh, stale, failed or was never made: a sentence and its parts, for ``%why`` and the details."""

from __future__ import annotations

from typing import Any, Final

from jobkernel.engine.session import Session
from jobkernel.errors import UnknownName, did_you_mean
from jobkernel.notebook.condition_words import condition_parts
from jobkernel.notebook.partition_reasons import fresh_words
from jobkernel.notebook.reasons import reasons_of, reasons_of_one, when
from jobkernel.notebook.shown import Shown, mark, one_line
from jobkernel.notebook.views import failed_checks, why_view
from jobkernel.rules.staleness import PARTLY, Verdict

MOST_NAMES: Final = 5
"""So many variables are named in a sentence."""


def why(session: Session, key: str, partition: str | None = None) -> Shown:
    """Show why an asset, or one of its partitions, stands as it does.

    Raises:
        UnknownName: no such asset is defined, or it has no partition of that key.
        InvariantViolation: it has no partitions.
    """
    told = reasons(session, key)
    if partition is not None:
        told = reasons_of_one(session, key, partition)
        return why_view(told["headline"], told["status"], [*told["parts"], *_not_tracked(session, key)])
    states = session.states
    checks = {(key, name): check for name in session.registry.checks_of(key) if (check := states.check(key, name))}
    failed = [{"text": f"{mark(word)} {sentence}"} for word, sentence in failed_checks(checks)]
    parts = [*told["parts"], *failed, *condition_parts(session, key), *_not_tracked(session, key)]
    return why_view(told["headline"], told["status"], parts)


def _not_tracked(session: Session, key: str) -> list[dict[str, Any]]:
    """Say which variables of the notebook an asset uses that may change and make nothing stale."""
    now = session.freshness.fingerprint(key)
    names = [f"{name} ({kind})" for name, kind in now.not_followed().items()] if now is not None else []
    if not names:
        return []
    told = ", ".join(names[:MOST_NAMES]) + (f" and {len(names) - MOST_NAMES} more" if names[MOST_NAMES:] else "")
    return [{"text": f"Not tracked: what is in {told}; changed data of the notebook makes nothing stale."}]


def reasons(session: Session, key: str) -> dict[str, Any]:
    """Return ``status``, ``headline`` and ``parts`` (what, name, text, diff) of why an asset stands as it does.

    Raises:
        UnknownName: no such asset is defined.
    """
    if key not in session.registry.assets:
        raise UnknownName(f"No asset '{key}' is defined.{did_you_mean(key, session.registry.assets)}")
    state = session.freshness.state_of(key)
    verdict = session.freshness.verdicts()[key]
    if verdict.partitions is not None:
        return _of_partitions(session, key, verdict)
    if state.last_ending == "FAILURE":
        since = "" if state.made is None else f" Its last good value is of {when(state.made.made_at)}."
        headline = f"{key} failed at {when(state.last_at)}: {one_line(state.error or 'see its log')}.{since}"
        return {"status": "failed", "headline": headline, "parts": reasons_of(session, key)}
    if verdict.status == "never" or state.made is None:
        headline = f"{key} was never made."
        return {"status": "never", "headline": headline, "parts": _missing(session, key)}
    if verdict.status == "fresh":
        return {"status": "fresh", "headline": fresh_words(key, state.made), "parts": []}
    parts = reasons_of(session, key)
    names = ", ".join(dict.fromkeys(part["short"] for part in parts)) or "something above it changed"
    headline = f"{key} is stale since it was made {when(state.made.made_at)}: {names}."
    return {"status": "stale", "headline": headline, "parts": parts}


def _of_partitions(session: Session, key: str, verdict: Verdict) -> dict[str, Any]:
    """Return why an asset with partitions stands so: how many are made, what is the matter with the rest."""
    status = session.freshness.status_words().get(key, verdict.status)
    since = session.freshness.state_of(key)
    last = f" Its last attempt failed at {when(since.last_at)}: {one_line(since.error or 'see its log').rstrip('.')}."
    headline = (
        f"{key} is {status}: {verdict.partitions}." if status in ("fresh", "stale") else f"{key}: {verdict.partitions}."
    )
    headline += last if status == "failed" else ""
    return {"status": "stale" if status == PARTLY else status, "headline": headline, "parts": reasons_of(session, key)}


def _missing(session: Session, key: str) -> list[dict[str, Any]]:
    parents = session.registry.graph.parents(key)
    absent = [parent for parent in parents if session.freshness.state_of(parent).made is None]
    return [
        {
            "what": "missing",
            "name": parent,
            "short": f"{parent} missing",
            "text": f"{parent} above it was never made",
            "diff": None,
        }
        for parent in absent
    ]
