"""A plan made ready to run: names captured, config resolved, executors chosen. Runs made together may share one.

Knows no queue and no history. The launcher makes runs of it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import field, replace
from typing import Any

from jobkernel.engine.executors import Executors
from jobkernel.engine.remote_tasks import RemoteTasks
from jobkernel.engine.run_needs import IoOf, captured_bodies, captured_resources, needs_of
from jobkernel.executors.resources import config_fields, io_schemas, require_resources
from jobkernel.executors.runner import Runner
from jobkernel.executors.stored import StoredValues
from jobkernel.model.definitions import DEFAULT_IO, EMPTY
from jobkernel.model.run_tags import PARTITION_TAG, RANGE_START_TAG
from jobkernel.model.runs import Launch
from jobkernel.records import dataclass
from jobkernel.rules.executor_choice import ExecutorChoice, executor_of_run, executor_of_step
from jobkernel.rules.partition_run import NO_PARTITIONS, ChosenPartitions
from jobkernel.rules.plan import Plan, PlannedStep
from jobkernel.rules.plan_config import fed_from_config, run_config_of_plan
from jobkernel.rules.run_config import NO_CONFIG, ResolvedConfig

Fingerprint = Callable[[PlannedStep], Mapping[str, Any] | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadyPlan:
    """All that a run of a plan is made of but what is its own: id, tags, priority.

    ``here`` are the steps that run in this process, ``resources_here`` the resources that those need. One that
    ``is_for_many`` holds nothing that a run could change for another.
    """

    plan: Plan
    config: ResolvedConfig
    stored_config: Mapping[str, Any]
    chosen: ChosenPartitions
    choice: ExecutorChoice
    places: int
    runners: Mapping[str | None, Runner]
    definitions: Mapping[str, Any]
    io_of_asset: IoOf
    fingerprint: Fingerprint
    computes: Mapping[str, Callable[..., Any]]
    is_local: bool
    resources_here: frozenset[str]
    is_for_many: bool

    def again(self) -> ReadyPlan:
        """Return the same for one more run: what bodies use of the notebook is each run's own."""
        return replace(self, computes=captured_bodies(self.plan, {})) if self.computes else self


@dataclass(slots=True)
class ReadyPlans:
    """Plans that were made ready for runs made one right after another: nothing is defined anew between them."""

    _known: dict[tuple[int, str | None], tuple[Plan, ReadyPlan]] = field(default_factory=dict)

    def of(self, plan: Plan, choice: Launch, make: Callable[[], ReadyPlan]) -> ReadyPlan:
        """Return a plan made ready; as it was made ready before, where this launch chooses nothing else."""
        if choice.config or choice.partition_key is not None or _PARTITION_TAGS & choice.tags.keys():
            return make()
        place = id(plan), choice.executor
        if place in self._known:
            return self._known[place][1].again()
        ready = make()
        if ready.is_for_many:
            self._known[place] = plan, ready
        return ready


_PARTITION_TAGS = {PARTITION_TAG, RANGE_START_TAG}


def ready_plan(
    plan: Plan,
    *,
    config: Any,
    executor: str | None,
    resource_defs: Mapping[str, Any],
    values: StoredValues,
    executors: Executors,
    io_of_asset: IoOf = lambda _key: (DEFAULT_IO, EMPTY),
    fingerprint: Fingerprint = lambda _step: None,
    chosen: ChosenPartitions = NO_PARTITIONS,
) -> ReadyPlan:
    """Return a plan made ready. Names that cells use are captured now, on the calling thread.

    Raises:
        UnknownResource: nobody defines a resource that a step needs.
        InvalidConfig: run config does not fit.
    """
    memo: dict[Any, Any] = {}
    definitions = captured_resources({**resource_defs, **plan.resource_defs}, memo)
    needs = needs_of(plan, definitions, io_of_asset)
    require_resources(definitions, {key: f"'{step_key}'" for key, step_key in needs.items()})
    resolved = _config_of(plan, config, chosen, definitions, set(needs))
    choice = _executor_of(plan, executor, resolved, executors)
    plan = fed_from_config(plan, resolved)
    if not choice.retries:
        plan = plan.without_retries()
    tasks = RemoteTasks(definitions=definitions, config=resolved, io_of_asset=io_of_asset, values=values)
    runners = {
        name: executors.runner(executor_of_step(name, choice, executor), tasks.of)
        for name in {None, *(step.executor for step in plan.steps.values())}
    }
    here = {step.key for step in plan.steps.values() if runners[step.executor].is_local}
    is_local = len(here) == len(plan.steps)
    is_captured = any(definitions[key] is not given for key, given in {**resource_defs, **plan.resource_defs}.items())
    return ReadyPlan(
        plan=plan,
        config=resolved,
        stored_config=resolved.stored(),
        chosen=chosen,
        choice=choice,
        places=executors.places(choice),
        runners=runners,
        definitions=definitions,
        io_of_asset=io_of_asset,
        fingerprint=fingerprint,
        computes=captured_bodies(plan, memo),
        is_local=is_local,
        resources_here=frozenset(needs_of(plan, definitions, io_of_asset, only=here)),
        is_for_many=resolved is NO_CONFIG and is_local and not is_captured,
    )


def _config_of(
    plan: Plan, config: Any, chosen: ChosenPartitions, definitions: Mapping[str, Any], needed: set[str]
) -> ResolvedConfig:
    own = plan.job.config if plan.job else None
    resolved = run_config_of_plan(
        plan,
        config,
        own if chosen is NO_PARTITIONS else chosen.config,
        resources=lambda: config_fields(definitions),
        needed=lambda: needed,
        managers=io_schemas(definitions),
        environment=os.environ,
        executor=plan.job.executor if plan.job else None,
    )
    resolved.check_classes()
    return resolved


def _executor_of(plan: Plan, executor: str | None, resolved: ResolvedConfig, executors: Executors) -> ExecutorChoice:
    return executor_of_run(
        launch=executor,
        job=plan.job.executor if plan.job else None,
        execution=resolved.execution,
        max_concurrent=plan.job.max_concurrent if plan.job else None,
        default=executors.default,
    )
