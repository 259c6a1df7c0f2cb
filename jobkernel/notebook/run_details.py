"""What the page of one run shows, in the protocol's words: its steps, attempts, checks, longest path, log.

Reads session and history; decides nothing. Called by requests.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from jobkernel.clock import seconds_between
from jobkernel.engine.live_run import LiveRun
from jobkernel.engine.run_notes import still_running
from jobkernel.engine.session import Session
from jobkernel.errors import UnknownName
from jobkernel.model.keys import AssetKey
from jobkernel.notebook.snapshot import Standing, error_line
from jobkernel.notebook.statuses import millis

DURABLE_WITHIN_S = 2.0
_MAPPED = re.compile(r"\[[^\]]*\]$")
_STEP_WORDS: Mapping[str, str] = {
    "STARTED": "running", "SUCCESS": "fresh", "FAILURE": "failed", "SKIPPED": "skipped", "NOT_RUN": "skipped",
    "CANCELED": "canceled", "UP_FOR_RETRY": "failed",
}  # fmt: skip


def run_details(session: Session, standing: Standing, run_id: str) -> dict[str, Any]:
    """Return the protocol's ``RunDetails``.

    Raises:
        UnknownName: there is no such run.
    """
    full = session.find_run(run_id)
    live = session.launcher.get(full)
    ended = live is not None and live.active.status.is_final
    running = standing.run_row(live) if live is not None and not ended else None
    if live is not None and ended:
        live.durable.wait(DURABLE_WITHIN_S)  # what its steps did is read from the history
    stored = session.history.query("run", run_id=full)
    if not stored and live is None:
        raise UnknownName(f"There is no run '{run_id}' in the history.")
    row = stored[0] if stored else {}
    attempts = session.history.query("run_steps", run_id=full)
    usual = {each["step_key"]: each["duration_s"] for each in session.history.query("step_durations")}
    shown = running or (standing.run_row(live) if live is not None else _row(standing, row))
    steps = _steps(attempts, usual, list(live.active.progress.steps) if live is not None else row.get("steps") or [])
    checks = _checks(session, full)
    held_up = _held_up(session, live, shown)
    named = _assets_by_step(live.plan.asset_keys if live is not None else row.get("assets") or [])
    for step in steps:
        step["key"] = named.get(step["step_key"])
        step["checks"] = checks.get(step["step_key"], [])
        step["reason"] = held_up.get(step["step_key"], step["reason"])
    failed = next((step for step in attempts if step["status"] == "FAILURE"), None)
    error = row.get("error")
    return {
        **shown,
        "steps": steps,
        "longest_path": _longest_path(live.plan.steps if live is not None else {}, steps),
        "error": failed["error"] if failed else error,
        "error_step": failed["step_key"] if failed else None,
        "config": row.get("config") or (live.active.setup.facts.config if live is not None else None),
        "log": log_lines(session, full)[-2000:],
        "parent_run_id": live.options.parent_run_id if live is not None else row.get("parent_run_id"),
        "root_run_id": live.options.root_run_id if live is not None else row.get("root_run_id"),
        "executor": _ran_on(
            row.get("executor") or (live.active.setup.executor_name if live is not None else "threads"), attempts
        ),
    }


def _ran_on(executor: str, attempts: Sequence[Mapping[str, Any]]) -> str:
    """Return where the attempts of a run ran, its own ``executor`` where none has begun."""
    names = dict.fromkeys(each["executor"] for each in attempts if each["executor"])
    return " and ".join(executor if executor.partition(":")[0] == name else name for name in names) or executor


def _held_up(session: Session, live: LiveRun | None, run: Mapping[str, Any]) -> dict[str, str]:
    """Return in words what steps of a run wait for that could run, and which threads hold what was abandoned."""
    if live is not None:
        waits = {key: f"waits: {why}" for key, why in live.active.notes.waits.items()}
        lost = live.active.notes.abandoned()
        return {**waits, **{key: f"abandoned; {still_running(names)}" for key, names in lost.items()}}
    if run["status"] not in ("STARTED", "CANCELING"):
        return {}
    said = session.records.step_messages(run["run_id"])
    begun = {each["step_key"] for each in session.history.query("run_steps", run_id=run["run_id"])}
    waits = {key: words for key, words in said.items() if key not in begun and "' waits: " in words}
    return {key: words.partition(f"'{key}' ")[2].rstrip(".") for key, words in waits.items()}


def _row(standing: Standing, row: Mapping[str, Any]) -> dict[str, Any]:
    found = standing.runs_of_history(job_name=row["job_name"], before=row["queued_at"] + 1, limit=20)
    return next(each for each in found if each["run_id"] == row["run_id"])


def _checks(session: Session, run_id: str) -> dict[str, list[dict[str, Any]]]:
    """Return what the checks of a run came to, by the step that evaluated them; of one evaluated again the last."""
    last = {
        (row["step_key"], row["asset_key"], row["check_name"], row["partition_key"]): row
        for row in session.history.query("checks_of_run", run_id=run_id)
    }
    found: dict[str, list[dict[str, Any]]] = {}
    for (step_key, *_), row in last.items():
        told = {"name": row["check_name"], "key": row["asset_key"], "passed": bool(row["passed"])}
        about = {"severity": row["severity"] or "ERROR", "description": row["description"] or ""}
        found.setdefault(step_key, []).append(told | about)
    return found


def _assets_by_step(keys: Iterable[str]) -> dict[str, str]:
    """Return each asset by the step that is named after it."""
    return {AssetKey.from_escaped_user_string(key).to_python_identifier(): key for key in keys}


def _steps(
    attempts: Sequence[Mapping[str, Any]], usual: Mapping[str, float], keys: Sequence[str]
) -> list[dict[str, Any]]:
    by_step: dict[str, list[Mapping[str, Any]]] = {key: [] for key in keys}
    for attempt in attempts:
        by_step.setdefault(attempt["step_key"], []).append(attempt)
    steps = [_step(key, tries, usual.get(key)) for key, tries in by_step.items()]
    if any(key.endswith("]") for key in by_step):  # mapped steps are known last; those that collect them begin later
        steps.sort(key=lambda step: step["started_at"] or math.inf)
    return steps


def _step(key: str, tries: Sequence[Mapping[str, Any]], usual_s: float | None) -> dict[str, Any]:
    last = tries[-1] if tries else {}
    is_between = last.get("status") == "UP_FOR_RETRY"
    began, ended = (tries[0]["started_at"] if tries else None), last.get("ended_at")
    return {
        "step_key": key,
        "status": "queued" if is_between else _STEP_WORDS.get(last.get("status", ""), "queued"),
        "attempts": [_attempt(each) for each in tries if each["started_at"]],
        "again_at": millis(ended + int((last.get("delay_s") or 0) * 1e6)) if is_between and ended else None,
        "started_at": millis(began),
        "ended_at": millis(ended),
        "duration_s": seconds_between(began, ended),
        "usual_s": usual_s,
        "reason": _reason(last),
    }  # fmt: skip


def _attempt(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "number": row["attempt"],
        "started_at": millis(row["started_at"]),
        "ended_at": millis(row["ended_at"]),
        "status": _STEP_WORDS.get(row["status"], "queued"),
        "error": error_line(row["error"]),
        "delay_s": row["delay_s"],
    }


def _reason(attempt: Mapping[str, Any]) -> str | None:
    """Return why a step did not run, in words."""
    reason = attempt.get("reason")
    return f"not run: {reason} did not succeed" if reason and attempt.get("status") == "NOT_RUN" else reason


def _longest_path(steps: Mapping[str, Any], shown: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the chain of steps that took longest, first to last; of mapped steps, those that were made."""
    took = {each["step_key"]: each["duration_s"] or 0.0 for each in shown}
    made: dict[str, list[str]] = {}
    for key in took:
        made.setdefault(key if key in steps else _MAPPED.sub("[?]", key), []).append(key)
    best: dict[str, tuple[float, str | None]] = {}
    for planned, step in steps.items():
        for key in made.get(planned, [planned]):
            above = [
                (best[at][0], at) for feed in step.sources for at in _feeding(key, feed.step_key, made) if at in best
            ]
            length, before = max(above, default=(0.0, None))
            best[key] = (length + took.get(key, 0.0), before)
    path: list[str] = []
    at = max(best, key=lambda key: best[key][0], default=None)
    while at is not None:
        path.append(at)
        at = best[at][1]
    return path[::-1]


def _feeding(key: str, source: str, made: Mapping[str, list[str]]) -> list[str]:
    """Return the steps of a planned ``source`` that feed ``key``: those of its own mapping key, where it has one."""
    found, mapped = made.get(source, [source]), _MAPPED.search(key)
    same = [each for each in found if mapped is not None and each.endswith(mapped[0])]
    return same or found


def log_lines(session: Session, run_id: str, step_key: str | None = None) -> list[dict[str, Any]]:
    """Return the protocol's ``LogLine`` of a run; of one that is alive, what is in memory counts too."""
    lines = session.records.log_lines(run_id, step_key)
    return [
        {
            "at": millis(line["at"]),
            "level": line["level"],
            "step_key": line["step_key"],
            "text": line["text"],
            "seq": place,
        }
        for place, line in enumerate(lines, 1)
    ]
