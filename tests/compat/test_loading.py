"""Gathering definitions from modules, as in Dagster."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from harness import assert_refused, assert_same
from symbols import REFUSALS, covers
from test_assets import spec_shape

import jobkernel
from jobkernel.errors import Unsupported

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


def written(dg: Any, folder: Path, package: str, **files: str) -> Any:
    """Write a package of these modules, import it and return it; imported anew for each of the two."""
    home = folder / dg.__name__
    place = home / f"{package}_of_{dg.__name__}"
    place.mkdir(parents=True)
    for name, text in files.items():
        (place / f"{name}.py").write_text(f"import {dg.__name__} as dg\n{text}", encoding="utf-8")
    sys.path.insert(0, str(home))
    try:
        return importlib.import_module(place.name)
    finally:
        sys.path.remove(str(home))


ASSET = "@dg.asset\ndef {0}():\n    return 1\n"
CHECK = "@dg.asset_check(asset='{0}')\ndef {1}():\n    return dg.AssetCheckResult(passed=True)\n"
HERE = """
def assets(**options):
    return dg.load_assets_from_current_module(**options)

def checks():
    return dg.load_asset_checks_from_current_module()
"""


@covers("load_assets_from_current_module", "load_asset_checks_from_modules")
def test_a_module_gathers_its_own_definitions(tmp_path: Path) -> None:
    def script(dg: Any) -> Any:
        text = ASSET.format("one") + ASSET.format("two") + CHECK.format("one", "good") + HERE
        module = written(dg, tmp_path, "own", __init__=text)
        return [
            shown(module.assets()),
            shown(module.assets(group_name="g", key_prefix=["p"])),
            [key.to_user_string() for each in module.checks() for key in each.check_keys],
        ]

    assert_same(script)


@covers("load_assets_from_package_module", "load_asset_checks_from_modules")
def test_a_package_is_gathered_with_what_lies_below_it(tmp_path: Path) -> None:
    def script(dg: Any) -> Any:
        package = written(
            dg,
            tmp_path,
            "whole",
            __init__=ASSET.format("above"),
            first=ASSET.format("one") + CHECK.format("one", "good"),
            second=ASSET.format("two"),
        )
        checks = dg.load_asset_checks_from_package_module(package, asset_key_prefix="p")
        return [
            shown(dg.load_assets_from_package_module(package)),
            shown(dg.load_assets_from_package_module(package, group_name="g", key_prefix="p")),
            sorted(key.to_user_string() for each in checks for key in each.check_keys),
        ]

    assert_same(script)


@covers("load_assets_from_package_module", "load_assets_from_current_module", aspect=REFUSALS)
def test_one_key_twice_in_a_package_or_module_is_refused(tmp_path: Path) -> None:
    def package(dg: Any) -> Any:
        made = written(dg, tmp_path, "twice", first=ASSET.format("one"), second=ASSET.format("one"), __init__="")
        return dg.load_assets_from_package_module(made)

    def module(dg: Any) -> Any:
        text = ASSET.format("one") + "other = one\n" + ASSET.format("one") + HERE
        return written(dg, tmp_path, "again", __init__=text).assets()

    assert_refused(package)
    assert_refused(module)


@covers("load_assets_from_package_module", "load_asset_checks_from_modules", aspect=REFUSALS)
def test_what_is_no_module_is_refused() -> None:
    for load in (jobkernel.load_assets_from_package_module, jobkernel.load_asset_checks_from_package_module):
        with pytest.raises(TypeError, match="3 is none"):
            load(3)
    with pytest.raises(TypeError, match="3 is none"):
        jobkernel.load_assets_from_modules([3])
    with pytest.raises(Unsupported, match="source_key_prefix"):
        jobkernel.load_assets_from_current_module(source_key_prefix="s")
