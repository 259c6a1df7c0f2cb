"""Ask a project's server how it is, or to leave, without starting one. For the command line and for check-ups."""

from __future__ import annotations

import contextlib
import os
import time
from typing import Any

from jobkernel.errors import ServerUnreachable
from jobkernel.storage.meeting import Meeting
from jobkernel.storage.memory import Remembered
from jobkernel.storage.place import place_of
from jobkernel.storage.process import CONTROL, is_alive, process_started, this_process
from jobkernel.storage.wire import packed, receive, unpacked

ANSWER_S = 5.0


def server_status(project: str | os.PathLike[str]) -> dict[str, Any] | None:
    """Return what the project's server says of itself, or None where none runs.

    ``pid host versions runtime database last_seq clients running waiting``. Raises :class:`ServerUnreachable` for a
    server that does not answer.
    """
    status = _asked(project, "status")
    return status if isinstance(status, dict) else None


def stop_server(project: str | os.PathLike[str], timeout: float = 10.0) -> bool:
    """Have the project's server leave, and wait until it has; return False where none runs."""
    status = server_status(project)
    if status is None:
        return False
    pid = int(status["pid"])
    started = process_started(pid)
    _asked(project, "stop")
    deadline = time.monotonic() + timeout
    while started is not None and is_alive(pid, started):
        if time.monotonic() > deadline:
            raise ServerUnreachable(f"The project server (process {pid}) does not leave.")
        time.sleep(0.02)
    return True


def _asked(project: str | os.PathLike[str], operation: str) -> Any:
    who = list(this_process(CONTROL, None, None))
    hello = {"who": who, "acknowledged": 0, **Remembered().hello()}
    greeting = Meeting(place_of(project), linger_s=0.0).try_to_meet(lambda: hello)
    if greeting is None:
        return None
    with greeting.sock as sock:
        sock.settimeout(ANSWER_S)
        try:
            sock.sendall(packed({"id": 1, "op": operation, "fields": {}}))
            while True:
                frame = unpacked(receive(sock))
                if frame.get("id") == 1:
                    break
        except OSError as error:
            raise ServerUnreachable("The project server does not answer.") from error
        with contextlib.suppress(OSError):
            sock.sendall(packed({"id": 0, "op": "goodbye", "fields": {}}))
        return frame.get("ok")
