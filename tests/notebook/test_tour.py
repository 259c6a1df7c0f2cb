"""The notebooks of the tour under nbclient, in real kernels: every cell runs, and the history holds what it should."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from whole_notebooks import asked, execute

import jobkernel
from jobkernel.storage.control import stop_server

pytestmark = pytest.mark.timeout(240)

HOME = Path(jobkernel.__file__).parents[1]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    (tmp_path / "rt").mkdir()
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path / "rt"))
    monkeypatch.setenv("PYTHONPATH", str(HOME))
    monkeypatch.delenv("JOBKERNEL_PROJECT", raising=False)
    yield tmp_path
    stop_server(tmp_path)


def executed(project: Path, name: str) -> dict[str, str]:
    """Run a notebook of the tour; return the text under each of its cells. A cell that fails fails the test."""
    path = project / name
    shutil.copy(HOME / "notebooks" / name, path)
    return execute(path)


def test_jobs_and_runs(project: Path) -> None:
    shown = executed(project, "02_jobs_and_runs.ipynb")

    assert "ConnectionError: the archive does not answer" in shown["steps"]
    assert "UP_FOR_RETRY" in shown["steps"]
    assert "0 running, 3 waiting" in shown["line"]
    assert "stops after this step: waits" in shown["canceled"]
    assert "'CANCELED'" in shown["canceled"]
    counted = asked(project, "SELECT job_name, status, count(*) FROM runs GROUP BY ALL ORDER BY ALL")
    assert counted == [
        ("late_by_month", "SUCCESS", 4),
        ("publish_late", "FAILURE", 1),
        ("publish_late", "SUCCESS", 2),
        ("slow", "CANCELED", 1),
    ]
    again = "SELECT step_key FROM steps JOIN runs USING (run_id) WHERE trigger = 'reexecution'"
    assert asked(project, again) == [("publish",)]
    urgent = "SELECT priority FROM runs WHERE job_name = 'late_by_month' ORDER BY started_at DESC LIMIT 2"
    assert asked(project, urgent) == [(0,), (5,)]


def test_schedules_and_sensors(project: Path) -> None:
    shown = executed(project, "03_schedules_and_sensors.ipynb")

    assert "at 06:30, Monday through Friday (America/New_York)" in shown["nightly"]
    assert "Mon 10 Mar 2025 06:30 EDT (10:30 UTC) would launch 1 run" in shown["previewed"]
    assert "would launch nothing: only on Mondays" in shown["previewed_weekly"]
    assert "ZeroDivisionError: division by zero" in shown["failed"]
    assert "no cursor" in shown["failed"]
    assert shown["by_hand"].count("SUCCESS") == 3
    days = "SELECT run_key, status FROM runs WHERE trigger_name = 'arrivals' ORDER BY run_key"
    assert asked(project, days) == [(f"2013-01-0{day}", "SUCCESS") for day in (1, 2, 3)]


def test_executors(project: Path) -> None:
    shown = executed(project, "04_executors.ipynb")

    assert "it crashed (segmentation fault)" in shown["crashed"]
    assert "the process of adds is killed if it does not stop" in shown["canceled"]
    assert "'CANCELED'" in shown["canceled"]
    assert "A worker may use 1,000 MB here: raise JobKernel.worker_memory_limit." in shown["limited"]
    assert "uses the notebook variable 'ten_years'" in shown["refusals"]
    assert "keeps its value in this kernel's memory (--io memory)" in shown["refusals"]
    ranges = "SELECT executor, count(*) FROM steps WHERE step_key LIKE 'delay_range%' GROUP BY 1 ORDER BY 1"
    assert asked(project, ranges) == [("dask", 4), ("processes", 4), ("threads", 4)]
    counted = asked(project, "SELECT job_name, status FROM runs WHERE job_name NOT LIKE 'delay%' ORDER BY job_name")
    assert counted == [
        ("__ASSET_JOB", "SUCCESS"),
        ("endless", "CANCELED"),
        ("greedy", "FAILURE"),
        ("only_here", "FAILURE"),
        ("risky", "FAILURE"),
        ("shortest", "FAILURE"),
    ]
    assert asked(project, "SELECT status FROM steps WHERE step_key = 'counts'") == [("SUCCESS",)]


def test_partitions(project: Path) -> None:
    shown = executed(project, "05_partitions.ipynb")

    assert "6/6 partitions" in shown["week"]
    assert "COMPLETED_FAILED, 23/24 partitions · 1 failed> failed: 2013-01-17. The first:" in shown["january"]
    assert "no departures of 2013-01-17" in shown["shown"]
    assert "COMPLETED_SUCCESS, 24/24 partitions>" in shown["retried"]
    assert "28/28 partitions" in shown["rest"]
    assert "7/7 partitions" in shown["stale-ones"]
    assert "departures, delays: 6 from 2013-01-02 to 2013-01-07 in 6 runs" in shown["would"]
    assert "10/10 partitions" in shown["rolled"]
    assert "2013-01-01|EWR..2013-01-03|EWR" in shown["whybusy"]
    assert asked(project, "SELECT status, partitions, done FROM backfills ORDER BY requested_at") == [
        ("COMPLETED_SUCCESS", count, count) for count in (6, 24, 28, 7, 2, 10, 3, 2, 3)
    ]
    made = "SELECT asset_key, materialized_partitions FROM assets ORDER BY asset_key"
    assert asked(project, made) == [
        ("airport", 3), ("busy", 3), ("carrier", 2), ("delays", 59), ("departures", 59), ("month", 2), ("rolling", 10)
    ]  # fmt: skip
    once = "SELECT count(*) FROM runs WHERE status = 'SUCCESS' AND partition_key = '2013-01-17'"
    assert asked(project, once) == [(1,)]
