"""Events under Dagster's names: :class:`DagsterEvent`, its types and what each carries. Views on the model's events."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Final

from jobkernel.errors import InvariantViolation
from jobkernel.model import events as ev
from jobkernel.model.events import Event
from jobkernel.model.keys import AssetKey
from jobkernel.model.metadata import MetadataValue, from_json
from jobkernel.model.results import AssetCheckSeverity, AssetMaterialization, AssetObservation, ExpectationResult


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


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorInfo:
    """An error as an event keeps it: message, class name and traceback as text."""

    message: str
    cls_name: str | None = None
    stack: tuple[str, ...] = ()
    cause: ErrorInfo | None = None

    def to_string(self) -> str:
        """Return the traceback, or the message where there is none."""
        return "".join(self.stack) or self.message


@dataclass(frozen=True, slots=True, kw_only=True)
class StepOutputData:
    """That a step made an output."""

    step_key: str
    output_name: str
    mapping_key: str | None = None
    metadata: Mapping[str, MetadataValue[Any]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class InputData:
    """That a step has an input, loaded from ``upstream`` where it was loaded."""

    input_name: str
    upstream: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StepSuccessData:
    """How long a step took."""

    duration_ms: float


@dataclass(frozen=True, slots=True, kw_only=True)
class UserFailureData:
    """What a ``Failure`` said."""

    label: str = "intentional-failure"
    description: str | None = None
    metadata: Mapping[str, MetadataValue[Any]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class StepFailureData:
    """Why a step failed."""

    error: ErrorInfo | None
    user_failure_data: UserFailureData | None = None

    @property
    def error_display_string(self) -> str:
        """The error as text."""
        return self.error.to_string() if self.error is not None else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepRetryData:
    """Why a step is tried again, and after how many seconds."""

    error: ErrorInfo | None
    seconds_to_wait: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StepMaterializationData:
    """That a step made an asset."""

    materialization: AssetMaterialization
    asset_lineage: tuple[Any, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class AssetObservationData:
    """That a step saw something of an asset."""

    asset_observation: AssetObservation


@dataclass(frozen=True, slots=True, kw_only=True)
class AssetCheckEvaluation:
    """How an asset check came out. Source: Dagster's ``AssetCheckEvaluation``."""

    asset_key: AssetKey
    check_name: str
    passed: bool
    metadata: Mapping[str, MetadataValue[Any]] = field(default_factory=dict)
    severity: AssetCheckSeverity = AssetCheckSeverity.ERROR
    description: str | None = None
    blocking: bool = False
    partition: str | None = None

    @property
    def asset_check_key(self) -> tuple[AssetKey, str]:
        """The check's name: its asset's key and its own."""
        return self.asset_key, self.check_name


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedData:
    """That a run means to make an asset, or evaluate a check."""

    asset_key: AssetKey
    check_name: str | None = None
    partition: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class JobFailureData:
    """Why a run failed."""

    error: ErrorInfo | None
    failure_reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HookErroredData:
    """What a hook raised."""

    error: ErrorInfo | None


@dataclass(frozen=True, slots=True, kw_only=True)
class StepExpectationResultData:
    """Whether something held that a step expected."""

    expectation_result: ExpectationResult


def metadata_of(body: Mapping[str, Any]) -> dict[str, MetadataValue[Any]]:
    """Return the metadata that an event keeps as JSON, as values again."""
    return {name: from_json(value) for name, value in (body.get("metadata") or {}).items()}


def error_of(body: Mapping[str, Any]) -> ErrorInfo | None:
    """Return the error that an event keeps, None where it keeps none."""
    shown = body.get("error")
    if not isinstance(shown, Mapping):
        return None
    message = f"{shown.get('type')}: {shown.get('message')}"
    return ErrorInfo(message=message, cls_name=str(shown.get("type")), stack=(str(shown.get("text") or ""),))


def materialization_of(body: Mapping[str, Any]) -> AssetMaterialization:
    """Return the materialization that an event keeps."""
    tags = dict(body.get("tags") or {})
    for name in ("data_version", "code_version"):
        if body.get(name) is not None:
            tags.setdefault(f"dagster/{name}", str(body[name]))
    return AssetMaterialization(
        asset_key=_key(body), description=body.get("description"), metadata=metadata_of(body),
        partition=body.get("partition_key"), tags=tags,
    )  # fmt: skip


def _key(body: Mapping[str, Any]) -> AssetKey:
    return AssetKey.from_escaped_user_string(str(body["asset_key"]))


def _observation(_event: Event, body: Mapping[str, Any]) -> AssetObservationData:
    return AssetObservationData(
        asset_observation=AssetObservation(
            asset_key=_key(body), description=body.get("description"), metadata=metadata_of(body),
            partition=body.get("partition_key"), tags=body.get("tags"),
        )
    )  # fmt: skip


def _check(_event: Event, body: Mapping[str, Any]) -> AssetCheckEvaluation:
    return AssetCheckEvaluation(
        asset_key=_key(body), check_name=str(body["check_name"]), passed=bool(body["passed"]),
        metadata=metadata_of(body), severity=AssetCheckSeverity(body["severity"]),
        description=body.get("description"), blocking=bool(body.get("blocking")), partition=body.get("partition_key"),
    )  # fmt: skip


def _output(event: Event, body: Mapping[str, Any]) -> StepOutputData:
    name, _, key = str(body["output"]).partition("[")
    return StepOutputData(
        step_key=str(event.step_key), output_name=name, mapping_key=key.rstrip("]") or None, metadata=metadata_of(body)
    )


def _failure(_event: Event, body: Mapping[str, Any]) -> StepFailureData:
    error = error_of(body)
    if "metadata" not in body:
        return StepFailureData(error=error)
    said = UserFailureData(description=(body.get("error") or {}).get("message"), metadata=metadata_of(body))
    return StepFailureData(error=error, user_failure_data=said)


def _planned(_event: Event, body: Mapping[str, Any]) -> PlannedData:
    return PlannedData(asset_key=_key(body), check_name=body.get("check_name"), partition=body.get("partition_key"))


def _expectation(_event: Event, body: Mapping[str, Any]) -> StepExpectationResultData:
    result = ExpectationResult(success=bool(body["success"]), label=body.get("label"))
    return StepExpectationResultData(expectation_result=result)


_DATA: Final[Mapping[str, Callable[[Event, Mapping[str, Any]], Any]]] = {
    ev.ASSET_MATERIALIZATION: lambda _e, body: StepMaterializationData(materialization=materialization_of(body)),
    ev.ASSET_OBSERVATION: _observation,
    ev.ASSET_CHECK_EVALUATION: _check,
    ev.ASSET_MATERIALIZATION_PLANNED: _planned,
    ev.ASSET_CHECK_EVALUATION_PLANNED: _planned,
    ev.STEP_OUTPUT: _output,
    ev.HANDLED_OUTPUT: _output,
    ev.STEP_INPUT: lambda _e, body: InputData(input_name=str(body["input"])),
    ev.LOADED_INPUT: lambda _e, body: InputData(input_name=str(body["input"]), upstream=body.get("from")),
    ev.STEP_SUCCESS: lambda _e, body: StepSuccessData(duration_ms=1000 * float(body.get("duration_s") or 0)),
    ev.STEP_FAILURE: _failure,
    ev.STEP_UP_FOR_RETRY: lambda _e, body: StepRetryData(error=error_of(body), seconds_to_wait=body.get("delay_s")),
    ev.RUN_FAILURE: lambda _e, body: JobFailureData(error=error_of(body), failure_reason=body.get("reason")),
    ev.HOOK_ERRORED: lambda _e, body: HookErroredData(error=error_of(body)),
    "STEP_EXPECTATION_RESULT": _expectation,
}
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
        make = _DATA.get(self.event.event_type)
        return make(self.event, self.body) if make is not None else None

    @property
    def asset_key(self) -> AssetKey | None:
        """The asset that the event is about."""
        return _key(self.body) if "asset_key" in self.body else None

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
