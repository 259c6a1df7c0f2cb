"""What one run consists of: its steps in order, and what feeds each input. Pure.

A plan holds frozen definitions, so redefining a cell mid-run changes nothing in it. ``plan_graph`` plans an op job,
``plan_assets`` (in ``asset_plan``) a selection of assets. Run by the engine's runs.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from jobkernel.errors import CircularDependency, InvalidDefinition
from jobkernel.model.definitions import (
    EMPTY,
    NO_VALUE,
    AssetLoad,
    CheckSpec,
    Endpoint,
    Graph,
    GraphInput,
    Hook,
    Input,
    Invocation,
    Job,
    Op,
)
from jobkernel.model.policies import RetryPolicy
from jobkernel.model.run_tags import PRIORITY_TAG


@dataclass(frozen=True, slots=True)
class FromStep:
    """An output of a step of this run. A collected one gathers all copies of a mapped step."""

    step_key: str
    output: str
    is_collected: bool = False


@dataclass(frozen=True, slots=True)
class FromAsset:
    """The stored value of an asset that this run does not make."""

    key: str


@dataclass(frozen=True, slots=True)
class FromValue:
    """A value known when the plan was made: a default, or one handed in at launch."""

    value: Any


@dataclass(frozen=True, slots=True)
class FromConfig:
    """A value that run config gives, under the step's ``inputs``."""


Feed = FromStep | FromAsset | FromValue | FromConfig


@dataclass(frozen=True, slots=True)
class PlannedInput:
    """One input with what feeds it: exactly one feed, or several where ``is_fan_in``."""

    input: Input
    feeds: tuple[Feed, ...]
    is_fan_in: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedStep:
    """One step of a run.

    ``path`` are the node names from the job down, under which run config finds it. ``after`` orders without data.
    ``mapped_over`` names the dynamic output for each of whose keys the step is copied at run time. A step that
    ``is_never_retried`` fails at its first failure, whatever it asks for.
    """

    key: str
    op: Op
    path: tuple[str, ...]
    inputs: tuple[PlannedInput, ...] = ()
    after: tuple[FromStep, ...] = ()
    asset_keys: Mapping[str, str] = field(default=EMPTY)
    input_keys: Mapping[str, str] = field(default=EMPTY)
    checks: Mapping[str, CheckSpec] = field(default=EMPTY)
    selected_outputs: frozenset[str] | None = None
    tags: Mapping[str, str] = field(default=EMPTY)
    retry: RetryPolicy | None = None
    is_never_retried: bool = False
    timeout: timedelta | None = None
    hooks: tuple[Hook, ...] = ()
    executor: str | None = None
    priority: int = 0
    mapped_over: FromStep | None = None
    mapping_key: str | None = None
    assets: Any = None

    @property
    def sources(self) -> Iterable[FromStep]:
        """Every output of another step that this one waits for."""
        for planned in self.inputs:
            for feed in planned.feeds:
                if isinstance(feed, FromStep):
                    yield feed
        yield from self.after

    @property
    def is_check(self) -> bool:
        """Whether the step makes no asset and only checks one."""
        return bool(self.checks) and not self.asset_keys


@dataclass(frozen=True, slots=True, kw_only=True)
class Earlier:
    """What earlier runs give to this one: the steps not run again, and which run made each of their outputs."""

    steps: Mapping[str, PlannedStep] = field(default=EMPTY)
    made_by: Mapping[FromStep, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The steps of one run, upstream first; ties stand in the order of definition."""

    job_name: str
    steps: Mapping[str, PlannedStep]
    job: Job | None = None
    outputs: Mapping[str, Endpoint] = field(default=EMPTY)
    resource_defs: Mapping[str, Any] = field(default=EMPTY)
    earlier: Earlier | None = None

    @property
    def asset_keys(self) -> list[str]:
        """The assets that the run makes, in step order."""
        return [key for step in self.steps.values() for key in step.asset_keys.values()]

    @property
    def check_specs(self) -> list[CheckSpec]:
        """The checks that the run evaluates, in step order."""
        return [check for step in self.steps.values() for check in step.checks.values()]

    def with_steps(self, steps: Iterable[PlannedStep]) -> Plan:
        """Return the plan with its steps replaced, put in order."""
        return replace(self, steps=in_order(steps))

    def without_retries(self) -> Plan:
        """Return the plan with no step tried again, whatever its policy or its body asks for."""
        return replace(self, steps={key: replace(step, is_never_retried=True) for key, step in self.steps.items()})


def in_order(steps: Iterable[PlannedStep]) -> dict[str, PlannedStep]:
    """Return the steps by key, upstream first, otherwise in the order given.

    Raises:
        CircularDependency: steps wait for each other.
        InvalidDefinition: two would have the same key.
    """
    steps = list(steps)
    by_key = {step.key: step for step in steps}
    if len(by_key) < len(steps):
        _refuse_twins(steps)
    waits = {key: {feed.step_key for feed in step.sources if feed.step_key in by_key} for key, step in by_key.items()}
    if _already_ordered(waits):
        return by_key
    downstream: dict[str, list[str]] = {key: [] for key in by_key}
    for key, upstream in waits.items():
        for source in upstream:
            downstream[source].append(key)
    open_count = {key: len(upstream) for key, upstream in waits.items()}
    return {key: by_key[key] for key in _kahn(by_key, downstream, open_count)}


def _refuse_twins(steps: Iterable[PlannedStep]) -> None:
    seen: dict[str, PlannedStep] = {}
    for step in steps:
        other = seen.setdefault(step.key, step)
        if other is not step:
            names = " and ".join(_makes(each) for each in (other, step))
            raise InvalidDefinition(f"{names} would both be the step '{step.key}'; give one of them another name.")


def _makes(step: PlannedStep) -> str:
    checks = [f"check '{check.name}' of '{check.asset_key}'" for check in step.checks.values()]
    return ", ".join([f"asset '{key}'" for key in step.asset_keys.values()] or checks or [f"op '{step.op.name}'"])


def _already_ordered(waits: Mapping[str, set[str]]) -> bool:
    seen: set[str] = set()
    for key, upstream in waits.items():
        if not upstream <= seen:
            return False
        seen.add(key)
    return True


def _kahn(by_key: Mapping[str, Any], downstream: Mapping[str, list[str]], open_count: dict[str, int]) -> list[str]:
    from heapq import heapify, heappop, heappush

    rank = {key: index for index, key in enumerate(by_key)}
    names = list(by_key)
    ready = [rank[key] for key, count in open_count.items() if not count]
    heapify(ready)
    order: list[str] = []
    while ready:
        key = names[heappop(ready)]
        order.append(key)
        for follower in downstream[key]:
            open_count[follower] -= 1
            if not open_count[follower]:
                heappush(ready, rank[follower])
    if len(order) < len(names):
        circle = [key for key in names if open_count[key] > 0]
        raise CircularDependency(f"These steps wait for each other: {', '.join(circle)}.")
    return order


def step_priority(tags: Mapping[str, str]) -> int:
    """Return the step's priority: the ``dagster/priority`` tag as an integer, 0 where there is none."""
    text = tags.get(PRIORITY_TAG, "0")
    try:
        return int(text)
    except ValueError as error:
        raise InvalidDefinition(f"The tag dagster/priority must be an integer as text, not {text!r}.") from error


def plan_graph(graph: Graph, job: Job | None = None, *, input_values: Mapping[str, Any] = EMPTY) -> Plan:
    """Return the plan of an op job: every op below the graph, flattened.

    ``input_values`` feed the graph's own inputs.
    """
    outer: dict[str, tuple[Feed, ...]] = {}
    for item in graph.inputs:
        outer[item.name] = (_feed_of_graph_input(item, input_values),)
    steps, ends = flatten(graph, (), outer, hooks=job.hooks if job else (), retry=job.op_retry if job else None)
    return Plan(
        job_name=job.name if job else graph.name,
        steps=in_order(spread_mapping(steps)),
        job=job,
        outputs={name: Endpoint(node=feed.step_key, output=feed.output) for name, feed in ends.items()},
        resource_defs=job.resource_defs if job else EMPTY,
    )


def _feed_of_graph_input(item: Input, input_values: Mapping[str, Any]) -> Feed:
    if item.name in input_values:
        return FromValue(input_values[item.name])
    if item.default is not NO_VALUE:
        return FromValue(item.default)
    return FromConfig()


def flatten(
    graph: Graph,
    path: tuple[str, ...],
    outer: Mapping[str, tuple[Feed, ...]],
    *,
    hooks: tuple[Hook, ...] = (),
    retry: RetryPolicy | None = None,
) -> tuple[list[PlannedStep], dict[str, FromStep]]:
    """Return the steps of a graph and, for each of its outputs, the step output behind it.

    ``path`` is where the graph stands; ``outer`` feeds its inputs; ``hooks`` and ``retry`` are those of its encloser.
    """
    steps: list[PlannedStep] = []
    ends: dict[tuple[str, str], FromStep] = {}
    for invocation in _invocations_in_order(graph):
        feeds = {name: _feeds(given, outer, ends) for name, given in invocation.feeds.items()}
        below = (*path, invocation.name)
        its_hooks = _merged(hooks, invocation.hooks)
        if isinstance(invocation.node, Graph):
            inner, inner_ends = flatten(
                invocation.node,
                below,
                _with_defaults(invocation.node.inputs, feeds),
                hooks=its_hooks,
                retry=invocation.retry or retry,
            )
            steps.extend(inner)
            ends.update({(invocation.name, output): end for output, end in inner_ends.items()})
        else:
            step = _step_of(invocation, invocation.node, below, feeds, its_hooks, retry)
            steps.append(step)
            ends.update({(invocation.name, o.name): FromStep(step.key, o.name) for o in invocation.node.outputs})
    outputs = {name: ends[end.node, end.output] for name, end in graph.outputs.items()}
    return steps, outputs


def _invocations_in_order(graph: Graph) -> list[Invocation]:
    by_name = {invocation.name: invocation for invocation in graph.invocations}
    downstream: dict[str, list[str]] = {name: [] for name in by_name}
    open_count: dict[str, int] = {}
    for name, invocation in by_name.items():
        sources = {f.node for feeds in invocation.feeds.values() for f in feeds if isinstance(f, Endpoint)}
        open_count[name] = len(sources)
        for source in sources:
            downstream[source].append(name)
    return [by_name[name] for name in _kahn(by_name, downstream, open_count)]


def _feeds(
    given: tuple[Any, ...], outer: Mapping[str, tuple[Feed, ...]], ends: Mapping[tuple[str, str], FromStep]
) -> tuple[Feed, ...]:
    feeds: list[Feed] = []
    for feed in given:
        match feed:
            case GraphInput(name=name):
                feeds.extend(outer[name])
            case AssetLoad(key=key):
                feeds.append(FromAsset(key))
            case Endpoint(node=node, output=output, is_collected=collected):
                end = ends[node, output]
                feeds.append(replace(end, is_collected=True) if collected else end)
    return tuple(feeds)


def _with_defaults(inputs: Iterable[Input], feeds: Mapping[str, tuple[Feed, ...]]) -> dict[str, tuple[Feed, ...]]:
    return {item.name: feeds.get(item.name) or (_feed_of_graph_input(item, EMPTY),) for item in inputs}


def _step_of(
    invocation: Invocation,
    op: Op,
    path: tuple[str, ...],
    feeds: Mapping[str, tuple[Feed, ...]],
    hooks: tuple[Hook, ...],
    retry: RetryPolicy | None,
) -> PlannedStep:
    tags = {**op.tags, **invocation.tags}
    return PlannedStep(
        key=".".join(path),
        op=op,
        path=path,
        inputs=tuple(
            planned_input(item, feeds.get(item.name, ()), item.name in invocation.fan_in) for item in op.inputs
        ),
        tags=tags,
        retry=invocation.retry or op.retry or retry,
        timeout=op.timeout,
        hooks=_merged(hooks, op.hooks),
        executor=op.executor,
        priority=step_priority(tags),
    )


def planned_input(item: Input, feeds: tuple[Feed, ...], is_fan_in: bool) -> PlannedInput:
    """Return the input with its feeds; where nothing is connected, its default or run config feeds it."""
    if feeds:
        return PlannedInput(item, feeds, is_fan_in)
    if item.is_nothing:
        return PlannedInput(item, ())
    return PlannedInput(item, (FromConfig() if item.default is NO_VALUE else FromValue(item.default),))


def _merged(outer: tuple[Hook, ...], own: tuple[Hook, ...]) -> tuple[Hook, ...]:
    return outer + tuple(hook for hook in own if hook not in outer) if own else outer


def spread_mapping(steps: list[PlannedStep]) -> list[PlannedStep]:
    """Mark every step below a dynamic output, up to where it is collected, and give it its ``[?]`` key."""
    roots: dict[tuple[str, str], FromStep] = {
        (step.key, output.name): FromStep(step.key, output.name)
        for step in steps
        for output in step.op.outputs
        if output.is_dynamic
    }
    if not roots:
        return steps
    renamed: dict[str, str] = {}
    spread: list[PlannedStep] = []
    for step in steps:
        root = _mapping_root(step, roots)
        moved = replace(step, inputs=tuple(_renamed(planned, renamed) for planned in step.inputs))
        if root is not None:
            renamed[step.key] = f"{step.key}[?]"
            moved = replace(moved, key=f"{step.key}[?]", mapped_over=root)
            roots.update({(step.key, output.name): root for output in step.op.outputs})
        spread.append(moved)
    return spread


def _mapping_root(step: PlannedStep, roots: Mapping[tuple[str, str], FromStep]) -> FromStep | None:
    for feed in step.sources:
        if not feed.is_collected and (feed.step_key, feed.output) in roots:
            root = roots[feed.step_key, feed.output]
            if any(output.is_dynamic for output in step.op.outputs):
                raise InvalidDefinition(f"Op '{step.op.name}' is mapped and cannot have a dynamic output of its own.")
            return root
    return None


def _renamed(planned: PlannedInput, renamed: Mapping[str, str]) -> PlannedInput:
    feeds = tuple(
        replace(feed, step_key=renamed[feed.step_key])
        if isinstance(feed, FromStep) and feed.step_key in renamed
        else feed
        for feed in planned.feeds
    )
    return replace(planned, feeds=feeds)


def copies(step: PlannedStep, mapping_keys: Iterable[str]) -> list[PlannedStep]:
    """Return the copies of a mapped step, one for each key of the dynamic output it is mapped over."""
    return [_copy(step, key) for key in mapping_keys]


def _copy(step: PlannedStep, mapping_key: str) -> PlannedStep:
    def to_copy(feed: FromStep) -> FromStep:
        if feed == step.mapped_over:
            return FromStep(feed.step_key, f"{feed.output}[{mapping_key}]")
        return replace(feed, step_key=feed.step_key.replace("[?]", f"[{mapping_key}]"))

    inputs = tuple(
        replace(p, feeds=tuple(to_copy(f) if isinstance(f, FromStep) and not f.is_collected else f for f in p.feeds))
        for p in step.inputs
    )
    return replace(step, key=step.key.replace("[?]", f"[{mapping_key}]"), inputs=inputs, mapping_key=mapping_key)
