"""One client's connection, seen from the server: handshake, events in, answers and pushes out.

A thread of its own reads it. Knows frames and the desk; the server decides who lives.
"""

from __future__ import annotations

import contextlib
import logging
import socket
import threading
from typing import TYPE_CHECKING, Any

from jobkernel.errors import DiskFull, HistoryError, HistoryGap, HistoryInterrupted, JobkernelError, VersionMismatch
from jobkernel.storage.process import CONTROL
from jobkernel.storage.store import Appended, Batch, ClientIdentity
from jobkernel.storage.table import Table
from jobkernel.storage.versions import Versions, mismatch, turned_away
from jobkernel.storage.wire import HANDSHAKE_S, Sender, WireError, packed, prove_as_server, receive, unpacked

if TYPE_CHECKING:
    from jobkernel.storage.server import Server

log = logging.getLogger("jobkernel.server")

SLOW = frozenset({"sql", "log_lines", "prune", "rebuild"})
SLOW_AT_ONCE = 4

_slow = threading.BoundedSemaphore(SLOW_AT_ONCE)


class Connection:
    """A client that is connected, or tries to be."""

    def __init__(self, server: Server, sock: socket.socket) -> None:
        self.who = ClientIdentity("", None, None, "", 0, "")
        self.number = 0
        self.proven = False
        self.joined = False
        self._server = server
        self._sock = sock
        self._sender = Sender(sock, "jobkernel-client-sender")

    @property
    def only_asks(self) -> bool:
        """Whether this is somebody who looks how the server is, for whom it need not stay."""
        return self.who.client_id == CONTROL

    def serve(self) -> None:
        """Read until the client is gone."""
        try:
            with contextlib.suppress(OSError, ValueError):
                if self._welcome():
                    self._read()
        finally:
            self._server.lost(self)
            with contextlib.suppress(OSError):
                self._sock.close()

    def push(self, name: str, **fields: Any) -> None:
        """Tell the client something it did not ask for; a client that cannot be told is cut off."""
        self._send({"push": name, **fields})

    def end(self) -> None:
        """Cut the connection."""
        with contextlib.suppress(OSError):
            self._sock.shutdown(socket.SHUT_RDWR)

    def _send(self, frame: dict[str, Any]) -> None:
        try:
            self._sender.send(packed(frame))
        except OSError:
            self.end()

    def _welcome(self) -> bool:
        self._sock.settimeout(HANDSHAKE_S)
        prove_as_server(self._sock, self._server.key)
        self.proven = True
        hello = unpacked(receive(self._sock))
        self._sock.settimeout(None)
        ours, theirs = self._server.versions, Versions(*hello["versions"])
        if theirs.is_newer_than(ours) and hello["may_replace"] and self._server.is_idle():
            self._send({"error": ["VersionMismatch", mismatch(ours, theirs)], "gives_way": True})
            self._server.end_soon()
            return False
        if theirs.protocol != ours.protocol:
            self._send({"error": [VersionMismatch.__name__, mismatch(ours, theirs)], "gives_way": False})
            self._server.tell_once(turned_away(ours, theirs))
            return False
        self._join(ClientIdentity(*hello["who"]), hello)
        return True

    def _join(self, who: ClientIdentity, hello: dict[str, Any]) -> None:
        desk = self._server.desk
        acknowledged = int(hello["acknowledged"])
        self.number, kept = desk.committer.call(lambda: desk.store.register(who, desk.clock.now_us(), acknowledged))
        self.who, self.joined = who, True
        self._server.found(self)
        with desk.lock:
            welcome = {"kept": kept, "settings": desk.settings, "versions": list(self._server.versions)}
        self._send({"welcome": welcome})
        held = {"leases": hello["leases"], "gives_way": hello["gives_way"]}
        desk.join(self, runs=hello["runs"], keys=hello["keys"], **held)
        if hello["subscribed"]:
            desk.handle(self, "subscribe", {})

    def _read(self) -> None:
        while True:
            frame = unpacked(receive(self._sock))
            if isinstance(frame, list):
                self._take(frame[0], frame[1])
            elif frame["op"] == "goodbye":
                self._server.desk.release(self.who.client_id)
                return
            elif frame["op"] in SLOW:
                threading.Thread(target=self._answer_slowly, args=(frame,), name="jobkernel-query", daemon=True).start()
            else:
                self._answer(frame)

    def _take(self, first: int, events: list[Any]) -> None:
        last = first + len(events) - 1
        if any(len(event) != 5 or not isinstance(event[3], int) for event in events):
            raise WireError("What came is no event.")

        def done(_appended: Appended | None, error: HistoryError | None) -> None:
            if error is None:
                self._send({"ack": last})
            else:
                again = isinstance(error, (DiskFull, HistoryGap, HistoryInterrupted))
                self._send({"refused": [first, last], "again": again, "error": [type(error).__name__, str(error)]})

        self._server.desk.append(Batch(self.number, first, events), done)

    def _answer_slowly(self, frame: dict[str, Any]) -> None:
        with _slow:
            self._answer(frame)

    def _answer(self, frame: dict[str, Any]) -> None:
        if frame["op"] == "stop":
            self._send({"id": frame["id"], "ok": None})
            self._server.stop()
            return
        try:
            value = self._value(frame["op"], frame["fields"])
        except JobkernelError as error:
            self._send({"id": frame["id"], "error": [type(error).__name__, str(error)]})
        except Exception as error:  # one client's question must not end the server for all
            log.exception("could not answer '%s'", frame["op"])
            sentence = f"The project server could not answer '{frame['op']}' ({error}); its log says more."
            self._send({"id": frame["id"], "error": ["HistoryError", sentence]})
        else:
            self._send({"id": frame["id"], "ok": value})

    def _value(self, operation: str, fields: dict[str, Any]) -> Any:
        if operation == "status":
            return self._server.status()
        value = self._server.desk.handle(self, operation, fields)
        return list(value.parts()) if isinstance(value, Table) else value
