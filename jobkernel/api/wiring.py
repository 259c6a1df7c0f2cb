"""What connections between the nodes of a graph make sense, and what a graph's own outputs are of its nodes'."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from jobkernel.api.composition import outputs_of, word_for
from jobkernel.errors import InvalidDefinition
from jobkernel.model.definitions import Endpoint, Graph, Input, Invocation, Output


class _Edge(NamedTuple):
    source: Invocation
    output: Output
    endpoint: Endpoint
    target: Invocation
    input: Input
    is_fan_in: bool


def check_wiring(graph: Graph, what: str) -> None:
    """Raise where an output without data feeds an input with data, or dynamic outputs are stacked.

    Raises:
        InvalidDefinition: naming both ends.
    """
    above: dict[str, Endpoint] = {}
    collects: set[str] = set()
    for edge in _edges(graph):
        if edge.output.is_nothing and not edge.input.is_nothing:
            raise InvalidDefinition(
                f"{what} feeds '{edge.input.name}' of '{edge.target.name}' from output '{edge.output.name}' of "
                f"'{edge.source.name}', which carries no data."
            )
        _check_dynamic(edge, above, collects, what)


def output_details(
    invocations: Iterable[Invocation], outputs: Mapping[str, Endpoint], declared: Mapping[str, Any]
) -> tuple[Output, ...]:
    """Return the outputs of a graph: each is what it maps from, under the graph's own name for it."""
    nodes = {invocation.name: invocation.node for invocation in invocations}
    found = []
    for name, end in outputs.items():
        inner = next(output for output in outputs_of(nodes[end.node]) if output.name == end.output)
        text = getattr(declared.get(name), "description", None) or inner.description
        found.append(replace(inner, name=name, description=text))
    return tuple(found)


def _edges(graph: Graph) -> Iterator[_Edge]:
    """Yield every edge between two nodes, upstream nodes first."""
    by_name = {invocation.name: invocation for invocation in graph.invocations}
    for target in upstream_first(graph.invocations):
        inputs = {item.name: item for item in target.node.inputs}
        for name, feeds in target.feeds.items():
            for feed in feeds:
                if isinstance(feed, Endpoint):
                    source = by_name[feed.node]
                    output = next(item for item in outputs_of(source.node) if item.name == feed.output)
                    yield _Edge(source, output, feed, target, inputs[name], name in target.fan_in)


def upstream_first(invocations: tuple[Invocation, ...]) -> list[Invocation]:
    """Return the invocations so that each comes after all that feed it.

    Raises:
        InvalidDefinition: they feed each other in a circle.
    """
    by_name = {invocation.name: invocation for invocation in invocations}
    waits = {
        invocation.name: {f.node for feeds in invocation.feeds.values() for f in feeds if isinstance(f, Endpoint)}
        for invocation in invocations
    }
    done: dict[str, Invocation] = {}
    waiting = list(invocations)
    while waiting:
        ready = [item for item in waiting if waits[item.name] <= done.keys()]
        if not ready:
            circle = " → ".join(item.name for item in waiting)
            raise InvalidDefinition(f"These feed each other in a circle: {circle}.")
        done.update({item.name: by_name[item.name] for item in ready})
        waiting = [item for item in waiting if item.name not in done]
    return list(done.values())


def _check_dynamic(edge: _Edge, above: dict[str, Endpoint], collects: set[str], what: str) -> None:
    name = edge.target.name
    if edge.endpoint.is_collected:
        collects.add(name)
        root = None
        if name in above:
            raise InvalidDefinition(f"{what}: '{name}' cannot both collect a dynamic output and be mapped over one.")
    else:
        root = edge.endpoint if edge.output.is_dynamic else above.get(edge.source.name)
    if root is None:
        return
    if edge.is_fan_in:
        raise InvalidDefinition(
            f"{what}: a list that feeds '{name}' cannot hold what follows the dynamic '{root.node}'."
        )
    if name in collects:
        raise InvalidDefinition(f"{what}: '{name}' cannot both collect a dynamic output and be mapped over one.")
    if above.setdefault(name, root) != root or any(output.is_dynamic for output in outputs_of(edge.target.node)):
        word = word_for(edge.target.node)
        raise InvalidDefinition(
            f"{what}: {word} '{name}' follows the dynamic output of '{root.node}'; more than one is not possible."
        )
