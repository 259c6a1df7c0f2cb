"""What Dagster lets people ask of an assets definition beyond its keys and specs: one function per question."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from jobkernel.model.definitions import Graph
from jobkernel.model.keys import AssetKey

_key = AssetKey.from_escaped_user_string


def _asset_deps(assets: Any) -> dict[AssetKey, set[AssetKey]]:
    return {spec.key: {dep.asset_key for dep in spec.deps} for spec in assets.specs}


def _dependency_keys(assets: Any) -> set[AssetKey]:
    own: set[AssetKey] = assets.keys
    return {_key(dep) for spec in assets.record.specs for dep in spec.deps} - own


def _inputs(assets: Any) -> dict[str, AssetKey]:
    """Return the upstream keys by input name; what is not loaded bears the name that Dagster gives it."""
    record = assets.record
    found = {name: _key(key) for name, key in record.keys_by_input.items()}
    own = {spec.key for spec in record.specs} | set(record.keys_by_input.values())
    for spec in record.specs:
        for dep in spec.deps:
            if dep not in own:
                key = _key(dep)
                found["_".join(key.parts).replace("-", "_").replace(".", "_")] = key
    return found


def _needed_resources(assets: Any) -> set[str]:
    return set(needed_resources(assets.record.node))


def needed_resources(node: Any) -> dict[str, str]:
    """Return the resource keys that a node needs, each with the op that needs it; IO managers of outputs included."""
    if node is None:
        return {}
    if isinstance(node, Graph):
        hooks = {key: hook.name for use in node.invocations for hook in use.hooks for key in hook.required_resources}
        return {key: who for use in node.invocations for key, who in needed_resources(use.node).items()} | hooks
    keys = {*node.required_resources, *node.resource_arguments.values()}
    keys.update(output.io for output in node.outputs if not output.is_nothing)
    keys.update(item.io for item in node.inputs if item.io)
    return dict.fromkeys(sorted(keys), node.name)


def _by_key(attribute: str) -> Callable[[Any], dict[AssetKey, Any]]:
    return lambda assets: {spec.key: getattr(spec, attribute) for spec in assets.specs}


def _by_key_where_said(attribute: str) -> Callable[[Any], dict[AssetKey, Any]]:
    return lambda assets: {
        spec.key: getattr(spec, attribute) for spec in assets.specs if getattr(spec, attribute) is not None
    }


def _partitions(assets: Any) -> Any:
    return next((spec.partitions for spec in assets.record.specs if spec.partitions is not None), None)


VIEWS: Final[Mapping[str, Callable[[Any], Any]]] = {
    "group_names_by_key": _by_key("group_name"),
    "metadata_by_key": _by_key("metadata"),
    "tags_by_key": _by_key("tags"),
    "owners_by_key": _by_key("owners"),
    "descriptions_by_key": _by_key_where_said("description"),
    "code_versions_by_key": _by_key("code_version"),
    "automation_conditions_by_key": _by_key_where_said("automation_condition"),
    "asset_deps": _asset_deps,
    "dependency_keys": _dependency_keys,
    "keys_by_input_name": lambda assets: _inputs(assets),
    "keys_by_output_name": lambda assets: {n: _key(k) for n, k in assets.record.keys_by_output.items()},
    "input_names": lambda assets: list(_inputs(assets)),
    "check_specs_by_output_name": lambda assets: dict(
        zip(assets.record.checks_by_output, assets.check_specs, strict=True)
    ),
    "check_key": lambda assets: next(iter(assets.check_keys)),
    "asset_and_check_keys": lambda assets: assets.keys | assets.check_keys,
    "can_subset": lambda assets: assets.record.can_subset,
    "partitions_def": _partitions,
    "backfill_policy": lambda assets: assets.record.backfill,
    "resource_defs": lambda assets: dict(assets.record.resource_defs),
    "required_resource_keys": _needed_resources,
    "hook_defs": lambda assets: set(assets.record.hooks),
    "is_external": lambda assets: assets.record.node is None,
    "is_executable": lambda assets: assets.record.node is not None,
    "is_materializable": lambda assets: assets.record.node is not None and bool(assets.record.specs),
    "is_observable": lambda _: False,
    "get_partition_mapping": lambda assets: (
        lambda key: next(
            (mapping[key.text] for mapping in assets.partition_mappings.values() if key.text in mapping), None
        )
    ),
    "__name__": lambda assets: assets.node_def.name,
}
"""Attribute of :class:`AssetsDefinition` → its value."""
