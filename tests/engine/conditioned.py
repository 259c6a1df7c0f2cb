"""Assets with conditions, for tests of sessions: ``report`` is made as soon as ``raw`` was."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import jobkernel as dg

EAGER = dg.AutomationCondition.eager()


@dg.asset
def raw() -> int:
    return 1


@dg.asset(deps=[raw], automation_condition=EAGER)
def report() -> int:
    return 2


def look(session: Any) -> None:
    """Move the clock until the sensor of conditions looks again."""
    session.clock.move(timedelta(seconds=30))
