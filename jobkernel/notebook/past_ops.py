"""How the ops of a job ended in its last run that the history knows, whichever kernel had it; read once for each job.

Knows the history and the screen's words; knows no live runs. ``Statuses`` asks it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from jobkernel.engine.session import Session
from jobkernel.model.runs import StepStatus
from jobkernel.notebook.views import STEP_WORDS

GENERATIONS: Final = 20
"""How many re-executions are followed back for the steps that the later ones did not run again."""
Steps = Mapping[str, Mapping[str, Any]]


class PastOps:
    """The steps of each job's last run, and of the runs that it goes on from."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._jobs: dict[str, Steps] = {}
        self._runs: dict[str, Steps] = {}

    def knows(self, job: str) -> bool:
        """Whether a job was read since something of it moved last."""
        return job in self._jobs

    def forget(self, jobs: Iterable[str]) -> None:
        """Read these jobs again when they are asked for next: they have run since."""
        for job in jobs:
            self._jobs.pop(job, None)

    def of(self, job: str) -> Steps:
        """Return the facts of a status for each step of the job's last run, if that has ended."""
        if job not in self._jobs:
            rows = self._session.history.query("latest_runs", job_name=job, limit=1)
            self._jobs[job] = self.up_to(rows[0]["run_id"]) if rows and rows[0]["ended_at"] is not None else {}
        return self._jobs[job]

    def up_to(self, run_id: str | None) -> Steps:
        """Return the same for a run that has ended, and for the steps that it left as they were before it."""
        if run_id is not None and run_id not in self._runs:
            self._runs[run_id] = self._read(run_id)
        return self._runs[run_id] if run_id is not None else {}

    def _read(self, run_id: str) -> Steps:
        history, found, following = self._session.history, dict[str, Mapping[str, Any]](), run_id
        for _ in range(GENERATIONS):
            rows = history.query("run_steps", run_id=following)
            found = {**{row["step_key"]: _facts(row, following) for row in rows}, **found}  # its last attempt counts
            runs = history.query("run", run_id=following)
            if not runs or runs[0]["parent_run_id"] is None:
                break
            following = runs[0]["parent_run_id"]
        return found


def _facts(row: Mapping[str, Any], run_id: str) -> dict[str, Any]:
    error, ended_at = row["error"], row["ended_at"]
    return {
        "status": STEP_WORDS[StepStatus(row["status"])] if ended_at is not None else "canceled",
        "at": ended_at / 1000 if ended_at is not None else None,
        "run_id": run_id,
        "error": f"{error['type']}: {error['message']}" if isinstance(error, Mapping) else error,
    }
