"""``server`` and ``doctor``: the project server, and what is wrong with an installation."""

from __future__ import annotations

import argparse
from typing import Any

from jobkernel.cli.projects import place, project, project_argument
from jobkernel.cli.telling import FAILED, OK, say


def server_arguments(command: argparse.ArgumentParser) -> None:
    """Say what ``server`` takes."""
    command.add_argument("what", choices=("status", "stop"), metavar="status|stop", help="say how it is, or end it")
    project_argument(command)


def server(given: argparse.Namespace) -> int:
    """Look at the project server, or end it."""
    from jobkernel.storage.control import server_status, stop_server

    folder = project(given)
    if given.what == "stop":
        say("The project server has ended." if stop_server(folder) else "No project server runs.")
        return OK
    status = server_status(folder)
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


def doctor(given: argparse.Namespace) -> int:
    """Say what is wrong, in sentences."""
    from jobkernel.storage.checkup import examine

    findings = examine(place(given))
    for finding in findings:
        say(f"{finding.level}: {finding.sentence}")
    return FAILED if any(finding.level == "error" for finding in findings) else OK
