"""Asset checks and hooks, as in Dagster."""

from __future__ import annotations

from typing import Any

import pytest
from harness import assert_refused, assert_same
from symbols import REFUSALS, covers

pytestmark = pytest.mark.compat


def shape(checks: Any) -> dict[str, Any]:
    return {
        "keys": sorted(key.to_user_string() for key in checks.check_keys),
        "specs": [
            {
                "name": spec.name,
                "asset": spec.asset_key.to_user_string(),
                "description": spec.description,
                "blocking": spec.blocking,
                "metadata": dict(spec.metadata or {}),
                "identifier": spec.get_python_identifier(),
            }
            for spec in sorted(checks.check_specs, key=lambda spec: spec.name)
        ],
        "node": checks.node_def.name,
        "resources": sorted(checks.required_resource_keys),
        "outs": sorted(checks.node_def.outs),
    }


@covers("asset_check", "AssetChecksDefinition", "AssetCheckKey")
def test_a_check_says_what_its_function_and_decorator_say() -> None:
    def script(dg: Any) -> Any:
        @dg.asset
        def orders():
            return 1

        @dg.asset_check(asset=orders)
        def plain(orders):
            """Checks it."""
            return dg.AssetCheckResult(passed=True)

        @dg.asset_check(
            asset=["p", "q"],
            name="named",
            description="said",
            blocking=True,
            metadata={"m": 1},
            additional_deps=["other"],
            required_resource_keys={"db"},
            retry_policy=dg.RetryPolicy(),
            op_tags={"a": "b"},
            pool="p",
        )
        def body(context):
            return dg.AssetCheckResult(passed=True)

        found = [shape(plain), shape(body), body.node_def.pool, dict(body.node_def.tags)]
        for made in found[:2]:
            made["outs"] = len(made["outs"])
        return found

    assert_same(script)


@covers("asset_check", "AssetIn")
def test_a_check_may_load_other_assets_too() -> None:
    def script(dg: Any) -> Any:
        @dg.asset_check(asset="orders", additional_ins={"others": dg.AssetIn("more")})
        def both(orders, others):
            return dg.AssetCheckResult(passed=True)

        return [
            sorted(key.to_user_string() for key in both.keys_by_input_name.values()),
            sorted(both.keys_by_input_name),
        ]

    assert_same(script)


@covers("multi_asset_check", "AssetCheckSpec")
def test_one_function_may_make_several_checks() -> None:
    def script(dg: Any) -> Any:
        @dg.multi_asset_check(
            specs=[dg.AssetCheckSpec("a", asset="x"), dg.AssetCheckSpec("b", asset=["p", "y"], blocking=True)],
            can_subset=True,
        )
        def body():
            yield dg.AssetCheckResult(passed=True, asset_key="x", check_name="a")

        return [shape(body), body.can_subset]

    assert_same(script)


@covers("AssetCheckSpec", "AssetCheckKey")
def test_check_specs_compare_and_name_alike() -> None:
    def script(dg: Any) -> Any:
        spec = dg.AssetCheckSpec("a", asset="x", additional_deps=["y"], metadata={"m": 1})
        return [
            spec.key == dg.AssetCheckKey(dg.AssetKey("x"), "a"),
            spec.key.name,
            spec.asset_key.path,
            spec.blocking,
            [dep.asset_key.path for dep in spec.additional_deps],
            spec.get_python_identifier(),
        ]

    assert_same(script)


@covers("AssetCheckResult", "AssetCheckSeverity")
def test_check_results_have_the_same_fields() -> None:
    def script(dg: Any) -> Any:
        result = dg.AssetCheckResult(
            passed=False, metadata={"n": 1}, severity=dg.AssetCheckSeverity.WARN, description="d"
        )
        plain = dg.AssetCheckResult(passed=True, asset_key="x", check_name="c")
        return [
            result.passed,
            result.severity.value,
            result.description,
            result.metadata["n"].value,
            plain.asset_key.path,
            plain.check_name,
            plain.severity.value,
            [member.value for member in dg.AssetCheckSeverity],
        ]

    assert_same(script)


@covers("AssetCheckResult", aspect=REFUSALS)
@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"passed": "yes"},
        {"passed": None},
        {"passed": True, "metadata": {"x": object()}},
        {"passed": True, "severity": "WARN"},
    ],
)
def test_bad_check_results_are_refused(arguments: Any) -> None:
    assert_refused(lambda dg: dg.AssetCheckResult(**arguments))


REFUSED: dict[str, Any] = {
    "two assets as parameters": lambda dg: dg.asset_check(asset="a", name="c")(lambda a, b: None),
    "bad name": lambda dg: dg.asset_check(asset="a", name="bad-name")(lambda: None),
    "no asset": lambda dg: dg.asset_check(asset=3, name="c")(lambda: None),
    "its own asset again": lambda dg: dg.asset_check(asset="a", name="c", additional_deps=["a"])(lambda: None),
    "its own asset as an input": lambda dg: dg.asset_check(asset="a", name="c", additional_ins={"x": dg.AssetIn("a")})(
        lambda x: None
    ),
    "an input that is no parameter": lambda dg: dg.asset_check(asset="a", name="c", additional_ins={"z": dg.AssetIn()})(
        lambda a: None
    ),
    "several assets": lambda dg: dg.asset_check(
        asset=dg.multi_asset(specs=[dg.AssetSpec("a"), dg.AssetSpec("b")])(lambda: None), name="c"
    )(lambda: None),
    "used bare": lambda dg: dg.asset_check(lambda: None),
    "a spec named badly": lambda dg: dg.asset(name="x", check_specs=[dg.AssetCheckSpec("a b", asset="x")])(lambda: 1),
    "a spec of its own asset": lambda dg: dg.AssetCheckSpec("a", asset="x", additional_deps=["x"]),
}


@covers("asset_check", "multi_asset_check", "AssetCheckSpec", aspect=REFUSALS)
@pytest.mark.parametrize("case", REFUSED)
def test_checks_that_make_no_sense_are_refused(case: str) -> None:
    assert_refused(REFUSED[case])


@covers("success_hook", "failure_hook", "HookDefinition")
def test_hooks_are_named_after_their_functions() -> None:
    def script(dg: Any) -> Any:
        @dg.success_hook
        def good(context):
            pass

        @dg.failure_hook(name="other", required_resource_keys={"db"})
        def bad(_):
            pass

        @dg.success_hook(required_resource_keys={"db"})
        def third(context):
            pass

        @dg.failure_hook
        def fourth(context):
            pass

        return [(hook.name, sorted(hook.required_resource_keys)) for hook in (good, bad, third, fourth)]

    assert_same(script)


@covers("success_hook", "failure_hook", aspect=REFUSALS)
@pytest.mark.parametrize("function", [lambda: None, lambda x: None], ids=["none", "other"])
def test_hooks_take_exactly_a_context(function: Any) -> None:
    function.__name__ = "hook"
    assert_refused(lambda dg: dg.failure_hook(function))
    assert_refused(lambda dg: dg.success_hook(function))


@covers("success_hook", "job", aspect=REFUSALS)
def test_hooks_must_be_hooks() -> None:
    assert_refused(lambda dg: dg.job(name="j", hooks={3})(lambda: None))
