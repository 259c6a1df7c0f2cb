"""What a launch gives back: a run to look at, wait for, cancel. Shows itself as one line of text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jobkernel.engine.launcher import LiveRun
from jobkernel.errors import RunCanceled, RunFailed
from jobkernel.executors.failure import message_of, type_name
from jobkernel.model.runs import RunStatus, StepStatus
from jobkernel.rules.asset_plan import run_title

if TYPE_CHECKING:
    from jobkernel.engine.session import Session


class RunHandle:
    """A run of this kernel."""

    def __init__(self, session: Session, live: LiveRun) -> None:
        self._session = session
        self.live = live

    @property
    def run_id(self) -> str:
        """The run's id."""
        return self.live.options.run_id

    @property
    def job_name(self) -> str:
        """The job that it is a run of."""
        return self.live.plan.job_name

    @property
    def status(self) -> str:
        """The run's status, in Dagster's words."""
        active = self.live.active
        if active.status is RunStatus.NOT_STARTED:
            return str(RunStatus.STARTING if self.live.is_admitted else RunStatus.QUEUED)
        return str(active.status)

    @property
    def success(self) -> bool:
        """Whether the run has ended well."""
        return self.live.active.status is RunStatus.SUCCESS

    def wait(self, timeout: float | None = None) -> RunHandle:
        """Wait until the run has ended and all of it is durable, at most ``timeout`` seconds; return the handle."""
        self.live.active.wait(timeout)
        return self

    def cancel(self, *, forced: bool = False) -> str:
        """Ask the run to stop; return in words what that does."""
        return self._session.cancel(self.run_id, forced=forced)

    def raise_for_status(self) -> None:
        """Raise the first failed step's own exception as the cause of a sentence.

        Raises:
            RunFailed: a step failed.
            RunCanceled: the run was canceled.
        """
        active = self.live.active
        if active.status is RunStatus.CANCELED:
            raise RunCanceled(f"Run {self.run_id[:8]} was canceled.")
        if active.status is RunStatus.CANCELING:
            raise RunCanceled(f"Run {self.run_id[:8]} is being canceled and has not stopped yet.")
        if active.status is RunStatus.FAILURE:
            raise RunFailed(self.failure_sentence()) from active.error

    def failure_sentence(self) -> str:
        """Say which steps failed and what did not run because of it."""
        progress = self.live.active.progress
        failed = progress.failed_steps()
        if not failed:
            return f"Run {self.run_id[:8]} failed before its first step: {self.live.active.error}"
        left = sum(status is StepStatus.NOT_RUN for status in progress.statuses.values())
        rest = f"; {left} below did not run" if left else ""
        return f"Run {self.run_id[:8]} failed at {', '.join(failed)}{rest}."

    def value(self, key: Any) -> Any:
        """Return the stored value of an asset."""
        return self._session.load(key)

    def __repr__(self) -> str:
        done = sum(status.is_final for status in list(self.live.active.progress.statuses.values()))
        steps = f"{done}/{len(self.live.active.progress.steps)} steps{self._failure_words()}"
        title = run_title(self.job_name, self.live.plan.asset_keys)
        return f"<run {self.run_id[:8]} of {title}: {self.status}, {steps}>"

    def _failure_words(self) -> str:
        active = self.live.active
        place, error = active.first_failure or ("its start", active.error)
        if error is None:
            return ""
        return f", failed at {place}: {type_name(type(error))}: {message_of(error).partition(chr(10))[0]}"
