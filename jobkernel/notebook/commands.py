"""What each line magic does, as functions of the notebook and the parsed options. Magics stay three lines long."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any, Final

from jobkernel.engine.entries import Entry
from jobkernel.engine.handle import RunHandle
from jobkernel.engine.live_run import abandoned_words
from jobkernel.errors import InvalidSelection, UnknownName, nearest
from jobkernel.model.definitions import Job
from jobkernel.model.runs import PLAIN_LAUNCH, RunStatus
from jobkernel.notebook import using
from jobkernel.notebook.canceling import cancel_run
from jobkernel.notebook.defining import defined
from jobkernel.notebook.explain import why
from jobkernel.notebook.graph_view import GraphQuery
from jobkernel.notebook.kernel import NotebookKernel
from jobkernel.notebook.launching import chosen, run_config
from jobkernel.notebook.options import UsageProblem, executor_name, pairs, whole_number
from jobkernel.notebook.partition_launching import launch_partitions, run_partitions_here, wanted, would_run
from jobkernel.notebook.queue_view import QueueView, queue_view
from jobkernel.notebook.run_list import listed_runs, runs_table, since, status_named, wanted_tags
from jobkernel.notebook.run_logs import run_meant, show_logs
from jobkernel.notebook.showing import picture, show_graph
from jobkernel.notebook.shown import Shown
from jobkernel.notebook.views import plan_view
from jobkernel.rules.selecting import keys_named, read_selection
from jobkernel.storage.table import Table

NOTHING_IS: Final = {
    "status:stale": "Nothing is stale",
    "status:failed": "Nothing has failed",
    "status:missing": "Nothing is missing",
}
"""What is said where a selection by status finds nothing: where all is well, that is no mistake."""


def define_asset_job(kernel: NotebookKernel, given: argparse.Namespace) -> Shown | None:
    """Define an asset job over a selection."""
    text = " ".join(given.selection)
    if not text:
        raise UsageProblem("%job: missing SELECTION. Usage: %job NAME SELECTION [options], such as %job report +totals")
    read_selection(text)
    job = Job(
        name=given.name,
        selection=text,
        tags=pairs(given.tag, "--tag"),
        priority=whole_number(given.priority, "--priority") or 0,
        config=run_config(kernel, given.config),
        description=given.description,
        executor=executor_name(given.executor),
        max_concurrent=whole_number(given.max_concurrent, "--max-concurrent", least=1),
    )
    options = {"selection": text, "cell_id": kernel.cell_id, "cell_number": kernel.cell_number}
    return defined(kernel, Entry(kind="job", name=job.name, record=job, options=options), given)


def materialize(kernel: NotebookKernel, given: argparse.Namespace) -> Any:
    """Run assets in the foreground (or background) and bind those named literally."""
    session = kernel.session
    text = " ".join(given.selection)
    if text in session.registry.jobs and text not in session.registry.assets:
        raise InvalidSelection(f"'{text}' is a job; run it with %launch {text}.")
    keys = session.select(text or None)
    if not keys and session.registry.assets and "status:" in text:
        return Shown(f"✓ {NOTHING_IS.get(text, f'Nothing matches {text} now')}; nothing to run.")
    if not keys:
        raise InvalidSelection(f"Nothing that is defined matches '{text}'." if text else "No asset is defined yet.")
    named = [key for key in keys_named(text) if key in keys] if text else []
    skipped: dict[str, str] = {}
    if given.stale:
        keys, skipped = _only_stale(kernel, keys)
        if not keys:
            return _nothing_to_run(kernel, given, named)
    using.refuse_used(session, keys)
    plan = session.plan(keys)
    choice = PLAIN_LAUNCH if given.dry_run else chosen(kernel, given, plan)
    what = wanted(kernel, plan, choice, given, text or "*")
    if what is None:
        return _nothing_to_run(kernel, given, named)
    if given.dry_run:
        return plan_view(session, plan, skipped, would_run(kernel, plan, what))
    if given.bg:
        return launch_partitions(kernel, plan, what)
    bind = [key for key in named if key in skipped or key in plan.asset_keys]
    run_partitions_here(kernel, plan, what, bind)
    return None


def _nothing_to_run(kernel: NotebookKernel, given: argparse.Namespace, named: list[str]) -> Shown:
    """Say that everything is fresh; what was named is bound all the same where this cell waits for it."""
    words = [] if given.bg or given.dry_run else kernel.bindings.renew(named)
    return Shown(" · ".join(["✓ Everything selected is fresh; nothing to run.", *words]))


def _only_stale(kernel: NotebookKernel, keys: list[str]) -> tuple[list[str], dict[str, str]]:
    words = kernel.session.freshness.status_words()
    chosen = [key for key in keys if words.get(key) != "fresh"]
    return chosen, {key: "fresh" for key in keys if words.get(key) == "fresh"}


def launch(kernel: NotebookKernel, given: argparse.Namespace) -> Any:
    """Run a job in the background and return its handle."""
    session = kernel.session
    if given.job in session.registry.assets and given.job not in session.registry.jobs:
        raise UnknownName(f"'{given.job}' is an asset; use %materialize {given.job}.")
    kernel.compose_jobs()
    kernel.jobs.refuse_waiting(given.job)
    plan = session.plan_job(given.job)
    choice = PLAIN_LAUNCH if given.dry_run else chosen(kernel, given, plan)
    what = wanted(kernel, plan, choice, given, given.job) or choice
    if given.dry_run:
        return plan_view(session, plan, {}, would_run(kernel, plan, what))
    if not given.wait:
        return launch_partitions(kernel, plan, what)
    return run_partitions_here(kernel, plan, what, ())


def runs(kernel: NotebookKernel, given: argparse.Namespace) -> Table:
    """Return the run history, newest first."""
    session = kernel.session
    rows = listed_runs(
        session.history,
        job=given.job,
        status=status_named(given.status),
        since_us=since(given.since, session.clock.now_us()),
        tags=wanted_tags(given.tag),
        limit=whole_number(given.limit, "--limit", least=1) or 20,
    )
    waiting = session.records.waiting(row["run_id"] for row in rows if row["status"] == RunStatus.QUEUED)
    return runs_table(rows, waiting)


def logs(kernel: NotebookKernel, given: argparse.Namespace) -> Shown | None:
    """Return what a run's steps printed and logged; with --follow, show it until the run ends."""
    return show_logs(kernel, given)


def explain(kernel: NotebookKernel, given: argparse.Namespace) -> Shown:
    """Say why an asset is fresh, stale or was never made."""
    return why(kernel.session, given.name, given.partition)


def cancel(kernel: NotebookKernel, given: argparse.Namespace) -> Shown:
    """Cancel a run, and say what that does; a second time forces it."""
    return Shown(f"⊘ {cancel_run(kernel.session, run_meant(kernel.session, given.run), forced=given.force)}")


def reexecute(kernel: NotebookKernel, given: argparse.Namespace) -> RunHandle:
    """Run again what a run ran, or a part of it, in the background."""
    if given.from_failure and given.only:
        raise UsageProblem("%jk reexecute: --from-failure chooses the steps itself; leave out --only, or it.")
    run_id = run_meant(kernel.session, given.run)
    return kernel.session.reexecute(
        run_id, from_failure=given.from_failure, steps=given.only or (), sets=given.set or ()
    )


def queue(kernel: NotebookKernel, _given: argparse.Namespace) -> QueueView:
    """Return who runs and who waits, the pools, and which threads of this kernel still run what was abandoned."""
    lost = [
        f"run {live.options.run_id[:8]}: {words}"
        for live in list(kernel.session.launcher.runs.values())
        for words in abandoned_words(live)
    ]
    return queue_view(kernel.session.history, lost)


def sql(kernel: NotebookKernel, given: argparse.Namespace) -> Table:
    """Run one SELECT over the history."""
    kernel.session.automations.keep_looks()
    return kernel.session.history.sql(given.query)


def use(kernel: NotebookKernel, given: argparse.Namespace) -> Shown:
    """Declare assets that another notebook of the project makes."""
    return using.use(kernel, given)


def forget(kernel: NotebookKernel, given: argparse.Namespace) -> Shown:
    """Drop definitions; their values and history stay."""
    if not given.names:
        raise UsageProblem("%jk forget: missing NAMES. Usage: %jk forget NAME …")
    for name in given.names:
        kernel.session.forget(name)
    return Shown(f"✓ forgot {', '.join(given.names)}; values and history stay")


def prune(kernel: NotebookKernel, given: argparse.Namespace) -> Shown:
    """Delete what retention no longer keeps."""
    gone = kernel.session.prune(dry_run=given.dry_run)
    verb = "would delete" if given.dry_run else "deleted"
    words = ", ".join(
        f"{count:,} {thing.replace('_', ' ')}" for thing, count in gone.items() if isinstance(count, int) and count
    )
    return Shown(f"{verb} {words or 'nothing'}")


def graph(kernel: NotebookKernel, given: argparse.Namespace) -> Any:
    """Show a part of the graph live, or write its picture to a file."""
    query = _graph_query(kernel, " ".join(given.selection))
    if given.to:
        return Shown(f"✓ {picture(kernel, query).save(given.to)}")
    return show_graph(kernel, query)


def _graph_query(kernel: NotebookKernel, text: str) -> GraphQuery:
    registry = kernel.session.registry
    if text in registry.jobs:
        return GraphQuery(job=text)
    try:
        kernel.session.select(text or None)
    except InvalidSelection:
        match = nearest(text, [*registry.assets, *registry.jobs])
        if match in registry.jobs:
            raise InvalidSelection(f"No asset or job '{text}' is defined. Did you mean '{match}'?") from None
    return GraphQuery(selection=text or None)


def doctor(kernel: NotebookKernel, _given: argparse.Namespace) -> Shown:
    """Say what is wrong with this installation and project, in sentences."""
    from jobkernel.storage.checkup import examine

    findings = examine(kernel.session.project or Path.cwd())
    return Shown("\n".join(f"{finding.level}: {finding.sentence}" for finding in findings) or "Nothing is wrong.")
