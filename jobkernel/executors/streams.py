"""stdout, stderr and stdin that belong to the step whose code uses them, and to their owner everywhere else.

Outside steps every call goes to the stream that was there before. Knows no files and no IPython. Called by capture.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Iterator
from types import MethodType
from typing import Any, NoReturn

from jobkernel.errors import InvariantViolation
from jobkernel.executors.step_output import CURRENT


class _Delegate:
    """Looks like the stream behind it, down to its class: the kernel asks ``isinstance(stream, OutStream)``."""

    _base: Any

    def __init__(self, base: Any) -> None:
        object.__setattr__(self, "_base", base)

    @property  # type: ignore[misc]
    def __class__(self) -> type:
        return type(self._base)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._base, name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self._base, name, value)

    def __delattr__(self, name: str) -> None:
        delattr(self._base, name)

    def __repr__(self) -> str:
        return f"<per step: {self._base!r}>"

    def __iter__(self) -> Iterator[str]:
        return iter(self._base)

    def __enter__(self) -> Any:
        return self

    def __exit__(self, *_: object) -> None:
        self._base.close() if CURRENT.get() is None else None


class _OnlyInSteps:
    """A method that a step's code gets; all others get, and may replace, what the stream behind has.

    IPython wraps ``sys.stdout.write`` for each cell: it must wrap the kernel's method, not this one.
    """

    def __init__(self, method: Callable[..., Any]) -> None:
        self._method = method
        self._name = method.__name__

    def __get__(self, stream: _Delegate, owner: type | None = None) -> Any:
        if CURRENT.get() is None:
            return getattr(stream._base, self._name)
        return MethodType(self._method, stream)


class StreamRouter(_Delegate):
    """A ``sys.stdout`` or ``sys.stderr``."""

    _level: str

    def __init__(self, base: Any, level: str) -> None:
        super().__init__(base)
        object.__setattr__(self, "_level", level)

    @_OnlyInSteps
    def write(self, text: str) -> int:
        """Write to the step's output."""
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        sink = CURRENT.get()
        if sink is not None:
            sink.add(self._level, text)
        return len(text)

    @_OnlyInSteps
    def writelines(self, lines: Iterable[str]) -> None:
        """Write each of the lines to the step's output."""
        for line in lines:
            self.write(line)

    @_OnlyInSteps
    def flush(self) -> None:
        """Do nothing: a step's lines are written at once."""

    @_OnlyInSteps
    def isatty(self) -> bool:
        """Return False: a step has no terminal."""
        return False

    @_OnlyInSteps
    def close(self) -> None:
        """Do nothing: the stream is not the step's to close."""

    @property
    def buffer(self) -> Any:
        """The stream of bytes below; in a step always there."""
        return self._base.buffer if CURRENT.get() is None else _StepBytes(self._level)


class _StepBytes(io.RawIOBase):
    """The bytes below a step's stdout or stderr."""

    def __init__(self, level: str) -> None:
        self._level = level

    def writable(self) -> bool:
        return True

    def write(self, content: Any, /) -> int:
        sink = CURRENT.get()
        if sink is not None:
            sink.add_bytes(self._level, bytes(content))
        return memoryview(content).nbytes


class RefusingInput(_Delegate):
    """A ``sys.stdin`` that steps cannot read."""

    @_OnlyInSteps
    def read(self, *_size: int) -> NoReturn:
        """Refuse."""
        _refuse()

    @_OnlyInSteps
    def readline(self, *_size: int) -> NoReturn:
        """Refuse."""
        _refuse()

    @_OnlyInSteps
    def readlines(self, *_hint: int) -> NoReturn:
        """Refuse."""
        _refuse()

    @_OnlyInSteps
    def close(self) -> None:
        """Do nothing: the stream is not the step's to close."""

    def __iter__(self) -> Iterator[str]:
        refuse_input_in_step()
        return iter(self._base)

    def __next__(self) -> Any:
        refuse_input_in_step()
        return next(self._base)


def refuse_input_in_step() -> None:
    """Raise InvariantViolation where a step's code asks for input."""
    if CURRENT.get() is not None:
        _refuse()


def _refuse() -> NoReturn:
    raise InvariantViolation(
        "A step cannot ask for input, because nobody may be there to answer; pass the value as config or a resource."
    )
