"""Slots of the project's pools: the way of a kernel's runs to them, those of one run, what the queue is told."""

from __future__ import annotations

import contextlib
from collections import Counter
from typing import Any, Protocol

from jobkernel.errors import JobkernelError
from jobkernel.rules.plan import Plan, PlannedStep
from jobkernel.storage.history import History


class SlotDoor(Protocol):
    """The way to the slots of the project's pools."""

    def claim(self, run_id: str, step: PlannedStep, pool: str) -> str | None:
        """Ask for a slot; return None where the step has one now, else what it waits for, and it is told later."""
        ...

    def release(self, run_id: str, step: PlannedStep, pool: str) -> None:
        """Give a slot back."""
        ...


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


class PoolSlots:
    """The slots of one run's steps: who wants one, who has one. Guarded by the run's lock, but for asking the door."""

    def __init__(self, door: SlotDoor | None, run_id: str) -> None:
        self._door = door
        self._run_id = run_id
        self._wanted: dict[str, PlannedStep] = {}
        self._held: set[str] = set()

    def is_wanting(self, step: PlannedStep) -> bool:
        """Whether a step has to ask for a slot before it starts; it counts as asking from now on."""
        if step.op.pool is None or self._door is None or step.key in self._held:
            return False
        self._wanted[step.key] = step
        return True

    def is_awaited(self, step_key: str) -> bool:
        """Whether a step asks for a slot and has none yet."""
        return step_key in self._wanted

    def is_known(self, step_key: str) -> bool:
        """Whether a step asks for a slot, or has one."""
        return step_key in self._wanted or step_key in self._held

    def granted(self, step_key: str) -> PlannedStep | None:
        """Note that a step has a slot; return the step, None where it does not want one any more."""
        step = self._wanted.pop(step_key, None)
        if step is not None:
            self._held.add(step_key)
        return step

    def has_ended(self, step_key: str) -> bool:
        """Note that an attempt is over; return whether it held a slot, which is then to be given back."""
        had = step_key in self._held
        self._held.discard(step_key)
        return had

    def give_up(self) -> list[PlannedStep]:
        """Want no slots any more; return the steps that wanted one, whose claims are to be given back."""
        wanted, self._wanted = list(self._wanted.values()), {}
        return wanted

    def claim(self, step: PlannedStep) -> str | None:
        """Ask for a slot, which may take a moment; return what the step waits for, None where it has one now."""
        assert self._door is not None
        assert step.op.pool is not None
        return self._door.claim(self._run_id, step, step.op.pool)

    def give_back(self, step: PlannedStep) -> None:
        """Give a slot back, or stop asking for one."""
        assert self._door is not None
        assert step.op.pool is not None
        self._door.release(self._run_id, step, step.op.pool)


def pools_of(plan: Plan) -> dict[str, Any]:
    """Return the pools of a plan's steps, and how many of its first steps are in each, unless one needs none."""
    pools = sorted({step.op.pool for step in plan.steps.values() if step.op.pool is not None})
    steps = plan.steps
    first = [step.op.pool for step in steps.values() if not any(feed.step_key in steps for feed in step.sources)]
    roots = Counter(pool for pool in first if pool is not None) if None not in first else Counter()
    return {"pools": pools, "roots": dict(roots)} if pools else {}
