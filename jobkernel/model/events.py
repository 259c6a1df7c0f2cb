"""Facts about runs, in Dagster's event words. An event is never changed after it was made.

Knows no store and no screen; the engine makes events, storage keeps them, everything shown is computed from them.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple


class Event(NamedTuple):
    """One thing that happened. ``occurred_at`` is microseconds since the epoch, UTC; ``body`` is JSON-able."""

    event_type: str
    run_id: str | None
    step_key: str | None
    occurred_at: int
    body: dict[str, Any] | None = None


RUN_ENQUEUED: Final = "RUN_ENQUEUED"
RUN_DEQUEUED: Final = "RUN_DEQUEUED"
RUN_STARTING: Final = "RUN_STARTING"
RUN_START: Final = "RUN_START"
RUN_SUCCESS: Final = "RUN_SUCCESS"
RUN_FAILURE: Final = "RUN_FAILURE"
RUN_CANCELING: Final = "RUN_CANCELING"
RUN_CANCELED: Final = "RUN_CANCELED"

STEP_START: Final = "STEP_START"
STEP_INPUT: Final = "STEP_INPUT"
STEP_OUTPUT: Final = "STEP_OUTPUT"
STEP_SUCCESS: Final = "STEP_SUCCESS"
STEP_FAILURE: Final = "STEP_FAILURE"
STEP_SKIPPED: Final = "STEP_SKIPPED"
STEP_UP_FOR_RETRY: Final = "STEP_UP_FOR_RETRY"
STEP_RESTARTED: Final = "STEP_RESTARTED"
STEP_NOT_RUN: Final = "STEP_NOT_RUN"
"""Ours: the step was given up because something above it failed."""
STEP_CANCELED: Final = "STEP_CANCELED"
"""Ours: the step had not ended when its run was canceled."""
STEP_PROGRESS: Final = "STEP_PROGRESS"
"""Ours: how far a step says it is; live only, never stored."""

LOADED_INPUT: Final = "LOADED_INPUT"
HANDLED_OUTPUT: Final = "HANDLED_OUTPUT"
RESOURCE_INIT_STARTED: Final = "RESOURCE_INIT_STARTED"
RESOURCE_INIT_SUCCESS: Final = "RESOURCE_INIT_SUCCESS"
RESOURCE_INIT_FAILURE: Final = "RESOURCE_INIT_FAILURE"
ENGINE_EVENT: Final = "ENGINE_EVENT"
LOGS_CAPTURED: Final = "LOGS_CAPTURED"
LOG_MESSAGE: Final = "LOG_MESSAGE"
"""Ours: a line that the step logged (``context.log`` or :mod:`logging`)."""

ASSET_MATERIALIZATION_PLANNED: Final = "ASSET_MATERIALIZATION_PLANNED"
ASSET_MATERIALIZATION: Final = "ASSET_MATERIALIZATION"
ASSET_OBSERVATION: Final = "ASSET_OBSERVATION"
ASSET_FAILED_TO_MATERIALIZE: Final = "ASSET_FAILED_TO_MATERIALIZE"
ASSET_CHECK_EVALUATION_PLANNED: Final = "ASSET_CHECK_EVALUATION_PLANNED"
ASSET_CHECK_EVALUATION: Final = "ASSET_CHECK_EVALUATION"

HOOK_COMPLETED: Final = "HOOK_COMPLETED"
HOOK_ERRORED: Final = "HOOK_ERRORED"
HOOK_SKIPPED: Final = "HOOK_SKIPPED"

DEFINITION_CHANGED: Final = "DEFINITION_CHANGED"
"""Ours: a cell defined something; ``body`` has kind, name, notebook, source, options."""
DEFINITION_FORGOTTEN: Final = "DEFINITION_FORGOTTEN"
CELL_KEPT: Final = "CELL_KEPT"
"""Ours: a cell that definitions need; ``body`` as of a definition, of kind ``cell``."""
CELL_FORGOTTEN: Final = "CELL_FORGOTTEN"
SETTING_CHANGED: Final = "SETTING_CHANGED"
DYNAMIC_PARTITION_ADDED: Final = "DYNAMIC_PARTITION_ADDED"
"""Ours: a key of dynamic partitions is there from now on; ``body`` has their name and the key."""
DYNAMIC_PARTITION_DELETED: Final = "DYNAMIC_PARTITION_DELETED"

AUTOMATION_CHANGED: Final = "AUTOMATION_CHANGED"
"""Ours: a schedule or sensor is new, or its times are; ``body`` has name, type, crons, timezone, notebook."""
AUTOMATION_SWITCHED: Final = "AUTOMATION_SWITCHED"
"""Ours: somebody switched it; ``body`` has name, on (None: as its definition says), by."""
CURSOR_SET: Final = "CURSOR_SET"
"""Ours: somebody set or cleared a sensor's cursor; ``body`` has name, cursor."""
RUN_KEYS_RESET: Final = "RUN_KEYS_RESET"
"""Ours: somebody let run keys be used again; ``body`` has name, run_keys (None: all of them)."""
TICK_STARTED: Final = "TICK_STARTED"
"""Ours: a tick is claimed, with the runs it asked for; ``TICK_SUCCESS`` follows when they are launched."""
TICK_SUCCESS: Final = "TICK_SUCCESS"
TICK_SKIPPED: Final = "TICK_SKIPPED"
TICK_FAILURE: Final = "TICK_FAILURE"
TICK_MISSED: Final = "TICK_MISSED"
"""Ours: nobody was there for one or more times of a schedule; ``body`` has how many, the first and the last."""
CONDITIONS_EVALUATED: Final = "CONDITIONS_EVALUATED"
"""Ours: what a look at conditions found of assets that is not what the look before found; ``body`` has automation,
tick_id, and in ``found`` for each asset its key, how many of its partitions are requested, why, and the tree."""

BACKFILL_REQUESTED: Final = "BACKFILL_REQUESTED"
"""Ours, as all of backfills: somebody wants one; ``body`` has its id, what it makes, and its runs."""
BACKFILL_TAKEN: Final = "BACKFILL_TAKEN"
"""A kernel goes on with it: what was left, or what failed."""
BACKFILL_LEFT: Final = "BACKFILL_LEFT"
"""Its kernel closes before it is over; ``body`` has the numbers of the runs that went with the kernel."""
BACKFILL_CANCELING: Final = "BACKFILL_CANCELING"
BACKFILL_ENDED: Final = "BACKFILL_ENDED"
"""It is over; ``body`` has its status and how many partitions stand where."""

FINAL_RUN_EVENTS: Final = frozenset({RUN_SUCCESS, RUN_FAILURE, RUN_CANCELED})
