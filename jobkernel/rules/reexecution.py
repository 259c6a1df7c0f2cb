"""Which steps run again when a run is re-executed, and where the values of the others come from. Pure.

The step sets are Dagster's: from failure, what failed, was interrupted or never ran, and all that follows from it; what
was skipped stays out. A dynamic output that is not made again keeps its mapping keys. The session asks.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field, replace

from jobkernel.errors import InvalidSubset
from jobkernel.model.runs import StepStatus
from jobkernel.records import dataclass
from jobkernel.rules.asset_plan import keys_of_names
from jobkernel.rules.graph import Graph
from jobkernel.rules.mapped_steps import copies
from jobkernel.rules.op_selection import select_steps
from jobkernel.rules.plan import Earlier, Feed, FromAsset, FromStep, Plan, PlannedInput, PlannedStep

_DONE = frozenset({StepStatus.SUCCESS, StepStatus.SKIPPED})


@dataclass(frozen=True, slots=True, kw_only=True)
class PastRun:
    """What one run left: the steps it was meant to run, how each ended, and what its successful steps made.

    ``steps`` are the keys of its plan, mapped ones as patterns; ``made`` names dynamic outputs as ``name[key]``.
    """

    run_id: str
    steps: frozenset[str]
    statuses: Mapping[str, StepStatus]
    made: tuple[FromStep, ...] = field(default=())


def again_from_failure(whole: Plan, group: Sequence[PastRun]) -> Plan:
    """Return the plan of what the newest run of a group left undone; ``group`` is that run, its parent, and so on.

    Raises:
        InvalidSubset: nothing is left to run, or a value it needs was made by no run of the group.
    """
    parent = group[0]
    plan = _unfolded(whole, group)
    meant = {key for key in plan.steps if key in parent.steps or _pattern(key, plan) in parent.steps}
    undone = {key for key in meant if parent.statuses.get(key) not in _DONE}
    after = _graph(plan).downstream(undone) & meant
    wanted = undone | {key for key in after if parent.statuses.get(key) is not StepStatus.SKIPPED}
    if not wanted:
        raise InvalidSubset(f"Nothing of run {parent.run_id[:8]} is left to run: every step succeeded or was skipped.")
    return _only(plan, wanted, group)


def again_selected(whole: Plan, selection: Sequence[str], group: Sequence[PastRun]) -> Plan:
    """Return the plan of the steps that clauses such as ``load*`` select; the others' values are those of the group.

    A step that makes an asset may be called by the asset's key, too.

    Raises:
        UnknownName: clauses name steps that the run does not hold.
        InvalidSubset: a text is no clause, or a value that a step needs was made by no run of the group.
    """
    plan = _unfolded(whole, group)
    if list(selection) == ["*"]:
        return whole
    called = keys_of_names(plan)
    names = {called.get(name, name) for name in (clause.strip().strip("*+") for clause in selection)}
    if not names <= plan.steps.keys() and names <= whole.steps.keys():
        plan = whole  # a mapped step by its pattern: all its copies
    return _only(plan, select_steps(_graph(plan), selection, called), group)


def _graph(plan: Plan) -> Graph:
    return Graph.of(
        {key: {feed.step_key for feed in step.sources} & plan.steps.keys() for key, step in plan.steps.items()}
    )


def _pattern(key: str, plan: Plan) -> str:
    step = plan.steps[key]
    return key if step.mapping_key is None else key.replace(f"[{step.mapping_key}]", "[?]")


def _unfolded(plan: Plan, group: Sequence[PastRun]) -> Plan:
    """Return the plan with mapped steps replaced by one copy for each key that the group's last making of it gave."""
    keys: dict[FromStep, tuple[str, ...]] = {}
    roots = {step.mapped_over for step in plan.steps.values() if step.mapped_over is not None}
    for root in roots:
        making = next((run for run in group if run.statuses.get(root.step_key) is StepStatus.SUCCESS), None)
        failed_since = making is not group[0] and group[0].statuses.get(root.step_key) is not None
        if making is not None and not failed_since:
            keys[root] = tuple(_mapping_keys(root, making.made))
    if not keys:
        return plan
    made_of = {
        step.key: copies(step, keys[step.mapped_over])
        for step in plan.steps.values()
        if step.mapped_over is not None and step.mapped_over in keys
    }
    steps = [each for step in plan.steps.values() for each in made_of.get(step.key, [step])]
    return plan.with_steps(_without_patterns(step, made_of, keys) for step in steps)


def _mapping_keys(root: FromStep, made: Iterable[FromStep]) -> Iterable[str]:
    prefix = f"{root.output}["
    for feed in made:
        if feed.step_key == root.step_key and feed.output.startswith(prefix):
            yield feed.output[len(prefix) : -1]


def _without_patterns(
    step: PlannedStep, made_of: Mapping[str, list[PlannedStep]], keys: Mapping[FromStep, tuple[str, ...]]
) -> PlannedStep:
    inputs = tuple(_spread(planned, made_of, keys) for planned in step.inputs)
    after = [FromStep(copy.key, feed.output) for feed in step.after for copy in made_of.get(feed.step_key, [])] + [
        feed for feed in step.after if feed.step_key not in made_of
    ]
    return replace(step, inputs=inputs, after=tuple(after))


def _spread(
    planned: PlannedInput, made_of: Mapping[str, list[PlannedStep]], keys: Mapping[FromStep, tuple[str, ...]]
) -> PlannedInput:
    if len(planned.feeds) != 1:
        return planned
    feed = planned.feeds[0]
    if not isinstance(feed, FromStep) or not feed.is_collected:
        return planned
    if feed.step_key in made_of:
        feeds: tuple[Feed, ...] = tuple(FromStep(copy.key, feed.output) for copy in made_of[feed.step_key])
    elif FromStep(feed.step_key, feed.output) in keys:
        feeds = tuple(
            FromStep(feed.step_key, f"{feed.output}[{key}]") for key in keys[FromStep(feed.step_key, feed.output)]
        )
    else:
        return planned
    return replace(planned, feeds=feeds, is_fan_in=True)


def _only(plan: Plan, wanted: Iterable[str], group: Sequence[PastRun]) -> Plan:
    chosen = set(wanted)
    made_by = {feed: run.run_id for run in reversed(group) for feed in run.made}
    kept = [_reading_back(step, chosen, plan, made_by) for key, step in plan.steps.items() if key in chosen]
    left_out = {key: step for key, step in plan.steps.items() if key not in chosen}
    return replace(plan.with_steps(kept), earlier=Earlier(steps=left_out, made_by=made_by))


def _reading_back(step: PlannedStep, chosen: set[str], plan: Plan, made_by: Mapping[FromStep, str]) -> PlannedStep:
    """Return the step with what left-out steps made of assets read as assets; the rest must have been made."""

    def read(feed: Feed) -> Feed:
        if not isinstance(feed, FromStep) or feed.step_key in chosen or feed.step_key not in plan.steps:
            return feed
        key = plan.steps[feed.step_key].asset_keys.get(feed.output)
        return feed if key is None else FromAsset(key)

    if step.mapped_over is not None and step.mapping_key is None and step.mapped_over.step_key not in chosen:
        raise InvalidSubset(
            f"Step '{step.key}' runs once for each key that '{step.mapped_over.step_key}' makes; run that again too, or"
            " name one key."
        )
    inputs = []
    for planned in step.inputs:
        feeds = tuple(read(feed) for feed in planned.feeds)
        absent = [
            feed
            for feed in feeds
            if isinstance(feed, FromStep)
            and feed.step_key not in chosen
            and feed not in made_by
            and not feed.is_collected
        ]
        if absent and not planned.input.is_nothing and (not planned.is_fan_in or len(absent) == len(feeds)):
            raise InvalidSubset(
                f"Step '{step.key}' needs output '{absent[0].output}' of step '{absent[0].step_key}', which no run of"
                f" this group made; run '{absent[0].step_key}' again too."
            )
        inputs.append(replace(planned, feeds=feeds))
    after = tuple(feed for feed in step.after if feed.step_key in chosen)
    return replace(step, inputs=tuple(inputs), after=after)
