"""Frames on a Unix socket: a length, then msgpack; and the handshake that proves both sides know the project's key.

Knows bytes and values; knows no history. A frame is a dict; ``Sender`` never blocks its caller.
"""

from __future__ import annotations

import contextlib
import datetime
import decimal
import hashlib
import hmac
import os
import select
import socket
import struct
import threading
import uuid
from collections import deque
from typing import Any

import msgpack

PROTOCOL = 4
LARGEST_FRAME = 256 * 1024 * 1024
LARGEST_BACKLOG = 64 * 1024 * 1024
NONCE = 32
HANDSHAKE_S = 5.0
WELCOME_S = 15.0
"""How long a server that has proven itself may take to write down who comes: a loaded disk takes seconds."""

_HEAD = struct.Struct("!I")
_DATETIME, _DATE, _TIME, _DELTA, _DECIMAL, _UUID, _INTEGER = range(1, 8)


class WireError(OSError):
    """The other side is gone, or does not speak this protocol."""


def packed(value: Any) -> bytes:
    """Return a frame's bytes, length included; lone surrogates become question marks.

    Raises:
        ValueError, OverflowError: it holds what no frame can.
    """
    try:
        body: bytes = msgpack.packb(value, default=_extended)
    except UnicodeEncodeError:
        body = msgpack.packb(value, default=_extended, unicode_errors="replace")
    return _HEAD.pack(len(body)) + body


def unpacked(body: bytes) -> Any:
    """Return what a frame's body says."""
    return msgpack.unpackb(body, ext_hook=_restored, strict_map_key=False)


def receive(sock: socket.socket) -> bytes:
    """Return the next frame's body. Raises :class:`WireError` at the end of the stream."""
    (size,) = _HEAD.unpack(_exactly(sock, _HEAD.size))
    if size > LARGEST_FRAME:
        raise WireError(f"A frame of {size} bytes is no frame of ours.")
    return _exactly(sock, size)


def _exactly(sock: socket.socket, size: int) -> bytes:
    chunk = sock.recv(size)
    if len(chunk) == size:
        return chunk
    buffer = bytearray(chunk)
    while len(buffer) < size:
        if not chunk:
            raise WireError("The connection was closed.")
        chunk = sock.recv(min(size - len(buffer), 1 << 20))
        buffer += chunk
    return bytes(buffer)


def prove_as_server(sock: socket.socket, key: bytes) -> None:
    """Let in a client that knows the key, and show it that we do. Raises :class:`WireError` for another."""
    challenge = os.urandom(NONCE)
    sock.sendall(challenge)
    answer = _exactly(sock, NONCE * 2)
    theirs, proof = answer[:NONCE], answer[NONCE:]
    if not hmac.compare_digest(proof, _proof(key, b"client", challenge + theirs)):
        raise WireError("A client without the project's key was turned away.")
    sock.sendall(_proof(key, b"server", theirs + challenge))


def prove_as_client(sock: socket.socket, key: bytes) -> None:
    """Show the server that we know the key, and check that it does. Raises :class:`WireError` where it does not."""
    challenge = _exactly(sock, NONCE)
    mine = os.urandom(NONCE)
    sock.sendall(mine + _proof(key, b"client", challenge + mine))
    if not hmac.compare_digest(_exactly(sock, NONCE), _proof(key, b"server", mine + challenge)):
        raise WireError("What answers on the project's socket is not the project server.")


def _proof(key: bytes, side: bytes, nonces: bytes) -> bytes:
    return hmac.new(key, side + nonces, hashlib.sha256).digest()


class Sender:
    """Sends frames on a socket without ever blocking the caller: what the socket does not take waits for a thread."""

    def __init__(self, sock: socket.socket, name: str) -> None:
        self._sock = sock
        self._name = name
        self._lock = threading.Lock()  # protects the order of bytes on the socket, and the backlog
        self._backlog: deque[memoryview] = deque()
        self._size = 0
        self._draining = False

    def send(self, frame: bytes) -> None:
        """Send a frame. Raises :class:`WireError` when the connection is gone, or takes nothing for too long."""
        with self._lock:
            sent = 0 if self._backlog else self._some(frame)
            if sent == len(frame):
                return
            self._backlog.append(memoryview(frame)[sent:])
            self._size += len(frame) - sent
            if self._size > LARGEST_BACKLOG:
                raise WireError("The other side has not read for too long.")
            if not self._draining:
                self._draining = True
                threading.Thread(target=self._drain, name=self._name, daemon=True).start()

    @property
    def waiting(self) -> int:
        """Return how many bytes the socket has not taken yet."""
        return self._size

    def _some(self, frame: bytes | memoryview) -> int:
        try:
            return self._sock.send(frame, socket.MSG_DONTWAIT)
        except (BlockingIOError, InterruptedError):
            return 0

    def _drain(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            while True:
                select.select([], [self._sock], [], 1.0)
                with self._lock:
                    sent = self._some(self._backlog[0])
                    self._size -= sent
                    rest = self._backlog.popleft()[sent:]
                    if rest:
                        self._backlog.appendleft(rest)
                    if not self._backlog:
                        self._draining = False
                        return


def _extended(value: Any) -> Any:
    for kind, code, text in _KINDS:
        if isinstance(value, kind):
            return msgpack.ExtType(code, text(value).encode())
    if isinstance(value, (set, frozenset, tuple)):
        return list(value)
    return str(value)


_KINDS: tuple[tuple[type, int, Any], ...] = (
    (datetime.datetime, _DATETIME, lambda value: value.isoformat()),
    (datetime.date, _DATE, lambda value: value.isoformat()),
    (datetime.time, _TIME, lambda value: value.isoformat()),
    (
        datetime.timedelta,
        _DELTA,
        lambda value: repr(value.days * 86_400_000_000 + value.seconds * 1_000_000 + value.microseconds),
    ),
    (decimal.Decimal, _DECIMAL, str),
    (uuid.UUID, _UUID, str),
    (int, _INTEGER, str),
)
_RESTORE: dict[int, Any] = {
    _DATETIME: datetime.datetime.fromisoformat,
    _DATE: datetime.date.fromisoformat,
    _TIME: datetime.time.fromisoformat,
    _DELTA: lambda text: datetime.timedelta(microseconds=int(text)),
    _DECIMAL: decimal.Decimal,
    _UUID: uuid.UUID,
    _INTEGER: int,
}


def _restored(code: int, data: bytes) -> Any:
    restore = _RESTORE.get(code)
    return restore(data.decode()) if restore else data
