"""Asset checks: ``@asset_check`` and ``@multi_asset_check``. The function's first input is the asset it checks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from jobkernel.api.asset_inputs import read_inputs
from jobkernel.api.assets import outputs_of_checks
from jobkernel.api.assets_definition import AssetsDefinition
from jobkernel.api.declared_outputs import AssetCheckSpec
from jobkernel.api.keys import as_key
from jobkernel.api.ops import OpDefinition, check_resources, function_name, schema_of
from jobkernel.api.signatures import Signature, described, read_signature
from jobkernel.api.specs import AssetIn
from jobkernel.errors import InvalidDefinition
from jobkernel.model.definitions import RESULT, Assets, CheckSpec, Output
from jobkernel.model.policies import RetryPolicy
from jobkernel.rules.names import check_name, lenient_tags


class AssetChecksDefinition(AssetsDefinition):
    """One or more checks made together, and no asset."""

    __slots__ = ()

    def __repr__(self) -> str:
        checks = self.record.checks_by_output.values()
        return f"AssetChecksDefinition({', '.join(f'{check.asset_key}:{check.name}' for check in checks)})"


def asset_check(
    *,
    asset: Any,
    name: str | None = None,
    description: str | None = None,
    blocking: bool = False,
    additional_ins: Mapping[str, AssetIn] | None = None,
    additional_deps: Iterable[Any] | None = None,
    required_resource_keys: Iterable[str] | None = None,
    resource_defs: Mapping[str, Any] | None = None,
    config_schema: Any = None,
    compute_kind: str | None = None,
    op_tags: Mapping[str, Any] | None = None,
    retry_policy: RetryPolicy | None = None,
    metadata: Mapping[str, Any] | None = None,
    automation_condition: Any = None,
    pool: str | None = None,
    partitions_def: Any = None,
) -> Callable[[Callable[..., Any]], AssetChecksDefinition]:
    """Make a check of an asset: a function that returns an ``AssetCheckResult``, or a bool.

    A parameter of any name is the asset's value; those in ``additional_ins`` are other assets. A ``blocking`` check
    that fails keeps everything downstream of its asset from running. Source: Dagster's ``@asset_check``.

    Raises:
        InvalidDefinition: two parameters besides ``additional_ins``, a bad name, or any clash.
    """

    def decorate(function: Callable[..., Any]) -> AssetChecksDefinition:
        own = name or function_name(function, "@asset_check")
        key = as_key(asset)
        spec = AssetCheckSpec(
            own,
            asset=key,
            description=description if description is not None else described(function),
            additional_deps=[
                *(item.key or item.resolve_key(n) for n, item in (additional_ins or {}).items()),
                *(additional_deps or ()),
            ],
            blocking=blocking,
            metadata=metadata,
            automation_condition=automation_condition,
            partitions_def=partitions_def,
        )
        what = f"Check '{own}' of '{key.to_user_string()}'"
        signature = read_signature(function, what)
        ins = _ins(signature, key, additional_ins or {}, what)
        return _checks(
            function,
            signature,
            {RESULT: spec.record},
            ins=ins,
            name=spec.get_python_identifier(),
            what=what,
            required=required_resource_keys,
            resource_defs=resource_defs,
            config_schema=config_schema,
            tags=_tags(op_tags, compute_kind),
            retry=retry_policy,
            description=spec.description,
            pool=pool,
        )

    return decorate


def _tags(op_tags: Mapping[str, Any] | None, compute_kind: str | None) -> dict[str, Any]:
    return {**({"dagster/compute_kind": compute_kind} if compute_kind else {}), **(op_tags or {})}


def _ins(signature: Signature, key: Any, additional: Mapping[str, AssetIn], what: str) -> dict[str, AssetIn]:
    for name, item in additional.items():
        if item.resolve_key(name) == key:
            raise InvalidDefinition(
                f"{what} names its own asset in additional_ins as '{name}'; it is an input already."
            )
    own = [item.name for item in signature.inputs if item.name not in additional]
    if len(own) > 1:
        raise InvalidDefinition(
            f"{what} takes {', '.join(own)}; only one parameter is its asset, declare the others in additional_ins."
        )
    return {**{name: AssetIn(key=key) for name in own}, **additional}


def _checks(
    function: Callable[..., Any],
    signature: Signature,
    checks: Mapping[str, CheckSpec],
    *,
    ins: Mapping[str, Any],
    name: str,
    what: str,
    required: Iterable[str] | None,
    resource_defs: Mapping[str, Any] | None,
    config_schema: Any,
    tags: Mapping[str, Any],
    retry: RetryPolicy | None,
    description: str | None,
    pool: str | None,
    can_subset: bool = False,
) -> AssetChecksDefinition:
    upstream = read_inputs(signature, ins, None, what)
    keys = frozenset(required or ())
    check_resources(keys, signature, what)
    outputs: tuple[Output, ...] = outputs_of_checks(checks, is_required=not can_subset)
    op = OpDefinition(
        name=check_name(name, "Check"),
        compute=function,
        inputs=upstream.inputs,
        outputs=outputs,
        context_argument=signature.context,
        config_argument=None if signature.config is None else signature.config.name,
        config_schema=schema_of(signature, config_schema, what),
        resource_arguments={item.name: item.name for item in signature.resources},
        required_resources=keys | (frozenset(resource_defs or ()) - {item.name for item in signature.resources}),
        retry=retry,
        pool=pool,
        tags=lenient_tags(tags, what),
        description=description,
    )
    record = Assets(
        specs=(),
        node=op,
        keys_by_input=upstream.keys_by_input,
        checks_by_output=dict(checks),
        can_subset=can_subset,
        resource_defs=dict(resource_defs or {}),
    )
    made = AssetChecksDefinition.of(record)
    assert isinstance(made, AssetChecksDefinition)
    return made


def multi_asset_check(
    *,
    name: str | None = None,
    specs: Sequence[AssetCheckSpec],
    description: str | None = None,
    can_subset: bool = False,
    compute_kind: str | None = None,
    op_tags: Mapping[str, Any] | None = None,
    resource_defs: Mapping[str, Any] | None = None,
    required_resource_keys: Iterable[str] | None = None,
    retry_policy: RetryPolicy | None = None,
    config_schema: Any = None,
    ins: Mapping[str, Any] | None = None,
    pool: str | None = None,
) -> Callable[[Callable[..., Any]], AssetChecksDefinition]:
    """Make several checks of one function, which yields an ``AssetCheckResult`` for each.

    Source: Dagster's ``@multi_asset_check``.

    Raises:
        InvalidDefinition: a parameter that ``ins`` does not declare, or a check twice.
    """

    def decorate(function: Callable[..., Any]) -> AssetChecksDefinition:
        own = name or function_name(function, "@multi_asset_check")
        what = f"Check '{own}'"
        checks: dict[str, CheckSpec] = {}
        for spec in specs:
            if checks.setdefault(spec.get_python_identifier(), spec.record) != spec.record:
                raise InvalidDefinition(f"{what} evaluates '{spec.name}' of '{spec.asset_key.text}' twice.")
        signature = read_signature(function, what)
        return _checks(
            function,
            signature,
            checks,
            ins=ins or {},
            name=own,
            what=what,
            required=required_resource_keys,
            resource_defs=resource_defs,
            config_schema=config_schema,
            tags=_tags(op_tags, compute_kind),
            retry=retry_policy,
            description=description if description is not None else described(function),
            pool=pool,
            can_subset=can_subset,
        )

    return decorate
