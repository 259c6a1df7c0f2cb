"""Two real kernels with one notebook open: each look and each minute once, whoever dies, stops, or comes back."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from kernels import Kernel, text_of

from jobkernel.storage.client import HistoryClient
from jobkernel.storage.control import stop_server

HAND_OVER_S = 10.0
CELLS = (
    "%load_ext jobkernel",
    "%%asset a\n1",
    "%job j a",
    "%%sensor count --job j --every 1s --on\n"
    "number = int(context.cursor or 0) + 1\n"
    "context.update_cursor(str(number))\n"
    "RunRequest(run_key=str(number))",
)
MINUTELY = '%schedule minutely --job j --cron "* * * * *" --overlap allow --on'


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Path]:
    (tmp_path / ".jobkernel").mkdir()
    yield tmp_path
    stop_server(tmp_path)


@pytest.fixture
def kernels(project: Path) -> Iterator[list[Kernel]]:
    """Two kernels of one notebook; the first sees to its sensor."""
    started = [Kernel(project, "n.ipynb") for _ in range(2)]
    for kernel in started:
        for cell in CELLS:
            kernel.run(cell)
    yield started
    for kernel in started:
        kernel.close()


@pytest.fixture
def history(project: Path, kernels: list[Kernel]) -> Iterator[HistoryClient]:
    client = HistoryClient.connect(project)
    yield client
    client.close()


def ticks(history: HistoryClient, name: str = "count") -> list[dict[str, Any]]:
    """The ticks, oldest first."""
    return history.query("ticks", automation=name, limit=1000)[::-1]


def owners(history: HistoryClient) -> list[str]:
    """The clients that claimed ticks, in the order of their first."""
    return list(dict.fromkeys(tick["details"]["client_id"] for tick in ticks(history)))


def until(condition: Callable[[], object], seconds: float) -> float:
    """Wait until something holds, at most so long; return how long it took."""
    began = time.monotonic()
    while not condition():
        assert time.monotonic() - began < seconds, "it did not happen in time"
        time.sleep(0.05)
    return time.monotonic() - began


def more(history: HistoryClient, count: int = 3) -> None:
    """Wait for more ticks."""
    known = len(ticks(history))
    until(lambda: len(ticks(history)) >= known + count, 20)


def pid_of(kernel: Kernel) -> int:
    assert kernel.manager.provisioner is not None
    pid: int = kernel.manager.provisioner.pid
    return pid


def assert_each_once(history: HistoryClient) -> None:
    """Each number was looked at and launched once, in order."""
    history.flush()
    found = ticks(history)
    assert [tick["cursor"] for tick in found] == [str(number) for number in range(1, len(found) + 1)]
    assert {tick["status"] for tick in found} <= {"SUCCESS", "STARTED"}
    keys = [run["tags"]["dagster/run_key"] for run in history.query("latest_runs", limit=1000)]
    assert len(keys) == len(set(keys))
    assert {int(key) for key in keys} >= set(range(1, len(found) - 1))


def test_one_of_two_kernels_looks_and_the_other_says_who(kernels: list[Kernel], history: HistoryClient) -> None:
    more(history)
    assert len(owners(history)) == 1
    shown = text_of(kernels[1].run("%jk scheduler"))
    assert f"count: seen to by another kernel of n.ipynb (process {pid_of(kernels[0])})" in shown
    assert_each_once(history)


def test_the_other_kernel_goes_on_when_the_owner_is_killed(kernels: list[Kernel], history: HistoryClient) -> None:
    more(history)
    os.kill(pid_of(kernels[0]), signal.SIGKILL)
    taken = until(lambda: len(owners(history)) == 2, HAND_OVER_S)
    print(f"handed over {taken:.2f} s after the owner was killed")
    more(history)
    assert_each_once(history)


def test_the_other_kernel_goes_on_when_the_owner_is_stopped_and_nothing_is_doubled_when_it_wakes(
    kernels: list[Kernel], history: HistoryClient
) -> None:
    more(history)
    os.kill(pid_of(kernels[0]), signal.SIGSTOP)
    try:
        taken = until(lambda: len(owners(history)) == 2, HAND_OVER_S)
        print(f"handed over {taken:.2f} s after the owner was stopped")
        more(history, 2)
    finally:
        os.kill(pid_of(kernels[0]), signal.SIGCONT)
    more(history, 5)
    assert_each_once(history)
    shown = text_of(kernels[0].run("%jk scheduler"))
    assert f"count: seen to by another kernel of n.ipynb (process {pid_of(kernels[1])})" in shown


def test_the_owner_goes_by_what_the_other_kernel_switches(kernels: list[Kernel], history: HistoryClient) -> None:
    more(history)
    kernels[1].run("%sensor count off")
    time.sleep(0.5)
    known = len(ticks(history))
    kernels[1].run("%sensor count --cursor 100")
    time.sleep(2.5)
    assert len(ticks(history)) == known
    kernels[1].run("%sensor count on")
    until(lambda: len(ticks(history)) > known, 10)
    assert ticks(history)[known]["cursor"] == "101"
    assert len(owners(history)) == 1


def test_a_name_of_another_notebook_is_refused_and_may_be_taken_over(
    project: Path, kernels: list[Kernel], history: HistoryClient
) -> None:
    more(history)
    other = Kernel(project, "other.ipynb")
    try:
        for cell in (CELLS[0], "%%asset b\n1", "%job of_b b"):
            other.run(cell)
        sensor = CELLS[3].replace("--job j", "--job of_b")
        refused = text_of(other.run(sensor, is_failing=True))
        assert "n.ipynb" in refused
        assert "--take-over" in refused
        other.run(sensor.replace("--on", "--on --take-over"))
        until(lambda: len(owners(history)) == 2, HAND_OVER_S)
        more(history)
        assert len(owners(history)) == 2
    finally:
        other.close()


def test_a_restarted_kernel_goes_on_where_it_was(project: Path) -> None:
    kernel = Kernel(project, "n.ipynb")
    history = HistoryClient.connect(project)
    try:
        for cell in CELLS:
            kernel.run(cell)
        kernel.run('%schedule nightly --job j --cron "0 2 * * *" --on')
        kernel.run("%%sensor once --job j --every 1s --on\nRunRequest(run_key='only')")
        kernel.run("%schedule nightly off")
        more(history)
        kernel.restart()
        kernel.run("%load_ext jobkernel")
        kernel.run("%jk restore")
        until(lambda: len(owners(history)) == 2, 20)
        more(history)
        assert_each_once_among_others(history)
        assert "off: %schedule nightly on" in text_of(kernel.run("%schedule nightly"))
        until(lambda: ticks(history, "once")[-1]["details"]["client_id"] == owners(history)[-1], 20)
        statuses = [tick["status"] for tick in ticks(history, "once")]
        assert statuses.count("SUCCESS") == 1
        assert statuses[-1] == "SKIPPED"
    finally:
        history.close()
        kernel.close()


def assert_each_once_among_others(history: HistoryClient) -> None:
    found = ticks(history)
    assert [tick["cursor"] for tick in found] == [str(number) for number in range(1, len(found) + 1)]


@pytest.mark.slow
def test_each_real_minute_is_launched_once(kernels: list[Kernel], history: HistoryClient) -> None:
    for kernel in kernels:
        kernel.run(MINUTELY)
    until(lambda: len(ticks(history, "minutely")) >= 1, 70)
    os.kill(pid_of(kernels[0]), signal.SIGKILL)
    until(lambda: len(ticks(history, "minutely")) >= 2, 70)
    until(lambda: all(tick["status"] == "SUCCESS" for tick in ticks(history, "minutely")), 10)
    found = ticks(history, "minutely")
    times = [tick["scheduled_at"] for tick in found]
    assert [later - earlier for earlier, later in pairwise(times)] == [60_000_000] * (len(times) - 1)
    assert all(tick["evaluated_at"] - tick["scheduled_at"] < 2_000_000 for tick in found)
    assert len({tick["details"]["client_id"] for tick in found}) == 2
    assert all(len(tick["run_ids"]) == 1 for tick in found)
