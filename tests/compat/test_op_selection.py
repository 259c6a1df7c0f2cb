"""Op and step selection select what real Dagster's do."""

from __future__ import annotations

import dagster as dg
import pytest
from dagster._core.selector.subset_selector import parse_clause, parse_op_queries, parse_step_selection
from hypothesis import given, settings
from hypothesis import strategies as st

from jobkernel.errors import InvalidSubset, UnknownName
from jobkernel.rules.graph import Graph
from jobkernel.rules.op_selection import Clause, clause_of, select_ops, select_steps

pytestmark = pytest.mark.compat

G2 = {
    "return_one": [],
    "return_two": [],
    "add_nums": ["return_one", "return_two"],
    "multiply_two": ["add_nums"],
    "add_one": ["multiply_two"],
}
G3 = {
    "start": [],
    "a": ["start"],
    "b": [],
    "c": ["b"],
    "d": ["a", "b"],
    "final": ["a", "d"],
    "e": ["c"],
    "f": ["d", "e"],
}
G4 = {"a": [], "b": ["a"], "cc": ["a"], "d": ["b", "cc"]}
UNLIMITED = 9223372036854775807


@pytest.mark.parametrize(
    ("graph", "selection", "expected"),
    [
        (G2, ["add_nums"], "add_nums"),
        (G2, ["add_nums*"], "add_nums multiply_two add_one"),
        (G2, ["*add_nums+"], "return_one return_two add_nums multiply_two"),
        (G2, ["*add_nums", "return_one+"], "return_one return_two add_nums"),
        (G2, ["*"], "return_one return_two add_nums multiply_two add_one"),
        (G3, ["+f"], "f d e"),
        (G3, ["++f"], "f d e c a b"),
        (G3, ["b++"], "b c d e f final"),
        (G3, ["start*"], "start a d f final"),
        (G4, ["b", "cc"], "b cc"),
        (G4, [], ""),
    ],
)
def test_the_rows_of_the_table(graph: dict[str, list[str]], selection: list[str], expected: str) -> None:
    assert select_ops(Graph.of(graph), selection) == set(expected.split())
    assert parse_op_queries(a_job(graph), selection) == set(expected.split())


@pytest.mark.parametrize("selection", [["*add_nums", "a"], ["1+add_nums"], ["add_nums", "*", "+"], [""]])
def test_one_clause_that_selects_nothing_spoils_the_list(selection: list[str]) -> None:
    with pytest.raises(dg.DagsterInvalidSubsetError):
        parse_op_queries(a_job(G2), selection)
    with pytest.raises(InvalidSubset, match="selects nothing"):
        select_ops(Graph.of(G2), selection)


@pytest.mark.parametrize("selection", [["a", "nope"], ["nope*", "+neither"]])
def test_an_unknown_step_is_named(selection: list[str]) -> None:
    upstream = {key: set(above) for key, above in G3.items()}
    with pytest.raises(dg.DagsterError, match="unknown step"):
        parse_step_selection(upstream, selection)
    with pytest.raises(UnknownName, match="'nope'"):
        select_steps(Graph.of(G3), selection)


def test_a_clause_says_how_far_to_go() -> None:
    assert clause_of("*some++") == Clause(None, "some", 2)
    assert clause_of(" some ") == Clause(0, "some", 0)
    assert clause_of("1+some") is None


@settings(max_examples=600, deadline=None, derandomize=True, database=None)
@given(st.text(alphabet="*+ab1[?].-_ é", max_size=8))
def test_every_text_is_the_same_clause(text: str) -> None:
    theirs, ours = parse_clause(text), clause_of(text)
    if theirs is None:
        assert ours is None
    else:
        limits = [None if depth == UNLIMITED else depth for depth in (theirs.up_depth, theirs.down_depth)]
        assert ours == Clause(limits[0], theirs.item_name, limits[1])


@settings(max_examples=150, deadline=None, derandomize=True, database=None)
@given(
    st.dictionaries(st.integers(1, 7), st.lists(st.integers(0, 6), max_size=3), max_size=7),
    st.lists(
        st.tuples(st.sampled_from(["", "*", "+", "++"]), st.integers(0, 3), st.sampled_from(["", "*", "+", "++"])),
        max_size=3,
    ),
)
def test_steps_are_selected_the_same(above: dict[int, list[int]], clauses: list[tuple[str, int, str]]) -> None:
    edges = {f"s{key}": [f"s{one}" for one in above.get(key, []) if one < key] for key in range(8)}
    selection = [f"{up}s{key}{down}" for up, key, down in clauses]
    theirs = parse_step_selection({key: set(upstream) for key, upstream in edges.items()}, selection)
    assert select_steps(Graph.of(edges), selection) == theirs


def a_job(edges: dict[str, list[str]]) -> dg.GraphDefinition:
    ops = [
        dg.OpDefinition(
            compute_fn=lambda **_: None,
            name=name,
            ins={above: dg.In() for above in upstream},
            outs={"result": dg.Out()},
        )
        for name, upstream in edges.items()
    ]
    dependencies = {
        name: {above: dg.DependencyDefinition(above) for above in upstream} for name, upstream in edges.items()
    }
    return dg.GraphDefinition(name="job", node_defs=ops, dependencies=dependencies)
