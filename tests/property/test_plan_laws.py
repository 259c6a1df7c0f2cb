"""Plans of assets: upstream first, ties in the order of definition, fed by this run where it makes what is needed."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from jobkernel.model.definitions import Assets, AssetSpec, Input, Op
from jobkernel.rules.asset_plan import plan_assets
from jobkernel.rules.plan import FromAsset, FromStep, Plan

CALM = settings(max_examples=100, deadline=None, derandomize=True, database=None)
KEYS = [f"k{number}" for number in range(8)]
Above = dict[str, tuple[str, ...]]


@st.composite
def above(draw: st.DrawFn) -> Above:
    order = draw(st.permutations(KEYS))
    found = {
        key: tuple(draw(st.sets(st.sampled_from(order[:at]), max_size=3))) if at else () for at, key in enumerate(order)
    }
    return {key: tuple(sorted(found[key])) for key in draw(st.permutations(KEYS))}


def asset(key: str, deps: tuple[str, ...]) -> Assets:
    op = Op(name=key, inputs=tuple(Input(name=each) for each in deps))
    return Assets(
        specs=(AssetSpec(key=key, deps=deps),),
        node=op,
        keys_by_input={each: each for each in deps},
        keys_by_output={"result": key},
    )


def planned(edges: Above, keys: set[str]) -> Plan:
    return plan_assets([asset(key, deps) for key, deps in edges.items()], keys)


@CALM
@given(above(), st.sets(st.sampled_from(KEYS), min_size=1))
def test_a_plan_holds_exactly_what_is_selected_upstream_first(edges: Above, keys: set[str]) -> None:
    plan = planned(edges, keys)
    assert set(plan.steps) == set(plan.asset_keys) == keys
    place = {key: at for at, key in enumerate(plan.steps)}
    assert all(place[parent] < place[key] for key in keys for parent in edges[key] if parent in keys)


@CALM
@given(above(), st.sets(st.sampled_from(KEYS), min_size=1))
def test_an_input_is_fed_by_the_run_where_it_makes_it_and_by_the_stored_value_elsewhere(
    edges: Above, keys: set[str]
) -> None:
    for key, step in planned(edges, keys).steps.items():
        feeds = {planned.input.name: planned.feeds for planned in step.inputs}
        assert feeds == {
            parent: (FromStep(parent, "result") if parent in keys else FromAsset(parent),) for parent in edges[key]
        }


@CALM
@given(above(), st.sets(st.sampled_from(KEYS), min_size=1), st.randoms())
def test_a_plan_does_not_depend_on_the_order_of_the_selection(edges: Above, keys: set[str], random: object) -> None:
    shuffled = sorted(keys)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert list(planned(edges, set(shuffled)).steps) == list(planned(edges, keys).steps)


@CALM
@given(st.permutations(KEYS), st.sets(st.sampled_from(KEYS), min_size=1))
def test_what_waits_for_nothing_stands_in_the_order_of_definition(order: list[str], keys: set[str]) -> None:
    plan = planned(dict.fromkeys(order, ()), keys)
    assert list(plan.steps) == [key for key in order if key in keys]
