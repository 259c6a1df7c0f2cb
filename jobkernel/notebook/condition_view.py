"""Conditions as screens show them: what the last look at an asset's condition found, and why it is not made.

Reads what the history keeps of looks; decides nothing. Called by details of assets and of the sensors that look.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from jobkernel.engine.session import Session
from jobkernel.model.automation import Automation, AutomationKind, Sensor
from jobkernel.notebook.statuses import millis

LISTED: Final = 50
"""So many conditions the details of a sensor tell of."""


def condition_of(session: Session, key: str) -> dict[str, Any] | None:
    """Return the protocol's ``ConditionShown`` of an asset, or of a check (``a:check``); None where it has none."""
    condition = session.conditions.condition_of(key)
    if condition is None:
        return None
    told = session.conditions.latest_evaluation(key) or _NOTHING
    looker = told["automation_name"] or session.conditions.looker_at(key)
    watched = session.automations.watched.get(looker) if looker is not None else None
    return {
        "key": key,
        "condition": str(condition),
        "why": told["why"],
        "requested": told["requested"] or 0,
        "at": millis(told["evaluated_at"]),
        "tree": told["tree"],
        "run_ids": list(told["run_ids"] or ()),
        "automation": looker,
        "on": watched is not None and watched.is_on,
    }


def conditions_of(session: Session, automation: Automation) -> dict[str, Any]:
    """Return ``conditions``, what a sensor of conditions looks at, at most so many, and ``more_conditions`` beyond."""
    if not isinstance(automation, Sensor) or automation.kind is not AutomationKind.AUTOMATION:
        return {"conditions": [], "more_conditions": 0}
    keys = session.conditions.looked_at_by(automation)
    found = [condition_of(session, key) for key in keys[:LISTED]]
    return {"conditions": [each for each in found if each is not None], "more_conditions": len(keys[LISTED:])}


_NOTHING: Final[Mapping[str, Any]] = dict.fromkeys(
    ("why", "requested", "evaluated_at", "tree", "run_ids", "automation_name")
)
