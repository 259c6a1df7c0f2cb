"""The smaller parts of the history: tables shown, frames on the wire, the outbox, files of output, check-ups."""

from __future__ import annotations

import datetime
import decimal
import os
import socket
import threading
import uuid
from pathlib import Path

import pytest
from waiting import eventually

from jobkernel.errors import DiskFull, HistoryError, HistoryInterrupted
from jobkernel.model.events import Event
from jobkernel.storage import outbox as outbox_module
from jobkernel.storage.checkup import examine
from jobkernel.storage.client import HistoryClient
from jobkernel.storage.committer import Committer
from jobkernel.storage.encoding import json_text
from jobkernel.storage.opening import said
from jobkernel.storage.outbox import Outbox
from jobkernel.storage.output_files import lines_of, output_files, output_path
from jobkernel.storage.process import is_alive, process_started, this_process
from jobkernel.storage.store import Batch, Store
from jobkernel.storage.table import Table
from jobkernel.storage.unsent import Unsent, left_behind, read
from jobkernel.storage.wire import Sender, packed, receive, unpacked


def events(count: int) -> list[Event]:
    return [Event("ENGINE_EVENT", "r1", None, number, {"n": number}) for number in range(count)]


def numbers(frame: bytes) -> list[int]:
    first, batch = unpacked(frame[4:])
    return list(range(first, first + len(batch)))


def test_a_text_that_utf8_does_not_hold_travels_with_question_marks() -> None:
    assert unpacked(packed({"text": "a\ud800b", "more": ["\udcff"]})[4:]) == {"text": "a?b", "more": ["?"]}


def test_what_cannot_be_sent_is_refused_and_the_next_question_answered(project: Path) -> None:
    history = HistoryClient.connect(project)
    endless: list[object] = []
    endless.append(endless)
    with pytest.raises(HistoryError, match="cannot be sent"):
        history.query("run", run_id=endless)
    assert history.sql("select 'a\ud800'").fetchall() == [("a?",)]
    history.close()


def test_a_table_shows_markup_and_control_characters_as_text() -> None:
    table = Table(["a<b", "n"], ["VARCHAR", "BIGINT"], [("<script>\x1b[31mred\n", 1), (None, 2)])

    assert "<script>" not in table._repr_html_()
    assert "a&lt;b" in table._repr_html_()
    assert "\x1b" not in repr(table) + table._repr_html_()
    assert repr(table).splitlines()[-1] == "2 rows"


def test_a_long_table_says_what_it_does_not_show() -> None:
    table = Table(["n"], ["BIGINT"], [(number,) for number in range(60)], truncated=True)

    assert repr(table).splitlines()[-1] == "60 rows, 50 shown, cut at the limit"
    assert (len(table), table.fetchone(), len(list(table))) == (60, (0,), 60)


def test_a_table_with_equal_names_and_odd_types_becomes_arrow() -> None:
    table = Table(["x", "x"], ["HUGEINT", "UUID"], [(2**100, uuid.UUID(int=1)), (None, None)])

    assert table.arrow().column_names == ["x", "x_1"]
    assert table.arrow().column(0).to_pylist() == [str(2**100), None]


@pytest.mark.parametrize(
    "value",
    [
        datetime.datetime(2024, 2, 3, 4, 5, 6, 7),  # noqa: DTZ001 - as DuckDB's TIMESTAMP comes
        datetime.datetime(2024, 2, 3, tzinfo=datetime.UTC),
        datetime.date(2024, 2, 3),
        datetime.time(4, 5),
        datetime.timedelta(days=-3, microseconds=7),
        decimal.Decimal("1.50"),
        uuid.UUID(int=7),
        2**100,
        b"\x00\xff",
        {"a": [1, None, "🦆"]},
    ],
)
def test_values_travel_unchanged(value: object) -> None:
    assert unpacked(packed(value)[4:]) == value


def test_a_sender_never_blocks_and_loses_nothing() -> None:
    ours, theirs = socket.socketpair()
    sender = Sender(ours, "drain")
    frames = [packed({"n": number, "padding": "x" * 10_000}) for number in range(500)]
    for frame in frames:
        sender.send(frame)
    assert sender.waiting > 0

    assert [unpacked(receive(theirs))["n"] for _ in frames] == list(range(500))
    ours.close()
    theirs.close()


def test_the_outbox_sends_in_order_and_again_what_was_not_acknowledged(tmp_path: Path) -> None:
    box = Outbox(Unsent(tmp_path, this_process("c", None, None)))
    box.add(events(2_500))
    sent = [number for frame in box.sendable() for number in numbers(frame)]
    assert sent == list(range(1, 2_501))
    assert not box.waits()

    box.acknowledge(1_000)
    box.send_again(1_000, pause=False)

    assert [number for frame in box.sendable() for number in numbers(frame)] == list(range(1_001, 2_501))
    box.acknowledge(2_500)
    assert (box.oldest_sent_at(), box.leave()) == (None, 0)


def test_what_outgrows_the_memory_goes_to_a_file_and_comes_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox_module, "IN_MEMORY", 50_000)
    box = Outbox(Unsent(tmp_path, this_process("c", "k", "n.ipynb")))
    for _ in range(10):
        box.add(events(1_000))
    assert left_behind(tmp_path)
    assert [number for frame in box.sendable() for number in numbers(frame)] == list(range(1, 10_001))
    box.acknowledge(4_000)

    assert box.leave() == 6_000
    who, batches = read(left_behind(tmp_path)[0])

    assert who is not None
    assert (who.client_id, who.notebook) == ("c", "n.ipynb")
    kept = {number for batch in batches for number in range(batch.first, batch.first + len(batch.events))}
    assert set(range(4_001, 10_001)) <= kept


def test_half_a_frame_in_a_file_is_passed_over(tmp_path: Path) -> None:
    unsent = Unsent(tmp_path, this_process("c", None, None))
    unsent.put(packed([1, [["ENGINE_EVENT", None, None, 1, None]]]))
    unsent.leave()
    path = left_behind(tmp_path)[0]
    path.write_bytes(path.read_bytes() + b"\x00\x00\x10\x00half")

    assert [batch.first for batch in read(path)[1]] == [1]


def test_steps_of_any_name_have_a_file_inside_the_logs_folder(tmp_path: Path) -> None:
    for step_key in ("a/b", "../../x", ".", "step[3]", "🦆", "x.y", "long" * 100):
        path = tmp_path / output_path("run", step_key)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text('{"at": 1, "text": "x"}\nbroken\n{"at": 2')
        assert path.resolve().parent == tmp_path / "logs" / "run"

    found = dict(output_files(tmp_path, "run"))
    assert set(found) >= {"a/b", "../../x", ".", "step[3]", "🦆", "x.y"}
    assert output_files(tmp_path, "run", "long" * 100)[0][1] in found.values()
    assert output_path("..", "x") == "logs/%2E./x.jsonl"
    lines = [(line.occurred_at, line.level, line.message) for line in lines_of(found["a/b"], "a/b")]
    assert lines == [(1, "stdout", "x"), (0, "stdout", "broken")]


def test_any_body_becomes_json() -> None:
    deep: list[object] = []
    for _ in range(2_000):
        deep = [deep]

    assert json_text({"a": float("inf"), 1: {2}}) == '{"a":"inf","1":[2]}'
    assert json_text(deep).startswith("[[")


def test_a_process_is_known_by_pid_and_start() -> None:
    started = process_started(os.getpid())

    assert started is not None
    assert is_alive(os.getpid(), started)
    assert not is_alive(os.getpid(), "another time")
    child = os.fork()
    if child == 0:
        os._exit(0)
    eventually(lambda: process_started(child) is None)
    os.waitpid(child, 0)


def test_where_a_run_lies_is_known_before_it_can_be_seen_and_not_after_a_failure(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    store = Store.open()
    number, _ = store.register(this_process("c", None, None), 1)
    do, known = store._do, []

    def watched(sql: str, *values: object) -> object:
        if sql == "commit":
            known.append(list(store.bounds.positions))
            if len(known) == 1:
                raise RuntimeError("the disk went away")
        return do(sql, *values)

    monkeypatch.setattr(store, "_do", watched)
    first = [("RUN_ENQUEUED", run_id, None, 1, "{}") for run_id in ("a", "b")]
    with pytest.raises(RuntimeError, match="went away"):
        store.append([Batch(number, 1, first)])
    assert store.bounds.of("a") == store.bounds.of("b") == (0, -1)
    store.append([Batch(number, 1, first[::-1])])
    assert known == [["a", "b"], ["b", "a"]]
    assert (store.bounds.of("b")[0], store.bounds.of("a")[0]) == (1, 2)
    store.close()


def test_a_full_disk_refuses_what_comes_after_until_it_comes_in_order() -> None:
    store = Store.open()
    number, _ = store.register(this_process("c", None, None), 1)
    append, results = store.append, []
    failures = [DiskFull("full")]

    def failing(batches: list[Batch]) -> object:
        if failures:
            raise failures.pop()
        return append(batches)

    store.append = failing  # type: ignore[method-assign, assignment]
    committer = Committer(store, lambda _: None, lambda: None)
    done = threading.Event()

    def heard(_appended: object, error: HistoryError | None) -> None:
        results.append(type(error).__name__)
        if len(results) == 4:
            done.set()

    stored = [("ENGINE_EVENT", None, None, 1, None)]
    for first in (1, 2):
        committer.append(Batch(number, first, stored), heard)
        committer.call(lambda: None)
    for first in (1, 2):
        committer.append(Batch(number, first, stored), heard)
    assert done.wait(5)

    assert results == ["DiskFull", "HistoryGap", "NoneType", "NoneType"]
    committer.close()
    store.close()


def test_a_database_that_gave_up_is_opened_again() -> None:
    sentence = "FATAL Error: Failed: database has been invalidated because of a previous fatal error."

    assert isinstance(said(RuntimeError(sentence), "x"), HistoryInterrupted)


def test_a_check_up_speaks_of_server_space_and_history(project: Path) -> None:
    assert "no history yet" in " ".join(finding.sentence for finding in examine(project))

    client = HistoryClient.connect(project, linger_s=0.0)
    client.emit(events(1)[0])
    client.flush()
    assert f"process {client.request('status')['pid']}; connected: 1; events: 1." in " ".join(
        finding.sentence for finding in examine(project)
    )
    client.close()

    eventually(lambda: "it holds 1 events" in " ".join(finding.sentence for finding in examine(project)))
    (project / ".jobkernel" / "history.duckdb").write_bytes(b"rubbish" * 1000)
    worst = examine(project)[0]
    assert (worst.level, "cannot be read" in worst.sentence) == ("error", True)
