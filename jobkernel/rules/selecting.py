"""The notebook's way into selections: read a text, refuse what names nothing, resolve, complete.

Magics, the command line and the widget's search call it. The Python API reads Dagster's language through
``AssetSelection.from_string`` instead.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from jobkernel.errors import InvalidSelection, did_you_mean
from jobkernel.rules.selection import AssetSelection, Combined, Having, Keys, NodeMaker, Part, Reach
from jobkernel.rules.selection_filters import Question, known_values
from jobkernel.rules.selection_text import FILTER_WORDS, FUNCTIONS
from jobkernel.rules.selection_words import NotebookReader
from jobkernel.rules.universe import Universe, matching

CHECKED_WORDS = frozenset({"group", "tag", "kind", "owner", "key"})
HALF_WORD = re.compile(r"(?:(?P<word>[A-Za-z_]\w*):\s*)?\"?(?P<half>[^\s()\",+:]*)$")
NEEDS_QUOTES = re.compile(r"[\s()\",+=]")


def read_selection(text: str, include_external: bool = False) -> AssetSelection:
    """Read a selection in the notebook's language: ``orders``, ``+orders``, ``a b+1``, ``group:sales and not raw``.

    Raises:
        InvalidSelection: one sentence with what was typed, where, and what is allowed.
    """
    return NotebookReader(text, NodeMaker(with_external=include_external, has_patterns=True)).read()


def select(text: str, universe: Universe, include_external: bool = False) -> set[str]:
    """Return the keys that a text selects.

    Raises:
        InvalidSelection: the text cannot be read, or names a key, group, tag, kind or owner that is not there;
            the message says where and offers the nearest match.
    """
    selection = read_selection(text, include_external)
    for part in _leaves(selection):
        _refuse_unknown(text, part, universe)
    return selection.resolve(universe)


def keys_named(text: str) -> tuple[str, ...]:
    """Return the keys that a text names literally, in order of appearance (patterns and filters name none)."""
    named = [part.selected for part in _leaves(read_selection(text)) if isinstance(part, Keys)]
    return tuple(dict.fromkeys(key for keys in named for key in keys))


def selects_by_name(text: str) -> bool:
    """Say whether all that a text can select is named in it, or upstream of what is."""
    return _is_by_name(read_selection(text))


def _is_by_name(selection: AssetSelection) -> bool:
    match selection:
        case Combined(operands=operands):
            return all(map(_is_by_name, operands))
        case Reach(child=child, direction="upstream"):
            return _is_by_name(child)
    return isinstance(selection, Keys)


def completions(text: str, cursor: int, universe: Universe) -> list[tuple[str, int, str]]:
    """Return what may stand at the cursor: (replacement, where it starts, kind), best first.

    Kinds are ``key``, ``filter``, ``function``, ``operator``, or the filter's word for its values. The text
    from ``start`` to the cursor is what the replacement stands for.
    """
    match = HALF_WORD.search(text[:cursor])
    word, half = (match["word"], match["half"]) if match else (None, "")
    if word is not None:
        return _values(universe, word, half, text[:cursor])
    start = cursor - len(half)
    found = [(key, start, "key") for key in _beginning(universe.facts, half)]
    if text[:start].rstrip() and not text[:start].rstrip().endswith(("(", ",", "and", "or", "not", "+")):
        found += [(name, start, "operator") for name in _beginning(("and", "or", "not"), half)]
    found += [(f"{name}:", start, "filter") for name in _beginning(FILTER_WORDS, half)]
    found += [(f"{name}(", start, "function") for name in _beginning(FUNCTIONS, half)]
    return sorted(found, key=lambda one: not one[0].lower().startswith(half.lower()))


def _values(universe: Universe, word: str, half: str, before: str) -> list[tuple[str, int, str]]:
    start = len(before) - len(half)
    name, is_pair, value = half.partition("=")
    if word == "tag" and is_pair:
        found = _beginning(universe.by_tag.get(name, {}), value)
        return [(_quoted(one), start + len(name) + 1, word) for one in found]
    quoted = before[:start].endswith('"')
    found = _beginning(known_values(universe, word), half)
    return [(f'"{one}"' if quoted else _quoted(one), start - quoted, word) for one in found]


def _beginning(names: Iterable[str], half: str) -> list[str]:
    """Names that begin with ``half``, then those that hold it, each sorted."""
    low = half.lower()
    holding = sorted(name for name in names if low in name.lower())
    return sorted(holding, key=lambda name: not name.lower().startswith(low))


def _quoted(value: str) -> str:
    return f'"{value}"' if NEEDS_QUOTES.search(value) else value


def _leaves(selection: AssetSelection) -> Iterator[AssetSelection]:
    match selection:
        case Combined(operands=operands):
            for one in operands:
                yield from _leaves(one)
        case Reach(child=child) | Part(child=child):
            yield from _leaves(child)
        case _:
            yield selection


def _refuse_unknown(text: str, part: AssetSelection, universe: Universe) -> None:
    if isinstance(part, Keys):
        for key in part.selected:
            if key not in universe.facts:
                _refuse(text, key, f"nothing defines '{key}'", universe.facts)
    elif isinstance(part, Having) and part.question.word in CHECKED_WORDS:
        asked = part.question
        value = asked.value or ""
        known = known_values(universe, asked.word)
        if not matching(known, value):
            _refuse(
                text, value, f"no asset has {asked.word}:{value}" if asked.word != "key" else _no_match(value), known
            )
        if asked.word == "tag" and asked.equals is not None:
            _refuse_unknown_tag_value(text, asked, universe)


def _refuse_unknown_tag_value(text: str, asked: Question, universe: Universe) -> None:
    names = matching(universe.by_tag, asked.value or "")
    values = sorted({value for name in names for value in universe.by_tag[name]})
    if not any(asked.matches(value) for value in values):
        _refuse(text, asked.equals or "", f"no asset has tag:{asked.value}={asked.equals}", values)


def _no_match(pattern: str) -> str:
    return f"no key matches '{pattern}'"


def _refuse(text: str, word: str, problem: str, known: Iterable[str]) -> None:
    place = text.find(word) + 1
    raise InvalidSelection(f"Selection '{text}', character {place}: {problem}.{did_you_mean(word, known)}")
