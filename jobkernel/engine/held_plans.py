"""Plans for many runs, launched one after another: names that bodies use stay what they are when the plans are made.

Each run still gets copies of its own, as at any launch. Knows no notebook; called by ``backfills``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

from jobkernel.engine.run_needs import captured_bodies, captured_resources
from jobkernel.errors import UnknownName
from jobkernel.model.definitions import Op, Resource
from jobkernel.records import dataclass
from jobkernel.rules.asset_plan import plan_assets
from jobkernel.rules.backfills import WHOLE
from jobkernel.rules.plan import Plan

Assets = tuple[str, ...]
"""Which assets of a plan a run makes; ``WHOLE`` for all."""


@dataclass(frozen=True, slots=True)
class HeldPlans:
    """The plan of each group, and the ``captures`` that they are made of: what the names were."""

    plans: Mapping[Assets, Plan]
    captures: dict[Any, Any]

    def of(self, assets: Assets) -> Plan:
        """Return the plan of a group."""
        return self.plans[assets]

    def let_go(self) -> None:
        """Hold no names any more: runs that have ended are remembered a while, and their plans with them."""
        self.captures.clear()


def held_plans(whole: Plan, groups: Iterable[Assets], resources: Mapping[str, Any]) -> HeldPlans:
    """Return the plan of each group of a plan's assets, as all of it is defined now.

    Raises:
        UnknownName: none of a group's assets is in the plan.
    """
    memo: dict[Any, Any] = {}
    definitions = {**resources, **whole.resource_defs}
    captured_resources(definitions, memo)
    plans = {assets: _part(whole, assets) for assets in dict.fromkeys(groups)}
    for plan in plans.values():
        captured_bodies(plan, memo)
    kept = {key: _resource(each, memo) for key, each in definitions.items()}
    return HeldPlans({assets: _held(plan, kept, memo) for assets, plan in plans.items()}, memo)


def _part(whole: Plan, assets: Assets) -> Plan:
    if assets == WHOLE:
        return whole
    definitions = {id(step.assets): step.assets for step in whole.steps.values() if step.assets is not None}
    checks = {(check.asset_key, check.name) for check in whole.check_specs}
    known = [key for key in assets if key in whole.asset_keys]
    if not known:
        raise UnknownName(f"Nothing defines {', '.join(assets)} here any more; run the cells that define them.")
    return plan_assets(list(definitions.values()), known, job=whole.job, job_name=whole.job_name, checks=checks)


def _held(plan: Plan, resources: Mapping[str, Any], memo: Mapping[Any, Any]) -> Plan:
    steps = {key: replace(step, op=_op(step.op, memo)) for key, step in plan.steps.items()}
    return replace(plan, steps=steps, resource_defs=resources)


def _op(op: Op, memo: Mapping[Any, Any]) -> Op:
    if op.capture is None:
        return op
    taken = None if op.fingerprint is None else op.fingerprint({})
    fingerprint = None if taken is None else lambda _memo: taken
    return replace(op, capture=_again(op.capture, memo), fingerprint=fingerprint)


def _resource(each: Any, memo: Mapping[Any, Any]) -> Any:
    is_captured = isinstance(each, Resource) and each.capture is not None
    return replace(each, capture=_again(each.capture, memo)) if is_captured else each


def _again(capture: Callable[[dict[Any, Any]], Any], held: Mapping[Any, Any]) -> Callable[[dict[Any, Any]], Any]:
    def captured(memo: dict[Any, Any]) -> Any:
        for place, each in held.items():
            if place not in memo:
                memo[place] = each.again()
        return capture(memo)

    return captured
