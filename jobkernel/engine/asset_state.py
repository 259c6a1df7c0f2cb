"""What is known of one asset, or of one of its partitions: the last value, and how the last attempt ended."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import Any, Final

from jobkernel.model.definitions import EMPTY
from jobkernel.records import dataclass

OF_REPORTS: Final = "INITIAL"
"""The version of what was reported without one, each time the same. Source: Dagster."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """The last materialization of an asset. ``made_at`` is µs since the epoch; ``upstream`` are data versions.

    Of one that was only reported nobody told of what it was made: then ``is_told`` is false.
    """

    run_id: str | None
    made_at: int
    step_key: str | None = None
    data_version: str | None = None
    fingerprint: Mapping[str, Any] = field(default=EMPTY)
    upstream: Mapping[str, str] = field(default=EMPTY)
    is_told: bool = True
    metadata: Mapping[str, Any] = field(default=EMPTY)
    duration_s: float | None = None

    @property
    def version(self) -> str:
        """The version of the value: its own data version, else the run that made it."""
        return self.data_version or self.run_id or OF_REPORTS


@dataclass(frozen=True, slots=True, kw_only=True)
class AssetState:
    """Where one asset stands: what was made last, and how the last attempt ended if it failed or was stopped."""

    made: Made | None = None
    last_run_id: str | None = None
    last_at: int | None = None
    last_ending: str | None = None
    error: str | None = None


UNKNOWN: Final = AssetState()
"""Of what was never heard of."""


def message_of_error(error: Any) -> str | None:
    """Return an error of the history as a line: its type and message; None where there is none."""
    if not isinstance(error, Mapping):
        return None if error is None else str(error)
    return f"{error.get('type', 'Error')}: {error.get('message', '')}".rstrip(": ")
