"""What the history says of a run that has ended here comes late: it is no run in progress any more."""

from __future__ import annotations

from typing import Any

from jobkernel.engine.partition_states import PartitionStates
from jobkernel.model import events as ev
from jobkernel.model.events import Event


def event(event_type: str, run_id: str, partition: str | None = None) -> Event:
    body = None if partition is None else {"asset_key": "day", "partition_key": partition}
    return Event(event_type, run_id, None, 1_000, body)


def row(partition: str, run_id: str) -> dict[str, Any]:
    """A row of the history in which a run is still to make a partition."""
    empty = dict.fromkeys(("parts", "parts_id", "last_at", "last_materialized_at"))
    return {**empty, "asset_key": "day", "partition_key": partition, "planned_run_id": run_id}


def test_a_run_that_ended_here_is_not_in_progress_when_the_history_still_says_so() -> None:
    states = PartitionStates()
    states.note(event(ev.ASSET_MATERIALIZATION_PLANNED, "run", "a"))
    states.note(event(ev.ASSET_MATERIALIZATION, "run", "a"))
    states.note(event(ev.RUN_SUCCESS, "run"))

    states.load([row("a", "run"), row("b", "another kernel's")])

    assert states.planned("day") == {"b"}
