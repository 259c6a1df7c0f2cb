"""Describes an exception for screens and the history: what, where in which cell, and why, as JSON-able values.

Knows tracebacks and which files are cells; knows no run and no screen. Never raises, whatever the exception does
when it is looked at. Called by the step runner, for user code that raised.
"""

from __future__ import annotations

import contextlib
import os
import sysconfig
import traceback
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

TEXT_LIMIT = 20_000
FRAME_LIMIT = 40
CAUSE_LIMIT = 8

_PACKAGE = str(Path(__file__).resolve().parent.parent) + os.sep
_LIBRARIES = tuple({sysconfig.get_path(name) + os.sep for name in ("stdlib", "platstdlib", "purelib", "platlib")})
_TOLD = "_jobkernel_described"
_cells: dict[str, int | None] = {}


def register_cell(filename: str, number: int | None) -> None:
    """Say that code compiled under ``filename`` stands in the cell of that number (None: not known yet)."""
    _cells[filename] = number


def cell_of(filename: str) -> int | None:
    """Return the number of the cell that ``filename`` stands for, or None."""
    return _cells.get(filename)


def cells() -> dict[str, int | None]:
    """Return the numbers of all known cells by the name under which their code is compiled."""
    return dict(_cells)


def is_users(filename: str) -> bool:
    """Whether a file is the user's: neither Python's own, nor an installed package, nor jobkernel's."""
    return not filename.startswith((_PACKAGE, *_LIBRARIES, "<frozen ")) and "-packages" not in filename


def describe_error(error: BaseException, own: Callable[[str], bool] = is_users) -> dict[str, Any]:
    """Return what a screen shows of ``error``: the protocol's ErrorShown, its causes, and a Failure's metadata.

    ``own(filename)`` says whether a file is the user's. Keys: type, message, cell, line, frames (outermost first, each
    where, line, code, own), text, and where there is something to say: cause, causes (of a group), metadata.
    """
    try:
        told = vars(error).get(_TOLD)
        if isinstance(told, dict):
            return told
        return _described(error, own, left=CAUSE_LIMIT, seen=set())
    except Exception as wrong:  # noqa: BLE001  - exceptions are user code: their attributes may raise
        name = type(error).__name__
        text = f"{name} (it cannot be described: {type(wrong).__name__})"
        return {"type": name, "message": text, "cell": None, "line": None, "frames": [], "text": text}


def described_as(error: BaseException, described: Mapping[str, Any]) -> BaseException:
    """Return an error of another process that is described as it was where it was raised."""
    with contextlib.suppress(AttributeError, TypeError):  # an exception class may refuse attributes
        setattr(error, _TOLD, dict(described))
    return error


def _described(error: BaseException, own: Callable[[str], bool], *, left: int, seen: set[int]) -> dict[str, Any]:
    seen.add(id(error))
    entries = frames_of(error.__traceback__)
    frames = [_frame(each, own) for each in _shortened(entries)]
    cell, line = _place(error, entries, own)
    shown: dict[str, Any] = {
        "type": type_name(type(error)),
        "message": message_of(error),
        "cell": cell,
        "line": line,
        "frames": frames,
        "text": _text(error),
    }
    cause = cause_of(error)
    if cause is not None and id(cause) not in seen and left:
        shown["cause"] = _described(cause, own, left=left - 1, seen=seen)
    if isinstance(error, BaseExceptionGroup) and left:
        members = [each for each in error.exceptions[:left] if id(each) not in seen]
        shown["causes"] = [_described(each, own, left=left // 2, seen=seen) for each in members]
    metadata = getattr(error, "metadata", None)
    if isinstance(metadata, Mapping) and metadata:
        shown["metadata"] = {_safe(name): _plain(value) for name, value in metadata.items()}
    return shown


def type_name(kind: type) -> str:
    """Return a class's name with its module, except for built-in ones, ours, and those defined in the notebook."""
    module = getattr(kind, "__module__", None)
    name = str(getattr(kind, "__qualname__", kind.__name__))
    if module in ("builtins", "__main__", None) or str(module).startswith("jobkernel."):
        return name
    return f"{module}.{name}"


def message_of(error: BaseException) -> str:
    """Return ``str(error)``, at most 20 000 characters, or words saying that it has none."""
    return _safe(error)


def _safe(value: object) -> str:
    try:
        text = str(value)
    except Exception as wrong:  # noqa: BLE001  - __str__ is user code
        text = f"({type(value).__name__} whose text cannot be made: {type(wrong).__name__})"
    return _capped(text)


def _capped(text: str) -> str:
    if len(text) <= TEXT_LIMIT:
        return str(text)
    half = TEXT_LIMIT // 2
    return f"{text[:half]}\n… {len(text) - 2 * half:,} characters left out …\n{text[-half:]}"


def frames_of(trace: TracebackType | None) -> list[traceback.FrameSummary]:
    """The frames without jobkernel's own, outermost first; of endless recursion only both ends are looked at."""
    walked = [(frame, line) for frame, line in traceback.walk_tb(trace) if not _is_ours(frame.f_code.co_filename)]
    if len(walked) > 4 * FRAME_LIMIT:
        walked = walked[: 2 * FRAME_LIMIT] + walked[-2 * FRAME_LIMIT :]
    return list(traceback.StackSummary.extract(iter(walked)))


def _is_ours(filename: str) -> bool:
    return filename.startswith(_PACKAGE)


def _shortened(entries: list[traceback.FrameSummary]) -> list[traceback.FrameSummary]:
    if len(entries) <= FRAME_LIMIT:
        return entries
    return entries[: FRAME_LIMIT // 2] + entries[-FRAME_LIMIT // 2 :]


def _frame(entry: traceback.FrameSummary, own: Callable[[str], bool]) -> dict[str, Any]:
    return {
        "where": f"{_file_words(entry.filename)}, in {entry.name}",
        "line": entry.lineno,
        "code": _capped(entry.line or ""),
        "own": _is_own(entry.filename, own),
    }


def _file_words(filename: str) -> str:
    if filename in _cells:
        number = _cells[filename]
        return "a cell" if number is None else f"cell {number}"
    path = Path(filename)
    for root in ("site-packages", "dist-packages"):
        if root in path.parts:
            return "/".join(path.parts[path.parts.index(root) + 1 :])
    return filename


def _is_own(filename: str, own: Callable[[str], bool]) -> bool:
    return filename in _cells or own(filename)


def _place(
    error: BaseException, entries: Iterable[traceback.FrameSummary], own: Callable[[str], bool]
) -> tuple[int | None, int | None]:
    """The cell and line to point at: where a cell's text is no Python, else the innermost frame of the user's."""
    if isinstance(error, SyntaxError) and error.filename in _cells:
        return _cells[error.filename], error.lineno
    innermost = [each for each in entries if _is_own(each.filename, own)][-1:]
    for entry in innermost:
        return cell_of(entry.filename), entry.lineno
    return None, None


def cause_of(error: BaseException) -> BaseException | None:
    """Return what an exception was raised from, or while it was handled, where a traceback would show it."""
    if error.__cause__ is not None or error.__suppress_context__:
        return error.__cause__
    return error.__context__


def _text(error: BaseException) -> str:
    """The traceback as Python prints it, without jobkernel's own frames."""
    try:
        described = traceback.TracebackException.from_exception(error, limit=-2 * FRAME_LIMIT, max_group_width=10)
        _drop_our_frames(described, set())
        return _capped("".join(described.format()))
    except Exception:  # noqa: BLE001  - formatting asks the exception for its text, which is user code
        return f"{type_name(type(error))}: {message_of(error)}\n"


def _drop_our_frames(described: traceback.TracebackException | None, seen: set[int]) -> None:
    if described is None or id(described) in seen:
        return
    seen.add(id(described))
    theirs = [entry for entry in described.stack if not _is_ours(entry.filename)]
    described.stack = traceback.StackSummary.from_list(theirs)
    for other in (described.__cause__, described.__context__, *(described.exceptions or ())):
        _drop_our_frames(other, seen)


def _plain(value: object, depth: int = 4) -> Any:
    """A metadata value as JSON: its own value where it has one, text where JSON has no word for it."""
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, str):
        return _capped(value)
    if depth and isinstance(value, Mapping):
        return {_safe(name): _plain(each, depth - 1) for name, each in value.items()}
    if depth and isinstance(value, list | tuple):
        return [_plain(each, depth - 1) for each in value]
    inner = getattr(value, "value", None)
    return _safe(value) if inner is None or not depth else _plain(inner, depth - 1)
