"""Finds the DuckDB connections that a thread may be inside of, and interrupts their queries.

Looks at what the thread's frames hold: a connection that another thread may be inside of is left alone. Knows no
steps. Called by forced_stop.
"""

from __future__ import annotations

import contextlib
import gc
import sys
import threading
from collections.abc import Callable, Collection, Iterable, Iterator
from functools import cache
from itertools import islice
from types import CellType, CodeType, FrameType, FunctionType, ModuleType
from typing import Any, Final

_DEPTH: Final = 2
_MOST: Final = 500
_ITEMS: Final = 50
_INNERMOST: Final = 2
"""How many frames of a thread are looked at to see whether it is in a call of DuckDB: the caller, and its caller."""

_CACHED: Final = type(cache(len))
_EMPTY_CELL: Final = CellType()

_LEAVES: Final = (str, bytes, int, float, type, ModuleType, CodeType, FrameType)


def interrupt_queries(
    thread_id: int, stopped: Collection[int], outermost: CodeType, is_in_step: Callable[[int], bool]
) -> None:
    """Interrupt the queries of a thread, as far down its frames as ``outermost``.

    ``stopped`` are the threads whose queries may end too. Connections that any other step holds are left alone, and
    those that a thread outside steps may be inside of.
    """
    if "duckdb" not in sys.modules:
        return
    frames = sys._current_frames()
    held = connections_in(_frames(frames.pop(thread_id, None), outermost))
    if not held:
        return
    for other in frames.keys() - {*stopped, threading.get_ident()}:
        most = None if is_in_step(other) else _INNERMOST
        for key in connections_in(islice(_frames(frames[other], outermost), most)):
            held.pop(key, None)
    for connection in held.values():
        with contextlib.suppress(sys.modules["duckdb"].Error):  # it may be closed
            connection.interrupt()


def connections_in(frames: Iterable[FrameType]) -> dict[int, Any]:
    """Return the connections that frames hold, by id: in variables, containers and attributes, a few levels deep."""
    duckdb = sys.modules["duckdb"]
    found: dict[int, Any] = {}
    seen: set[int] = set()
    for place, frame in enumerate(frames):
        level = list(_named(frame))
        if place < _INNERMOST and any(_is_of_module(value, duckdb) for value in level):
            default = duckdb.default_connection()
            found[id(default)] = default
        for _ in range(_DEPTH + 1):
            level = [value for value in level if id(value) not in seen][: _MOST - len(seen)]
            seen.update(map(id, level))
            found.update((id(value), value) for value in level if issubclass(type(value), duckdb.DuckDBPyConnection))
            level = [part for value in level for part in _parts(value)]
    return found


def _frames(frame: FrameType | None, outermost: CodeType) -> Iterator[FrameType]:
    while frame is not None and frame.f_code is not outermost:
        yield frame
        frame = frame.f_back


def _named(frame: FrameType) -> Iterator[Any]:
    """Give what a frame's code can name: its variables, and of its globals those that it uses."""
    names = frame.f_globals
    if frame.f_locals is not names:
        yield from list(frame.f_locals.values())
    for name in frame.f_code.co_names:
        if name in names:
            yield names[name]


def _is_of_module(value: Any, duckdb: ModuleType) -> bool:
    """Whether a value is DuckDB itself, or a function of it: these use its default connection."""
    if value is duckdb:
        return True
    is_function = type(value).__name__ in ("builtin_function_or_method", "function", "nb_func")
    return is_function and vars(duckdb).get(value.__name__) is value


def _parts(value: Any) -> list[Any]:
    """Return what a value holds; what holds too much, or a namespace, holds nothing here.

    A function holds what its code names, and one with a cache what it has returned.
    """
    if isinstance(value, _LEAVES):
        return []
    if isinstance(value, FunctionType):
        cells = [cell.cell_contents for cell in value.__closure__ or () if cell != _EMPTY_CELL]
        return [*cells, *(value.__globals__[name] for name in value.__code__.co_names if name in value.__globals__)]
    if isinstance(value, _CACHED) or "__slots__" in vars(type(value)):
        return gc.get_referents(value)[:_ITEMS]
    if type(value) in (list, tuple, set):
        return list(value) if len(value) <= _ITEMS else []
    held = value if type(value) is dict else _attributes(value)
    return list(held.values()) if len(held) <= _ITEMS and "__builtins__" not in held else []


def _attributes(value: Any) -> dict[str, Any]:
    try:
        held = object.__getattribute__(value, "__dict__")
    except AttributeError:
        return {}
    return held if type(held) is dict else {}
