"""Definition cells as definitions: ``%%asset``, ``%%op``, ``%%check``, ``%%resource`` and ``%%job``.

Each function takes the read options, a compiled body and the place of the cell, and gives a record of the model, or
something that gives it once the other definitions are known. Magics parse and call these; only ``%%job`` runs here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from jobkernel.api.assets import kinds_of, plain_tags
from jobkernel.api.composition import DynamicHandle, OutputHandle
from jobkernel.api.declared_outputs import AssetCheckSpec
from jobkernel.api.graphs import GraphDefinition, compose
from jobkernel.api.jobs import JobDefinition, job_of_graph
from jobkernel.api.ops import OpDefinition
from jobkernel.api.signatures import UNKNOWN, returned
from jobkernel.errors import InvalidDefinition, UnknownName, did_you_mean
from jobkernel.model.definitions import (
    DEFAULT_IO,
    RESULT,
    Assets,
    AssetSpec,
    CheckSpec,
    Output,
    Resource,
)
from jobkernel.model.keys import AssetKey
from jobkernel.notebook.body import CellBody
from jobkernel.notebook.body_call import bind, program_of
from jobkernel.notebook.capture import launch_of
from jobkernel.notebook.cell_options import AssetOptions, CheckOptions, JobOptions, OpOptions, ResourceOptions
from jobkernel.notebook.cell_step import Body, CellPlace, CellStep
from jobkernel.notebook.dependencies import Resolution, resolve
from jobkernel.notebook.partition_options import refuse_unused
from jobkernel.rules.names import check_group, check_name, check_owners


class CellAsset:
    """An asset cell before it is known which of its names are assets."""

    def __init__(self, options: AssetOptions, step: CellStep) -> None:
        self.options = options
        self.step = step
        self.resolution: Resolution | None = None
        self._made: Assets | None = None
        self._spec = _asset_spec(options, step)

    @property
    def key(self) -> str:
        """The key text of the asset."""
        return self._spec.key

    @property
    def free_names(self) -> frozenset[str]:
        """The names that may turn out to be assets."""
        return self.step.names_read()

    def resolved(self, known: Mapping[str, str]) -> Assets:
        """Return the definition, given which variable names are assets and under which key.

        The same object comes back while nothing changed.
        """
        resolution = self.step.resolve(known)
        if self._made is None or resolution != self.resolution:
            self._made = self._assets(resolution)
            self.resolution = resolution
        return self._made

    def _assets(self, resolution: Resolution) -> Assets:
        keys = resolution.inputs
        stated = {*self.options.deps, *(key for name, key in keys.items() if name not in resolution.inferred)}
        mappings = {keys.get(name, name): mapping for name, mapping in self.options.mappings.items()}
        needed = dict.fromkeys([*keys.values(), *self.options.deps])
        deps = tuple(key for key in needed if key != self.key or key not in mappings)  # earlier parts of itself
        spec = replace(self._spec, deps=deps, inferred_deps=frozenset(deps) - stated, mappings=mappings)
        name = AssetKey.from_escaped_user_string(self.key).to_python_identifier()
        op = self.step.op(name, resolution, (_output(self),))
        by_input = {item.name: key for item, key in zip(op.inputs, keys.values(), strict=True)}
        keys_by_output = {RESULT: self.key}
        return Assets(
            specs=(spec,),
            node=op,
            keys_by_input=by_input,
            keys_by_output=keys_by_output,
            backfill=self.options.backfill,
        )


def asset_from_cell(options: AssetOptions, body: Body, place: CellPlace) -> CellAsset:
    """Return the asset of a cell.

    Raises:
        InvalidDefinition: a bad key, tag, owner, group or kind, or options that contradict each other or the body.
        UsageProblem: a mapping to what the body does not use.
    """
    step = CellStep(body, options, place, kind="asset")
    refuse_unused(options.mappings, [*step.names_read(), *options.ins, *options.ins.values(), *options.deps])
    return CellAsset(options, step)


def _asset_spec(options: AssetOptions, step: CellStep) -> AssetSpec:
    body, what = step.body, step.what
    key = AssetKey.from_user_string(body.name)
    for part in key.parts:
        check_name(part, "Asset")
    return AssetSpec(
        key=key.text,
        description=options.description if options.description is not None else body.description,
        metadata=options.metadata,
        group=check_group(options.group),
        owners=check_owners(options.owners, what),
        tags=plain_tags(options.tags, what),
        kinds=kinds_of(options.tags, [*options.kinds, *(["duckdb"] if options.sql else [])], what),
        partitions=options.partitions,
        automation=options.automation,
    )


def _output(asset: CellAsset) -> Output:
    said = returned(asset.step.annotations.get("return", UNKNOWN))
    return Output(annotation=said.annotation, is_nothing=said.is_nothing, io=asset.options.io or DEFAULT_IO)


def op_from_cell(options: OpOptions, body: CellBody, place: CellPlace) -> OpDefinition:
    """Return the op of a cell: its inputs are ``--ins`` and the parameters of the function form.

    Raises:
        InvalidDefinition: a bad name or tag, or options that contradict each other.
    """
    given = {param.name for param in options.params} | set(place.resources) | {"config"}
    parameters = [each.name for each in body.parameters if not each.is_variadic and each.name not in given]
    declared = dict.fromkeys([*parameters, *options.inputs, *options.ins])
    step = CellStep(body, replace(options, ins={name: name for name in declared}), place, kind="op")
    resolution = step.resolve({})
    name = check_name(body.name, "Op")
    outputs = tuple(Output(name=check_name(out, "Output")) for out in options.outs) or (_op_output(step),)
    return step.op(name, resolution, outputs, tags=options.tags)


def _op_output(step: CellStep) -> Output:
    said = returned(step.annotations.get("return", UNKNOWN))
    return Output(annotation=said.annotation, is_nothing=said.is_nothing, is_dynamic=said.is_dynamic)


class CellCheck:
    """A check cell before it is known which of its names are assets."""

    def __init__(self, options: CheckOptions, step: CellStep) -> None:
        self.options = options
        self.step = step

    @property
    def free_names(self) -> frozenset[str]:
        """The names that may turn out to be assets."""
        return self.step.names_read()

    def resolved(self, known: Mapping[str, str]) -> Assets:
        """Return the definition, given which variable names are assets and under which key."""
        options = self.options
        key = known.get(options.asset, AssetKey.from_user_string(options.asset).text)
        resolution = self.step.resolve(known)
        inputs = self._inputs(resolution, key, known)
        resolution = replace(resolution, inputs=inputs)
        deps = tuple(dict.fromkeys(each for each in inputs.values() if each != key))
        spec = CheckSpec(
            asset_key=key, name=self.step.body.name, is_blocking=options.blocking, severity=options.severity,
            description=options.description if options.description is not None else self.step.body.description,
            metadata=options.metadata, additional_deps=deps,
        )  # fmt: skip
        name = AssetCheckSpec(spec.name, asset=AssetKey.from_escaped_user_string(key)).get_python_identifier()
        op = self.step.op(name, resolution, (Output(),), tags=options.tags)
        return Assets(specs=(), node=op, keys_by_input=inputs, checks_by_output={RESULT: spec})

    def _inputs(self, resolution: Resolution, key: str, known: Mapping[str, str]) -> dict[str, str]:
        """A parameter of any name is the checked asset, unless it names another one."""
        parameters = {parameter.name for parameter in self.step.body.parameters}
        own = [name for name in resolution.inputs if name in parameters and name not in {*known, *self.options.ins}]
        if len(own) > 1:
            raise InvalidDefinition(
                f"{self.step.what} takes {', '.join(own)}; only one parameter is its asset, map the others by --ins."
            )
        return {name: key if name in own else each for name, each in resolution.inputs.items()}


def check_from_cell(options: CheckOptions, body: CellBody, place: CellPlace) -> CellCheck:
    """Return the check of a cell.

    Raises:
        InvalidDefinition: a bad name, or options that contradict each other.
    """
    check_name(body.name, "Check")
    return CellCheck(options, CellStep(body, options, place, kind="check"))


def resource_from_cell(options: ResourceOptions, body: CellBody, place: CellPlace) -> Resource:
    """Return the resource of a cell: its value, or what its function returns or yields once.

    Raises:
        InvalidDefinition: a function that takes more than its context.
    """
    needed = [parameter.name for parameter in body.parameters if parameter.default is None]
    if needed:
        raise InvalidDefinition(
            f"Resource '{body.name}' takes {', '.join(needed)}; a resource takes its context or nothing, and"
            " reaches others by context.resources.NAME."
        )
    resolution = resolve(body, {}, namespace=place.namespace)
    resolution = replace(resolution, inputs={})
    program, namespace = program_of(body, kind="resource"), place.namespace

    def capture(memo: dict[Any, Any]) -> Callable[..., Any]:
        return bind(program, resolution, launch_of(memo, namespace))

    return Resource(
        name=check_name(body.name, "Resource"),
        create=lambda *context: capture({})(*context),
        capture=capture,
        required_resources=body.resources,
        description=options.description if options.description is not None else body.description,
        source=CellStep(body, AssetOptions(), place, kind="resource").source(),
    )


def job_from_cell(options: JobOptions, body: CellBody, place: CellPlace, nodes: Mapping[str, Any]) -> JobDefinition:
    """Return the op job that a cell composes by calling ops. ``nodes`` are the ops, graphs and assets by variable name.

    Raises:
        UnknownName: it calls what neither ``nodes`` nor the notebook has.
        InvalidDefinition: a call makes no sense; the message says which.
    """
    if body.is_async:
        raise InvalidDefinition(f"Job '{body.name}' is asynchronous; its body only calls ops, and nothing in it waits.")
    _refuse_unknown(body, place, nodes)
    resolution = replace(resolve(body, {}), inputs={})
    given = {name: nodes[name] for name in body.free_names if name in nodes}
    variables = tuple(name for name in resolution.variables if name not in given)
    call = bind(program_of(body, kind="job"), replace(resolution, variables=variables), launch_of({}, place.namespace))
    what = f"%%job '{body.name}'"
    try:
        fields = compose(_composition(call.composed(given), body), what)
    except (TypeError, InvalidDefinition) as error:
        if "'Assets' object is not callable" not in str(error) and " from Assets(" not in str(error):
            raise
        raise InvalidDefinition(_uses_assets(what, body.name, given)) from error
    if not fields["invocations"]:
        raise InvalidDefinition(f"{what} calls no op; its body composes ops by calling them, such as load(fetch()).")
    source = CellStep(body, AssetOptions(), place, kind="job").source()
    text = options.description if options.description is not None else body.description
    graph = GraphDefinition(body.name, description=text, source=source, **fields)
    job = job_of_graph(graph, name=body.name, description=text, config=options.config, tags=options.tags,
                       executor_def=options.executor)  # fmt: skip
    return job.changed(priority=options.priority, max_concurrent=options.max_concurrent, source=source)


def _uses_assets(what: str, name: str, given: Mapping[str, Any]) -> str:
    keys = " or ".join(node.specs[0].key for node in given.values() if isinstance(node, Assets) and node.specs)
    return f"{what} uses an asset; a job composes ops. A job over assets is a line: %job {name} {keys}"


def _composition(function: Callable[..., Any], body: CellBody) -> Callable[..., Any]:
    """Return what is composed; plain code may end in anything, of which only outputs of ops count."""
    if body.function is not None:
        return function

    def plain() -> Any:
        value = function()
        return value if isinstance(value, OutputHandle | DynamicHandle) else None

    return plain


def _refuse_unknown(body: CellBody, place: CellPlace, nodes: Mapping[str, Any]) -> None:
    for name in body.free_names:
        if name not in nodes and name not in place.namespace and name not in body.names.writes:
            raise UnknownName(f"Job '{body.name}' uses '{name}', which no cell defines.{did_you_mean(name, nodes)}")
