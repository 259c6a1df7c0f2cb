"""Gathering assets from modules, under one prefix or group."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

import pytest

import jobkernel as jk
from jobkernel.errors import InvalidDefinition


def module_of(name: str, **values: object) -> ModuleType:
    module = ModuleType(name)
    vars(module).update(values)
    return module


def some_assets() -> dict[str, object]:
    @jk.asset
    def up() -> int:
        return 1

    @jk.asset(deps=["outside"])
    def down(up: int) -> int:
        return up

    @jk.asset_check(asset="up")
    def good() -> bool:
        return True

    return {"up": up, "again": up, "down": [down], "good": good, "spec": jk.AssetSpec("spec"), "other": 3}


def test_assets_of_a_module_are_found_once_and_in_lists() -> None:
    found = jk.load_assets_from_modules([module_of("m", **some_assets())])

    assert sorted(each.key.to_user_string() for each in found) == ["down", "up"]


def test_specs_are_found_when_asked_for() -> None:
    found = jk.load_assets_from_modules([module_of("m", **some_assets())], include_specs=True)

    assert sorted(each.key.to_user_string() for each in found) == ["down", "spec", "up"]


def test_a_prefix_goes_before_the_keys_of_these_assets_only() -> None:
    found = jk.load_assets_from_modules([module_of("m", **some_assets())], key_prefix=["p", "q"], group_name="g")

    by_key = {each.key.to_user_string(): each for each in found}
    assert by_key.keys() == {"p/q/up", "p/q/down"}
    down = by_key["p/q/down"].get_asset_spec()
    assert sorted(dep.asset_key.to_user_string() for dep in down.deps) == ["outside", "p/q/up"]
    assert down.group_name == "g"


def test_two_definitions_of_one_key_are_refused() -> None:
    with pytest.raises(InvalidDefinition, match="Two definitions make asset 'up'"):
        jk.load_assets_from_modules([module_of("m", **some_assets()), module_of("n", **some_assets())])


def test_a_group_beside_another_group_is_refused() -> None:
    grouped = jk.asset(name="a", group_name="h")(lambda: 1)

    with pytest.raises(InvalidDefinition, match="Asset 'a' is in group 'h' already"):
        jk.load_assets_from_modules([module_of("m", a=grouped)], group_name="g")


def test_checks_of_a_module_are_found() -> None:
    checks = jk.load_asset_checks_from_modules([module_of("m", **some_assets())], asset_key_prefix="p")

    assert [key.to_user_string() for check in checks for key in check.check_keys] == ["p/up:good"]


def test_a_package_is_searched_with_its_submodules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "pack_of_assets"
    package.mkdir()
    (package / "__init__.py").write_text("import jobkernel as jk\n\n@jk.asset\ndef top(): return 1\n")
    (package / "below.py").write_text("import jobkernel as jk\n\n@jk.asset\ndef below(top): return 1\n")
    monkeypatch.syspath_prepend(str(tmp_path))

    found = jk.load_assets_from_package_name("pack_of_assets")

    assert sorted(each.key.to_user_string() for each in found) == ["below", "top"]
    del sys.modules["pack_of_assets"], sys.modules["pack_of_assets.below"]


def test_the_current_module_is_the_callers() -> None:
    scope = module_of("callers_module", jk=jk)
    sys.modules["callers_module"] = scope
    exec(
        compile("@jk.asset\ndef mine(): return 1\nfound = jk.load_assets_from_current_module()", "callers.py", "exec"),
        vars(scope),
    )
    del sys.modules["callers_module"]

    assert [each.key.to_user_string() for each in vars(scope)["found"]] == ["mine"]
