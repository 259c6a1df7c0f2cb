"""What a return annotation that names results says of outputs and checks is what it says in Dagster."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Optional

import pytest
from harness import assert_refused, assert_same, under_dagster
from symbols import REFUSALS, covers

import jobkernel

pytestmark = pytest.mark.compat
Returns = Callable[[Any], Any]


def passing(dg: Any) -> Any:
    return dg.AssetCheckResult(check_name="c", passed=True)


def with_check(dg: Any) -> Any:
    return dg.MaterializeResult(value=3, check_results=[passing(dg)])


def beside_check(dg: Any) -> Any:
    return dg.MaterializeResult(value=3), passing(dg)


def two(dg: Any) -> Any:
    return dg.MaterializeResult(asset_key="a", value=1), dg.MaterializeResult(asset_key="b", value=2)


def checked_asset(annotation: Returns, body: Returns) -> Returns:
    """Return a script that makes an asset with a check, its function annotated so."""

    def script(dg: Any) -> Any:
        def a():
            return body(dg)

        a.__annotations__["return"] = annotation(dg)
        spec = dg.AssetCheckSpec("c", asset="a")
        result = dg.materialize([dg.asset(check_specs=[spec])(a)])
        return result.output_for_node("a"), [each.passed for each in result.get_asset_check_evaluations()]

    return script


def two_assets(annotation: Returns) -> Returns:
    """Return a script that makes two assets, their function annotated so."""

    def script(dg: Any) -> Any:
        def make():
            return two(dg)

        make.__annotations__["return"] = annotation(dg)
        made = dg.multi_asset(outs={"a": dg.AssetOut(), "b": dg.AssetOut()})(make)
        result = dg.materialize([made])
        return result.asset_value("a"), result.asset_value("b")

    return script


TAKEN = {
    "typed results of each": two_assets(lambda dg: tuple[dg.MaterializeResult[int], dg.MaterializeResult[int]]),
    "one typed, one not": two_assets(lambda dg: tuple[dg.MaterializeResult[int], dg.MaterializeResult]),
    "check inside": checked_asset(lambda dg: tuple[dg.MaterializeResult[int], dg.AssetCheckResult], with_check),
}
REFUSED = {
    "result without type, with a value": checked_asset(lambda dg: dg.MaterializeResult, with_check),
    "typed result for an asset and its check": checked_asset(lambda dg: dg.MaterializeResult[int], with_check),
    "type of the asset alone": checked_asset(lambda _dg: int, with_check),
    "tuple without the check": checked_asset(lambda dg: tuple[dg.MaterializeResult[int]], with_check),
    "tuple of results without types": two_assets(lambda dg: tuple[dg.MaterializeResult, dg.MaterializeResult]),
    "another type": two_assets(lambda dg: tuple[dg.MaterializeResult[int], dg.MaterializeResult[str]]),
    "typed result for two": two_assets(lambda dg: dg.MaterializeResult[int]),
    "list of results": two_assets(lambda dg: list[dg.MaterializeResult]),
    "tuple of any length": two_assets(lambda dg: tuple[dg.MaterializeResult, ...]),
    "tuple of three": two_assets(lambda dg: tuple[(dg.MaterializeResult[int],) * 3]),
}


@covers("MaterializeResult", "asset", "multi_asset", "AssetCheckSpec")
@pytest.mark.parametrize("case", TAKEN)
def test_typed_results_are_taken(case: str) -> None:
    assert_same(TAKEN[case])


def test_a_check_returned_beside_its_asset_is_recorded_and_not_lost_as_in_dagster() -> None:
    script = checked_asset(lambda dg: tuple[dg.MaterializeResult[int], dg.AssetCheckResult], beside_check)

    assert under_dagster(script) == (3, [])
    assert script(jobkernel) == (3, [True])


@covers("MaterializeResult", "asset", "multi_asset", "AssetCheckSpec", aspect=REFUSALS)
@pytest.mark.parametrize("case", REFUSED)
def test_annotations_that_do_not_fit_the_outputs_are_refused(case: str) -> None:
    assert_refused(REFUSED[case])


@covers("MaterializeResult", aspect=REFUSALS)
@pytest.mark.parametrize(
    "annotation",
    [
        lambda dg: dg.MaterializeResult[int],
        lambda dg: dg.MaterializeResult[dict],
        lambda dg: dg.MaterializeResult[Optional[int]],  # noqa: UP045  - Dagster knows no other
        lambda _dg: int,
    ],
    ids=["int", "dict", "optional", "plain int"],
)
def test_a_promised_value_that_is_left_out_fails_the_step(annotation: Returns) -> None:
    assert_refused(made_without_value(annotation), "has no value")


@covers("MaterializeResult")
@pytest.mark.parametrize(
    "annotation",
    [
        lambda dg: dg.MaterializeResult,
        lambda dg: dg.MaterializeResult[None],
        lambda dg: dg.MaterializeResult[Any],
        lambda dg: dg.MaterializeResult[object],
        lambda _dg: None,
    ],
    ids=["no type", "None", "Any", "object", "plain None"],
)
def test_a_value_may_be_left_out_where_none_is_promised(annotation: Returns) -> None:
    assert_same(made_without_value(annotation))


def made_without_value(annotation: Returns) -> Returns:
    """Return a script that makes an asset whose result has no value."""

    def script(dg: Any) -> Any:
        def a():
            return dg.MaterializeResult(metadata={"rows": 3})

        a.__annotations__["return"] = annotation(dg)
        return dg.materialize([dg.asset(a)]).success

    return script
