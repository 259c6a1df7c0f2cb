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
from jobkernel.storage.locks import announced, holder
from jobkernel.storage.place import Place, meeting_place, prepare, read_record
from jobkernel.storage.versions import Versions, our_versions
from jobkernel.storage.wire import HANDSHAKE_S, WELCOME_S, packed, prove_as_client, receive, unpacked

PATIENCE_S = 5.0
"""How long to wait for a server while none starts or leaves."""
LONGEST_START_S = 30.0
"""How long to wait for a server that is starting or leaving: a loaded machine takes seconds to import DuckDB."""
LONGEST_ROUND_S = 2.0
"""What one round of waiting counts at most: a machine that slept has waited for nothing."""


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
        self._may_kill = True

    def meet(self, hello: Callable[[], dict[str, Any]]) -> Greeting:
        """Return a connection, starting a server where none answers. Raises a :class:`HistoryError`."""
        prepare(self.place)
        waited, pause, looked_at = 0.0, 0.005, time.monotonic()
        self._may_kill = True
        while True:
            greeting = self.try_to_meet(hello)
            if greeting is not None:
                self._started = None
                return greeting
            self._raise_failure()
            now = time.monotonic()
            waited, looked_at = waited + min(now - looked_at, LONGEST_ROUND_S), now
            if waited > (LONGEST_START_S if self._is_coming() else PATIENCE_S):
                self._give_up()
                waited = 0.0
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
            sock.settimeout(WELCOME_S)
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

    def _is_coming(self) -> bool:
        """Whether a server starts, ours or another client's, or leaves and makes room for one."""
        return self._is_starting() or (holder(self.place) is not None and announced(self.place) is None)

    def _give_up(self) -> None:
        """Raise :class:`ServerUnreachable`; but end our own server that hangs before it has come up, once."""
        started, serving = self._started, announced(self.place)
        if self._may_kill and started is not None and started.poll() is None and serving != started.pid:
            self._may_kill = False
            started.kill()
            return
        found = serving or holder(self.place)
        who = f"process {found} does not answer" if found else "none comes up"
        raise ServerUnreachable(
            f"The project server of {self.place.project} cannot be reached ({who}); its log is {self.place.log}."
        )

    def _raise_failure(self) -> None:
        """Raise what our server said of why it could not start; one that was killed is started again."""
        if self._started is None or not self._started.poll():
            return
        started, self._started = self._started, None
        path = self.place.failure_file(started.pid)
        failure = read_record(path)
        if failure is None:
            if started.returncode < 0:
                return
            raise ServerUnreachable(f"The project server could not start; its log is {self.place.log}.")
        path.unlink(missing_ok=True)
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
