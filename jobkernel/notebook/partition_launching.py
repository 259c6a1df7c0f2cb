"""What ``--partition`` chooses: a run of one partition, or a backfill over several.

Thin: keys are read by the rules, states asked of the session. The magics that launch call it.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace

from jobkernel.engine.backfill import NAMED, Backfill, Wish
from jobkernel.engine.handle import RunHandle
from jobkernel.engine.partitions import as_of_now, failed_keys, keys_to_make, made_keys, stale_keys
from jobkernel.errors import InvariantViolation
from jobkernel.model.backfill_policy import BackfillPolicy
from jobkernel.model.runs import Launch
from jobkernel.notebook.backfill_progress import run_backfill_here
from jobkernel.notebook.kernel import NotebookKernel
from jobkernel.notebook.launching import run_here
from jobkernel.notebook.options import UsageProblem, whole_number
from jobkernel.notebook.partition_options import keys_in_variable, policy_of
from jobkernel.notebook.shown import count_of
from jobkernel.rules.backfills import BackfillRun, assets_of_definition, backfill_runs, chosen_definition
from jobkernel.rules.partition_text import read_keys
from jobkernel.rules.plan import Plan


def wanted(
    kernel: NotebookKernel, plan: Plan, choice: Launch, given: argparse.Namespace, selection: str
) -> Launch | Wish | None:
    """Return what to launch for what ``--partition`` says: a run, or a backfill; without it, a run as it was chosen.

    With ``--stale`` it is those of the partitions that are stale, failed or missing; None where there are none.

    Raises:
        InvariantViolation: the plan has no partitions, or the text says none.
        UnknownName: a key does not exist.
        UsageProblem: an option for backfills without ``--partition``.
    """
    most = whole_number(given.max_runs, "--max-runs", least=1)
    session, is_stale = kernel.session, bool(getattr(given, "stale", False))
    if given.partition is None and (not is_stale or chosen_definition(plan) is None):
        _refuse_alone(given)
        return choice
    with as_of_now(session):
        definition = chosen_definition(plan)
        if definition is None:
            what = plan.job_name if plan.job is not None else next(iter(plan.asset_keys))
            raise InvariantViolation(f"'{what}' has no partitions; leave out --partition.")
        assets = assets_of_definition(plan, definition)
        said = "all" if given.partition is None else given.partition
        held = keys_in_variable(said, definition, kernel.names)
        keys = (
            held
            if isinstance(held, list)
            else read_keys(
                said if held is None else held,
                definition,
                of=_named(assets),
                made=lambda: made_keys(session, assets),
                failed=lambda: failed_keys(session, assets),
                stale=lambda: stale_keys(session, assets),
            )
        )
        if is_stale:
            to_make = keys_to_make(session, assets)
            keys = [key for key in keys if key in to_make]
            if not keys:
                return None
        policy = policy_of(given)
        if is_one_plain_run(plan, keys, policy):
            return replace(choice, partition_key=keys[0])
    return Wish(plan=plan, keys=tuple(keys), selection=selection, choice=choice, policy=policy, max_runs=most)


def is_one_plain_run(plan: Plan, keys: Sequence[str], policy: BackfillPolicy | None = None) -> bool:
    """Whether one run of one partition makes it all, and that is none of ranges."""
    runs = backfill_runs(plan, keys, policy) if len(keys) == 1 else []
    return len(runs) == 1 and not runs[0].is_range


def would_run(kernel: NotebookKernel, plan: Plan, what: Launch | Wish) -> list[str]:
    """Say which partitions of what a launch would make, and in how many runs; nothing where there are none."""
    if isinstance(what, Launch):
        return [f"Partition {what.partition_key}, in one run."] if what.partition_key is not None else []
    with as_of_now(kernel.session):
        runs = backfill_runs(plan, what.keys, what.policy)
    groups: dict[tuple[str, ...], list[BackfillRun]] = {}
    for run in runs:
        groups.setdefault(run.assets, []).append(run)
    total = sum(run.partitions for run in runs)
    head = f"A backfill of {count_of(total, 'partition')} in {count_of(len(runs), 'run')}:"
    return [head, *(f"  {_of_group(plan, assets, each)}" for assets, each in groups.items())]


def _of_group(plan: Plan, assets: tuple[str, ...], runs: Sequence[BackfillRun]) -> str:
    keys = [key for run in runs for key in run.keys]
    span = {0: "", 1: f" {keys[0]}" if keys else ""}.get(len(keys), f" {len(keys):,} from {keys[0]} to {keys[-1]}")
    return f"{', '.join(assets or plan.asset_keys)}:{span} in {count_of(len(runs), 'run')}"


def launch_partitions(kernel: NotebookKernel, plan: Plan, what: Launch | Wish) -> RunHandle | Backfill:
    """Begin a run or a backfill in the background; return its handle."""
    if isinstance(what, Wish):
        return kernel.session.backfills.launch(what)
    return kernel.session.launch(plan, what)


def run_partitions_here(
    kernel: NotebookKernel, plan: Plan, what: Launch | Wish, bind: Sequence[str]
) -> RunHandle | Backfill:
    """Run it in this cell; bind what it made (of a backfill, the last partition), and return its handle.

    Raises:
        the first failed step's own exception.
    """
    if isinstance(what, Wish):
        return run_backfill_here(kernel, what, bind)
    return run_here(kernel, plan, what, bind=bind)


def _named(assets: Sequence[str]) -> str:
    more = f" and {len(assets) - NAMED} more" if len(assets) > NAMED else ""
    return ", ".join(f"'{key}'" for key in assets[:NAMED]) + more


def _refuse_alone(given: argparse.Namespace) -> None:
    for name, value in (
        ("--max-runs", given.max_runs), ("--single-run", given.single_run), ("--per-run", given.per_run),
    ):  # fmt: skip
        if value:
            raise UsageProblem(f"{name} is for several partitions; say which: --partition FIRST..LAST, all or missing.")
