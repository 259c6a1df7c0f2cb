"""How benchmarks time: medians of several rounds, in milliseconds."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any


def median_ms(work: Callable[[], Any], rounds: int = 7, *, warm: int = 1) -> float:
    """Return the median wall time of a call, after ``warm`` calls that do not count."""
    for _ in range(warm):
        work()
    times = []
    for _ in range(rounds):
        began = time.perf_counter()
        work()
        times.append((time.perf_counter() - began) * 1e3)
    return statistics.median(times)


def process_ms(code: str, rounds: int = 5) -> float:
    """Return the median wall time of a fresh interpreter that runs ``code``."""
    return median_ms(lambda: subprocess.run([sys.executable, "-c", code], check=True, capture_output=True), rounds)


def calibration_ms() -> float:
    """Return the time of a fixed loop of plain Python, to compare one hour with another."""
    return median_ms(lambda: sum(number * number for number in range(300_000)))
