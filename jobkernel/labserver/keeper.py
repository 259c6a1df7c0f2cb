"""Keeps pinned notebooks: one headless process for each, started again when it ends, ended with the Jupyter server.

A thread that looks at small files every second, and at its children. Knows no Jupyter; the extension starts it.
"""

from __future__ import annotations

import contextlib
import logging
import os
import subprocess
import threading
import time
from dataclasses import field
from typing import Final

from jobkernel.records import dataclass
from jobkernel.storage import pins
from jobkernel.storage.pins import Pin

log = logging.getLogger("jobkernel.keeper")

LOOK_S: Final = 1.0
FIRST_PAUSE_S: Final = 1.0
LONGEST_PAUSE_S: Final = 300.0
STEADY_S: Final = 60.0
"""A process that lived so long was well: when it ends, the next one is started at once."""
OTHERS_S: Final = 10.0
"""How often a pin that another Jupyter server keeps is tried."""
ENDING_S: Final = 5.0


@dataclass(slots=True)
class Kept:
    """A pin and its process."""

    pin: Pin
    process: subprocess.Popen[bytes] | None = None
    began: float = 0.0
    pause: float = FIRST_PAUSE_S
    again_at: float = 0.0


@dataclass
class Keeper:
    """Keeps every pin of this user while it runs."""

    kept: dict[str, Kept] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work, name="jobkernel-keeper", daemon=True)
        self._announced = pins.announce_keeper()

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def close(self) -> None:
        """End every process, and keep nothing any more."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(LOOK_S + 1)
        processes = [each.process for each in self.kept.values() if each.process is not None]
        for process in processes:
            process.terminate()
        deadline = time.monotonic() + ENDING_S
        for process in processes:
            try:
                process.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
        self._announced.unlink(missing_ok=True)

    def _work(self) -> None:
        while not self._stop.wait(LOOK_S):
            try:
                self.look(time.monotonic())
            except Exception:  # one pin must not end the keeping of the others
                log.exception("could not look at the pinned notebooks")

    def look(self, now: float) -> None:
        """Start what is not kept, again what ended, and end what is pinned no longer. Times are monotonic seconds."""
        wanted = {pin.key: pin for pin in pins.of_user()}
        for key in [key for key in self.kept if key not in wanted]:
            self._end(self.kept.pop(key))
        for key, pin in wanted.items():
            kept = self.kept.setdefault(key, Kept(pin))
            if kept.pin != pin:  # pinned anew
                self._end(kept)
                kept = self.kept[key] = Kept(pin)
            self._see_to(kept, now)

    def _see_to(self, kept: Kept, now: float) -> None:
        if kept.process is not None:
            if kept.process.poll() is None:
                return
            lived, code, kept.process = now - kept.began, kept.process.returncode, None
            if code == 0:  # another Jupyter server keeps it, or it was told to end
                kept.again_at = now + OTHERS_S
                return
            kept.pause = FIRST_PAUSE_S if lived >= STEADY_S else min(kept.pause * 2, LONGEST_PAUSE_S)
            kept.again_at = now + kept.pause
            log.warning("the kernel of %s ended; the next one starts in %g s", kept.pin.notebook, kept.pause)
        if now >= kept.again_at:
            kept.began = now
            kept.process = _started(kept.pin)

    def _end(self, kept: Kept) -> None:
        if kept.process is not None:
            kept.process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                kept.process.wait(ENDING_S)


def _started(pin: Pin) -> subprocess.Popen[bytes] | None:
    command = [pin.python, "-m", "jobkernel.headless_scheduler", "keep", str(pin.file)]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("JPY_")}
    log_file = pin.file.with_suffix(".log")
    try:
        with log_file.open("wb") as output:
            return subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=pin.folder if os.path.isdir(pin.folder) else pin.project,
                env=environment,
                start_new_session=True,
            )
    except OSError as error:
        log.warning("the kernel of %s cannot be started: %s", pin.notebook, error)
        return None
