"""Worker processes: a cancel stops them whatever they do, a death is told in a sentence, and none is ever left."""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from waiting import eventually

import jobkernel as jk
from jobkernel.executors import worker_pool, worker_process
from jobkernel.executors.cancel import CancelToken
from jobkernel.executors.worker_pool import WorkerPool
from tests.contract.executor_stage import Stage, a_stage, op_of, timed

PATIENCE_S = 40.0


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    with a_stage("processes") as made:
        yield made


def is_running(pid: int) -> bool:
    with contextlib.suppress(psutil.NoSuchProcess):
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    return False


def pids_in(path: Path) -> list[int]:
    return list(map(int, path.read_text().split())) if path.exists() else []


# What a step does when it is stopped


def sleeps(began: str) -> None:
    Path(began).write_text(str(os.getpid()))
    time.sleep(1000)


def computes(began: str) -> None:
    Path(began).write_text(str(os.getpid()))
    while True:
        pass


def computes_in_c(began: str) -> None:
    Path(began).write_text(str(os.getpid()))
    sum(range(10**15))


def computes_with_numpy(began: str) -> None:
    import numpy

    Path(began).write_text(str(os.getpid()))
    while True:
        numpy.sort(numpy.random.default_rng().random(3_000_000))


def queries(began: str) -> None:
    import duckdb

    Path(began).write_text(str(os.getpid()))
    duckdb.sql("select count(*) from range(1000000000) a, range(1000000) b where a.range = b.range + 1").fetchall()


def ignores_it(began: str) -> None:
    Path(began).write_text(str(os.getpid()))
    while True:
        with contextlib.suppress(BaseException):
            time.sleep(0.01)


def waits_for_a_lock(began: str) -> None:
    Path(began).write_text(str(os.getpid()))
    lock = threading.Lock()
    lock.acquire()
    lock.acquire()


def has_children(began: str) -> None:
    import multiprocessing

    forked = multiprocessing.get_context("fork").Process(target=time.sleep, args=(1000,))
    forked.start()
    near = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(1000)"])
    far = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(1000)"], start_new_session=True)
    Path(began + ".part").write_text(f"{os.getpid()} {forked.pid} {near.pid} {far.pid}")
    Path(began + ".part").rename(began)
    time.sleep(1000)


BODIES = [
    sleeps, computes, computes_in_c, computes_with_numpy, queries, ignores_it, waits_for_a_lock, has_children
]  # fmt: skip


@pytest.mark.parametrize("body", BODIES)
def test_a_cancel_stops_a_step_whatever_it_does(
    stage: Stage, tmp_path: Path, body: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker_process, "GRACE_S", 0.3)
    began = tmp_path / "began"
    handle = stage.start(op_of(lambda: body(str(began))))
    pids = eventually(lambda: pids_in(began))
    handle.cancel()
    assert handle.live.active.wait(PATIENCE_S)
    assert handle.status == "CANCELED"
    eventually(lambda: not any(map(is_running, pids)))
    assert stage.made(lambda: 1) == 1


def test_a_second_cancel_does_not_wait(stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker_process, "GRACE_S", 600)
    began = tmp_path / "began"
    handle = stage.start(op_of(lambda: ignores_it(str(began))))
    (pid,) = eventually(lambda: pids_in(began))
    handle.cancel()
    assert (handle.status, is_running(pid)) == ("CANCELING", True)
    handle.cancel(forced=True)
    assert handle.live.active.wait(PATIENCE_S)
    assert (handle.status, is_running(pid)) == ("CANCELED", False)


def test_a_step_that_ignores_its_timeout_is_killed_and_fails_with_the_timeout(
    stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker_process, "GRACE_S", 0.1)
    began = tmp_path / "began"
    ran = stage.run(timed(lambda: ignores_it(str(began)), 0.5))
    assert ran.status == "FAILURE"
    assert ran.error["message"] == "Step 'body' took longer than its timeout of 0.5 s."
    assert ran.events("body") == ["STEP_START", "STEP_FAILURE"]
    assert not any(map(is_running, pids_in(began)))


def test_a_run_canceled_while_it_waits_for_a_worker_ends_at_once(tmp_path: Path) -> None:
    began = tmp_path / "began"
    with a_stage("processes") as stage:
        stage.session.executors.max_workers = 1
        first = stage.start(op_of(lambda: sleeps(str(began))))
        eventually(lambda: pids_in(began))
        second = stage.start(op_of(lambda: 1))
        eventually(lambda: second.live.active.in_flight)
        second.cancel()
        assert second.live.active.wait(PATIENCE_S)
        assert (second.status, first.status) == ("CANCELED", "STARTED")


def test_a_cancel_that_comes_late_does_not_reach_the_next_step(stage: Stage) -> None:
    assert stage.made(lambda: 1) == 1
    pool: Any = stage.session.executors._workers
    worker = pool.take(CancelToken())
    number = worker._task
    worker.is_usable = True
    pool.give_back(worker)
    handle = stage.start(op_of(lambda: time.sleep(0.5) or os.getpid()))
    eventually(lambda: worker._is_at_work or handle.live.active.ended.is_set())
    worker.ask_to_stop(number)
    assert handle.wait(PATIENCE_S).status == "SUCCESS"
    assert handle.output_for_node("body") == worker.pid


# How a worker dies


def segfaults() -> None:
    print("last words", flush=True)
    ctypes.string_at(0)


def is_killed() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


DEATHS: dict[str, tuple[Callable[[], None], str]] = {
    "a segmentation fault": (segfaults, "died: it crashed (segmentation fault)"),
    "os._exit": (lambda: os._exit(3), "ended by itself with exit code 3"),
    "an abort": (os.abort, "died: it aborted"),
    "a kill": (is_killed, "died: it was killed, by a person or because the machine's memory ran out"),
    "a stop from outside": (lambda: os.kill(os.getpid(), signal.SIGTERM), "was asked to end from outside"),
    "closing everything": (lambda: os.closerange(3, 100), "ended by itself with exit code"),
}


@pytest.mark.parametrize("death", DEATHS)
def test_a_death_fails_the_step_in_a_sentence_and_the_next_run_works(stage: Stage, death: str) -> None:
    body, words = DEATHS[death]
    ran = stage.run(op_of(body))
    assert ran.status == "FAILURE"
    assert ran.error["type"].endswith("WorkerDied")
    assert ran.error["message"].startswith("The worker process of step 'body' ")
    assert words in ran.error["message"]
    assert ran.events("body") == ["STEP_START", "STEP_FAILURE"]
    assert ran.steps[0]["worker"] not in map(str, stage.session.executors.worker_pids())
    assert stage.made(lambda: 1) == 1


def test_what_a_crashing_step_said_last_is_in_its_log(stage: Stage) -> None:
    texts = stage.run(op_of(segfaults)).texts()
    assert "Fatal Python error: Segmentation fault" in texts


def test_children_of_a_worker_that_died_are_gone_too(stage: Stage, tmp_path: Path) -> None:
    began = tmp_path / "began"

    def body() -> None:
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(1000)"])
        began.write_text(str(child.pid))
        os._exit(1)

    assert stage.run(op_of(body)).status == "FAILURE"
    (child,) = pids_in(began)
    eventually(lambda: not is_running(child))


def test_a_death_counts_as_a_failed_attempt(stage: Stage, tmp_path: Path) -> None:
    def body(context: jk.OpExecutionContext) -> int:
        if context.retry_number == 0:
            os._exit(9)
        return context.retry_number

    ran = stage.run(op_of(body, retry_policy=jk.RetryPolicy(max_retries=1)))
    assert (ran.status, ran.value()) == ("SUCCESS", 1)
    assert [(row["attempt"], row["status"]) for row in ran.steps] == [(1, "UP_FOR_RETRY"), (2, "SUCCESS")]
    assert "exit code 9" in ran.steps[0]["error"]["message"]


def test_failure_hooks_of_a_step_whose_process_died_have_their_resources(stage: Stage, tmp_path: Path) -> None:
    told = tmp_path / "told"

    @jk.resource
    def channel(_context: Any) -> str:
        return "#ops"

    @jk.failure_hook(required_resource_keys={"channel"})
    def alarm(context: jk.HookContext) -> None:
        told.write_text(f"{context.resources.channel} {type(context.op_exception).__name__} {os.getpid()}")

    @jk.op
    def body() -> None:
        os._exit(1)

    @jk.job(resource_defs={"channel": channel}, hooks={alarm})
    def hooked() -> None:
        body()

    ran = stage.run(hooked)
    assert ran.events("body") == ["STEP_START", "STEP_FAILURE", "HOOK_COMPLETED"]
    where, kind, pid = told.read_text().split()
    assert (where, kind, int(pid) != os.getpid()) == ("#ops", "WorkerDied", True)


@pytest.mark.skipif(sys.platform != "linux", reason="the limit is held by the system, differently elsewhere")
def test_a_step_that_wants_more_memory_than_it_may_use_is_told_the_limit(stage: Stage) -> None:
    executors = stage.session.executors
    executors.memory_limit = 400_000_000
    try:
        ran = stage.run(op_of(lambda: len(bytearray(2_000_000_000))))
        assert ran.status == "FAILURE"
        assert ran.error["type"] == "MemoryError"
        assert ran.error["message"] == "A worker may use 400 MB here: raise JobKernel.worker_memory_limit."
        assert stage.made(lambda: len(bytearray(10_000_000))) == 10_000_000
    finally:
        executors.memory_limit = None
    assert stage.made(lambda: len(bytearray(600_000_000))) == 600_000_000


@pytest.mark.parametrize("way", ["print", "descriptor"])
def test_much_output_is_kept_at_both_ends(stage: Stage, way: str) -> None:
    def body() -> None:
        block = "x" * 99 + "\n"
        for number in range(300):
            if way == "print":
                print(f"{number} begins\n" + block * 1000, end="")
            else:
                os.write(1, f"{number} begins\n".encode())
                for _ in range(10):
                    os.write(1, (block * 100).encode())

    ran = stage.run(op_of(body))
    assert ran.status == "SUCCESS"
    (summary,) = ran.bodies("LOGS_CAPTURED")
    assert summary["lines"] == 300 * 1001
    assert summary["bytes"] < 11_000_000
    texts = [json.loads(line)["text"] for line in Path(summary["path"]).read_text().splitlines()]
    assert texts[0] == "0 begins"
    assert "299 begins" in texts
    assert any("are left out here" in text for text in texts)


# What reaches a warm worker


def test_a_module_edited_on_disk_is_imported_anew(
    stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = tmp_path / "edited_module.py"
    module.write_text("VALUE = 1\n")
    monkeypatch.syspath_prepend(str(tmp_path))

    def body() -> tuple[int, int]:
        import edited_module  # type: ignore[import-not-found]

        return edited_module.VALUE, os.getpid()

    first, pid = stage.made(body)
    assert stage.made(body) == (first, pid)
    module.write_text("VALUE = 1 + 1\n")
    second, other = stage.made(body)
    assert (first, second, pid != other) == (1, 2, True)
    assert not is_running(pid)


def test_what_a_step_changes_around_it_is_gone_for_the_next(stage: Stage, tmp_path: Path) -> None:
    def disturb() -> int:
        os.chdir(tmp_path)
        os.environ["JOBKERNEL_TEST_LEFT"] = "1"
        sys.path.insert(0, str(tmp_path))
        return os.getpid()

    def body() -> tuple[Any, ...]:
        return os.getcwd(), os.environ.get("JOBKERNEL_TEST_LEFT"), str(tmp_path) in sys.path, os.getpid()

    pid = stage.made(disturb)
    assert stage.made(body) == (os.getcwd(), None, False, pid)


def test_a_worker_unused_for_long_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    pool = WorkerPool(2, idle_s=0.05)
    worker = pool.take(CancelToken())
    assert worker is not None
    pool.give_back(worker)
    eventually(lambda: not is_running(worker.pid))
    assert pool.pids() == []
    pool.close()


def test_a_worker_that_died_while_idle_is_replaced(stage: Stage) -> None:
    pid = stage.made(os.getpid)
    for idle in stage.session.executors.worker_pids():
        os.kill(idle, signal.SIGKILL)
    eventually(lambda: not is_running(pid))
    assert stage.made(os.getpid) != pid


def test_a_system_that_starts_no_process_is_told_in_a_sentence(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> Any:
        raise OSError(11, "Resource temporarily unavailable")

    with monkeypatch.context() as patch, a_stage("processes") as fresh:
        patch.setattr(worker_pool, "WorkerProcess", refuse)
        ran = fresh.run(op_of(lambda: 1))
        assert ran.status == "FAILURE"
        assert ran.error["message"].startswith("No worker process could be started (Resource temporarily unavailable);")


# The kernel's end

KERNEL = """
import json, os, signal, subprocess, sys, threading, time
sys.path.insert(0, {root!r})
import jobkernel as jk
from tests.contract.executor_stage import a_stage, op_of
how, began = sys.argv[1:3]

def holds_the_lock():
    open(began + ".part", "w").write(str(os.getpid()))
    os.rename(began + ".part", began)
    sum(range(10**15))

def has_a_child():
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(1000)"])
    open(began + ".part", "w").write(f"{{os.getpid()}} {{child.pid}}")
    os.rename(began + ".part", began)
    time.sleep(1000)

def quick():
    open(began + ".part", "w").write(str(os.getpid()))
    os.rename(began + ".part", began)

with a_stage("processes") as stage:
    body = {{"exits": quick, "children": has_a_child}}.get(how, holds_the_lock)
    handle = stage.start(op_of(body))
    while not os.path.exists(began):
        time.sleep(0.01)
    if how == "forked":
        child = os.fork()
        if child == 0:
            time.sleep(1000)
        print(child, flush=True)
    if how == "exits":
        handle.wait(30)
        sys.stdout.flush()
        os._exit(0) if len(sys.argv) > 3 else sys.exit(0)
    print("ready", flush=True)
    time.sleep(1000)
"""


@pytest.mark.parametrize("how", ["killed", "forked", "children", "closed", "exits"])
def test_no_worker_outlives_its_kernel(tmp_path: Path, how: str) -> None:
    if sys.platform != "linux" and how in ("killed", "forked"):
        pytest.skip("only Linux ends a process that never gives Python's lock away")
    began = tmp_path / "began"
    script = KERNEL.format(root=str(Path(__file__).resolve().parents[2]))
    kernel = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", script, how, str(began)], stdout=subprocess.PIPE, text=True
    )
    assert kernel.stdout is not None
    forked = []
    try:
        if how == "forked":
            forked = [int(kernel.stdout.readline())]
        pids = eventually(lambda: pids_in(began))
        if how == "exits":
            assert kernel.wait(PATIENCE_S) == 0
        else:
            assert kernel.stdout.readline() == "ready\n"
            assert all(map(is_running, pids))
            kernel.send_signal(signal.SIGTERM if how == "closed" else signal.SIGKILL)
            kernel.wait(PATIENCE_S)
        ended = time.monotonic()
        eventually(lambda: not any(map(is_running, pids)))
        assert time.monotonic() - ended < 1.0
        assert all(map(is_running, forked))
    finally:
        kernel.kill()
        for pid in forked:
            os.kill(pid, signal.SIGKILL)
        kernel.wait()
        kernel.stdout.close()


def test_an_interrupt_of_the_kernel_reaches_no_worker(stage: Stage) -> None:
    pid, group, session = stage.made(lambda: (os.getpid(), os.getpgrp(), os.getsid(0)))
    assert (group, session) == (pid, pid)


def test_closing_a_session_leaves_no_worker(tmp_path: Path) -> None:
    began = tmp_path / "began"
    with a_stage("processes") as stage:
        idle = stage.made(os.getpid)
        busy = stage.start(op_of(lambda: ignores_it(str(began))))
        (pid,) = eventually(lambda: pids_in(began))
    assert busy.status == "CANCELED"
    assert not is_running(pid)
    assert not is_running(idle)
    assert not [thread for thread in threading.enumerate() if "jobkernel-worker" in thread.name]


def test_descriptors_are_given_back(stage: Stage) -> None:
    descriptors = Path("/proc/self/fd")
    if not descriptors.exists():
        pytest.skip("descriptors are counted in /proc")
    stage.run(op_of(lambda: os._exit(1)))
    stage.made(lambda: 1)
    before = len(list(descriptors.iterdir()))
    for _ in range(3):
        stage.run(op_of(lambda: os._exit(1)))
        stage.made(lambda: 1)
    assert len(list(descriptors.iterdir())) == before
