"""The ``@asset`` decorator. Reads the function, checks every argument and makes the record; runs nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from types import NoneType
from typing import Any, NamedTuple, overload

from jobkernel.api.asset_inputs import read_inputs
from jobkernel.api.assets_definition import AssetsDefinition
from jobkernel.api.composition import merged_hooks
from jobkernel.api.declarations import UNSET, checked_type, is_nothing
from jobkernel.api.declared_outputs import AssetCheckSpec, check_outputs
from jobkernel.api.keys import key_for
from jobkernel.api.ops import OpDefinition, check_resources, function_name, schema_of
from jobkernel.api.refusals import refuse, refuse_unknown
from jobkernel.api.signatures import UNKNOWN, Signature, described, read_signature, returned_by_each
from jobkernel.api.specs import AssetIn, checked_condition
from jobkernel.errors import InvalidDefinition
from jobkernel.model.definitions import DEFAULT_IO, EMPTY, RESULT, Assets, AssetSpec, CheckSpec, Input, Output
from jobkernel.model.keys import AssetKey, key_identifier
from jobkernel.model.partitions import check_partitions
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

NO_KEYS: frozenset[str] = frozenset()
PLAIN_OUTPUTS = {UNKNOWN: (Output(),), NoneType: (Output(annotation=NoneType, is_nothing=True),)}
"""The output of an asset of which nothing is said but that it returns None. Outputs never change, so one serves all."""


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
    if freshness_policy is not None or is_virtual:
        refuse("@asset", freshness_policy=freshness_policy, is_virtual=is_virtual)
    if unknown:
        refuse_unknown("@asset", unknown, asset.__kwdefaults__ or ())
    if non_argument_deps is not None and deps is not None:
        raise InvalidDefinition("@asset takes deps or its older word non_argument_deps, not both.")
    if compute_kind and kinds:
        raise InvalidDefinition("@asset takes kinds or its older word compute_kind, not both.")
    options = AssetOptions(
        name,
        key_prefix,
        ins,
        deps if non_argument_deps is None else non_argument_deps,
        metadata,
        tags,
        description,
        config_schema,
        frozenset(required_resource_keys) if required_resource_keys else NO_KEYS,
        resource_defs,
        hooks,
        io_manager_def,
        io_manager_key,
        dagster_type,
        partitions_def,
        op_tags,
        group_name,
        output_required,
        automation_condition,
        backfill_policy,
        retry_policy,
        code_version,
        key,
        check_specs,
        owners,
        (compute_kind,) if compute_kind else kinds,
        pool,
    )
    return partial(make_asset, options) if compute_fn is None else make_asset(options, compute_fn)


class AssetOptions(NamedTuple):
    """What is said of an asset beside its function; see :func:`asset`."""

    name: str | None
    key_prefix: str | Sequence[str] | None
    ins: Mapping[str, AssetIn] | None
    deps: Iterable[Any] | None
    metadata: Mapping[str, Any] | None
    tags: Mapping[str, str] | None
    description: str | None
    config_schema: Any
    required_resources: frozenset[str]
    resource_defs: Mapping[str, Any] | None
    hooks: Any
    io_manager_def: Any
    io_manager_key: str | None
    dagster_type: Any
    partitions: Any
    op_tags: Mapping[str, Any] | None
    group: str | None
    output_required: bool
    automation: Any
    backfill: Any
    retry: RetryPolicy | None
    code_version: str | None
    key: Any
    check_specs: Sequence[AssetCheckSpec] | None
    owners: Sequence[str] | None
    kinds: Iterable[str] | None
    pool: str | None


class _Names(NamedTuple):
    """What an asset is called: the text of its key, its step, and in messages."""

    text: str
    step: str
    what: str


def _names(options: AssetOptions, function: Any) -> _Names:
    given = options.name
    of_function = function_name(function, "@asset")
    own = given or of_function
    if options.key or options.key_prefix or type(own) is not str or "/" in own:
        key = key_for(of_function, key=options.key, prefix=options.key_prefix, own_name=given, decorator="@asset")
        return _Names(key.text, key.to_python_identifier(), f"Asset '{key.to_user_string()}'")
    return _Names(own, key_identifier(own), f"Asset '{own}'")


def make_asset(options: AssetOptions, function: Callable[..., Any]) -> AssetsDefinition:
    """Return the asset that a function makes.

    Raises:
        InvalidDefinition: see :func:`asset`.
    """
    names = _names(options, function)
    signature = read_signature(function, names.what)
    inputs = read_inputs(signature, options.ins, options.deps, names.what)
    if names.text in inputs.deps:
        inputs = inputs.without_own(AssetKey.from_escaped_user_string(names.text))
    checks = check_outputs(options.check_specs, {names.text}, names.what) if options.check_specs else EMPTY
    description = options.description if options.description is not None else described(function)
    record = Assets(
        specs=(_spec(options, names, inputs.deps, description),),
        node=_op(options, names, function, signature, inputs.inputs, checks, description),
        keys_by_input=inputs.keys_by_input,
        keys_by_output={RESULT: names.text},
        checks_by_output=checks,
        resource_defs=_resources(options, names),
        hooks=merged_hooks((), options.hooks, names.what) if options.hooks else (),
        backfill=options.backfill,
    )
    return AssetsDefinition.of(record, {names.text: inputs.mappings} if inputs.mappings else EMPTY)


def _op(
    options: AssetOptions,
    names: _Names,
    function: Callable[..., Any],
    signature: Signature,
    inputs: tuple[Input, ...],
    checks: Mapping[str, CheckSpec],
    description: str | None,
) -> OpDefinition:
    if options.required_resources:
        check_resources(options.required_resources, signature, names.what)
    return OpDefinition(
        name=check_name(names.step, "Asset"),
        compute=function,
        inputs=inputs,
        outputs=_outputs(options, names, signature, checks),
        context_argument=signature.context,
        config_argument=None if signature.config is None else signature.config.name,
        config_schema=schema_of(signature, options.config_schema, names.what),
        resource_arguments={item.name: item.name for item in signature.resources} if signature.resources else EMPTY,
        required_resources=_required(options, signature),
        retry=options.retry,
        pool=options.pool,
        tags=lenient_tags(options.op_tags, names.what) if options.op_tags else EMPTY,
        description=description,
        code_version=options.code_version,
    )


def _spec(options: AssetOptions, names: _Names, deps: tuple[str, ...], description: str | None) -> AssetSpec:
    tags, kinds = options.tags, options.kinds
    if options.partitions is not None:
        check_partitions(options.partitions, names.what)
    return AssetSpec(
        key=names.text,
        deps=deps,
        description=description,
        metadata=_metadata(options.metadata, names.what) if options.metadata else EMPTY,
        group=check_group(options.group),
        code_version=options.code_version,
        owners=check_owners(options.owners, names.what) if options.owners else (),
        tags=plain_tags(tags, names.what) if tags else EMPTY,
        kinds=kinds_of(tags, kinds, names.what) if tags or kinds else NO_KEYS,
        partitions=options.partitions,
        automation=checked_condition(options.automation),
        is_skippable=not options.output_required,
    )


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
    return frozenset(name.removeprefix(KIND_PREFIX) for name in kind_tags(kinds, what) | kind_tags(tagged, what))


def _required(options: AssetOptions, signature: Signature) -> frozenset[str]:
    if not options.resource_defs:
        return options.required_resources
    return options.required_resources | (frozenset(options.resource_defs) - {item.name for item in signature.resources})


def _io_key(options: AssetOptions, names: _Names) -> str:
    return options.io_manager_key or (f"{names.step}__io_manager" if options.io_manager_def else DEFAULT_IO)


def _resources(options: AssetOptions, names: _Names) -> Mapping[str, Any]:
    given = options.resource_defs
    if options.io_manager_def is None:
        return dict(given) if given else EMPTY
    own = _io_key(options, names)
    if given and given.get(own, options.io_manager_def) is not options.io_manager_def:
        raise InvalidDefinition(f"{names.what} is given two IO managers under the key '{own}'.")
    return {**(given or {}), own: options.io_manager_def}


def _outputs(
    options: AssetOptions, names: _Names, signature: Signature, checks: Mapping[str, CheckSpec]
) -> tuple[Output, ...]:
    io = _io_key(options, names)
    says_nothing = options.dagster_type is None and options.code_version is None and not signature.is_generator
    if says_nothing and not checks and io == DEFAULT_IO and options.output_required:
        returns = signature.returns
        if returns is UNKNOWN or returns is NoneType:
            return PLAIN_OUTPUTS[returns]
    said = returned_by_each(signature, 1 + len(checks), names.what)[0]
    is_typed = options.dagster_type is not None and options.dagster_type is not UNSET
    annotation = checked_type(options.dagster_type, names.what) if is_typed else said.annotation
    own = Output(
        annotation=annotation,
        is_required=options.output_required,
        is_nothing=is_nothing(annotation) if is_typed else said.is_nothing,
        io=io,
        code_version=options.code_version,
    )
    return (own, *outputs_of_checks(checks, is_required=True)) if checks else (own,)


def outputs_of_checks(checks: Mapping[str, CheckSpec], *, is_required: bool) -> tuple[Output, ...]:
    """Return the outputs under which an op reports checks."""
    return tuple(Output(name=check_name(name, "Check"), is_required=is_required) for name in checks)
