"""Which annotations are checked while a run goes on, and how, as in Dagster."""

import datetime
from collections.abc import Mapping, Sequence
from typing import Any, Dict, List, Optional, Set, Tuple  # noqa: UP035  - the old spellings are to work

import pytest
from harness import assert_refused, assert_same, dagster
from symbols import REFUSALS, covers

from jobkernel.errors import TypeCheckFailed
from jobkernel.rules.type_check import check_type

pytestmark = pytest.mark.compat


class Foo:
    pass


class Bar(Foo):
    pass


# fmt: off
VALUES: list[Any] = [
    1, 1.5, "s", True, None, [1], ["a"], [None], [[1]], [Foo()], {"a": 1}, {1: "a"}, {1}, {"a"}, (1, "a"), (1, 2), b"",
    Foo(), Bar(), len, Foo, datetime.date(2024, 1, 1),
]
# ruff: noqa: UP006, UP045
ANNOTATIONS: list[Any] = [
    int, float, str, bool, list, dict, set, tuple, bytes, object, Any, Optional[int], int | None, List[int],
    list[int], list[Any], List[Optional[int]], list[list[int]], list[Foo], Dict[str, int], dict[str, int],
    dict[str, Any], Set[int], set[int], Tuple[int, str], tuple[int, str], Foo, Bar, Sequence[int], Mapping[str, int],
    type, datetime.date,
]
# fmt: on


def taken_by_dagster(annotation: Any) -> list[str]:
    """The values that an input of that annotation takes under Dagster."""

    def body(x):
        return None

    body.__annotations__ = {"x": annotation}
    kind = dagster().op(name="o")(body).input_dict["x"].dagster_type
    return [repr(value) for value in VALUES if kind.type_check(None, value).success]


def taken_by_us(annotation: Any) -> list[str]:
    """The values that an input of that annotation takes under jobkernel."""

    def takes(value: Any) -> bool:
        try:
            check_type(annotation, value, "Input 'x'")
        except TypeCheckFailed:
            return False
        return True

    return [repr(value) for value in VALUES if takes(value)]


@covers("op", "In")
@covers("op", "In", aspect=REFUSALS)
@pytest.mark.parametrize("annotation", ANNOTATIONS, ids=str)
def test_an_annotation_takes_and_refuses_the_same_values(annotation: Any) -> None:
    assert taken_by_us(annotation) == taken_by_dagster(annotation)


@covers("op", "Out")
def test_a_type_of_its_own_checks_by_a_function() -> None:
    def script(dg: Any) -> Any:
        even = dg.DagsterType(type_check_fn=lambda _context, value: value % 2 == 0, name="Even")
        said = dg.DagsterType(
            type_check_fn=lambda _context, value: dg.TypeCheck(success=value > 0, description="too small"), name="Big"
        )
        outcomes = []
        either = dg.PythonObjectDagsterType((int, str), name="either")
        for kind in (even, said, dg.PythonObjectDagsterType(Foo), either):
            for value in (2, 3, -1, Foo(), "s"):
                try:
                    outcomes.append(dg.check_dagster_type(kind, value).success)
                except TypeError:
                    outcomes.append("TypeError")
        return outcomes

    assert_same(script)


@covers("op", aspect=REFUSALS)
def test_a_value_that_is_not_of_its_own_type_fails_the_step() -> None:
    def script(dg: Any) -> Any:
        even = dg.DagsterType(type_check_fn=lambda _context, value: value % 2 == 0, name="Even")

        @dg.op(out=dg.Out(even))
        def o():
            return 3

        @dg.job
        def j():
            o()

        j.execute_in_process()

    assert_refused(script)


@covers("op")
def test_a_class_is_used_as_a_type_under_another_name() -> None:
    def script(dg: Any) -> Any:
        @dg.usable_as_dagster_type(name="Named")
        class Named:
            pass

        @dg.op
        def o(x: Named):
            return type(x).__name__

        return o(Named())

    assert_same(script)


@covers("op")
def test_an_optional_without_a_value_and_dagsters_own_words() -> None:
    def script(dg: Any) -> Any:
        @dg.op(ins={"x": dg.In(dg.Int), "y": dg.In(dg.String)}, out=dg.Out(dg.Float))
        def o(x, y):
            return float(x)

        return o(1, "s")

    assert_same(script)
