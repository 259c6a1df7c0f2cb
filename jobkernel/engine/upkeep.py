"""Keeps the values folder in step with the history: outputs of runs that it forgot go, and those over the limit.

Knows the history and the values. The session's own thread does it now and then; pruning by hand does it at once.
"""

from __future__ import annotations

import logging
import threading
from typing import Final

from jobkernel.clock import Clock
from jobkernel.errors import JobkernelError
from jobkernel.executors.stored import StoredValues
from jobkernel.storage.history import History
from jobkernel.values.pruning import LEFTOVER_AFTER, Keep, Pruned

log = logging.getLogger(__name__)

FIRST_S: Final = 10.0
"""How long a new session waits: what it was opened for comes first."""
EVERY_S: Final = 3600.0


def prune_values(history: History, values: StoredValues, clock: Clock, *, dry_run: bool = False) -> Pruned:
    """Delete the outputs of runs that the history no longer has, and the oldest runs' where values exceed their limit.

    What was written within the hour stays: its run may be on its way into the history.
    """
    now = clock.now_us() / 1e6
    keep = Keep(
        runs=[row["run_id"] for row in history.query("run_ids")],
        active=[row["run_id"] for row in history.query("open_runs")],
        limit=history.request("settings")["values_limit"],
        settled_before=now - LEFTOVER_AFTER,
    )
    return values.prune(keep, now=now, dry_run=dry_run)


class Upkeep:
    """Prunes the values of a session in the background until it is closed."""

    def __init__(self, history: History, values: StoredValues, clock: Clock) -> None:
        self._history = history
        self._values = values
        self._clock = clock
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._work, name="jobkernel-upkeep", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop; what is being deleted is finished first."""
        self._closing.set()
        self._thread.join(1.0)

    def _work(self) -> None:
        pause = FIRST_S
        while not self._closing.wait(pause):
            pause = EVERY_S
            try:
                gone = prune_values(self._history, self._values, self._clock)
            except (JobkernelError, OSError) as error:
                log.info("could not prune values: %s", error)  # a warning would be printed into some cell
                continue
            if gone.files:
                log.info("pruned %d files of values, %d bytes", gone.files, gone.bytes)
