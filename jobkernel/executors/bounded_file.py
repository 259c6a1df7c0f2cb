"""A file of JSON lines that keeps its beginning and its end. Knows sizes and the disk; knows no streams, no steps.

While it is written the end may grow to twice its share before it is cut; each line is in the file as soon as it is
added, and readers always find whole lines under the path. Called by the step output, under its lock.
"""

from __future__ import annotations

import contextlib
import io
import os
from collections.abc import Callable
from pathlib import Path

_COPY_PIECE = 1 << 20


class BoundedFile:
    """At most ``head`` bytes of the beginning and ``tail`` bytes of the end of what is written.

    ``left_out(lines, bytes)`` returns the line that stands for what was cut. The file and its folders appear with the
    first write; an existing file (an earlier attempt of the same step) is continued.
    """

    def __init__(self, path: Path, *, head: int, tail: int, left_out: Callable[[int, int], bytes]) -> None:
        self.path = path
        self.lines_left_out = 0
        self.bytes_left_out = 0
        self._head, self._tail, self._left_out = head, tail, left_out
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = _opened(path)
        self._size = os.fstat(self._file.fileno()).st_size
        self._tail_starts: int | None = None
        self._marker_size = 0

    @property
    def size(self) -> int:
        """The bytes that the file holds now."""
        return self._size

    def write(self, lines: bytes) -> None:
        """Append whole lines; raises OSError where the disk refuses."""
        if self._tail_starts is None and self._size + len(lines) > self._head:
            fits = lines.rfind(b"\n", 0, max(self._head - self._size, 0)) + 1
            _write_all(self._file, lines[:fits])
            self._size, lines = self._size + fits, lines[fits:]
            self._tail_starts = os.fstat(self._file.fileno()).st_size
        _write_all(self._file, lines)
        self._size += len(lines)
        if self._tail_size() > 2 * self._tail:
            self._cut()

    def close(self) -> None:
        """Cut the end to its share and let go of the file."""
        try:
            if self._tail_size() > self._tail:
                self._cut()
        finally:
            self._file.close()

    def abandon(self) -> None:
        """Let go of the file as it is."""
        self._file.close()

    def _tail_size(self) -> int:
        return 0 if self._tail_starts is None else self._size - self._tail_starts - self._marker_size

    def _cut(self) -> None:
        assert self._tail_starts is not None
        descriptor = self._file.fileno()
        self._size = os.fstat(descriptor).st_size  # an interrupt may have kept the last write from being counted
        old_tail = os.pread(descriptor, self._tail_size(), self._tail_starts + self._marker_size)
        keep_from = old_tail.find(b"\n", max(len(old_tail) - self._tail - 1, 0)) + 1
        self.lines_left_out += old_tail.count(b"\n", 0, keep_from)
        self.bytes_left_out += keep_from
        marker = self._left_out(self.lines_left_out, self.bytes_left_out)
        self._replace_end(self._tail_starts, marker, memoryview(old_tail)[keep_from:])

    def _replace_end(self, head_size: int, marker: bytes, kept: memoryview) -> None:
        beside = self.path.with_name(self.path.name + ".cut")
        beside.unlink(missing_ok=True)
        with contextlib.ExitStack() as on_failure:
            file = on_failure.enter_context(_opened(beside))
            for start in range(0, head_size, _COPY_PIECE):
                _write_all(file, os.pread(self._file.fileno(), min(_COPY_PIECE, head_size - start), start))
            _write_all(file, marker)
            _write_all(file, kept)
            beside.replace(self.path)
            on_failure.pop_all()
        self._file.close()
        self._file, self._marker_size = file, len(marker)
        self._size = head_size + len(marker) + len(kept)


def _opened(path: Path) -> io.FileIO:
    # opened in one C call, so that an interrupt at the wrong moment leaves no descriptor behind
    return io.FileIO(path, "a+")


def _write_all(file: io.FileIO, content: bytes | memoryview) -> None:
    written = file.write(content)
    while written < len(content):
        written += file.write(memoryview(content)[written:])
