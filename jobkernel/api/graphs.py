"""Graphs of ops: the ``@graph`` decorator, and :class:`GraphDefinition` from a dictionary of dependencies.

Knows composition and the checks on how nodes are wired; jobs are made elsewhere from what this returns.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from jobkernel.api.composition import (
    Collected,
    DynamicHandle,
    OutputHandle,
    Parameter,
    PendingInvocation,
    composing,
    invoke,
    merged_hooks,
)
from jobkernel.api.declarations import GraphIn, GraphOut
from jobkernel.api.ops import function_name
from jobkernel.api.refusals import refuse, refuse_unknown
from jobkernel.api.signatures import UNKNOWN, described, read_signature
from jobkernel.api.wiring import check_wiring, output_details
from jobkernel.errors import InvalidDefinition
from jobkernel.model.configured import Configured
from jobkernel.model.definitions import RESULT, Endpoint, Graph, Input
from jobkernel.model.policies import RetryPolicy
from jobkernel.rules.names import check_name, lenient_tags


class GraphDefinition(Graph):
    """Ops and graphs wired to each other. Made by :func:`graph`, or here from node definitions and dependencies.

    Raises:
        InvalidDefinition: a dependency names what does not exist, or the wiring makes no sense.
    """

    __slots__ = ()
    __hash__ = object.__hash__  # definitions are told apart by identity

    def __init__(
        self,
        name: str,
        *,
        description: str | None = None,
        node_defs: Sequence[Any] | None = None,
        dependencies: Mapping[Any, Any] | None = None,
        input_mappings: Sequence[Any] | None = None,
        output_mappings: Sequence[Any] | None = None,
        config: Any = None,
        tags: Mapping[str, Any] | None = None,
        **fields: Any,
    ) -> None:
        if "invocations" not in fields:
            from jobkernel.api.dependencies import wired

            refuse_unknown(f"Graph '{name}'", fields)
            fields = wired(name, node_defs or (), dependencies or {}, input_mappings or (), output_mappings or ())
        what = f"Graph '{name}'"
        kept = lenient_tags(tags, what)
        super().__init__(name=check_name(name, "Graph"), description=description, config=config, tags=kept, **fields)
        check_wiring(self, what)

    def __eq__(self, other: object) -> bool:
        return self is other

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Record an invocation in the graph or job that is being composed."""
        return invoke(PendingInvocation(self), args, kwargs)

    @property
    def __name__(self) -> str:
        return self.name

    @property
    def node_defs(self) -> list[Any]:
        """The ops and graphs used, each once."""
        return list(dict.fromkeys(invocation.node for invocation in self.invocations))

    def alias(self, name: str) -> PendingInvocation:
        """Return the graph, to be called under another name."""
        return PendingInvocation(self, alias=name)

    def tag(self, tags: Mapping[str, Any] | None) -> PendingInvocation:
        """Return the graph, to be called with tags of its own."""
        return PendingInvocation(self, tags=lenient_tags(tags, f"graph '{self.name}'"))

    def with_hooks(self, hook_defs: Any) -> PendingInvocation:
        """Return the graph, to be called with hooks of its own."""
        return PendingInvocation(self, hooks=merged_hooks((), hook_defs, f"graph '{self.name}'"))

    def with_retry_policy(self, retry_policy: RetryPolicy) -> PendingInvocation:
        """Return the graph, to be called under a retry policy of its own."""
        return PendingInvocation(self, retry_policy=retry_policy)

    def configured(
        self, config_or_config_fn: Any, name: str, config_schema: Any = None, description: str | None = None
    ) -> GraphDefinition:
        """Return a graph of another name whose config mapping is given its config here.

        Raises:
            InvalidDefinition: the graph maps no config.
        """
        if self.config is None or isinstance(self.config, Mapping):
            raise InvalidDefinition(f"Graph '{self.name}' maps no config, so there is nothing to be configured.")
        fixed = Configured(schema=self.config, config=config_or_config_fn, outer=config_schema)
        return replace(self, name=name, config=fixed, description=description or self.description)

    def to_job(self, name: str | None = None, description: str | None = None, **options: Any) -> Any:
        """Return a job that runs this graph; ``options`` are those of :func:`jobkernel.job`.

        Raises:
            InvalidDefinition: see :class:`JobDefinition`.
        """
        from jobkernel.api.jobs import job_of_graph

        return job_of_graph(self, name=name, description=description, **options)

    def execute_in_process(
        self, run_config: Any = None, instance: Any = None, resources: Any = None, **options: Any
    ) -> Any:
        """Run the graph in this process and return the result; see :meth:`JobDefinition.execute_in_process`."""
        job = self.to_job(resource_defs=resources)
        return job.execute_in_process(run_config, instance, **options)


def graph(
    compose_fn: Callable[..., Any] | None = None,
    *,
    name: str | None = None,
    description: str | None = None,
    input_defs: Any = None,
    output_defs: Any = None,
    ins: Mapping[str, GraphIn] | None = None,
    out: GraphOut | Mapping[str, GraphOut] | None = None,
    tags: Mapping[str, Any] | None = None,
    config: Any = None,
) -> Any:
    """Make a graph of a function that calls ops: parameters are its inputs, what it returns its outputs.

    Several outputs are declared by ``out={"a": GraphOut(), …}`` and returned as a dict. ``config`` is a config mapping
    or the config of the ops inside.

    Raises:
        InvalidDefinition: an input is not used, an output not returned, or a call makes no sense.
    """
    refuse("@graph", input_defs=input_defs, output_defs=output_defs)

    def decorate(function: Callable[..., Any]) -> GraphDefinition:
        own = name or function_name(function, "@graph")
        made = compose(function, f"@graph '{own}'", ins=ins, outs=named_outs(out))
        text = description if description is not None else described(function)
        return GraphDefinition(own, description=text, config=config, tags=tags, **made)

    return decorate if compose_fn is None else decorate(compose_fn)


def named_outs(out: GraphOut | Mapping[str, GraphOut] | None) -> Mapping[str, GraphOut] | None:
    """Return the declared outputs by name; None where nothing is declared."""
    return {RESULT: out} if isinstance(out, GraphOut) else out


def compose(
    function: Callable[..., Any],
    what: str,
    *,
    ins: Mapping[str, Any] | None = None,
    outs: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Run a composition function and return the fields of the graph that it describes.

    Raises:
        InvalidDefinition: see :func:`graph`.
    """
    signature = read_signature(function, what, with_context=False)
    parameters = (*signature.inputs, *((signature.config,) if signature.config else ()), *signature.resources)
    for name in ins or ():
        if name not in {item.name for item in parameters} and not signature.takes_any_keyword:
            raise InvalidDefinition(
                f"Input '{name}' of {what} is no parameter of its function; add it, or remove the input."
            )
    names = [*(item.name for item in parameters), *(n for n in ins or () if n not in {p.name for p in parameters})]
    with composing(what) as composition:
        result = function(**{name: Parameter(check_name(name, "Input")) for name in names})
    unused = [name for name in names if name not in composition.used_inputs]
    if unused:
        raise InvalidDefinition(f"Input '{unused[0]}' of {what} feeds nothing; remove it or pass it to an op.")
    outputs = _mapped_outputs(result, outs, what)
    invocations = tuple(composition.invocations.values())
    return {
        "invocations": invocations,
        "inputs": tuple(_graph_input(item, (ins or {}).get(item.name)) for item in parameters)
        + tuple(Input(name=name) for name in names[len(parameters) :]),
        "outputs": outputs,
        "output_details": output_details(invocations, outputs, outs or {}),
    }


def _graph_input(item: Any, declared: Any) -> Input:
    annotation = Any if item.annotation is UNKNOWN else item.annotation
    return Input(
        name=item.name,
        annotation=annotation,
        default=item.default,
        is_nothing=bool(getattr(annotation, "__jobkernel_nothing__", False)),
        description=getattr(declared, "description", None),
    )


def _mapped_outputs(result: Any, outs: Mapping[str, Any] | None, what: str) -> dict[str, Endpoint]:
    names = list(outs) if outs is not None else [RESULT]
    mapped = _named_results(result, names, what)
    missing = [name for name in names if name not in mapped]
    if outs is not None and missing:
        raise InvalidDefinition(f"Output '{missing[0]}' of {what} is not returned; return it or do not declare it.")
    return {name: mapped[name].endpoint for name in names if name in mapped}


def _named_results(result: Any, names: list[str], what: str) -> dict[str, Any]:
    if result is None:
        return {}
    if isinstance(result, (OutputHandle, DynamicHandle)):
        if len(names) != 1:
            raise InvalidDefinition(f"{what} returns one output and declares {len(names)}; return a dict of them.")
        return {names[0]: result}
    if isinstance(result, tuple) and all(isinstance(item, OutputHandle) for item in result):
        return _from_tuple(result, names, what)
    if isinstance(result, dict):
        return _from_dict(result, names, what)
    raise InvalidDefinition(f"{what} returns {_kind(result)}; return outputs of ops: one, a tuple, or a dict by name.")


def _kind(result: Any) -> str:
    if isinstance(result, Collected):
        return "collected values, which only an op can take"
    if isinstance(result, Parameter):
        return f"its own input '{result.name}'"
    return repr(result)


def _from_tuple(result: tuple[Any, ...], names: list[str], what: str) -> dict[str, Any]:
    if len(result) < len(names):
        raise InvalidDefinition(f"{what} returns {len(result)} outputs and declares {len(names)}.")
    return dict(zip(names, result, strict=False))


def _from_dict(result: dict[str, Any], names: list[str], what: str) -> dict[str, Any]:
    for name, handle in result.items():
        if name not in names:
            raise InvalidDefinition(f"{what} returns '{name}', which is none of its outputs: {', '.join(names)}.")
        if not isinstance(handle, (OutputHandle, DynamicHandle)):
            raise InvalidDefinition(f"{what} returns {handle!r} as '{name}'; return outputs of ops.")
    return result
