"""The way of a kernel's runs to the slots of the project's pools, and what the queue is told of a run's pools."""

from __future__ import annotations

import contextlib
from collections import Counter
from typing import Any

from jobkernel.errors import JobkernelError
from jobkernel.rules.plan import Plan, PlannedStep
from jobkernel.storage.history import History


class Slots:
    """Asks the project server; where it cannot answer, nothing is limited and the step runs."""

    def __init__(self, history: History) -> None:
        self._history = history

    def claim(self, run_id: str, step: PlannedStep, pool: str) -> str | None:
        """Ask for a slot; return None where the step has one now, else what it waits for, and it is told later."""
        try:
            answer = self._history.request(
                "claim_slot", run_id=run_id, step_key=step.key, pool=pool, priority=step.priority
            )
        except JobkernelError:
            return None
        if answer["granted"]:
            return None
        return f"pool '{pool}' is full, {answer['held']} of {answer['limit']} slots are taken"

    def release(self, run_id: str, step: PlannedStep, pool: str) -> None:
        """Give a slot back."""
        with contextlib.suppress(JobkernelError):  # a server that is gone knows of no slots
            self._history.request("release_slot", run_id=run_id, step_key=step.key, pool=pool)


def pools_of(plan: Plan) -> dict[str, Any]:
    """Return the pools of a plan's steps, and how many of its first steps are in each, unless one needs none."""
    pools = sorted({step.op.pool for step in plan.steps.values() if step.op.pool is not None})
    steps = plan.steps
    first = [step.op.pool for step in steps.values() if not any(feed.step_key in steps for feed in step.sources)]
    roots = Counter(pool for pool in first if pool is not None) if None not in first else Counter()
    return {"pools": pools, "roots": dict(roots)} if pools else {}
