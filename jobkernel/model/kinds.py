"""Refusing arguments of a wrong kind where they are given, in one sentence that names them. Knows no definitions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from typing import Any, Final, NamedTuple


class Kind(NamedTuple):
    """What an argument should be: in words, and by class. Text never counts as a list."""

    words: str
    classes: tuple[type, ...]


TEXT: Final = Kind("a text", (str,))
NUMBER: Final = Kind("a number", (int, float))
DICT: Final = Kind("a dict", (Mapping,))
LIST: Final = Kind("a list", (Sequence,))
COLLECTION: Final = Kind("a set or a list", (Set, Sequence))


def expect(where: str, kind: Kind, **given: Any) -> None:
    """Raise for the first argument that is given, that is, not None, and of another kind.

    Raises:
        TypeError: naming the argument, ``where`` it was given, and what it should be.
    """
    for name, value in given.items():
        is_letters = isinstance(value, str) and str not in kind.classes
        if value is not None and (is_letters or not isinstance(value, kind.classes)):
            raise TypeError(f"{name} of {where} must be {kind.words}, not {value!r}.")


def expect_named(where: str, names: Iterable[str], **given: Any) -> None:
    """Raise for the first argument that is given and whose class has none of these names, nor has one above it.

    For classes that lie on a floor above, or cost too much to import.

    Raises:
        TypeError: naming the argument, ``where`` it was given, and what it may be.
    """
    wanted = tuple(names)
    for name, value in given.items():
        if value is not None and not any(cls.__name__ in wanted for cls in type(value).__mro__):
            raise TypeError(f"{name} of {where} must be {' or '.join(wanted)}, not {value!r}.")
