"""A file of JSON lines that keeps its beginning and its end. Knows sizes and the disk; knows no streams, no steps.

While it is written the end may grow to twice its share before it is cut; each line is in the file as soon as it is
added, and readers always find whole lines under the path. Called by the step output, under its lock.
"""

from __future__ import annotations

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
        self._fd = self._opened(path)
        self._size = os.fstat(self._fd).st_size
        self._tail_starts: int | None = None
        self._marker_size = 0

    @property
    def size(self) -> int:
        """The bytes that the file holds now."""
        return self._size

    def write(self, lines: bytes) -> None:
        """Append whole lines; raises OSError where the disk refuses."""
        if self._tail_starts is None and self._size + len(lines) > self._head:
            self._tail_starts = self._size
        self._write_all(self._fd, lines)
        self._size += len(lines)
        if self._tail_size() > 2 * self._tail:
            self._cut()

    def close(self) -> None:
        """Cut the end to its share and let go of the file."""
        try:
            if self._tail_size() > self._tail:
                self._cut()
        finally:
            os.close(self._fd)

    def abandon(self) -> None:
        """Let go of the file as it is."""
        os.close(self._fd)

    def _tail_size(self) -> int:
        return 0 if self._tail_starts is None else self._size - self._tail_starts - self._marker_size

    def _cut(self) -> None:
        assert self._tail_starts is not None
        old_tail = os.pread(self._fd, self._tail_size(), self._tail_starts + self._marker_size)
        keep_from = old_tail.find(b"\n", max(len(old_tail) - self._tail - 1, 0)) + 1
        self.lines_left_out += old_tail.count(b"\n", 0, keep_from)
        self.bytes_left_out += keep_from
        marker = self._left_out(self.lines_left_out, self.bytes_left_out)
        self._replace_end(self._tail_starts, marker, memoryview(old_tail)[keep_from:])

    def _replace_end(self, head_size: int, marker: bytes, kept: memoryview) -> None:
        beside = self.path.with_name(self.path.name + ".cut")
        beside.unlink(missing_ok=True)
        fd = self._opened(beside)
        try:
            for start in range(0, head_size, _COPY_PIECE):
                self._write_all(fd, os.pread(self._fd, min(_COPY_PIECE, head_size - start), start))
            self._write_all(fd, marker)
            self._write_all(fd, kept)
            beside.replace(self.path)
        except BaseException:
            os.close(fd)
            raise
        os.close(self._fd)
        self._fd, self._marker_size = fd, len(marker)
        self._size = head_size + len(marker) + len(kept)

    @staticmethod
    def _opened(path: Path) -> int:
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | getattr(os, "O_CLOEXEC", 0), 0o600)

    @staticmethod
    def _write_all(fd: int, content: bytes | memoryview) -> None:
        written = os.write(fd, content)
        while written < len(content):
            written += os.write(fd, memoryview(content)[written:])
