"""Why an asset is fresh, stale, failed or was never made: a sentence and its parts, for ``%why`` and the details."""

from __future__ import annotations

import re
from typing import Any

from jobkernel.clock import from_us
from jobkernel.engine.session import Session
from jobkernel.errors import UnknownName, did_you_mean
from jobkernel.notebook.shown import Shown, mark, one_line
from jobkernel.notebook.views import failed_checks, why_view
from jobkernel.rules.fingerprint import Change


def why(session: Session, key: str) -> Shown:
    """Show why an asset stands as it does.

    Raises:
        UnknownName: no such asset is defined.
    """
    told = reasons(session, key)
    states = session.states
    checks = {(key, name): check for name in session.registry.checks_of(key) if (check := states.check(key, name))}
    failed = [{"text": f"{mark(word)} {sentence}"} for word, sentence in failed_checks(checks)]
    return why_view(told["headline"], told["status"], [*told["parts"], *failed])


def reasons(session: Session, key: str) -> dict[str, Any]:
    """Return ``status``, ``headline`` and ``parts`` (what, name, text, diff) of why an asset stands as it does.

    Raises:
        UnknownName: no such asset is defined.
    """
    if key not in session.registry.assets:
        raise UnknownName(f"No asset '{key}' is defined.{did_you_mean(key, session.registry.assets)}")
    state = session.states.of(key)
    verdict = session.freshness.verdicts()[key]
    if state.last_ending == "FAILURE":
        since = "" if state.made is None else f" Its last good value is of {_when(state.made.made_at)}."
        headline = f"{key} failed at {_when(state.last_at)}: {one_line(state.error or 'see its log')}.{since}"
        return {"status": "failed", "headline": headline, "parts": _parts(session, key)}
    if verdict.status == "never" or state.made is None:
        headline = f"{key} was never made."
        return {"status": "never", "headline": headline, "parts": _missing(session, key)}
    if verdict.status == "fresh":
        headline = f"{key} is fresh: made {_when(state.made.made_at)} from this code and these inputs."
        return {"status": "fresh", "headline": headline, "parts": []}
    parts = _parts(session, key)
    names = ", ".join(dict.fromkeys(part["short"] for part in parts)) or "something above it changed"
    headline = f"{key} is stale since it was made {_when(state.made.made_at)}: {names}."
    return {"status": "stale", "headline": headline, "parts": parts}


def _parts(session: Session, key: str) -> list[dict[str, Any]]:
    verdict = session.freshness.verdicts()[key]
    return _changes(session, key) + [_moved(session, parent) for parent in verdict.upstream]


def _changes(session: Session, key: str) -> list[dict[str, Any]]:
    now = session.freshness.fingerprint(key)
    texts = [part.text for part in now.parts.values()] if now is not None else []
    return [_changed(change, texts) for change in session.freshness.changes(key)]


def _changed(change: Change, texts: list[str]) -> dict[str, Any]:
    """Return the part of one change; ``texts`` is the code as it is now, which may still use what is gone."""
    if change.what == "missing":
        is_used = any(re.search(rf"\b{re.escape(change.name)}\b", text) for text in texts)
        short = f"{change.name} is not defined in this kernel yet" if is_used else f"no longer uses {change.name}"
    else:
        short = {"code": "its code changed", "packages": f"package {change.name} changed"}.get(
            change.what, f"{change.what} {change.name} changed"
        )
    return {"what": change.what, "name": change.name, "short": short, "text": short, "diff": change.diff or None}


def _moved(session: Session, parent: str) -> dict[str, Any]:
    verdict = session.freshness.verdicts().get(parent)
    made = session.states.made(parent)
    if verdict is not None and verdict.status == "stale":
        short = f"{parent} above it is stale{_cause(session, parent)}"
        text = f"{parent} above it is stale and will change"
    elif made is not None:
        short, text = f"{parent} was made anew", f"{parent} was made anew at {_when(made.made_at)}"
    else:
        short = text = f"{parent} changed"
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


def _missing(session: Session, key: str) -> list[dict[str, Any]]:
    parents = session.registry.graph.parents(key)
    absent = [parent for parent in parents if session.states.made(parent) is None]
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


def _when(at: int | None) -> str:
    if at is None:
        return "an unknown time"
    return f"{from_us(at).astimezone():%Y-%m-%d %H:%M:%S}"
