"""What a schedule or sensor may answer: run requests, a reason to skip, a sensor's result, changes of partitions.

Records in Dagster's words that check themselves. Know no definitions and no store; made by people's functions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import field, fields, replace
from typing import Any

from jobkernel.errors import InvalidDefinition, InvariantViolation
from jobkernel.model.definitions import EMPTY
from jobkernel.model.keys import AssetCheckKey, AssetKey
from jobkernel.model.names import lenient_tags
from jobkernel.model.partition_range import PartitionKeyRange
from jobkernel.model.partition_requests import (
    AddDynamicPartitionsRequest,
    DeleteDynamicPartitionsRequest,
    PartitionsRequest,
)
from jobkernel.model.results import AssetCheckEvaluation, AssetMaterialization, AssetObservation
from jobkernel.model.run_tags import PARTITION_TAG, RANGE_END_TAG, RANGE_START_TAG
from jobkernel.records import dataclass


@dataclass(frozen=True, slots=True)
class SkipReason:
    """Says that no run is wanted now, and why. Source: Dagster's ``SkipReason``.

    Raises:
        InvalidDefinition: the reason is no text.
    """

    skip_message: str | None = None

    def __post_init__(self) -> None:
        _check_text(self.skip_message, "The message of a SkipReason")


@dataclass(frozen=True, slots=True)
class RunRequest:
    """A wish that one run be launched. Source: Dagster's ``RunRequest``.

    ``run_key`` names the wish: of a sensor, a key that a run has already is not launched again; of a schedule, a key is
    launched once for each tick. ``tags`` become texts, ``run_config`` a plain mapping.

    Raises:
        InvalidDefinition: a field of a wrong kind.
    """

    run_key: str | None = None
    run_config: Mapping[str, Any] = field(default=EMPTY)
    tags: Mapping[str, str] = field(default=EMPTY)
    job_name: str | None = None
    asset_selection: Sequence[AssetKey] | None = None
    stale_assets_only: bool = False
    partition_key: str | None = None
    asset_check_keys: Sequence[AssetCheckKey] | None = None

    def __post_init__(self) -> None:
        for name in ("run_key", "job_name", "partition_key"):
            _check_text(getattr(self, name), f"{name} of a RunRequest")
        if not isinstance(self.stale_assets_only, bool):
            raise InvalidDefinition(
                f"stale_assets_only of a RunRequest is a bool, not {_brief(self.stale_assets_only)}."
            )
        _check_members(self.asset_selection, (AssetKey,), "asset_selection of a RunRequest")
        _check_members(self.asset_check_keys, (AssetCheckKey,), "asset_check_keys of a RunRequest")
        object.__setattr__(self, "run_config", _plain_config(self.run_config))
        object.__setattr__(self, "tags", _plain_tags(self.tags) if self.tags is not EMPTY else EMPTY)

    def with_replaced_attrs(self, **changes: Any) -> RunRequest:
        """Return the same request with some fields changed; names that are no fields are passed over, as in Dagster."""
        known = {each.name for each in fields(self)}
        return replace(self, **{name: value for name, value in changes.items() if name in known})

    def with_tag(self, key: str, text: str) -> RunRequest:
        """Return the same request with one tag more, its other fields not looked at again."""
        made = copy(self)
        object.__setattr__(made, "tags", {**self.tags, key: text})
        return made

    @property
    def entity_keys(self) -> list[AssetKey | AssetCheckKey]:
        """The assets and checks that are asked for by name."""
        return [*(self.asset_selection or ()), *(self.asset_check_keys or ())]

    @property
    def is_job_entity_request(self) -> bool:
        """Whether a whole job is asked for by its name."""
        return bool(self.job_name) and not self.entity_keys

    @property
    def partition_key_range(self) -> PartitionKeyRange | None:
        """The first and last partition, where tags name both."""
        if RANGE_START_TAG in self.tags and RANGE_END_TAG in self.tags:
            return PartitionKeyRange(self.tags[RANGE_START_TAG], self.tags[RANGE_END_TAG])
        return None

    def has_resolved_partition(self) -> bool:
        """Whether its partition, if it names one, is in its tags already."""
        return PARTITION_TAG in self.tags if self.partition_key else True

    def requires_backfill_daemon(self) -> bool:
        """Whether it asks for more than one run; never, since that form is private to Dagster."""
        return False


@dataclass(frozen=True, slots=True)
class SensorResult:
    """All that one look of a sensor gave. Source: Dagster's ``SensorResult``.

    Raises:
        InvariantViolation: both run requests and a reason to skip.
        InvalidDefinition: a field of a wrong kind.
    """

    run_requests: Sequence[RunRequest] | None = None
    skip_reason: SkipReason | str | None = None
    cursor: str | None = None
    dynamic_partitions_requests: Sequence[PartitionsRequest] | None = None
    asset_events: Sequence[AssetObservation | AssetMaterialization | AssetCheckEvaluation] | None = None

    def __post_init__(self) -> None:
        requests = _members(self.run_requests, (RunRequest,), "run_requests of a SensorResult")
        if self.skip_reason and requests:
            raise InvariantViolation("A SensorResult has run requests or a reason to skip, not both.")
        if not isinstance(self.skip_reason, SkipReason | str | None):
            raise InvalidDefinition(f"skip_reason of a SensorResult is a text, not {_brief(self.skip_reason)}.")
        _check_text(self.cursor, "cursor of a SensorResult")
        kinds = (AddDynamicPartitionsRequest, DeleteDynamicPartitionsRequest)
        changes = _members(self.dynamic_partitions_requests, kinds, "dynamic_partitions_requests of a SensorResult")
        events = _members(self.asset_events, _ASSET_EVENTS, "asset_events of a SensorResult")
        reason = SkipReason(self.skip_reason) if isinstance(self.skip_reason, str) else self.skip_reason
        for name, value in (
            ("run_requests", requests),
            ("skip_reason", reason),
            ("dynamic_partitions_requests", changes),
            ("asset_events", events),
        ):
            object.__setattr__(self, name, value)


_ASSET_EVENTS = (AssetObservation, AssetMaterialization, AssetCheckEvaluation)


def _plain_config(config: Any) -> Mapping[str, Any]:
    plain = config.to_config_dict() if hasattr(config, "to_config_dict") else config
    if plain is None:
        return EMPTY
    if not isinstance(plain, Mapping):
        raise InvalidDefinition(f"run_config of a RunRequest is a RunConfig or a mapping, not {_brief(config)}.")
    return plain


def _plain_tags(tags: Any) -> Mapping[str, str]:
    if tags is not None and not isinstance(tags, Mapping):
        raise InvalidDefinition(f"tags of a RunRequest map texts to texts; they are no {_brief(tags)}.")
    return lenient_tags(tags, "a RunRequest")


def _check_text(value: Any, what: str) -> None:
    if not isinstance(value, str | None):
        raise InvalidDefinition(f"{what} is a text, not {_brief(value)}.")


def _members(values: Any, kinds: tuple[type, ...], what: str) -> list[Any]:
    _check_members(values, kinds, what)
    return list(values or ())


def _check_members(values: Any, kinds: tuple[type, ...], what: str) -> None:
    if values is None:
        return
    names = " or ".join(kind.__name__ for kind in kinds)
    if isinstance(values, str) or not isinstance(values, Sequence):
        raise InvalidDefinition(f"{what} is a list of {names}, not {_brief(values)}.")
    for value in values:
        if not isinstance(value, kinds):
            raise InvalidDefinition(f"Each member of {what} is a {names}, not {_brief(value)}.")


def _brief(value: Any) -> str:
    text = repr(value)
    return f"{text if len(text) <= 60 else text[:59] + '…'} of type {type(value).__name__}"
