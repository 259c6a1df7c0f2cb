"""The project server's life with real processes: one for ten kernels, deaf to their signals, gone after its clients."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from waiting import eventually

import jobkernel
from jobkernel.errors import HistoryError, KeyOwnedElsewhere, ServerUnreachable, VersionMismatch
from jobkernel.model.events import Event
from jobkernel.storage import meeting
from jobkernel.storage.client import HistoryClient
from jobkernel.storage.control import server_status, stop_server
from jobkernel.storage.meeting import Meeting
from jobkernel.storage.place import place_of, read_record, write_atomically
from jobkernel.storage.process import is_alive, process_started
from jobkernel.storage.versions import our_versions
from jobkernel.storage.wire import packed, prove_as_client, receive, unpacked

CONNECT = (
    "import sys, time; from jobkernel.model.events import Event;"
    "from jobkernel.storage.client import HistoryClient;"
    "client = HistoryClient.connect(sys.argv[1], kernel_id=sys.argv[2], notebook=sys.argv[2] + '.ipynb', linger_s=0.5);"
)
STAY = "print(client.request('status')['pid'], flush=True); sys.stdin.read()"
RUN = (
    "client.emit(Event('RUN_ENQUEUED', 'started', None, 1, {}));"
    "client.emit(Event('RUN_START', 'started', None, 2));"
    "client.emit(Event('STEP_START', 'started', 'x', 3, {'attempt': 1}));"
    "client.emit(Event('RUN_ENQUEUED', 'queued', None, 4, {})); client.flush();"
    "client.request('submit_runs', runs=[{'run_id': 'started'}]); client.request('claim_keys', keys=['orders']);"
)
HOLD = (
    "import sys; from jobkernel.storage.locks import holding; from jobkernel.storage.place import place_of, prepare;"
    "place = place_of(sys.argv[1]); prepare(place);\n"
    "with holding(place): print('held', flush=True); sys.stdin.read()"
)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    (tmp_path / "rt").mkdir()
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path / "rt"))
    folder = tmp_path / "project"
    folder.mkdir()
    yield folder
    stop_server(folder)


def kernel(project: Path, name: str, script: str = STAY) -> subprocess.Popen[str]:
    home = str(Path(jobkernel.__file__).parents[1])
    return subprocess.Popen(
        [sys.executable, "-c", CONNECT + script, str(project), name],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env={**os.environ, "PYTHONPATH": home},
    )


def said(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def end(process: subprocess.Popen[str], number: int = signal.SIGKILL) -> None:
    process.send_signal(number)
    process.communicate()


def connect(project: Path, **options: Any) -> HistoryClient:
    return HistoryClient.connect(project, **{"kernel_id": "k", "notebook": "mine.ipynb", "linger_s": 0.5, **options})


def test_ten_kernels_started_at_once_make_one_server(project: Path) -> None:
    kernels = [kernel(project, f"k{number}") for number in range(10)]

    pids = {said(each) for each in kernels}

    assert len(pids) == 1
    assert "" not in pids
    for each in kernels:
        each.communicate("")


def test_the_server_leaves_soon_after_its_last_client_and_leaves_nothing_behind(project: Path) -> None:
    client = connect(project, linger_s=0.0)
    pid = client.request("status")["pid"]
    started = process_started(pid)
    client.close()

    assert started is not None
    eventually(lambda: not is_alive(pid, started))
    assert sorted(path.name for path in (project / ".jobkernel").iterdir()) == [
        ".gitignore",
        "history.duckdb",
        "history.lock",
    ]
    assert not place_of(project).socket.exists()


def test_an_interrupt_to_the_kernels_process_group_does_not_reach_the_server(project: Path) -> None:
    first = kernel(project, "k1")
    pid = int(said(first))

    os.killpg(first.pid, signal.SIGINT)
    first.communicate()

    status = server_status(project)
    assert status is not None
    assert status["pid"] == pid


def test_a_killed_kernels_runs_end_within_two_seconds(project: Path) -> None:
    watcher = connect(project)
    dying = kernel(project, "dying", RUN + STAY)
    said(dying)
    with pytest.raises(KeyOwnedElsewhere, match=r"'orders' \(in dying.ipynb\)"):
        watcher.request("claim_keys", keys=["orders"])

    end(dying)
    killed_at = time.monotonic()

    eventually(lambda: watcher.query("open_runs") == [])
    assert time.monotonic() - killed_at < 2
    runs = {row["run_id"]: (row["status"], row["reason"]) for row in watcher.query("latest_runs")}
    assert runs == {"started": ("FAILURE", "kernel died"), "queued": ("CANCELED", "kernel died")}
    assert [row["status"] for row in watcher.query("run_steps", run_id="started")] == ["FAILURE"]
    assert watcher.request("claim_keys", keys=["orders"])["taken"] == {}
    watcher.close()


def test_the_runs_of_a_kernel_that_died_with_its_server_fail_at_the_next_start(project: Path) -> None:
    dying = kernel(project, "dying", RUN + STAY)
    server = int(said(dying))
    os.kill(server, signal.SIGKILL)
    end(dying)

    client = connect(project)

    eventually(lambda: client.query("open_runs") == [])
    assert {row["status"] for row in client.query("latest_runs")} == {"FAILURE", "CANCELED"}
    client.close()


def test_a_killed_server_is_replaced_and_the_history_is_whole(project: Path) -> None:
    client = connect(project)
    client.request("submit_runs", runs=[{"run_id": "r1"}])
    client.request("claim_keys", keys=["x"])
    client.emit_many(Event("ENGINE_EVENT", "r1", None, number) for number in range(5_000))
    pid = client.request("status")["pid"]

    os.kill(pid, signal.SIGKILL)
    client.emit_many(Event("ENGINE_EVENT", "r1", None, number) for number in range(5_000, 10_000))
    client.flush()

    times = [row["occurred_at"] for row in client.query("run_events", run_id="r1")]
    assert times == list(range(10_000))
    status = client.request("status")
    assert status["pid"] != pid
    assert status["running"] == ["r1"]
    other = connect(project, notebook="other.ipynb")
    with pytest.raises(KeyOwnedElsewhere):
        other.request("claim_keys", keys=["x"])
    other.close()
    client.close()


def test_taking_over_a_key_tells_its_owner(project: Path) -> None:
    owner, taker = connect(project, notebook="a.ipynb"), connect(project, notebook="b.ipynb")
    told: list[Any] = []
    owner.listen("keys_taken", told.append)
    owner.request("claim_keys", keys=["x", "y"])

    assert taker.request("claim_keys", keys=["x"], take_over=True)["taken"] == {"x": "a.ipynb"}

    eventually(lambda: told == [{"keys": ["x"], "notebook": "b.ipynb"}])
    owner.close()
    assert taker.request("claim_keys", keys=["y"])["taken"] == {}
    taker.close()


def test_the_queue_is_one_for_all_notebooks(project: Path) -> None:
    first, second = connect(project), connect(project)
    admitted: list[str] = []
    second.listen("admitted", lambda fields: admitted.append(fields["run_id"]))
    first.request("set_setting", name="max_concurrent_runs", value=1)
    eventually(lambda: second.settings["max_concurrent_runs"] == 1)

    assert first.request("submit_runs", runs=[{"run_id": "a"}])["admitted"]
    assert not second.request("submit_runs", runs=[{"run_id": "b"}])["admitted"]
    first.emit_many([Event("RUN_ENQUEUED", "a", None, 1), Event("RUN_SUCCESS", "a", None, 2)])

    eventually(lambda: admitted == ["b"])
    first.close()
    second.close()


def test_a_stopped_server_comes_back_only_when_it_is_needed(project: Path) -> None:
    client = connect(project)
    pid = client.request("status")["pid"]

    assert stop_server(project)
    time.sleep(0.2)
    assert server_status(project) is None
    client.emit(Event("ENGINE_EVENT", "r1", None, 1))
    client.flush()

    status = server_status(project)
    assert status is not None
    assert status["pid"] != pid
    client.close()


def test_a_newer_client_replaces_an_idle_older_server(project: Path) -> None:
    connect(project, linger_s=30.0).close()
    old = server_status(project)
    newer = our_versions()._replace(jobkernel="99.0")

    client = connect(project, versions=newer)

    assert old is not None
    assert client.request("status")["pid"] != old["pid"]
    client.close()


def test_versions_that_do_not_understand_each_other_part_with_a_sentence(project: Path) -> None:
    client = connect(project)
    stranger = our_versions()._replace(protocol=99, jobkernel="99.0")

    with pytest.raises(VersionMismatch, match=r"99\.0 \(protocol 99\)"):
        connect(project, versions=stranger)

    assert client.request("status")["clients"][0]["notebook"] == "mine.ipynb"
    client.close()


def test_a_client_without_the_key_is_turned_away(project: Path) -> None:
    client = connect(project)
    with socket.socket(socket.AF_UNIX) as stranger:
        stranger.connect(str(place_of(project).socket))
        stranger.settimeout(5)
        assert len(stranger.recv(32)) == 32
        stranger.sendall(b"x" * 64)
        assert stranger.recv(32) == b""
    client.flush()
    client.close()


def test_a_forked_child_does_not_keep_a_dead_kernel_alive(project: Path) -> None:
    watcher = connect(project)
    fork = "import os; child = os.fork();\nif child == 0: time.sleep(30); os._exit(0)\nprint(child, flush=True); "
    dying = kernel(project, "dying", RUN + fork + "sys.stdin.read()")
    child = int(said(dying))

    end_without_pipes(dying)

    eventually(lambda: watcher.query("open_runs") == [])
    os.kill(child, signal.SIGKILL)
    dying.communicate()
    watcher.close()


def end_without_pipes(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.wait()


def test_a_server_that_does_not_answer_is_told_once_and_events_wait(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jobkernel.storage.waiters.LATE_S", 0.3)
    client = connect(project)
    told: list[str] = []
    client.listen("notice", lambda fields: told.append(fields["sentence"]))
    pid = client.request("status")["pid"]

    os.kill(pid, signal.SIGSTOP)
    client.emit(Event("ENGINE_EVENT", "r1", None, 1))
    with pytest.raises(ServerUnreachable, match="kept here"):
        client.flush(timeout=2.5)
    os.kill(pid, signal.SIGCONT)
    eventually(lambda: flushed(client))

    assert told == ["The project server is late; jobkernel runs on and keeps what it records until it answers."]
    assert client.query("counts")[0]["events"] == 1
    client.close()


def flushed(client: HistoryClient) -> bool:
    try:
        client.flush()
    except ServerUnreachable:
        return False
    return True


def test_what_a_kernel_could_not_send_before_it_ended_is_kept_by_the_next_server(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jobkernel.storage.outbox.IN_MEMORY", 10_000)
    client = connect(project)
    pid = client.request("status")["pid"]
    os.kill(pid, signal.SIGSTOP)
    client.emit_many(Event("ENGINE_EVENT", "r1", None, number, {"padding": "x" * 100}) for number in range(20_000))
    client.close(timeout=0.5)
    os.kill(pid, signal.SIGKILL)

    later = connect(project)

    assert [row["occurred_at"] for row in later.query("run_events", run_id="r1")] == list(range(20_000))
    assert not list((project / ".jobkernel" / "unsent").iterdir())
    later.close()


def test_a_refused_batch_is_its_own_clients_alone(project: Path) -> None:
    good, bad = connect(project), connect(project)
    told: list[str] = []
    bad.listen("notice", lambda fields: told.append(fields["sentence"]))

    bad.emit(Event("ENGINE_EVENT", "r1", None, 2**70))
    good.emit(Event("ENGINE_EVENT", "r2", None, 1))
    good.flush()
    with pytest.raises(HistoryError):
        bad.flush()
    bad.emit(Event("ENGINE_EVENT", "r3", None, 1))
    bad.flush()

    assert len(told) == 1
    assert [row["run_id"] for row in good.query("events")] == ["r2", "r3"]
    good.close()
    bad.close()


def python(*arguments: str) -> subprocess.Popen[str]:
    home = str(Path(jobkernel.__file__).parents[1])
    return subprocess.Popen(
        [sys.executable, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
        env={**os.environ, "PYTHONPATH": home},
    )


def test_a_server_killed_while_it_starts_is_started_again(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    start = Meeting._start
    started: list[subprocess.Popen[bytes]] = []

    def killing_the_first(self: Meeting) -> None:
        start(self)
        assert self._started is not None
        started.append(self._started)
        if len(started) == 1:
            self._started.kill()

    monkeypatch.setattr(Meeting, "_start", killing_the_first)

    client = connect(project)

    assert started[0].wait(10) == -signal.SIGKILL
    assert client.request("status")["pid"] in [each.pid for each in started[1:]]
    client.close()


def test_a_server_that_hangs_before_it_has_come_up_is_replaced(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    start = Meeting._start
    hung = python("-c", "import time; time.sleep(60)")
    monkeypatch.setattr(meeting, "LONGEST_START_S", 0.1)

    def hanging_first(self: Meeting) -> None:
        if hung.poll() is None:
            self._started = hung  # type: ignore[assignment]
        else:
            monkeypatch.setattr(meeting, "LONGEST_START_S", 30.0)
            start(self)

    monkeypatch.setattr(Meeting, "_start", hanging_first)

    client = connect(project)

    assert hung.wait(10) == -signal.SIGKILL
    hung.communicate()
    client.close()


def test_a_server_that_another_client_started_is_waited_for(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = python("-c", HOLD, str(project))
    assert said(other) == "held"
    start = Meeting._start
    asked: list[Meeting] = []

    def only_the_third_time(self: Meeting) -> None:
        asked.append(self)
        if len(asked) == 3:
            other.communicate("")
            start(self)

    monkeypatch.setattr(meeting, "PATIENCE_S", 0.0)
    monkeypatch.setattr(Meeting, "_start", only_the_third_time)

    client = connect(project)

    assert len(asked) >= 3
    client.close()


def test_what_a_killed_server_left_turns_no_new_one_away(project: Path) -> None:
    client = connect(project)
    place = place_of(project)
    left = read_record(place.server_file)
    client.close()
    stop_server(project)
    assert left is not None
    other = python("-c", HOLD, str(project))
    assert said(other) == "held"
    write_atomically(place.server_file, left)

    server = python("-m", "jobkernel.storage.server", str(project), "--linger", "5")
    eventually(lambda: server.poll() is not None or has_open(server.pid, place.lock))
    other.communicate("")

    status = eventually(lambda: server_status(project))
    assert status["pid"] == server.pid
    stop_server(project)
    server.communicate()


def has_open(pid: int, path: Path) -> bool:
    try:
        return any(os.path.samefile(descriptor, path) for descriptor in Path(f"/proc/{pid}/fd").iterdir())
    except OSError:
        return False


def test_a_machine_that_slept_has_not_waited(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    slept = iter([0.0])

    def monotonic() -> float:
        return time.monotonic() + next(slept, 1000.0)

    monkeypatch.setattr(meeting, "time", SimpleNamespace(monotonic=monotonic, sleep=time.sleep))

    client = connect(project)

    assert client.request("status")["pid"]
    client.close()


def test_a_server_does_not_leave_while_a_client_comes_in(project: Path) -> None:
    client = connect(project, linger_s=0.0)
    pid = client.request("status")["pid"]
    started = process_started(pid)
    place = place_of(project)
    server = read_record(place.server_file)
    assert server is not None
    assert started is not None
    with socket.socket(socket.AF_UNIX) as coming:
        coming.settimeout(5)
        coming.connect(str(place.socket))
        prove_as_client(coming, bytes.fromhex(server["authkey"]))
        client.close()
        hello = {**client._hello(), "versions": list(our_versions()), "may_replace": True}
        until = time.monotonic() + 1.5  # longer than the server takes to look whether anybody is left
        while time.monotonic() < until and is_alive(pid, started):
            time.sleep(0.01)

        coming.sendall(packed(hello))

        assert "welcome" in unpacked(receive(coming))
    eventually(lambda: not is_alive(pid, started))


@pytest.mark.parametrize("what", ["the runtime folder", "the project's folder"])
def test_a_server_whose_files_were_deleted_gives_way_to_one_that_is_found(project: Path, what: str) -> None:
    client = connect(project, linger_s=5.0)
    client.emit(Event("ENGINE_EVENT", "r1", None, 1))
    client.flush()
    pid = client.request("status")["pid"]
    place = place_of(project)

    shutil.rmtree(place.runtime if what == "the runtime folder" else place.folder)

    eventually(lambda: (server_status(project) or {"pid": pid})["pid"] != pid)
    other = connect(project)
    client.emit(Event("ENGINE_EVENT", "r1", None, 2))
    client.flush()
    kept = [row["occurred_at"] for row in other.query("run_events", run_id="r1")]
    assert kept == ([1, 2] if what == "the runtime folder" else [2])
    client.close()
    other.close()
