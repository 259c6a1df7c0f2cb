"""Twins of classes: a subclass with rebuilt methods that counts every instance of its original as its own.

A twin is made when a class has to be held still; see :mod:`jobkernel.notebook.capture`.
"""

from __future__ import annotations

import copyreg
import functools
import pickle
from abc import ABCMeta
from types import FunctionType
from typing import Any, Final


class _Twin(type):
    """The class of twins: a twin counts every instance of its original as its own."""

    def __instancecheck__(cls, instance: Any) -> bool:
        original = _original(cls)
        return super().__instancecheck__(instance) if original is None else isinstance(instance, original)

    def __subclasscheck__(cls, kind: type) -> bool:
        original = _original(cls)
        return super().__subclasscheck__(kind) if original is None else issubclass(kind, original)


class _AbstractTwin(_Twin, ABCMeta):
    """The same for abstract classes."""


_METACLASSES: Final[dict[type, type]] = {type: _Twin, ABCMeta: _AbstractTwin}


def _reduced(twin: _Twin) -> tuple[Any, ...]:
    """Pickle a twin by value: its name is its original's."""
    from jobkernel.notebook.travel import pickled

    return pickle.loads, (pickled(twin),)


for _kind in _METACLASSES.values():
    copyreg.pickle(_kind, _reduced)


def _original(kind: type) -> type | None:
    """Return the class whose twin this is; None for others, subclasses of twins among them."""
    return kind.__dict__.get("__jobkernel_origin__")


def twin_of(kind: type, others: tuple[type, ...]) -> type:
    """Return an empty twin of a class, before the twins of its bases; the class itself where it can have none."""
    parts: dict[str, Any] = {name: getattr(kind, name) for name in ("__module__", "__qualname__", "__doc__")}
    if not kind.__dictoffset__:
        parts["__slots__"] = ()
    try:
        twin: type = _METACLASSES[type(kind)](kind.__name__, (kind, *others), parts)
    except TypeError:  # a class that cannot be inherited from
        return kind
    twin.__jobkernel_origin__ = kind  # type: ignore[attr-defined]
    return twin


def may_have_twin(kind: type) -> bool:
    """Whether inheriting from a class does nothing but make a class."""
    return type(kind) in _METACLASSES and not any("__init_subclass__" in vars(base) for base in kind.__mro__[:-1])


def is_plain_instance(value: Any) -> bool:
    """Whether a copy of an instance is its attributes and nothing else."""
    kind = type(value)
    bases = kind.__mro__[:-1]
    return hasattr(value, "__dict__") and not any(name in vars(base) for base in bases for name in _UNUSUAL)


_UNUSUAL: Final = (
    "__new__", "__reduce__", "__reduce_ex__", "__getstate__", "__setstate__", "__copy__", "__deepcopy__", "__del__",
)  # fmt: skip


def functions_in(part: Any) -> list[FunctionType]:
    """Return the functions of a class member: a method, class method, static method or property."""
    if isinstance(part, staticmethod | classmethod):
        part = part.__func__
    parts = [part]
    if isinstance(part, property):
        parts = [part.fget, part.fset, part.fdel]
    elif isinstance(part, functools.cached_property):
        parts = [part.func]
    return [found for found in parts if isinstance(found, FunctionType)]
