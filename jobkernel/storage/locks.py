"""The two locks that make a project's server the only one, and who holds them.

A server holds them for its life, so the system lets go of them however it ends. Clients look who holds them: a server
that starts or leaves is waited for.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import time
from collections.abc import Iterator

from jobkernel.storage.place import Place, read_record
from jobkernel.storage.process import host_name, is_alive, process_started

LOCK_PATIENCE_S = 5.0
"""How long a new server waits for one that starts or leaves."""


@contextlib.contextmanager
def holding(place: Place) -> Iterator[bool]:
    """Hold the project's locks; False where another server serves already, or keeps them for too long."""
    with contextlib.ExitStack() as held:
        for path in (place.lock, place.database_lock):
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            held.callback(os.close, descriptor)
            if not _taken(descriptor, place):
                yield False
                return
            _sign(descriptor)
        yield True


def holder(place: Place) -> int | None:
    """Return the process of this machine that holds one of the project's locks, or None where that is not known."""
    for path in (place.lock, place.database_lock):
        found = living(read_record(path))
        if found is not None:
            return found
    return None


def announced(place: Place) -> int | None:
    """Return the living process that says it serves here, or None: a server that was killed says it, too."""
    return living(read_record(place.server_file))


def living(record: dict[str, object] | None) -> int | None:
    """Return the process that a record names, where that is one of this machine and alive."""
    if record is None or record.get("host") != host_name():
        return None
    pid = int(str(record.get("pid", 0)))
    return pid if is_alive(pid, str(record.get("started"))) else None


def _taken(descriptor: int, place: Place) -> bool:
    """Take a lock; wait for a holder that is starting or leaving, give way to one that serves."""
    patience = time.monotonic() + LOCK_PATIENCE_S
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            if announced(place) is not None or time.monotonic() > patience:
                return False
            time.sleep(0.02)


def _sign(descriptor: int) -> None:
    pid = os.getpid()
    mine = json.dumps({"pid": pid, "started": process_started(pid), "host": host_name()}).encode()
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, mine, 0)
