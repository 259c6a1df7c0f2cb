"""The command line with real processes: jobs of a notebook, the history afterwards, refusals in one sentence."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from jobkernel.storage.client import HistoryClient
from tests.unit.cli.conftest import CommandLine, command_in, words

Ran = tuple[CommandLine, str]


def last_run(command: CommandLine) -> str:
    return command("runs", "--limit", "1").stdout.splitlines()[2].split()[0]


def test_a_job_runs_and_says_so_step_by_step(after_a_run: Ran) -> None:
    command, told = after_a_run
    lines = told.splitlines()

    assert lines[-3].endswith(" of greeting")
    assert lines[-2].startswith("✓ greet  ")
    assert lines[-1] == f"run {last_run(command)}: SUCCESS"


def test_a_run_s_log_is_there_afterwards(after_a_run: Ran) -> None:
    command, _ = after_a_run
    run = last_run(command)

    assert "hello Ada" in command("logs", run).stdout
    assert "hello Ada" in command("logs", run, "greet", "-f").stdout
    assert command("logs", run).stdout.split("  ")[0].endswith("Z")


def test_what_has_ended_is_not_canceled(after_a_run: Ran) -> None:
    command, _ = after_a_run
    run = last_run(command)

    done = command("cancel", run)

    assert (done.returncode, done.stdout) == (1, f"run {run}: it has ended already: SUCCESS\n")
    assert "1 it has ended already" in " ".join(command("cancel", "--help").stdout.split())


def test_definition_cells_run_no_asset_and_a_broken_plain_cell_is_left_out(command: CommandLine) -> None:
    done = command("run", "small.ipynb", "everything")

    assert done.returncode == 0, done.stderr
    assert "left out: cell 4 (broken = numbers.nothing_of_this_name): NameError" in done.stdout
    assert command("runs").stdout.splitlines()[-1] == "1 row"


def test_the_steps_of_assets_are_called_by_their_keys(command: CommandLine) -> None:
    assert "✓ raw/orders  " in command("run", "small.ipynb", "ordering").stdout


def test_a_failed_job_ends_with_1_and_says_where(command: CommandLine) -> None:
    done = command("run", "small.ipynb", "failing")

    assert done.returncode == 1
    assert "✕ fail" in done.stdout
    assert "division by zero" in done.stdout
    assert done.stdout.splitlines()[-1].endswith(": FAILURE")
    assert "Traceback" not in done.stdout + done.stderr


def test_a_failed_job_names_the_commands_that_say_why_and_that_go_on(command: CommandLine, project: Path) -> None:
    done = command("run", "small.ipynb", "failing")
    run = last_run(command)
    logs, again = re.findall(r"`jobkernel ([^`]*)`", done.stderr)

    assert (logs, again) == (f"logs {run}", f"reexecute small.ipynb {run} --from-failure")
    assert "division by zero" in command(*logs.split()).stdout
    assert command(*again.split()).returncode == 1


def test_from_another_folder_the_command_for_the_log_names_the_project(project: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "beside"
    elsewhere.mkdir()
    (elsewhere / ".jobkernel").mkdir()
    done = command_in(elsewhere)("run", str(project / "small.ipynb"), "failing")

    logs, _ = re.findall(r"`jobkernel ([^`]*)`", done.stderr)
    assert "division by zero" in command_in(elsewhere)(*logs.split()).stdout


def test_python_m_jobkernel_is_the_command_line(project: Path) -> None:
    told = [
        subprocess.run([sys.executable, "-m", module, "--help"], cwd=project, capture_output=True, text=True).stdout
        for module in ("jobkernel", "jobkernel.cli")
    ]

    assert told[0].startswith("usage: jobkernel ")
    assert told[0] == told[1]


def test_an_unknown_job_is_one_sentence(command: CommandLine) -> None:
    done = command("run", "small.ipynb", "greting")

    assert done.returncode == 2
    assert done.stderr == "jobkernel: No job 'greting' is defined. Did you mean 'greeting'?\n"


def test_an_asset_is_no_job_and_a_terminal_has_no_magics(command: CommandLine) -> None:
    done = command("run", "small.ipynb", "numbers")

    assert done.returncode == 2
    assert done.stderr == (
        "jobkernel: 'numbers' is an asset; a job of the notebook runs it, such as `%job NAME numbers`.\n"
    )


def test_control_c_cancels_the_run(command: CommandLine, project: Path) -> None:
    process = subprocess.Popen(
        words("run", "small.ipynb", "waiting"), cwd=project, stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    assert process.stdout is not None
    told = ""
    while not told.startswith("run "):
        told = process.stdout.readline()
        assert told, "it ended before the run began"

    process.send_signal(signal.SIGINT)
    rest, _ = process.communicate(timeout=60)

    assert process.returncode == 130
    assert rest.splitlines()[0].startswith("canceling: asks small.ipynb: stops after the steps that run now. Ctrl-C ")
    assert rest.splitlines()[-1].endswith(": CANCELED")


def test_another_terminal_cancels_the_run(command: CommandLine, project: Path) -> None:
    process = subprocess.Popen(
        words("run", "small.ipynb", "waiting"), cwd=project, stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    assert process.stdout is not None
    told = ""
    while not told.startswith("run "):
        told = process.stdout.readline()
        assert told, "it ended before the run began"

    asked = command("cancel", told.split()[1])
    rest, _ = process.communicate(timeout=60)

    name = told.split()[1]
    assert asked.stdout.startswith(f"run {name}: asks small.ipynb: stops after the steps that run now. Cancel again: ")
    assert process.returncode == 1
    assert rest.splitlines()[-1].endswith(": CANCELED")


def test_the_server_is_shown_and_ended(after_a_run: Ran) -> None:
    command, _ = after_a_run
    command("runs")

    assert "history" in command("server", "status").stdout
    assert command("server", "stop").stdout == "The project server has ended.\n"
    assert command("server", "stop").stdout == "No project server runs.\n"
    assert "No project server runs" in command("server", "status").stdout


def test_prune_says_what_would_go(after_a_run: Ran) -> None:
    command, _ = after_a_run

    assert command("prune", "--dry-run").stdout == "would delete nothing\n"
    assert command("prune").stdout == "deleted nothing\n"


def test_prune_deletes_old_runs_with_their_logs_and_outputs(command: CommandLine, project: Path) -> None:
    for _ in range(2):
        assert command("run", "small.ipynb", "greeting").returncode == 0
    newest = last_run(command)
    history = HistoryClient.connect(project)
    history.request("set_setting", name="keep_runs", value=1)
    history.close()

    done = command("prune")

    assert done.stdout.startswith("deleted 1 runs, ")
    for folder in (project / ".jobkernel" / "logs", project / ".jobkernel" / "values" / "runs"):
        assert [path.name[:8] for path in folder.iterdir()] == [newest]


def test_doctor_finds_a_healthy_project_healthy(after_a_run: Ran) -> None:
    command, _ = after_a_run

    done = command("doctor")

    assert done.returncode == 0
    assert "error" not in done.stdout


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["rnus"], "no command 'rnus'. Did you mean 'runs'? `jobkernel --help` lists them all."),
        (["runs"], "holds no jobkernel history; go to the project's folder, or give --project DIR."),
        (["runs", "--project", "/nowhere/at/all"], "There is no folder '/nowhere/at/all'."),
        (["cancel"], "cancel: the following arguments are required: RUN"),
        (["server"], "server: the following arguments are required: status|stop"),
        (["run", "absent.ipynb", "x"], "There is no notebook 'absent.ipynb'."),
        (["scheduler", "nowhere.ipynb"], "There is no notebook 'nowhere.ipynb'."),
        (
            ["runs", "--lmit", "3"],
            "runs: no option --lmit. Did you mean '--limit'? `jobkernel runs --help` lists them all.",
        ),
        (["queue", "now"], "queue: 'now' is an argument too many. `jobkernel queue --help` lists them all."),
        (["export", "a", "b"], "it comes in a later version."),
    ],
)
def test_wrong_use_is_one_sentence_and_2(command: CommandLine, arguments: list[str], sentence: str) -> None:
    done = command(*arguments)

    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert sentence in done.stderr


def test_an_unreadable_notebook_is_one_sentence(command: CommandLine, project: Path) -> None:
    (project / "bad.ipynb").write_text("no notebook")

    done = command("run", "bad.ipynb", "x")

    assert done.returncode == 2
    assert "'bad.ipynb' is not a notebook that can be read" in done.stderr
    assert done.stderr.count("\n") == 1


def test_no_such_run_is_one_sentence(after_a_run: Ran) -> None:
    command, _ = after_a_run

    done = command("logs", "zzz")

    assert (done.returncode, done.stderr) == (
        2,
        "jobkernel: No run begins with 'zzz'. Give a run's id as `jobkernel runs` shows it, an asset or a job.\n",
    )
