"""Dagster beside ours: schedules due at once until their runs are queued, and its daemon with nothing to do.

Run in a process of its own (``python -m tests.benchmarks.dagster_daemon due|idle``): it prints one number.
"""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import psutil

DUE: Final = 20
"""So many schedules are due; each costs Dagster the same, whatever their number."""
SCHEDULES: Final = 200
SENSORS: Final = 20
STARTING_S: Final = 40.0
IDLE_S: Final = 30.0
"""As long as the shortest interval of a Dagster sensor, so that each has looked once."""
MEASURED: Final = "measured: "
"""Before the number: Dagster's code server prints as well."""
DEFINITIONS = """
import dagster as dg

@dg.op
def work():
    pass

@dg.job
def j():
    work()

def sensor(number):
    @dg.sensor(name=f"sensor{{number}}", job=j, default_status=dg.DefaultSensorStatus.RUNNING)
    def look(context):
        return dg.SkipReason("nothing")
    return look

running = dg.DefaultScheduleStatus.RUNNING
defs = dg.Definitions(
    jobs=[j],
    schedules=[
        dg.ScheduleDefinition(name=f"s{{number}}", job=j, cron_schedule={cron!r}, default_status=running)
        for number in range({schedules})
    ],
    sensors=[sensor(number) for number in range({sensors})],
)
"""


def due_at_once_s(folder: Path) -> float:
    """Return the seconds of one turn of the daemon's scheduler in which ``DUE`` schedules are due, all runs queued."""
    from dagster import DagsterInstance
    from dagster._core.test_utils import create_test_daemon_workspace_context
    from dagster._core.workspace.load_target import PythonFileTarget
    from dagster._scheduler.scheduler import launch_scheduled_runs

    file = _project(folder, "* * * * *", DUE, 0)
    target = PythonFileTarget(
        python_file=str(file), attribute=None, working_directory=str(folder), location_name="bench"
    )
    logging.disable(logging.CRITICAL)
    with (
        DagsterInstance.from_config(str(folder)) as instance,
        create_test_daemon_workspace_context(target, instance) as workspace,
    ):
        now = datetime.now(UTC).replace(second=5, microsecond=0)
        times: dict[str, float] = {}
        list(launch_scheduled_runs(workspace, logging.getLogger("bench"), now, times))
        before = instance.get_runs_count()
        began = time.perf_counter()
        later = now + timedelta(seconds=61)
        list(launch_scheduled_runs(workspace, logging.getLogger("bench"), later, times))
        seconds = time.perf_counter() - began
        assert instance.get_runs_count() - before == DUE
    return seconds


def idle_percent(folder: Path) -> float:
    """Return the CPU of an idle daemon and its code server, in percent of one core."""
    file = _project(folder, "0 0 1 1 *", SCHEDULES, SENSORS)
    command = [sys.executable, "-m", "dagster._daemon", "run", "-f", str(file), "-d", str(folder)]
    quiet = subprocess.DEVNULL
    daemon = subprocess.Popen(command, env={**os.environ, "DAGSTER_HOME": str(folder)}, stdout=quiet, stderr=quiet)
    try:
        time.sleep(STARTING_S)
        before = _used(daemon.pid)
        time.sleep(IDLE_S)
        after = _used(daemon.pid)
        assert daemon.poll() is None, "Dagster's daemon has ended."
    finally:
        for process in [*psutil.Process(daemon.pid).children(recursive=True), daemon]:
            process.terminate()
        daemon.wait()
    return (after - before) / IDLE_S * 100


def _project(folder: Path, cron: str, schedules: int, sensors: int) -> Path:
    (folder / "dagster.yaml").write_text("telemetry:\n  enabled: false\n")
    file = folder / "definitions.py"
    file.write_text(DEFINITIONS.format(cron=cron, schedules=schedules, sensors=sensors))
    return file


def _used(pid: int) -> float:
    processes = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    return sum(times.user + times.system for times in (process.cpu_times() for process in processes))


def measured(what: str) -> float:
    """Return what this module measures, in a process of its own."""
    command = [sys.executable, "-m", "tests.benchmarks.dagster_daemon", what]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True, timeout=300)
    (found,) = (line for line in done.stdout.decode().splitlines() if line.startswith(MEASURED))
    return float(found.removeprefix(MEASURED))


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as home:
        print(MEASURED, {"due": due_at_once_s, "idle": idle_percent}[sys.argv[1]](Path(home)), sep="")
