"""``runs``, ``logs``, ``cancel``, ``queue`` and ``prune``: the history and the queue of a project, from a terminal."""

from __future__ import annotations

import argparse
from typing import Any

from jobkernel.cli.projects import history_of, project, project_argument, row_of, run_argument
from jobkernel.cli.telling import FAILED, INTERRUPTED, OK, complain, say, say_json, show_table


def runs_arguments(command: argparse.ArgumentParser) -> None:
    """Say what ``runs`` takes."""
    command.add_argument("--job", metavar="JOB", help="of one job")
    command.add_argument("--status", metavar="STATUS", help="of one status, such as FAILURE")
    command.add_argument("--since", metavar="24h", help="queued within this time")
    command.add_argument("--tag", action="append", metavar="K=V", help="of runs with this tag; may be repeated")
    command.add_argument("--limit", type=int, default=20, metavar="N", help="how many (20)")
    command.add_argument("--json", action="store_true", help="as a JSON list")
    project_argument(command)


def runs(given: argparse.Namespace) -> int:
    """List runs, newest first."""
    from jobkernel.clock import SystemClock
    from jobkernel.engine.records import RunRecords
    from jobkernel.notebook.run_list import listed_runs, runs_table, since, status_named, wanted_tags

    asked: dict[str, Any] = {
        "job": given.job,
        "status": status_named(given.status),
        "since_us": since(given.since, SystemClock().now_us()),
        "tags": wanted_tags(given.tag),
        "limit": given.limit,
    }
    with history_of(project(given)) as history:
        rows = listed_runs(history, **asked)
        waiting = RunRecords(history).waiting(row["run_id"] for row in rows if row["status"] == "QUEUED")
    table = runs_table(rows, waiting)
    if given.json:
        names = ["run_id", *(name.removesuffix(" (UTC)") for name in table.columns[1:]), "priority", "tags"]
        told = [
            (row["run_id"], *cells[1:], row["priority"], row["tags"]) for row, cells in zip(rows, table, strict=True)
        ]
        say_json(names, told)
    else:
        show_table(table)
    return OK


def logs_arguments(command: argparse.ArgumentParser) -> None:
    """Say what ``logs`` takes."""
    command.add_argument(
        "run", metavar="RUN", nargs="?", help="a run's id, or an asset or job for its latest run (default: the latest)"
    )
    command.add_argument("step", metavar="STEP", nargs="?", help="one step of it")
    command.add_argument("-f", "--follow", action="store_true", help="go on until the run ends; Ctrl-C ends it before")
    project_argument(command)


def logs(given: argparse.Namespace) -> int:
    """Print what a run's steps printed and logged, and why those that failed did."""
    from jobkernel.engine.records import RunRecords
    from jobkernel.notebook.log_tail import LogTail
    from jobkernel.notebook.run_search import run_in_history
    from jobkernel.notebook.views import log_view

    with history_of(project(given)) as history:
        row = row_of(history, run_in_history(history, given.run, "`jobkernel runs`"))
        step = _step_named(history, row, given.step) if given.step else None
        tail = LogTail(history, row["run_id"], step)
        try:
            if given.follow:
                tail.follow(lambda line: say(_log_line(line)), say)
            while lines := tail.more():
                for line in lines:
                    say(_log_line(line))
        except KeyboardInterrupt:
            complain(f"stopped following; run {row['run_id'][:8]} goes on.")
            return INTERRUPTED
        failed = RunRecords(history).failed_attempts(row["run_id"], step)
        if failed:
            say(log_view(None, failed).text)
    return OK


def _step_named(history: Any, row: dict[str, Any], name: str) -> str:
    """Return the key of the step that is meant, by its own, its asset's or its check's. Raises :class:`UnknownName`."""
    from jobkernel.errors import UnknownName, did_you_mean
    from jobkernel.model.keys import step_called

    ran = [step["step_key"] for step in history.query("run_steps", run_id=row["run_id"])]
    known = list(dict.fromkeys([*(row["steps"] or ()), *ran]))
    found = step_called(name, known, row)
    if found is None:
        raise UnknownName(f"Run {row['run_id'][:8]} has no step '{name}'.{did_you_mean(name, known)}")
    return found


def _log_line(line: Any) -> str:
    from jobkernel.clock import from_us

    return f"{from_us(line.at):%Y-%m-%d %H:%M:%S.%f}"[:-3] + f"Z  {line.place or '-'}  {line.level}  {line.text}"


def cancel_arguments(command: argparse.ArgumentParser) -> None:
    """Say what ``cancel`` takes."""
    command.add_argument("--force", action="store_true", help="interrupt its steps; a second cancel does it too")
    run_argument(command)
    project_argument(command)


def cancel(given: argparse.Namespace) -> int:
    """Cancel a run, and say what that does."""
    from jobkernel.notebook.canceling import HAS_ENDED, cancel_elsewhere
    from jobkernel.notebook.run_search import run_in_history

    with history_of(project(given)) as history:
        row = row_of(history, run_in_history(history, given.run, "`jobkernel runs`"))
        words = cancel_elsewhere(history, row, forced=given.force, by="the command line")
    say(f"run {row['run_id'][:8]}: {words}")
    return FAILED if words.startswith(HAS_ENDED) else OK


def queue_arguments(command: argparse.ArgumentParser) -> None:
    """Say what ``queue`` takes."""
    command.add_argument("--json", action="store_true", help="the runs as a JSON list")
    project_argument(command)


def queue(given: argparse.Namespace) -> int:
    """Show who runs, who waits and why, and the pools."""
    from jobkernel.notebook.queue_view import queue_view

    with history_of(project(given)) as history:
        view = queue_view(history)
    if given.json:
        say_json([name.removesuffix(" (UTC)").replace(" ", "_") for name in view.runs.columns], view.runs)
        return OK
    say(view.head)
    for table in view.tables():
        say("")
        show_table(table)
    return OK


def prune_arguments(command: argparse.ArgumentParser) -> None:
    """Say what ``prune`` takes."""
    command.add_argument("--dry-run", action="store_true", help="only say what would go")
    project_argument(command)


def prune(given: argparse.Namespace) -> int:
    """Delete what retention no longer keeps."""
    from jobkernel.clock import SystemClock
    from jobkernel.engine.upkeep import prune_values
    from jobkernel.executors.stored import StoredValues
    from jobkernel.values.place import values_place
    from jobkernel.values.store import ValueStore

    folder = project(given)
    with history_of(folder) as history:
        gone = history.request("prune", dry_run=given.dry_run, timeout=600)
        values = StoredValues(ValueStore(values_place(folder, folder / ".jobkernel" / "values")))
        if not given.dry_run:
            values.delete_runs(gone.get("run_ids", ()))
        gone["value_files"] = prune_values(history, values, SystemClock(), dry_run=given.dry_run).files
        values.close()
    words = [
        f"{count:,} {thing.replace('_', ' ')}" for thing, count in gone.items() if isinstance(count, int) and count
    ]
    say(f"{'would delete' if given.dry_run else 'deleted'} {', '.join(words) or 'nothing'}")
    return OK
