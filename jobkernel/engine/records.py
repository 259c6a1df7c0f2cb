"""What the history says of single runs: which one is meant, what its steps printed, what of them failed.

Asked by the screens, through the session. Knows no live runs.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from jobkernel.engine.live_run import ATTEMPT
from jobkernel.errors import HistoryError, UnknownName
from jobkernel.model.keys import shown_steps
from jobkernel.storage.history import History


def waiting_words(ahead: int, why: str) -> str:
    """Say what a run waits for, and how many stand before it."""
    before = f"; {ahead} {'run is' if ahead == 1 else 'runs are'} before it" if ahead else ""
    return f"waits: {why}{before}"


class RunRecords:
    """Answers of one history."""

    def __init__(self, history: History) -> None:
        self._history = history

    def find(self, run_id: str) -> str:
        """Return the full id of the run that begins with this text.

        Raises:
            UnknownName: none does, or several do.
        """
        found = [row["run_id"] for row in self._history.query("runs_like", prefix=run_id)]
        if len(found) != 1:
            raise UnknownName(f"{'Several runs begin' if found else 'No run begins'} with '{run_id}'.")
        return str(found[0])

    def waiting(self, run_ids: Iterable[str]) -> dict[str, str]:
        """Return in words what each of these runs waits for; one that does not wait is left out."""
        wanted = list(run_ids)
        if not wanted:
            return {}
        try:
            found = self._history.request("queue", run_ids=wanted)["waiting"]
        except HistoryError:  # a server that is gone starts nobody; what it knew is asked for again when it is back
            return {}
        return {each["run_id"]: waiting_words(each["ahead"], each["why"]) for each in found}

    def queue(self) -> dict[str, Any]:
        """Return how many runs wait (``waiting``) and who holds the ``pools``; nobody where the server is gone."""
        try:
            found = self._history.request("queue", run_ids=[])
        except HistoryError:
            return {"waiting": 0, "pools": {}}
        return {"waiting": found["queued"], "pools": found["pools"]}

    def step_messages(self, run_id: str) -> dict[str, str]:
        """Return the last thing that was said of each step of a run."""
        return {row["step_key"]: row["message"] for row in self._history.query("step_messages", run_id=run_id)}

    def row(self, run_id: str) -> dict[str, Any]:
        """Return what is kept of a run, all that was emitted before included."""
        self._history.flush()
        return self._history.query("run", run_id=run_id)[0]

    def log_lines(self, run_id: str, step_key: str | None = None) -> list[dict[str, Any]]:
        """Return what a run's steps printed and logged, in order: ``at`` (µs), ``level``, ``step_key``, ``text``.

        The output of every attempt at a step counts as the step's.
        """
        keys = [None] if step_key is None else [step_key, *self._later_attempts(run_id, step_key)]
        found = [
            line for key in keys for line in self._history.request("log_lines", run_id=run_id, step_key=key)["lines"]
        ]
        return [
            {
                "at": line["occurred_at"],
                "level": line["level"],
                "step_key": line["step_key"] and line["step_key"].partition(ATTEMPT)[0],
                "text": line["message"],
            }
            for line in found
        ]

    def failed_attempts(self, run_id: str, step_key: str | None = None) -> list[dict[str, Any]]:
        """Return a run's attempts that failed, of one step or of all, in order:

        ``step`` (the asset that it makes, else its key), ``attempt``, ``error`` (as :func:`describe_error` gives it).
        """
        runs = self._history.query("run", run_id=run_id)
        titles = shown_steps(runs[0] if runs else None)
        rows = self._history.query("run_steps", run_id=run_id)
        failed = [row for row in rows if row["error"] and step_key in (None, row["step_key"])]
        return [{**row, "step": titles.get(row["step_key"], row["step_key"])} for row in failed]

    def _later_attempts(self, run_id: str, step_key: str) -> list[str]:
        rows = self._history.query("run_steps", run_id=run_id)
        attempts = [row["attempt"] for row in rows if row["step_key"] == step_key]
        return [f"{step_key}{ATTEMPT}{attempt}" for attempt in attempts if attempt > 1]

    def last_preview(self, key: str) -> dict[str, Any] | None:
        """Return the preview of an asset's last value, in the form that screens show; None where there is none."""
        try:
            rows = self._history.query("preview", asset_key=key)
        except HistoryError:  # a history that is away keeps no cell from its value
            return None
        return rows[0]["preview"] if rows else None
