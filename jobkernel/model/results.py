"""What a body may return, yield or raise beside a plain value. Records; the executor turns them into events.

Metadata of materialize and observe results is kept as it was given, all other is given its kinds at once.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import field, replace
from enum import Enum
from typing import Any, Generic, TypeVar

from jobkernel.errors import InvalidDefinition
from jobkernel.model.definitions import EMPTY, NO_VALUE, RESULT
from jobkernel.model.keys import AssetKey
from jobkernel.model.names import check_name, strict_tags
from jobkernel.records import dataclass

Value = TypeVar("Value")

_words = re.compile(r"[A-Za-z0-9_]+").findall


def _checked_metadata(metadata: Any, what: str) -> Mapping[str, Any]:
    if not metadata:
        return EMPTY
    if not isinstance(metadata, Mapping) or not all(isinstance(key, str) for key in metadata):
        raise InvalidDefinition(f"Metadata of {what} must map texts to values, not be {metadata!r}.")
    return dict(metadata)


def _kinds_of(metadata: Any, what: str) -> Mapping[str, Any]:
    checked = _checked_metadata(metadata, what)
    if not checked:
        return EMPTY
    from jobkernel.model.metadata import normalize_metadata  # most results bear none

    return normalize_metadata(checked)


def _event_key(value: Any) -> AssetKey:
    """Return the key that an event names; a text is split at every sign that is no letter, digit or underscore."""
    if isinstance(value, AssetKey):
        return value
    if isinstance(value, str):
        return AssetKey(_words(value))
    if isinstance(value, Sequence):
        return AssetKey(list(value))
    return AssetKey.from_coercible(value)


def _set(record: Any, **values: Any) -> None:
    for name, value in values.items():
        object.__setattr__(record, name, value)


@dataclass(frozen=True, slots=True)
class DataVersion:
    """A text that stays equal as long as the data does. Source: Dagster's ``DataVersion``."""

    value: str


class AssetCheckSeverity(Enum):
    """How bad it is that a check did not pass; only ERROR stops what depends on a blocking check."""

    WARN = "WARN"
    ERROR = "ERROR"


@dataclass(frozen=True, slots=True)
class Output(Generic[Value]):
    """A value for one output of an op, with what is known of it. Source: Dagster's ``Output``.

    Raises:
        InvalidDefinition: the output name or metadata is malformed.
    """

    value: Value
    output_name: str = RESULT
    metadata: Mapping[str, Any] | None = None
    data_version: DataVersion | None = field(default=None, compare=False)
    tags: Mapping[str, str] | None = field(default=None, kw_only=True)

    __hash__ = None  # type: ignore[assignment]

    def __post_init__(self) -> None:
        if not isinstance(self.output_name, str):
            raise InvalidDefinition(f"An output's name is a text, not {self.output_name!r}.")
        _check_data_version(self.data_version)
        _check_tags(self.tags, f"output '{self.output_name}'")
        _set(self, metadata=_kinds_of(self.metadata, f"output '{self.output_name}'"))

    def with_metadata(self, metadata: Mapping[str, Any] | None) -> Output[Value]:
        """Return the same output with other metadata."""
        return replace(self, metadata=metadata)


def _check_tags(tags: Any, what: str) -> None:
    if tags:
        strict_tags(tags, what)


def _check_results(results: Any) -> list[AssetCheckResult]:
    found = list(results or ())
    for result in found:
        if not isinstance(result, AssetCheckResult):
            raise InvalidDefinition(f"check_results holds {result!r}, which is no AssetCheckResult.")
    return found


def _check_data_version(version: Any) -> None:
    if version is not None and not isinstance(version, DataVersion):
        raise InvalidDefinition(f"data_version must be a DataVersion, not {version!r}.")


@dataclass(frozen=True, slots=True)
class DynamicOutput(Generic[Value]):
    """One of any number of values of a dynamic output, under a key of its own. Source: Dagster's ``DynamicOutput``.

    Raises:
        InvalidDefinition: the mapping key holds anything but letters, digits and underscores.
    """

    value: Value
    mapping_key: str
    output_name: str = RESULT
    metadata: Mapping[str, Any] | None = None

    __hash__ = None  # type: ignore[assignment]

    def __post_init__(self) -> None:
        check_name(self.mapping_key, "Mapping key")
        _set(self, metadata=_kinds_of(self.metadata, f"dynamic output '{self.mapping_key}'"))


@dataclass(frozen=True, slots=True, kw_only=True)
class AssetCheckResult:
    """Whether an asset check passed. Source: Dagster's ``AssetCheckResult``.

    Raises:
        InvalidDefinition: ``passed`` is no bool, or the severity none.
    """

    passed: bool
    asset_key: AssetKey | None = None
    check_name: str | None = None
    metadata: Mapping[str, Any] | None = None
    severity: AssetCheckSeverity = AssetCheckSeverity.ERROR
    description: str | None = None

    def __post_init__(self) -> None:
        if not _is_bool(self.passed):
            raise InvalidDefinition(f"A check passed or not: 'passed' must be True or False, not {self.passed!r}.")
        if not isinstance(self.severity, AssetCheckSeverity):
            raise InvalidDefinition(f"severity must be AssetCheckSeverity.WARN or .ERROR, not {self.severity!r}.")
        _set(
            self,
            passed=bool(self.passed),
            asset_key=_optional_key(self.asset_key),
            metadata=_kinds_of(self.metadata, "a check result"),
        )

    def with_metadata(self, metadata: Mapping[str, Any]) -> AssetCheckResult:
        """Return the same result with other metadata."""
        return replace(self, metadata=metadata)


def _is_bool(value: Any) -> bool:
    return isinstance(value, bool) or type(value).__name__ in ("bool_", "bool")


def _optional_key(value: Any) -> AssetKey | None:
    if value is None or isinstance(value, AssetKey):
        return value
    return AssetKey(value)


@dataclass(frozen=True, slots=True)
class MaterializeResult(Generic[Value]):
    """That an asset was made, with what is known of it; ``value`` only where an IO manager is to store one.

    Source: Dagster's ``MaterializeResult``.
    """

    asset_key: AssetKey | None = None
    metadata: Mapping[str, Any] | None = None
    check_results: Sequence[AssetCheckResult] | None = None
    data_version: DataVersion | None = None
    tags: Mapping[str, str] | None = None
    value: Any = NO_VALUE

    def __post_init__(self) -> None:
        _check_data_version(self.data_version)
        _check_tags(self.tags, "a result")
        _set(
            self,
            asset_key=_optional_key(self.asset_key),
            metadata=None if self.metadata is None else _checked_metadata(self.metadata, "a materialization"),
            check_results=_check_results(self.check_results),
        )

    @property
    def has_value(self) -> bool:
        """Whether there is a value for an IO manager to store; None is one."""
        return self.value is not NO_VALUE

    def check_result_named(self, check_name: str) -> AssetCheckResult:
        """Return the result of that check.

        Raises:
            InvalidDefinition: there is none.
        """
        for result in self.check_results or ():
            if result.check_name == check_name:
                return result
        raise InvalidDefinition(f"There is no result of check '{check_name}'.")


@dataclass(frozen=True, slots=True)
class ObserveResult:
    """What was seen of an asset that somebody else makes. Source: Dagster's ``ObserveResult``."""

    asset_key: AssetKey | None = None
    metadata: Mapping[str, Any] | None = None
    check_results: Sequence[AssetCheckResult] | None = None
    data_version: DataVersion | None = None
    tags: Mapping[str, str] | None = None

    def __post_init__(self) -> None:
        _check_data_version(self.data_version)
        _check_tags(self.tags, "a result")
        _set(
            self,
            asset_key=_optional_key(self.asset_key),
            metadata=None if self.metadata is None else _checked_metadata(self.metadata, "an observation"),
            check_results=_check_results(self.check_results),
        )


@dataclass(frozen=True, slots=True)
class _AssetFact:
    asset_key: AssetKey
    description: str | None = None
    metadata: Mapping[str, Any] | None = None
    partition: str | None = None
    tags: Mapping[str, str] | None = None

    def __post_init__(self) -> None:
        key = _event_key(self.asset_key)
        _check_tags(self.tags, f"asset '{key.to_user_string()}'")
        metadata = _kinds_of(self.metadata, f"asset '{key.to_user_string()}'")
        _set(self, asset_key=key, metadata=metadata, tags=dict(self.tags or {}))

    @property
    def label(self) -> str:
        """The key as people read it: its parts, joined by blanks."""
        return " ".join(self.asset_key.parts)


@dataclass(frozen=True, slots=True)
class AssetMaterialization(_AssetFact):
    """That an asset was made, said from within an op. Source: Dagster's ``AssetMaterialization``."""

    @classmethod
    def file(cls, path: str, description: str | None = None, asset_key: Any = None) -> AssetMaterialization:
        """Return the materialization of a file; its key is the path unless one is given."""
        from jobkernel.model.metadata import MetadataValue

        key = AssetKey(path) if asset_key is None and not isinstance(path, os.PathLike) else asset_key
        return cls(asset_key=key, description=description, metadata={"path": MetadataValue.path(path)})

    def with_metadata(self, metadata: Mapping[str, Any] | None) -> AssetMaterialization:
        """Return the same materialization with other metadata."""
        return replace(self, metadata=metadata)


@dataclass(frozen=True, slots=True)
class AssetObservation(_AssetFact):
    """Something seen of an asset, said from within an op. Source: Dagster's ``AssetObservation``."""


@dataclass(frozen=True, slots=True)
class AssetCheckEvaluation:
    """How an asset check came out. Source: Dagster's ``AssetCheckEvaluation``.

    Raises:
        InvalidMetadata: metadata of no known kind.
    """

    asset_key: AssetKey
    check_name: str
    passed: bool
    metadata: Mapping[str, Any] | None = None
    severity: AssetCheckSeverity = AssetCheckSeverity.ERROR
    description: str | None = None
    blocking: bool | None = None
    partition: str | None = None

    def __post_init__(self) -> None:
        metadata = _kinds_of(self.metadata, "a check evaluation")
        _set(self, asset_key=AssetKey.from_coercible(self.asset_key), metadata=metadata)

    @property
    def asset_check_key(self) -> tuple[AssetKey, str]:
        """The check's name: its asset's key and its own."""
        return self.asset_key, self.check_name


@dataclass(frozen=True, slots=True)
class ExpectationResult:
    """Whether something held that was expected. Source: Dagster's ``ExpectationResult``."""

    success: bool
    label: str | None = None
    description: str | None = None
    metadata: Mapping[str, Any] | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.success, bool):
            raise InvalidDefinition(f"An expectation held or not: 'success' must be a bool, not {self.success!r}.")
        _set(self, label=self.label or "result", metadata=_kinds_of(self.metadata, "an expectation"))


class Failure(Exception):
    """Raise to fail a step with a description and metadata; ``allow_retries=False`` also bars its retries."""

    def __init__(
        self,
        description: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        allow_retries: bool | None = None,
    ) -> None:
        super().__init__(description)
        self.description = description
        self.metadata = _kinds_of(metadata, "a failure")
        self.allow_retries = True if allow_retries is None else allow_retries


class RetryRequested(Exception):
    """Raise to try the step again: at most ``max_retries`` times, after ``seconds_to_wait``."""

    def __init__(self, max_retries: int | None = 1, seconds_to_wait: float | None = None) -> None:
        super().__init__(f"Retry requested (at most {max_retries} times).")
        self.max_retries = 1 if max_retries is None else max_retries
        self.seconds_to_wait = seconds_to_wait
