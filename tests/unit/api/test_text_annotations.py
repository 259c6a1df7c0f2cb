"""Annotations that are texts, as ``from __future__ import annotations`` makes them."""

from __future__ import annotations

import collections
from typing import TYPE_CHECKING, Any

import pytest

from jobkernel.api.signatures import read_signature
from jobkernel.errors import InvalidDefinition

if TYPE_CHECKING:
    from decimal import Decimal


class Row:
    """A class of this module."""


def _of_names(first: int, second: Row) -> None: ...


def _of_more(first: list[int], second: collections.Counter, third: Any, fourth: int | None) -> Row: ...  # type: ignore[type-arg]


def _of_nothing(first: int, second: Decimal) -> None: ...


def test_names_of_classes_are_those_classes() -> None:
    signature = read_signature(_of_names, "Asset 'a'")
    assert [item.annotation for item in signature.inputs] == [int, Row]
    assert signature.returns is type(None)


def test_other_annotations_are_what_they_evaluate_to() -> None:
    signature = read_signature(_of_more, "Asset 'a'")
    assert [item.annotation for item in signature.inputs] == [list[int], collections.Counter, Any, int | None]
    assert signature.returns is Row


def test_a_name_of_the_module_hides_that_of_a_builtin(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(globals(), "int", Row)
    assert read_signature(_of_names, "Asset 'a'").inputs[0].annotation is Row


def test_a_name_that_names_nothing_is_refused() -> None:
    with pytest.raises(InvalidDefinition, match=r"names nothing of module .*Decimal"):
        read_signature(_of_nothing, "Asset 'a'")
