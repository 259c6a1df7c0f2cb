"""Run jobs in this process, at once: ``execute_in_process`` and what stands behind it.

Plans, resolves config, hands the plan to the engine, and wraps what came of it. Nothing is left behind but what an
instance remembers.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any
from uuid import uuid4

from jobkernel.api.instance import DagsterInstance
from jobkernel.api.result import ExecuteInProcessResult
from jobkernel.engine.in_process import InProcessRun, execute_plan_in_process, needed_resources
from jobkernel.errors import InvalidDefinition, InvalidSubset, did_you_mean
from jobkernel.executors.resources import config_fields, io_schemas
from jobkernel.model.dagster_run import DagsterRun
from jobkernel.model.definitions import DEFAULT_IO, EMPTY, Input, Op
from jobkernel.model.keys import AssetKey
from jobkernel.model.kinds import DICT, LIST, TEXT, expect, expect_named
from jobkernel.model.partition_loading import partition_loading_context
from jobkernel.model.run_tags import REASON_TAG
from jobkernel.model.runs import RunStatus
from jobkernel.records import dataclass
from jobkernel.rules.asset_plan import plan_assets
from jobkernel.rules.graph import Graph as Dependencies
from jobkernel.rules.graph_plan import plan_graph
from jobkernel.rules.op_selection import select_ops
from jobkernel.rules.partition_run import NO_PARTITIONS, ChosenPartitions, RunPartitions, choose_partitions
from jobkernel.rules.plan import FromAsset, FromStep, Plan, PlannedInput, PlannedStep, planned_input
from jobkernel.rules.plan_config import fed_from_config, run_config_of_plan
from jobkernel.rules.run_config import ResolvedConfig


def execute_in_process(
    job: Any,
    *,
    run_config: Any = None,
    instance: DagsterInstance | None = None,
    partition_key: str | None = None,
    raise_on_error: bool = True,
    op_selection: Sequence[str] | None = None,
    asset_selection: Sequence[Any] | None = None,
    run_id: str | None = None,
    input_values: Mapping[str, Any] | None = None,
    tags: Mapping[str, str] | None = None,
    resources: Mapping[str, Any] | None = None,
) -> ExecuteInProcessResult:
    """Run a job to its end in this process and return what came of it.

    Raises:
        InvalidConfig: run config does not fit; nothing has run then.
        InvalidSubset: a selection names what the job does not hold.
        Whatever a step raised, unless ``raise_on_error`` is false.
    """
    expect("execute_in_process", TEXT, run_id=run_id)
    expect("execute_in_process", LIST, op_selection=op_selection)
    expect("execute_in_process", DICT, input_values=input_values, tags=tags, resources=resources)
    expect_named("execute_in_process", ("DagsterInstance",), instance=instance)
    bound = replace_resources(job, resources)
    plan = plan_of_job(bound, op_selection, asset_selection, {**job.input_values, **(input_values or {})})
    given_tags = {**bound.tags_of_runs, **(tags or {})}
    chosen = _chosen(plan, bound, partition_key, given_tags, run_config, instance)
    request = _Request(
        plan=plan,
        job=bound,
        run_config=run_config,
        instance=instance,
        chosen=chosen,
        run_id=run_id or str(uuid4()),
        tags={**given_tags, **chosen.tags},
        op_selection=tuple(op_selection) if op_selection else None,
    )
    return request.run(raise_on_error=raise_on_error)


def replace_resources(job: Any, resources: Mapping[str, Any] | None) -> Any:
    """Return the job with resources put in place of its own, by key."""
    if not resources:
        return job
    changed = getattr(job, "changed", None)
    merged = {**job.resource_defs, **resources}
    return changed(resource_defs=merged) if changed is not None else replace(job, resource_defs=merged)


def _chosen(
    plan: Plan, job: Any, key: str | None, tags: Mapping[str, str], run_config: Any, instance: DagsterInstance | None
) -> ChosenPartitions:
    definitions = getattr(job, "definitions", None)
    specs = [spec for record in definitions.records for spec in record.specs] if definitions is not None else []
    known = {spec.key: spec.partitions for spec in specs if spec.partitions is not None}
    with partition_loading_context(dynamic_partitions_store=instance):
        return choose_partitions(plan, key=key, tags=tags, given_config=run_config, partitions_of=known.get)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Request:
    """One run, decided: what runs, with what."""

    plan: Plan
    job: Any
    run_config: Any
    instance: DagsterInstance | None
    chosen: ChosenPartitions
    run_id: str
    tags: Mapping[str, str]
    op_selection: tuple[str, ...] | None = None

    def run(self, *, raise_on_error: bool) -> ExecuteInProcessResult:
        plan, config = configured_plan(self.plan, self.run_config, chosen=self.chosen)
        tags = dict(self.tags)
        assets = self.instance.asset_values if self.instance is not None else {}
        run = execute_plan_in_process(
            plan,
            config=config,
            tags=tags,
            stored_config=config.stored(),
            run_id=self.run_id,
            chosen=self.chosen,
            assets=assets,
            io_of_asset=io_of_asset(self.job),
        )
        result = ExecuteInProcessResult(run, self._record(run, tags, config), self.job)
        if self.instance is not None:
            self.instance.remember(result.dagster_run, result.all_events)
        if raise_on_error and not run.success:
            raise run.error if run.error is not None else KeyboardInterrupt
        return result

    def _record(self, run: InProcessRun, tags: dict[str, str], config: ResolvedConfig) -> DagsterRun:
        if run.status is RunStatus.FAILURE:
            tags[REASON_TAG] = "STEP_FAILURE" if run.failed_step is not None else "RUN_EXCEPTION"
        keys = [AssetKey.from_escaped_user_string(key) for key in self.plan.asset_keys]
        return DagsterRun(
            run_id=run.run_id,
            job_name=self.plan.job_name,
            run_config=config.stored(),
            tags=tags,
            status=run.status,
            asset_selection=frozenset(keys) if keys else None,
            op_selection=self.op_selection,
        )


def configured_plan(
    plan: Plan, run_config: Any, executor: Any = None, chosen: ChosenPartitions | None = None
) -> tuple[Plan, ResolvedConfig]:
    """Return the plan with the inputs that run config gives, and the config itself.

    ``execution`` may hold the options of ``executor``; without one, those of any, for a run in this process uses none.

    Raises:
        InvalidConfig: listing everything that does not fit.
    """
    config = run_config_of_plan(
        plan,
        run_config,
        chosen.config if chosen is not None else plan.job.config if plan.job is not None else None,
        resources=lambda: config_fields(plan.resource_defs),
        needed=lambda: needed_resources(plan.steps.values()),
        managers=io_schemas(plan.resource_defs),
        environment=os.environ,
        executor=executor,
    )
    return fed_from_config(plan, config), config


def plan_of_job(
    job: Any,
    op_selection: Sequence[str] | None = None,
    asset_selection: Sequence[Any] | None = None,
    input_values: Mapping[str, Any] | None = None,
) -> Plan:
    """Return the plan of a job, or of the part of it that is selected.

    Raises:
        InvalidSubset: a selection names what the job does not hold.
    """
    definitions = getattr(job, "definitions", None)
    if definitions is None:
        if asset_selection is not None:
            raise InvalidSubset(f"Job '{job.name}' is made of ops; select with op_selection.")
        _check_input_values(job, input_values or {})
        plan = plan_graph(job.graph, job, input_values=input_values or {})
        return plan if not op_selection or list(op_selection) == ["*"] else _op_subset(plan, op_selection)
    if op_selection:
        raise InvalidSubset(f"Job '{job.name}' is made of assets; select with asset_selection.")
    keys = set(job.selection.resolve(definitions.universe)) & definitions.universe.materializable
    checks = set(job.selection.resolve_checks(definitions.universe))
    if asset_selection is not None:
        keys = _asset_subset(job, keys, asset_selection)
        checks = {check for check in checks if check[0] in keys}
    return plan_assets(definitions.records, keys, job=job, checks=checks)


def _check_input_values(job: Any, input_values: Mapping[str, Any]) -> None:
    names = [item.name for item in job.graph.inputs]
    for name in input_values:
        if name not in names:
            raise InvalidDefinition(f"Job '{job.name}' has no input '{name}'.{did_you_mean(name, names)}")


def _asset_subset(job: Any, keys: set[str], asset_selection: Sequence[Any]) -> set[str]:
    chosen = {AssetKey.from_coercible(each).text for each in asset_selection}
    unknown = sorted(chosen - keys)
    if unknown:
        raise InvalidSubset(
            f"Job '{job.name}' does not make {', '.join(repr(key) for key in unknown)}."
            f"{did_you_mean(unknown[0], keys)} Only assets of the job can be selected."
        )
    return chosen


def _op_subset(plan: Plan, op_selection: Sequence[str]) -> Plan:
    """Return the part of an op job that is selected; inputs that lose their source take their default, or config."""
    nested = any("." in clause for clause in op_selection)
    place: Callable[[PlannedStep], str] = (lambda step: ".".join(step.path)) if nested else (lambda step: step.path[0])
    edges: dict[str, list[str]] = {place(step): [] for step in plan.steps.values()}
    for step in plan.steps.values():
        sources = [place(plan.steps[source.step_key]) for source in step.sources]
        edges[place(step)].extend(source for source in sources if source != place(step))
    selected = select_ops(Dependencies.of(edges), op_selection)
    kept = {key: step for key, step in plan.steps.items() if place(step) in selected}
    return plan.with_steps(_cut(step, kept) for step in kept.values())


def _cut(step: PlannedStep, kept: Mapping[str, PlannedStep]) -> PlannedStep:
    def is_kept(feed: Any) -> bool:
        return not isinstance(feed, FromStep) or feed.step_key in kept

    inputs = tuple(
        planned if all(map(is_kept, planned.feeds)) else _recut(planned, [f for f in planned.feeds if is_kept(f)])
        for planned in step.inputs
    )
    return replace(step, inputs=inputs, after=tuple(filter(is_kept, step.after)))


def _recut(planned: PlannedInput, feeds: Iterable[Any]) -> PlannedInput:
    return planned_input(planned.input, tuple(feeds), planned.is_fan_in)


def io_of_asset(job: Any) -> Callable[[str], tuple[str, Mapping[str, Any]]]:
    """Return the look-up of the IO manager, and definition metadata, that keep an asset's value."""
    definitions = getattr(job, "definitions", None)
    return lambda key: _io_among(definitions.records if definitions is not None else (), key)


def _io_among(records: Iterable[Any], key: str) -> tuple[str, Mapping[str, Any]]:
    for record in records:
        spec = next((spec for spec in record.specs if spec.key == key), None)
        if spec is None:
            continue
        metadata = dict(spec.metadata)
        for output in record.node.outputs if isinstance(record.node, Op) else ():
            if record.keys_by_output.get(output.name) == key:
                return output.io, {**metadata, **output.metadata}
        named = metadata.get("dagster/io_manager_key")
        return str(getattr(named, "value", named) or DEFAULT_IO), metadata
    return DEFAULT_IO, {}


def load_asset_value(
    definitions: Any,
    asset_key: Any,
    *,
    python_type: Any = None,
    instance: DagsterInstance | None = None,
    partition_key: str | None = None,
    resource_config: Mapping[str, Any] | None = None,
    metadata: Mapping[str, Any] | None = None,
) -> Any:
    """Return the value of an asset: by its IO manager, or from what an instance remembers.

    Raises:
        MissingUpstream: it was never made.
    """
    expect("load_asset_value", DICT, resource_config=resource_config, metadata=metadata)
    expect_named("load_asset_value", ("DagsterInstance",), instance=instance)
    key = AssetKey.from_coercible(asset_key).text
    io, _ = _io_among(definitions.records, key)
    own_io = io if io != DEFAULT_IO else None
    item = Input(name="value", annotation=python_type or Any, io=own_io, metadata=metadata or EMPTY)
    op = Op(name="load_asset_value", compute=lambda value: value, inputs=(item,))
    step = PlannedStep(key=op.name, op=op, path=(op.name,), inputs=(PlannedInput(item, (FromAsset(key),)),))
    plan = Plan(job_name=op.name, steps={step.key: step}, resource_defs=definitions.resources)
    _, config = configured_plan(plan, {"resources": dict(resource_config)} if resource_config else None)
    run = execute_plan_in_process(
        plan,
        config=config,
        chosen=_of_key(definitions, key, partition_key),
        assets=instance.asset_values if instance is not None else {},
        io_of_asset=lambda wanted: _io_among(definitions.records, wanted),
    )
    if run.error is not None:
        raise run.error
    return run.values[step.key, "result"]


def _of_key(definitions: Any, key: str, partition_key: str | None) -> ChosenPartitions:
    """Return the partition of an asset that is loaded outside of any run of it."""
    if partition_key is None:
        return NO_PARTITIONS
    specs = (spec for record in definitions.records for spec in record.specs)
    of_assets = {spec.key: spec.partitions for spec in specs if spec.key == key and spec.partitions is not None}
    return ChosenPartitions(key=partition_key, partitions=RunPartitions(keys=(partition_key,), of_assets=of_assets))
