"""Records that are quick to make are frozen dataclasses like any other."""

from __future__ import annotations

import pickle
from dataclasses import FrozenInstanceError, dataclass, field, replace

import pytest

from jobkernel.api.ops import OpDefinition
from jobkernel.model.definitions import EMPTY, Assets, AssetSpec, Input, Op, Output
from jobkernel.model.quick_records import quickly_made

QUICK = [AssetSpec(key="a"), Op(name="a"), Assets(specs=()), Input(name="a"), Output()]


@pytest.mark.parametrize("record", QUICK, ids=lambda record: type(record).__name__)
def test_what_is_not_given_has_its_default(record: object) -> None:
    fields = type(record).__dataclass_fields__  # type: ignore[attr-defined]
    given = {"name", "key", "specs"}
    assert {name: getattr(record, name) for name in fields if name not in given} == {
        name: kept.default for name, kept in fields.items() if name not in given
    }


def test_a_record_cannot_be_changed_once_it_is_made() -> None:
    spec = AssetSpec(key="a")
    with pytest.raises(FrozenInstanceError):
        spec.key = "b"  # type: ignore[misc]
    assert spec == AssetSpec(key="a")
    assert hash(spec) == hash(AssetSpec(key="a"))


def test_a_record_is_replaced_copied_and_shown_as_dataclasses_are() -> None:
    spec = AssetSpec(key="a", deps=("b",), metadata=EMPTY)
    assert replace(spec, key="c") == AssetSpec(key="c", deps=("b",))
    assert pickle.loads(pickle.dumps(spec)) == spec
    assert repr(spec).startswith("AssetSpec(key='a', deps=('b',), ")


def test_a_record_of_a_class_below_stays_of_that_class() -> None:
    assert type(OpDefinition(name="a")) is OpDefinition
    assert type(replace(OpDefinition(name="a"), name="b")) is OpDefinition


def test_arguments_are_those_of_the_fields() -> None:
    with pytest.raises(TypeError, match="missing 1 required keyword-only argument: 'key'"):
        AssetSpec()  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="unexpected keyword argument 'colour'"):
        AssetSpec(key="a", colour="red")  # type: ignore[call-arg]


def test_records_that_do_more_than_keep_are_refused() -> None:
    @dataclass(frozen=True, slots=True, kw_only=True)
    class Computing:
        names: list[str] = field(default_factory=list)

    @dataclass(frozen=True, slots=True, kw_only=True)
    class Checking:
        name: str

        def __post_init__(self) -> None:
            assert self.name

    for each in (Computing, Checking):
        with pytest.raises(TypeError, match="leave it as dataclass made it"):
            quickly_made(each)
