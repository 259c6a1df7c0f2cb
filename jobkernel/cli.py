"""The ``jobkernel`` command: the demo, jobs of notebooks without a front end, and the history from a terminal.

Parses, calls what does the work, prints plain text. Errors are one sentence on stderr and exit code 2.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, NoReturn

from jobkernel.errors import HistoryError, JobkernelError, UnknownName, Unsupported, did_you_mean
from jobkernel.version import __version__

OK: Final = 0
FAILED: Final = 1
REFUSED: Final = 2
INTERRUPTED: Final = 130
FOLLOW_S: Final = 0.3
LATER: Final = {
    "scheduler": "`jobkernel scheduler` is not there yet; it comes with schedules and sensors in a later version.",
    "export": "`jobkernel export` is not there yet; it comes in a later version.",
}


EXIT_CODES: Final = {
    "run": "Exit codes: 0 the run succeeded; 1 it did not, or a cell that it needs is broken; 2 the command was"
    " refused: no such notebook or job, config that does not fit; 130 Ctrl-C canceled the run.",
}


def main(arguments: list[str] | None = None) -> int:
    """Run the command line and return its exit code: 0 done, 1 failed, 2 refused with one sentence."""
    try:
        given = _parser().parse_args(arguments)
        code: int = given.act(given)
        sys.stdout.flush()
        return code
    except JobkernelError as error:
        sys.stderr.write(f"jobkernel: {error}\n")
        return REFUSED
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # whoever read has enough
        return OK


def say(text: str) -> None:
    """Print a line at once, without control characters that a name or a log may hold."""
    from jobkernel.notebook.shown import plain

    sys.stdout.write(f"{plain(text, 1_000_000)}\n")
    sys.stdout.flush()


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """Refuse in one sentence, with the nearest command where one is mistyped."""
        wrong = re.search(r"invalid choice: '([^']*)'", message)
        if wrong and not self.prog.count(" "):
            message = f"no command '{wrong[1]}'.{did_you_mean(wrong[1], COMMANDS)} `jobkernel --help` lists them all."
        raise Refused(f"{self.prog.removeprefix('jobkernel').strip()}: {message}".lstrip(": "))


class Refused(JobkernelError):
    """The command line was used wrongly."""


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="jobkernel", description="Orchestration that lives inside the notebook.", allow_abbrev=False)
    parser.add_argument("--version", action="version", version=f"jobkernel {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    for name, (about, act, add_arguments) in COMMANDS.items():
        epilog = EXIT_CODES.get(name)
        command = commands.add_parser(name, help=about, description=about, epilog=epilog, allow_abbrev=False)
        add_arguments(command)
        command.set_defaults(act=act)
    return parser


def _project_argument(command: argparse.ArgumentParser) -> None:
    command.add_argument("--project", type=Path, metavar="DIR", help="the project (default: found from here upward)")


def _run_argument(command: argparse.ArgumentParser) -> None:
    command.add_argument("run", metavar="RUN", help="a run's id, or the beginning of it")
    _project_argument(command)


# demo


def _demo_arguments(command: argparse.ArgumentParser) -> None:
    command.add_argument("--headless", action="store_true", help="run every cell, print what it shows, and exit")
    command.add_argument("--no-browser", action="store_true", help="start JupyterLab and print its address only")
    command.add_argument("--port", type=int, metavar="N", help="JupyterLab's port (default: 8888 or the next free one)")
    command.add_argument(
        "--dir", type=Path, default=Path("jobkernel-demo"), metavar="DIR", help="where it is copied to"
    )


def _demo(given: argparse.Namespace) -> int:
    from jobkernel import demo
    from jobkernel.headless import CellFailed

    folder = given.dir.resolve()
    if not given.headless:
        demo.open_lab(folder, say, port=given.port, opens_browser=not given.no_browser)
    try:
        demo.run_without_a_browser(folder, say)
    except CellFailed as error:
        return _failed(error)
    return OK


def _failed(error: Any) -> int:
    sys.stderr.write(f"jobkernel: {error}\n")
    return int(error.exit_code)


# run


def _run_job_arguments(command: argparse.ArgumentParser) -> None:
    command.add_argument("notebook", type=Path, metavar="NOTEBOOK", help="the notebook that defines the job")
    command.add_argument("job", metavar="JOB", help="the job")
    command.add_argument("--set", action="append", default=[], metavar="A.B=C", help="a config value; may be repeated")
    command.add_argument("--tag", action="append", default=[], metavar="K=V", help="a tag; may be repeated")


def _run_job(given: argparse.Namespace) -> int:
    from jobkernel.headless import CellFailed, NotebookRunner, define_all, launch, refuse_needed

    options = [word for name in ("set", "tag") for value in getattr(given, name) for word in (f"--{name}", value)]
    runner = NotebookRunner(given.notebook)
    with runner.kernel(), _history(_prepared(runner.path.parent)) as history:
        try:
            refuse_needed(runner, given.job, define_all(runner, say))
            run_id = launch(runner, given.job, options)
        except CellFailed as error:
            return _failed(error)
        return _followed(history, run_id, given.job)


def _prepared(folder: Path) -> Path:
    """Return the project of a notebook's folder, made where there is none yet."""
    from jobkernel.engine.project import prepare

    project = _project_of(folder)
    prepare(project)
    return project


def _followed(history: Any, run_id: str, job: str) -> int:
    """Follow a run to its end; Ctrl-C cancels it, and again forces it."""
    from jobkernel.headless import Following

    following, presses = Following(history, run_id, say), 0
    while True:
        try:
            following.begin(job)
            status = following.until_the_end()
            break
        except KeyboardInterrupt:
            presses += 1
            history.request("cancel_run", run_id=run_id, forced=presses > 1, by="the command line")
            say("canceling; Ctrl-C again interrupts its steps" if presses == 1 else "interrupting its steps")
    say(f"run {run_id[:8]}: {status}")
    return OK if status == "SUCCESS" else INTERRUPTED if presses else FAILED


# the history


def _runs_arguments(command: argparse.ArgumentParser) -> None:
    command.add_argument("--job", metavar="JOB", help="of one job")
    command.add_argument("--status", metavar="STATUS", help="of one status, such as FAILURE")
    command.add_argument("--since", metavar="24h", help="queued within this time")
    command.add_argument("--limit", type=int, default=20, metavar="N", help="how many (20)")
    _project_argument(command)


def _runs(given: argparse.Namespace) -> int:
    from datetime import timedelta

    from jobkernel.clock import SystemClock
    from jobkernel.notebook.options import duration
    from jobkernel.notebook.run_list import runs_table

    since = None
    if given.since:
        since = SystemClock().now_us() - int(duration(given.since, "--since") / timedelta(microseconds=1))
    status = given.status.upper() if given.status else None
    with _history(_project(given)) as history:
        rows = history.query("latest_runs", job_name=given.job, status=status, since=since, limit=given.limit)
    say(repr(runs_table(rows)))
    return OK


def _logs_arguments(command: argparse.ArgumentParser) -> None:
    command.add_argument("run", metavar="RUN", help="a run's id, or the beginning of it")
    command.add_argument("step", metavar="STEP", nargs="?", help="one step of it")
    command.add_argument("-f", "--follow", action="store_true", help="go on until the run ends")
    _project_argument(command)


def _logs(given: argparse.Namespace) -> int:
    with _history(_project(given)) as history:
        run_id = _found(history, given.run)
        after: Any = None
        while True:
            has_ended = history.query("run", run_id=run_id)[0]["ended_at"] is not None
            found = history.request("log_lines", run_id=run_id, step_key=given.step, after=after)
            after = found["after"]
            for line in found["lines"]:
                say(_log_line(line))
            if not found["lines"] and (has_ended or not given.follow):
                return OK
            if not found["lines"]:
                time.sleep(FOLLOW_S)


def _log_line(line: dict[str, Any]) -> str:
    from jobkernel.clock import from_us

    when = f"{from_us(line['occurred_at']):%Y-%m-%d %H:%M:%S.%f}"[:-3]
    return f"{when}  {line['step_key'] or '-'}  {line['level']}  {line['message']}"


def _cancel_arguments(command: argparse.ArgumentParser) -> None:
    command.add_argument("--force", action="store_true", help="interrupt its steps")
    _run_argument(command)


def _cancel(given: argparse.Namespace) -> int:
    with _history(_project(given)) as history:
        run_id = _found(history, given.run)
        answer = history.request("cancel_run", run_id=run_id, forced=given.force, by="the command line")
    if answer["status"] is not None:
        say(f"run {run_id[:8]} has ended already: {answer['status']}")
    else:
        say(f"asked {answer['asked'] or 'its kernel'} to cancel run {run_id[:8]}")
    return OK


def _prune_arguments(command: argparse.ArgumentParser) -> None:
    command.add_argument("--dry-run", action="store_true", help="only say what would go")
    _project_argument(command)


def _prune(given: argparse.Namespace) -> int:
    from jobkernel.clock import SystemClock
    from jobkernel.engine.upkeep import prune_values
    from jobkernel.executors.stored import StoredValues
    from jobkernel.values.store import ValueStore

    project = _project(given)
    with _history(project) as history:
        gone = history.request("prune", dry_run=given.dry_run, timeout=600)
        values = StoredValues(ValueStore(project / ".jobkernel" / "values"))
        if not given.dry_run:
            values.delete_runs(gone.get("run_ids", ()))
        gone["value_files"] = prune_values(history, values, SystemClock(), dry_run=given.dry_run).files
        values.close()
    words = [
        f"{count:,} {thing.replace('_', ' ')}" for thing, count in gone.items() if isinstance(count, int) and count
    ]
    say(f"{'would delete' if given.dry_run else 'deleted'} {', '.join(words) or 'nothing'}")
    return OK


# the project server


def _server_arguments(command: argparse.ArgumentParser) -> None:
    command.add_argument("what", choices=("status", "stop"), help="say how it is, or end it")
    _project_argument(command)


def _server(given: argparse.Namespace) -> int:
    from jobkernel.storage.control import server_status, stop_server

    project = _project(given)
    if given.what == "stop":
        say("The project server has ended." if stop_server(project) else "No project server runs.")
        return OK
    status = server_status(project)
    say("No project server runs; the first notebook that needs it starts it." if status is None else _described(status))
    return OK


def _described(status: dict[str, Any]) -> str:
    clients = [str(client.get("notebook") or client.get("pid")) for client in status["clients"]]
    rows = {
        "process": f"{status['pid']} on {status['host']}",
        "history": f"{status['database']}, {status['last_seq']:,} events",
        "clients": ", ".join(clients) or "none",
        "running": ", ".join(run_id[:8] for run_id in status["running"]) or "nothing",
        "waiting": ", ".join(run_id[:8] for run_id in status["waiting"]) or "nothing",
        "versions": ", ".join(f"{name} {value}" for name, value in _named(status["versions"])),
    }
    return "\n".join(f"{name:<10}{text}" for name, text in rows.items())


def _named(versions: Any) -> list[tuple[str, Any]]:
    names = ("protocol", "jobkernel", "duckdb")
    return list(versions.items()) if isinstance(versions, dict) else list(zip(names, versions, strict=False))


# the installation


def _doctor(given: argparse.Namespace) -> int:
    from jobkernel.storage.checkup import examine

    findings = examine(_place(given))
    for finding in findings:
        say(f"{finding.level}: {finding.sentence}")
    return FAILED if any(finding.level == "error" for finding in findings) else OK


def _later(name: str) -> Callable[[argparse.Namespace], int]:
    def refuse(_given: argparse.Namespace) -> int:
        raise Unsupported(LATER[name])

    return refuse


def _anything(command: argparse.ArgumentParser) -> None:
    command.add_argument("anything", nargs=argparse.REMAINDER, help=argparse.SUPPRESS)


COMMANDS: Final[dict[str, tuple[str, Callable[..., int], Callable[[argparse.ArgumentParser], None]]]] = {
    "demo": ("Open the quickstart in JupyterLab.", _demo, _demo_arguments),
    "run": ("Run a job of a notebook, without a front end.", _run_job, _run_job_arguments),
    "runs": ("List the runs of a project, newest first.", _runs, _runs_arguments),
    "logs": ("Print what a run's steps printed and logged.", _logs, _logs_arguments),
    "cancel": ("Cancel a run.", _cancel, _cancel_arguments),
    "server": ("Look at the project server, or end it.", _server, _server_arguments),
    "prune": ("Delete history and values that retention no longer keeps.", _prune, _prune_arguments),
    "doctor": ("Say what is wrong with this installation and project.", _doctor, _project_argument),
    "scheduler": ("Keep a notebook's schedules going (not there yet).", _later("scheduler"), _anything),
    "export": ("Write a notebook's definitions as Python (not there yet).", _later("export"), _anything),
}


# projects and their histories


def _place(given: argparse.Namespace) -> Path:
    start = given.project or Path.cwd()
    if not start.is_dir():
        raise HistoryError(f"There is no folder '{start}'.")
    return Path(start).resolve() if given.project else _project_of(start)


def _project_of(start: Path) -> Path:
    from jobkernel.engine.project import find_project

    return find_project(start, os.environ, Path.home())


def _project(given: argparse.Namespace) -> Path:
    """Return the project that is meant. Raises :class:`HistoryError` where it has no history."""
    project = _place(given)
    if not (project / ".jobkernel" / "history.duckdb").exists():
        raise HistoryError(
            f"'{project}' holds no jobkernel history; go to the project's folder, or give --project DIR."
        )
    return project


@contextmanager
def _history(project: Path) -> Iterator[Any]:
    from jobkernel.storage.client import HistoryClient

    history = HistoryClient.connect(project, notebook=None)
    try:
        yield history
    finally:
        history.close()


def _found(history: Any, beginning: str) -> str:
    """Return the id of the run that begins with this text. Raises :class:`UnknownName`."""
    found = [row["run_id"] for row in history.query("runs_like", prefix=beginning)]
    if len(found) != 1:
        raise UnknownName(f"{'Several runs begin' if found else 'No run begins'} with '{beginning}'.")
    return str(found[0])


if __name__ == "__main__":
    sys.exit(main())
