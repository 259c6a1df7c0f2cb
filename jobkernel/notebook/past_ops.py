"""How the ops of a job ended in its last run that the history knows, whichever kernel had it; read once for each job.

Knows the history and the screen's words; knows no live runs. ``Statuses`` asks it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from jobkernel.engine.session import Session
from jobkernel.notebook.views import STEP_WORDS


class PastOps:
    """The steps of each job's last run."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._steps: dict[str, dict[str, dict[str, Any]]] = {}

    def knows(self, job: str) -> bool:
        """Whether a job was read since something of it moved last."""
        return job in self._steps

    def forget(self, jobs: Iterable[str]) -> None:
        """Read these jobs again when they are asked for next: they have run since."""
        for job in jobs:
            self._steps.pop(job, None)

    def of(self, job: str) -> Mapping[str, Mapping[str, Any]]:
        """Return the facts of a status for each step of the job's last run that began and has ended."""
        if job not in self._steps:
            rows = self._session.history.query("latest_runs", job_name=job, limit=1)
            self._steps[job] = self._read(rows[0]["run_id"]) if rows and rows[0]["ended_at"] is not None else {}
        return self._steps[job]

    def _read(self, run_id: str) -> dict[str, dict[str, Any]]:
        rows = self._session.history.query("run_steps", run_id=run_id)
        return {row["step_key"]: _facts(row, run_id) for row in rows}  # attempts in order: the last one counts


def _facts(row: Mapping[str, Any], run_id: str) -> dict[str, Any]:
    error, ended_at = row["error"], row["ended_at"]
    return {
        "status": STEP_WORDS.get(row["status"], "canceled") if ended_at is not None else "canceled",
        "at": ended_at / 1000 if ended_at is not None else None,
        "run_id": run_id,
        "error": f"{error['type']}: {error['message']}" if isinstance(error, Mapping) else error,
    }
