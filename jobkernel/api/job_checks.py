"""What must hold of a graph for it to be run as a job: every input can be fed, every resource is there."""

from __future__ import annotations

import types
import typing
from collections.abc import Iterable, Mapping
from typing import Any, Final

from jobkernel.api.asset_views import needed_resources
from jobkernel.api.resources import ResourceDefinition
from jobkernel.errors import InvalidDefinition, did_you_mean
from jobkernel.model.definitions import DEFAULT_IO, NO_VALUE, Graph, GraphInput, Hook, Input
from jobkernel.model.kinds import COLLECTION, DICT, LIST, TEXT, expect, expect_named

LOADABLE: Final = frozenset({Any, int, float, str, bool, list, dict, tuple, type(None)})
"""The types whose values run config can hold."""


def check_kinds(what: str, given: Mapping[str, Any]) -> None:
    """Raise TypeError where an argument of a job is of a wrong kind; ``given`` holds them by name, and more."""
    for name in ("resource_defs", "tags", "run_tags", "metadata", "input_values"):
        expect(what, DICT, **{name: given.get(name)})
    expect(what, TEXT, description=given["description"])
    expect(what, COLLECTION, hooks=given["hooks"])
    expect(what, LIST, owners=given["owners"])
    expect_named(what, ("RetryPolicy",), op_retry_policy=given["op_retry_policy"])
    if not isinstance(given["config"], Mapping):
        expect_named(what, ("dict", "RunConfig", "ConfigMapping", "PartitionedConfig"), config=given["config"])


def check_input_values(graph: Graph, values: Mapping[str, Any], what: str) -> None:
    """Raise InvalidDefinition where a value is given for what is no input of the graph."""
    names = [item.name for item in graph.inputs]
    for name in values:
        if name not in names:
            raise InvalidDefinition(
                f"{what.capitalize()} is given a value for '{name}', which is none of its inputs: "
                f"{', '.join(names) or 'it has none'}.{did_you_mean(name, names)}"
            )


def check_resolvable(graph: Graph, values: Mapping[str, Any], what: str) -> None:
    """Raise where an input is fed by nothing and run config could not hold its value.

    Raises:
        InvalidDefinition: naming the input and what to do.
    """
    open_inputs = {item.name for item in graph.inputs if item.name not in values}
    _check_graph(graph, open_inputs, what)


def _check_graph(graph: Graph, open_inputs: set[str], what: str) -> None:
    outer = {item.name: item for item in graph.inputs}
    for invocation in graph.invocations:
        below = set()
        for item in invocation.node.inputs:
            feeds = invocation.feeds.get(item.name, ())
            names = {feed.name for feed in feeds if isinstance(feed, GraphInput)}
            fed_outside = names - open_inputs or any(outer[name].default is not NO_VALUE for name in names)
            if feeds and (not names or fed_outside):
                continue
            below.add(item.name)
            if not isinstance(invocation.node, Graph) and not is_loadable(item):
                raise InvalidDefinition(
                    f"Input '{item.name}' of op '{invocation.name}' in {what} is fed by nothing; feed it from another "
                    "op, give it a default, or give the job input_values."
                )
        if isinstance(invocation.node, Graph):
            _check_graph(invocation.node, below, what)


def is_loadable(item: Input) -> bool:
    """Whether an input that nothing feeds may still have a value: none needed, a default, or from config."""
    if item.is_nothing or item.default is not NO_VALUE or item.io is not None:
        return True
    return _is_loadable_type(item.annotation)


def _is_loadable_type(annotation: Any) -> bool:
    origin = typing.get_origin(annotation)
    if origin is None:
        return annotation in LOADABLE if isinstance(annotation, typing.Hashable) else False
    is_known = origin in LOADABLE or origin in (typing.Union, types.UnionType)
    return is_known and all(each is ... or _is_loadable_type(each) for each in typing.get_args(annotation))


def check_resources_of_graph(graph: Graph, resources: Mapping[str, Any], hooks: Iterable[Hook], what: str) -> None:
    """Raise where an op or hook needs a resource that nothing provides.

    Raises:
        InvalidDefinition: naming the op or hook, the resource and those there are.
    """
    of_hooks = {key: hook.name for hook in hooks for key in hook.required_resources}
    check_resources({**needed_resources(graph), **of_hooks}, resources, what)
    _check_managers(graph, resources, what)


def _check_managers(graph: Graph, resources: Mapping[str, Any], what: str) -> None:
    """Raise where a resource that a function makes is to be a manager, and is declared as none."""
    for invocation in graph.invocations:
        if isinstance(invocation.node, Graph):
            _check_managers(invocation.node, resources, what)
            continue
        of_inputs = {f"input '{item.name}'": item.io for item in invocation.node.inputs if item.io is not None}
        of_outputs = {f"output '{output.name}'": output.io for output in invocation.node.outputs}
        for which, key in {**of_inputs, **of_outputs}.items():
            if type(resources.get(key)) is ResourceDefinition:
                raise InvalidDefinition(
                    f"Resource '{key}' of {what} is made by @resource, so it cannot be the manager of {which} of op"
                    f" '{invocation.name}'; make it with @io_manager or @input_manager."
                )


def check_resources(needed: Mapping[str, str], given: Iterable[str], what: str) -> None:
    """Raise where one of the ``needed`` resources (key → who needs it) is not given.

    Raises:
        InvalidDefinition: naming the op, the resource and those there are.
    """
    known = set(given)
    for key, who in needed.items():
        if key not in known and key != DEFAULT_IO:
            has = ", ".join(sorted(known)) or "none"
            raise InvalidDefinition(
                f"'{who}' in {what} needs resource '{key}', which nothing provides; there is: {has}."
                f"{did_you_mean(key, known)}"
            )
