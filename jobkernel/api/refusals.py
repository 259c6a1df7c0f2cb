"""Saying no to what Dagster has and jobkernel does not do, by name, so that nothing is silently ignored."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jobkernel.errors import Unsupported, did_you_mean


def refuse(where: str, **given: Any) -> None:
    """Raise for the first argument that was given, that is, is neither None nor False.

    Raises:
        Unsupported: naming ``where`` and the argument.
    """
    for name, value in given.items():
        if value is not None and value is not False:
            raise Unsupported(f"{where} does not support '{name}'; leave it out.")


def refuse_unknown(where: str, given: Mapping[str, Any], known: Any = ()) -> None:
    """Raise for the first argument of a name that ``where`` does not know.

    Raises:
        TypeError: naming it and the nearest known one.
    """
    for name in given:
        raise TypeError(f"{where} takes no argument '{name}'.{did_you_mean(name, known)}")
