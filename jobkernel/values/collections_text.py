"""Dicts, lists and other containers as a short text: on one line where that fits, else a line for each part.

Cuts what is long, deep or many, so that the work is bounded whatever the value. Called by :mod:`preview`.
"""

from __future__ import annotations

import pprint
import reprlib
from typing import Any, Final

from jobkernel.values.cell_texts import CELL, broken

ITEMS: Final = 50
"""So many parts of one container are shown."""
_ALL_ITEMS: Final = 600
_DEEPEST: Final = 6
_WIDTH: Final = 100


class _Words(str):
    """A text that is shown as it is, without quotes."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str.__str__(self)


def collection_text(value: dict[Any, Any] | list[Any]) -> str:
    """Return a dict or list as Python writes it, its ends left out where it is long."""
    return pprint.pformat(_Trimming().trimmed(value, 0), width=_WIDTH, compact=True, sort_dicts=False)


def brief(value: Any) -> str:
    """Return any value's own text on one line, cut."""
    short = reprlib.Repr()
    short.maxtuple = short.maxset = short.maxfrozenset = short.maxlist = short.maxdict = ITEMS
    short.maxstring = short.maxother = CELL
    return short.repr(value)


class _Trimming:
    """Copies containers without what is too much; counts what it has copied."""

    def __init__(self) -> None:
        self.left = _ALL_ITEMS

    def trimmed(self, value: Any, depth: int) -> Any:
        """Return what is shown in the value's place."""
        self.left -= 1
        if isinstance(value, dict | list) and (depth > _DEEPEST or self.left <= 0):
            return _Words("…")
        if isinstance(value, dict):
            return self._dict(value, depth)
        if isinstance(value, list):
            return self._list(value, depth)
        return value if value is None or isinstance(value, bool) else _Words(_one(value))

    def _dict(self, value: dict[Any, Any], depth: int) -> dict[Any, Any]:
        kept: dict[Any, Any] = {}
        for name, item in value.items():
            if len(kept) == ITEMS or self.left <= 0:
                return {**kept, _Words("…"): _Words(f"{len(value) - len(kept):,} more")}
            kept[_Key(_one(name))] = self.trimmed(item, depth + 1)
        return kept

    def _list(self, value: list[Any], depth: int) -> list[Any]:
        kept: list[Any] = []
        for item in value:
            if len(kept) == ITEMS or self.left <= 0:
                return [*kept, _Words(f"… {len(value) - len(kept):,} more")]
            kept.append(self.trimmed(item, depth + 1))
        return kept


class _Key(_Words):
    """A key's text; keys that look alike stay different."""

    __slots__ = ()
    __hash__ = object.__hash__

    def __eq__(self, other: object) -> bool:
        return self is other


def _one(value: Any) -> str:
    try:
        return brief(value[: CELL + 1] if isinstance(value, str | bytes) else value)
    except Exception as error:  # noqa: BLE001  - a part's own code may fail to show itself
        return broken(value, error)
