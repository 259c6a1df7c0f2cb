"""Plain values as one text that is the same in every process: what a fingerprint says of a captured constant.

Sets are sorted; numbers keep their type; what is no plain value has no such text. Knows no notebook.
"""

from __future__ import annotations

import datetime
import decimal
import enum
import fractions
import pathlib
import re
import uuid
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Iterable
from typing import Any, Final

LIMIT: Final = 10_000
"""Elements that a constant may have, nested ones counted; beyond that it is not followed."""

_SELF_TELLING: Final = (
    datetime.date, datetime.time, datetime.timedelta, datetime.tzinfo, decimal.Decimal, fractions.Fraction, uuid.UUID,
    range,
)  # fmt: skip
_THEIR_MODULES: Final = frozenset({"datetime", "decimal", "fractions", "uuid", "builtins", "zoneinfo"})
_BRACKETS: Final[dict[type, tuple[str, str]]] = {
    list: ("[", "]"),
    tuple: ("(", ")"),
    deque: ("deque(", ")"),
    set: ("{", "}"),
    frozenset: ("frozenset(", ")"),
}


class NotPlain(Exception):
    """The value, or something in it, is no plain value."""


def canonical(value: Any) -> str | None:
    """Return the text of a plain value, or None for anything else, too large or holding itself."""
    try:
        return _text(value, [LIMIT])
    except (NotPlain, RecursionError, RuntimeError):
        return None


def _text(value: Any, left: list[int]) -> str:
    left[0] -= 1
    if left[0] < 0:
        raise NotPlain
    kind = type(value)
    if value is None or value is Ellipsis or kind in (bool, int, float, complex, str, bytes):
        return repr(value)
    if kind in _BRACKETS:
        return _sequence(value, kind, left)
    if kind in (dict, OrderedDict, defaultdict, Counter):
        return _mapping(value, kind, left)
    return _other(value)


def _sequence(values: Iterable[Any], kind: type, left: list[int]) -> str:
    texts = [_text(value, left) for value in list(values)]  # a copy: the notebook may change it meanwhile
    if kind in (set, frozenset):
        texts.sort()
    start, end = _BRACKETS[kind]
    return f"{start}{', '.join(texts)}{end}"


def _mapping(values: dict[Any, Any], kind: type, left: list[int]) -> str:
    pairs = [f"{_text(key, left)}: {_text(value, left)}" for key, value in list(values.items())]
    return ("" if kind is dict else kind.__name__) + "{" + ", ".join(pairs) + "}"


def _other(value: Any) -> str:
    if isinstance(value, enum.Enum):
        return f"{type(value).__qualname__}.{value.name}"
    if isinstance(value, pathlib.PurePath):
        return f"Path({str(value)!r})"
    if isinstance(value, re.Pattern):
        return f"re.compile({value.pattern!r}, {value.flags})"
    if isinstance(value, _SELF_TELLING) and type(value).__module__ in _THEIR_MODULES:
        return repr(value)
    raise NotPlain
