"""What ``%logs`` shows: which run is meant, its lines, and why it failed. Called by the magic alone."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from typing import Any

from jobkernel.engine.live_run import LiveRun, abandoned_words
from jobkernel.engine.session import Session
from jobkernel.errors import UnknownName, did_you_mean
from jobkernel.executors.failure import describe_error
from jobkernel.model.keys import step_called
from jobkernel.model.runs import StepStatus
from jobkernel.notebook.hints import hint_of_message
from jobkernel.notebook.kernel import NotebookKernel
from jobkernel.notebook.log_tail import LogTail
from jobkernel.notebook.run_search import latest_run_of, run_in_history
from jobkernel.notebook.shown import Shown, mark, plain
from jobkernel.notebook.views import RUN_WORDS, log_line, log_view
from jobkernel.rules.asset_plan import run_title


def show_logs(kernel: NotebookKernel, given: argparse.Namespace) -> Shown | None:
    """Return what a run's steps printed and logged and why it failed; with --follow, show it until the run ends.

    Raises:
        UnknownName: no run, asset or job is called that, or the run has no such step.
    """
    session = kernel.session
    run_id = run_meant(session, given.run)
    step_key = _step_meant(session, run_id, given.step) if given.step else None
    if not given.follow:
        return _told(kernel, run_id, step_key, given.run)
    return _follow(kernel, run_id, step_key)


def _follow(kernel: NotebookKernel, run_id: str, step_key: str | None) -> Shown:
    """Print a run's log as it grows, and return how it ended; an interrupt ends the following, not the run."""
    session = kernel.session
    try:
        session.history.flush()
        width = min(32, max(map(len, _step_keys(session, run_id)), default=0)) if step_key is None else 0
        status = LogTail(session.history, run_id, step_key).follow(
            lambda line: _print(log_line(line, width)), lambda words: _print(f"{mark('queued')} {words}")
        )
    except KeyboardInterrupt:
        return Shown(f"Stopped following; run {run_id[:8]} goes on. %jk cancel {run_id[:8]} cancels it.")
    failed, error = _failures(kernel, run_id, step_key)
    head = f"{mark(RUN_WORDS[status])} {_head(session, run_id)}"
    return log_view(None, failed, head=head, error=error, left="\n".join(_abandoned(session, run_id)) or None)


def _print(text: str) -> None:
    sys.stdout.write(f"{plain(text)}\n")
    sys.stdout.flush()


def run_meant(session: Session, name: str | None) -> str:
    """Return the id of the run that is meant: by its id or the beginning of it, else the latest of an asset or a job.

    Without a name it is the latest run of the project.

    Raises:
        UnknownName: there is none.
    """
    session.history.flush()
    alive = [live.options.run_id for live in session.launcher.alive() if name is None or _is_of(live, name)]
    if alive:
        return alive[-1]
    registry = session.registry
    if name is not None and (name in registry.jobs or name in registry.assets):
        found = latest_run_of(session.history, name)
        if found is None:
            what = "Job" if name in registry.jobs else "Asset"
            raise UnknownName(f"{what} '{name}' has not run yet.")
        return found
    return run_in_history(session.history, name)


def _is_of(live: LiveRun, name: str) -> bool:
    return name == live.plan.job_name or name in live.plan.asset_keys


def _step_meant(session: Session, run_id: str, name: str) -> str:
    keys = _step_keys(session, run_id)
    if not keys:
        return name
    rows = session.history.query("run", run_id=run_id)
    found = step_called(name, keys, rows[0] if rows else None)
    if found is None:
        raise UnknownName(
            f"Run {run_id[:8]} has no step '{name}'.{did_you_mean(name, keys)} It has {', '.join(keys[:20])}."
        )
    return found


def _step_keys(session: Session, run_id: str) -> list[str]:
    live = session.run_of(run_id)
    if live is not None:
        return list(live.active.progress.steps)
    planned = [key for row in session.history.query("run", run_id=run_id) for key in row["steps"] or ()]
    ran = [row["step_key"] for row in session.history.query("run_steps", run_id=run_id)]
    return list(dict.fromkeys([*planned, *ran]))


def _told(kernel: NotebookKernel, run_id: str, step_key: str | None, name: str | None) -> Shown:
    session = kernel.session
    session.history.flush()
    failed, error = _failures(kernel, run_id, step_key)
    is_named_otherwise = name is None or not run_id.startswith(name)
    head = _head(session, run_id) if is_named_otherwise or error else None
    tail = LogTail(session.history, run_id, step_key)
    lines = tail.more()
    notes = [f"… more lines follow: jobkernel logs {run_id[:8]} prints them all."] if tail.more() else []
    notes += _stopped(session, run_id, step_key) + _abandoned(session, run_id)
    return log_view(lines, failed, head=head, error=error, left="\n".join(notes) or None)


def _abandoned(session: Session, run_id: str) -> list[str]:
    live = session.run_of(run_id)
    return [] if live is None else [f"{mark('canceled')} {words}" for words in abandoned_words(live)]


def _stopped(session: Session, run_id: str, step_key: str | None) -> list[str]:
    """Say of each step that was canceled how it ended; of the last twenty, where there are more."""
    rows = session.history.query("run_steps", run_id=run_id)
    stopped = [row for row in rows if row["status"] == StepStatus.CANCELED and step_key in (None, row["step_key"])]
    return [f"{mark('canceled')} {row['step_key']} was canceled: {row['reason'] or 'stopped'}" for row in stopped[-20:]]


def _failures(
    kernel: NotebookKernel, run_id: str, step_key: str | None
) -> tuple[list[dict[str, Any]], Mapping[str, Any] | None]:
    """Return the attempts that failed, and why the run failed as a whole where none did."""
    session = kernel.session
    failed = [_hinted(kernel, attempt) for attempt in session.records.failed_attempts(run_id, step_key)]
    return failed, None if failed or step_key else _error_of_run(session, run_id)


def _head(session: Session, run_id: str) -> str:
    live = session.run_of(run_id)
    if live is not None:
        title, status = run_title(live.plan.job_name, live.plan.asset_keys), str(live.active.status)
    else:
        row = session.history.query("run", run_id=run_id)[0]
        title, status = run_title(row["job_name"], row["assets"] or ()), row["status"]
    return f"run {run_id[:8]} of {title}: {status}"


def _error_of_run(session: Session, run_id: str) -> Mapping[str, Any] | None:
    """Return why a run failed as a whole: before its first step, or with its kernel."""
    live = session.run_of(run_id)
    if live is not None:
        return describe_error(live.active.error) if live.active.error is not None else None
    rows = session.history.query("run", run_id=run_id)
    error = rows[0]["error"] if rows else None
    return {"type": "", "message": error} if isinstance(error, str) else error


def _hinted(kernel: NotebookKernel, attempt: dict[str, Any]) -> dict[str, Any]:
    """Return a failed attempt, with a hint below its error where it is of a name that nothing defines."""
    error = attempt["error"]
    hint = hint_of_message(kernel, error["type"], error["message"])
    if hint is None:
        return attempt
    return {**attempt, "error": {**error, "text": f"{(error.get('text') or '').rstrip()}\n{hint}"}}
