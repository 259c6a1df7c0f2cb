"""Assets made by a graph or an op: ``@graph_asset``, ``@graph_multi_asset``, ``from_op`` and ``from_graph``."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from jobkernel.api.assets_definition import AssetsDefinition
from jobkernel.api.composition import merged_hooks, outputs_of
from jobkernel.api.declarations import GraphOut
from jobkernel.api.declared_outputs import AssetCheckSpec, AssetOut, check_outputs
from jobkernel.api.graphs import GraphDefinition, compose
from jobkernel.api.keys import as_key, as_prefix, key_for
from jobkernel.api.ops import function_name
from jobkernel.api.refusals import refuse_unknown
from jobkernel.api.signatures import described
from jobkernel.api.specs import AssetDep, AssetIn, AssetSpec, check_own_upstream
from jobkernel.errors import InvalidDefinition
from jobkernel.model.definitions import RESULT, Assets, Graph, Op
from jobkernel.model.keys import AssetKey


def graph_asset(
    compose_fn: Callable[..., Any] | None = None,
    *,
    name: str | None = None,
    description: str | None = None,
    ins: Mapping[str, AssetIn] | None = None,
    config: Any = None,
    key_prefix: str | Sequence[str] | None = None,
    group_name: str | None = None,
    partitions_def: Any = None,
    hooks: Any = None,
    metadata: Mapping[str, Any] | None = None,
    tags: Mapping[str, str] | None = None,
    owners: Sequence[str] | None = None,
    automation_condition: Any = None,
    backfill_policy: Any = None,
    resource_defs: Mapping[str, Any] | None = None,
    check_specs: Sequence[AssetCheckSpec] | None = None,
    code_version: str | None = None,
    key: Any = None,
    kinds: Iterable[str] | None = None,
    **unknown: Any,
) -> Any:
    """Make an asset of a graph of ops: parameters are upstream assets, what the function returns is the asset.

    Source: Dagster's ``@graph_asset``.

    Raises:
        InvalidDefinition: see :func:`jobkernel.graph` and :func:`jobkernel.asset`.
    """
    refuse_unknown("@graph_asset", unknown, graph_asset.__kwdefaults__ or ())

    def decorate(function: Callable[..., Any]) -> AssetsDefinition:
        own = function_name(function, "@graph_asset")
        made_key = key_for(own, key=key, prefix=key_prefix, own_name=name, decorator="@graph_asset")
        what = f"Asset '{made_key.to_user_string()}'"
        checks = check_outputs(check_specs or (), {made_key.text}, what)
        outs = {RESULT: GraphOut(), **{output: GraphOut() for output in checks}}
        text = description if description is not None else described(function)
        graph = _graph(function, made_key.to_python_identifier(), what, ins or {}, outs, config, text)
        keys = _keys(graph, ins or {})
        spec = AssetSpec(
            made_key,
            deps=_deps(keys, ins or {}),
            description=text,
            metadata=metadata,
            group_name=group_name,
            tags=tags,
            owners=owners,
            automation_condition=automation_condition,
            partitions_def=partitions_def,
            code_version=code_version,
            kinds=kinds,
        )
        record = Assets(
            specs=(spec.record,),
            node=graph,
            keys_by_input={n: k.text for n, k in keys.items()},
            keys_by_output={RESULT: made_key.text},
            checks_by_output=checks,
            resource_defs=dict(resource_defs or {}),
            hooks=merged_hooks((), hooks, what),
            backfill=backfill_policy,
        )
        return AssetsDefinition.of(record, _mappings([spec]))

    return decorate if compose_fn is None else decorate(compose_fn)


def graph_multi_asset(
    *,
    outs: Mapping[str, AssetOut],
    name: str | None = None,
    ins: Mapping[str, AssetIn] | None = None,
    partitions_def: Any = None,
    hooks: Any = None,
    backfill_policy: Any = None,
    group_name: str | None = None,
    can_subset: bool = False,
    resource_defs: Mapping[str, Any] | None = None,
    check_specs: Sequence[AssetCheckSpec] | None = None,
    config: Any = None,
) -> Callable[[Callable[..., Any]], AssetsDefinition]:
    """Make several assets of a graph of ops, returned as a dict by output name.

    Source: Dagster's ``@graph_multi_asset``.

    Raises:
        InvalidDefinition: see :func:`jobkernel.graph` and :func:`jobkernel.multi_asset`.
    """

    def decorate(function: Callable[..., Any]) -> AssetsDefinition:
        own = name or function_name(function, "@graph_multi_asset")
        what = f"Multi-asset '{own}'"
        made_keys = {output: out.resolve_key(output) for output, out in outs.items()}
        checks = check_outputs(check_specs or (), {key.text for key in made_keys.values()}, what)
        declared = {output: GraphOut() for output in (*outs, *checks)}
        graph = _graph(function, own, what, ins or {}, declared, config, described(function))
        keys = _keys(graph, ins or {})
        specs = [
            _described(
                _in_group(out.to_spec(made_keys[output], _deps(keys, ins or {}), partitions_def), group_name), graph
            )
            for output, out in outs.items()
        ]
        check_own_upstream(specs)
        record = Assets(
            specs=tuple(spec.record for spec in specs),
            node=graph,
            keys_by_input={n: k.text for n, k in keys.items()},
            keys_by_output={output: key.text for output, key in made_keys.items()},
            checks_by_output=checks,
            can_subset=can_subset,
            resource_defs=dict(resource_defs or {}),
            hooks=merged_hooks((), hooks, what),
            backfill=backfill_policy,
        )
        return AssetsDefinition.of(record, _mappings(specs))

    return decorate


def _in_group(spec: AssetSpec, group: str | None) -> AssetSpec:
    if group is not None and spec.group_name not in (None, group):
        raise InvalidDefinition(f"Asset '{spec.key.to_user_string()}' has a group_name of its own beside '{group}'.")
    return spec if group is None else spec.replace_attributes(group_name=group)


def _described(spec: AssetSpec, node: Op | Graph) -> AssetSpec:
    return spec if spec.description is not None else spec.replace_attributes(description=node.description)


def _graph(
    function: Callable[..., Any],
    name: str,
    what: str,
    ins: Mapping[str, Any],
    outs: Mapping[str, Any],
    config: Any,
    text: Any,
) -> GraphDefinition:
    for key, item in ins.items():
        if not isinstance(item, AssetIn):
            raise InvalidDefinition(f"Input '{key}' of {what} must be declared by AssetIn, not {item!r}.")
    fields = compose(function, what, ins=ins, outs=outs)
    return GraphDefinition(name, description=text, config=config, **fields)


def _keys(node: Op | Graph, ins: Mapping[str, AssetIn]) -> dict[str, AssetKey]:
    return {
        item.name: ins[item.name].resolve_key(item.name) if item.name in ins else AssetKey(item.name)
        for item in node.inputs
    }


def _deps(keys: Mapping[str, AssetKey], ins: Mapping[str, AssetIn]) -> list[AssetDep]:
    return [
        AssetDep(key, partition_mapping=ins[name].partition_mapping if name in ins else None)
        for name, key in keys.items()
    ]


def _mappings(specs: Iterable[AssetSpec]) -> dict[str, dict[str, Any]]:
    return {s.key.text: {k.text: m for k, m in s.partition_mappings.items()} for s in specs if s.partition_mappings}


_BY_OUTPUT = {
    "descriptions_by_output_name": "description",
    "metadata_by_output_name": "metadata",
    "tags_by_output_name": "tags",
    "group_names_by_output_name": "group_name",
    "owners_by_output_name": "owners",
    "code_versions_by_output_name": "code_version",
    "automation_conditions_by_output_name": "automation_condition",
}


def assets_of_node(
    node: Op | Graph,
    *,
    keys_by_input_name: Mapping[str, Any] | None = None,
    keys_by_output_name: Mapping[str, Any] | None = None,
    key_prefix: Any = None,
    internal_asset_deps: Mapping[str, Iterable[Any]] | None = None,
    partitions_def: Any = None,
    group_name: str | None = None,
    backfill_policy: Any = None,
    can_subset: bool = False,
    resource_defs: Mapping[str, Any] | None = None,
    hook_defs: Any = None,
    **by_output: Any,
) -> AssetsDefinition:
    """Return the assets that a node's outputs are; the only output bears the node's name, others their own.

    Raises:
        InvalidDefinition: a name that is none of the node's inputs or outputs.
    """
    refuse_unknown("AssetsDefinition.from_op", {k: v for k, v in by_output.items() if k not in _BY_OUTPUT}, _BY_OUTPUT)
    outputs = outputs_of(node)
    _check_known(node, keys_by_input_name, [item.name for item in node.inputs], "input")
    _check_known(node, keys_by_output_name, [item.name for item in outputs], "output")
    given_in = keys_by_input_name or {}
    upstream = {item.name: as_key(given_in.get(item.name, item.name)) for item in node.inputs}
    prefix = as_prefix(key_prefix)
    made = {}
    for output in outputs:
        default = node.name if len(outputs) == 1 and output.name == RESULT else output.name
        made[output.name] = AssetKey((*prefix, *as_key((keys_by_output_name or {}).get(output.name, default)).parts))
    specs = []
    for name, key in made.items():
        said = {word: by_output[argument].get(name) for argument, word in _BY_OUTPUT.items() if by_output.get(argument)}
        deps = (internal_asset_deps or {}).get(name, () if internal_asset_deps else upstream.values())
        said.setdefault("description", node.description)
        own = AssetSpec(key, deps=list(deps), partitions_def=partitions_def, **said)
        specs.append(_in_group(own, group_name))
    record = Assets(
        specs=tuple(spec.record for spec in specs),
        node=node,
        keys_by_input={n: k.text for n, k in upstream.items()},
        keys_by_output={n: k.text for n, k in made.items()},
        can_subset=can_subset,
        backfill=backfill_policy,
        resource_defs=dict(resource_defs or {}),
        hooks=merged_hooks((), hook_defs, f"'{node.name}'"),
    )
    return AssetsDefinition.of(record)


def _check_known(node: Op | Graph, given: Mapping[str, Any] | None, names: Sequence[str], word: str) -> None:
    for name in given or ():
        if name not in names:
            raise InvalidDefinition(f"'{name}' is no {word} of '{node.name}', which has {', '.join(names) or 'none'}.")
