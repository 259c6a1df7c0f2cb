"""Carries what forked children of a step print to the step in the parent. Knows sockets; knows no files and no lines.

Children own no sink: every piece they write travels as one datagram, so that nothing is written twice and no lock that
another thread held at the fork is ever waited for. Called by the step output around a fork.
"""

from __future__ import annotations

import json
import os
import socket
import threading
from collections.abc import Callable

_PIECE = 8_000
_BUFFER = 1 << 18
_END = b"end"
_PATIENCE_SECONDS = 2.0


class ForkedOutput:
    """One step's way home for its forked children; ``deliver(level, text, pid)`` is called in the parent."""

    def __init__(self, deliver: Callable[[str, str, int], None]) -> None:
        self._deliver = deliver
        self._home, self._child = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        for end in (self._home, self._child):
            end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _BUFFER)
            end.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER)
        self._child.settimeout(_PATIENCE_SECONDS)
        self._reader: threading.Thread | None = None
        self._is_cut_off = False

    def listen(self) -> None:
        """Start reading, in the parent, after the first fork."""
        if self._reader is None:
            self._reader = threading.Thread(target=self._read, name="jobkernel-forked-output", daemon=True)
            self._reader.start()

    def send(self, level: str, text: str) -> None:
        """Send a piece home from a child; a parent that has gone is given up on."""
        for start in range(0, len(text), _PIECE):
            if self._is_cut_off:
                return
            self._send_piece(json.dumps([level, text[start : start + _PIECE], os.getpid()]).encode())

    def _send_piece(self, message: bytes) -> None:
        try:
            self._child.send(message)
        except (TimeoutError, BlockingIOError):
            self._child.settimeout(0)  # the parent does not read now: wait no more until it does
        except OSError:
            self._is_cut_off = True
        else:
            if self._child.gettimeout() == 0:
                self._child.settimeout(_PATIENCE_SECONDS)

    def enter_child(self) -> None:
        """In a child: let go of the parent's end, so that sending fails once the parent has gone."""
        self._home.close()

    def close(self) -> None:
        """Deliver what has arrived, then stop reading; what children send later is dropped."""
        if self._reader is not None:
            try:
                self._child.send(_END)
                self._reader.join(_PATIENCE_SECONDS)
            except OSError:
                self._home.shutdown(socket.SHUT_RDWR)
        self._child.close()
        self._home.close()

    def _read(self) -> None:
        while True:
            try:
                message = self._home.recv(_BUFFER)
            except OSError:
                return
            if message in (_END, b""):
                return
            level, text, pid = json.loads(message)
            self._deliver(level, text, pid)
