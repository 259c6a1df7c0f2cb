"""Events under Dagster's names: :class:`DagsterEvent`, its types and what each carries. Views on the model's events."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Any, Final

from jobkernel.api.event_data import (
    DATA_OF,
    AssetObservationData,
    JobFailureData,
    StepFailureData,
    StepMaterializationData,
    StepOutputData,
    StepRetryData,
    key_of,
)
from jobkernel.errors import InvariantViolation
from jobkernel.model import events as ev
from jobkernel.model.events import Event
from jobkernel.model.keys import AssetKey
from jobkernel.model.results import AssetCheckEvaluation, AssetMaterialization


class DagsterEventType(Enum):
    """What an event says. Run events keep the value under which Dagster stores them."""

    PIPELINE_ENQUEUED = "PIPELINE_ENQUEUED"
    PIPELINE_DEQUEUED = "PIPELINE_DEQUEUED"
    PIPELINE_STARTING = "PIPELINE_STARTING"
    PIPELINE_START = "PIPELINE_START"
    PIPELINE_SUCCESS = "PIPELINE_SUCCESS"
    PIPELINE_FAILURE = "PIPELINE_FAILURE"
    PIPELINE_CANCELING = "PIPELINE_CANCELING"
    PIPELINE_CANCELED = "PIPELINE_CANCELED"
    RUN_ENQUEUED = "PIPELINE_ENQUEUED"
    RUN_DEQUEUED = "PIPELINE_DEQUEUED"
    RUN_STARTING = "PIPELINE_STARTING"
    RUN_START = "PIPELINE_START"
    RUN_SUCCESS = "PIPELINE_SUCCESS"
    RUN_FAILURE = "PIPELINE_FAILURE"
    RUN_CANCELING = "PIPELINE_CANCELING"
    RUN_CANCELED = "PIPELINE_CANCELED"
    STEP_START = ev.STEP_START
    STEP_INPUT = ev.STEP_INPUT
    STEP_OUTPUT = ev.STEP_OUTPUT
    STEP_SUCCESS = ev.STEP_SUCCESS
    STEP_FAILURE = ev.STEP_FAILURE
    STEP_SKIPPED = ev.STEP_SKIPPED
    STEP_UP_FOR_RETRY = ev.STEP_UP_FOR_RETRY
    STEP_RESTARTED = ev.STEP_RESTARTED
    STEP_EXPECTATION_RESULT = "STEP_EXPECTATION_RESULT"
    LOADED_INPUT = ev.LOADED_INPUT
    HANDLED_OUTPUT = ev.HANDLED_OUTPUT
    RESOURCE_INIT_STARTED = ev.RESOURCE_INIT_STARTED
    RESOURCE_INIT_SUCCESS = ev.RESOURCE_INIT_SUCCESS
    RESOURCE_INIT_FAILURE = ev.RESOURCE_INIT_FAILURE
    ENGINE_EVENT = ev.ENGINE_EVENT
    LOGS_CAPTURED = ev.LOGS_CAPTURED
    ASSET_MATERIALIZATION_PLANNED = ev.ASSET_MATERIALIZATION_PLANNED
    ASSET_MATERIALIZATION = ev.ASSET_MATERIALIZATION
    ASSET_OBSERVATION = ev.ASSET_OBSERVATION
    ASSET_FAILED_TO_MATERIALIZE = ev.ASSET_FAILED_TO_MATERIALIZE
    ASSET_CHECK_EVALUATION_PLANNED = ev.ASSET_CHECK_EVALUATION_PLANNED
    ASSET_CHECK_EVALUATION = ev.ASSET_CHECK_EVALUATION
    HOOK_COMPLETED = ev.HOOK_COMPLETED
    HOOK_ERRORED = ev.HOOK_ERRORED
    HOOK_SKIPPED = ev.HOOK_SKIPPED


_MESSAGES: Final[Mapping[str, str]] = {
    ev.RUN_START: "Started execution of run for '{job}'.",
    ev.RUN_SUCCESS: "Finished execution of run for '{job}'.",
    ev.RUN_FAILURE: "Execution of run for '{job}' failed.",
    ev.STEP_START: "Started execution of step '{step}'.",
    ev.STEP_SUCCESS: "Finished execution of step '{step}'.",
    ev.STEP_FAILURE: "Execution of step '{step}' failed.",
    ev.STEP_SKIPPED: "Skipped execution of step '{step}'.",
    ev.STEP_UP_FOR_RETRY: "Execution of step '{step}' failed and has requested a retry.",
    ev.STEP_RESTARTED: "Restarted execution of step '{step}'.",
}


def _is(*event_types: str) -> property:
    """A property that says whether an event is of one of these types."""

    def test(self: DagsterEvent) -> bool:
        return self.event.event_type in event_types

    return property(test, doc=f"Whether this is {' or '.join(event_types)}.")


class DagsterEvent:
    """One thing that happened in a run, seen through Dagster's names. ``event`` is the model's event."""

    __slots__ = ("event", "job_name")

    def __init__(self, event: Event, job_name: str) -> None:
        self.event, self.job_name = event, job_name

    is_step_start = _is(ev.STEP_START)
    is_step_success = _is(ev.STEP_SUCCESS)
    is_step_failure = _is(ev.STEP_FAILURE)
    is_step_skipped = _is(ev.STEP_SKIPPED)
    is_step_up_for_retry = _is(ev.STEP_UP_FOR_RETRY)
    is_step_restarted = _is(ev.STEP_RESTARTED)
    is_successful_output = _is(ev.STEP_OUTPUT)
    is_handled_output = _is(ev.HANDLED_OUTPUT)
    is_loaded_input = _is(ev.LOADED_INPUT)
    is_step_materialization = _is(ev.ASSET_MATERIALIZATION)
    is_asset_observation = _is(ev.ASSET_OBSERVATION)
    is_asset_materialization_planned = _is(ev.ASSET_MATERIALIZATION_PLANNED)
    is_asset_check_evaluation = _is(ev.ASSET_CHECK_EVALUATION)
    is_expectation_result = _is("STEP_EXPECTATION_RESULT")
    is_hook_event = _is(ev.HOOK_COMPLETED, ev.HOOK_ERRORED, ev.HOOK_SKIPPED)
    is_hook_completed = _is(ev.HOOK_COMPLETED)
    is_hook_errored = _is(ev.HOOK_ERRORED)
    is_hook_skipped = _is(ev.HOOK_SKIPPED)
    is_resource_init_failure = _is(ev.RESOURCE_INIT_FAILURE)
    is_engine_event = _is(ev.ENGINE_EVENT)
    is_failure = _is(ev.RUN_FAILURE, ev.STEP_FAILURE, ev.RUN_CANCELED)
    is_run_failure = _is(ev.RUN_FAILURE)
    is_job_event = _is(ev.RUN_START, ev.RUN_SUCCESS, ev.RUN_FAILURE, ev.RUN_CANCELED, ev.RUN_CANCELING)

    @property
    def body(self) -> Mapping[str, Any]:
        """What the event carries, JSON-able."""
        return self.event.body or {}

    @property
    def event_type_value(self) -> str:
        """The type's text, as Dagster stores it: run events begin with PIPELINE."""
        text = self.event.event_type
        return f"PIPELINE_{text.removeprefix('RUN_')}" if text.startswith("RUN_") else text

    @property
    def event_type(self) -> DagsterEventType:
        """The type."""
        return DagsterEventType(self.event_type_value)

    @property
    def step_key(self) -> str | None:
        """The step it happened in."""
        return self.event.step_key

    @property
    def is_step_event(self) -> bool:
        """Whether it happened in a step."""
        return self.event.step_key is not None

    @property
    def node_name(self) -> str | None:
        """The name of the op, without the graphs around it."""
        return None if self.step_key is None else self.step_key.partition("[")[0].rpartition(".")[2]

    op_name = node_name

    @property
    def timestamp(self) -> float:
        """When it happened, in seconds since the epoch."""
        return self.event.occurred_at / 1_000_000

    @property
    def run_id(self) -> str | None:
        """The run it happened in."""
        return self.event.run_id

    @property
    def message(self) -> str:
        """The event as a sentence."""
        said = _MESSAGES.get(self.event.event_type)
        if said is not None:
            return said.format(job=self.job_name, step=self.step_key)
        return str(self.body.get("message") or f"{self.event.event_type} {self.step_key or ''}".strip())

    @property
    def event_specific_data(self) -> Any:
        """What the event carries, by its type; None where that is nothing."""
        make = DATA_OF.get(self.event.event_type)
        return make(self.event, self.body) if make is not None else None

    @property
    def asset_key(self) -> AssetKey | None:
        """The asset that the event is about."""
        return key_of(self.body) if "asset_key" in self.body else None

    @property
    def partition(self) -> str | None:
        """The partition that the event is about."""
        return self.body.get("partition_key")

    @property
    def materialization(self) -> AssetMaterialization:
        """What was made.

        Raises:
            InvariantViolation: the event is no materialization.
        """
        data = self._of(ev.ASSET_MATERIALIZATION)
        assert isinstance(data, StepMaterializationData)
        return data.materialization

    @property
    def step_materialization_data(self) -> StepMaterializationData:
        """What was made, as data."""
        return self._of(ev.ASSET_MATERIALIZATION)  # type: ignore[no-any-return]

    @property
    def asset_observation_data(self) -> AssetObservationData:
        """What was seen, as data."""
        return self._of(ev.ASSET_OBSERVATION)  # type: ignore[no-any-return]

    @property
    def asset_check_evaluation_data(self) -> AssetCheckEvaluation:
        """How the check came out."""
        return self._of(ev.ASSET_CHECK_EVALUATION)  # type: ignore[no-any-return]

    @property
    def step_output_data(self) -> StepOutputData:
        """Which output was made."""
        return self._of(ev.STEP_OUTPUT)  # type: ignore[no-any-return]

    @property
    def step_failure_data(self) -> StepFailureData:
        """Why the step failed."""
        return self._of(ev.STEP_FAILURE)  # type: ignore[no-any-return]

    @property
    def step_retry_data(self) -> StepRetryData:
        """Why the step is tried again."""
        return self._of(ev.STEP_UP_FOR_RETRY)  # type: ignore[no-any-return]

    @property
    def job_failure_data(self) -> JobFailureData:
        """Why the run failed."""
        return self._of(ev.RUN_FAILURE)  # type: ignore[no-any-return]

    def _of(self, event_type: str) -> Any:
        if self.event.event_type != event_type:
            raise InvariantViolation(f"This is {self.event.event_type}, not {event_type}.")
        return self.event_specific_data

    def __repr__(self) -> str:
        where = f" {self.step_key}" if self.step_key else ""
        return f"<{self.event_type_value}{where}>"
