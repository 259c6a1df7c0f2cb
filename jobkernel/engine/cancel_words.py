"""What cancelling a run will do, in words, before anybody does it. Called by the session."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from jobkernel.engine.live_run import LiveRun
from jobkernel.engine.run_setup import LiveStep
from jobkernel.engine.stopping import FORCED_GRACE_S
from jobkernel.executors.runner import IN_PROCESS, THREADS

LEAVES: Final = "it leaves the queue"
_NAMED: Final = 3
_HERE: Final = (THREADS.name, IN_PROCESS.name)


def cancel_words(live: LiveRun, *, forced: bool = False) -> str:
    """Say what cancelling a run of this kernel will do to the steps that it runs now."""
    if not live.is_admitted:
        return LEAVES
    flying = list(live.active.in_flight.values())
    if not flying:
        return "it ends at once"
    ways: dict[str, list[str]] = {}
    for step in flying:
        ways.setdefault(_way(step, forced), []).append(step.step.key)
    return "; ".join(way.format(which=_named(keys), those=_those(keys)) for way, keys in ways.items())


def cancel_words_of_row(row: Mapping[str, Any], *, forced: bool = False) -> str:
    """Say what cancelling a run of another kernel will do, from what the history says of it."""
    if row["status"] == "QUEUED":
        return LEAVES
    who = row["notebook"] or "its kernel"
    if forced:
        return (
            f"asks {who} to stop its steps at once, with their queries and processes; what does not stop is abandoned"
        )
    if (row["executor"] or THREADS.name) in _HERE:
        return f"asks {who}: stops after the steps that run now"
    return f"asks {who}: its processes are killed"


def _way(live: LiveStep, forced: bool) -> str:
    where = (live.call.place or {}).get("executor", THREADS.name)
    if where not in _HERE:
        return "kills the process of {which}" if forced else "the process of {which} is killed if it does not stop"
    if forced:
        return (
            "interrupts {which}, its DuckDB queries and its child processes;"
            f" abandoned, its output dropped, if it has not stopped {FORCED_GRACE_S:g} s later"
        )
    source = live.step.op.source
    if source is not None and source.language == "sql":
        return "interrupts the query of {which}"
    return "stops after {those}: {which}"


def _those(keys: list[str]) -> str:
    return "this step" if len(keys) == 1 else "these steps"


def _named(keys: list[str]) -> str:
    rest = len(keys) - _NAMED
    return ", ".join(keys[:_NAMED]) + (f" and {rest} more" if rest > 0 else "")
