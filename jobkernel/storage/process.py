"""Which process is which: pid with start time, host. Knows how Linux and macOS tell; starts and stops nothing."""

from __future__ import annotations

import functools
import os
import socket
import uuid
from pathlib import Path

from jobkernel.storage.store import ClientIdentity

CONTROL = "control"
"""The client id of whoever only asks how the server is."""


def process_started(pid: int) -> str | None:
    """Return when the process started, in the system's own measure; None for one that is gone or a zombie."""
    if os.path.isdir("/proc/self"):
        return _from_proc(pid)
    import psutil  # where there is no /proc

    try:
        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else repr(process.create_time())
    except psutil.Error:
        return None


def _from_proc(pid: int) -> str | None:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace")
    except OSError:
        return None
    state, *rest = stat.rpartition(")")[2].split()
    return None if state in "ZXx" else rest[18]


def is_alive(pid: int, started: str) -> bool:
    """Return whether this very process, not a later one of the same pid, is there."""
    return process_started(pid) == started


@functools.cache
def host_name() -> str:
    """Return this machine's name."""
    return socket.gethostname()


def this_process(client_id: str | None, kernel_id: str | None, notebook: str | None) -> ClientIdentity:
    """Return the identity of a client in this process."""
    pid = os.getpid()
    started = process_started(pid) or ""
    return ClientIdentity(client_id or uuid.uuid4().hex, kernel_id, notebook, host_name(), pid, started)
