"""Steps on Dask: a cluster of the kernel's own, and a scheduler and workers that are other programs."""

from __future__ import annotations

import ctypes
import gc
import os
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from live_sessions import define
from waiting import eventually

import jobkernel as jk
from jobkernel.clock import SystemClock
from jobkernel.engine import executors as executors_of_kernel
from jobkernel.engine.handle import RunHandle
from jobkernel.engine.opening import open_session
from jobkernel.engine.opening import test_session as session_in_memory
from jobkernel.engine.session import Session
from jobkernel.errors import MissingDependency
from jobkernel.model.runs import Launch
from jobkernel.rules.graph_plan import plan_graph
from jobkernel.storage.control import stop_server

PATIENCE_S = 60.0
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def session() -> Iterator[Session]:
    made = session_in_memory(SystemClock(), max_workers=2)
    yield made
    made.close()


class Elsewhere:
    """A scheduler and its workers, each a program of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.programs: list[subprocess.Popen[bytes]] = []
        self.address = f"tcp://127.0.0.1:{_free_port()}"

    def start_scheduler(self) -> subprocess.Popen[bytes]:
        port = self.address.rpartition(":")[2]
        options = ["--host", "127.0.0.1", "--port", port, "--no-dashboard", "--no-show"]
        return self._start(["distributed.cli.dask_scheduler", *options])

    def start_worker(self, threads: int = 2, **environment: str) -> subprocess.Popen[bytes]:
        options = ["--host", "127.0.0.1", "--no-dashboard", "--nthreads", str(threads), "--no-nanny"]
        return self._start(
            ["distributed.cli.dask_worker", self.address, *options, "--local-directory", str(self.folder)], environment
        )

    def _start(self, module: list[str], environment: dict[str, str] | None = None) -> subprocess.Popen[bytes]:
        path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
        program = subprocess.Popen(
            [sys.executable, "-m", *module],
            env={**os.environ, "PYTHONPATH": path, **(environment or {})},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=self.folder,
        )
        self.programs.append(program)
        return program

    def end(self) -> None:
        for program in self.programs:
            program.kill()
            program.wait()


@contextmanager
def _elsewhere(folder: Path) -> Iterator[Elsewhere]:
    cluster = Elsewhere(folder)
    try:
        yield cluster
    finally:
        cluster.end()


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Elsewhere]:
    with _elsewhere(tmp_path_factory.mktemp("dask")) as cluster:
        cluster.start_scheduler()
        cluster.start_worker()
        yield cluster


@contextmanager
def a_session() -> Iterator[Session]:
    made = session_in_memory(SystemClock(), max_workers=2)
    try:
        yield made
    finally:
        made.close()


def start(session: Session, body: Callable[..., Any], executor: str = "dask", **options: Any) -> RunHandle:
    @jk.job
    def alone() -> None:
        jk.op(name="body", **options)(body)()

    return session.launch(plan_graph(alone.graph, alone), Launch(executor=executor))


def ended(handle: RunHandle) -> str:
    assert handle.live.active.wait(PATIENCE_S), "the run did not end"
    return handle.status


def step_of(session: Session, handle: RunHandle) -> dict[str, Any]:
    session.history.flush()
    return session.history.query("run_steps", run_id=handle.run_id)[-1]


def wait_for(path: Path) -> str:
    deadline = time.monotonic() + PATIENCE_S
    while not (path.exists() and path.read_text()):
        assert time.monotonic() < deadline, f"{path.name} was never written"
        time.sleep(0.01)
    return path.read_text()


def error_of(handle: RunHandle) -> str:
    return str(handle.live.active.error)


def _free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])


def sleeping(mark: Path) -> Callable[[], None]:
    def body() -> None:
        mark.write_text(str(os.getpid()))
        while True:
            time.sleep(0.01)

    return body


def deaf(mark: Path) -> Callable[[], None]:
    def body() -> None:
        mark.write_text(str(os.getpid()))
        time.sleep(600)

    return body


# The kernel's own cluster


def test_a_launch_does_not_wait_for_the_cluster_and_the_step_says_where_it_ran() -> None:
    with a_session() as session:
        handle = start(session, os.getpid)
        assert not handle.live.active.ended.is_set()  # the cluster takes longer to start than a launch to return
        assert ended(handle) == "SUCCESS"
        step = step_of(session, handle)
        assert handle.output_for_node("body") != os.getpid()
        assert (step["executor"], step["worker"][:16]) == ("dask", "tls://127.0.0.1:")


def test_many_lines_arrive_whole_and_in_order(session: Session) -> None:
    def body() -> None:
        for number in range(50_000):
            print(f"{number} {'x' * 200}")

    handle = start(session, body)
    assert ended(handle) == "SUCCESS"
    assert handle.live.outputs["body"].last_seq == 50_000
    assert [line.text.split()[0] for line in handle.live.outputs["body"].lines_after(49_990)] == [
        str(number) for number in range(49_990, 50_000)
    ]


def test_a_cancel_stops_a_body_that_looks_and_a_second_one_interrupts(session: Session, tmp_path: Path) -> None:
    def looks(context: jk.OpExecutionContext) -> None:
        (tmp_path / "looks").write_text("1")
        while not context.cancel_requested:
            time.sleep(0.01)

    handle = start(session, looks)
    wait_for(tmp_path / "looks")
    handle.cancel()
    assert ended(handle) == "CANCELED"

    handle = start(session, sleeping(tmp_path / "sleeps"))
    wait_for(tmp_path / "sleeps")
    handle.cancel()
    handle.cancel(forced=True)
    assert ended(handle) == "CANCELED"


def test_a_body_that_hears_nothing_is_ended_with_its_worker(session: Session, tmp_path: Path) -> None:
    handle = start(session, deaf(tmp_path / "deaf"))
    pid = int(wait_for(tmp_path / "deaf"))
    handle.cancel(forced=True)
    assert ended(handle) == "CANCELED"
    deadline = time.monotonic() + PATIENCE_S
    while Path(f"/proc/{pid}").exists():
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert ended(start(session, os.getpid)) == "SUCCESS"


def test_a_worker_that_is_killed_fails_its_step_once(session: Session, tmp_path: Path) -> None:
    def body() -> None:
        with (tmp_path / "begun").open("a") as file:
            file.write("x")
        os.kill(os.getpid(), signal.SIGKILL)

    handle = start(session, body)
    assert ended(handle) == "FAILURE"
    assert error_of(handle) == (
        "The worker process of step 'body' died: it was killed, by a person or because the machine's memory ran out."
    )
    assert (tmp_path / "begun").read_text() == "x"
    assert ended(start(session, os.getpid)) == "SUCCESS"


def test_only_the_retry_policy_runs_a_step_again(session: Session, tmp_path: Path) -> None:
    def body() -> int:
        with (tmp_path / "tries").open("a") as file:
            file.write("x")
        if (tmp_path / "tries").read_text() == "x":
            os.kill(os.getpid(), signal.SIGKILL)
        return 7

    handle = start(session, body, retry_policy=jk.RetryPolicy(max_retries=1))
    assert ended(handle) == "SUCCESS"
    assert handle.output_for_node("body") == 7
    assert (tmp_path / "tries").read_text() == "xx"


def test_children_of_a_step_end_with_its_worker(session: Session, tmp_path: Path) -> None:
    def body() -> None:
        child = subprocess.Popen(["sleep", "600"])
        (tmp_path / "child").write_text(str(child.pid))
        time.sleep(600)

    handle = start(session, body)
    child = int(wait_for(tmp_path / "child"))
    handle.cancel(forced=True)
    assert ended(handle) == "CANCELED"
    deadline = time.monotonic() + PATIENCE_S
    while Path(f"/proc/{child}").exists() and ") Z " not in Path(f"/proc/{child}/stat").read_text():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_nothing_of_dask_is_written_into_the_notebook(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    with a_session() as session:
        handle = start(session, lambda: os.kill(os.getpid(), signal.SIGKILL))
        assert ended(handle) == "FAILURE"
        assert ended(start(session, os.getpid)) == "SUCCESS"
    assert capfd.readouterr() == ("", "")


def test_closing_ends_the_workers() -> None:
    before = _threads_of_dask()
    with a_session() as session:
        handle = start(session, os.getpid)
        assert ended(handle) == "SUCCESS"
        pid = handle.output_for_node("body")
    deadline = time.monotonic() + PATIENCE_S
    while Path(f"/proc/{pid}").exists():
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert _threads_of_dask() == before


def _threads_of_dask() -> set[threading.Thread]:
    return {thread for thread in threading.enumerate() if thread.name.startswith("jobkernel-dask")}


def test_an_asset_may_name_it_and_steps_beside_it_stay_where_they_are(session: Session) -> None:
    @jk.asset
    def here() -> int:
        return os.getpid()

    @jk.asset
    def there(here: int) -> list[int]:
        return [here, os.getpid()]

    there.record = replace(there.record, node=replace(there.record.node, executor="dask"))
    define(session, here, there)
    handle = session.launch(session.plan(["here", "there"]))
    assert ended(handle) == "SUCCESS", error_of(handle)
    session.history.flush()
    rows = session.history.query("run_steps", run_id=handle.run_id)
    assert {row["step_key"]: row["executor"] for row in rows} == {"here": "threads", "there": "dask"}


def test_a_crash_is_named_and_calls_the_failure_hook(session: Session, tmp_path: Path) -> None:
    @jk.failure_hook
    def note(_context: jk.HookContext) -> None:
        (tmp_path / "hook").write_text("called")

    @jk.op
    def crashes() -> None:
        import ctypes

        ctypes.string_at(0)

    @jk.job(hooks={note})
    def crashing() -> None:
        crashes()

    handle = session.launch(plan_graph(crashing.graph, crashing), Launch(executor="dask"))
    assert ended(handle) == "FAILURE"
    assert error_of(handle) == "The worker process of step 'crashes' died: it crashed (segmentation fault)."
    assert (tmp_path / "hook").read_text() == "called"


def test_a_worker_that_dies_takes_no_step_along_that_waits_behind_the_dying_one(
    session: Session, tmp_path: Path
) -> None:
    @jk.op(out=jk.DynamicOut())
    def numbers() -> Iterator[Any]:
        for number in range(8):
            yield jk.DynamicOutput(number, mapping_key=f"n{number}")

    @jk.op
    def each(number: int) -> int:
        with (tmp_path / str(number)).open("a") as file:
            file.write("x")
        time.sleep(0.1)
        if number == 1:
            os._exit(3)
        return number

    @jk.job
    def mapped() -> None:
        numbers().map(each)

    handle = session.launch(plan_graph(mapped.graph, mapped), Launch(executor="dask"))
    assert ended(handle) == "FAILURE"
    session.history.flush()
    rows = session.history.query("run_steps", run_id=handle.run_id)
    assert {row["step_key"] for row in rows if row["status"] == "FAILURE"} == {"each[n1]"}
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {str(number): "x" for number in range(8)}


def test_a_module_that_changed_on_disk_is_read_anew(
    session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    module = tmp_path / "changing_for_dask.py"

    def body() -> str:
        import changing_for_dask

        return str(changing_for_dask.WORD)

    made = []
    for word in ("first", "second"):
        module.write_text(f"WORD = {word!r}  # {'x' * len(made)}\n")
        for _ in range(4):  # both workers come to read it
            handle = start(session, body)
            assert ended(handle) == "SUCCESS", error_of(handle)
            made.append(handle.output_for_node("body"))
    assert made == ["first"] * 4 + ["second"] * 4


def test_what_a_canceled_step_has_started_ends_with_it(session: Session, tmp_path: Path) -> None:
    def body() -> None:
        child = subprocess.Popen(["sleep", "600"])
        (tmp_path / "child").write_text(str(child.pid))
        while True:
            time.sleep(0.01)

    handle = start(session, body)
    child = int(wait_for(tmp_path / "child"))
    handle.cancel()
    assert ended(handle) == "CANCELED"
    deadline = time.monotonic() + PATIENCE_S
    while Path(f"/proc/{child}").exists() and ") Z " not in Path(f"/proc/{child}/stat").read_text():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_what_a_step_may_allocate_is_limited() -> None:
    def body() -> int:
        return len(bytearray(3_000_000_000))

    with a_session() as session:
        session.executors.memory_limit = 1_500_000_000
        handle = start(session, body)
        assert ended(handle) == "FAILURE"
        assert "raise JobKernel.worker_memory_limit" in step_of(session, handle)["error"]["message"]


def test_workers_that_cannot_even_start_fail_the_step() -> None:
    with a_session() as session:
        session.executors.memory_limit = 10_000_000
        handle = start(session, os.getpid)
        assert ended(handle) == "FAILURE"
        assert error_of(handle).startswith("This kernel's Dask cluster cannot work: its workers end with code")
        assert error_of(handle).endswith("JobKernel.worker_memory_limit may be too small for them.")
        session.executors.memory_limit = None
        assert ended(start(session, os.getpid)) == "SUCCESS"


SCRIPT = """
import os, sys, time
import jobkernel as jk
from jobkernel.clock import SystemClock
from jobkernel.engine.opening import test_session
from jobkernel.model.runs import Launch
from jobkernel.rules.graph_plan import plan_graph

def body():
    with open(MARK, "w") as file:
        file.write(str(os.getpid()))
    sum(range(10**15))

MARK = sys.argv[1]

@jk.job
def alone():
    jk.op(body)()

session = test_session(SystemClock(), max_workers=1)
session.launch(plan_graph(alone.graph, alone), Launch(executor="dask")).wait()
"""


def test_workers_end_with_a_kernel_that_is_killed_also_one_that_is_a_bare_script(tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(SCRIPT)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    kernel = subprocess.Popen([sys.executable, str(tmp_path / "script.py"), str(tmp_path / "mark")], env=environment)
    try:
        worker = int(wait_for(tmp_path / "mark"))
    finally:
        kernel.kill()
        kernel.wait()
    deadline = time.monotonic() + PATIENCE_S
    while Path(f"/proc/{worker}").exists() and ") Z " not in Path(f"/proc/{worker}/stat").read_text():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_what_cannot_be_sent_is_named(session: Session) -> None:
    lock = threading.Lock()
    handle = start(session, lambda: lock.locked())
    assert ended(handle) == "FAILURE"
    assert error_of(handle).startswith("Step 'body' cannot be sent to another process: its code cannot be pickled")


def test_without_the_package_a_launch_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(executors_of_kernel, "find_spec", lambda _name: None)
    with (
        a_session() as session,
        pytest.raises(
            MissingDependency,
            match=r"^The executor 'dask' needs a package: run pip install 'jobkernel\[dask\]' first\.$",
        ),
    ):
        start(session, os.getpid)


# A scheduler elsewhere


def test_a_job_runs_on_a_scheduler_by_its_address(elsewhere: Elsewhere) -> None:
    class Odd:
        def __init__(self, number: int) -> None:
            self.number = number

    @jk.op
    def first() -> Any:
        print("from afar")
        return Odd(3)  # kept as a signed pickle: the worker has this user's key

    @jk.op
    def second(given: Any) -> list[int]:
        return [given.number + 1, os.getpid()]

    @jk.job(executor_def=jk.dask_executor.configured({"cluster": {"existing": {"address": elsewhere.address}}}))
    def far() -> None:
        second(first())

    with a_session() as session:
        handle = session.launch(plan_graph(far.graph, far))
        assert ended(handle) == "SUCCESS", error_of(handle)
        assert handle.output_for_node("second") == [4, elsewhere.programs[1].pid]
        assert handle.live.outputs["first"].lines_after(0)[0].text == "from afar"


def test_a_cancel_reaches_a_step_elsewhere(elsewhere: Elsewhere, tmp_path: Path) -> None:
    with a_session() as session:
        handle = start(session, sleeping(tmp_path / "begun"), f"dask:{elsewhere.address}")
        wait_for(tmp_path / "begun")
        handle.cancel(forced=True)
        assert ended(handle) == "CANCELED"


def test_an_address_that_is_none_is_one_sentence_and_no_warning() -> None:
    with a_session() as session:
        handle = start(session, os.getpid, "dask:bogus")
        assert ended(handle) == "FAILURE"
        assert "No Dask scheduler answers at bogus (ValueError: missing port number" in error_of(handle)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        gc.collect()  # what was left unawaited would be said now


def test_nobody_at_the_address_fails_the_step_and_the_next_run_works(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jobkernel.executors.dask_cluster.CONNECT_S", 0.5)
    with a_session() as session:
        nowhere = f"tcp://127.0.0.1:{_free_port()}"
        handle = start(session, os.getpid, f"dask:{nowhere}")
        assert ended(handle) == "FAILURE"
        assert error_of(handle).startswith(f"No Dask scheduler answers at {nowhere} (")
        assert ended(start(session, os.getpid, "threads")) == "SUCCESS"


def test_a_worker_lost_elsewhere_fails_the_step_though_dask_would_run_it_again(tmp_path: Path) -> None:
    with ExitStack() as stack:
        cluster = stack.enter_context(_elsewhere(tmp_path))
        session = stack.enter_context(a_session())
        cluster.start_scheduler()
        cluster.start_worker()
        cluster.start_worker()

        def body() -> None:
            with (tmp_path / "begun").open("a") as file:
                file.write(f"{os.getpid()}\n")
            time.sleep(600)

        handle = start(session, body, f"dask:{cluster.address}")
        os.kill(int(wait_for(tmp_path / "begun")), signal.SIGKILL)
        assert ended(handle) == "FAILURE"
        assert "that ran step 'body' was lost" in error_of(handle)
        assert len((tmp_path / "begun").read_text().splitlines()) == 1
        assert ended(start(session, os.getpid, f"dask:{cluster.address}")) == "SUCCESS"


def test_a_scheduler_that_is_lost_fails_the_step_and_the_next_run_finds_the_new_one(tmp_path: Path) -> None:
    with ExitStack() as stack:
        cluster = stack.enter_context(_elsewhere(tmp_path))
        session = stack.enter_context(a_session())
        scheduler, worker = cluster.start_scheduler(), cluster.start_worker()
        handle = start(session, sleeping(tmp_path / "begun"), f"dask:{cluster.address}")
        wait_for(tmp_path / "begun")
        scheduler.kill()
        scheduler.wait()
        assert ended(handle) == "FAILURE"
        assert error_of(handle) == f"Step 'body' was lost with the Dask scheduler at {cluster.address}."
        worker.kill()
        cluster.start_scheduler()
        cluster.start_worker()
        assert ended(start(session, os.getpid, f"dask:{cluster.address}")) == "SUCCESS"


def test_a_worker_with_another_key_keeps_plain_values_and_refuses_pickles(tmp_path: Path) -> None:
    with ExitStack() as stack:
        cluster = stack.enter_context(_elsewhere(tmp_path))
        session = stack.enter_context(a_session())
        cluster.start_scheduler()
        cluster.start_worker(JOBKERNEL_KEY_FILE=str(tmp_path / "another.key"))
        plain = start(session, lambda: [1, 2], f"dask:{cluster.address}")
        assert ended(plain) == "SUCCESS", error_of(plain)
        odd = start(session, lambda: {1, (2, object)}, f"dask:{cluster.address}")
        assert ended(odd) == "FAILURE"
        assert "does not have this kernel's key: copy the key there and name it in JOBKERNEL_KEY_FILE" in error_of(odd)


def test_values_may_be_where_workers_see_them(
    elsewhere: Elsewhere, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JOBKERNEL_VALUES", str(tmp_path / "shared"))
    (tmp_path / "project").mkdir()

    @jk.asset
    def numbers() -> list[int]:
        return [1, 2]

    session = open_session(folder=tmp_path / "project").session
    try:
        define(session, numbers)
        handle = session.launch(session.plan(["numbers"]), Launch(executor=f"dask:{elsewhere.address}"))
        assert ended(handle) == "SUCCESS", error_of(handle)
        assert session.load("numbers") == [1, 2]
    finally:
        session.close()
        stop_server(tmp_path / "project")
    assert next(path.name for path in (tmp_path / "shared").iterdir()).startswith("project-")
    assert not (tmp_path / "project" / ".jobkernel" / "values").exists()


def test_a_folder_that_the_worker_does_not_share_is_named(elsewhere: Elsewhere, monkeypatch: Any) -> None:
    monkeypatch.setattr("jobkernel.executors.dask_cluster.DaskCluster._shared_sign", lambda *_: "shared/unknown")
    with a_session() as session:
        handle = start(session, os.getpid, f"dask:{elsewhere.address}")
        assert ended(handle) == "FAILURE"
        assert "does not see the values of this project in" in error_of(handle)
        assert "JOBKERNEL_VALUES" in error_of(handle)


def test_another_version_is_one_sentence(elsewhere: Elsewhere, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jobkernel.executors.dask_cluster.__version__", "0.0.1")
    with a_session() as session:
        handle = start(session, os.getpid, f"dask:{elsewhere.address}")
        assert ended(handle) == "FAILURE"
        assert "this kernel 0.0.1; install the same version there" in error_of(handle)


WRITERS = {
    "a descriptor": lambda: os.write(1, b"here\nand there\n"),
    "a child": lambda: subprocess.run(["sh", "-c", "echo here; echo and there"], check=True),
    "C code": lambda: ctypes.CDLL(None).puts(b"here\nand there"),
    "os.system": lambda: os.system("echo here; echo and there"),
}


@pytest.mark.parametrize("writes", WRITERS.values(), ids=WRITERS)
def test_what_c_code_and_children_write_is_the_steps(session: Session, writes: Callable[[], object]) -> None:
    def body() -> None:
        print("before")
        os.write(2, b"complaint\n")
        writes()

    handle = start(session, body)
    assert ended(handle) == "SUCCESS"
    again = start(session, lambda: print("quiet"))
    assert ended(again) == "SUCCESS"

    lines = [(line["level"], line["text"]) for line in session.records.log_lines(handle.run_id)]
    assert sorted(lines) == sorted(
        [("stdout", "before"), ("stderr", "complaint"), ("stdout", "here"), ("stdout", "and there")]
    )
    assert [line["text"] for line in session.records.log_lines(again.run_id)] == ["quiet"]


def test_what_a_child_writes_is_seen_while_its_step_runs(session: Session, tmp_path: Path) -> None:
    go_on = tmp_path / "go on"

    def body() -> None:
        subprocess.run(["sh", "-c", "echo working"], check=True)
        while not go_on.exists():
            time.sleep(0.01)

    handle = start(session, body)
    outputs = handle.live.outputs
    eventually(lambda: "working" in [line.text for each in list(outputs.values()) for line in each.lines_after(0)])
    go_on.touch()
    assert ended(handle) == "SUCCESS"


def test_nobody_without_the_certificate_of_the_cluster_is_let_in(session: Session) -> None:
    def body() -> list[str]:
        from distributed import get_worker

        return [get_worker().address, get_worker().scheduler.address, get_worker().local_directory]

    handle = start(session, body)
    assert ended(handle) == "SUCCESS", error_of(handle)
    *addresses, folder = handle.output_for_node("body")
    (key,) = [parent / "key.pem" for parent in Path(folder).parents if (parent / "key.pem").exists()]
    assert [key.stat().st_mode & 0o077, key.parent.stat().st_mode & 0o077] == [0, 0]
    for address in addresses:
        assert address.startswith("tls://127.0.0.1:")
        for context in (None, ssl._create_unverified_context()):
            assert not _is_let_in(address, context), "it answered somebody without a certificate"


def _is_let_in(address: str, context: ssl.SSLContext | None) -> bool:
    """Whether somebody who connects is told anything; Dask itself says hello at once."""
    host, port = address.removeprefix("tls://").split(":")
    connection = socket.create_connection((host, int(port)), timeout=10)
    try:
        if context is not None:
            connection = context.wrap_socket(connection)
        connection.sendall(b"\0" * 64)
        return connection.recv(1) not in (b"", b"\x15")  # an alert
    except OSError:
        return False
    finally:
        connection.close()
