"""A pipe that the kernel holds and that ends a worker's whole process group when the kernel is gone.

On Linux the system does so itself, also where the worker's code never gives Python's lock away; elsewhere a thread of
the worker's sees the end of its socket, and this file does nothing.
"""

from __future__ import annotations

import fcntl
import os
import signal
import sys
from typing import Final

_SET_SIGNAL: Final = 10  # F_SETSIG of <fcntl.h>, which Python's module does not name


def tie_group_to(descriptor: int) -> None:
    """Have the system kill this process's group when the pipe behind ``descriptor`` loses its writer."""
    if sys.platform != "linux":
        return
    fcntl.fcntl(descriptor, fcntl.F_SETOWN, -os.getpgrp())
    fcntl.fcntl(descriptor, _SET_SIGNAL, signal.SIGKILL)
    fcntl.fcntl(descriptor, fcntl.F_SETFL, fcntl.fcntl(descriptor, fcntl.F_GETFL) | os.O_ASYNC)
    if not _has_writer(descriptor):  # it went before this was set
        os.killpg(0, signal.SIGKILL)


def _has_writer(descriptor: int) -> bool:
    import select

    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return not any(found & select.POLLHUP for _, found in poll.poll(0))
