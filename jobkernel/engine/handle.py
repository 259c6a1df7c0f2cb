"""What a launch gives back: a run to look at, wait for, cancel. Shows itself as one line of text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jobkernel.engine.live_run import LiveRun, abandoned_words
from jobkernel.engine.run_outputs import RunOutputs
from jobkernel.errors import InvariantViolation, RunCanceled, RunFailed, did_you_mean
from jobkernel.executors.failure import message_of, type_name
from jobkernel.model.definitions import RESULT
from jobkernel.model.keys import key_text
from jobkernel.model.runs import RunStatus, StepStatus
from jobkernel.rules.asset_plan import run_title, shown_key

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
    def waiting(self) -> str | None:
        """What the run waits for in the project's queue, in words; None where it does not."""
        return self._session.records.waiting([self.run_id]).get(self.run_id)

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
            error = active.error if active.error is None else self._session.explain_error(active.error)
            raise RunFailed(self.failure_sentence()) from error

    def failure_sentence(self) -> str:
        """Say which steps failed and what did not run because of it."""
        progress = self.live.active.progress
        failed = progress.failed_steps()
        if not failed:
            return f"Run {self.run_id[:8]} failed before its first step: {self.live.active.error}"
        left = sum(status is StepStatus.NOT_RUN for status in progress.statuses.values())
        rest = f"; {left} below did not run" if left else ""
        names = ", ".join(shown_key(self.live.plan, key) for key in failed)
        return f"Run {self.run_id[:8]} failed at {names}{rest}."

    @property
    def outputs(self) -> RunOutputs:
        """What the run has made so far, by step (``step.output`` where an op has several); loaded when asked for."""
        active = self.live.active
        return RunOutputs(self.run_id, self.live.plan, active.progress, self._session.values, self._load)

    def value(self, name: Any) -> Any:
        """Return the stored value of an asset, or what an op of the run made.

        Raises:
            MissingUpstream: the asset was never made.
            InvariantViolation: neither is called that, or the op has made nothing in this run.
        """
        text = name if isinstance(name, str) else key_text(name)
        outputs = self.outputs
        if text not in self.live.plan.asset_keys and (outputs.has_node(text) or self._is_unknown(text)):
            return outputs.of_node(text)
        return self._load(name)

    def output_for_node(self, node_str: str, output_name: str = RESULT) -> Any:
        """Return an output of an op or graph (``outer.inner``); of a mapped or dynamic one, a dict by mapping key.

        Raises:
            InvariantViolation: the run has made no such output.
        """
        return self.outputs.of_node(node_str, output_name)

    def output_value(self, output_name: str = RESULT) -> Any:
        """Return an output of the job's own graph.

        Raises:
            InvariantViolation: the job has no such output, or this run has not made it.
        """
        return self.outputs.of_job(output_name)

    def asset_value(self, asset_key: Any) -> Any:
        """Return the stored value of an asset that is part of the run.

        Raises:
            InvariantViolation: it is not part of the run.
        """
        text, made = key_text(asset_key), self.live.plan.asset_keys
        if text not in made:
            raise InvariantViolation(f"This run makes no asset '{text}'.{did_you_mean(text, made)}")
        return self._load(text)

    def _load(self, key: Any) -> Any:
        """Return the stored value of an asset, of the run's partition where the asset has partitions."""
        text, facts = key_text(key), self.live.active.setup.facts
        is_of_part = facts.partitions is not None and text in facts.partitions.of_assets
        return self._session.load(text, facts.partition_key if is_of_part else None)

    def _is_unknown(self, key: str) -> bool:
        """Whether no asset is called that, while the run has ops to be meant."""
        session = self._session
        known = key in session.registry.assets or session.states.made(key) is not None or session.values.has_asset(key)
        return not known and not self.live.plan.asset_keys

    def __repr__(self) -> str:
        well = (StepStatus.SUCCESS, StepStatus.SKIPPED)
        done = sum(status in well for status in list(self.live.active.progress.statuses.values()))
        steps = f"{done}/{len(self.live.active.progress.steps)} steps{self._failure_words()}"
        title = run_title(self.job_name, self.live.plan.asset_keys)
        notice = f" {self.live.notice}" if self.live.notice else ""
        lost = "".join(f" {words}" for words in abandoned_words(self.live))
        return f"<run {self.run_id[:8]} of {title}: {self.status}, {steps}>{notice}{lost}"

    def _failure_words(self) -> str:
        active = self.live.active
        place, error = active.first_failure or ("its start", active.error)
        if error is None:
            return ""
        name = shown_key(self.live.plan, place)
        return f", failed at {name}: {type_name(type(error))}: {message_of(error).partition(chr(10))[0]}"
