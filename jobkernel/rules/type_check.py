"""Check values against annotations while a run goes on: classes by ``isinstance``, containers item by item.

``check_type`` is called for every annotated input and output; :class:`DagsterType` is a type that checks itself.
Annotations that say nothing checkable (a callable, a type variable) let every value pass. Source: Dagster's rules.
"""

from __future__ import annotations

import collections.abc
import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import field
from typing import Any, Final, Literal, Union, get_args, get_origin

from jobkernel.errors import InvalidDefinition, TypeCheckFailed
from jobkernel.model.definitions import NO_VALUE
from jobkernel.records import dataclass

TYPE_ATTRIBUTE: Final = "__jobkernel_type__"
_SCALARS: Final = frozenset({int, float, str, bool, list, dict, set, tuple, bytes})


@dataclass(frozen=True, slots=True)
class TypeCheck:
    """Whether a value is of a type, and why not. Source: Dagster's ``TypeCheck``."""

    success: bool
    description: str | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return self.success


class DagsterType:
    """A type that checks values by a function of ``(context, value)`` giving a bool or a :class:`TypeCheck`.

    Raises:
        InvalidDefinition: neither a name nor a key is given.
    """

    def __init__(
        self,
        type_check_fn: Callable[[Any, Any], bool | TypeCheck],
        key: str | None = None,
        name: str | None = None,
        description: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        typing_type: Any = Any,
    ) -> None:
        if not name and not key:
            raise InvalidDefinition("A DagsterType needs a name, or a key.")
        self.name, self.key = name, key or name
        self.description, self.metadata, self.typing_type = description, dict(metadata or {}), typing_type
        self._check = type_check_fn

    @property
    def unique_name(self) -> str | None:
        """The name, None where only a key was given."""
        return self.name

    @property
    def display_name(self) -> str:
        """What the type is called on screens."""
        return self.name or str(self.key)

    def type_check(self, context: Any, value: Any) -> TypeCheck:
        """Return whether the value is of this type."""
        result = self._check(context, value)
        if isinstance(result, TypeCheck):
            return result
        if not isinstance(result, bool):
            raise TypeCheckFailed(f"The check of type '{self.display_name}' must return a bool, not {result!r}.")
        return TypeCheck(result)

    def __repr__(self) -> str:
        return f"DagsterType({self.display_name!r})"


class PythonObjectDagsterType(DagsterType):
    """The type of all instances of a class, or of one of several classes."""

    def __init__(
        self, python_type: Any, key: str | None = None, name: str | None = None, *, description: str | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> None:  # fmt: skip
        self.python_type = python_type
        super().__init__(
            lambda _context, value: isinstance(value, python_type),
            key,
            name or _name(python_type),
            description,
            metadata,
            python_type if isinstance(python_type, type) else Any,
        )


def usable_as_dagster_type(
    name: str | None = None, description: str | None = None, loader: Any = None
) -> Callable[[type], type]:
    """Let the decorated class be used as a type under another name."""
    if loader is not None:
        raise InvalidDefinition("usable_as_dagster_type does not support 'loader'; give the input in code.")

    def decorate(decorated: type) -> type:
        made = PythonObjectDagsterType(decorated, name=name, description=description)
        return make_python_type_usable_as_dagster_type(decorated, made)

    return decorate


def make_python_type_usable_as_dagster_type(python_type: type, dagster_type: DagsterType) -> type:
    """Have values annotated with the class checked by ``dagster_type``; returns the class.

    Raises:
        InvalidDefinition: the class cannot carry that (a builtin).
    """
    try:
        setattr(python_type, TYPE_ATTRIBUTE, dagster_type)
    except TypeError as error:
        raise InvalidDefinition(f"{python_type.__name__} is built in and is checked as itself.") from error
    return python_type


def check_type(annotation: Any, value: Any, what: str, context: Any = None) -> None:
    """Refuse a value that is not of its annotated type.

    Raises:
        TypeCheckFailed: naming ``what`` it is, the type it should have, and the one it has.
    """
    if type(annotation) is type and annotation in _SCALARS:
        if isinstance(value, annotation):
            return
    elif _passes(annotation, value, context):
        return
    raise TypeCheckFailed(_refusal(annotation, value, what, context))


def check_left_out(annotation: Any, what: str) -> None:
    """Refuse a result without a value where the annotation promises one.

    Raises:
        TypeCheckFailed: naming ``what`` should have it, and the type.
    """
    if annotation is not type(None) and not _passes(annotation, NO_VALUE, None):
        raise TypeCheckFailed(f"{what} should be {_name(annotation)}, but has no value; give one by value=….")


def check_dagster_type(dagster_type: Any, value: Any) -> TypeCheck:
    """Return whether a value is of a type, which is a class, an annotation or a :class:`DagsterType`."""
    if isinstance(dagster_type, DagsterType):
        return dagster_type.type_check(None, value)
    annotation = Any if dagster_type is None else dagster_type
    success = _passes(annotation, value, None)
    return TypeCheck(success, None if success else _refusal(annotation, value, "The value", None))


def _refusal(annotation: Any, value: Any, what: str, context: Any) -> str:
    why = ""
    if isinstance(annotation, DagsterType):
        why = annotation.type_check(context, value).description or ""
    found = f"{type(value).__name__} {_short(value)}" if value is not None else "None"
    return f"{what} should be {_name(annotation)}, but is {found}.{' ' + why if why else ''}"


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}…"


def _name(annotation: Any) -> str:
    if isinstance(annotation, DagsterType):
        return annotation.display_name
    if annotation is None or annotation is type(None):
        return "None"
    if isinstance(annotation, tuple):
        return " or ".join(_name(each) for each in annotation)
    return annotation.__name__ if isinstance(annotation, type) and not get_args(annotation) else str(annotation)


def _passes(annotation: Any, value: Any, context: Any) -> bool:
    if annotation is Any or annotation is object:
        return True
    if annotation is None:
        return value is None
    own = annotation if isinstance(annotation, DagsterType) else getattr(annotation, TYPE_ATTRIBUTE, None)
    if own is not None:
        return bool(own.type_check(context, value))
    origin = get_origin(annotation)
    if origin is not None:
        return _passes_generic(origin, get_args(annotation), value, context)
    return _is_instance(value, annotation)


def _is_instance(value: Any, annotation: Any) -> bool:
    """Whether a value is an instance; what cannot tell (a protocol, a typed dict, a type variable) takes everything."""
    if typing.is_typeddict(annotation):
        return isinstance(value, dict)
    supertype = getattr(annotation, "__supertype__", None)
    try:
        return isinstance(value, supertype or annotation)
    except TypeError:
        return True


def _passes_generic(origin: Any, arguments: tuple[Any, ...], value: Any, context: Any) -> bool:
    if origin in (Union, types.UnionType):
        return any(_passes(argument, value, context) for argument in arguments)
    if origin is Literal:
        return any(value == choice and type(value) is type(choice) for choice in arguments)
    if origin is typing.Annotated:
        return _passes(arguments[0], value, context)
    check = _CONTAINERS.get(origin)
    if check is not None:
        return check(arguments, value, context)
    return _is_instance(value, origin)


def _list(arguments: tuple[Any, ...], value: Any, context: Any) -> bool:
    return isinstance(value, list) and all(_passes(arguments[0], item, context) for item in value)


def _set(arguments: tuple[Any, ...], value: Any, context: Any) -> bool:
    return isinstance(value, set) and all(_passes(arguments[0], item, context) for item in value)


def _frozenset(arguments: tuple[Any, ...], value: Any, context: Any) -> bool:
    return isinstance(value, frozenset) and all(_passes(arguments[0], item, context) for item in value)


def _dict(arguments: tuple[Any, ...], value: Any, context: Any) -> bool:
    keys, items = arguments
    return isinstance(value, dict) and all(
        _passes(keys, key, context) and _passes(items, item, context) for key, item in value.items()
    )


def _tuple(arguments: tuple[Any, ...], value: Any, context: Any) -> bool:
    if not isinstance(value, tuple):
        return False
    if len(arguments) == 2 and arguments[1] is Ellipsis:
        return all(_passes(arguments[0], item, context) for item in value)
    return len(value) == len(arguments) and all(
        _passes(kind, item, context) for kind, item in zip(arguments, value, strict=True)
    )


_CONTAINERS: Final[dict[Any, Callable[[tuple[Any, ...], Any, Any], bool]]] = {
    list: _list,
    collections.abc.Sequence: _list,
    set: _set,
    frozenset: _frozenset,
    dict: _dict,
    collections.abc.Mapping: _dict,
    tuple: _tuple,
}
