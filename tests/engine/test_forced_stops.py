"""A step on a thread that waits in C is stopped by force where it waits for a DuckDB query or a child process."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import duckdb
import psutil
import pytest
from live_sessions import a_session, asset, define, ended, launch
from waiting import eventually

from jobkernel.executors import capture

ENDLESS = "select count(*) from range(100000000) a, range(100000) b"
STUBBORN = (
    "import signal, sys, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(600)"
)

SHARED = duckdb.connect()


def own_connection(began: threading.Event) -> Any:
    connection = duckdb.connect()
    began.set()
    return connection.execute(ENDLESS).fetchall()


def connection_of_an_object(began: threading.Event) -> Any:
    wrapped = SimpleNamespace(inner=SimpleNamespace(connection=duckdb.connect()))
    began.set()
    return wrapped.inner.connection.execute(ENDLESS).fetchall()


def default_connection(began: threading.Event) -> Any:
    began.set()
    return duckdb.execute(ENDLESS).fetchall()


def relation(began: threading.Event) -> Any:
    rows = duckdb.connect().sql(ENDLESS)
    began.set()
    return rows.fetchall()


def global_connection(began: threading.Event) -> Any:
    began.set()
    return SHARED.execute(ENDLESS).fetchall()


def shared() -> Any:
    return SHARED


@cache
def made_once() -> Any:
    return duckdb.connect()


def connection_that_a_function_gives(began: threading.Event) -> Any:
    began.set()
    return shared().execute(ENDLESS).fetchall()


def connection_that_a_cache_holds(began: threading.Event) -> Any:
    began.set()
    return made_once().execute(ENDLESS).fetchall()


class WithSlots:
    __slots__ = ("connection",)


def connection_in_a_slot(began: threading.Event) -> Any:
    holder = WithSlots()
    holder.connection = duckdb.connect()
    began.set()
    return holder.connection.execute(ENDLESS).fetchall()


def connection_that_a_closure_holds(began: threading.Event) -> Any:
    connection = duckdb.connect()

    def given() -> Any:
        return connection

    return asked(given, began)


def asked(given: Callable[[], Any], began: threading.Event) -> Any:
    began.set()
    return given().execute(ENDLESS).fetchall()


BODIES = [
    own_connection,
    connection_of_an_object,
    default_connection,
    relation,
    global_connection,
    connection_that_a_function_gives,
    connection_that_a_cache_holds,
    connection_in_a_slot,
    connection_that_a_closure_holds,
]


@pytest.mark.parametrize("body", BODIES)
def test_a_query_of_a_body_on_a_connection_of_its_own_is_stopped_by_a_forced_cancel(
    body: Callable[[threading.Event], Any],
) -> None:
    began = threading.Event()
    with a_session() as session:
        define(session, asset(lambda: body(began), "slow"))
        handle = launch(session, "slow")
        assert began.wait(10)
        handle.cancel(forced=True)
        assert ended(handle) == "CANCELED"
        assert not handle.live.active.notes.lost, "the step ended, it was not abandoned"


def test_a_query_of_another_step_on_the_same_connection_goes_on() -> None:
    connection, began, waiting, go_on = duckdb.connect(), threading.Event(), threading.Event(), threading.Event()
    connection.create_function("wait_for_it", lambda: bool(began.set() or go_on.wait(30)), [], "BOOLEAN")

    def other() -> Any:
        return connection.execute("select wait_for_it()").fetchall()

    def canceled() -> Any:
        waiting.set()
        while not go_on.is_set():
            threading.Event().wait(0.01)
        return connection

    with a_session() as session:
        define(session, asset(other, "other"), asset(canceled, "canceled"))
        stays, goes = launch(session, "other"), launch(session, "canceled")
        assert began.wait(10)
        assert waiting.wait(10)
        goes.cancel(forced=True)
        assert ended(goes) == "CANCELED"
        go_on.set()
        assert ended(stays) == "SUCCESS"


@pytest.fixture
def hooked() -> Iterator[None]:
    """The hooks that follow what steps do, as in a kernel."""
    capture.install()
    yield
    capture.uninstall()


def _is_over(pid: int) -> bool:
    return not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


@pytest.mark.usefixtures("hooked")
def test_a_child_process_that_a_step_waits_for_is_ended_by_a_forced_cancel() -> None:
    children: list[subprocess.Popen[bytes]] = []

    def waits() -> int:
        children.append(subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"]))
        return children[0].wait()

    with a_session() as session:
        define(session, asset(waits, "slow"))
        handle = launch(session, "slow")
        eventually(lambda: children)
        handle.cancel(forced=True)
        assert ended(handle) == "CANCELED"
        assert not handle.live.active.notes.lost
        eventually(lambda: _is_over(children[0].pid))
        children[0].wait(10)


@pytest.mark.usefixtures("hooked")
def test_a_child_that_does_not_end_when_asked_is_killed_with_its_own_children(tmp_path: Path) -> None:
    pids = tmp_path / "pids"

    def waits() -> Any:
        line = f'"{sys.executable}" -c "{STUBBORN}" & echo $! > "{pids}"; wait'
        return subprocess.run(line, shell=True, check=False, stdout=subprocess.PIPE)

    with a_session() as session:
        define(session, asset(waits, "slow"))
        handle = launch(session, "slow")
        eventually(lambda: pids.exists() and pids.read_text().strip())
        child = int(pids.read_text())
        handle.cancel(forced=True)
        assert ended(handle) == "CANCELED"
        eventually(lambda: _is_over(child))


@pytest.mark.usefixtures("hooked")
def test_a_child_that_its_step_detached_and_one_of_another_step_are_left_alone() -> None:
    children: list[subprocess.Popen[bytes]] = []
    others: list[subprocess.Popen[bytes]] = []
    sleeps = [sys.executable, "-c", "import time; time.sleep(600)"]

    def waits() -> int:
        detached = subprocess.Popen(sleeps, start_new_session=True)
        children.extend([detached, subprocess.Popen(sleeps)])
        return children[1].wait()

    def other() -> int:
        others.append(subprocess.Popen(sleeps))
        return others[0].wait()

    with a_session() as session:
        define(session, asset(waits, "slow"), asset(other, "other"))
        stays, goes = launch(session, "other"), launch(session, "slow")
        eventually(lambda: len(children) == 2 and others)
        goes.cancel(forced=True)
        assert ended(goes) == "CANCELED"
        eventually(lambda: _is_over(children[1].pid))
        children[1].wait(10)
        assert children[0].poll() is None
        assert others[0].poll() is None
        assert stays.status == "STARTED"
        for child in (children[0], others[0]):
            child.kill()
            child.wait()
        ended(stays)


def _sleep_long() -> None:
    time.sleep(600)


def _noted_sleep(folder: str) -> None:
    Path(folder, str(os.getpid())).touch()
    time.sleep(600)


@pytest.mark.usefixtures("hooked")
@pytest.mark.parametrize("way", ["fork", "spawn"])
def test_a_process_of_multiprocessing_that_a_step_waits_for_is_ended(way: str) -> None:
    children: list[Any] = []

    def waits() -> None:
        child = multiprocessing.get_context(way).Process(target=_sleep_long)
        child.start()
        children.append(child)
        child.join()

    with a_session() as session:
        define(session, asset(waits, "slow"))
        handle = launch(session, "slow")
        eventually(lambda: children)
        handle.cancel(forced=True)
        assert ended(handle) == "CANCELED"
        assert not handle.live.active.notes.lost
        eventually(lambda: _is_over(children[0].pid))


@pytest.mark.usefixtures("hooked")
def test_a_step_that_waits_for_an_executor_of_processes_is_stopped_with_them(tmp_path: Path) -> None:
    def waits() -> Any:
        with ProcessPoolExecutor(1, multiprocessing.get_context("fork")) as executor:
            return executor.submit(_noted_sleep, str(tmp_path)).result()

    with a_session() as session:
        define(session, asset(waits, "slow"))
        handle = launch(session, "slow")
        eventually(lambda: list(tmp_path.iterdir()))
        handle.cancel(forced=True)
        assert ended(handle) == "CANCELED"
        assert not handle.live.active.notes.lost
        eventually(lambda: all(_is_over(int(each.name)) for each in tmp_path.iterdir()))


@pytest.mark.usefixtures("hooked")
def test_a_pool_of_a_step_that_is_stopped_ends_with_all_that_it_would_start_anew(tmp_path: Path) -> None:
    pools: list[Any] = []

    def waits() -> Any:
        pools.append(multiprocessing.get_context("fork").Pool(2))
        return pools[0].map(_noted_sleep, [str(tmp_path)] * 2)

    with a_session() as session:
        define(session, asset(waits, "slow"))
        handle = launch(session, "slow")
        eventually(lambda: len(list(tmp_path.iterdir())) == 2)
        handle.cancel(forced=True)
        assert ended(handle) == "CANCELED"
        eventually(lambda: all(_is_over(int(each.name)) for each in tmp_path.iterdir()))
        eventually(lambda: pools[0]._state == "TERMINATE")
        eventually(lambda: all(_is_over(worker.pid) for worker in pools[0]._pool))
        for waiting in list(pools[0]._cache.values()):  # Python leaves whoever waits for a pool that ended waiting
            while not waiting.ready():
                waiting._set(0, (False, InterruptedError()))


@pytest.mark.usefixtures("hooked")
def test_a_command_of_os_system_is_captured_and_ended_by_a_forced_cancel(tmp_path: Path) -> None:
    pid = tmp_path / "pid"

    def waits() -> int:
        return os.system(f'echo begun; echo $$ > "{pid}"; sleep 600; true')

    with a_session() as session:
        define(session, asset(waits, "slow"))
        handle = launch(session, "slow")
        eventually(lambda: pid.exists() and pid.read_text().strip())
        handle.cancel(forced=True)
        assert ended(handle) == "CANCELED"
        assert not handle.live.active.notes.lost
        eventually(lambda: _is_over(int(pid.read_text())))
        eventually(lambda: [line["text"] for line in session.records.log_lines(handle.run_id)] == ["begun"])


@pytest.mark.usefixtures("hooked")
@pytest.mark.parametrize("command", ["exit 3", "kill -9 $$", "true"])
def test_os_system_returns_in_a_step_what_it_returns_outside(command: str) -> None:
    codes: list[int] = []
    with a_session() as session:
        define(session, asset(lambda: codes.append(os.system(command)), "called"))
        assert ended(launch(session, "called")) == "SUCCESS"
    assert codes == [os.system(command)]
