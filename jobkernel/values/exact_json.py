"""Which values JSON gives back exactly as they were, and their text. Everything else is pickled."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from math import isfinite
from typing import Any, Final

_DEEPEST: Final = 50
_WIDEST_INT: Final = 4096  # bits; Python refuses to print much longer ones


def exact_text(value: Any) -> str | None:
    """Return the JSON text of a value that JSON gives back equal and of the same types, else None.

    None, booleans, integers, finite floats, texts, and lists and dicts (with texts as keys) of these. Tuples, sets,
    NaN, other keys and subclasses change under JSON, so they have no exact text.
    """
    return json.dumps(value, separators=(",", ":")) if is_exact(value) else None


def is_exact(value: Any, depth: int = 0) -> bool:
    """Whether JSON gives the value back exactly."""
    test = _TESTS.get(type(value))
    return test is not None and test(value, depth)


def _is_exact_list(values: list[Any], depth: int) -> bool:
    return depth < _DEEPEST and all(is_exact(value, depth + 1) for value in values)


def _is_exact_dict(values: dict[Any, Any], depth: int) -> bool:
    names_are_texts = all(type(name) is str and _is_text(name) for name in values)
    return names_are_texts and _is_exact_list(list(values.values()), depth)


def _is_text(text: str) -> bool:
    if text.isascii():
        return True
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


_TESTS: Final[Mapping[type, Callable[[Any, int], bool]]] = {
    type(None): lambda _value, _depth: True,
    bool: lambda _value, _depth: True,
    int: lambda value, _depth: value.bit_length() <= _WIDEST_INT,
    float: lambda value, _depth: isfinite(value),
    str: lambda value, _depth: _is_text(value),
    list: _is_exact_list,
    dict: _is_exact_dict,
}
