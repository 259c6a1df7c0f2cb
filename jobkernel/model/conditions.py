"""Conditions on which an asset is made by itself: a frozen tree of operands and operators.

Knows neither crons, selections nor facts: ``rules.conditions_words`` has the words that people write them with, and
``rules.conditions`` evaluates them. Names, labels and what an edit reaches: Dagster's declarative automation.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import field, replace
from functools import cached_property
from typing import Any, ClassVar, Self

from jobkernel.errors import InvalidDefinition
from jobkernel.records import dataclass

Selection = Any
"""An ``AssetSelection``: what limits the dependencies that a condition looks at."""


@dataclass(frozen=True)
class Condition:
    """What is true of an asset, or of some of its partitions. Conditions are equal by what they say."""

    label: str | None = field(default=None, kw_only=True)
    word: ClassVar[str] = ""
    description: ClassVar[Any] = ""
    parts: ClassVar[tuple[str, ...]] = ()
    is_open: ClassVar[bool] = True

    @property
    def name(self) -> str:
        """The formal name, such as ``missing`` or ``AND``."""
        return self.word

    @property
    def loose_name(self) -> str:
        """The name by which what it remembers is found again after an edit."""
        return self.name

    @property
    def operator(self) -> str:
        """How it joins its children: ``and``, ``or``, ``not``, or ``identity``."""
        return "identity"

    @cached_property
    def children(self) -> Sequence[Condition]:
        """The conditions that it is made of."""
        return tuple(getattr(self, part) for part in self.parts)

    @cached_property
    def everything(self) -> Sequence[Condition]:
        """It, and all conditions inside of it."""
        return (self, *(inner for part in self._inside for inner in part.everything))

    @cached_property
    def wording(self) -> str:
        """Everything that it says, labels apart."""
        return f"{self.name}({','.join(part.wording for part in self._inside)})"

    @property
    def _inside(self) -> Sequence[Condition]:
        return self.children

    def get_label(self) -> str | None:
        """Return the label, where one was given."""
        return self.label

    def with_label(self, label: str | None) -> Self:
        """Return the condition under a label for people."""
        return replace(self, label=label)

    def replace(self, old: Condition | str, new: Condition) -> Condition:
        """Return the condition with ``new`` in place of each ``old``: a condition, or the name or label of some."""
        if old in (self.name, self.label) if isinstance(old, str) else old == self:
            return new
        return self._changed(lambda part: part.replace(old, new)) if self.is_open else self

    def since(self, reset_condition: Condition) -> Since:
        """Return what is true once this was, until ``reset_condition`` is."""
        return Since(self, checked(reset_condition, "since"))

    def newly_true(self) -> NewlyTrue:
        """Return what is true at the look at which this becomes true."""
        return NewlyTrue(self)

    def since_last_handled(self) -> Since:
        """Return what is true once this was, until the asset is requested, made, or looked at for the first time."""
        handled = Operand("newly_requested") | Operand("newly_updated") | Operand("initial_evaluation")
        return self.since(handled.with_label("handled"))

    def __and__(self, other: Condition) -> And:
        return And((*_operands(self, And), *_operands(checked(other, "&"), And)))

    def __or__(self, other: Condition) -> Or:
        return Or((*_operands(self, Or), *_operands(checked(other, "|"), Or)))

    def __invert__(self) -> Not:
        return Not(self)

    def __str__(self) -> str:
        return self.label or self.name

    def _changed(self, change: Callable[[Condition], Condition]) -> Self:
        changed: dict[str, Any] = {part: change(getattr(self, part)) for part in self.parts}
        return replace(self, **changed)


@dataclass(frozen=True)
class Operand(Condition):
    """A condition without parts: a kind, and its arguments by name."""

    kind: str
    arguments: tuple[tuple[str, Any], ...] = ()

    @property
    def name(self) -> str:
        """The kind, and the arguments that were given."""
        given = [f"{name}={_shown(value)}" for name, value in self.arguments if value is not None]
        return f"{self.kind}({', '.join(given)})" if given else self.kind

    @property
    def description(self) -> str:
        """When it is true, where the name does not say so."""
        if self.kind == "in_latest_time_window":
            lookback = self.argument("lookback_timedelta")
            return f"Within {lookback} of the end of the latest time window".replace("None of the end of the ", "")
        return "Will be requested this tick" if self.kind == "will_be_requested" else ""

    def argument(self, name: str) -> Any:
        """Return an argument, None where it was not given."""
        return dict(self.arguments).get(name)


@dataclass(frozen=True)
class Limited(Condition):
    """Has parts that may look at dependencies; a limit on those is passed on to them."""

    def allow(self, selection: Selection) -> Self:
        """Return the condition with only the dependencies of a selection looked at, in each of its parts."""
        _check_selection(selection, "allow")
        return self._changed(lambda part: part.allow(selection) if isinstance(part, Limited) else part)

    def ignore(self, selection: Selection) -> Self:
        """Return the condition with the dependencies of a selection left out, in each of its parts."""
        _check_selection(selection, "ignore")
        return self._changed(lambda part: part.ignore(selection) if isinstance(part, Limited) else part)


@dataclass(frozen=True)
class Several(Limited):
    """Joins several operands."""

    operands: tuple[Condition, ...]

    @cached_property
    def children(self) -> Sequence[Condition]:
        """The operands."""
        return self.operands

    def _changed(self, change: Callable[[Condition], Condition]) -> Self:
        return replace(self, operands=tuple(map(change, self.operands)))


@dataclass(frozen=True)
class And(Several):
    """True where all operands are."""

    word: ClassVar[str] = "AND"
    description: ClassVar[Any] = "All of"

    @property
    def operator(self) -> str:
        """How it joins its children."""
        return "and"

    def without(self, condition: Condition) -> And:
        """Return the condition without one of its operands.

        Raises:
            InvalidDefinition: it is no operand, or less than two would be left.
        """
        left = tuple(operand for operand in self.operands if operand != condition)
        if len(left) == len(self.operands):
            raise InvalidDefinition(f"'{condition}' is no operand of '{self}'.")
        if len(left) < 2:
            raise InvalidDefinition(f"'{self}' without '{condition}' would have less than two operands.")
        return replace(self, operands=left)


@dataclass(frozen=True)
class Or(Several):
    """True where any operand is."""

    word: ClassVar[str] = "OR"
    description: ClassVar[Any] = "Any of"

    @property
    def operator(self) -> str:
        """How it joins its children."""
        return "or"


@dataclass(frozen=True)
class Not(Limited):
    """True where the operand is not."""

    operand: Condition
    word: ClassVar[str] = "NOT"
    description: ClassVar[Any] = "Not"
    parts: ClassVar[tuple[str, ...]] = ("operand",)

    @property
    def operator(self) -> str:
        """How it joins its children."""
        return "not"


@dataclass(frozen=True)
class Since(Limited):
    """True once the trigger was, until the reset is."""

    trigger_condition: Condition
    reset_condition: Condition
    word: ClassVar[str] = "SINCE"
    parts: ClassVar[tuple[str, ...]] = ("trigger_condition", "reset_condition")


@dataclass(frozen=True)
class NewlyTrue(Condition):
    """True at the look at which the operand becomes true. Replacing does not reach into it, as in Dagster."""

    operand: Condition
    word: ClassVar[str] = "NEWLY_TRUE"
    parts: ClassVar[tuple[str, ...]] = ("operand",)
    is_open: ClassVar[bool] = False


@dataclass(frozen=True)
class Matches(Condition):
    """True where the operand is true of a named asset or check, mapped to the partitions of this one."""

    key: Any
    operand: Condition
    parts: ClassVar[tuple[str, ...]] = ("operand",)

    @property
    def name(self) -> str:
        """The key, as people write it."""
        return str(self.key.to_user_string())


@dataclass(frozen=True)
class AnyDownstream(Condition):
    """True where the condition of any asset downstream is."""

    word: ClassVar[str] = "ANY_DOWNSTREAM_CONDITIONS"
    description: ClassVar[Any] = "Any downstream conditions"


@dataclass(frozen=True)
class Around(Limited):
    """True where the operand is true of any, or of all, of what stands around an asset; limited by selections."""

    operand: Condition
    is_all: bool = field(kw_only=True)
    allow_selection: Selection = None
    ignore_selection: Selection = None
    parts: ClassVar[tuple[str, ...]] = ("operand",)

    @property
    def operator(self) -> str:
        """``and`` where all have to match, else ``or``."""
        return "and" if self.is_all else "or"

    @property
    def loose_name(self) -> str:
        """The name without what limits it."""
        return f"{'ALL' if self.is_all else 'ANY'}_{self.word}_MATCH"

    @property
    def name(self) -> str:
        """The name with what limits it."""
        limits = [f"{name}={value}" for name, value in self._limits() if value is not None]
        return f"{self.loose_name}({','.join(limits)})" if limits else self.loose_name

    def _limits(self) -> list[tuple[str, Any]]:
        return [("allow_selection", self.allow_selection), ("ignore_selection", self.ignore_selection)]

    def allow(self, selection: Selection) -> Self:
        """Return the condition with only the dependencies of a selection looked at, beside those allowed already."""
        _check_selection(selection, "allow")
        both = selection if self.allow_selection is None else selection | self.allow_selection
        return replace(self, allow_selection=both)

    def ignore(self, selection: Selection) -> Self:
        """Return the condition with the dependencies of a selection left out, beside those left out already."""
        _check_selection(selection, "ignore")
        both = selection if self.ignore_selection is None else selection | self.ignore_selection
        return replace(self, ignore_selection=both)


@dataclass(frozen=True)
class Dependencies(Around):
    """Looks at what the asset depends on."""

    word: ClassVar[str] = "DEPS"


@dataclass(frozen=True)
class Checks(Around):
    """Looks at the asset's checks. Replacing does not reach into it, as in Dagster."""

    blocking_only: bool = False
    word: ClassVar[str] = "CHECKS"
    parts: ClassVar[tuple[str, ...]] = ()
    is_open: ClassVar[bool] = False

    @property
    def _inside(self) -> Sequence[Condition]:
        return (self.operand,)

    def _limits(self) -> list[tuple[str, Any]]:
        return [("blocking_only", self.blocking_only or None), *super()._limits()]


def checked(condition: Any, what: str) -> Condition:
    """Return what was given as a condition; raise TypeError where it is none."""
    if not isinstance(condition, Condition):
        raise TypeError(f"'{what}' takes an AutomationCondition, not {condition!r}.")
    return condition


def _operands(condition: Condition, kind: type[Several]) -> tuple[Condition, ...]:
    return condition.operands if isinstance(condition, kind) and condition.label is None else (condition,)


def _check_selection(selection: Any, what: str) -> None:
    if not hasattr(selection, "keys_in"):
        raise TypeError(f"'{what}' takes an AssetSelection, not {selection!r}.")


def _shown(value: Any) -> str:
    if isinstance(value, frozenset):
        return "{" + ",".join(sorted(value)) + "}"
    if isinstance(value, tuple):
        return "{" + ",".join(f"{key}:{each}" for key, each in value) + "}"
    return str(value)
