"""stdout, stderr and stdin that belong to the step whose code uses them, and to their owner everywhere else.

Outside steps every call goes to the stream that was there before. Knows no files and no IPython. Called by capture.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any, NoReturn

from jobkernel.errors import InvariantViolation
from jobkernel.executors.step_output import CURRENT

_OWN = frozenset({"_base", "_level"})


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
        self.close()

    def close(self) -> None:
        """Close the stream behind, unless a step asks: it is not the step's to close."""
        if CURRENT.get() is None:
            self._base.close()


class StreamRouter(_Delegate):
    """A ``sys.stdout`` or ``sys.stderr``."""

    _level: str

    def __init__(self, base: Any, level: str) -> None:
        super().__init__(base)
        object.__setattr__(self, "_level", level)

    def write(self, text: str) -> Any:
        """Write to the step's output, or to the stream behind."""
        sink = CURRENT.get()
        if sink is None:
            return self._base.write(text)
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        sink.add(self._level, text)
        return len(text)

    def writelines(self, lines: Any) -> None:
        """Write each of the lines."""
        if CURRENT.get() is None:
            self._base.writelines(lines)
            return
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        """Do nothing in a step, whose lines are written at once; flush the stream behind elsewhere."""
        if CURRENT.get() is None:
            self._base.flush()

    def isatty(self) -> bool:
        """Return False in a step."""
        return CURRENT.get() is None and bool(self._base.isatty())

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

    def read(self, *size: int) -> Any:
        """Read from the stream behind; refused in a step."""
        refuse_input_in_step()
        return self._base.read(*size)

    def readline(self, *size: int) -> Any:
        """Read a line from the stream behind; refused in a step."""
        refuse_input_in_step()
        return self._base.readline(*size)

    def readlines(self, *hint: int) -> Any:
        """Read the lines of the stream behind; refused in a step."""
        refuse_input_in_step()
        return self._base.readlines(*hint)

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
