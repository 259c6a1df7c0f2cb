"""Gathering definitions from modules, and changing what is said of many assets at once."""

from __future__ import annotations

import importlib
import pkgutil
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from types import ModuleType
from typing import Any

from jobkernel.api.assets_definition import AssetsDefinition
from jobkernel.api.checks import AssetChecksDefinition
from jobkernel.api.keys import as_prefix
from jobkernel.api.refusals import refuse, refuse_unknown
from jobkernel.api.specs import AssetSpec
from jobkernel.errors import InvalidDefinition
from jobkernel.model.keys import AssetKey


def map_asset_specs(func: Callable[[AssetSpec], AssetSpec], iterable: Iterable[Any]) -> list[Any]:
    """Return assets with what is said of each replaced by what ``func`` makes of it.

    Raises:
        InvalidDefinition: something that is neither an assets definition nor a spec.
    """
    return [_mapped(func, each) for each in iterable]


def _mapped(func: Callable[[AssetSpec], AssetSpec], value: Any) -> Any:
    if isinstance(value, AssetSpec):
        return func(value)
    if isinstance(value, AssetsDefinition):
        return value.map_asset_specs(func)
    raise InvalidDefinition(f"map_asset_specs takes assets and AssetSpecs, not {value!r}.")


def load_assets_from_modules(
    modules: Iterable[ModuleType],
    group_name: str | None = None,
    key_prefix: str | Sequence[str] | None = None,
    *,
    automation_condition: Any = None,
    backfill_policy: Any = None,
    source_key_prefix: Any = None,
    include_specs: bool = False,
    **unknown: Any,
) -> list[Any]:
    """Return the assets that modules define, each once, in the order of their names in the module.

    ``key_prefix`` is put before the keys of these assets, and before them where they are upstream of each other.

    Raises:
        InvalidDefinition: two definitions make one asset.
    """
    refuse_unknown("load_assets_from_modules", unknown)
    refuse("load_assets_from_modules", source_key_prefix=source_key_prefix)
    found = _distinct(list(_assets_in(modules, include_specs=include_specs)))
    prefix = as_prefix(key_prefix)
    own = {spec.key for each in found if not isinstance(each, AssetSpec) for spec in _specs(each)}
    return [_changed(each, prefix, own, group_name, automation_condition, backfill_policy) for each in found]


def load_assets_from_current_module(
    group_name: str | None = None, key_prefix: str | Sequence[str] | None = None, **options: Any
) -> list[Any]:
    """Return the assets that the calling module defines; see :func:`load_assets_from_modules`."""
    return load_assets_from_modules([_caller()], group_name, key_prefix, **options)


def load_assets_from_package_module(
    package_module: ModuleType,
    group_name: str | None = None,
    key_prefix: str | Sequence[str] | None = None,
    **options: Any,
) -> list[Any]:
    """Return the assets that a package and its submodules define; see :func:`load_assets_from_modules`."""
    return load_assets_from_modules(_modules_of(package_module), group_name, key_prefix, **options)


def load_assets_from_package_name(
    package_name: str, group_name: str | None = None, key_prefix: str | Sequence[str] | None = None, **options: Any
) -> list[Any]:
    """Return the assets that the package of that name defines; see :func:`load_assets_from_modules`."""
    return load_assets_from_package_module(importlib.import_module(package_name), group_name, key_prefix, **options)


def load_asset_checks_from_modules(
    modules: Iterable[ModuleType], asset_key_prefix: Any = None
) -> list[AssetChecksDefinition]:
    """Return the checks that modules define, each once; ``asset_key_prefix`` is put before the keys of their assets."""
    found = [value for value in _values_in(modules) if isinstance(value, AssetChecksDefinition)]
    prefix = as_prefix(asset_key_prefix)
    distinct = list({id(value): value for value in found}.values())
    return [_prefixed_check(value, prefix) for value in distinct] if prefix else distinct


def load_asset_checks_from_current_module(asset_key_prefix: Any = None) -> list[AssetChecksDefinition]:
    """Return the checks that the calling module defines."""
    return load_asset_checks_from_modules([_caller()], asset_key_prefix)


def load_asset_checks_from_package_module(
    package_module: ModuleType, asset_key_prefix: Any = None
) -> list[AssetChecksDefinition]:
    """Return the checks that a package and its submodules define."""
    return load_asset_checks_from_modules(_modules_of(package_module), asset_key_prefix)


def _caller() -> ModuleType:
    name = sys._getframe(2).f_globals.get("__name__", "")
    module = sys.modules.get(name)
    if module is None:
        raise InvalidDefinition("The calling module cannot be told; pass it to load_assets_from_modules.")
    return module


def _modules_of(package: ModuleType) -> Iterator[ModuleType]:
    if not isinstance(package, ModuleType):
        raise TypeError(f"Definitions are loaded from a package; {package!r} is none.")
    yield package
    for found in pkgutil.walk_packages(getattr(package, "__path__", ()), package.__name__ + "."):
        yield importlib.import_module(found.name)


def _values_in(modules: Iterable[ModuleType]) -> Iterator[Any]:
    for module in modules:
        if not isinstance(module, ModuleType):
            raise TypeError(f"Definitions are loaded from modules; {module!r} is none.")
        for name in sorted(vars(module)):
            value = vars(module)[name]
            yield from value if isinstance(value, list) else (value,)


def _assets_in(modules: Iterable[ModuleType], *, include_specs: bool) -> Iterator[Any]:
    for value in _values_in(modules):
        is_assets = isinstance(value, AssetsDefinition) and not isinstance(value, AssetChecksDefinition)
        if is_assets or (include_specs and isinstance(value, AssetSpec)):
            yield value


def _specs(value: Any) -> Sequence[AssetSpec]:
    return [value] if isinstance(value, AssetSpec) else value.specs


def _distinct(found: list[Any]) -> list[Any]:
    distinct = list({id(value): value for value in found}.values())
    makers: dict[AssetKey, Any] = {}
    for value in distinct:
        for spec in _specs(value):
            if makers.setdefault(spec.key, value) is not value:
                raise InvalidDefinition(f"Two definitions make asset '{spec.key.to_user_string()}'; rename one.")
    return distinct


def _changed(
    value: Any, prefix: tuple[str, ...], own: set[AssetKey], group: str | None, automation: Any, backfill: Any
) -> Any:
    if isinstance(value, AssetSpec):
        return value.replace_attributes(group_name=group or value.group_name)  # a prefix is for what is made here
    renames = {key: key.with_prefix(prefix) for key in own} if prefix else {}
    groups = dict.fromkeys(value.keys, group) if group else {}
    return value.with_attributes(
        asset_key_replacements=renames,
        group_names_by_key=groups,
        automation_condition=automation,
        backfill_policy=backfill,
    )


def _prefixed_check(value: AssetChecksDefinition, prefix: tuple[str, ...]) -> AssetChecksDefinition:
    renames = {spec.asset_key: spec.asset_key.with_prefix(prefix) for spec in value.check_specs}
    made = value.with_attributes(asset_key_replacements=renames)
    assert isinstance(made, AssetChecksDefinition)
    outputs = {f"{name}": check for name, check in made.record.checks_by_output.items()}
    return AssetChecksDefinition.of(replace(made.record, checks_by_output=outputs))  # type: ignore[return-value]
