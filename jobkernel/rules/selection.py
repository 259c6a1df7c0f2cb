"""Own what a selection means: AssetSelection, its nodes, and which keys and checks each selects.

Strings are read by ``selection_text`` (Dagster's language) and ``selection_words`` (the notebook's); both build
these nodes. Knows no run and no screen. ``rules.selecting`` is the notebook's way in.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from functools import reduce
from operator import and_, or_, sub
from typing import Any

from jobkernel.errors import InvalidSelection
from jobkernel.model.keys import AssetKey
from jobkernel.records import dataclass
from jobkernel.rules import selection_printing as printing
from jobkernel.rules.op_selection import clause_of
from jobkernel.rules.selection_coercion import check_keys_of, checked_depth, is_definition, keys_of
from jobkernel.rules.selection_filters import PARTS, Question, keys_having, known_checks, known_keys
from jobkernel.rules.selection_printing import Binding, less, operand
from jobkernel.rules.selection_text import DagsterReader
from jobkernel.rules.universe import CheckKey, Universe

OPERATIONS: Mapping[str, Callable[[Any, Any], Any]] = {"or": or_, "and": and_, "not": sub}
MATERIALIZABLE_ONLY = frozenset({"group", "tag", "kind", "key_prefix", "key_substring"})


class AssetSelection:
    """A question about assets, asked of a universe when a job or run is made.

    Combine selections with ``|``, ``&`` and ``-``. Words and meaning are Dagster's.
    """

    __slots__ = ()

    @staticmethod
    def all(include_sources: bool = False) -> AssetSelection:
        """Every asset that something here makes; with ``include_sources`` external assets too."""
        return Everything(include_sources)

    @staticmethod
    def all_asset_checks() -> AssetSelection:
        """Every asset check, and no asset."""
        return ChecksOnly()

    @staticmethod
    def assets(*assets: Any) -> AssetSelection:
        """Exactly these assets: definitions, keys, texts (``"a/b"``) or lists of key parts."""
        return Keys(tuple(key for one in assets for key in keys_of(one)))

    @staticmethod
    def keys(*asset_keys: Any) -> AssetSelection:
        """Exactly the assets with these keys."""
        return AssetSelection.assets(*asset_keys)

    @staticmethod
    def key_prefixes(*key_prefixes: str | Sequence[str], include_sources: bool = False) -> AssetSelection:
        """The assets whose key begins with one of these parts."""
        prefixes = [AssetKey(prefix).text for prefix in key_prefixes]
        return _any_of(Having(Question("key_prefix", one), include_sources) for one in prefixes)

    @staticmethod
    def key_substring(key_substring: str, include_sources: bool = False) -> AssetSelection:
        """The assets whose key, written ``a/b``, contains a text."""
        return Having(Question("key_substring", key_substring), include_sources)

    @staticmethod
    def groups(*group_strs: str, include_sources: bool = False) -> AssetSelection:
        """The assets of any of these groups."""
        if not all(isinstance(group, str) for group in group_strs):
            raise TypeError(f"AssetSelection.groups takes group names, not {group_strs!r}.")
        return _any_of(Having(Question("group", one), include_sources) for one in group_strs)

    @staticmethod
    def tag(key: str, value: str, include_sources: bool = False) -> AssetSelection:
        """The assets that have the tag ``key`` with exactly this value."""
        return Having(Question("tag", key, value), include_sources)

    @staticmethod
    def tag_string(string: str, include_sources: bool = False) -> AssetSelection:
        """The assets with the tag ``key=value``, or with the tag ``key`` and no value."""
        name, *values = string.split("=")
        if len(values) > 1:
            raise InvalidSelection(f"Tag '{string}' has more than one '='; write key=value.")
        return AssetSelection.tag(name, "".join(values), include_sources=include_sources)

    @staticmethod
    def kind(kind: str | None, include_sources: bool = False) -> AssetSelection:
        """The assets of this kind; None: those without any kind."""
        return Having(Question("kind", kind), include_sources)

    @staticmethod
    def owner(owner: str | None) -> AssetSelection:
        """The assets of this owner, external ones included."""
        return Having(Question("owner", owner), with_external=True)

    @staticmethod
    def checks_for_assets(*assets: Any) -> AssetSelection:
        """The checks of these assets, and no asset."""
        return ChecksOnly(of_assets=tuple(key for one in assets for key in keys_of(one)))

    @staticmethod
    def checks(*checks: Any) -> AssetSelection:
        """Exactly these checks: check definitions or check keys; no asset."""
        return ChecksOnly(named=tuple(key for one in checks for key in check_keys_of(one)))

    @classmethod
    def from_string(cls, string: str, include_sources: bool = False) -> AssetSelection:
        """Read a selection in Dagster's language, its older bare form (``+orders``: one layer) included.

        Raises:
            InvalidSelection: the text is in neither; the message says where and what is allowed.
        """
        try:
            return DagsterReader(string, NodeMaker(with_external=include_sources)).read()
        except InvalidSelection:
            if found := _older_form(string):
                return found
            raise

    @classmethod
    def from_coercible(cls, selection: Any) -> AssetSelection:
        """Return the selection that a text, a list of texts (their union), keys or definitions stand for."""
        if isinstance(selection, AssetSelection):
            return selection
        if isinstance(selection, str):
            return cls.from_string(selection)
        if not isinstance(selection, Sequence) or not selection:
            raise InvalidSelection(f"A selection is a text, a non-empty list or AssetSelection, not {selection!r}.")
        if all(isinstance(one, str) for one in selection):
            return reduce(or_, map(cls.from_string, selection))
        if all(isinstance(one, AssetKey) for one in selection) or all(map(is_definition, selection)):
            return cls.assets(*selection)
        raise InvalidSelection(f"A list that selects holds texts, keys or definitions only, not {selection!r}.")

    def upstream(self, depth: int | None = None, include_self: bool = True) -> AssetSelection:
        """This, and what it depends on within ``depth`` steps (None: all); never external assets."""
        return Reach(self, "upstream", checked_depth(depth), include_self)

    def downstream(self, depth: int | None = None, include_self: bool = True) -> AssetSelection:
        """This, and what depends on it within ``depth`` steps (None: all)."""
        return Reach(self, "downstream", checked_depth(depth), include_self)

    def sinks(self) -> AssetSelection:
        """The members on which no other member depends, also not through assets outside."""
        return Part(self, "sinks")

    def roots(self) -> AssetSelection:
        """The members that depend on no other member, also not through assets outside."""
        return Part(self, "roots")

    sources = roots

    def materializable(self) -> AssetSelection:
        """The members that something here makes."""
        return Part(self, "materializable")

    def required_multi_asset_neighbors(self) -> AssetSelection:
        """This, and what the same steps cannot help making with it."""
        return Part(self, "required_multi_asset_neighbors")

    def upstream_source_assets(self) -> AssetSelection:
        """The external assets among this and all it depends on."""
        return Part(self, "upstream_source_assets")

    def without_checks(self) -> AssetSelection:
        """The same assets without their checks."""
        return self - ChecksOnly()

    def __or__(self, other: AssetSelection) -> AssetSelection:
        return _flat("or", self, other) if isinstance(other, AssetSelection) else NotImplemented

    def __and__(self, other: AssetSelection) -> AssetSelection:
        return _flat("and", self, other) if isinstance(other, AssetSelection) else NotImplemented

    def __sub__(self, other: AssetSelection) -> AssetSelection:
        return Combined("not", (self, other)) if isinstance(other, AssetSelection) else NotImplemented

    def __bool__(self) -> bool:
        return True

    def resolve(self, all_assets: Universe, allow_missing: bool = False) -> set[str]:
        """Return the selected keys as texts.

        Raises:
            InvalidSubset: a key named literally is not there (unless ``allow_missing``).
            InvalidSelection: a filter that cannot be answered here.
        """
        return set(self.keys_in(all_assets, allow_missing))

    def resolve_checks(self, all_assets: Universe, allow_missing: bool = False) -> set[CheckKey]:
        """Return the selected checks as (asset key, check name); by default all checks of the selected assets."""
        return set(self.checks_in(all_assets, allow_missing))

    @abstractmethod
    def keys_in(self, universe: Universe, allow_missing: bool, /) -> Set[str]:
        """Return the selected keys; the set may be shared, so nobody changes it."""

    def checks_in(self, universe: Universe, allow_missing: bool, /) -> Set[CheckKey]:
        """Return the selected checks; the set may be shared, so nobody changes it."""
        keys = self.keys_in(universe, allow_missing)
        return {check for check in universe.checks if check[0] in keys}

    def to_selection_str(self) -> str:
        """Return a text that :meth:`from_string` reads as the same; NotImplementedError where none does."""
        raise NotImplementedError(f"{type(self).__name__} cannot be written as text.")

    @property
    def binding(self) -> Binding:
        """How tightly the written form holds together."""
        match self:
            case Combined() | Keys(selected=(_, _, *_)) | Reach(include_self=False):
                return Binding.LOOSE
            case Reach() | Everything():
                return Binding.REACH
        return Binding.WORD

    def __str__(self) -> str:
        try:
            return self.to_selection_str()
        except NotImplementedError:
            return repr(self)


@dataclass(frozen=True, slots=True)
class Everything(AssetSelection):
    """All assets."""

    with_external: bool = False

    def keys_in(self, universe: Universe, _allow_missing: bool, /) -> Set[str]:
        return universe.keys if self.with_external else universe.materializable

    def to_selection_str(self) -> str:
        return "*"


@dataclass(frozen=True, slots=True)
class Keys(AssetSelection):
    """Assets named one by one."""

    selected: tuple[str, ...]

    def keys_in(self, universe: Universe, allow_missing: bool, /) -> Set[str]:
        return known_keys(universe, self.selected, allow_missing)

    def to_selection_str(self) -> str:
        return " or ".join(f'key:"{key}"' for key in self.selected)


@dataclass(frozen=True, slots=True)
class Having(AssetSelection):
    """Assets that answer one filter."""

    question: Question
    with_external: bool = False

    def keys_in(self, universe: Universe, _allow_missing: bool, /) -> Set[str]:
        found = keys_having(universe, self.question)
        if self.with_external or self.question.word not in MATERIALIZABLE_ONLY:
            return found
        return found - universe.external

    def to_selection_str(self) -> str:
        return printing.question(self.question)


@dataclass(frozen=True, slots=True)
class Combined(AssetSelection):
    """Selections joined by ``or``, by ``and``, or (``not``) the first less the second."""

    operator: str
    operands: tuple[AssetSelection, ...]

    def keys_in(self, universe: Universe, allow_missing: bool, /) -> Set[str]:
        found = [one.keys_in(universe, allow_missing) for one in self.operands]
        return reduce(OPERATIONS[self.operator], found) if found else frozenset()

    def checks_in(self, universe: Universe, allow_missing: bool, /) -> Set[CheckKey]:
        found = [one.checks_in(universe, allow_missing) for one in self.operands]
        return reduce(OPERATIONS[self.operator], found) if found else frozenset()

    def to_selection_str(self) -> str:
        if self.operator != "not":
            return f" {self.operator} ".join(operand(one) for one in self.operands) or "group:<null>"
        left, right = self.operands
        return f"not {operand(right)}" if isinstance(left, Everything) else less(left, right)


@dataclass(frozen=True, slots=True)
class Reach(AssetSelection):
    """A selection and what lies up- or downstream of it."""

    child: AssetSelection
    direction: str
    depth: int | None
    include_self: bool

    def keys_in(self, universe: Universe, allow_missing: bool, /) -> Set[str]:
        start = self.child.keys_in(universe, allow_missing)
        graph = universe.graph
        if self.direction == "downstream":
            found = graph.downstream(start, self.depth)
        else:
            found = graph.upstream(start, self.depth)
        found |= start
        if not self.include_self:
            found -= start
        return found - universe.external if self.direction == "upstream" and start else found

    def to_selection_str(self) -> str:
        written = printing.reach(self.child, self.direction, self.depth)
        return written if self.include_self else f"{written} and not {operand(self.child)}"


@dataclass(frozen=True, slots=True)
class Part(AssetSelection):
    """What a method of AssetSelection, such as ``sinks``, makes of a selection."""

    child: AssetSelection
    method: str

    def keys_in(self, universe: Universe, allow_missing: bool, /) -> Set[str]:
        return PARTS[self.method](universe, self.child.keys_in(universe, allow_missing))

    def to_selection_str(self) -> str:
        if self.method not in ("sinks", "roots"):
            raise NotImplementedError(f"{self.method}() cannot be written as text.")
        return f"{self.method}({self.child.to_selection_str()})"


@dataclass(frozen=True, slots=True)
class ChecksOnly(AssetSelection):
    """Checks and no asset: all, those of some assets, or those named one by one."""

    of_assets: tuple[str, ...] | None = None
    named: tuple[CheckKey, ...] | None = None

    def keys_in(self, _universe: Universe, _allow_missing: bool, /) -> Set[str]:
        return frozenset()

    def checks_in(self, universe: Universe, allow_missing: bool, /) -> Set[CheckKey]:
        if self.named is not None:
            return known_checks(universe, self.named, allow_missing)
        if self.of_assets is None:
            return universe.checks
        return {check for check in universe.checks if check[0] in self.of_assets}


def _flat(operator: str, left: AssetSelection, right: AssetSelection) -> AssetSelection:
    operands: list[AssetSelection] = []
    for side in (left, right):
        operands.extend(side.operands if isinstance(side, Combined) and side.operator == operator else [side])
    return Combined(operator, tuple(operands))


def _any_of(selections: Iterable[AssetSelection]) -> AssetSelection:
    found = tuple(selections)
    return found[0] if len(found) == 1 else Combined("or", found)


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeMaker:
    """Builds nodes for the readers of text."""

    with_external: bool = False
    has_patterns: bool = False

    def everything(self) -> AssetSelection:
        return Everything(self.with_external)

    def having(self, word: str, value: str | None, equals: str | None) -> AssetSelection:
        if self.has_patterns and word == "key" and value is not None and "*" not in value:
            return Keys((value,))
        return Having(Question(word, value, equals, self.has_patterns or word == "group"), self.with_external)

    def reaching(self, found: AssetSelection, direction: str, depth: int | None) -> AssetSelection:
        return Reach(found, direction, depth, include_self=True)

    def ends(self, function: str, found: AssetSelection) -> AssetSelection:
        return Part(found, function)

    def both(self, kind: str, left: AssetSelection, right: AssetSelection) -> AssetSelection:
        if kind == "not":
            return left - right
        return left & right if kind == "and" else left | right


def _older_form(text: str) -> AssetSelection | None:
    """What Dagster's older language makes of a text that its newer one refuses: one clause, or a tag."""
    clause = clause_of(text)
    if clause is None:
        return AssetSelection.tag_string(text[4:]) if text.startswith("tag:") else None
    named = Keys((clause.name,))
    sides: list[AssetSelection] = [] if clause.up == 0 else [named.upstream(clause.up)]
    if clause.down != 0:
        sides.append(named.downstream(clause.down))
    return _any_of(sides or [named])
