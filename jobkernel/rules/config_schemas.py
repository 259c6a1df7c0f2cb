"""What the run config of a plan may hold: a tree of the plan's nodes, each with its schema. Pure.

Made from a plan; read by :mod:`jobkernel.rules.run_config`, which checks and fills config against it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import field, replace
from typing import Any, Final, NamedTuple, get_args, get_origin

from jobkernel.errors import InvalidDefinition
from jobkernel.model.config_basics import ConfigType, Filling, Path, Problems
from jobkernel.model.config_mapping import ConfigMapping
from jobkernel.model.config_schema import (
    Array,
    Field,
    Noneable,
    Permissive,
    ScalarUnion,
    Selector,
    Shape,
    field_of,
)
from jobkernel.model.configured import Configured
from jobkernel.model.definitions import EMPTY, NO_VALUE, Graph, GraphInput, Input, Op
from jobkernel.records import dataclass
from jobkernel.rules.asset_plan import ASSET_JOB
from jobkernel.rules.plan import FromConfig, FromValue, Plan, PlannedInput, PlannedStep

Names = tuple[str, ...]
"""Where a node stands: the names of the nodes from the job down."""


class IOSchemas(NamedTuple):
    """What run config may tell an IO manager of each input (None: anything) and output (None: nothing)."""

    inputs: Field | None = None
    outputs: Field | None = None


@dataclass(slots=True, kw_only=True)
class NodeSchema:
    """One op or graph of a plan. ``nodes`` is None for an op; ``schema`` is as the op states it.

    ``managed_inputs`` and ``managed_outputs`` are those of which run config may tell their IO manager something.
    """

    schema: Any = None
    takes_argument: bool = False
    inputs: dict[str, Input] = field(default_factory=dict)
    managed_inputs: dict[str, Field] = field(default_factory=dict)
    managed_outputs: dict[str, Field] = field(default_factory=dict)
    nodes: dict[str, NodeSchema] | None = None
    mapping: ConfigMapping | None = None
    is_ignored: bool = False

    @property
    def sections(self) -> tuple[str, ...]:
        """What run config may hold of the op."""
        inputs = ("inputs",) if self.inputs or self.managed_inputs else ()
        return ("config", *inputs, *(("outputs",) if self.managed_outputs else ()))

    @property
    def needs_nothing(self) -> bool:
        """Whether it is an op of which run config need say nothing."""
        return self.schema is None and self.nodes is None and self.sections == ("config",)

    @property
    def config_class(self) -> Any:
        """The Config class whose object the op's argument gets, None where it gets the plain value."""
        schema = self.schema
        while isinstance(schema, Configured):
            schema = schema.schema
        return schema if self.takes_argument and getattr(schema, "__jobkernel_config__", False) else None

    @property
    def config_field(self) -> Field | None:
        """The field of the node's config, None for an op that states no schema (it takes anything)."""
        return None if self.schema is None else _field_of_op(self.schema, takes_argument=self.takes_argument)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigSchemas:
    """Everything that the run config of one plan may hold.

    ``resources`` maps the keys that may be configured to their fields, None where anything goes; of them, those in
    ``needed_resources`` must be complete. ``graph_inputs`` are the job's own inputs that config feeds.
    """

    nodes: dict[str, NodeSchema]
    job_name: str = ""
    resources: Mapping[str, Field | None] = field(default_factory=dict)
    needed_resources: frozenset[str] = frozenset()
    graph_inputs: Mapping[str, Input] = field(default_factory=dict)
    input_sources: Mapping[tuple[Names, str], str] = field(default_factory=dict)
    mapping: ConfigMapping | None = None
    graph_mapping: ConfigMapping | None = None
    executor: Any = None


def schemas_of_plan(
    plan: Plan,
    resources: Mapping[str, Field | None] = EMPTY,
    needed_resources: Iterable[str] = (),
    managers: Mapping[str, IOSchemas] = EMPTY,
) -> ConfigSchemas:
    """Return the schemas of a plan's steps, and of the job's other ops, whose config is taken and not used."""
    nodes: dict[str, NodeSchema] = {}
    for step in plan.steps.values():
        leaf = _node_at(nodes, step.path)
        leaf.schema, leaf.takes_argument = step.op.config_schema, step.op.config_argument is not None
        leaf.inputs = _inputs_from_config(step)
        _note_managers(leaf, step, managers)
    graph = plan.job.graph if plan.job is not None else None
    graph_inputs: dict[str, Input] = {}
    sources: dict[tuple[Names, str], str] = {}
    if graph is not None:
        _add_graph(nodes, graph)
        if graph.inputs:
            graph_inputs = {item.name: item for item in graph.inputs}
            _trace_inputs(graph, (), {name: name for name in graph_inputs}, sources)
            _move_graph_inputs(nodes, sources)
            graph_inputs = _inputs_of_graph(plan, graph_inputs, sources)
    for assets in {id(step.assets): step.assets for step in plan.steps.values() if step.assets is not None}.values():
        if isinstance(assets.node, Graph):
            _note_mapping(nodes, assets.node.name, assets.node)
    config = plan.job.config if plan.job is not None else None
    return ConfigSchemas(
        nodes=nodes,
        job_name="" if plan.job_name == ASSET_JOB else plan.job_name,
        resources=resources,
        needed_resources=frozenset(needed_resources),
        graph_inputs=graph_inputs,
        input_sources=sources,
        mapping=config if isinstance(config, ConfigMapping) else None,
        graph_mapping=graph.config if graph is not None and isinstance(graph.config, ConfigMapping) else None,
    )


def _field_of_op(schema: Any, *, takes_argument: bool) -> Field:
    if isinstance(schema, Configured):
        return field_of(schema.outer) if schema.outer is not None else Field(Shape({}))
    if takes_argument and not hasattr(schema, "config_field") and not isinstance(schema, Field):
        from jobkernel.model.config import type_of_annotation  # loads pydantic, which such an op has asked for

        return Field(type_of_annotation(schema))
    return field_of(schema)


def inner_config(schema: Any, outer: Any, environment: Mapping[str, str], path: Path, found: Problems) -> Any:
    """Return the config of what was configured in code, from the filled outer config."""
    while isinstance(schema, Configured):
        given = schema.config(outer) if callable(schema.config) else schema.config
        schema = schema.schema
        if schema is None:
            return given
        inner = _field_of_op(schema, takes_argument=False).config_type
        before = len(found)
        inner.check(given, path, found)
        outer = inner.fill(given, path, Filling(environment, found)) if len(found) == before else given
    return outer


def _node_at(nodes: dict[str, NodeSchema], path: Names) -> NodeSchema:
    for name in path[:-1]:
        node = nodes.setdefault(name, NodeSchema(nodes={}))
        assert node.nodes is not None
        nodes = node.nodes
    return nodes.setdefault(path[-1], NodeSchema())


def _inputs_from_config(step: PlannedStep) -> dict[str, Input]:
    """The inputs that run config may give: those that nothing feeds, or only a default."""
    found = {}
    for planned in step.inputs:
        if _takes_config(planned):
            found[planned.input.name] = planned.input
    return found


def _note_managers(leaf: NodeSchema, step: PlannedStep, managers: Mapping[str, IOSchemas]) -> None:
    for item in step.op.inputs:
        if item.io is not None:
            leaf.managed_inputs[item.name] = managers.get(item.io, IOSchemas()).inputs or Field(Any, is_required=False)
    for output in step.op.outputs:
        stated = managers.get(output.io, IOSchemas()).outputs
        if stated is not None and not output.is_nothing:
            leaf.managed_outputs[output.name] = stated


def _takes_config(planned: PlannedInput) -> bool:
    match planned.feeds:
        case (FromConfig(),):
            return True
        case (FromValue(value=value),):
            return value is planned.input.default
    return False


def _inputs_of_graph(
    plan: Plan, graph_inputs: Mapping[str, Input], sources: Mapping[tuple[Names, str], str]
) -> dict[str, Input]:
    """The job's own inputs that config feeds; one without a type has that of the first op input it feeds."""
    fed: dict[str, Input] = {}
    for step in plan.steps.values():
        for planned in step.inputs:
            name = sources.get((step.path, planned.input.name))
            if name is None or name in fed or not any(isinstance(feed, FromConfig) for feed in planned.feeds):
                continue
            item = graph_inputs[name]
            fed[name] = item if item.annotation is not Any else replace(item, annotation=planned.input.annotation)
    return {name: fed[name] for name in graph_inputs if name in fed}


def _add_graph(nodes: dict[str, NodeSchema], graph: Graph) -> None:
    """Add the ops that the plan leaves out, and the config mappings of inner graphs."""
    for invocation in graph.invocations:
        node = invocation.node
        if isinstance(node, Op):
            if invocation.name not in nodes:
                schema = node.config_schema
                takes_argument = node.config_argument is not None
                nodes[invocation.name] = NodeSchema(schema=schema, takes_argument=takes_argument, is_ignored=True)
            continue
        inner = nodes.setdefault(invocation.name, NodeSchema(nodes={}))
        assert inner.nodes is not None
        _note_mapping(nodes, invocation.name, node)
        _add_graph(inner.nodes, node)


def _note_mapping(nodes: dict[str, NodeSchema], name: str, graph: Graph) -> None:
    if name in nodes and isinstance(graph.config, ConfigMapping):
        nodes[name].mapping = graph.config


def _trace_inputs(
    graph: Graph,
    path: Names,
    outer: Mapping[str, str],
    sources: dict[tuple[Names, str], str],
) -> None:
    """Note which input of the job feeds which input of which op."""
    for invocation in graph.invocations:
        fed = {
            name: outer[feed.name]
            for name, feeds in invocation.feeds.items()
            for feed in feeds
            if isinstance(feed, GraphInput) and feed.name in outer
        }
        below = (*path, invocation.name)
        if isinstance(invocation.node, Graph):
            _trace_inputs(invocation.node, below, fed, sources)
        else:
            sources.update({(below, name): source for name, source in fed.items()})


def _move_graph_inputs(nodes: dict[str, NodeSchema], sources: Mapping[tuple[Names, str], str]) -> None:
    for path, name in sources:
        _node_at(nodes, path).inputs.pop(name, None)


def field_of_input(item: Input) -> Field:
    """Return the field under which run config gives an input: the value, or ``{"value": …}``.

    Raises:
        InvalidDefinition: values of the input's type cannot be written in run config.
    """
    kind = _loaded_type(item.annotation)
    if kind is None:
        raise InvalidDefinition(
            f"Input '{item.name}' is fed by nothing, and a {item.annotation!r} cannot come from run config; "
            f"connect it, give it a default, or make it an input of the graph."
        )
    return Field(kind, is_required=item.default is NO_VALUE)


def _loaded_type(annotation: Any) -> ConfigType | None:
    if annotation is Any:
        return Selector({"value": Any})
    if annotation in (int, float, str, bool):
        return ScalarUnion(annotation, Selector({"value": annotation}))
    if annotation is dict:
        return Permissive()
    arguments = get_args(annotation)
    if annotation is list or get_origin(annotation) is list:
        inner = _loaded_type(arguments[0] if arguments else Any)
        return Array(inner) if inner is not None else None
    if len(arguments) == 2 and type(None) in arguments:
        inner = _loaded_type(next(argument for argument in arguments if argument is not type(None)))
        return Noneable(inner) if inner is not None else None
    return None


def loaded_value(annotation: Any, filled: Any) -> Any:
    """Return the value of an input from what run config says of it, filled already."""
    if isinstance(filled, list):
        arguments = get_args(annotation)
        return [loaded_value(arguments[0] if arguments else Any, item) for item in filled]
    is_wrapped = isinstance(filled, dict) and annotation is not dict
    return filled["value"] if is_wrapped else filled


LOGGERS: Final = Shape(
    {
        "console": Field(
            {
                "config": Field(
                    {"log_level": Field(str, is_required=False), "name": Field(str, is_required=False)},
                    is_required=False,
                )
            },
            is_required=False,
        )
    }
)
