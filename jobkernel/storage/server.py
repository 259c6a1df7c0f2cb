"""The project server: ``python -m jobkernel.storage.server PROJECT``. Owns the history while somebody needs it.

Its life: locks, start-up, one thread a client, heartbeats, the dead, and leaving soon after the last client. What
clients ask is answered by ``desk``. Never runs user code, and never opens the database file by itself.
"""

from __future__ import annotations

import argparse
import contextlib
import faulthandler
import functools
import logging
import os
import secrets
import select
import signal
import socket
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jobkernel.clock import SystemClock
from jobkernel.errors import HistoryError
from jobkernel.storage import unsent
from jobkernel.storage.connection import Connection
from jobkernel.storage.deaths import open_runs
from jobkernel.storage.desk import Desk
from jobkernel.storage.locks import holding
from jobkernel.storage.place import (
    Place,
    place_of,
    prepare,
    read_record,
    refuse_foreign_owner,
    write_atomically,
)
from jobkernel.storage.process import host_name, is_alive, process_started
from jobkernel.storage.store import Batch, ClientIdentity, Store
from jobkernel.storage.versions import our_versions

log = logging.getLogger("jobkernel.server")

LINGER_S = 10.0
FIRST_CLIENT_S = 5.0
"""How long, beyond lingering, a new server waits for the client that started it."""
BEAT_S = 2.0
SETTLE_S = 10.0
"""How long a new server starts nothing while clients of the last one, with open runs, are not back."""
DEATHS_S = 0.5
PUBLISH_S = 0.1
OWNER_TOUCH_S = 10.0
RETENTION_S = 3600.0
STUCK_S = 20.0
"""After how long a server that has not come up writes into its log where it hangs."""
LARGEST_LOG = 1_000_000


class Server:
    """A running project server."""

    def __init__(self, place: Place, linger_s: float) -> None:
        self.place = place
        self.versions = our_versions()
        self.stopping = threading.Event()
        self._linger_s = linger_s
        self._changed = threading.Event()
        self._nonce = secrets.token_hex(8)
        self.key = secrets.token_bytes(32)
        self.desk = Desk(Store.open(str(place.database)), SystemClock(), place.folder)
        self.desk.on_changed = self._wake
        self.desk.on_interrupted = self.end_soon
        self._bell, self._listen_to_bell = socket.socketpair()
        self._bell.setblocking(False)
        self._published_at = 0.0
        self._connections: set[Connection] = set()
        self._lock = threading.Lock()  # protects the sets of connections and of what they were told
        self._lost: dict[str, tuple[int, ClientIdentity]] = {}
        self._told: set[str] = set()
        self._empty_since = time.monotonic() + FIRST_CLIENT_S

    def run(self) -> None:
        """Serve until told to stop, or until nobody has been connected for a while."""
        self._take_what_is_left()
        self._find_open_runs()
        listener = self._listen()
        try:
            self._announce()
            faulthandler.cancel_dump_traceback_later()
            self._serve(listener)
        finally:
            self._leave(listener)

    def stop(self) -> None:
        """Leave soon; clients that need a server again start one."""
        with self._lock:
            connections = [connection for connection in self._connections if connection.joined]
        for connection in connections:
            connection.push("stopping")
        self.end_soon()

    def end_soon(self) -> None:
        """Leave without another word to the clients."""
        self.stopping.set()
        self._changed.set()
        with contextlib.suppress(BlockingIOError):
            self._bell.send(b".")

    def is_idle(self) -> bool:
        """Return whether nobody is connected."""
        with self._lock:
            return not any(connection.joined and not connection.only_asks for connection in self._connections)

    def tell_once(self, sentence: str) -> None:
        """Tell everybody who is connected, however often it happens."""
        with self._lock:
            is_new = sentence not in self._told
            self._told.add(sentence)
            connections = [connection for connection in self._connections if connection.joined]
        for connection in connections if is_new else ():
            connection.push("notice", sentence=sentence)

    def status(self) -> dict[str, Any]:
        """Return who serves, since when it runs and whom."""
        return {
            "pid": os.getpid(),
            "host": host_name(),
            "versions": list(self.versions),
            "runtime": str(self.place.runtime),
            "database": str(self.place.database),
            **self.desk.status(),
        }

    def lost(self, connection: Connection) -> None:
        """Note that a connection ended; its process may be dead, or come back."""
        with self._lock:
            self._connections.discard(connection)
            if connection.joined and not connection.only_asks:
                self._empty_since = time.monotonic()
            if connection.joined:
                self._lost[connection.who.client_id] = (connection.number, connection.who)
        if connection.joined:
            self.desk.leave(connection)

    def found(self, connection: Connection) -> None:
        """Note that a client is connected (again)."""
        with self._lock:
            self._lost.pop(connection.who.client_id, None)

    def _listen(self) -> socket.socket:
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.place.socket.unlink(missing_ok=True)
        listener.bind(str(self.place.socket))
        self.place.socket.chmod(0o600)
        listener.listen(128)
        listener.setblocking(False)
        return listener

    def _announce(self) -> None:
        mine = {
            "pid": os.getpid(),
            "started": process_started(os.getpid()),
            "host": host_name(),
            "nonce": self._nonce,
            "runtime": str(self.place.runtime),
        }
        versions = dict(zip(("protocol", "jobkernel", "duckdb"), self.versions, strict=True))
        write_atomically(self.place.server_file, {**mine, **versions, "authkey": self.key.hex()})
        write_atomically(self.place.owner_file, mine)
        log.info("serving %s", self.place.project)

    def _serve(self, listener: socket.socket) -> None:
        began = beat = deaths = touched = tidied = time.monotonic()
        while not self.stopping.is_set() and not self._is_over():
            self._wait(listener)
            now = time.monotonic()
            if self._changed.is_set() and now - self._published_at >= PUBLISH_S:
                self._changed.clear()
                self._published_at = now
                self.desk.publish()
            if now - deaths >= DEATHS_S:
                deaths = now
                self._leave_unless_found()
                self._bury_the_dead()
                if now - began >= SETTLE_S:
                    self.desk.await_no_more()
            if now - beat >= BEAT_S:
                beat = now
                self._beat()
            if now - touched >= OWNER_TOUCH_S:
                touched = now
                self._touch()
            if now - tidied >= RETENTION_S:
                tidied = now
                threading.Thread(target=self._forget_what_is_old, name="jobkernel-retention", daemon=True).start()

    def _wake(self) -> None:
        """Have the serving loop look soon: called on the writing thread after every commit that somebody hears of."""
        if not self._changed.is_set():
            self._changed.set()
            with contextlib.suppress(BlockingIOError):
                self._bell.send(b".")

    def _wait(self, listener: socket.socket) -> None:
        pause = DEATHS_S
        if self._changed.is_set():
            pause = max(0.0, self._published_at + PUBLISH_S - time.monotonic())
        ready, _, _ = select.select([listener, self._listen_to_bell], [], [], pause)
        if self._listen_to_bell in ready:
            self._listen_to_bell.recv(4096)
        if listener in ready:
            with contextlib.suppress(OSError):
                self._accept(listener.accept()[0])

    def _accept(self, sock: socket.socket) -> None:
        sock.setblocking(True)
        connection = Connection(self, sock)
        with self._lock:
            self._connections.add(connection)
        threading.Thread(target=connection.serve, name="jobkernel-client", daemon=True).start()

    def _is_over(self) -> bool:
        # a client that does not know the key, or has not shown that it does, keeps nobody
        with self._lock:
            needed = any(connection.proven and not connection.only_asks for connection in self._connections)
            return not needed and time.monotonic() - self._empty_since >= self._linger_s

    def _beat(self) -> None:
        with self._lock:
            connections = [connection for connection in self._connections if connection.joined]
        for connection in connections:
            connection.push("heartbeat", seq=self.desk.store.last_seq)

    def _leave_unless_found(self) -> None:
        """Leave where the files that lead here were deleted: the clients meet again at a server that can be found."""
        if not (self.place.server_file.exists() and self.place.database.exists()):
            log.warning("%s or %s was deleted", self.place.server_file, self.place.database)
            self.end_soon()

    def _forget_what_is_old(self) -> None:
        try:
            self.desk.prune(dry_run=False)
        except HistoryError as error:
            log.warning("could not prune: %s", error)

    def _touch(self) -> None:
        for path in (self.place.owner_file, self.place.socket, self.place.server_file):
            with contextlib.suppress(OSError):
                os.utime(path)

    def _bury_the_dead(self) -> None:
        with self._lock:
            connected = [connection for connection in self._connections if connection.joined]
            known = [(connection.number, connection.who) for connection in connected] + list(self._lost.values())
        for number, who in known:
            if who.host != host_name() or is_alive(who.pid, who.process_started):
                continue
            for connection in connected:
                if connection.who.client_id == who.client_id:
                    connection.end()
            log.info("process %d of %s is gone", who.pid, who.notebook)
            self._bury(number, who)

    def _bury(self, number: int, who: ClientIdentity) -> None:
        try:
            self._take_what_is_left()
            self.desk.bury(who.client_id, number, who.notebook)
        except HistoryError as error:
            log.warning("will bury process %d again: %s", who.pid, error)
            return
        with self._lock:
            self._lost.pop(who.client_id, None)

    def _take_what_is_left(self) -> None:
        """Keep what clients that are gone could not send."""
        for path in unsent.left_behind(self.place.unsent):
            who, batches = unsent.read(path)
            alive = who is not None and who.host == host_name() and is_alive(who.pid, who.process_started)
            if alive and not path.name.endswith(unsent.LEFT):
                continue
            if who is not None:
                self.desk.committer.call(functools.partial(self._keep, who, batches))
            path.unlink(missing_ok=True)

    def _keep(self, who: ClientIdentity, batches: list[Batch]) -> None:
        number, _ = self.desk.store.register(who, self.desk.clock.now_us())
        for _, first, events in batches:
            self.desk.take(Batch(number, first, events))

    def _find_open_runs(self) -> None:
        for number, who, runs in open_runs(self.desk):
            self._lost[who.client_id] = (number, who)
            self.desk.resume(who, runs)

    def _leave(self, listener: socket.socket) -> None:
        listener.close()
        for path in (self.place.socket, self.place.server_file):
            path.unlink(missing_ok=True)
        owner = read_record(self.place.owner_file)
        if owner is not None and owner.get("nonce") == self._nonce:
            self.place.owner_file.unlink(missing_ok=True)
        with self._lock:
            connections = list(self._connections)
        for connection in connections:
            connection.end()
        self.desk.close()
        log.info("left")


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve one project; return the exit status: 0 also where another server was first, 1 where none can be."""
    parser = argparse.ArgumentParser(prog="python -m jobkernel.storage.server")
    parser.add_argument("project", type=Path)
    parser.add_argument("--linger", type=float, default=LINGER_S, metavar="SECONDS")
    options = parser.parse_args(arguments)
    os.umask(0o077)
    place = place_of(options.project)
    _log_to(place.log)
    try:
        return _serve_alone(place, options.linger)
    except HistoryError as error:
        log.error("%s", error)
        write_atomically(place.failure_file(os.getpid()), {"kind": type(error).__name__, "sentence": str(error)})
        return 1


def _serve_alone(place: Place, linger_s: float) -> int:
    prepare(place)
    with holding(place) as is_ours:
        if not is_ours:
            return 0
        refuse_foreign_owner(place)
        for path in (place.server_file, place.socket):  # a server that was killed leaves them
            path.unlink(missing_ok=True)
        server = Server(place, linger_s)
        for word in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(word, lambda number, _frame: server.stopping.set() if number == signal.SIGTERM else None)
        server.run()
    return 0


def _log_to(path: Path) -> None:
    with contextlib.suppress(OSError):
        if path.stat().st_size > LARGEST_LOG:
            path.unlink()
    logging.basicConfig(filename=path, level=logging.INFO, format="%(asctime)s %(process)d %(message)s")


if __name__ == "__main__":
    faulthandler.enable()
    faulthandler.dump_traceback_later(STUCK_S)
    sys.exit(main())
