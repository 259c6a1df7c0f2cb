"""What bodies hand to child processes: ``multiprocessing`` pickles functions and classes by name, and these have none.

A child that was forked after they were made is sent a token and finds them in its memory, with the tables that they
use; any other child gets them by value. Called by :mod:`jobkernel.notebook.body_call` around each body.
"""

from __future__ import annotations

import contextlib
import functools
import os
import pickle
import sys
import uuid
from collections.abc import Callable, Iterator
from types import FunctionType
from typing import Any, Final, NoReturn
from weakref import WeakKeyDictionary, WeakValueDictionary

from jobkernel.notebook.plain_values import LARGE
from jobkernel.notebook.travel import pickled, unpacked
from jobkernel.records import dataclass

RECEIVED: Final = 32
"""How many functions and classes that came by value a child keeps, so that the next task need not unpack them."""

_KINDS: Final = (FunctionType, type, functools._lru_cache_wrapper)


@dataclass(frozen=True, slots=True)
class _Token:
    """Names an object to children. ``elders`` were there before the token was, ``born`` counts forks until then."""

    text: str
    elders: frozenset[int | None]
    born: int


class _Memory:
    """What this process can find by a token: noted here, or in the process that it was forked from."""

    def __init__(self) -> None:
        self.running: dict[int, dict[str, Any]] = {}
        self.tokens: WeakKeyDictionary[Any, _Token] = WeakKeyDictionary()
        self.objects: WeakValueDictionary[str, Any] = WeakValueDictionary()
        self.received: dict[str, tuple[bytes, Any]] = {}
        self.inherited: list[Any] = []
        self.forks = 0

    def note(self, value: Any) -> _Token:
        """Return the token of an object."""
        token = self.tokens.get(value)
        if token is None:
            elders = frozenset(child.pid for child in _children())
            token = self.remember(value, _Token(uuid.uuid4().hex, elders, self.forks))
        return token

    def remember(self, value: Any, token: _Token) -> _Token:
        self.objects[token.text] = value
        return self.tokens.setdefault(value, token)

    def note_all(self) -> None:
        """Note what running bodies could hand to the child that is about to be forked."""
        seen: set[int] = set()
        for scope in list(self.running.values()):
            self._note_names(scope, seen)

    def _note_names(self, names: dict[str, Any], seen: set[int]) -> None:
        if id(names) in seen or names.get("__name__") != "__main__" or names is _main_names():
            return
        seen.add(id(names))
        for value in list(names.values()):
            if isinstance(value, _KINDS) and value.__module__ == "__main__":
                self.note(value)
                if isinstance(value, FunctionType):
                    self._note_names(value.__globals__, seen)

    def be_forked(self) -> None:
        """In a new child: keep what the parent knows by tokens."""
        self.forks += 1
        self.inherited = list(self.objects.values())


_memory: Final = _Memory()


@contextlib.contextmanager
def running(scope: dict[str, Any]) -> Iterator[None]:
    """While the body of this scope runs, children can be sent what it uses and makes."""
    _install()
    _memory.running[id(scope)] = scope
    try:
        yield
    finally:
        del _memory.running[id(scope)]


@functools.cache
def _install() -> None:
    """Have the pickler of ``multiprocessing`` ask :func:`reduced` first."""
    from multiprocessing.reduction import ForkingPickler

    before: Callable[[Any, Any], Any] | None = getattr(ForkingPickler, "reducer_override", None)

    def reducer_override(self: Any, value: Any) -> Any:
        form = reduced(value) if isinstance(value, _KINDS) else NotImplemented
        return before(self, value) if form is NotImplemented and before is not None else form

    ForkingPickler.reducer_override = reducer_override  # type: ignore[method-assign]
    if not _is_kernel():
        sys.modules["__main__"].__getattr__ = _of_a_body  # type: ignore[method-assign]
    os.register_at_fork(before=_memory.note_all, after_in_child=_memory.be_forked)


def reduced(value: Any) -> Any:
    """Return how a function or class of a body is pickled for a child, ``NotImplemented`` for all others.

    Raises:
        pickle.PicklingError: a child has to get it by value, and with what it uses it is too large.
    """
    if value.__module__ != "__main__":
        return NotImplemented
    if _has_name(value):
        named = not _memory.running or all(map(_is_fork, _receivers()))
        return NotImplemented if named else (found, (_memory.note(value).text, _by_value(value)))
    if getattr(value, "__globals__", None) is _main_names() and value not in _memory.tokens:
        return NotImplemented  # made by a plain cell, where Python refuses it
    token = _memory.note(value)
    return found, (token.text, None if _is_known(token) else _by_value(value))


def found(token: str, data: bytes | None) -> Any:
    """Return what a token names, from memory or else unpacked."""
    value = _memory.objects.get(token)
    if value is not None:
        return value
    if data is None:
        return _lost
    _install()
    before, value = _memory.received.get(token, (None, None))
    if before != data:
        value = unpacked(data)
        _memory.remember(value, _Token(token, frozenset(), -1))
        _memory.received[token] = data, value
        for oldest in list(_memory.received)[:-RECEIVED]:
            del _memory.received[oldest]
    return value


def _by_value(value: Any) -> bytes:
    data = pickled(value)
    if len(data) > LARGE:
        raise pickle.PicklingError(
            f"'{value.__qualname__}' takes {len(data) / 1e6:,.0f} MB with the variables that it uses, too much for a"
            " process that does not have them; define it before the pool is made, or pass the data as an argument."
        )
    return data


def _is_known(token: _Token) -> bool:
    """Whether all who may unpickle this were forked from this process after the token was made."""
    receivers = _receivers()
    if not receivers:
        return token.born < _memory.forks  # the parent is told, and has it
    return all(_is_fork(child) and child.pid not in token.elders for child in receivers)


def _receivers() -> list[Any]:
    """Return the processes for which something may be pickled now; None stands for one that is being spawned."""
    from multiprocessing.context import get_spawning_popen

    return _children() if get_spawning_popen() is None else [None]


def _is_fork(child: Any) -> bool:
    return getattr(getattr(child, "_popen", None), "method", "") == "fork"


def _children() -> list[Any]:
    from multiprocessing import active_children

    return active_children()


def _is_kernel() -> bool:
    """Whether ``__main__`` holds a notebook's names here, as it does not in worker processes."""
    module = sys.modules.get("IPython.core.interactiveshell")
    return module is not None and module.InteractiveShell.initialized()


def _of_a_body(name: str) -> Any:
    """Return a function or class of the notebook that a running body has: plain pickle looks for it in ``__main__``."""
    for scope in reversed(list(_memory.running.values())):
        tables = [each.__globals__ for each in list(scope.values()) if isinstance(each, FunctionType)]
        for names in (scope, *tables):
            value = names.get(name)
            if isinstance(value, _KINDS) and value.__module__ == "__main__":
                return value
    raise AttributeError(f"module '__main__' has no attribute '{name}'")


def _has_name(value: Any) -> bool:
    first, *rest = value.__qualname__.split(".")
    named = _main_names().get(first)
    for part in rest:
        named = getattr(named, part, None)
    return named is value


def _main_names() -> dict[str, Any]:
    return vars(sys.modules["__main__"])


def _lost(*_args: Any, **_options: Any) -> NoReturn:
    raise pickle.UnpicklingError(
        "This process does not have the function that was sent; define it before the process is started."
    )
