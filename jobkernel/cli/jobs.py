"""``run`` and ``reexecute``: a job of a notebook, in a kernel of its own, without a front end."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from jobkernel.cli.following import follow
from jobkernel.cli.following_backfills import follow_backfill
from jobkernel.cli.projects import history_of, prepared, row_of
from jobkernel.cli.telling import OK, Refused, complain, say

EXIT_CODES = (
    "Exit codes: 0 the run succeeded; 1 it did not, or a cell that it needs is broken; 2 the command was refused: no"
    " such notebook, job or run, options or config that do not fit; 130 Ctrl-C canceled the run."
)


def run_arguments(command: argparse.ArgumentParser) -> None:
    """Say what ``run`` takes."""
    command.add_argument("notebook", type=Path, metavar="NOTEBOOK", help="the notebook that defines the job")
    command.add_argument("job", metavar="JOB", help="the job")
    command.add_argument("--set", action="append", default=[], metavar="A.B=C", help="a config value; may be repeated")
    command.add_argument("--config", metavar="CONFIG", help="run config: JSON, a .json file or a notebook variable")
    command.add_argument("--tag", action="append", default=[], metavar="K=V", help="a tag; may be repeated")
    command.add_argument("--priority", type=int, metavar="N", help="higher runs first when runs wait")
    command.add_argument("--executor", metavar="EXECUTOR", help="threads, processes, dask, dask:ADDRESS or in_process")
    command.add_argument(
        "--partition",
        metavar="P",
        help="which partitions: KEY, A,B, FIRST..LAST, latest, all, missing, failed or stale",
    )
    command.add_argument(
        "--max-runs", type=int, metavar="N", help="of several partitions: at most so many runs at once"
    )
    command.add_argument(
        "--single-run", action="store_true", help="of several partitions: one run for each contiguous range"
    )
    command.add_argument(
        "--per-run", type=int, metavar="N", help="of several partitions: runs of at most so many that follow each other"
    )


def run_job(given: argparse.Namespace) -> int:
    """Run a job and follow it to its end."""
    from jobkernel.headless import BACKFILL, CellFailed, NotebookRunner, define_all, launch, refuse_needed

    options = _launch_options(given)
    runner = NotebookRunner(given.notebook)
    with runner.kernel(), history_of(prepared(runner.path.parent)) as history:
        try:
            refuse_needed(runner, given.job, define_all(runner, say))
            launched = launch(runner, given.job, options)
        except CellFailed as error:
            return failed(error)
        if launched.startswith(BACKFILL):
            return follow_backfill(history, launched.removeprefix(BACKFILL), given.job)
        return follow(history, launched, given.job, given.notebook)


def _launch_options(given: argparse.Namespace) -> list[str]:
    once = [("--config", _config_text(given.config)), ("--priority", given.priority), ("--executor", given.executor)]
    once += [("--partition", given.partition), ("--max-runs", given.max_runs), ("--per-run", given.per_run)]
    several = [(f"--{name}", value) for name in ("set", "tag") for value in getattr(given, name)]
    flags = ["--single-run"] if given.single_run else []
    return [f"{name}={value}" for name, value in [*several, *once] if value is not None] + flags


def _config_text(text: str | None) -> str | None:
    if text is None or not text.endswith(".json"):
        return text
    try:
        return Path(text).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Refused(f"run: --config: '{text}' cannot be read: {error}") from error


def failed(error: Any) -> int:
    """Say why a cell failed, and return the exit code that goes with it."""
    complain(error)
    return int(error.exit_code)


def scheduler_arguments(command: argparse.ArgumentParser) -> None:
    """Say what ``scheduler`` takes."""
    command.add_argument("notebook", type=Path, metavar="NOTEBOOK", help="the notebook that defines them")


def scheduler(given: argparse.Namespace) -> int:
    """Keep a notebook's schedules and sensors going until Ctrl-C."""
    from jobkernel.headless_scheduler import keep_notebook

    return keep_notebook(given.notebook, say)


def reexecute_arguments(command: argparse.ArgumentParser) -> None:
    """Say what ``reexecute`` takes."""
    command.add_argument("notebook", type=Path, metavar="NOTEBOOK", help="the notebook that defines what was run")
    command.add_argument("run", metavar="RUN", help="a run's id, or an asset or job for its latest run")
    command.add_argument("--set", action="append", default=[], metavar="A.B=C", help="a config value; may be repeated")
    which = command.add_mutually_exclusive_group()
    which.add_argument("--from-failure", action="store_true", help="only what failed and what did not run")
    which.add_argument(
        "--only", nargs="+", action="extend", metavar="STEP", help="only these steps: load, load* with what follows it"
    )


def reexecute(given: argparse.Namespace) -> int:
    """Run again what a run ran, and follow it to its end."""
    from jobkernel import headless
    from jobkernel.notebook.run_search import run_in_history
    from jobkernel.rules.asset_plan import run_title

    runner = headless.NotebookRunner(given.notebook)
    with history_of(prepared(runner.path.parent)) as history:
        row = row_of(history, run_in_history(history, given.run, "`jobkernel runs`"))
        title = run_title(row["job_name"], row["assets"] or ())
        options = ["--from-failure"] if given.from_failure else ["--only", *given.only] if given.only else []
        options += [f"--set={value}" for value in given.set]
        with runner.kernel():
            try:
                headless.define_all(runner, say)
                run_id = headless.reexecute(runner, row["run_id"], options)
            except headless.CellFailed as error:
                return failed(error)
            return follow(history, run_id, f"{title}, from run {row['run_id'][:8]}", given.notebook)


def demo_arguments(command: argparse.ArgumentParser) -> None:
    """Say what ``demo`` takes."""
    command.add_argument("--headless", action="store_true", help="run every cell, print what it shows, and exit")
    command.add_argument("--no-browser", action="store_true", help="start JupyterLab and print its address only")
    command.add_argument("--port", type=int, metavar="N", help="JupyterLab's port (default: 8888 or the next free one)")
    command.add_argument(
        "--dir", type=Path, default=Path("jobkernel-demo"), metavar="DIR", help="where it is copied to"
    )


def demo(given: argparse.Namespace) -> int:
    """Open the quickstart, or run it here."""
    from jobkernel import demo
    from jobkernel.headless import CellFailed

    folder = given.dir.resolve()
    if not given.headless:
        demo.open_lab(folder, say, port=given.port, opens_browser=not given.no_browser)
    try:
        demo.run_without_a_browser(folder, say)
    except CellFailed as error:
        return failed(error)
    return OK
