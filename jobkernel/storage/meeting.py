"""Meet the project's server: connect and greet, or start one and try again. Ten kernels at once make one server.

Knows sockets, the small files that name a server, and how a server is started; knows no events.
"""

from __future__ import annotations

import os
import random
import socket
import subprocess
import sys
import sysconfig
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from jobkernel import errors
from jobkernel.errors import HistoryError, ServerUnreachable, VersionMismatch
from jobkernel.storage.place import Place, meeting_place, prepare, read_record
from jobkernel.storage.versions import Versions, our_versions
from jobkernel.storage.wire import HANDSHAKE_S, packed, prove_as_client, receive, unpacked

PATIENCE_S = 5.0
"""How long to wait for a server that is not known to be starting."""
LONGEST_START_S = 30.0
"""How long to wait for a server that is starting: a loaded machine takes seconds to import DuckDB."""


class Greeting(NamedTuple):
    """A connected socket and what the server said when it let us in."""

    sock: socket.socket
    welcome: dict[str, Any]


class Meeting:
    """Connects one client to its project's server, as often as is needed."""

    def __init__(self, place: Place, *, linger_s: float, versions: Versions | None = None) -> None:
        self.place = place
        self._linger_s = linger_s
        self._versions = versions or our_versions()
        self._may_replace = True
        self._started: subprocess.Popen[bytes] | None = None

    def meet(self, hello: Callable[[], dict[str, Any]]) -> Greeting:
        """Return a connection, starting a server where none answers. Raises a :class:`HistoryError`."""
        prepare(self.place)
        begin = time.monotonic()
        pause = 0.005
        while True:
            greeting = self.try_to_meet(hello)
            if greeting is not None:
                self._started = None
                return greeting
            self._raise_failure()
            waited = time.monotonic() - begin
            if waited > (LONGEST_START_S if self._is_starting() else PATIENCE_S):
                raise ServerUnreachable(
                    f"The project server of {self.place.project} does not come up; its log is {self.place.log}."
                )
            if not self._is_starting():
                self._start()
            time.sleep(pause * random.uniform(0.5, 1.0))  # noqa: S311 - spreads kernels that start at once
            pause = min(pause * 1.5, 0.1)

    def try_to_meet(self, hello: Callable[[], dict[str, Any]]) -> Greeting | None:
        """Return a connection to a server that is there, or None. Raises :class:`VersionMismatch`."""
        place = meeting_place(self.place)
        server = read_record(place.server_file)
        if server is None:
            return None
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            sock.settimeout(HANDSHAKE_S)
            sock.connect(str(place.socket))
            prove_as_client(sock, bytes.fromhex(server["authkey"]))
            versions = {"versions": list(self._versions), "may_replace": self._may_replace}
            sock.sendall(packed({**hello(), **versions}))
            answer: dict[str, Any] = {}
            while not answer.keys() & {"welcome", "error"}:
                answer = unpacked(receive(sock))
            sock.settimeout(None)
        except (OSError, ValueError, KeyError):
            sock.close()
            return None
        if "welcome" in answer:
            return Greeting(sock, answer["welcome"])
        sock.close()
        if answer.get("gives_way"):
            self._may_replace = False
            return None
        raise VersionMismatch(answer["error"][1])

    def _is_starting(self) -> bool:
        return self._started is not None and self._started.poll() is None

    def _raise_failure(self) -> None:
        if self._started is None or not self._started.poll():
            return
        self._started = None
        failure = read_record(self.place.failure_file)
        if failure is None:
            raise ServerUnreachable(f"The project server could not start; its log is {self.place.log}.")
        kind = getattr(errors, str(failure.get("kind")), HistoryError)
        raise kind(str(failure.get("sentence")))

    def _start(self) -> None:
        command = [sys.executable, "-m", "jobkernel.storage.server", str(self.place.project)]
        with self.place.log.open("ab") as log:
            self._started = subprocess.Popen(
                [*command, "--linger", str(self._linger_s)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                env=_environment(),
                start_new_session=True,
            )
        # a child that nobody waits for stays a zombie for as long as the kernel lives
        threading.Thread(target=self._started.wait, name="jobkernel-server-reaper", daemon=True).start()


def _environment() -> dict[str, str]:
    """Return this process's environment, with jobkernel importable also where it is not installed."""
    environment = dict(os.environ)
    home = str(Path(errors.__file__).parents[1])
    if home not in (sysconfig.get_path("purelib"), sysconfig.get_path("platlib")):
        before = environment.get("PYTHONPATH")
        environment["PYTHONPATH"] = f"{before}{os.pathsep}{home}" if before else home
    environment["PYTHONSAFEPATH"] = "1"
    return environment
