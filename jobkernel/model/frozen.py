"""Small records that cannot be changed, written by hand where many dataclasses would slow every import."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from jobkernel.errors import InvalidMetadata


class FrozenFields:
    """Equality, hash, text and pickling by the fields in ``__slots__``, which ``__init__`` takes in that order."""

    __slots__ = ()

    def _set(self, **fields: Any) -> None:
        for name, held in fields.items():
            object.__setattr__(self, name, held)

    @classmethod
    def _names(cls) -> tuple[str, ...]:
        return tuple(name for each in reversed(cls.__mro__) for name in getattr(each, "__slots__", ()))

    def _fields(self) -> tuple[Any, ...]:
        return tuple(getattr(self, name) for name in self._names())

    def __setattr__(self, name: str, held: Any) -> None:
        raise AttributeError(f"A {type(self).__name__} cannot be changed; make another.")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, FrozenFields) and type(other) is type(self) and self._fields() == other._fields()

    def __hash__(self) -> int:
        return hash((type(self), self._fields()))

    def __repr__(self) -> str:
        shown = (f"{name}={held!r}" for name, held in zip(self._names(), self._fields(), strict=True))
        return f"{type(self).__name__}({', '.join(shown)})"

    def __reduce__(self) -> Any:
        return type(self), self._fields()


def require(value: Any, kinds: type | tuple[type, ...], what: str) -> None:
    """Raise unless ``value`` is of one of ``kinds``.

    Raises:
        InvalidMetadata: it is not; the sentence names ``what``.
    """
    if not isinstance(value, kinds):
        wanted = " or ".join(kind.__name__ for kind in (kinds if isinstance(kinds, tuple) else (kinds,)))
        raise InvalidMetadata(f"{what} takes {wanted.replace('NoneType', 'None')}, not {_brief(value)}.")


def require_all(values: Any, kind: type, what: str) -> None:
    """Raise unless ``values`` is a sequence (no text) whose members are all of ``kind``."""
    if isinstance(values, str) or not isinstance(values, Sequence):
        raise InvalidMetadata(f"{what} takes a list of {kind.__name__}, not {_brief(values)}.")
    for value in values:
        require(value, kind, f"Each member of {what}")


def _brief(value: Any) -> str:
    text = repr(value)
    shown = text if len(text) <= 60 else text[:59] + "…"
    return f"{shown} of type {type(value).__name__}"
