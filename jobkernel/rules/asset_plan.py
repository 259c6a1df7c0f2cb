"""Which steps make a selection of assets and evaluate their checks. Pure; called by the engine and the api floor."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from jobkernel.errors import InvalidSubset
from jobkernel.model.definitions import Assets, Graph, Job, Op
from jobkernel.rules.graph_plan import flatten
from jobkernel.rules.mapped_steps import spread_mapping
from jobkernel.rules.plan import (
    Feed,
    FromAsset,
    FromStep,
    Plan,
    PlannedInput,
    PlannedStep,
    in_order,
    planned_input,
    step_priority,
)

ASSET_JOB = "__ASSET_JOB"
"""Dagster's name for the job of a run whose assets were chosen by hand; the history keeps it."""
TITLE_NAMES = 2
"""So many assets are named in the title of a run without a job."""
Check = tuple[str, str]
"""A check's name: the key of its asset, and its own name."""


def plan_assets(
    definitions: Sequence[Assets],
    keys: Iterable[str],
    *,
    job: Job | None = None,
    job_name: str = ASSET_JOB,
    checks: Iterable[Check] | None = None,
) -> Plan:
    """Return the plan that makes the assets ``keys`` out of what is defined.

    ``checks`` are those to evaluate, None for every check of the selected assets.

    Raises:
        InvalidSubset: only a part of assets that are made together is selected.
        CircularDependency: assets depend on each other.
    """
    selected = set(keys)
    wanted = None if checks is None else set(checks)
    chosen = [_Chosen(assets, selected, wanted) for assets in definitions if assets.node is not None]
    chosen = [each for each in chosen if each.outputs]
    makers: dict[str, FromStep] = {}
    expanded = [each.expand(makers, job) for each in chosen]
    blocking = _blocking_checks(expanded)
    steps = [_wired(step, makers, blocking) for group in expanded for step in group]
    return Plan(
        job_name=job.name if job else job_name,
        steps=in_order(spread_mapping(steps)),
        job=job,
        resource_defs=_resources(chosen, job),
    )


def run_title(job_name: str, keys: Sequence[str]) -> str:
    """Return what a run is called on screen: its job, or the assets that somebody chose without one."""
    if job_name != ASSET_JOB or not keys:
        return job_name
    names = list(keys if len(keys) <= TITLE_NAMES else keys[-1:])
    rest = len(keys) - len(names)
    return ", ".join(names) + (f" and {rest:,} more" if rest else "")


def shown_key(plan: Plan, step_key: str) -> str:
    """Return what people call a step: the assets it makes, the check it evaluates, else its own key."""
    step = plan.steps.get(step_key)
    if step is None:
        return step_key
    if step.is_check:
        return ", ".join(f"check {check.name} of {check.asset_key}" for check in step.checks.values())
    return ", ".join(step.asset_keys.values()) or step_key


def steps_of(plan: Plan) -> dict[str, Any]:
    """Return what the history keeps of a plan's steps: their keys, the assets, and what those check that make none."""
    checks = _checks_of(plan)
    return {"steps": list(plan.steps), "assets": plan.asset_keys, **({"checks": checks} if checks else {})}


def _checks_of(plan: Plan) -> dict[str, str]:
    """Return what those steps that make no asset check, by step key."""
    return {
        key: ", ".join(f"{check.asset_key}:{check.name}" for check in step.checks.values())
        for key, step in plan.steps.items()
        if step.is_check
    }


def keys_of_names(plan: Plan) -> dict[str, str]:
    """Return the step keys of a plan by what people call the steps: by their assets, by ``asset:check``."""
    of_assets = {key: step.key for step in plan.steps.values() for key in step.asset_keys.values()}
    return of_assets | {name: key for key, name in _checks_of(plan).items()}


class _Chosen:
    """The part of one definition that is in the plan."""

    __slots__ = ("assets", "checks", "outputs")

    def __init__(self, assets: Assets, selected: set[str], wanted: set[Check] | None) -> None:
        self.assets = assets
        made = {output for output, key in assets.keys_by_output.items() if key in selected}
        self.checks = {
            output: check
            for output, check in assets.checks_by_output.items()
            if ((check.asset_key, check.name) in wanted if wanted is not None else check.asset_key in selected)
        }
        self.outputs = made | set(self.checks)
        if made and not assets.can_subset and len(made) < len(assets.keys_by_output):
            self._refuse(selected)

    def _refuse(self, selected: set[str]) -> None:
        all_keys = set(self.assets.keys_by_output.values())
        missing = ", ".join(sorted(all_keys - selected))
        present = ", ".join(sorted(all_keys & selected))
        raise InvalidSubset(
            f"'{present}' is made together with '{missing}'; select all of them, or define it with can_subset=True."
        )

    def expand(self, makers: dict[str, FromStep], job: Job | None) -> list[PlannedStep]:
        node = self.assets.node
        if isinstance(node, Graph):
            return self._expand_graph(node, makers, job)
        assert isinstance(node, Op)
        return [self._expand_op(node, makers, job)]

    def _expand_op(self, op: Op, makers: dict[str, FromStep], job: Job | None) -> PlannedStep:
        assets = self.assets
        key = op.name
        asset_keys = {o: k for o, k in assets.keys_by_output.items() if o in self.outputs}
        for output, asset_key in asset_keys.items():
            makers[asset_key] = FromStep(key, output)
        inputs = tuple(
            PlannedInput(item, (FromAsset(assets.keys_by_input[item.name]),))
            if item.name in assets.keys_by_input
            else planned_input(item, (), is_fan_in=False)
            for item in op.inputs
        )
        return PlannedStep(
            key=key,
            op=op,
            path=(op.name,),
            inputs=inputs,
            asset_keys=asset_keys,
            input_keys=assets.keys_by_input,
            checks=self.checks,
            selected_outputs=frozenset(self.outputs) if assets.can_subset else None,
            tags=op.tags,
            retry=op.retry or (job.op_retry if job else None),
            timeout=op.timeout,
            hooks=(job.hooks if job else ()) + assets.hooks,
            executor=op.executor,
            priority=step_priority(op.tags),
            assets=assets,
        )

    def _expand_graph(self, graph: Graph, makers: dict[str, FromStep], job: Job | None) -> list[PlannedStep]:
        outer: dict[str, tuple[Feed, ...]] = {
            name: (FromAsset(key),) for name, key in self.assets.keys_by_input.items()
        }
        hooks = (job.hooks if job else ()) + self.assets.hooks
        steps, ends = flatten(graph, (graph.name,), outer, hooks=hooks, retry=job.op_retry if job else None)
        made: dict[str, dict[str, str]] = {}
        for output, key in self.assets.keys_by_output.items():
            makers[key] = ends[output]
            made.setdefault(ends[output].step_key, {})[ends[output].output] = key
        return [replace(step, asset_keys=made.get(step.key, {}), assets=self.assets) for step in steps]


def _blocking_checks(expanded: Iterable[list[PlannedStep]]) -> dict[str, list[FromStep]]:
    """Return, for each asset, the check steps that everything downstream of it waits for."""
    blocking: dict[str, list[FromStep]] = {}
    for group in expanded:
        for step in group:
            for output, check in step.checks.items():
                if check.is_blocking and step.is_check:
                    blocking.setdefault(check.asset_key, []).append(FromStep(step.key, output))
    return blocking


def _wired(step: PlannedStep, makers: Mapping[str, FromStep], blocking: Mapping[str, list[FromStep]]) -> PlannedStep:
    """Return the step fed by the steps of this plan wherever they make what it needs."""
    fed = tuple(_fed(planned, step, makers) for planned in step.inputs)
    after = dict.fromkeys(_order_only(step, makers))
    for key in _upstream_keys(step):
        after.update(dict.fromkeys(source for source in blocking.get(key, ()) if source.step_key != step.key))
    data = {feed for planned in fed for feed in planned.feeds if isinstance(feed, FromStep)}
    return replace(step, inputs=fed, after=tuple(source for source in after if source not in data))


def _fed(planned: PlannedInput, step: PlannedStep, makers: Mapping[str, FromStep]) -> PlannedInput:
    feeds = tuple(
        makers[feed.key] if isinstance(feed, FromAsset) and _made_elsewhere(makers.get(feed.key), step) else feed
        for feed in planned.feeds
    )
    return replace(planned, feeds=feeds)


def _made_elsewhere(maker: FromStep | None, step: PlannedStep) -> bool:
    return maker is not None and maker.step_key != step.key


def _upstream_keys(step: PlannedStep) -> list[str]:
    if step.assets is None or step.is_check:
        return []
    return [key for spec in step.assets.specs if spec.key in step.asset_keys.values() for key in spec.deps]


def _order_only(step: PlannedStep, makers: Mapping[str, FromStep]) -> Iterable[FromStep]:
    if step.assets is None:
        return
    for key in _upstream_keys(step):
        maker = makers.get(key)
        if maker is not None and maker.step_key != step.key:
            yield maker
    for check in step.checks.values():
        for key in (check.asset_key, *check.additional_deps):
            maker = makers.get(key)
            if maker is not None and maker.step_key != step.key:
                yield maker


def _resources(chosen: Iterable[_Chosen], job: Job | None) -> dict[str, object]:
    resources: dict[str, object] = {}
    for each in chosen:
        resources.update(each.assets.resource_defs)
    resources.update(job.resource_defs if job else {})
    return resources
