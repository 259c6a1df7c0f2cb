"""Graphs written as data: node definitions plus a dictionary of what feeds each input."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field
from typing import Any

from jobkernel.api.composition import merged_hooks, outputs_of, word_for
from jobkernel.api.wiring import output_details, upstream_first
from jobkernel.errors import InvalidDefinition, did_you_mean
from jobkernel.model.definitions import RESULT, Endpoint, Feed, Graph, GraphInput, Input, Invocation, Op
from jobkernel.model.policies import RetryPolicy
from jobkernel.records import dataclass
from jobkernel.rules.names import lenient_tags


@dataclass(frozen=True, slots=True)
class DependencyDefinition:
    """One output of a node, as what feeds an input. Source: Dagster's ``DependencyDefinition``."""

    node: str
    output: str = RESULT
    description: str | None = None


@dataclass(frozen=True, slots=True)
class MultiDependencyDefinition:
    """Several outputs that feed one input as a list. Source: Dagster's ``MultiDependencyDefinition``."""

    dependencies: Sequence[Any]


@dataclass(frozen=True, slots=True)
class NodeInvocation:
    """One use of a node, under an alias. Source: Dagster's ``NodeInvocation``."""

    name: str
    alias: str | None = None
    tags: Mapping[str, Any] | None = field(default=None, hash=False)
    hook_defs: Any = field(default=None, hash=False)
    retry_policy: RetryPolicy | None = field(default=None, hash=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class InputMapping:
    """Which input inside a graph an input of the graph feeds. Source: Dagster's ``InputMapping``."""

    graph_input_name: str
    mapped_node_name: str
    mapped_node_input_name: str
    fan_in_index: int | None = None
    graph_input_description: str | None = None


@dataclass(frozen=True, slots=True)
class OutputMapping:
    """Which output inside a graph is an output of the graph. Source: Dagster's ``OutputMapping``."""

    graph_output_name: str
    mapped_node_name: str
    mapped_node_output_name: str
    graph_output_description: str | None = None


def wired(
    name: str,
    node_defs: Sequence[Any],
    dependencies: Mapping[Any, Any],
    input_mappings: Iterable[InputMapping],
    output_mappings: Iterable[OutputMapping],
) -> dict[str, Any]:
    """Return the fields of the graph that is described.

    Raises:
        InvalidDefinition: a name that no node, input or output bears.
    """
    what = f"Graph '{name}'"
    invocations = _invocations(what, node_defs, dependencies)
    graph_inputs: dict[str, Input] = {}
    for mapping in input_mappings:
        target = _named(what, invocations, mapping.mapped_node_name)
        inner = _input(what, target, mapping.mapped_node_input_name)
        graph_inputs[mapping.graph_input_name] = Input(
            name=mapping.graph_input_name, annotation=inner.annotation, is_nothing=inner.is_nothing
        )
        feeds = {
            **target.feeds,
            inner.name: (*target.feeds.get(inner.name, ()), GraphInput(name=mapping.graph_input_name)),
        }
        invocations[target.name] = _with_feeds(target, feeds)
    outputs = {}
    for out in output_mappings:
        source = _named(what, invocations, out.mapped_node_name)
        _check_output(what, source, out.mapped_node_output_name)
        outputs[out.graph_output_name] = Endpoint(node=source.name, output=out.mapped_node_output_name)
    made = tuple(invocations.values())
    upstream_first(made)
    return {
        "invocations": made,
        "inputs": tuple(graph_inputs.values()),
        "outputs": outputs,
        "output_details": output_details(made, outputs, {}),
    }


def _invocations(what: str, node_defs: Sequence[Any], dependencies: Mapping[Any, Any]) -> dict[str, Invocation]:
    nodes = {node.name: _checked_node(what, node) for node in node_defs}
    found: dict[str, Invocation] = {}
    given: dict[str, Mapping[str, Any]] = {}
    for key, inputs in dependencies.items():
        use = NodeInvocation(key) if isinstance(key, str) else key
        if use.name not in nodes:
            raise InvalidDefinition(
                f"{what} wires '{use.name}', which is none of its nodes.{did_you_mean(use.name, nodes)}"
            )
        found[use.alias or use.name] = _bare(nodes[use.name], use, what)
        given[use.alias or use.name] = inputs
    used = {invocation.node.name for invocation in found.values()}
    for node in nodes.values():
        if node.name not in used:
            found[node.name] = Invocation(name=node.name, node=node)
    for name, inputs in given.items():
        found[name] = _connected(what, found, found[name], inputs)
    return found


def _checked_node(what: str, node: Any) -> Op | Graph:
    if not isinstance(node, (Op, Graph)):
        raise InvalidDefinition(f"{what} holds {node!r}, which is neither an op nor a graph.")
    return node


def _bare(node: Op | Graph, use: NodeInvocation, what: str) -> Invocation:
    name = use.alias or use.name
    hooks = merged_hooks((), use.hook_defs, name)
    return Invocation(name=name, node=node, tags=lenient_tags(use.tags, what), hooks=hooks, retry=use.retry_policy)


def _connected(what: str, found: Mapping[str, Invocation], target: Invocation, inputs: Mapping[str, Any]) -> Invocation:
    feeds: dict[str, tuple[Feed, ...]] = {}
    fan_in = set()
    for name, given in inputs.items():
        _input(what, target, name)
        if isinstance(given, MultiDependencyDefinition):
            fan_in.add(name)
        several = given.dependencies if isinstance(given, MultiDependencyDefinition) else [given]
        feeds[name] = tuple(_endpoint(what, found, target, name, one) for one in several)
        if len(set(feeds[name])) < len(several):
            raise InvalidDefinition(f"{what} feeds '{name}' of '{target.name}' from one output twice.")
    return _with_feeds(target, feeds, frozenset(fan_in))


def _endpoint(what: str, found: Mapping[str, Invocation], target: Invocation, name: str, one: Any) -> Endpoint:
    if not isinstance(one, DependencyDefinition):
        raise InvalidDefinition(f"{what} feeds '{name}' of '{target.name}' from {one!r}; give a DependencyDefinition.")
    source = _named(what, found, one.node)
    if source.name == target.name:
        raise InvalidDefinition(f"{what} feeds '{name}' of '{target.name}' from '{target.name}' itself.")
    _check_output(what, source, one.output)
    return Endpoint(node=source.name, output=one.output)


def _with_feeds(target: Invocation, feeds: Any, fan_in: frozenset[str] | None = None) -> Invocation:
    from dataclasses import replace

    return replace(target, feeds=feeds, fan_in=target.fan_in if fan_in is None else fan_in)


def _named(what: str, found: Mapping[str, Invocation], name: str) -> Invocation:
    if name not in found:
        raise InvalidDefinition(f"{what} names '{name}', which is none of its nodes.{did_you_mean(name, found)}")
    return found[name]


def _input(what: str, target: Invocation, name: str) -> Input:
    for item in target.node.inputs:
        if item.name == name:
            return item
    names = [item.name for item in target.node.inputs]
    raise InvalidDefinition(
        f"{what} feeds '{name}' of {word_for(target.node)} '{target.name}', which has "
        f"{', '.join(names) or 'no inputs'}.{did_you_mean(name, names)}"
    )


def _check_output(what: str, source: Invocation, name: str) -> None:
    names = [output.name for output in outputs_of(source.node)]
    if name not in names:
        raise InvalidDefinition(
            f"{what} takes output '{name}' of {word_for(source.node)} '{source.name}', which has "
            f"{', '.join(names) or 'none'}.{did_you_mean(name, names)}"
        )
