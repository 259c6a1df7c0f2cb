"""Answer the single questions of a selection (``group:sales``, ``sinks(…)``) from a universe.

Knows no syntax and no operators. Called by the nodes in ``rules.selection``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Set

from jobkernel.errors import InvalidSelection, InvalidSubset, did_you_mean
from jobkernel.records import dataclass
from jobkernel.rules.universe import STATUS_WORDS, CheckKey, Index, Universe, matching, wildcard

NOTHING: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Question:
    """What a filter asks: its word, its value (None: the ``<null>`` of Dagster) and, for a tag, the tag's value.

    ``has_patterns`` says whether ``*`` in a value stands for any text; ``equals`` None means any tag value.
    """

    word: str
    value: str | None
    equals: str | None = None
    has_patterns: bool = False

    def matches(self, text: str) -> bool:
        """Whether the tag's value is the one asked for."""
        if self.equals is None:
            return True
        if self.has_patterns and "*" in self.equals:
            return wildcard(self.equals)(text) is not None
        return text == self.equals


def keys_having(universe: Universe, question: Question) -> Set[str]:
    """Return the keys that answer the question, external ones included. Unknown values answer with none.

    Raises:
        InvalidSelection: a filter that only Dagster's web interface can answer, or a status that is none.
    """
    answer = ANSWERS.get(question.word)
    if answer is None:
        raise InvalidSelection(f"'{question.word}:' selects in Dagster's own web interface only.")
    return answer(universe, question)


def known_keys(universe: Universe, keys: Iterable[str], allow_missing: bool) -> Set[str]:
    """Return the keys that are there; one that is not raises InvalidSubset unless ``allow_missing``."""
    named = frozenset(keys)
    unknown = [key for key in keys if key not in universe.facts]
    if unknown and not allow_missing:
        names = ", ".join(f"'{key}'" for key in unknown)
        remedy = did_you_mean(unknown[0], universe.facts)
        raise InvalidSubset(f"The selection names {names}, which nothing defines.{remedy}")
    return named.difference(unknown)


def known_checks(universe: Universe, checks: Iterable[CheckKey], allow_missing: bool) -> Set[CheckKey]:
    """Return the checks that are there; one that is not raises InvalidSubset unless ``allow_missing``."""
    named = frozenset(checks)
    unknown = sorted(named - universe.checks)
    if unknown and not allow_missing:
        names = ", ".join(f"'{name}' of asset '{key}'" for key, name in unknown)
        raise InvalidSubset(f"The selection names checks that nothing defines: {names}.")
    return named & universe.checks


def known_values(universe: Universe, word: str) -> tuple[str, ...]:
    """Return the values that the filter ``word`` can find here, sorted."""
    table: Mapping[str, Callable[[], object]] = {
        "key": lambda: universe.facts,
        "group": lambda: universe.by_group,
        "kind": lambda: universe.by_kind,
        "owner": lambda: universe.by_owner,
        "tag": lambda: universe.by_tag,
        "partitions": lambda: universe.by_partitions,
        "status": lambda: STATUS_WORDS,
        "is": lambda: ("external", "materializable"),
    }
    values = table[word]() if word in table else ()
    return tuple(sorted(values))  # type: ignore[call-overload]


def _indexed(universe_index: Callable[[Universe], Index]) -> Callable[[Universe, Question], Set[str]]:
    def answer(universe: Universe, question: Question) -> Set[str]:
        return _look_up(universe_index(universe), question)

    return answer


def _look_up(index: Index, question: Question) -> Set[str]:
    if question.value is None:
        return NOTHING
    if question.has_patterns and "*" in question.value:
        return NOTHING.union(*(index[name] for name in matching(index, question.value)))
    return index.get(question.value, NOTHING)


def _by_key(universe: Universe, question: Question) -> Set[str]:
    pattern = question.value or ""
    if "*" in pattern:
        return frozenset(matching(universe.facts, pattern))
    return frozenset((pattern,)) if pattern in universe.facts else NOTHING


def _by_prefix(universe: Universe, question: Question) -> Set[str]:
    prefix = question.value or ""
    below = f"{prefix}/"
    return frozenset(key for key in universe.facts if key == prefix or key.startswith(below))


def _by_substring(universe: Universe, question: Question) -> Set[str]:
    part = question.value or ""
    return frozenset(key for key in universe.facts if part in key)


def _by_kind(universe: Universe, question: Question) -> Set[str]:
    if question.value is None:
        return universe.keys.difference(*universe.by_kind.values())
    return _look_up(universe.by_kind, question)


def _by_tag(universe: Universe, question: Question) -> Set[str]:
    name = question.value or ""
    patterned = question.has_patterns and "*" in name
    names = matching(universe.by_tag, name) if patterned else [name]
    found = [universe.by_tag.get(name, {}) for name in names]
    return NOTHING.union(*(keys for values in found for value, keys in values.items() if question.matches(value)))


def _by_nature(universe: Universe, question: Question) -> Set[str]:
    return universe.external if question.value == "external" else universe.materializable


def _by_partitions(universe: Universe, question: Question) -> Set[str]:
    return universe.by_partitions.get(question.value or "none", NOTHING)


def _by_status(universe: Universe, question: Question) -> Set[str]:
    word = "missing" if question.value == "never" else question.value or ""
    if word not in STATUS_WORDS:
        remedy = did_you_mean(word, STATUS_WORDS) or f" There are {', '.join(STATUS_WORDS)}."
        raise InvalidSelection(f"There is no status '{word}'.{remedy}")
    return universe.by_status.get(word, NOTHING)


ANSWERS: Mapping[str, Callable[[Universe, Question], Set[str]]] = {
    "key": _by_key,
    "key_prefix": _by_prefix,
    "key_substring": _by_substring,
    "group": _indexed(lambda universe: universe.by_group),
    "kind": _by_kind,
    "owner": _indexed(lambda universe: universe.by_owner),
    "tag": _by_tag,
    "is": _by_nature,
    "partitions": _by_partitions,
    "status": _by_status,
}


def _siblings(universe: Universe, keys: Set[str]) -> Set[str]:
    return NOTHING.union(keys, *(universe.facts[key].siblings for key in keys))


def _external_above(universe: Universe, keys: Set[str]) -> Set[str]:
    return universe.external & (universe.graph.upstream(keys) | keys)


PARTS: Mapping[str, Callable[[Universe, Set[str]], Set[str]]] = {
    "sinks": lambda universe, keys: universe.graph.sinks(keys),
    "roots": lambda universe, keys: universe.graph.roots(keys),
    "materializable": lambda universe, keys: keys - universe.external,
    "required_multi_asset_neighbors": _siblings,
    "upstream_source_assets": _external_above,
}
