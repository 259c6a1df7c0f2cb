"""Holding still what a body uses of the notebook, from launch to the end of the run.

Functions of the notebook are rebuilt over a frozen copy of the names they reach; plain values and small arrays are
copied; modules, classes and all else go by reference. Functions and classes that reach no functions and variables of
the notebook stay themselves; a class that does has a twin, a subclass with rebuilt methods, for which instances count.
Knows nothing of assets; :mod:`jobkernel.notebook.cells` calls it at launch, with one memo for all steps of a launch.
"""

from __future__ import annotations

import builtins
import functools
import sys
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterable
from types import CellType, FunctionType, MethodType, ModuleType
from typing import Any, Final

from jobkernel.notebook.code_names import global_names, may_touch_any_global
from jobkernel.notebook.plain_values import ATOMS, COPIES, are_atoms, size_of
from jobkernel.notebook.twins import functions_in, is_plain_instance, may_have_twin, twin_of
from jobkernel.records import dataclass

MANY: Final = 100_000
"""Elements above which a container is not copied."""

_LAUNCH: Final = "jobkernel.notebook.capture"


@dataclass(frozen=True, slots=True, kw_only=True)
class ByReference:
    """A notebook variable that is not copied: its name, type and approximate size in bytes."""

    name: str
    type_name: str
    size: int


class Launch:
    """What one launch has captured so far of one namespace; the same object is captured once."""

    def __init__(self, namespace: dict[str, Any]) -> None:
        self.namespace = namespace
        self.frozen: dict[str, Any] = {"__name__": "__main__"}
        self.by_reference: dict[str, ByReference] = {}
        self.held: dict[int, tuple[Any, Any]] = {}
        self.root = ""

    def again(self) -> Launch:
        """Return a launch that captures what this one has captured, in copies of its own."""
        return Launch(self.frozen)

    def name(self, name: str) -> Any:
        """Return what the notebook variable ``name`` is at this launch; KeyError where there is none."""
        if name in self.frozen:
            return self.frozen[name]
        root, self.root = self.root, name
        captured = _shell_stand_in if name == "get_ipython" else self.value(self.namespace[name])
        self.root = root
        return self.frozen.setdefault(name, captured)

    def names(self, names: Iterable[str]) -> None:
        """Capture those of the names that the notebook has."""
        for name in names:
            if name not in self.frozen and name in self.namespace:
                self.name(name)

    def value(self, value: Any) -> Any:
        """Return a value that nobody else changes, or the value itself where it cannot or need not be copied."""
        if type(value) in ATOMS:
            return value
        held = self.held.get(id(value))
        if held is not None:
            return held[1]
        rule = _RULES.get(type(value))
        if rule is not None:
            return rule(self, value)
        if isinstance(value, type):
            return self.hold(value, self.class_(value))
        return self.hold(value, self.object(value))

    def hold(self, value: Any, captured: Any) -> Any:
        self.held[id(value)] = (value, captured)  # the value is kept alive, so that its id stays its own
        return captured

    def function(self, function: FunctionType) -> Any:
        is_ours = function.__globals__ is self.namespace
        if not is_ours and function.__closure__ is None and not function.__dict__:
            return function
        if self.uses_nothing(function) if is_ours else not self.closes_over_ours(function):
            return function
        cells = tuple(self.cell(cell) for cell in function.__closure__ or ())
        scope = self.frozen if is_ours else function.__globals__
        rebuilt = self.hold(function, FunctionType(function.__code__, scope, function.__name__, None, cells))
        rebuilt.__qualname__, rebuilt.__module__ = function.__qualname__, function.__module__
        rebuilt.__doc__ = function.__doc__
        rebuilt.__defaults__ = function.__defaults__ and tuple(map(self.value, function.__defaults__))
        rebuilt.__kwdefaults__ = function.__kwdefaults__ and self.items(function.__kwdefaults__)
        _copy_annotations(function, rebuilt)
        rebuilt.__dict__.update(self.items(function.__dict__))
        for name, old, new in zip(function.__code__.co_freevars, function.__closure__ or (), cells, strict=True):
            self.fill(name, old, new)
        if is_ours:
            self.names(global_names(function.__code__))
        return rebuilt

    def uses_nothing(self, function: FunctionType) -> bool:
        """Whether a function of the notebook uses modules and builtins alone: it stays itself, and pickles by name."""
        if function.__closure__ or function.__dict__ or may_touch_any_global(function.__code__):
            return False
        if not are_atoms([*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values()]):
            return False
        return all(
            isinstance(self.namespace[name], ModuleType) if name in self.namespace else hasattr(builtins, name)
            for name in global_names(function.__code__)
        )

    def closes_over_ours(self, function: FunctionType) -> bool:
        """Whether a function of a library wraps something that has to be rebuilt (a decorated notebook function)."""
        self.hold(function, function)
        contents = [cell.cell_contents for cell in function.__closure__ or () if _is_filled(cell)]
        changed = any(self.value(content) is not content for content in [*contents, *function.__dict__.values()])
        if changed:
            del self.held[id(function)]
        return changed

    def cell(self, cell: CellType) -> CellType:
        held = self.held.get(id(cell))
        captured: CellType = held[1] if held is not None else self.hold(cell, CellType())
        return captured

    def fill(self, name: str, old: CellType, new: CellType) -> None:
        if _is_filled(old) and not _is_filled(new):
            content = old.cell_contents
            # zero-argument super() looks up the original class, which keeps its place among the bases of the twin
            new.cell_contents = content if name == "__class__" else self.value(content)

    def items(self, values: dict[str, Any]) -> dict[str, Any]:
        return {name: self.value(value) for name, value in values.items()}

    def list_(self, values: list[Any]) -> Any:
        if len(values) > MANY:
            return self.refer(values)
        copied: list[Any] = self.hold(values, [])
        copied.extend(values if are_atoms(values) else map(self.value, values))
        return copied

    def deque_(self, values: deque[Any]) -> Any:
        return self.hold(values, deque(map(self.value, values), values.maxlen))

    def set_(self, values: set[Any] | frozenset[Any]) -> Any:
        if len(values) > MANY:
            return self.refer(values)
        is_frozen = type(values) is frozenset
        if are_atoms(values):
            return self.hold(values, values if is_frozen else set(values))
        return self.hold(values, type(values)(map(self.value, values)))

    def tuple_(self, values: tuple[Any, ...]) -> Any:
        if len(values) > MANY or are_atoms(values):
            return values
        copied = tuple(map(self.value, values))
        is_same = all(new is old for new, old in zip(copied, values, strict=True))
        return self.hold(values, values if is_same else copied)

    def dict_(self, values: dict[Any, Any]) -> Any:
        if len(values) > MANY:
            return self.refer(values)
        copied: dict[Any, Any] = self.hold(values, values.copy())
        if not are_atoms(values.values()):
            for key, value in values.items():
                copied[key] = self.value(value)
        if isinstance(copied, defaultdict):
            copied.default_factory = self.value(copied.default_factory)
        return copied

    def partial(self, value: functools.partial[Any]) -> Any:
        function, arguments = self.value(value.func), tuple(map(self.value, value.args))
        return self.hold(value, functools.partial(function, *arguments, **self.items(value.keywords)))

    def cached(self, value: Any) -> Any:
        wrapped = self.value(value.__wrapped__)
        if wrapped is value.__wrapped__:
            return self.hold(value, value)
        return self.hold(value, functools.lru_cache(**value.cache_parameters())(wrapped))

    def method(self, value: MethodType) -> Any:
        owner, function = self.value(value.__self__), self.value(value.__func__)
        if owner is value.__self__ and function is value.__func__:
            return value
        if isinstance(owner, type) or type(owner) is not type(value.__self__):
            return getattr(owner, value.__func__.__name__, MethodType(function, owner))
        return MethodType(function, owner)

    def wrapped_function(self, value: Any) -> Any:
        return type(value)(self.value(value.__func__))

    def property_(self, value: property) -> Any:
        parts = (value.fget, value.fset, value.fdel)
        fget, fset, fdel = (part and self.value(part) for part in parts)
        return type(value)(fget, fset, fdel, value.__doc__)

    def cached_property_(self, value: Any) -> Any:
        rebuilt = functools.cached_property(self.value(value.func))
        rebuilt.attrname = value.attrname
        return rebuilt

    def class_(self, kind: type) -> type:
        if not may_have_twin(kind):
            return kind
        self.hold(kind, kind)  # its methods may name it
        bases = tuple(self.value(base) for base in kind.__bases__)
        methods = [(name, part) for name, part in vars(kind).items() if self.is_ours(part)]
        if bases == kind.__bases__ and not any(self.reaches_changeable(part) for _, part in methods):
            return kind
        twin = twin_of(kind, tuple(new for new, old in zip(bases, kind.__bases__, strict=True) if new is not old))
        self.hold(kind, twin)
        for name, part in methods if twin is not kind else ():
            setattr(twin, name, self.value(part))
        return twin

    def is_ours(self, part: Any) -> bool:
        return any(function.__globals__ is self.namespace for function in functions_in(part))

    def reaches_changeable(self, part: Any) -> bool:
        """Whether a method uses a function or variable of the notebook, directly; modules and classes do not count."""
        for function in functions_in(part):
            for name in global_names(function.__code__):
                value = self.namespace.get(name, sys)
                if not isinstance(value, ModuleType) and self.value(value) is not value:
                    return True
                if not isinstance(value, ModuleType | type):
                    return True
        return False

    def object(self, value: Any) -> Any:
        kind = type(value)
        copy = COPIES.get(f"{kind.__module__.partition('.')[0]}.{kind.__name__}")
        if copy is not None:
            size = size_of(value)
            self.note(value, size)
            return copy(value, size)
        twin = self.value(kind)
        if twin is not kind and is_plain_instance(value):
            copied = self.hold(value, object.__new__(twin))
            copied.__dict__.update(self.items(vars(value)))
            return copied
        return self.refer(value)

    def refer(self, value: Any) -> Any:
        self.note(value, size_of(value))
        return self.hold(value, value)

    def note(self, value: Any, size: int) -> None:
        kind = type(value)
        name = f"{kind.__module__}.{kind.__qualname__}" if kind.__module__ != "builtins" else kind.__qualname__
        known = self.by_reference.get(self.root)
        if known is None or known.size < size:
            self.by_reference[self.root] = ByReference(name=self.root, type_name=name, size=size)


def launch_of(memo: dict[Any, Any], namespace: dict[str, Any]) -> Launch:
    """Return the captured state that the steps of one launch share through ``memo``."""
    key = (_LAUNCH, id(namespace))
    found: Launch | None = memo.get(key)
    if found is None:
        found = memo[key] = Launch(namespace)
    return found


def capture(value: Any, namespace: dict[str, Any], memo: dict[Any, Any]) -> Any:
    """Return a function (class, value) of the notebook as it is now: redefining what it uses changes nothing in it."""
    return launch_of(memo, namespace).value(value)


def _is_filled(cell: CellType) -> bool:
    try:
        cell.cell_contents  # noqa: B018  - an empty cell raises
    except ValueError:
        return False
    return True


def _copy_annotations(old: FunctionType, new: FunctionType) -> None:
    if hasattr(old, "__annotate__"):  # Python 3.14 evaluates annotations when asked
        new.__annotate__ = old.__annotate__  # type: ignore[attr-defined]
    else:
        new.__annotations__ = dict(old.__annotations__)


def _shell_stand_in() -> Any:
    from jobkernel.notebook.shell_calls import get_ipython

    return get_ipython()


_RULES: Final[dict[type, Callable[[Launch, Any], Any]]] = {
    FunctionType: Launch.function,
    list: Launch.list_,
    deque: Launch.deque_,
    set: Launch.set_,
    frozenset: Launch.set_,
    tuple: Launch.tuple_,
    **dict.fromkeys((dict, defaultdict, OrderedDict, Counter), Launch.dict_),
    functools.partial: Launch.partial,
    functools._lru_cache_wrapper: Launch.cached,
    MethodType: Launch.method,
    staticmethod: Launch.wrapped_function,
    classmethod: Launch.wrapped_function,
    property: Launch.property_,
    functools.cached_property: Launch.cached_property_,
}
