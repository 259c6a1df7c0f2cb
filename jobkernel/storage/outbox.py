"""A client's events on their way: numbered, packed into frames, kept until they are acknowledged.

What outgrows the memory goes to a file. Knows numbers and bytes; knows no socket and no thread: one thread adds and
sends, another acknowledges, and a lock keeps them apart.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence

from jobkernel.model.events import Event
from jobkernel.records import dataclass
from jobkernel.storage.encoding import StoredEvent, cleaned, stored
from jobkernel.storage.unsent import Unsent
from jobkernel.storage.wire import packed

EVENTS_A_FRAME = 1_000
BYTES_A_FRAME = 4 * 1024 * 1024
WINDOW = 8 * 1024 * 1024
"""Bytes that may be on their way at once."""
IN_MEMORY = 32 * 1024 * 1024
"""Bytes kept in memory before frames go to the file."""
AGAIN_AFTER_S = 1.0


@dataclass(slots=True)
class _Frame:
    first: int
    last: int
    size: int
    data: bytes | None
    begin: int = 0
    sent_at: float | None = None


class Outbox:
    """Events in order. ``newest`` is the number of the latest, ``acknowledged`` the latest that the server keeps."""

    def __init__(self, unsent: Unsent) -> None:
        self.newest = 0
        self.acknowledged = 0
        self._unsent = unsent
        self._lock = threading.Lock()  # protects the frames and the sums over them
        self._frames: deque[_Frame] = deque()
        self._in_memory = 0
        self._in_flight = 0
        self._to_send = 0
        self._paused_until = 0.0

    def add(self, events: Sequence[Event]) -> None:
        """Number and pack events."""
        for chunk in _chunks([stored(event) for event in events]):
            first, last = self.newest + 1, self.newest + len(chunk)
            data = _packed(first, chunk)
            with self._lock:
                self._frames.append(self._kept(_Frame(first, last, len(data), data)))
                self._to_send += 1
                self.newest = last

    def sendable(self) -> Iterator[bytes]:
        """Yield the frames that should be sent now, each noted as sent."""
        while True:
            with self._lock:
                frame = self._next()
                if frame is None:
                    return
                frame.sent_at = time.monotonic()
                self._to_send -= 1
                self._in_flight += frame.size
                data = frame.data if frame.data is not None else self._unsent.get(frame.begin, frame.size)
            yield data

    def acknowledge(self, last: int) -> None:
        """Forget the events up to this number: they are durable, or refused for good."""
        with self._lock:
            self.acknowledged = max(self.acknowledged, last)
            while self._frames and self._frames[0].last <= last:
                frame = self._frames.popleft()
                if frame.sent_at is None:
                    self._to_send -= 1
                else:
                    self._in_flight -= frame.size
                self._in_memory -= frame.size if frame.data is not None else 0
            if not self._frames:
                self._unsent.remove()

    def send_again(self, kept: int, pause: bool) -> None:
        """Send everything after ``kept`` again; after a pause where the server asked for one."""
        self.acknowledge(kept)
        with self._lock:
            for frame in self._frames:
                frame.sent_at = None
            self._in_flight, self._to_send = 0, len(self._frames)
            self._paused_until = time.monotonic() + AGAIN_AFTER_S if pause else 0.0

    def waits(self) -> bool:
        """Return whether something should be sent now."""
        with self._lock:
            return self._next() is not None

    def oldest_sent_at(self) -> float | None:
        """Return when the oldest frame that is on its way was sent."""
        with self._lock:
            return self._frames[0].sent_at if self._frames else None

    def leave(self) -> int:
        """Put what is not acknowledged into the file for the next server; return how many events."""
        with self._lock:
            for frame in self._frames:
                if frame.data is not None:
                    self._unsent.put(frame.data)
            self._unsent.leave()
            return sum(frame.last - frame.first + 1 for frame in self._frames)

    def _next(self) -> _Frame | None:
        if self._in_flight > WINDOW or time.monotonic() < self._paused_until:
            return None
        return self._frames[-self._to_send] if self._to_send else None

    def _kept(self, frame: _Frame) -> _Frame:
        assert frame.data is not None
        if self._in_memory + frame.size > IN_MEMORY:
            try:
                frame.begin = self._unsent.put(frame.data)
            except OSError:
                pass  # a disk that takes no more: memory has to
            else:
                frame.data = None
                return frame
        self._in_memory += frame.size
        return frame


def _chunks(events: list[StoredEvent]) -> Iterator[list[StoredEvent]]:
    chunk: list[StoredEvent] = []
    size = 0
    for event in events:
        chunk.append(event)
        size += len(event[4] or "") + 100
        if len(chunk) >= EVENTS_A_FRAME or size > BYTES_A_FRAME:
            yield chunk
            chunk, size = [], 0
    if chunk:
        yield chunk


def _packed(first: int, events: list[StoredEvent]) -> bytes:
    try:
        return packed([first, events])
    except (UnicodeError, OverflowError, TypeError, ValueError):
        return packed([first, [cleaned(event) for event in events]])
