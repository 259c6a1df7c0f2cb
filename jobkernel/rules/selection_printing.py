"""Write selections back as text that Dagster's language reads. Knows no nodes, only how tightly each holds together."""

from __future__ import annotations

from enum import IntEnum
from typing import Protocol

from jobkernel.rules.selection_filters import Question


class Binding(IntEnum):
    """How tightly a written selection holds together: one with ``and``, ``or``, ``not``; one with a ``+``; a word."""

    LOOSE = 0
    REACH = 1
    WORD = 2


class Written(Protocol):
    """A selection that can be written."""

    @property
    def binding(self) -> Binding: ...
    def to_selection_str(self) -> str: ...


def operand(selection: Written, binding: Binding = Binding.REACH) -> str:
    """The written form, in brackets where it holds together less tightly than ``binding``."""
    written = selection.to_selection_str()
    return written if selection.binding >= binding else f"({written})"


def less(left: Written, right: Written) -> str:
    """Write ``left`` without ``right``."""
    return f"{operand(left)} and not {operand(right)}"


def reach(child: Written, direction: str, depth: int | None) -> str:
    """Write ``child`` with what lies up- or downstream of it."""
    if depth == 0:
        return operand(child)
    steps = "" if depth is None else str(depth)
    inner = operand(child, Binding.WORD)
    return f"{steps}+{inner}" if direction == "upstream" else f"{inner}+{steps}"


def question(asked: Question) -> str:
    """Write one filter.

    Raises:
        NotImplementedError: no text asks this.
    """
    if asked.word == "key_prefix":
        raise NotImplementedError("A selection by key prefix cannot be written as text.")
    if asked.word == "is":
        return f"is:{asked.value}"
    value = "<null>" if asked.value is None else f'"{asked.value}"'
    return f'{asked.word}:{value}="{asked.equals}"' if asked.equals else f"{asked.word}:{value}"
