"""What is known of each asset's last value and last attempt. Read once from the history, then kept by events.

Knows no code and no screen: staleness asks it what was made from what.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from jobkernel.engine.asset_state import UNKNOWN, AssetState, Made, message_of_error
from jobkernel.engine.moves import Moves
from jobkernel.engine.partition_states import PartitionStates
from jobkernel.model import events as ev
from jobkernel.model.events import Event
from jobkernel.records import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckState:
    """The last result of an asset check."""

    passed: bool
    severity: str
    evaluated_at: int
    description: str | None = None
    run_id: str | None = None


class AssetStates:
    """The states of all assets of a project, as this kernel knows them. Safe to use from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()  # protects the three below
        self.partitions = PartitionStates()
        """Where each partition stands; a move of one is a move of its asset, too."""
        self._states: dict[str, AssetState] = {}
        self._checks: dict[tuple[str, str], CheckState] = {}
        self.moves = Moves()
        """The assets whose state or checks changed, by version; always noted after the change."""

    @property
    def version(self) -> int:
        """Greater whenever something was taken in."""
        return self.moves.version

    def load(
        self,
        assets: Iterable[Mapping[str, Any]],
        checks: Iterable[Mapping[str, Any]],
        partitions: Iterable[Mapping[str, Any]] = (),
    ) -> None:
        """Take in what the history says; what this kernel knows to be newer stays."""
        with self._lock:
            moved = [
                row["asset_key"]
                for row in assets
                if row.get("partition_key") is None and self._take(row["asset_key"], _state_of_row(row))
            ]
            moved += [row["asset_key"] for row in checks if self._take_check(row)]
            moved += self.partitions.load(partitions)
        self.moves.note(moved)

    def of(self, key: str) -> AssetState:
        """Return where an asset stands; one never heard of was never made."""
        return self._states.get(key, UNKNOWN)

    def made(self, key: str) -> Made | None:
        """Return the asset's last materialization, or None."""
        state = self._states.get(key)
        return None if state is None else state.made

    def check(self, asset_key: str, name: str) -> CheckState | None:
        """Return a check's last result, or None."""
        return self._checks.get((asset_key, name))

    def checks_of_run(self, run_id: str) -> dict[tuple[str, str], CheckState]:
        """Return the checks, by asset and name, whose last result is of this run."""
        with self._lock:
            return {names: check for names, check in self._checks.items() if check.run_id == run_id}

    def note(self, event: Event) -> None:
        """Take in one event of a run of this kernel."""
        with self._lock:
            moved = self.partitions.note(event)
        if moved:
            self.moves.note(moved)
        match event.event_type:
            case ev.ASSET_MATERIALIZATION:
                self._note_made(event, event.body or {})
            case ev.ASSET_FAILED_TO_MATERIALIZE:
                self._note_ending(event, "FAILURE")
            case ev.ASSET_CHECK_EVALUATION:
                self._note_check(event, event.body or {})

    def _note_made(self, event: Event, body: Mapping[str, Any]) -> None:
        if body.get("partition_key") is not None:
            return
        made = Made(
            run_id=event.run_id,
            made_at=event.occurred_at,
            step_key=event.step_key,
            data_version=body.get("data_version"),
            fingerprint=(body.get("fingerprint") or {}).get("parts", {}),
            upstream=(body.get("fingerprint") or {}).get("upstream", {}),
            is_told=body.get("fingerprint") is not None,
            metadata=body.get("metadata", {}),
        )
        state = AssetState(made=made, last_run_id=event.run_id, last_at=event.occurred_at, last_ending="SUCCESS")
        with self._lock:
            self._states[body["asset_key"]] = state
        self.moves.note([body["asset_key"]])

    def _note_ending(self, event: Event, ending: str) -> None:
        body = event.body or {}
        if body.get("partition_key") is not None:
            return
        with self._lock:
            before = self._states.get(body["asset_key"], UNKNOWN)
            self._states[body["asset_key"]] = replace(
                before,
                last_run_id=event.run_id,
                last_at=event.occurred_at,
                last_ending=ending,
                error=message_of_error(body.get("error")),
            )
        self.moves.note([body["asset_key"]])

    def _note_check(self, event: Event, body: Mapping[str, Any]) -> None:
        with self._lock:
            self._checks[body["asset_key"], body["check_name"]] = CheckState(
                passed=body["passed"],
                severity=body["severity"],
                evaluated_at=event.occurred_at,
                description=body.get("description"),
                run_id=event.run_id,
            )
        self.moves.note([body["asset_key"]])

    def _take(self, key: str, state: AssetState) -> bool:
        """Take a state in unless what is known is newer; return whether it is another than that."""
        known = self._states.get(key)
        if known is not None and ((state.last_at or 0) < (known.last_at or 0) or state == known):
            return False
        self._states[key] = state
        return True

    def _take_check(self, row: Mapping[str, Any]) -> bool:
        """Take a check's result in; return whether it is another than what is known."""
        names, check = (row["asset_key"], row["check_name"]), _check_of_row(row)
        is_other = self._checks.get(names) != check
        self._checks[names] = check
        return is_other


def _state_of_row(row: Mapping[str, Any]) -> AssetState:
    made = None
    if row.get("last_materialized_at") is not None:
        fingerprint = row.get("fingerprint") or {}
        made = Made(
            run_id=row.get("materialized_run_id"),
            made_at=row["last_materialized_at"],
            step_key=row.get("step_key"),
            data_version=row.get("data_version"),
            fingerprint=fingerprint.get("parts", {}),
            upstream=fingerprint.get("upstream", {}),
            is_told=row.get("fingerprint") is not None,
            metadata=row.get("metadata") or {},
            duration_s=row.get("duration_s"),
        )
    error = row.get("error")
    return AssetState(
        made=made,
        last_run_id=row.get("last_run_id"),
        last_at=row.get("last_at"),
        last_ending="FAILURE" if row.get("status") == "FAILED" else row.get("status"),
        error=message_of_error(error),
    )


def _check_of_row(row: Mapping[str, Any]) -> CheckState:
    return CheckState(
        passed=bool(row["passed"]),
        severity=row["severity"],
        evaluated_at=row["occurred_at"],
        description=row.get("description"),
        run_id=row.get("run_id"),
    )
