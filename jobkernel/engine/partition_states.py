"""What is known of each partition's last value and last attempt. Read once from the history, then kept by events.

Owned by ``AssetStates``. Knows no definition: which partitions exist, and which are stale, others say.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Set
from dataclasses import replace
from typing import Any, Final

from jobkernel.engine.asset_state import UNKNOWN, AssetState, Made, message_of_error
from jobkernel.engine.moves import Moves
from jobkernel.model import events as ev
from jobkernel.model.definitions import EMPTY
from jobkernel.model.events import Event
from jobkernel.rules.fingerprint import Fingerprint

Place = tuple[str, str]
"""An asset and one of its partitions, as key texts."""

LATE_US: Final = 3_600_000_000
"""So much later than it happened may another kernel's event be read first."""
ENDED_KEPT: Final = 10_000
"""So many runs that ended here are known to have ended, whatever older rows of the history say."""
_OF_PARTITIONS: Final = (ev.ASSET_MATERIALIZATION_PLANNED, ev.ASSET_MATERIALIZATION, ev.ASSET_FAILED_TO_MATERIALIZE)


class PartitionStates:
    """The states of all partitions of a project. Callers hold the lock of whoever owns this while they change it."""

    def __init__(self) -> None:
        self.since: int | None = None
        """What of the history's rows may be news: those of this moment (µs since the epoch) and later; None for all."""
        self._of: dict[str, dict[str, AssetState]] = {}
        self._last: dict[str, AssetState] = {}
        self._moves: dict[str, Moves] = {}
        self._planned: dict[Place, str] = {}
        self._places_of_run: dict[str, set[Place]] = {}
        self._foreign: set[str] = set()
        self._alive: set[str] = set()
        """Runs of this kernel that are to make partitions."""
        self._ended: dict[str, None] = {}
        """The last of them that ended."""
        self._prints: dict[str, Mapping[str, Any]] = {}
        self._hashes: dict[int, Mapping[str, str]] = {}

    def of(self, asset: str) -> Mapping[str, AssetState]:
        """Return the states of an asset's partitions that were ever tried, by key."""
        return self._of.get(asset, EMPTY)

    def last(self, asset: str) -> AssetState:
        """Return where an asset as a whole stands: its last attempt and its last value, of whichever partition."""
        return self._last.get(asset, UNKNOWN)

    def planned(self, asset: str) -> Set[str]:
        """Return the partitions of an asset that runs are about to make."""
        return {partition for key, partition in list(self._planned) if key == asset}

    def moves(self, asset: str) -> Moves:
        """Return which of an asset's partitions moved when."""
        return self._moves.setdefault(asset, Moves())

    def hashes_of(self, made: Made) -> Mapping[str, str]:
        """Return the hash of each part of the code that a value was made with; the same object for the same code."""
        return self._hashes.get(id(made.fingerprint), EMPTY)

    def load(self, rows: Iterable[Mapping[str, Any]]) -> list[str]:
        """Take in rows of the question ``partition_states``, return the assets that moved; what is newer stays."""
        moved: dict[str, list[str]] = {}
        planned: set[Place] = set()
        newest = 0
        prints: dict[tuple[str, str], Any] = {}
        for row in rows:
            asset, partition = row["asset_key"], row["partition_key"]
            if row["parts"] is not None:
                prints[asset, row["parts_id"]] = self._shared(row["parts"])
            if row["planned_run_id"] is not None and row["planned_run_id"] not in self._ended:
                planned.add((asset, partition))
                self._plan((asset, partition), row["planned_run_id"], moved, is_foreign=True)
            newest = max(newest, row["last_at"] or 0)
            if self._is_news(row):
                self._put(asset, partition, self._state_of(row, prints.get((asset, row["parts_id"]))))
                moved.setdefault(asset, []).append(partition)
        if newest:
            self.since = max(self.since or 0, newest - LATE_US)
        for place, run_id in list(self._planned.items()):
            if run_id in self._foreign and place not in planned:
                self._unplan(place, moved)
        return self._note(moved)

    def note(self, event: Event) -> list[str]:
        """Take in one event of a run of this kernel; return the assets of which a partition moved."""
        moved: dict[str, list[str]] = {}
        if event.event_type in ev.FINAL_RUN_EVENTS:
            self._end(str(event.run_id), moved)
        elif event.event_type in _OF_PARTITIONS and (event.body or {}).get("partition_key") is not None:
            self._note_partition(event, event.body or {}, moved)
        return self._note(moved)

    def _end(self, run_id: str, moved: dict[str, list[str]]) -> None:
        """Note the end of a run of this kernel, which the history may hear of later than we do."""
        if run_id not in self._alive:
            return
        self._alive.discard(run_id)
        self._ended[run_id] = None
        if len(self._ended) > ENDED_KEPT:
            del self._ended[next(iter(self._ended))]
        for place in list(self._places_of_run.get(run_id, ())):
            self._unplan(place, moved)

    def _note_partition(self, event: Event, body: Mapping[str, Any], moved: dict[str, list[str]]) -> None:
        place = (str(body["asset_key"]), str(body["partition_key"]))
        if event.event_type == ev.ASSET_MATERIALIZATION_PLANNED:
            self._alive.add(str(event.run_id))
            self._plan(place, str(event.run_id), moved)
            return
        if event.event_type == ev.ASSET_MATERIALIZATION:
            state = self._made_by(event, body)
        else:
            state = replace(
                self.of(place[0]).get(place[1], UNKNOWN),
                last_run_id=event.run_id,
                last_at=event.occurred_at,
                last_ending="FAILURE",
                error=message_of_error(body.get("error")),
            )
        self._put(*place, state)
        if place in self._planned and self._planned[place] == event.run_id:
            self._unplan(place, moved)
        moved.setdefault(place[0], []).append(place[1])

    def _made_by(self, event: Event, body: Mapping[str, Any]) -> AssetState:
        fingerprint = body.get("fingerprint") or {}
        made = Made(
            run_id=event.run_id,
            made_at=event.occurred_at,
            step_key=event.step_key,
            data_version=body.get("data_version"),
            fingerprint=self._shared(fingerprint.get("parts") or EMPTY),
            upstream=fingerprint.get("upstream") or EMPTY,
            is_told=body.get("fingerprint") is not None,
            metadata=body.get("metadata") or EMPTY,
        )
        return AssetState(made=made, last_run_id=event.run_id, last_at=event.occurred_at, last_ending="SUCCESS")

    def _state_of(self, row: Mapping[str, Any], parts: Mapping[str, Any] | None) -> AssetState:
        made = None
        if row["last_materialized_at"] is not None:
            made = Made(
                run_id=row["materialized_run_id"],
                made_at=row["last_materialized_at"],
                step_key=row["step_key"],
                data_version=row["data_version"],
                fingerprint=parts or EMPTY,
                upstream=row["upstream"] or EMPTY,
                is_told=row["upstream"] is not None,
            )
        return AssetState(
            made=made,
            last_run_id=row["last_run_id"],
            last_at=row["last_at"],
            last_ending={"FAILED": "FAILURE", "MATERIALIZED": "SUCCESS"}.get(row["status"]),
            error=message_of_error(row["error"]),
        )

    def _is_news(self, row: Mapping[str, Any]) -> bool:
        if row["last_at"] is None:
            return False
        known = self.of(row["asset_key"]).get(row["partition_key"])
        return known is None or (known.last_at or 0) < row["last_at"]

    def _put(self, asset: str, partition: str, state: AssetState) -> None:
        self._of.setdefault(asset, {})[partition] = state
        before = self._last.get(asset, UNKNOWN)
        made = before.made
        if state.made is not None and (made is None or made.made_at <= state.made.made_at):
            made = state.made
        latest = state if (before.last_at or 0) <= (state.last_at or 0) else before
        self._last[asset] = replace(latest, made=made)

    def _plan(self, place: Place, run_id: str, moved: dict[str, list[str]], *, is_foreign: bool = False) -> None:
        known = self._planned.get(place)
        if known == run_id or (is_foreign and known is not None and known not in self._foreign):
            return
        if known is not None:
            self._places_of_run[known].discard(place)
        if is_foreign:
            self._foreign.add(run_id)
        self._planned[place] = run_id
        self._places_of_run.setdefault(run_id, set()).add(place)
        moved.setdefault(place[0], []).append(place[1])

    def _unplan(self, place: Place, moved: dict[str, list[str]]) -> None:
        run_id = self._planned.pop(place)
        among = self._places_of_run[run_id]
        among.discard(place)
        if not among:
            del self._places_of_run[run_id]
            self._foreign.discard(run_id)
        moved.setdefault(place[0], []).append(place[1])

    def _note(self, moved: Mapping[str, list[str]]) -> list[str]:
        for asset, partitions in moved.items():
            self.moves(asset).note(partitions)
        return list(moved)

    def _shared(self, parts: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return one object for equal code, however many partitions were made with it."""
        if not parts:
            return EMPTY
        text = json.dumps(parts, sort_keys=True)
        if text not in self._prints:
            self._prints[text] = parts
            self._hashes[id(parts)] = Fingerprint.from_json(parts).hashes()
        return self._prints[text]
