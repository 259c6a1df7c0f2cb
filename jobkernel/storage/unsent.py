"""Events that no server has taken yet, in a file beside the history: what a client spills, and what a dead one left.

A file is frames as on the wire: first the client's identity, then ``[first, events]``. Half a last frame is ignored.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from jobkernel.storage.store import Batch, ClientIdentity
from jobkernel.storage.wire import packed, unpacked

SUFFIX = ".events"
LEFT = ".left.events"
"""How the file of a client that has let go ends, though its process may live on."""


class Unsent:
    """One client's file. Made when the first frame is put there."""

    def __init__(self, folder: Path, who: ClientIdentity) -> None:
        self._path = folder / f"{who.client_id}{SUFFIX}"
        self._who = who
        self._descriptor = -1
        self._end = 0

    def put(self, frame: bytes) -> int:
        """Append a frame's bytes; return where they begin. Raises :class:`OSError` when the disk takes no more."""
        if self._descriptor < 0:
            self._path.parent.mkdir(exist_ok=True)
            self._descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
            self._end = _written(self._descriptor, packed(list(self._who)), 0)
        begin = self._end
        self._end = _written(self._descriptor, frame, begin)
        return begin

    def get(self, begin: int, size: int) -> bytes:
        """Return the bytes of a frame put before."""
        return os.pread(self._descriptor, size, begin)

    def sync(self) -> None:
        """Bring what was put to the disk."""
        if self._descriptor >= 0:
            os.fsync(self._descriptor)

    def remove(self) -> None:
        """Delete the file: a server has taken all of it."""
        if self._descriptor >= 0:
            self.close()
            self._path.unlink(missing_ok=True)

    def close(self) -> None:
        """Let go of the file, leaving it where it is."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def leave(self) -> None:
        """Let go of the file for good: the next server takes it."""
        if self._descriptor >= 0:
            self.sync()
            self.close()
            self._path.rename(self._path.with_name(f"{self._who.client_id}{LEFT}"))


def _written(descriptor: int, data: bytes, at: int) -> int:
    view = memoryview(data)
    while view:
        count = os.pwrite(descriptor, view, at)
        view, at = view[count:], at + count
    return at


def left_behind(folder: Path) -> list[Path]:
    """Return the files that clients have left."""
    return sorted(folder.glob(f"*{SUFFIX}")) if folder.is_dir() else []


def read(path: Path) -> tuple[ClientIdentity | None, list[Batch]]:
    """Return whose events a file holds, and the events in order; client numbers are still 0."""
    frames = _frames(path.read_bytes())
    identity = next(frames, None)
    if not isinstance(identity, list) or len(identity) != len(ClientIdentity._fields):
        return None, []
    batches = [Batch(0, first, events) for first, events in frames]
    return ClientIdentity(*identity), sorted(batches, key=lambda batch: batch.first)


def _frames(data: bytes) -> Iterator[Any]:
    at = 0
    while at + 4 <= len(data):
        end = at + 4 + int.from_bytes(data[at : at + 4], "big")
        if end > len(data):
            return
        yield unpacked(data[at + 4 : end])
        at = end
