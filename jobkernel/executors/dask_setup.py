"""Sets a worker of the kernel's own Dask cluster up; Dask loads it by name when the worker starts."""

from __future__ import annotations

import logging
import multiprocessing
import os
from typing import Any


def dask_setup(_worker: Any) -> None:
    """Let steps have child processes, make the worker head of their group, and keep Dask's own log out of sight."""
    os.setsid()  # so that a step's children can be ended with it
    multiprocessing.current_process()._config["daemon"] = False  # type: ignore[attr-defined]
    logging.getLogger("distributed").setLevel(logging.CRITICAL)
