"""The scheduler in real seconds: busy threads, looks that hang, mistakes of its own, clocks that are set, deaths."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import psutil
import pytest
from scheduled import World
from waiting import eventually

import jobkernel
from jobkernel.clock import SystemClock
from jobkernel.engine import looks
from jobkernel.engine.opening import test_session as session_in_memory
from jobkernel.executors import capture
from jobkernel.model.automation import RunRequest, SkipReason
from jobkernel.storage.client import HistoryClient
from jobkernel.storage.control import stop_server


class Offset(SystemClock):
    """The machine's clock, which may be set."""

    def __init__(self) -> None:
        self.by = timedelta()

    def now(self) -> datetime:
        return super().now() + self.by

    def now_us(self) -> int:
        return super().now_us() + self.by // timedelta(microseconds=1)


@pytest.fixture
def world() -> Iterator[World]:
    session = session_in_memory(Offset())
    made = World(session)
    yield made
    made.gate.set()
    session.close()


def looked(world: World, name: str, often: int) -> None:
    """Wait until a sensor has so many ticks."""
    eventually(lambda: len(world.rows(name)) >= often)


def often(world: World, name: str = "other") -> None:
    """Define a sensor that looks ten times a second."""
    world.sensor(lambda context: SkipReason("no"), name=name, minimum_interval_s=0.1)


def test_a_busy_main_thread_holds_up_nothing(world: World) -> None:
    often(world)
    looked(world, "other", 1)
    tick = world.session.automations.find("other")
    seen, deadline = {tick.evaluated_at}, time.monotonic() + 60
    while len(seen) < 6 and time.monotonic() < deadline:  # without a pause for other threads
        seen.add(tick.evaluated_at)
    assert len(seen) == 6


def sleeping(context: Any) -> None:
    time.sleep(0.05)
    while True:
        time.sleep(0.01)


def spinning(context: Any) -> None:
    while True:
        pass


@pytest.mark.parametrize("hang", [sleeping, spinning])
def test_a_look_that_hangs_is_interrupted_and_the_sensor_looks_again(world: World, hang: Any) -> None:
    world.sensor(hang, name="hangs", minimum_interval_s=0.2, timeout_s=0.3)
    often(world)
    looked(world, "hangs", 2)
    assert {row["status"] for row in world.rows("hangs")} == {"FAILURE"}
    assert world.why("hangs") == "Sensor 'hangs' did not end within its 0.3 s."
    assert len(world.rows("other")) >= 4


def test_a_look_that_cannot_be_interrupted_is_given_up_and_the_sensor_looks_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(looks, "GRACE_S", 0.1)
    began: list[float] = []

    def hang(context: Any) -> Any:
        began.append(time.monotonic())
        if len(began) == 1:
            time.sleep(100)
        return RunRequest()

    world.sensor(hang, name="hangs", minimum_interval_s=0.2, timeout_s=0.3)
    often(world)
    eventually(lambda: world.statuses("hangs")[:2] == ["FAILURE", "SUCCESS"])
    first = world.rows("hangs")[0]
    assert first["error"]["message"].endswith("It is given up, and still runs.")
    assert began[1] - began[0] < 5
    assert world.session.automations.find("hangs").hanging == 1
    assert len(world.rows("other")) >= 4


def test_of_one_sensor_no_more_than_three_looks_hang(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(looks, "GRACE_S", 0.05)
    began: list[int] = []

    def hang(context: Any) -> None:
        began.append(1)
        while not world.gate.is_set():
            try:
                time.sleep(0.02)
            except BaseException:
                continue

    world.sensor(hang, name="hangs", minimum_interval_s=0.01, timeout_s=0.05)
    watched = world.session.automations.find("hangs")
    eventually(lambda: watched.hanging == 3)
    eventually(lambda: watched.trouble is not None)
    assert watched.trouble == "3 of its looks hang; it looks again when one of them ends."
    assert len(began) == 3
    world.gate.set()
    eventually(lambda: len(began) > 3)


def test_many_that_hang_hold_up_neither_schedules_nor_the_word_that_the_kernel_lives(world: World) -> None:
    for number in range(40):
        world.sensor(sleeping, name=f"hangs{number}", minimum_interval_s=600, timeout_s=600)
    world.schedule("* * * * *")
    watched = world.session.automations.find("nightly")
    watched.starts_at = world.session.clock.now() - timedelta(minutes=1)  # so that a time is due now
    world.session.automations._jumped()
    world.session.automations._scheduler.wake()
    eventually(lambda: world.statuses("nightly") == ["SUCCESS"])
    beats: list[float] = []
    world.session.automations.looks.aside(lambda: beats.append(time.monotonic()))
    eventually(lambda: beats)
    often(world)
    looked(world, "other", 1)
    for number in range(40):
        world.session.forget(f"hangs{number}")


def test_a_definition_waits_for_no_beat_that_waits_for_others(world: World) -> None:
    automations, gate = world.session.automations, threading.Event()
    world.schedule("0 0 1 1 *")
    for _ in range(looks.QUICK_THREADS):
        automations.looks.aside(lambda: gate.wait(60) and None)
    automations._beat()

    defining = threading.Thread(target=lambda: world.schedule("0 0 2 2 *", name="other"), daemon=True)
    defining.start()
    defining.join(30)
    is_defined = not defining.is_alive()
    gate.set()

    assert is_defined
    assert automations.find("other").is_ours


def test_a_mistake_of_its_own_in_one_leaves_the_others(world: World, caplog: pytest.LogCaptureFixture) -> None:
    often(world, "broken")
    often(world)
    looked(world, "broken", 1)
    world.session.automations.find("broken").crons = "no crons"  # type: ignore[assignment]
    eventually(lambda: "could not see to broken" in caplog.text or "could not be ended" in caplog.text)
    seen = len(world.rows("other"))
    looked(world, "other", seen + 5)
    assert world.session.automations.is_alive


def test_a_look_that_prints_a_hundred_megabytes_stays_small(world: World) -> None:
    capture.install()
    try:
        line = "x" * 9_999

        def loud(context: Any) -> Any:
            for _ in range(10_000):
                print(line)
            return SkipReason("said")

        before = psutil.Process().memory_info().rss
        world.sensor(loud, minimum_interval_s=600)
        looked(world, "watch", 1)
        grown = psutil.Process().memory_info().rss - before
    finally:
        capture.uninstall()
    assert grown < 60e6
    ((body,),) = world.session.history.sql("select body from events where event_type = 'TICK_SKIPPED'").fetchall()
    lines = json.loads(body)["log"]
    assert 0 < sum(len(each["message"]) for each in lines) <= looks_kept()


def looks_kept() -> int:
    from jobkernel.engine.drafts import KEPT_CHARACTERS

    return KEPT_CHARACTERS


def test_a_look_that_logs_without_end_stays_small(world: World) -> None:
    def loud(context: Any) -> Any:
        for number in range(30_000):
            context.log.info(f"{number} " * 400)
        return SkipReason("said")

    before = psutil.Process().memory_info().rss
    world.sensor(loud, minimum_interval_s=600)
    looked(world, "watch", 1)
    assert psutil.Process().memory_info().rss - before < 40e6


@pytest.mark.parametrize("by", [timedelta(hours=-5), timedelta(days=-3), timedelta(hours=5)])
def test_a_clock_that_is_set_is_seen_and_launches_nothing_twice(world: World, by: timedelta) -> None:
    clock = world.session.clock
    assert isinstance(clock, Offset)
    often(world)
    world.schedule("* * * * *")
    watched = world.session.automations.find("nightly")
    watched.starts_at = clock.now() - timedelta(minutes=1)
    world.session.automations._jumped()
    world.session.automations._scheduler.wake()
    eventually(lambda: world.statuses("nightly") == ["SUCCESS"])
    clock.by = by
    pulse = world.session.automations.pulse
    eventually(lambda: pulse.jumped_at is not None)
    assert abs(pulse.jump - by) < timedelta(seconds=1)
    looked(world, "other", len(world.rows("other")) + 3)
    eventually(lambda: watched.next_at is not None)
    launched = [row["scheduled_at"] for row in world.rows("nightly") if row["status"] == "SUCCESS"]
    assert len(launched) == len(set(launched)) == (2 if by > timedelta() else 1)
    assert watched.next_at is not None
    if by < timedelta(days=-1):  # nobody waits three days for a clock that was wrong
        assert watched.next_at - clock.now() <= timedelta(minutes=1)


CLAIM_AND_DIE = """
import os, sys, time
from datetime import timedelta
from pathlib import Path
import jobkernel as jk
from jobkernel.engine.opening import open_session
from jobkernel.engine.entries import Entry
from jobkernel.engine.looks import Looks
from jobkernel.model.automation import RunRequest, Sensor, Target

@jk.op
def work():
    pass

@jk.job
def j():
    work()

WHERE = sys.argv[2]
session = open_session(folder=Path(sys.argv[1])).session
session.add(j)
pid = session.history.request("status")["pid"]

killed = []
def kill():
    if not killed:
        killed.append(1)
        os.kill(pid if WHERE.startswith("server") else os.getpid(), 9)

def in_between(self, launches, launch=Looks._launch):
    if WHERE == "server after the claim" or WHERE == "kernel after the claim":
        kill()
    launch(self, launches)

def claim(self, drafts, claim=Looks._claim):
    if WHERE == "server before the claim":
        kill()
    return claim(self, drafts)

if not WHERE.startswith("nobody"):
    Looks._launch, Looks._claim = in_between, claim
looks = []
def look():
    looks.append(1)
    return RunRequest(run_key="only")
record = Sensor(name="watch", targets=(Target(job_name="j"),), function=look, starts_on=True, minimum_interval_s=0.2)
session.define(Entry(kind="sensor", name="watch", record=record))
time.sleep(6.0)
session.close()
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    (tmp_path / "rt").mkdir()
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path / "rt"))
    folder = tmp_path / "project"
    (folder / ".jobkernel").mkdir(parents=True)
    yield folder
    stop_server(folder)


def kernel(project: Path, where: str) -> int:
    home = str(Path(jobkernel.__file__).parents[1])
    script = textwrap.dedent(CLAIM_AND_DIE)
    environment = {**os.environ, "PYTHONPATH": home}
    done = subprocess.run([sys.executable, "-c", script, str(project), where], env=environment, timeout=60, check=False)
    return done.returncode


@pytest.mark.parametrize("where", ["server before the claim", "server after the claim", "kernel after the claim"])
def test_a_request_is_launched_once_whoever_dies_around_its_claim(project: Path, where: str) -> None:
    died = kernel(project, where)
    if where.startswith("kernel"):
        assert died == -9
        kernel(project, "nobody")
    history = HistoryClient.connect(project)
    history.flush()
    runs = history.query("latest_runs", limit=10)
    ticks = history.query("ticks", automation="watch", limit=1000)
    history.close()
    assert [(run["status"], run["tags"]["dagster/run_key"]) for run in runs] == [("SUCCESS", "only")]
    assert [tick["status"] for tick in ticks].count("SUCCESS") == 1
    assert {tick["status"] for tick in ticks} == {"SUCCESS", "SKIPPED"}
