"""The line that says where a run in the foreground stands: what runs, what waits and for what, what is tried again."""

from __future__ import annotations

from typing import Any, Final

from jobkernel.engine.handle import RunHandle
from jobkernel.engine.run import ActiveRun
from jobkernel.model.runs import RunStatus
from jobkernel.notebook.shown import Shown, escaped, mark, mark_html, span_of
from jobkernel.rules.asset_plan import shown_key

NAMED: Final = 3
"""So many steps are named; the others are counted."""


def progress_line(handle: RunHandle) -> Shown:
    """Show where a run in the foreground stands, in one line."""
    if handle.status == RunStatus.QUEUED:
        return _shown("queued", [handle.waiting or "waits to be started"])
    active = handle.live.active
    statuses = list(active.progress.statuses.values())
    words = [f"{sum(status.is_final for status in statuses)}/{len(statuses)} steps"]
    if handle.status == RunStatus.CANCELING:
        words.append("canceling")
    now = active.setup.clock.now_us()
    flying = [_in_flight(handle, key, live, now) for key, live in list(active.in_flight.items())]
    waiting = [_again(handle, key, at, now) for key, at in list(active.notes.retries.items())]
    waiting += [f"{_name(handle, key)} waits: {why}" for key, why in list(active.notes.waits.items())]
    words += [*_some(flying, "running"), *_some(waiting, "waiting")]
    return _shown("running", words)


def _shown(status: str, words: list[str]) -> Shown:
    text = " · ".join(words)
    return Shown(f"{mark(status)} {text}", f"{mark_html(status)} {escaped(text)}")


def _some(words: list[str], what: str) -> list[str]:
    return words if len(words) <= NAMED else [*words[:NAMED], f"{len(words) - NAMED} more {what}"]


def _name(handle: RunHandle, key: str) -> str:
    return shown_key(handle.live.plan, key)


def _in_flight(handle: RunHandle, key: str, live: Any, now_us: int) -> str:
    shown = f"{_name(handle, key)} {span_of((now_us - live.started_at) / 1e6)}"
    if live.call.attempt > 1:
        shown += f", {_attempt(handle.live.active, key, live.call.attempt)}"
    progress = live.progress or {}
    if progress.get("total"):
        shown += f", {progress['done'] / progress['total']:.0%}"
    return f"{shown}, {progress['text']}" if progress.get("text") else shown


def _again(handle: RunHandle, key: str, at_us: int, now_us: int) -> str:
    active = handle.live.active
    return (
        f"{_name(handle, key)} {_attempt(active, key, active.attempts_at(key) + 1)},"
        f" again in {span_of(max(0, at_us - now_us) / 1e6)}"
    )


def _attempt(active: ActiveRun, key: str, number: int) -> str:
    """Return ``attempt 2/4``; without the end where a body asked for another try by itself."""
    step = active.progress.step_of(key)
    most = step.retry.max_retries + 1 if step is not None and step.retry is not None else 0
    return f"attempt {number}/{most}" if number <= most else f"attempt {number}"
