"""The table of commands, the parser that is made of it, and ``main``, which turns every refusal into a sentence."""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Callable
from typing import Final, NoReturn

from jobkernel.cli import care, jobs, past
from jobkernel.cli.projects import project_argument
from jobkernel.cli.telling import INTERRUPTED, OK, REFUSED, Refused, complain
from jobkernel.errors import JobkernelError, Unsupported, did_you_mean
from jobkernel.version import __version__

LATER: Final = {
    "export": "`jobkernel export` is not there yet; it comes in a later version.",
}
EXIT_CODES: Final = "Exit codes: 0 done; 2 refused, with one sentence on stderr; 130 ended by Ctrl-C. Times are UTC."
OWN_EXIT_CODES: Final = {
    "run": jobs.EXIT_CODES,
    "reexecute": jobs.EXIT_CODES,
    "demo": "Exit codes: 0 done; 1 a cell failed (--headless); 2 refused; 130 ended by Ctrl-C.",
    "scheduler": "Exit codes: 0 ended by Ctrl-C or SIGTERM; 1 its kernel ended by itself; 2 refused.",
    "cancel": "Exit codes: 0 it is being canceled; 1 it has ended already; 2 refused, such as no such run.",
    "doctor": "Exit codes: 0 nothing is wrong; 1 something is; 2 refused.",
}


def main(arguments: list[str] | None = None) -> int:
    """Run the command line and return its exit code: 0 done, 1 failed, 2 refused with one sentence, 130 Ctrl-C."""
    try:
        given, unknown = _parser().parse_known_args(arguments)
        if unknown:
            raise Refused(_too_much(given.command, unknown[0]))
        code: int = given.act(given)
        sys.stdout.flush()
        return code
    except JobkernelError as error:
        complain(error)
        return REFUSED
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # whoever read has enough
        return OK


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """Refuse in one sentence, with the nearest command where one is mistyped."""
        wrong = re.search(r"invalid choice: '([^']*)'", message)
        if wrong and not self.prog.count(" "):
            message = f"no command '{wrong[1]}'.{did_you_mean(wrong[1], COMMANDS)} `jobkernel --help` lists them all."
        raise Refused(f"{self.prog.removeprefix('jobkernel').strip()}: {message}".lstrip(": "))


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="jobkernel",
        description="Orchestration that lives inside the notebook.",
        epilog=EXIT_CODES,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"jobkernel {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    for name, (about, act, add_arguments) in COMMANDS.items():
        epilog = OWN_EXIT_CODES.get(name, EXIT_CODES)
        command = commands.add_parser(name, help=about, description=about, epilog=epilog, allow_abbrev=False)
        add_arguments(command)
        command.set_defaults(act=act, command=command)
    return parser


def _too_much(command: argparse.ArgumentParser, text: str) -> str:
    """Say of an option or argument that the command does not have it."""
    name, listed = command.prog.removeprefix("jobkernel").strip(), f"`{command.prog} --help` lists them all."
    option = text.partition("=")[0]
    if not option.startswith("-"):
        return f"{name}: '{text}' is an argument too many. {listed}"
    known = re.findall(r"--[\w-]+", command.format_usage())
    return f"{name}: no option {option}.{did_you_mean(option, known)} {listed}"


def _later(name: str) -> Callable[[argparse.Namespace], int]:
    def refuse(_given: argparse.Namespace) -> int:
        raise Unsupported(LATER[name])

    return refuse


def _anything(command: argparse.ArgumentParser) -> None:
    command.add_argument("anything", nargs=argparse.REMAINDER, help=argparse.SUPPRESS)


COMMANDS: Final[dict[str, tuple[str, Callable[..., int], Callable[[argparse.ArgumentParser], None]]]] = {
    "demo": ("Open the quickstart in JupyterLab.", jobs.demo, jobs.demo_arguments),
    "run": ("Run a job of a notebook, without a front end.", jobs.run_job, jobs.run_arguments),
    "reexecute": (
        "Run again what a run ran: all, what failed, or chosen steps.",
        jobs.reexecute,
        jobs.reexecute_arguments,
    ),
    "runs": ("List the runs of a project, newest first.", past.runs, past.runs_arguments),
    "logs": ("Print what a run's steps printed and logged.", past.logs, past.logs_arguments),
    "queue": ("Show who runs, who waits and why, and the pools.", past.queue, past.queue_arguments),
    "cancel": ("Cancel a run; a second time interrupts its steps.", past.cancel, past.cancel_arguments),
    "server": ("Look at the project server, or end it.", care.server, care.server_arguments),
    "prune": ("Delete history and values that retention no longer keeps.", past.prune, past.prune_arguments),
    "doctor": ("Say what is wrong with this installation and project.", care.doctor, project_argument),
    "scheduler": (
        "Keep a notebook's schedules and sensors going, without a front end.",
        jobs.scheduler,
        jobs.scheduler_arguments,
    ),
    "export": ("Write a notebook's definitions as Python (not there yet).", _later("export"), _anything),
}
