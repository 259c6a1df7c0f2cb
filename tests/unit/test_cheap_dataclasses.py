"""Records are dataclasses like those of the standard library, defined at less cost."""

from __future__ import annotations

import copy
import dataclasses
import inspect
import math
import pickle
from collections.abc import Callable
from dataclasses import FrozenInstanceError, field, fields, replace
from typing import Any

import pytest

from jobkernel import records
from jobkernel.api.ops import OpDefinition
from jobkernel.model.definitions import EMPTY, AssetSpec

Decorator = Callable[..., Any]
OPTIONS = [
    {},
    {"slots": True},
    {"frozen": True},
    {"slots": True, "eq": False},
    {"frozen": True, "slots": True},
    {"frozen": True, "slots": True, "kw_only": True},
]


def both(build: Callable[[Decorator], Any]) -> tuple[Any, Any]:
    """Return what is built by the standard library's decorator and by ours."""
    return build(dataclasses.dataclass), build(records.dataclass)


def a_point(dataclass: Decorator, options: dict[str, bool]) -> Any:
    """A class with a field of each kind."""

    @dataclass(**options)
    class Point:
        x: int
        names: list[str] = field(default_factory=list)
        unseen: float = field(default=0.5, repr=False, compare=False)
        counted: int = field(default=7, init=False)
        made: list[int] = field(default_factory=list, init=False)
        unhashed: str = field(default="", hash=False, kw_only=True)

    return Point


def told(call: Callable[[], Any]) -> Any:
    """Return what a call gives, or the kind of its error."""
    try:
        return call()
    except Exception as error:
        return type(error)


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize(
    "act",
    [
        lambda Point: repr(Point(x=1, names=["a"])),
        lambda Point: Point(x=1) == Point(x=1, unseen=2.0),
        lambda Point: Point(x=1) == Point(x=2),
        lambda Point: Point(x=1) == object(),
        lambda Point: len({Point(x=1, names=()), Point(x=1, names=(), unhashed="b")}),
        lambda Point: Point(x=1).names is Point(x=1).names,
        lambda Point: (Point(x=1).counted, Point(x=1).made, Point(x=1).unseen),
        lambda Point: setattr(Point(x=1), "x", 2),
        lambda Point: delattr(Point(x=1), "x"),
        lambda Point: replace(Point(x=1, names=["a"]), x=3).names,
        lambda Point: repr(copy.deepcopy(Point(x=1, names=["a"]))),
        lambda Point: Point(),
        lambda Point: Point(x=1, colour="red"),
        lambda Point: Point(1, ["b"]).names,
        lambda Point: str(inspect.signature(Point)),
        lambda Point: [each.name for each in fields(Point)],
        lambda Point: Point.__match_args__,
        lambda Point: hasattr(Point(x=1), "__dict__"),
        lambda Point: Point.__dataclass_params__.frozen,
        lambda Point: dataclasses.asdict(Point(x=1, names=["a"])),
    ],
)
def test_a_record_does_what_the_standard_librarys_does(options: dict[str, bool], act: Callable[[Any], Any]) -> None:
    theirs, ours = both(lambda dataclass: told(lambda: act(a_point(dataclass, options))))
    assert ours == theirs


def test_a_record_that_checks_itself_is_refused_where_it_fails() -> None:
    @records.dataclass(frozen=True, slots=True)
    class Positive:
        number: int

        def __post_init__(self) -> None:
            if self.number < 0:
                raise ValueError("below zero")

    assert Positive(1).number == 1
    with pytest.raises(ValueError, match="below zero"):
        Positive(-1)


def test_what_a_class_says_of_itself_stays() -> None:
    @records.dataclass(frozen=True)
    class Named:
        name: str

        def __repr__(self) -> str:
            return f"<{self.name}>"

        def __eq__(self, other: object) -> bool:
            return True

        def __hash__(self) -> int:
            return 3

    assert (repr(Named("a")), Named("a") == 5, hash(Named("a"))) == ("<a>", True, 3)


def test_a_class_below_keeps_the_fields_above_and_may_be_anybodys() -> None:
    def build(dataclass: Decorator) -> Any:
        @dataclass(frozen=True, slots=True)
        class Above:
            a: int

        @dataclass(frozen=True, slots=True)
        class Below(Above):
            b: int = 2

        @dataclasses.dataclass(frozen=True)
        class Users(Below):
            c: int = 3

        return repr(Users(1)), replace(Below(1), a=5).a, told(lambda: setattr(Below(1), "a", 2))

    theirs, ours = both(build)
    assert ours == theirs


@pytest.mark.parametrize("slots", [True, False])
def test_a_plain_class_below_may_keep_what_it_likes_but_not_change_a_field(slots: bool) -> None:
    @records.dataclass(frozen=True, slots=slots)
    class Above:
        a: int

    class Plain(Above):
        pass

    plain: Any = Plain(1)
    plain.note = "theirs"
    del plain.note
    with pytest.raises(FrozenInstanceError, match="cannot assign to field 'a'"):
        plain.a = 2
    assert plain.a == 1


def test_a_frozen_record_has_no_parent_that_can_be_changed() -> None:
    @records.dataclass(slots=True)
    class Loose:
        a: int

    with pytest.raises(TypeError, match="cannot inherit frozen dataclass from a non-frozen one"):

        @records.dataclass(frozen=True, slots=True)
        class Frozen(Loose):
            b: int


def test_a_value_that_does_not_equal_itself_is_compared_as_in_a_tuple() -> None:
    @records.dataclass(frozen=True)
    class One:
        number: float

    assert (One(math.nan) == One(math.nan)) is ((math.nan,) == (math.nan,))


def test_a_record_that_holds_itself_can_be_shown() -> None:
    @records.dataclass
    class Loop:
        inner: Any = None

    loop = Loop()
    loop.inner = loop
    assert repr(loop).endswith("Loop(inner=...)")


def test_a_record_is_pickled_and_cannot_be_changed_afterwards() -> None:
    spec = pickle.loads(pickle.dumps(AssetSpec(key="a", deps=("b",), metadata=EMPTY)))
    assert spec == AssetSpec(key="a", deps=("b",))
    assert hash(spec) == hash(AssetSpec(key="a", deps=("b",)))
    with pytest.raises(FrozenInstanceError):
        spec.key = "b"


def test_a_record_of_a_class_below_stays_of_that_class() -> None:
    assert type(OpDefinition(name="a")) is OpDefinition
    assert type(replace(OpDefinition(name="a"), name="b")) is OpDefinition


def test_arguments_are_those_of_the_fields() -> None:
    with pytest.raises(TypeError, match="missing 1 required keyword-only argument: 'key'"):
        AssetSpec()  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="unexpected keyword argument 'colour'"):
        AssetSpec(key="a", colour="red")  # type: ignore[call-arg]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_a_field_may_be_called_like_anything_that_fills_it(options: dict[str, bool]) -> None:
    @records.dataclass(**options)
    class Shop:
        store: int
        ANEW: int
        Record: int = 3
        Filling: list[int] = field(default_factory=list)

    shop = Shop(store=1, ANEW=2)

    assert (shop.store, shop.ANEW, shop.Record, shop.Filling) == (1, 2, 3, [])
