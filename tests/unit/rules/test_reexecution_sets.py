"""Which steps run again: Dagster's step sets for re-execution, on the two graphs of its tables."""

from __future__ import annotations

import pytest

import jobkernel as jk
from jobkernel.errors import InvalidSubset, UnknownName
from jobkernel.model.runs import StepStatus
from jobkernel.rules.graph_plan import plan_graph
from jobkernel.rules.plan import FromStep, Plan
from jobkernel.rules.reexecution import PastRun, again_from_failure, again_selected


@jk.op
def one() -> int:
    return 1


@jk.op
def plus(x: int) -> int:
    return x + 1


@jk.op
def both(x: int, y: int) -> int:
    return x + y


@jk.op(out={"l": jk.Out(is_required=False), "r": jk.Out(is_required=False)})
def br():  # type: ignore[no-untyped-def]
    yield jk.Output(1, "l")


@jk.op(out=jk.DynamicOut())
def dyn():  # type: ignore[no-untyped-def]
    for key in range(3):
        yield jk.DynamicOutput(key, str(key))


@jk.op
def total(xs: list[int]) -> int:
    return sum(xs)


@jk.job
def wide() -> None:
    a = one.alias("a")()
    d = both.alias("d")(plus.alias("b")(a), plus.alias("c")(a))
    plus.alias("e")(d)
    left, right = br()
    plus.alias("aft")(plus.alias("onl")(left))
    plus.alias("onr")(right)
    total.alias("tot")(dyn().map(plus.alias("mul")).collect())


@jk.job
def small() -> None:
    a = one.alias("a")()
    both.alias("d")(plus.alias("b")(a), plus.alias("c")(a))
    one.alias("e")()


def plan_of(job: jk.JobDefinition) -> Plan:
    assert job.graph is not None
    return plan_graph(job.graph, job)


WIDE, SMALL = plan_of(wide), plan_of(small)
KEYS = ("0", "1", "2")


def past(plan: Plan, run_id: str = "parent", *, ended: dict[str, StepStatus] | None = None, only: str = "") -> PastRun:
    """A run of the plan in which what is named ended so, and what stands below a failure did not run."""
    given = ended or {}
    keys = only.split() or list(plan.steps)
    statuses: dict[str, StepStatus] = {}
    for key in keys:
        each = [key.replace("[?]", f"[{number}]") for number in KEYS] if "[?]" in key else [key]
        statuses |= dict.fromkeys(each, StepStatus.SUCCESS)
    if "onr" in statuses:
        statuses["onr"] = StepStatus.SKIPPED
    statuses |= given
    made = []
    for key, status in statuses.items():
        if status is not StepStatus.SUCCESS:
            continue
        outputs = {"br": ["l"], "dyn": [f"result[{number}]" for number in KEYS]}.get(key, ["result"])
        made += [FromStep(key, output) for output in outputs]
    return PastRun(run_id=run_id, steps=frozenset(keys), statuses=statuses, made=tuple(made))


FAILED, NOT_RUN, STARTED = StepStatus.FAILURE, StepStatus.NOT_RUN, StepStatus.STARTED


@pytest.mark.parametrize(
    ("ended", "again"),
    [
        ({"b": FAILED, "d": NOT_RUN, "e": NOT_RUN}, "b d e"),
        ({"b": FAILED, "c": FAILED, "d": NOT_RUN, "e": NOT_RUN}, "b c d e"),
        ({"a": FAILED, "b": NOT_RUN, "c": NOT_RUN, "d": NOT_RUN, "e": NOT_RUN}, "a b c d e"),
        ({"onl": FAILED, "aft": NOT_RUN}, "onl aft"),
        ({"mul[1]": FAILED, "tot": NOT_RUN}, "mul[1] tot"),
        ({"c": STARTED, "d": NOT_RUN, "e": NOT_RUN}, "c d e"),
    ],
    ids=["b", "b-and-c", "a", "behind-an-optional-output", "one-mapped-step", "interrupted"],
)
def test_from_failure_runs_what_failed_and_what_follows_and_nothing_that_was_skipped(
    ended: dict[str, StepStatus], again: str
) -> None:
    plan = again_from_failure(WIDE, [past(WIDE, ended=ended)])

    assert sorted(plan.steps) == sorted(again.split())


def test_from_failure_leaves_other_branches_alone() -> None:
    plan = again_from_failure(SMALL, [past(SMALL, ended={"b": FAILED, "d": NOT_RUN})])

    assert list(plan.steps) == ["b", "d"]
    assert plan.earlier is not None
    assert set(plan.earlier.steps) == {"a", "c", "e"}
    assert plan.earlier.made_by[FromStep("c", "result")] == "parent"


def test_a_collector_gathers_what_the_earlier_run_made_beside_what_is_made_again() -> None:
    plan = again_from_failure(WIDE, [past(WIDE, ended={"mul[1]": FAILED, "tot": NOT_RUN})])

    feeds = plan.steps["tot"].inputs[0].feeds
    assert feeds == tuple(FromStep(f"mul[{key}]", "result") for key in KEYS)
    assert plan.steps["mul[1]"].inputs[0].feeds == (FromStep("dyn", "result[1]"),)


def test_a_dynamic_step_that_failed_is_unfolded_anew() -> None:
    lost = {f"mul[{key}]": NOT_RUN for key in KEYS}
    run = past(WIDE, ended={"dyn": FAILED, "tot": NOT_RUN, **lost})

    assert sorted(again_from_failure(WIDE, [run]).steps) == ["dyn", "mul[?]", "tot"]


def test_a_third_run_uses_what_the_first_one_made() -> None:
    first = past(SMALL, "first", ended={"b": FAILED, "d": NOT_RUN})
    second = past(SMALL, "second", ended={"d": FAILED}, only="b d")

    plan = again_from_failure(SMALL, [second, first])

    assert list(plan.steps) == ["d"]
    assert plan.earlier is not None
    assert plan.earlier.made_by[FromStep("b", "result")] == "second"
    assert plan.earlier.made_by[FromStep("c", "result")] == "first"


@pytest.mark.parametrize(
    ("clauses", "again"), [(["c*"], "c d"), (["*b"], "a b"), (["b", "e"], "b e"), (["*"], "a b c d e")]
)
def test_steps_are_chosen_as_ops_are_selected(clauses: list[str], again: str) -> None:
    assert sorted(again_selected(SMALL, clauses, [past(SMALL)]).steps) == again.split()


def test_a_run_that_succeeded_has_nothing_left() -> None:
    with pytest.raises(InvalidSubset, match="Nothing of run parent is left to run"):
        again_from_failure(SMALL, [past(SMALL)])


def test_a_value_that_nobody_made_is_asked_for() -> None:
    run = past(SMALL, ended={"b": FAILED, "d": NOT_RUN})

    with pytest.raises(
        InvalidSubset, match="Step 'd' needs output 'result' of step 'b', which no run of this group made"
    ):
        again_selected(SMALL, ["d"], [run])


def test_unknown_steps_are_refused() -> None:
    with pytest.raises(UnknownName, match="nope"):
        again_selected(SMALL, ["nope"], [past(SMALL)])


def test_a_mapped_step_without_a_key_asks_for_the_step_that_makes_the_keys() -> None:
    with pytest.raises(InvalidSubset, match="once for each key that 'dyn' makes"):
        again_selected(WIDE, ["mul[?]"], [past(WIDE)])
