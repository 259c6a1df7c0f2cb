"""The ``@multi_asset`` decorator: one function, several assets."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from jobkernel.api.asset_inputs import Upstream, read_inputs
from jobkernel.api.assets import outputs_of_checks
from jobkernel.api.assets_definition import AssetsDefinition
from jobkernel.api.composition import merged_hooks
from jobkernel.api.declarations import UNSET, Nothing, is_nothing
from jobkernel.api.declared_outputs import AssetCheckSpec, AssetOut, check_outputs
from jobkernel.api.keys import as_key
from jobkernel.api.ops import OpDefinition, check_resources, function_name, schema_of
from jobkernel.api.refusals import refuse_unknown
from jobkernel.api.signatures import ANYTHING, Returned, Signature, described, read_signature, returned_by_each
from jobkernel.api.specs import IO_MANAGER_KEY, AssetIn, AssetSpec, check_own_upstream
from jobkernel.errors import InvalidDefinition, InvariantViolation
from jobkernel.model.definitions import DEFAULT_IO, Assets, Output
from jobkernel.model.keys import AssetKey
from jobkernel.model.policies import RetryPolicy
from jobkernel.records import dataclass
from jobkernel.rules.names import check_name, lenient_tags


@dataclass(slots=True)
class Made:
    """The assets of one function so far: what is said of each, and the output that makes it."""

    specs: list[AssetSpec]
    outputs: list[Output]
    keys_by_output: dict[str, str]


def multi_asset(
    *,
    outs: Mapping[str, AssetOut] | None = None,
    name: str | None = None,
    ins: Mapping[str, AssetIn] | None = None,
    deps: Iterable[Any] | None = None,
    description: str | None = None,
    config_schema: Any = None,
    required_resource_keys: Iterable[str] | None = None,
    internal_asset_deps: Mapping[str, set[AssetKey]] | None = None,
    partitions_def: Any = None,
    hooks: Any = None,
    backfill_policy: Any = None,
    op_tags: Mapping[str, Any] | None = None,
    can_subset: bool = False,
    resource_defs: Mapping[str, Any] | None = None,
    group_name: str | None = None,
    retry_policy: RetryPolicy | None = None,
    code_version: str | None = None,
    specs: Sequence[AssetSpec] | None = None,
    check_specs: Sequence[AssetCheckSpec] | None = None,
    pool: str | None = None,
    compute_kind: str | None = None,
    **unknown: Any,
) -> Callable[[Callable[..., Any]], AssetsDefinition]:
    """Make several assets of one function, declared by ``outs`` or by ``specs``. Source: Dagster's ``@multi_asset``.

    With ``can_subset`` some of them may be made alone; ``context.selected_asset_keys`` says which.

    Raises:
        InvalidDefinition: both ``outs`` and ``specs``, a dependency that nothing provides, or any clash.
        Unsupported: an argument that jobkernel does not know.
    """
    refuse_unknown("@multi_asset", unknown, multi_asset.__kwdefaults__ or ())
    if outs and specs:
        raise InvalidDefinition("@multi_asset takes outs or specs, not both.")
    if specs and (deps or internal_asset_deps):
        raise InvalidDefinition("@multi_asset with specs takes dependencies from each spec's deps, not by itself.")

    def decorate(function: Callable[..., Any]) -> AssetsDefinition:
        own = name or function_name(function, "@multi_asset")
        what = f"Multi-asset '{own}'"
        signature = read_signature(function, what)
        if specs:
            upstream = read_inputs(signature, ins, _outside_deps(specs), what)
            made = _from_specs(specs, can_subset)
            _check_inputs_are_deps(upstream, specs, what)
        else:
            upstream = read_inputs(signature, ins, deps, what)
            made = _from_outs(outs or {}, signature, upstream, internal_asset_deps, check_specs, what)
        _check_keys(made, what)
        check_own_upstream(made.specs)
        checks = check_outputs(check_specs or (), set(made.keys_by_output.values()), what)
        required = frozenset(required_resource_keys or ())
        check_resources(required, signature, what)
        named_resources = {item.name for item in signature.resources}
        kinds = {compute_kind} if compute_kind else set()
        op = OpDefinition(
            name=check_name(own, "Multi-asset"),
            compute=function,
            inputs=upstream.inputs,
            outputs=(*made.outputs, *outputs_of_checks(checks, is_required=not can_subset)),
            context_argument=signature.context,
            config_argument=None if signature.config is None else signature.config.name,
            config_schema=schema_of(signature, config_schema, what),
            resource_arguments={item.name: item.name for item in signature.resources},
            required_resources=required | (frozenset(resource_defs or ()) - named_resources),
            retry=retry_policy,
            pool=pool,
            tags=lenient_tags(op_tags, what),
            description=description if description is not None else described(function),
            code_version=code_version,
        )
        record = Assets(
            specs=tuple(
                _completed(spec, group_name, partitions_def, kinds, op.description, what).record for spec in made.specs
            ),
            node=op,
            keys_by_input=upstream.keys_by_input,
            keys_by_output=made.keys_by_output,
            checks_by_output=checks,
            can_subset=can_subset,
            resource_defs=dict(resource_defs or {}),
            hooks=merged_hooks((), hooks, what),
            backfill=backfill_policy,
        )
        return AssetsDefinition.of(record, _mappings(made, upstream))

    return decorate


def _outside_deps(specs: Sequence[AssetSpec]) -> list[Any]:
    for spec in specs:
        if not isinstance(spec, AssetSpec):
            raise InvalidDefinition(f"@multi_asset takes specs made by AssetSpec, not {spec!r}.")
    own = {spec.key for spec in specs}
    return list({dep.asset_key: dep for spec in specs for dep in spec.deps if dep.asset_key not in own}.values())


def _from_specs(specs: Sequence[AssetSpec], can_subset: bool) -> Made:
    made = Made(list(specs), [], {})
    for spec in specs:
        output = check_name(spec.key.to_python_identifier(), "Output")
        io = spec.metadata.get(IO_MANAGER_KEY)
        made.keys_by_output[output] = spec.key.text
        made.outputs.append(
            Output(
                name=output,
                annotation=Any if io else Nothing,
                is_required=not (can_subset or spec.skippable),
                is_nothing=not io,
                io=io or DEFAULT_IO,
                description=spec.description,
                code_version=spec.code_version,
            )
        )
    return made


def _check_inputs_are_deps(upstream: Upstream, specs: Sequence[AssetSpec], what: str) -> None:
    known = {dep.asset_key.text for spec in specs for dep in spec.deps}
    for key in upstream.keys_by_input.values():
        if key not in known:
            raise InvalidDefinition(
                f"{what} takes '{key}' as a parameter; name it in the deps of the specs that need it."
            )


def _from_outs(
    outs: Mapping[str, AssetOut],
    signature: Signature,
    upstream: Upstream,
    internal: Mapping[str, set[AssetKey]] | None,
    checks: Sequence[AssetCheckSpec] | None,
    what: str,
) -> Made:
    made = Made([], [], {})
    for out in outs.values():
        if not isinstance(out, AssetOut):
            raise InvalidDefinition(f"Outputs of {what} are declared by AssetOut, not {out!r}.")
    count = len(outs) + len(checks or ())
    said = returned_by_each(signature, count, what) if outs else []
    keys = {output: out.resolve_key(output) for output, out in outs.items()}
    _check_internal(internal, keys, upstream, what)
    for (output, out), returned in zip(outs.items(), said, strict=False):
        wanted = (internal or {}).get(output) if internal else None
        deps = [key.text for key in map(as_key, wanted)] if wanted is not None else (() if internal else upstream.deps)
        made.specs.append(out.to_spec(keys[output], deps=[AssetKey.from_escaped_user_string(text) for text in deps]))
        made.keys_by_output[check_name(output.replace("-", "_"), "Output")] = keys[output].text
        made.outputs.append(_output(output, out, returned))
    return made


def _output(name: str, out: AssetOut, said: Returned) -> Output:
    is_typed = out.dagster_type is not UNSET
    kept = ANYTHING if is_typed else said
    return Output(
        name=name.replace("-", "_"),
        annotation=out.dagster_type if is_typed else kept.annotation,
        is_required=out.is_required,
        is_nothing=is_nothing(out.dagster_type) if is_typed else kept.is_nothing,
        io=out.io_manager_key or DEFAULT_IO,
        description=out.description,
        code_version=out.code_version,
    )


def _check_internal(
    internal: Mapping[str, set[AssetKey]] | None, keys: Mapping[str, AssetKey], upstream: Upstream, what: str
) -> None:
    if not internal:
        return
    known = {*upstream.deps, *(key.text for key in keys.values())}
    for output, wanted in internal.items():
        if output not in keys:
            raise InvalidDefinition(f"internal_asset_deps of {what} names '{output}', which is none of its outputs.")
        for key in map(as_key, wanted):
            if key.text not in known:
                raise InvalidDefinition(
                    f"internal_asset_deps of {what} names '{key.text}', which it neither takes nor makes."
                )
    left = set(upstream.deps) - {as_key(key).text for wanted in internal.values() for key in wanted}
    if left:
        raise InvalidDefinition(f"internal_asset_deps of {what} does not say which output needs '{min(left)}'.")


def _check_keys(made: Made, what: str) -> None:
    if not made.specs:
        raise InvalidDefinition(f"{what} makes no asset; declare some by outs or specs.")
    if len(set(made.keys_by_output.values())) < len(made.specs):
        raise InvalidDefinition(f"{what} makes one asset twice.")


def _completed(
    spec: AssetSpec, group: str | None, partitions: Any, kinds: set[str], text: str | None, what: str
) -> AssetSpec:
    if group is not None and spec.group_name not in (None, group):
        raise InvariantViolation(f"{what} has a group_name and so has '{spec.key.to_user_string()}'; give one.")
    if partitions is not None and spec.partitions_def not in (None, partitions):
        raise InvariantViolation(f"{what} has other partitions than its asset '{spec.key.to_user_string()}'.")
    if kinds and spec.kinds:
        raise InvalidDefinition(f"{what} has a compute_kind and '{spec.key.to_user_string()}' has kinds; give one.")
    return spec.replace_attributes(
        group_name=spec.group_name or group,
        partitions_def=spec.partitions_def or partitions,
        kinds=kinds or spec.kinds,
        description=text if spec.description is None else spec.description,
    )


def _mappings(made: Made, upstream: Upstream) -> dict[str, dict[str, Any]]:
    found = {}
    for spec in made.specs:
        own = {key.text: mapping for key, mapping in spec.partition_mappings.items()}
        own.update({key: m for key, m in upstream.mappings.items() if key in {dep.asset_key.text for dep in spec.deps}})
        if own:
            found[spec.key.text] = own
    return found
