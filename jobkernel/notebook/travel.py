"""Sending what a body uses to another process: packed by cloudpickle, or refused in a sentence naming the variable.

Knows bodies' variables and nothing of executors. :class:`~jobkernel.notebook.body_call.BodyCall` packs itself with it.
"""

from __future__ import annotations

import functools
import io
import sys
from collections.abc import Iterable, Mapping
from typing import Any

from jobkernel.errors import InvariantViolation
from jobkernel.notebook.capture import ByReference
from jobkernel.notebook.code_names import global_names
from jobkernel.notebook.plain_values import LARGE


def packed(state: Any, *, what: str, variables: Mapping[str, Any], by_reference: Iterable[ByReference]) -> bytes:
    """Return ``state`` as bytes for :func:`unpacked`.

    Raises:
        InvariantViolation: a notebook variable of ``what`` is too large to be sent, or cannot be pickled.
    """
    for variable in by_reference:
        if variable.size > LARGE:
            raise _refusal(what, variable.name, variable.type_name, f"is {variable.size / 1e6:,.0f} MB")
    try:
        return pickled(state)
    except Exception as error:  # user objects may raise anything when they are pickled
        for name, value in variables.items():
            if not _is_picklable(value):
                kind = type(value)
                raise _refusal(what, name, f"{kind.__module__}.{kind.__qualname__}", "cannot be pickled") from error
        raise InvariantViolation(f"{what} cannot be sent to another process: {error}") from error


def unpacked(data: bytes) -> Any:
    """Return what :func:`packed` or :func:`pickled` packed."""
    import cloudpickle

    return cloudpickle.loads(data)


def restored(kind: type, data: bytes) -> Any:
    """Return an instance of ``kind`` made from packed state, as ``__reduce__`` asks for it."""
    return kind(*unpacked(data))


def _refusal(what: str, name: str, type_name: str, why: str) -> InvariantViolation:
    return InvariantViolation(
        f"{what} uses the notebook variable '{name}' ({type_name}), which {why} and stays in this kernel; create it in"
        " the body, make it an asset or a resource, or use '--executor threads'."
    )


def _is_picklable(value: Any) -> bool:
    try:
        pickled(value)
    except Exception:  # noqa: BLE001  - user objects may raise anything when they are pickled
        return False
    return True


def pickled(value: Any) -> bytes:
    """Return a value as bytes for :func:`unpacked`, functions and classes of the notebook by value."""
    buffer = io.BytesIO()
    _pickler()(buffer).dump(value)
    return buffer.getvalue()


@functools.lru_cache(maxsize=1)
def _pickler() -> Any:
    import cloudpickle

    class Pickler(cloudpickle.Pickler):  # type: ignore[misc]
        """Cloudpickle that also takes functions under ``functools.lru_cache``, and cached properties."""

        def reducer_override(self, value: Any) -> Any:
            if isinstance(value, functools._lru_cache_wrapper) and not _is_importable(value):
                return _cached_again, (value.__wrapped__, value.cache_parameters())
            if isinstance(value, functools.cached_property):  # holds a lock in Python 3.11
                return _property_again, (value.func, value.attrname)
            return super().reducer_override(value)

        def _dynamic_function_reduce(self, function: Any) -> Any:
            """Add the globals that only a literal query names, which cloudpickle does not see in the bytecode."""
            reduced = super()._dynamic_function_reduce(function)
            sent, held = reduced[2][1]["__globals__"], function.__globals__
            sent.update((name, held[name]) for name in global_names(function.__code__) if name in held)
            return reduced

    return Pickler


def _is_importable(value: Any) -> bool:
    if value.__module__ == "__main__":
        return False
    return getattr(sys.modules.get(value.__module__), value.__name__, None) is value


def _cached_again(function: Any, parameters: dict[str, Any]) -> Any:
    return functools.lru_cache(**parameters)(function)


def _property_again(function: Any, name: str | None) -> Any:
    made = functools.cached_property(function)
    made.attrname = name
    return made
