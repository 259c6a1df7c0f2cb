"""Messages over a socket between a kernel and its worker: pickled tuples, each behind its length.

Knows nothing of what they say. Only for sockets whose other end this user's own process holds.
"""

from __future__ import annotations

import pickle
import socket
import struct
import threading
from typing import Any, Final

_HEADER: Final = struct.Struct("!Q")
_READ: Final = 1 << 18
_JOINED: Final = 1 << 16
"""Messages up to so many bytes go out in one piece with their length."""


class Channel:
    """One end. Any thread may send; one thread receives."""

    def __init__(self, end: socket.socket) -> None:
        self._socket = end
        self._sending = threading.Lock()  # protects what is sent: a message goes out whole
        self._received = bytearray()

    def fileno(self) -> int:
        """Return the descriptor to wait on; -1 once closed."""
        return self._socket.fileno()

    def send(self, *message: Any) -> None:
        """Send a message. Raises OSError where the other end is gone."""
        data = pickle.dumps(message, protocol=pickle.HIGHEST_PROTOCOL)
        header = _HEADER.pack(len(data))
        with self._sending:
            if len(data) <= _JOINED:
                self._socket.sendall(header + data)
            else:
                self._socket.sendall(header)
                self._socket.sendall(data)

    def receive(self) -> list[tuple[Any, ...]]:
        """Wait for bytes and return the messages that they complete, in order; perhaps none.

        Raises:
            EOFError: the other end is closed.
        """
        content = self._socket.recv(_READ)
        if not content:
            raise EOFError
        self._received += content
        messages = []
        place = 0
        while (frame := self._frame(place)) is not None:
            start, place = frame
            messages.append(pickle.loads(memoryview(self._received)[start:place]))  # noqa: S301 - our own process's
        if place:
            self._received = self._received[place:]
        return messages

    def close(self) -> None:
        """Let go of this end."""
        self._socket.close()

    def _frame(self, place: int) -> tuple[int, int] | None:
        """Return where the message that begins at ``place`` starts and ends, None where it is not all here."""
        start = place + _HEADER.size
        if len(self._received) < start:
            return None
        end = start + _HEADER.unpack_from(self._received, place)[0]
        return (start, end) if len(self._received) >= end else None
