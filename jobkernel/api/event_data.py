"""What each kind of event carries, under Dagster's names, read back from the JSON that the model's event keeps."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import field
from typing import Any, Final

from jobkernel.model import events as ev
from jobkernel.model.events import Event
from jobkernel.model.keys import AssetKey
from jobkernel.model.metadata import MetadataValue, from_json
from jobkernel.model.results import (
    AssetCheckEvaluation,
    AssetCheckSeverity,
    AssetMaterialization,
    AssetObservation,
    ExpectationResult,
)
from jobkernel.records import dataclass


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
        asset_key=key_of(body), description=body.get("description"), metadata=metadata_of(body),
        partition=body.get("partition_key"), tags=tags,
    )  # fmt: skip


def key_of(body: Mapping[str, Any]) -> AssetKey:
    """Return the key of the asset that an event is about."""
    return AssetKey.from_escaped_user_string(str(body["asset_key"]))


def _observation(_event: Event, body: Mapping[str, Any]) -> AssetObservationData:
    return AssetObservationData(
        asset_observation=AssetObservation(
            asset_key=key_of(body), description=body.get("description"), metadata=metadata_of(body),
            partition=body.get("partition_key"), tags=body.get("tags"),
        )
    )  # fmt: skip


def _check(_event: Event, body: Mapping[str, Any]) -> AssetCheckEvaluation:
    return AssetCheckEvaluation(
        asset_key=key_of(body), check_name=str(body["check_name"]), passed=bool(body["passed"]),
        metadata=metadata_of(body), severity=AssetCheckSeverity(body["severity"]),
        description=body.get("description"), blocking=body.get("blocking"), partition=body.get("partition_key"),
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
    return PlannedData(asset_key=key_of(body), check_name=body.get("check_name"), partition=body.get("partition_key"))


def _expectation(_event: Event, body: Mapping[str, Any]) -> StepExpectationResultData:
    result = ExpectationResult(success=bool(body["success"]), label=body.get("label"))
    return StepExpectationResultData(expectation_result=result)


DATA_OF: Final[Mapping[str, Callable[[Event, Mapping[str, Any]], Any]]] = {
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
"""Event type → what makes its data."""
