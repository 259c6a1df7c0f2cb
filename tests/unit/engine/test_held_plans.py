"""Plans for many runs hold what names are until they are let go, and no longer."""

from __future__ import annotations

import gc
from collections.abc import Callable
from typing import Any
from weakref import ref

from jobkernel.engine.held_plans import HeldPlans, held_plans
from jobkernel.model.definitions import Assets, AssetSpec, Op, Output
from jobkernel.rules.asset_plan import plan_assets
from jobkernel.rules.backfills import WHOLE


class Names:
    """What the notebook's names are at a launch."""

    def __init__(self, said: str) -> None:
        self.said = said

    def again(self) -> Names:
        return Names(self.said)


def held(said: list[str]) -> HeldPlans:
    def capture(memo: dict[Any, Any]) -> Callable[[], str]:
        names = memo.setdefault("names", Names(said[-1]))
        return lambda: str(names.said)

    op = Op(name="a", outputs=(Output(name="result"),), capture=capture)
    assets = Assets(specs=(AssetSpec(key="a"),), node=op, keys_by_output={"result": "a"})
    return held_plans(plan_assets([assets], ["a"]), [WHOLE], {})


def body_of(plans: HeldPlans) -> Callable[..., Any]:
    capture = plans.of(WHOLE).steps["a"].op.capture
    assert capture is not None
    return capture({})


def test_each_run_has_what_names_were_when_the_plans_were_made() -> None:
    said = ["first"]
    plans = held(said)
    said.append("second")

    assert [body_of(plans)() for _ in range(2)] == ["first", "first"]


def test_a_plan_that_is_remembered_holds_nothing_when_all_is_let_go() -> None:
    plans = held(["first"])
    plan, names = plans.of(WHOLE), ref(plans.captures["names"])

    plans.let_go()
    gc.collect()

    assert plan.asset_keys == ["a"]
    assert names() is None
