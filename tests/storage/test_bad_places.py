"""A place that is unfit for a history: one clear sentence with a remedy, and nothing there has changed."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest
from conftest import spawn
from waiting import eventually

from jobkernel.clock import SystemClock
from jobkernel.errors import (
    DiskFull,
    HistoryCorrupt,
    HistoryError,
    HistoryHeld,
    HistoryTooNew,
    NetworkFilesystem,
    SocketPathTooLong,
)
from jobkernel.model.events import Event
from jobkernel.storage import opening, place
from jobkernel.storage.client import HistoryClient
from jobkernel.storage.history import LocalHistory, open_history
from jobkernel.storage.store import Store


def database_of(project: Path) -> Path:
    (project / ".jobkernel").mkdir(exist_ok=True)
    return project / ".jobkernel" / "history.duckdb"


def fingerprint(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def refusal(project: Path) -> HistoryError:
    with pytest.raises(HistoryError) as refused:
        HistoryClient.connect(project)
    sentence = str(refused.value)
    assert "\n" not in sentence
    assert sentence.endswith(".")
    return refused.value


@pytest.mark.parametrize("damage", [b"not a database at all " * 1000, b"x" * 100_000])
def test_a_corrupt_history_is_refused_and_left_as_it_was(project: Path, damage: bytes) -> None:
    path = database_of(project)
    path.write_bytes(damage)
    before = fingerprint(path)

    error = refusal(project)

    assert isinstance(error, HistoryCorrupt)
    assert str(path) in str(error)
    assert fingerprint(path) == before


def test_a_history_that_lost_its_middle_is_refused(project: Path) -> None:
    path = database_of(project)
    Store.open(str(path)).close()
    data = bytearray(path.read_bytes())
    data[4096 : len(data)] = os.urandom(len(data) - 4096)
    path.write_bytes(bytes(data))

    assert isinstance(refusal(project), HistoryCorrupt)
    assert path.read_bytes() == bytes(data)


def test_a_database_that_is_no_history_is_refused(project: Path) -> None:
    path = database_of(project)
    with duckdb.connect(str(path)) as connection:
        connection.execute("create table mine as select 1")
    before = fingerprint(path)

    error = refusal(project)

    assert isinstance(error, HistoryCorrupt)
    assert "no jobkernel history" in str(error)
    assert fingerprint(path) == before


def test_a_history_of_a_newer_version_is_refused(project: Path) -> None:
    path = database_of(project)
    opening.open_history_file(str(path), version=opening.SCHEMA_VERSION + 1).close()
    before = fingerprint(path)

    error = refusal(project)

    assert isinstance(error, HistoryTooNew)
    assert "upgrade jobkernel" in str(error)
    assert fingerprint(path) == before


def test_a_history_held_by_another_program_names_it(project: Path) -> None:
    path = database_of(project)
    Store.open(str(path)).close()
    script = "import duckdb, sys; held = duckdb.connect(sys.argv[1]); print('held', flush=True); sys.stdin.read()"
    holder = spawn("-c", script, str(path), stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert holder.stdout is not None
    holder.stdout.readline()

    error = refusal(project)

    assert isinstance(error, HistoryHeld)
    assert f"process {holder.pid}" in str(error)
    holder.communicate(b"")


def test_a_project_open_on_another_machine_is_refused(project: Path) -> None:
    database_of(project)
    record = {"host": "elsewhere", "pid": 1, "started": "1", "nonce": "n", "runtime": "/nowhere"}
    (project / ".jobkernel" / "owner.json").write_text(json.dumps(record))

    error = refusal(project)

    assert isinstance(error, HistoryHeld)
    assert "elsewhere" in str(error)


def test_a_network_file_system_is_refused(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(place, "mounts", lambda: [("/", "ext4"), (str(project.parent), "nfs4")])

    error = refusal(project)

    assert isinstance(error, NetworkFilesystem)
    assert "local disk" in str(error)
    assert not (project / ".jobkernel").exists()


def test_mounts_are_read_with_their_odd_names() -> None:
    text = (
        "22 1 254:1 / / rw - ext4 /dev/root rw\n"
        "40 22 0:33 / /home/a\\040b rw,nosuid shared:5 - nfs4 server:/x rw\n"
        "41 22 0:34 / /home/a\\040b/local rw - tmpfs tmpfs rw\n"
    )

    mounted = place.parse_mounts(text)

    assert place.filesystem_of(Path("/home/a b/project"), mounted) == "nfs4"
    assert place.filesystem_of(Path("/home/a b/local/project"), mounted) == "tmpfs"
    assert place.filesystem_of(Path("/home/ab"), mounted) == "ext4"


def test_a_long_runtime_folder_falls_back_to_a_short_one(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path / ("long" * 30)))

    client = HistoryClient.connect(project, linger_s=0.0)

    assert len(client.request("status")["runtime"]) < 100
    client.close()


def test_no_short_folder_at_all_is_said(project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path / ("long" * 30)))
    monkeypatch.setattr(place, "LONGEST_SOCKET_PATH", 10)

    error = refusal(project)

    assert isinstance(error, SocketPathTooLong)
    assert "JUPYTER_RUNTIME_DIR" in str(error)


def test_clients_with_another_runtime_folder_meet_at_one_server(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = HistoryClient.connect(project, linger_s=0.0)
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path / "rt2"))

    second = HistoryClient.connect(project, linger_s=0.0)

    assert first.request("status")["pid"] == second.request("status")["pid"]
    first.close()
    second.close()


@pytest.fixture
def mounted(tmp_path: Path) -> Iterator[Path]:
    """A tiny file system of its own."""
    folder = tmp_path / "tiny"
    folder.mkdir()
    if os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("mounting a file system needs root")
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", str(folder)], check=False)
    if done.returncode != 0:
        pytest.skip("this machine lets nobody mount a tmpfs")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_read_only_project_gets_a_history_in_memory_and_a_sentence(mounted: Path) -> None:
    subprocess.run(["mount", "-o", "remount,ro", str(mounted)], check=True)

    opened = open_history(mounted)

    assert isinstance(opened.history, LocalHistory)
    assert opened.notice is not None
    assert "cannot be written" in opened.notice
    opened.history.emit(Event("ENGINE_EVENT", "r1", None, 1))
    opened.history.flush()
    assert opened.history.query("counts")[0]["events"] == 1
    opened.history.close()
    assert list(mounted.iterdir()) == []


def test_a_folder_without_write_permission_is_read_only(project: Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("root may write everywhere")
    project.chmod(0o500)

    opened = open_history(project)

    assert opened.notice is not None
    opened.history.close()
    project.chmod(0o700)


def fill(path: Path) -> None:
    """Write until the file system is full."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT)
    with contextlib.suppress(OSError):
        while True:
            os.write(descriptor, b"x" * 4096)
    os.close(descriptor)


def trouble(client: HistoryClient) -> HistoryError | None:
    """Return what keeps the events from being durable, or None."""
    try:
        client.flush()
    except HistoryError as error:
        return error
    return None


def test_a_full_disk_is_said_and_what_waits_is_kept_once_there_is_room(mounted: Path) -> None:
    client = HistoryClient.connect(mounted, linger_s=0.0)
    told: list[str] = []
    client.listen("notice", lambda fields: told.append(fields["sentence"]))
    client.emit(Event("ENGINE_EVENT", "before", None, 1))
    client.flush()
    filler = mounted / "filler"
    fill(filler)
    padding = os.urandom(50_000).hex()
    emitted, error = 0, None
    while error is None and emitted < 100:
        client.emit(Event("ENGINE_EVENT", "waits", None, emitted, {"padding": padding}))
        emitted += 1
        error = trouble(client)
    assert isinstance(error, DiskFull)
    assert "is full" in str(error)

    filler.unlink()
    eventually(lambda: trouble(client) is None)

    assert [row["occurred_at"] for row in client.query("run_events", run_id="waits")] == list(range(emitted))
    assert len(client.query("run_events", run_id="before")) == 1
    assert any("full" in sentence for sentence in told)
    client.close()


def test_a_full_disk_loses_nothing_of_what_came_in_many_pieces_meanwhile(mounted: Path) -> None:
    client = HistoryClient.connect(mounted, linger_s=0.0)
    client.emit(Event("ENGINE_EVENT", "pieces", None, 0))
    client.flush()
    filler = mounted / "filler"
    fill(filler)
    padding = os.urandom(50_000).hex()
    error, emitted = None, 1
    while error is None and emitted < 100:
        client.emit(Event("ENGINE_EVENT", "pieces", None, emitted, {"padding": padding}))
        emitted += 1
        error = trouble(client)
    assert isinstance(error, DiskFull)
    for _ in range(5):  # each piece is sent by itself, behind one that could not be kept
        client.emit(Event("ENGINE_EVENT", "pieces", None, emitted, {"padding": padding}))
        emitted += 1
        time.sleep(0.3)

    filler.unlink()
    eventually(lambda: trouble(client) is None)

    assert [row["occurred_at"] for row in client.query("run_events", run_id="pieces")] == list(range(emitted))
    client.close()


def test_an_older_history_is_brought_up_to_date_in_one_transaction(tmp_path: Path) -> None:
    path = str(tmp_path / "history.duckdb")
    Store.open(path).close()

    def add_column(connection: duckdb.DuckDBPyConnection) -> None:
        connection.execute("alter table kept.tick add column owner varchar").fetchall()

    def fail(connection: duckdb.DuckDBPyConnection) -> None:
        raise RuntimeError("half way")

    following, after = opening.SCHEMA_VERSION + 1, opening.SCHEMA_VERSION + 2
    with pytest.raises(RuntimeError, match="half way"):
        opening.open_history_file(path, version=after, migrations={following: add_column, after: fail})
    opening.open_history_file(path, version=following, migrations={following: add_column}).close()

    with opening.open_history_file(path, version=following, migrations={}) as connection:
        assert connection.execute("select owner from kept.tick").fetchall() == []


@pytest.mark.parametrize("pruned_up_to", [None, 70])
def test_dynamic_partitions_that_stood_among_the_settings_are_kept(tmp_path: Path, pruned_up_to: int | None) -> None:
    path = str(tmp_path / "history.duckdb")
    changes = [("added", ["b", "a", "c"]), ("deleted", ["b"]), ("added", ["d", "b"])]
    with opening.open_history_file(path, version=4) as connection:
        for number, (what, keys) in enumerate(changes):
            value = json.dumps({"name": "files", "at": 5, "number": number, "what": what, "keys": keys})
            row = [number + 1, f"dynamic_partitions/{number}", value]
            connection.execute("insert into kept.setting values (?, ?, 5, ?)", row).fetchall()
        connection.execute("insert into kept.setting values (9, 'keep_runs', 5, '100')").fetchall()
        if pruned_up_to is not None:
            connection.execute("insert into kept.meta values ('pruned', ?)", [str(pruned_up_to)]).fetchall()

    store = Store.open(path)
    assert store.last_seq == (pruned_up_to or 0)
    found = store.cursor().execute("select partition_key from dynamic_partitions order by added_at").fetchall()
    settings = store.cursor().execute("select name from kept.setting").fetchall()
    with pytest.raises(HistoryError, match="cannot be rebuilt"):
        store.rebuild()
    store.close()
    assert sorted(found) == [("a",), ("b",), ("c",), ("d",)]
    assert settings == [("keep_runs",)]
    history = LocalHistory(path, clock=SystemClock())
    rows = history.query("dynamic_partitions", partitions_name="files")
    history.close()
    assert [row["partition_key"] for row in rows] == ["a", "c", "d", "b"]


def as_version_1(path: str) -> None:
    """Make a new history look as version 1 left it: views whose errors are JSON, and no word of version 2."""
    with duckdb.connect(path) as connection:
        connection.execute("create or replace view runs as select run_id, error from kept.run").fetchall()
        connection.execute("create or replace view steps as select run_id, error from kept.step").fetchall()
        connection.execute("create or replace view ticks as select tick_id, error from kept.tick").fetchall()
        for name in ("sentence_of", "known"):
            connection.execute(f"drop macro kept.{name}").fetchall()
        connection.execute("update kept.meta set value = '1' where name = 'schema_version'").fetchall()


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        ({"type": "ValueError", "message": "bad", "text": "Traceback"}, "ValueError: bad"),
        ({"type": "KeyError", "message": ""}, "KeyError"),
        ("stopped", "stopped"),
        (None, None),
    ],
)
def test_errors_of_a_history_of_version_1_are_sentences_once_it_is_opened(
    tmp_path: Path, error: object, sentence: str | None
) -> None:
    path = str(tmp_path / "history.duckdb")
    store = Store.open(path)
    store.close()
    with duckdb.connect(path) as connection:
        columns = "row_seq, run_id, step_key, status, details"
        for place, step in enumerate((None, "one")):
            values = [place, "r", step, "FAILURE", json.dumps({"error": error})]
            connection.execute(f"insert into kept.execution ({columns}) values (?, ?, ?, ?, ?)", values).fetchall()
    as_version_1(path)

    with opening.open_history_file(path) as connection:
        for view in ("runs", "steps"):
            [(said, detail)] = connection.execute(f"select error, error_detail from {view}").fetchall()
            assert said == sentence
            assert (None if detail is None else json.loads(detail)) == error
        assert connection.execute("select error, error_detail from ticks").fetchall() == []


def test_the_schema_opens_in_a_fresh_process_after_a_kill(project: Path) -> None:
    script = (
        "import os, sys; from jobkernel.storage.store import Store; Store.open(sys.argv[1]); os.kill(os.getpid(), 9)"
    )
    path = database_of(project)
    assert spawn("-c", script, str(path)).wait() == -9

    Store.open(str(path)).close()
