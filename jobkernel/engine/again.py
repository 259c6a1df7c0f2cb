"""Running again: what earlier runs left, read from the history, and the plan and choices of the run that goes on.

The step sets are those of ``rules.reexecution``. Called by the session, and by whatever tries runs again by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from jobkernel.engine.planner import Planner
from jobkernel.errors import InvalidSubset, UnknownName
from jobkernel.executors.stored import StoredValues
from jobkernel.model.run_tags import (
    DID_RETRY_TAG,
    PARENT_TAG,
    REASON_TAG,
    RESUME_TAG,
    RETRY_NUMBER_TAG,
    RETRY_RUN_TAG,
    ROOT_TAG,
    WILL_RETRY_TAG,
)
from jobkernel.model.runs import Launch, RunStatus, StepStatus
from jobkernel.records import dataclass
from jobkernel.rules.config_schemas import schemas_of_plan
from jobkernel.rules.config_sets import config_from_sets
from jobkernel.rules.plan import FromStep, Plan
from jobkernel.rules.reexecution import PastRun, again_from_failure, again_selected
from jobkernel.storage.history import History

_OF_ONE_RUN: Final = frozenset(
    {REASON_TAG, RETRY_NUMBER_TAG, RESUME_TAG, WILL_RETRY_TAG, RETRY_RUN_TAG, DID_RETRY_TAG, PARENT_TAG, ROOT_TAG}
)
"""Tags that say something of one run alone, and are not carried to the next."""
_LONGEST_GROUP: Final = 100


@dataclass(frozen=True, slots=True)
class Again:
    """Plans of runs that run again what earlier runs ran."""

    history: History
    planner: Planner
    values: StoredValues
    is_stored_here: Callable[[str], bool]

    def plan(self, row: Mapping[str, Any], *, from_failure: bool, steps: Sequence[str] = ()) -> Plan:
        """Return the plan of all that a run ran, of what it left undone, or of steps that clauses select.

        Raises:
            UnknownName: what it ran is not defined here any more, or a value is gone.
            InvalidSubset: the run did not fail, nothing is left to run, or a value was never made.
        """
        if from_failure and row["status"] not in (RunStatus.FAILURE, RunStatus.CANCELED):
            raise InvalidSubset(
                f"Run {row['run_id'][:8]} is {row['status']}; only one that failed or was canceled goes on from there."
            )
        plan = self.planner.plan_again(row["job_name"], row["assets"] or (), row["notebook"])
        if from_failure or steps:
            group = run_group(self.history, row)
            plan = again_from_failure(plan, group) if from_failure else again_selected(plan, steps, group)
            require_values(plan, self.values, self.is_stored_here)
        self.planner.refuse_missing(plan)
        return plan


@dataclass(frozen=True, slots=True)
class Retrying:
    """How a run is tried again by itself: its row, a plan of what is left or of all, and the launch of that plan."""

    row: Callable[[str], Mapping[str, Any]]
    plan: Callable[..., Plan]
    start: Callable[[Plan, Launch], object]
    default_executor: Callable[[], str]

    def retry(self, run_id: str, new_run_id: str, from_failure: bool, number: int) -> None:
        """Launch what is left of a run, or all of it, as retry so many. Raises as :meth:`Again.plan` does."""
        row = self.row(run_id)
        self.launch(row, self.plan(row, from_failure=from_failure), from_failure, new_run_id, number)

    def launch(self, row: Mapping[str, Any], plan: Plan, from_failure: bool, new_run_id: str, number: int) -> None:
        """Launch a plan as a retry of a run."""
        choice = launch_again(row, from_failure, self.default_executor())
        tags = {**choice.tags, RETRY_NUMBER_TAG: str(number)}
        self.start(plan, replace(choice, tags=tags, trigger="retry", run_id=new_run_id))


def launch_again(row: Mapping[str, Any], from_failure: bool, default_executor: str) -> Launch:
    """Return what is chosen for a run that runs another one again: what was chosen for that one."""
    return Launch(
        config=row["config"] or None,
        tags=tags_again(row, from_failure=from_failure),
        priority=row["priority"],
        executor=row["executor"] if row["executor"] != default_executor else None,
        trigger="reexecution",
        parent_run_id=row["run_id"],
        root_run_id=row["root_run_id"] or row["run_id"],
    )


def with_sets(choice: Launch, sets: Sequence[str], plan: Plan) -> Launch:
    """Return the choice with config values such as ``alpha.n=3`` over its config.

    Raises:
        InvalidConfig: one names nothing of the plan.
    """
    if not sets:
        return choice
    return replace(choice, config=config_from_sets(sets, schemas_of_plan(plan), choice.config))


def run_group(history: History, row: Mapping[str, Any]) -> list[PastRun]:
    """Return what a run left, then its parent, and so on, as far as the history still knows them."""
    group: list[PastRun] = []
    known: set[str] = set()
    while row["run_id"] not in known and len(group) < _LONGEST_GROUP:
        known.add(row["run_id"])
        group.append(_past_run(history, row))
        parents = history.query("run", run_id=row["parent_run_id"]) if row["parent_run_id"] else []
        if not parents:
            break
        row = parents[0]
    return group


def tags_again(row: Mapping[str, Any], *, from_failure: bool) -> dict[str, str]:
    """Return the tags of a run that re-executes another: that one's, and the links to it."""
    kept = {name: value for name, value in (row["tags"] or {}).items() if name not in _OF_ONE_RUN}
    links = {PARENT_TAG: row["run_id"], ROOT_TAG: row["root_run_id"] or row["run_id"]}
    return {**kept, **links, **({RESUME_TAG: "true"} if from_failure else {})}


def require_values(plan: Plan, values: StoredValues, is_stored_here: Callable[[str], bool]) -> None:
    """Refuse a plan that reads outputs of earlier runs which are not kept any more.

    Raises:
        UnknownName: it names the step whose output is gone.
    """
    if plan.earlier is None:
        return
    for step in plan.steps.values():
        for feed in (feed for planned in step.inputs for feed in planned.feeds):
            if not isinstance(feed, FromStep) or feed not in plan.earlier.made_by or feed.step_key in plan.steps:
                continue
            source = plan.earlier.steps.get(feed.step_key)
            output = source.op.output(feed.output.partition("[")[0]) if source is not None else None
            if output is None or output.is_nothing or not is_stored_here(output.io):
                continue
            run_id = plan.earlier.made_by[feed]
            if not values.has_output(run_id, feed.step_key, feed.output):
                raise UnknownName(
                    f"Step '{step.key}' needs what '{feed.step_key}' made in run {run_id[:8]}, and that is not kept any"
                    " more; run all steps again."
                )


def _past_run(history: History, row: Mapping[str, Any]) -> PastRun:
    run_id = row["run_id"]
    statuses: dict[str, StepStatus] = {}
    for step in history.query("run_steps", run_id=run_id):  # attempts in order: the last one counts
        statuses[step["step_key"]] = StepStatus(step["status"])
    outputs = history.query("run_outputs", run_id=run_id)
    succeeded = {key for key, status in statuses.items() if status is StepStatus.SUCCESS}
    made = dict.fromkeys(
        FromStep(each["step_key"], each["output"]) for each in outputs if each["step_key"] in succeeded
    )
    return PastRun(run_id=run_id, steps=frozenset(row["steps"] or ()), statuses=statuses, made=tuple(made))
