"""What a run says of itself as a whole: what it begins with, and what its end is called. Words; acts on nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from jobkernel.engine.run_setup import RunSetup
from jobkernel.executors.call import RunFacts
from jobkernel.executors.failure import describe_error
from jobkernel.executors.partition_values import keys_made
from jobkernel.model import events as ev
from jobkernel.model.runs import RunStatus
from jobkernel.rules.plan import Plan

Failure = tuple[str, BaseException]
"""A step that failed, and the user's error."""


def first_events(setup: RunSetup) -> Iterator[tuple[str, dict[str, Any] | None, str | None]]:
    """Give the event type, body and step key of all that a run says before its resources open."""
    yield ev.RUN_START, None, None
    yield from _planned_events(setup.plan, setup.facts)
    count = len(setup.plan.steps)
    steps = "1 step" if count == 1 else f"{count} steps"
    yield ev.ENGINE_EVENT, {"message": f"Running {steps} on {setup.executor_name}."}, None


def _planned_events(plan: Plan, facts: RunFacts) -> Iterator[tuple[str, dict[str, Any], str]]:
    for step in plan.steps.values():
        for key in step.asset_keys.values():
            for partition in keys_made(facts, key):
                body: dict[str, Any] = {"asset_key": key, "partition_key": partition}
                yield ev.ASSET_MATERIALIZATION_PLANNED, body, step.key
        for check in step.checks.values():
            body = {"asset_key": check.asset_key, "check_name": check.name}
            yield ev.ASSET_CHECK_EVALUATION_PLANNED, body, step.key


def canceled(because: BaseException | None) -> tuple[RunStatus, dict[str, Any]]:
    """Return how a run ended that was stopped: canceled, or failed where it was stopped because of an error."""
    if because is None:
        return RunStatus.CANCELED, {"reason": "canceled"}
    return RunStatus.FAILURE, {"error": describe_error(because), "reason": "RUN_TIMEOUT"}


def verdict(
    failed: Sequence[str], first: Failure | None, error: BaseException | None
) -> tuple[RunStatus, dict[str, Any]]:
    """Return how a run ended whose steps are all over: its status, and the body of its last event.

    ``failed`` are the steps that failed, ``first`` the first of them, ``error`` what the run failed with, if it did.
    """
    if first is None:
        if error is None:
            return RunStatus.SUCCESS, {}
        return RunStatus.FAILURE, {"error": describe_error(error), "reason": "RUN_EXCEPTION"}
    key, users_error = first
    described = {**describe_error(users_error), "step_key": key}
    message = f"Steps failed: {', '.join(failed)}."
    return RunStatus.FAILURE, {"error": described, "reason": "STEP_FAILURE", "message": message}
