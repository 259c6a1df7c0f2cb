"""What ``--partition`` chooses: one launch for each partition, or for each range where the assets say so.

Thin: keys are read by the rules, states asked of the session. The magics that launch call it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from jobkernel.engine.handle import RunHandle
from jobkernel.engine.partitions import as_of_now, failed_keys, keys_to_choose, made_keys
from jobkernel.errors import InvariantViolation
from jobkernel.model.backfill_policy import strictest
from jobkernel.model.partition_subset import ranges_of
from jobkernel.model.partitions import PartitionsDefinition
from jobkernel.model.run_tags import RANGE_END_TAG, RANGE_START_TAG
from jobkernel.model.runs import Launch
from jobkernel.notebook.kernel import NotebookKernel
from jobkernel.notebook.launching import run_here
from jobkernel.rules.partition_multi import MultiPartitionsDefinition
from jobkernel.rules.partition_text import read_keys
from jobkernel.rules.plan import Plan


def launches(kernel: NotebookKernel, plan: Plan, choice: Launch, text: str | None) -> list[Launch]:
    """Return what to launch, in order, for what ``--partition`` says; without it, what was chosen as it is.

    Raises:
        InvariantViolation: the plan has no partitions, or the text says none.
        UnknownName: a key does not exist.
    """
    if text is None:
        return [choice]
    session = kernel.session
    definition = keys_to_choose(session, plan)
    if definition is None:
        what = plan.job_name if plan.job is not None else next(iter(plan.asset_keys))
        raise InvariantViolation(f"'{what}' has no partitions; leave out --partition.")
    with as_of_now(session):
        keys = read_keys(
            text,
            definition,
            made=lambda: made_keys(session, _partitioned(plan)),
            failed=lambda: failed_keys(session, _partitioned(plan)),
        )
        return list(_in_runs(plan, choice, definition, keys))


class LaunchedRuns(list[RunHandle]):
    """The runs of several partitions, in order. ``run_id`` is that of the last."""

    @property
    def run_id(self) -> str:
        """The id of the last of the runs."""
        return self[-1].run_id

    def wait(self) -> LaunchedRuns:
        """Wait until all have ended."""
        for handle in self:
            handle.wait()
        return self


def launch_partitions(kernel: NotebookKernel, plan: Plan, choices: Sequence[Launch]) -> RunHandle | LaunchedRuns:
    """Queue a run for each, in order; return the handle of the one, or all handles."""
    handles = LaunchedRuns(kernel.session.launch(plan, choice) for choice in choices)
    return handles[0] if len(handles) == 1 else handles


def run_partitions_here(
    kernel: NotebookKernel, plan: Plan, choices: Sequence[Launch], bind: Sequence[str]
) -> RunHandle:
    """Run each in this cell, one after another; bind what the last one made, and return its handle.

    Raises:
        the first failed step's own exception; what comes after it does not run.
    """
    for choice in choices[:-1]:
        run_here(kernel, plan, choice, bind=())
    return run_here(kernel, plan, choices[-1], bind=bind)


def _partitioned(plan: Plan) -> list[str]:
    specs = [spec for step in plan.steps.values() if step.assets is not None for spec in step.assets.specs]
    return [spec.key for spec in specs if spec.partitions is not None and spec.key in plan.asset_keys]


def _in_runs(plan: Plan, choice: Launch, definition: PartitionsDefinition, keys: Sequence[str]) -> Iterator[Launch]:
    policies = [step.assets.backfill for step in plan.steps.values() if step.assets is not None]
    most = strictest(policies).max_partitions_per_run or len(keys)
    if most == 1 or isinstance(definition, MultiPartitionsDefinition):
        yield from (replace(choice, partition_key=key) for key in keys)
        return
    ordered = list(definition.get_partition_keys())
    for between in ranges_of(ordered, keys):
        held = ordered[ordered.index(between.start) : ordered.index(between.end) + 1]
        for first in range(0, len(held), most):
            part = held[first : first + most]
            tags = {**choice.tags, RANGE_START_TAG: part[0], RANGE_END_TAG: part[-1]}
            yield replace(choice, tags=tags) if len(part) > 1 else replace(choice, partition_key=part[0])
