"""Gathering definitions from modules, as in Dagster."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import pytest
from harness import assert_refused, assert_same
from symbols import REFUSALS, covers
from test_assets import spec_shape

pytestmark = pytest.mark.compat


def module_of(dg: Any, name: str = "m") -> ModuleType:
    @dg.asset
    def up():
        return 1

    @dg.asset(deps=["outside"])
    def down(up):
        return up

    @dg.asset_check(asset=up)
    def good():
        return dg.AssetCheckResult(passed=True)

    module = ModuleType(name)
    vars(module).update(up=up, again=up, many=[down], good=good, spec=dg.AssetSpec("spec"), other=3)
    return module


def shown(found: Any) -> Any:
    specs = [spec for each in found for spec in (each.specs if hasattr(each, "specs") else [each])]
    return [spec_shape(spec) for spec in sorted(specs, key=lambda spec: spec.key)]


@covers("load_assets_from_modules", "load_asset_checks_from_modules")
def test_modules_give_the_same_definitions() -> None:
    def script(dg: Any) -> Any:
        module = module_of(dg)
        return [
            shown(dg.load_assets_from_modules([module])),
            shown(dg.load_assets_from_modules([module], group_name="g", key_prefix="p")),
            shown(dg.load_assets_from_modules([module], key_prefix=["p", "q"], group_name="g", include_specs=True)),
            [
                sorted(key.to_user_string() for key in each.check_keys)
                for each in dg.load_asset_checks_from_modules([module])
            ],
            [
                sorted(key.to_user_string() for key in each.check_keys)
                for each in dg.load_asset_checks_from_modules([module], asset_key_prefix="p")
            ],
        ]

    assert_same(script)


@covers("load_assets_from_modules", aspect=REFUSALS)
def test_one_key_in_two_modules_is_refused() -> None:
    assert_refused(lambda dg: dg.load_assets_from_modules([module_of(dg), module_of(dg, "n")]))
