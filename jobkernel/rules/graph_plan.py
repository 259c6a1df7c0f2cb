"""The plan of an op job: every op below its graph as a step, with what feeds it. Pure.

Nested graphs are flattened; what stands below a dynamic output is marked by ``mapped_steps``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from jobkernel.model.definitions import (
    EMPTY,
    NO_VALUE,
    AssetLoad,
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
from jobkernel.rules.mapped_steps import spread_mapping
from jobkernel.rules.plan import (
    Feed,
    FromAsset,
    FromConfig,
    FromStep,
    FromValue,
    Plan,
    PlannedStep,
    in_order,
    names_in_order,
    planned_input,
    step_priority,
)


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
    return [by_name[name] for name in names_in_order(by_name, downstream, open_count)]


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


def _merged(outer: tuple[Hook, ...], own: tuple[Hook, ...]) -> tuple[Hook, ...]:
    return outer + tuple(hook for hook in own if hook not in outer) if own else outer
