"""A run followed in a terminal to its end: a bar and what runs now, or plain lines where nobody looks; Ctrl-C cancels.

Asks the history; knows no notebook.
"""

from __future__ import annotations

import shlex
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, Protocol

from jobkernel.cli.projects import project_of
from jobkernel.cli.telling import FAILED, INTERRUPTED, OK, complain, is_terminal, say
from jobkernel.model.keys import shown_steps
from jobkernel.storage.history import History

LOOK_AGAIN_S: Final = 0.1
MARKS: Final = {"SUCCESS": "✓", "FAILURE": "✕", "SKIPPED": "–", "NOT_RUN": "–", "CANCELED": "⊘", "UP_FOR_RETRY": "↻"}
ENDED: Final = ("SUCCESS", "FAILURE", "SKIPPED", "NOT_RUN", "CANCELED")


class Screen(Protocol):
    """Where a run is shown."""

    def say(self, line: str) -> None:
        """Show a line that stays."""
        ...

    def stand(self, done: int, total: int, words: str) -> None:
        """Show where the run stands now."""
        ...


class Lines:
    """Plain lines; where the run stands is said only where it waits."""

    def __init__(self) -> None:
        self._waits = ""

    def say(self, line: str) -> None:
        """Print a line."""
        say(line)

    def stand(self, done: int, total: int, words: str) -> None:
        """Print what the run waits for, once."""
        if words.startswith("waits") and words != self._waits:
            self._waits = words
            say(words)


class Bar:
    """A progress bar at the bottom of a terminal, lines above it."""

    def __init__(self, progress: Any) -> None:
        self._progress = progress
        self._task = progress.add_task("", total=None)

    def say(self, line: str) -> None:
        """Print a line above the bar."""
        from rich.text import Text

        from jobkernel.notebook.shown import plain

        self._progress.console.print(Text(plain(line)), soft_wrap=True)

    def stand(self, done: int, total: int, words: str) -> None:
        """Move the bar."""
        from rich.markup import escape

        self._progress.update(self._task, completed=done, total=total or None, description=escape(words))


@contextmanager
def screen() -> Iterator[Screen]:
    """Return a bar where a person reads along, else plain lines."""
    if not is_terminal():
        yield Lines()
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("steps"),
        TimeElapsedColumn(),
        TextColumn("{task.description}"),
    )
    with Progress(*columns, transient=True) as progress:
        yield Bar(progress)


class Following:
    """Says what becomes of a run's steps, each attempt once, however often it is interrupted."""

    def __init__(self, history: History, run_id: str, shown: Screen) -> None:
        self._history = history
        self._run_id = run_id
        self._shown = shown
        self._told: set[tuple[str, int]] = set()

    def until_the_end(self) -> str:
        """Follow the run until it has ended; return its status."""
        while True:
            rows = self._history.query("run", run_id=self._run_id)
            steps = self._history.query("run_steps", run_id=self._run_id)
            titles = shown_steps(rows[0] if rows else None)
            steps = [{**step, "step_key": titles.get(step["step_key"], step["step_key"])} for step in steps]
            for step in steps:
                self._tell(step)
            if rows:
                self._stand(rows[0], steps)
            if rows and rows[0]["ended_at"] is not None:
                return str(rows[0]["status"])
            time.sleep(LOOK_AGAIN_S)

    def _stand(self, row: Mapping[str, Any], steps: list[dict[str, Any]]) -> None:
        latest = {step["step_key"]: step for step in steps}
        done = sum(step["status"] in ENDED for step in latest.values())
        self._shown.stand(done, max(len(row["steps"] or ()), len(latest)), self._words(row, latest))

    def _words(self, row: Mapping[str, Any], latest: Mapping[str, Mapping[str, Any]]) -> str:
        from jobkernel.notebook.queue_view import waiting_of

        if row["status"] == "QUEUED":
            waits = waiting_of(self._history, self._run_id)
            return f"waits: {waits}" if waits else ""
        flying = [key for key, step in latest.items() if step["status"] == "STARTED"]
        again = [_again_words(step) for step in latest.values() if step["status"] == "UP_FOR_RETRY"]
        words = ", ".join([*flying, *again][:3]) + (f" and {len(flying) - 3} more" if len(flying) > 3 else "")
        return f"canceling: {words}" if row["status"] == "CANCELING" else words

    def _tell(self, step: dict[str, Any]) -> None:
        attempt = (step["step_key"], step["attempt"])
        if step["status"] in MARKS and attempt not in self._told:
            self._told.add(attempt)
            self._shown.say(_step_words(step))


def follow(history: History, run_id: str, title: str, notebook: Path) -> int:
    """Follow a run to its end and return the exit code; Ctrl-C cancels it, and again forces it.

    Of one that failed, stderr says what to do next; ``notebook`` is the path that was given.
    """
    with screen() as shown:
        status, was_canceled = _followed(history, run_id, shown, f"run {run_id[:8]} of {title}")
    say(f"run {run_id[:8]}: {status}")
    if status == "FAILURE":
        complain(_what_next(run_id[:8], notebook))
    return OK if status == "SUCCESS" else INTERRUPTED if was_canceled else FAILED


def _what_next(run: str, notebook: Path) -> str:
    """Return the commands that say why a run failed and that go on from it."""
    project = project_of(notebook.parent)
    logs = ["logs", run] if project == project_of(Path.cwd()) else ["logs", run, "--project", str(project)]
    again = ["reexecute", str(notebook), run, "--from-failure"]
    return f"`jobkernel {shlex.join(logs)}` says why; `jobkernel {shlex.join(again)}` goes on from it."


def _followed(history: History, run_id: str, shown: Screen, first_line: str) -> tuple[str, bool]:
    following, cancel, presses, answered = Following(history, run_id, shown), _canceling(history, run_id), 0, -1
    while True:
        try:  # Ctrl-C may come as soon as the first line is seen, and while another is being answered
            if answered < presses:
                answered = presses
                shown.say(cancel(presses > 1) if presses else first_line)
            return following.until_the_end(), presses > 0
        except KeyboardInterrupt:
            presses += 1


def _canceling(history: History, run_id: str) -> Callable[[bool], str]:
    def cancel(forced: bool) -> str:
        from jobkernel.notebook.canceling import cancel_elsewhere

        rows = history.query("run", run_id=run_id)
        row = rows[0] if rows else {"run_id": run_id, "status": "QUEUED", "ended_at": None}
        words = cancel_elsewhere(history, row, forced=forced, by="the command line")
        return f"canceling: {words.replace('Cancel again', 'Ctrl-C again')}"

    return cancel


def _again_words(step: Mapping[str, Any]) -> str:
    from jobkernel.clock import SystemClock
    from jobkernel.notebook.shown import span_of

    at = (step["ended_at"] or 0) + int((step["delay_s"] or 0) * 1e6)
    left = max(0, at - SystemClock().now_us()) / 1e6
    return f"{step['step_key']} attempt {step['attempt'] + 1}, again in {span_of(left)}"


def _step_words(step: dict[str, Any]) -> str:
    attempt = f" (attempt {step['attempt']})" if step["attempt"] > 1 else ""
    words = [f"{MARKS[step['status']]} {step['step_key']}{attempt}"]
    if step["duration_s"] is not None:
        words.append(f"{step['duration_s']:.2f} s")
    if step["status"] != "SUCCESS":
        words.append(step["status"].lower().replace("_", " "))
    error = step["error"] or {}
    if error:
        from jobkernel.headless import first_line

        words.append(first_line(f"{error.get('type', 'error')}: {error.get('message', '')}"))
    return "  ".join(words)
