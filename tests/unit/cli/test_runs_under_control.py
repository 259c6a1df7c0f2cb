"""The command line on runs: the queue, re-execution, filters, JSON, logs as they grow, and a bar in a terminal."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import select
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from jobkernel.storage.client import HistoryClient
from jobkernel.storage.control import stop_server
from tests.unit.cli.conftest import CommandLine, command_in, words

CELLS = (
    "%load_ext jobkernel",
    "%%op load --param n:int=2\nprint('loaded', n)\nn",
    "%%op shaky --ins x --retries 1\nprint('trying')\nassert context.retry_number, 'first time'\nx",
    "%%job nightly --tag team=ops\nshaky(load())",
    "%%op breaks\nimport pathlib\nassert pathlib.Path('mended').exists()\nprint('mended')",
    "%%op after --ins x\nx",
    "%%job failing\nafter(breaks())",
    "%%op stubborn\nimport time\nprint('begun')\nwhile True:\n    time.sleep(0.01)",
    "%%job forever\nstubborn()",
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A project in which ``nightly`` succeeded and ``failing`` failed."""
    folder = tmp_path_factory.mktemp("controlled")
    nbformat.write(new_notebook(cells=[new_code_cell(each) for each in CELLS]), folder / "w.ipynb")
    (folder / "config.json").write_text('{"ops": {"load": {"config": {"n": 5}}}}')
    command = command_in(folder)
    options = ("--config", "config.json", "--priority", "3", "--executor", "in_process", "--tag", "which=first")
    done = command("run", "w.ipynb", "nightly", *options)
    assert (done.returncode, done.stderr) == (0, "")
    assert "↻ shaky  " in done.stdout
    assert "✓ shaky (attempt 2)  " in done.stdout
    assert command("run", "w.ipynb", "failing").returncode == 1
    yield folder
    stop_server(folder)


@pytest.fixture
def command(folder: Path) -> CommandLine:
    return command_in(folder)


def newest(command: CommandLine, job: str, *options: str) -> str:
    found = json.loads(command("runs", "--job", job, "--limit", "1", "--json", *options).stdout)
    return str(found[0]["run_id"])[:8]


def test_runs_are_filtered_and_told_as_json(command: CommandLine) -> None:
    (row,) = json.loads(command("runs", "--tag", "which=first", "--json").stdout)
    tags = {"team": "ops", "which": "first"}
    assert (row["job"], row["status"], row["priority"], row["tags"]) == ("nightly", "SUCCESS", 3, tags)
    assert row["queued_at"].endswith("Z")
    assert json.loads(command("runs", "--tag", "team=none", "--json").stdout) == []
    done = command("runs", "--status", "FAILED")
    assert (done.returncode, done.stdout) == (2, "")
    assert "Did you mean 'FAILURE'?" in done.stderr


def test_logs_tell_attempts_apart_and_refuse_a_step_that_is_not_there(command: CommandLine) -> None:
    run = newest(command, "nightly", "--tag", "which=first")
    told = command("logs", run).stdout
    assert "load  stdout  loaded 5" in told
    assert "shaky  stdout  trying" in told
    assert "shaky (attempt 2)  stdout  trying" in told
    assert "✕ shaky (attempt 1) failed: AssertionError: first time" in told
    done = command("logs", run, "shak")
    assert (done.returncode, done.stdout) == (2, "")
    assert "has no step 'shak'. Did you mean 'shaky'?" in done.stderr


def test_what_failed_runs_again_and_chosen_steps_do(command: CommandLine, folder: Path) -> None:
    failed = newest(command, "failing")
    refused = command("reexecute", "w.ipynb", failed, "--only", "breks")
    assert (refused.returncode, "Did you mean 'breaks'?" in refused.stderr) == (2, True)
    (folder / "mended").touch()

    done = command("reexecute", "w.ipynb", failed, "--from-failure")

    assert done.returncode == 0, done.stderr
    assert f" of failing, from run {failed}" in done.stdout
    assert "✓ after" in done.stdout
    assert f"from the failure of {failed}" in command("runs").stdout
    both = command("reexecute", "w.ipynb", failed, "--from-failure", "--only", "after")
    assert (both.returncode, both.stderr.count("\n")) == (2, 1)
    again = command("reexecute", "w.ipynb", newest(command, "failing"), "--only", "after")
    assert again.returncode == 0
    assert "breaks" not in again.stdout


def test_what_does_not_fit_is_refused(command: CommandLine) -> None:
    for options, sentence in (
        (["--executor", "thread"], "Did you mean 'threads'?"),
        (["--priority", "high"], "--priority"),
        (["--partition", "x"], "has no partitions; leave out --partition."),
        (["--config", "absent.json"], "'absent.json' cannot be read"),
    ):
        done = command("run", "w.ipynb", "nightly", *options)
        assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr
        assert sentence in done.stderr


def begun(folder: Path, *arguments: str, until: str) -> tuple[subprocess.Popen[str], str]:
    """Start a command and wait for a line; return both."""
    process = subprocess.Popen(
        words(*arguments), cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    assert process.stdout is not None
    told = ""
    while until not in told:
        told = process.stdout.readline()
        assert told, "it ended before"
    return process, told


def test_a_stubborn_run_is_followed_from_elsewhere_and_ends_by_a_second_control_c(
    command: CommandLine, folder: Path
) -> None:
    process, told = begun(folder, "run", "w.ipynb", "forever", until="run ")
    run = told.split()[1]
    tail, _ = begun(folder, "logs", run, "-f", until="begun")
    assert command("queue").stdout.startswith("1 running, 0 waiting; at most 10 runs at once")
    (row,) = json.loads(command("queue", "--json").stdout)
    assert (row["run"], row["status"], row["job"]) == (run, "STARTED", "forever")

    tail.send_signal(signal.SIGINT)
    _, complaint = tail.communicate(timeout=30)
    assert (tail.returncode, complaint) == (130, f"jobkernel: stopped following; run {run} goes on.\n")
    process.send_signal(signal.SIGINT)
    assert process.stdout is not None
    assert "Ctrl-C again: asks w.ipynb to stop its steps at once" in process.stdout.readline()
    process.send_signal(signal.SIGINT)
    rest, _ = process.communicate(timeout=60)

    assert process.returncode == 130
    assert rest.splitlines()[-1] == f"run {run}: CANCELED"


def test_a_run_that_waits_says_for_what(folder: Path) -> None:
    history = HistoryClient.connect(folder)
    history.request("set_setting", name="max_concurrent_runs", value=0)
    try:
        process, told = begun(folder, "run", "w.ipynb", "nightly", until="waits")
        assert told == "waits: place 1 in the queue: max_concurrent_runs is 0, so no run may start\n"
    finally:
        history.request("set_setting", name="max_concurrent_runs", value=10)
        history.close()
    process.communicate(timeout=60)
    assert process.returncode == 0


def seen_in_a_terminal(folder: Path, *arguments: str) -> tuple[str, int]:
    """Run a command in a terminal of its own; return all that it wrote, and its exit code."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
    environment = {**os.environ, "TERM": "xterm-256color"}
    process = subprocess.Popen(
        words(*arguments), cwd=folder, stdin=theirs, stdout=theirs, stderr=theirs, env=environment
    )
    os.close(theirs)
    told, deadline = b"", time.monotonic() + 90
    while time.monotonic() < deadline:
        if select.select([ours], [], [], 0.1)[0]:
            try:
                new = os.read(ours, 65536)
            except OSError:  # the other end is closed
                break
            if not new:
                break
            told += new
    os.close(ours)
    return told.decode("utf-8", "replace"), process.wait(30)


def test_in_a_terminal_a_bar_shows_how_far_the_run_is(folder: Path) -> None:
    told, code = seen_in_a_terminal(folder, "run", "w.ipynb", "nightly")

    assert code == 0
    assert "━" in told
    assert "2/2" in told
    assert "✓ shaky (attempt 2)" in told
    assert ": SUCCESS" in told.splitlines()[-1]


def test_in_a_terminal_tables_fit_its_width(folder: Path) -> None:
    told, code = seen_in_a_terminal(folder, "runs")

    assert code == 0
    assert "nightly" in told
    assert "rows" not in told
