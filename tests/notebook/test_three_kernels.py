"""Three kernels, 300 runs, one limit of 2: never exceeded, priorities hold, and a kernel's death hangs nobody."""

from __future__ import annotations

import os
import random
import signal
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from kernels import Kernel
from waiting import eventually

from jobkernel.storage.client import HistoryClient
from jobkernel.storage.control import stop_server

EACH = 100
LIMIT = 2
DEFINE = """
%load_ext jobkernel
import jobkernel as jk
from jobkernel.model.runs import Launch

@jk.op
def work(context):
    import os, time
    def note(word):
        line = f"{word} {context.run_id} {time.monotonic_ns()}\\n".encode()
        handle = os.open(PLACE, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.write(handle, line)
        os.close(handle)
    note("start")
    time.sleep(0.01)
    note("end")

@jk.job
def working():
    work()

from jobkernel.rules.graph_plan import plan_graph
session, plan = jk.session(), plan_graph(working.graph, working)
"""
LAUNCH = """
handles = [session.launch(plan, Launch(priority=each)) for each in PRIORITIES]
print(*[f"{handle.run_id}={each}" for handle, each in zip(handles, PRIORITIES)])
"""


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Path]:
    (tmp_path / ".jobkernel").mkdir()
    yield tmp_path
    stop_server(tmp_path)


@pytest.fixture
def kernels(project: Path) -> Iterator[list[Kernel]]:
    started = [Kernel(project, f"{name}.ipynb") for name in "abc"]
    yield started
    for kernel in started:
        kernel.close()


def marks(place: Path) -> list[tuple[int, str, str]]:
    """What the steps noted: moment (ns), word, run id; in order of time."""
    lines = place.read_text().splitlines() if place.exists() else []
    return sorted((int(moment), word, run_id) for word, run_id, moment in (line.split() for line in lines))


def launch_all(kernels: list[Kernel], place: Path) -> list[dict[str, int]]:
    """Have each kernel queue its runs; return the priority of every run, by kernel."""
    chance = random.Random(7)
    launched = []
    for kernel in kernels:
        kernel.run(DEFINE.replace("PLACE", repr(str(place))))
        wanted = [chance.randrange(5) for _ in range(EACH)]
        (shown,) = kernel.run(LAUNCH.replace("PRIORITIES", repr(wanted)))
        launched.append(
            {run_id: int(text) for run_id, _, text in (each.partition("=") for each in shown["text"].split())}
        )
    return launched


def test_one_limit_holds_over_three_kernels_and_the_death_of_one(project: Path, kernels: list[Kernel]) -> None:
    place = project / "marks.txt"
    client = HistoryClient.connect(project)
    client.request("set_setting", name="max_concurrent_runs", value=0)
    priorities = launch_all(kernels, place)
    assert len(client.request("queue")["waiting"]) == 3 * EACH
    assert not place.exists()

    client.request("set_setting", name="max_concurrent_runs", value=LIMIT)
    eventually(lambda: len(marks(place)) > 3 * EACH, "half of the runs")
    victim = kernels[1]
    assert victim.manager.provisioner is not None
    os.kill(victim.manager.provisioner.pid, signal.SIGKILL)
    eventually(
        lambda: not client.request("queue")["waiting"] and not client.request("queue")["running"], "an empty queue", 90
    )

    client.flush()
    ended = {row["run_id"]: row["status"] for row in client.query("latest_runs", limit=1000)}
    dead = priorities[1]
    alive = priorities[0] | priorities[2]
    assert len(ended) == 3 * EACH
    assert {ended[run_id] for run_id in alive} == {"SUCCESS"}
    outcomes = Counter(ended[run_id] for run_id in dead)
    assert outcomes.keys() <= {"SUCCESS", "FAILURE", "CANCELED"}
    assert outcomes["FAILURE"] <= LIMIT
    assert outcomes["CANCELED"] > 0
    assert most_at_once(marks(place), set(dead)) <= LIMIT
    assert priorities_hold([run_id for _, word, run_id in marks(place) if word == "start"], alive | dead)
    client.close()


def most_at_once(noted: list[tuple[int, str, str]], dead: set[str]) -> int:
    """How many steps ran at the same time; one that was killed in the middle ran no longer than until then."""
    finished = {run_id for _, word, run_id in noted if word == "end"}
    running: set[str] = set()
    most = 0
    for _, word, run_id in noted:
        if word == "end":
            running.discard(run_id)
        elif run_id in finished or run_id not in dead:
            running.add(run_id)
        most = max(most, len(running))
    return most


def priorities_hold(started: list[str], priorities: dict[str, int]) -> bool:
    """Whether no run began before one of higher priority, but for two that were admitted at the same time."""
    wanted = [priorities[run_id] for run_id in started]
    return all(max(wanted[place + LIMIT :], default=0) <= mine for place, mine in enumerate(wanted))
