"""Dataclasses that cost little to define: each import defines many, of which it makes, compares and shows few.

The standard library writes and compiles six methods of a frozen one; here ``__init__`` alone is, when it is first asked
for, and it stores fields without a look-up by name. All else is the standard library's. Called by the modules of every
floor; knows no record.
"""

from __future__ import annotations

import dataclasses
import reprlib
from collections.abc import Callable, Sequence
from operator import attrgetter
from types import MethodType
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from dataclasses import dataclass as dataclass
else:

    def dataclass(cls=None, /, *, init=True, frozen=False, slots=False, kw_only=False, eq=True):
        """Make a dataclass, as the standard library's decorator of that name does; it takes no other options."""
        if cls is None:
            return lambda given: _made(given, init, frozen, slots, kw_only, eq)
        return _made(cls, init, frozen, slots, kw_only, eq)


Fields = tuple[dataclasses.Field[Any], ...]
_ANEW: Final = type("_Anew", (), {"__repr__": lambda _: "<factory>"})()
"""Stands for what a field's factory makes for each record."""


def _made(cls: type[Any], init: bool, frozen: bool, slots: bool, kw_only: bool, eq: bool) -> type[Any]:
    """Return the class with what its body lacks. A frozen one that inherits fields has its parent's kind checked."""
    has_own_init, has_own_hash = "__init__" in vars(cls), vars(cls).get("__hash__") is not None
    if cls.__doc__ is None:
        cls.__doc__ = cls.__name__  # else its signature would be worked out for it
    inherits = any(dataclasses.is_dataclass(base) for base in cls.__bases__)
    made: Any = dataclasses.dataclass(
        init=False, repr=False, eq=False, frozen=frozen and inherits, slots=slots, kw_only=kw_only
    )(cls)
    fields = dataclasses.fields(made)
    if init and not has_own_init:
        made.__init__ = _Unwritten(made, fields, frozen, slots)
    _add(made, "__repr__", _repr_of([each.name for each in fields if each.repr]))
    if eq:
        _add(made, "__eq__", _eq_of(_values_of([each.name for each in fields if each.compare])))
    if eq and not has_own_hash:
        hashed = [each.name for each in fields if (each.compare if each.hash is None else each.hash)]
        made.__hash__ = _hash_of(_values_of(hashed)) if frozen else None
    if frozen:
        _freeze(made, [each.name for each in fields], slots)
    return made  # type: ignore[no-any-return]


def _add(made: type[Any], name: str, method: Callable[..., Any]) -> None:
    if name not in vars(made):
        setattr(made, name, method)


class _Unwritten:
    """Stands for the ``__init__`` of a record until it is asked for."""

    __slots__ = ("_given",)

    def __init__(self, *given: Any) -> None:
        self._given = given

    def __get__(self, record: Any, _kind: Any = None) -> Any:
        written = self._given[0].__init__ = _init_of(*self._given)
        return written if record is None else MethodType(written, record)


def _init_of(made: type[Any], fields: Fields, frozen: bool, slots: bool) -> Callable[..., None]:
    known: dict[str, Any] = {"__anew": _ANEW, "__store": object.__setattr__, "__Record": made}  # no field is named so
    values = {each.name: value for each in fields if (value := _value(each, known))}
    loose = [f"self.{name} = {value}" for name, value in values.items()]
    if not frozen:
        body = loose
    elif slots:
        known |= {f"__store_{name}": getattr(made, name).__set__ for name in values}
        body = [f"__store_{name}(self, {value})" for name, value in values.items()]
    else:
        body = [f"__store(self, {name!r}, {value})" for name, value in values.items()]
    if frozen and slots and made.__bases__ == (object,) and values:
        known["__Filling"] = type(made.__name__, (), {"__slots__": made.__slots__})
        body = _quickly(loose, body)
    if hasattr(made, "__post_init__"):
        body.append("self.__post_init__()")
    source = f"def __init__({_arguments(fields)}):\n    " + "\n    ".join(body or ["pass"])
    exec(source, known)  # noqa: S102  # of names of fields alone, as dataclasses do
    written: Callable[..., None] = known["__init__"]
    written.__qualname__ = f"{made.__qualname__}.__init__"
    written.__annotations__ = {each.name: each.type for each in fields if each.init} | {"return": None}
    return written


def _quickly(loose: list[str], body: list[str]) -> list[str]:
    """Return what fills a record as one of a class with the same slots that may be written, where it is of no other."""
    quick = ["__store(self, '__class__', __Filling)", *loose, "self.__class__ = __Record"]
    return [
        "if self.__class__ is __Record:",
        *(f"    {each}" for each in quick),
        "else:",
        *(f"    {each}" for each in body),
    ]


def _value(each: dataclasses.Field[Any], known: dict[str, Any]) -> str:
    """Return in Python what a field is given, nothing for one that is left unset; add what that uses to ``known``."""
    if each.default_factory is not dataclasses.MISSING:
        known[f"__new_{each.name}"] = each.default_factory
        made = f"__new_{each.name}()"
        return f"{made} if {each.name} is __anew else {each.name}" if each.init else made
    known[f"__default_{each.name}"] = each.default
    if each.init:
        return each.name
    return "" if each.default is dataclasses.MISSING else f"__default_{each.name}"


def _arguments(fields: Fields) -> str:
    positional = [_argument(each) for each in fields if each.init and not each.kw_only]
    named = [_argument(each) for each in fields if each.init and each.kw_only]
    return ", ".join(["self", *positional, *(["*", *named] if named else [])])


def _argument(each: dataclasses.Field[Any]) -> str:
    if each.default_factory is not dataclasses.MISSING:
        return f"{each.name}=__anew"
    return each.name if each.default is dataclasses.MISSING else f"{each.name}=__default_{each.name}"


def _values_of(names: list[str]) -> Callable[[Any], Any]:
    """Return what gives a record's fields as a tuple."""
    if len(names) > 1:
        return attrgetter(*names)
    return lambda record: tuple(getattr(record, name) for name in names)


def _repr_of(names: list[str]) -> Callable[[Any], str]:
    @reprlib.recursive_repr()
    def __repr__(self: Any) -> str:  # noqa: N807
        shown = ", ".join(f"{name}={getattr(self, name)!r}" for name in names)
        return f"{type(self).__qualname__}({shown})"

    return __repr__


def _eq_of(values: Callable[[Any], Any]) -> Callable[[Any, Any], Any]:
    def __eq__(self: Any, other: Any) -> Any:  # noqa: N807
        return values(self) == values(other) if other.__class__ is self.__class__ else NotImplemented

    return __eq__


def _hash_of(values: Callable[[Any], Any]) -> Callable[[Any], int]:
    return lambda self: hash(values(self))


def _freeze(made: Any, names: list[str], slots: bool) -> None:
    def __setattr__(self: Any, name: str, value: Any) -> None:  # noqa: N807
        if type(self) is made or name in names:
            raise dataclasses.FrozenInstanceError(f"cannot assign to field {name!r}")
        super(made, self).__setattr__(name, value)

    def __delattr__(self: Any, name: str) -> None:  # noqa: N807
        if type(self) is made or name in names:
            raise dataclasses.FrozenInstanceError(f"cannot delete field {name!r}")
        super(made, self).__delattr__(name)

    made.__setattr__, made.__delattr__ = __setattr__, __delattr__
    made.__dataclass_params__.frozen = True
    if slots:
        values, stores = _values_of(names), [getattr(made, name).__set__ for name in names]

        def __setstate__(self: Any, state: Sequence[Any]) -> None:  # noqa: N807
            for store, value in zip(stores, state, strict=True):
                store(self, value)

        _add(made, "__getstate__", lambda self: values(self))
        _add(made, "__setstate__", __setstate__)
