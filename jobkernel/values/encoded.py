"""Two records that all formats share: a value ready to be written, and a private copy kept in memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from jobkernel.values.files import HashingFile


class Kept(NamedTuple):
    """A private copy of a value: ``revive(held)`` returns one that may be changed at will."""

    held: Any
    revive: Callable[[Any], Any]
    size: int

    def value(self) -> Any:
        """Return the value for one reader, who may change it in place."""
        return self.revive(self.held)


class Encoded(NamedTuple):
    """A value ready to be written. ``keep`` makes the private copy, of about ``size`` bytes.

    ``text`` is its JSON text where it has one, ``restore`` what reading needs to know beside the file.
    """

    format: str
    type: str
    fill: Callable[[HashingFile], None]
    keep: Callable[[], Kept]
    size: int
    restore: Any = None
    text: str | None = None


def itself(value: Any) -> Any:
    """Return what cannot be changed as it is."""
    return value


def filler(data: bytes) -> Callable[[HashingFile], None]:
    """Return the function that writes ``data``."""

    def fill(file: HashingFile) -> None:
        file.write(data)

    return fill
