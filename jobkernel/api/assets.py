"""The ``@asset`` decorator. Reads the function, checks every argument and makes the record; runs nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, overload

from jobkernel.api.asset_inputs import read_inputs
from jobkernel.api.assets_definition import AssetsDefinition
from jobkernel.api.composition import merged_hooks
from jobkernel.api.declarations import UNSET, checked_type, is_nothing
from jobkernel.api.declared_outputs import AssetCheckSpec
from jobkernel.api.keys import key_for
from jobkernel.api.ops import OpDefinition, check_resources, function_name, schema_of
from jobkernel.api.refusals import refuse, refuse_unknown
from jobkernel.api.signatures import Signature, described, read_signature, returned_by_each
from jobkernel.api.specs import AssetIn
from jobkernel.errors import InvalidDefinition
from jobkernel.model.definitions import DEFAULT_IO, EMPTY, RESULT, Assets, AssetSpec, CheckSpec, Output
from jobkernel.model.keys import AssetKey
from jobkernel.model.policies import RetryPolicy
from jobkernel.rules.names import (
    KIND_PREFIX,
    check_group,
    check_name,
    check_owners,
    kind_tags,
    lenient_tags,
    strict_tags,
)


@overload
def asset(compute_fn: Callable[..., Any]) -> AssetsDefinition: ...


@overload
def asset(compute_fn: None = None, **options: Any) -> Callable[[Callable[..., Any]], AssetsDefinition]: ...


def asset(
    compute_fn: Callable[..., Any] | None = None,
    *,
    name: str | None = None,
    key_prefix: str | Sequence[str] | None = None,
    ins: Mapping[str, AssetIn] | None = None,
    deps: Iterable[Any] | None = None,
    metadata: Mapping[str, Any] | None = None,
    tags: Mapping[str, str] | None = None,
    description: str | None = None,
    config_schema: Any = None,
    required_resource_keys: Iterable[str] | None = None,
    resource_defs: Mapping[str, Any] | None = None,
    hooks: Any = None,
    io_manager_def: Any = None,
    io_manager_key: str | None = None,
    dagster_type: Any = None,
    partitions_def: Any = None,
    op_tags: Mapping[str, Any] | None = None,
    group_name: str | None = None,
    output_required: bool = True,
    automation_condition: Any = None,
    freshness_policy: Any = None,
    backfill_policy: Any = None,
    retry_policy: RetryPolicy | None = None,
    code_version: str | None = None,
    key: Any = None,
    check_specs: Sequence[AssetCheckSpec] | None = None,
    owners: Sequence[str] | None = None,
    kinds: Iterable[str] | None = None,
    pool: str | None = None,
    is_virtual: bool = False,
    compute_kind: str | None = None,
    non_argument_deps: Iterable[Any] | None = None,
    **unknown: Any,
) -> AssetsDefinition | Callable[[Callable[..., Any]], AssetsDefinition]:
    """Make an asset of a function: its parameters are upstream assets, loaded; ``deps`` only order.

    Source: Dagster's ``@asset``; the words mean what they mean there.

    Raises:
        InvalidDefinition: a bad name, key, tag, owner or group, or arguments that contradict each other.
        Unsupported: an argument that jobkernel does not know.
    """
    refuse("@asset", freshness_policy=freshness_policy, is_virtual=is_virtual)
    if unknown:
        refuse_unknown("@asset", unknown, asset.__kwdefaults__ or ())
    if non_argument_deps is not None and deps is not None:
        raise InvalidDefinition("@asset takes deps or its older word non_argument_deps, not both.")
    if compute_kind and kinds:
        raise InvalidDefinition("@asset takes kinds or its older word compute_kind, not both.")
    upstream = deps if non_argument_deps is None else non_argument_deps
    all_kinds = {compute_kind} if compute_kind else kinds

    def decorate(function: Callable[..., Any]) -> AssetsDefinition:
        own_name = function_name(function, "@asset")
        made_key = key_for(own_name, key=key, prefix=key_prefix, own_name=name, decorator="@asset")
        what = f"Asset '{made_key.to_user_string()}'"
        signature = read_signature(function, what)
        inputs = read_inputs(signature, ins, upstream, what)
        if made_key.text in inputs.deps:
            inputs = inputs.without_own(made_key)
        resources = _resources(resource_defs, io_manager_def, io_manager_key, made_key)
        io = io_manager_key or (made_key.to_python_identifier("io_manager") if io_manager_def else DEFAULT_IO)
        checks = check_outputs(check_specs, {made_key.text}, what) if check_specs else EMPTY
        required = frozenset(required_resource_keys) if required_resource_keys else frozenset()
        check_resources(required, signature, what)
        text = description if description is not None else described(function)
        op = OpDefinition(
            name=check_name(made_key.to_python_identifier(), "Asset"),
            compute=function,
            inputs=inputs.inputs,
            outputs=_outputs(signature, checks, io, dagster_type, output_required, code_version, what),
            context_argument=signature.context,
            config_argument=None if signature.config is None else signature.config.name,
            config_schema=schema_of(signature, config_schema, what),
            resource_arguments={item.name: item.name for item in signature.resources} if signature.resources else EMPTY,
            required_resources=required | _given(resource_defs, signature),
            retry=retry_policy,
            pool=pool,
            tags=lenient_tags(op_tags, what) if op_tags else EMPTY,
            description=text,
            code_version=code_version,
        )
        spec = AssetSpec(
            key=made_key.text,
            deps=inputs.deps,
            description=text,
            metadata=_metadata(metadata, what) if metadata else EMPTY,
            group=check_group(group_name),
            code_version=code_version,
            owners=check_owners(owners, what) if owners else (),
            tags=plain_tags(tags, what) if tags else EMPTY,
            kinds=kinds_of(tags, all_kinds, what) if tags or all_kinds else frozenset(),
            partitions=partitions_def,
            automation=automation_condition,
            is_skippable=not output_required,
        )
        record = Assets(
            specs=(spec,),
            node=op,
            keys_by_input=inputs.keys_by_input,
            keys_by_output={RESULT: made_key.text},
            checks_by_output=checks,
            resource_defs=resources,
            hooks=merged_hooks((), hooks, what) if hooks else (),
            backfill=backfill_policy,
        )
        return AssetsDefinition.of(record, {spec.key: inputs.mappings} if inputs.mappings else EMPTY)

    return decorate if compute_fn is None else decorate(compute_fn)


def _metadata(metadata: Any, what: str) -> dict[str, Any]:
    if not isinstance(metadata, Mapping) or not all(isinstance(name, str) for name in metadata):
        raise InvalidDefinition(f"Metadata of {what} must map texts to values, not be {metadata!r}.")
    return dict(metadata)


def plain_tags(tags: Mapping[str, str] | None, what: str) -> dict[str, str]:
    """Return the tags that are no kinds, checked strictly."""
    return {name: value for name, value in strict_tags(tags, what).items() if not name.startswith(KIND_PREFIX)}


def kinds_of(tags: Mapping[str, str] | None, kinds: Iterable[str] | None, what: str) -> frozenset[str]:
    """Return the kinds given as such and those given as tags."""
    tagged = [name.removeprefix(KIND_PREFIX) for name in tags or () if name.startswith(KIND_PREFIX)]
    return frozenset(name.removeprefix(KIND_PREFIX) for name in kind_tags([*(kinds or ()), *tagged], what))


def _given(resource_defs: Mapping[str, Any] | None, signature: Signature) -> frozenset[str]:
    if not resource_defs:
        return frozenset()
    return frozenset(resource_defs) - {item.name for item in signature.resources}


def _resources(
    resource_defs: Mapping[str, Any] | None, io_manager_def: Any, io_manager_key: str | None, key: AssetKey
) -> Mapping[str, Any]:
    if io_manager_def is None:
        return dict(resource_defs) if resource_defs else EMPTY
    own = io_manager_key or key.to_python_identifier("io_manager")
    if own in (resource_defs or {}) and (resource_defs or {})[own] is not io_manager_def:
        raise InvalidDefinition(f"Asset '{key.to_user_string()}' is given two IO managers under the key '{own}'.")
    return {**(resource_defs or {}), own: io_manager_def}


def _outputs(
    signature: Signature,
    checks: Mapping[str, CheckSpec],
    io: str,
    dagster_type: Any,
    output_required: bool,
    code_version: str | None,
    what: str,
) -> tuple[Output, ...]:
    said = returned_by_each(signature, 1 + len(checks), what)[0]
    is_typed = dagster_type is not None and dagster_type is not UNSET
    annotation = checked_type(dagster_type, what) if is_typed else said.annotation
    own = Output(
        annotation=annotation,
        is_required=output_required,
        is_nothing=is_nothing(annotation) if is_typed else said.is_nothing,
        io=io,
        code_version=code_version,
    )
    return (own, *outputs_of_checks(checks, is_required=True)) if checks else (own,)


def outputs_of_checks(checks: Mapping[str, CheckSpec], *, is_required: bool) -> tuple[Output, ...]:
    """Return the outputs under which an op reports checks."""
    return tuple(Output(name=check_name(name, "Check"), is_required=is_required) for name in checks)


def check_outputs(specs: Sequence[AssetCheckSpec], keys: set[str], what: str) -> dict[str, CheckSpec]:
    """Return the checks that a definition reports, by output name.

    Raises:
        InvalidDefinition: a check is of an asset outside ``keys``, or given twice.
    """
    found: dict[str, CheckSpec] = {}
    for spec in specs:
        if not isinstance(spec, AssetCheckSpec):
            raise InvalidDefinition(f"Checks of {what} are given as AssetCheckSpec, not {spec!r}.")
        if spec.asset_key.text not in keys:
            raise InvalidDefinition(
                f"{what} reports check '{spec.name}' of '{spec.asset_key.text}', which it does not make."
            )
        if spec.get_python_identifier() in found:
            raise InvalidDefinition(f"{what} reports check '{spec.name}' of '{spec.asset_key.text}' twice.")
        found[spec.get_python_identifier()] = spec.record
    return found
