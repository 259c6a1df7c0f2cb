"""A step that takes longer than its timeout fails, whatever it does; what it still makes is dropped."""

from __future__ import annotations

import threading
import time

import pytest
from shells import Notebook

SLOW = "%%asset slow --timeout 0.2s\nwhile True:\n    pass\n"
SENTENCE = "Step 'slow' took longer than its timeout of 0.2 s."


def test_a_step_that_takes_too_long_fails_with_a_sentence(nb: Notebook) -> None:
    nb.ok(SLOW, "%%asset below\nslow", "%%asset other\n1")
    ran = nb("%materialize")
    assert str(ran.error) == SENTENCE
    assert nb.session.history.query("latest_runs", limit=1)[0]["status"] == "FAILURE"
    assert "not run: something above it failed" in ran.text
    assert nb.session.load("other") == 1


def test_a_step_within_its_timeout_is_left_alone(nb: Notebook) -> None:
    nb.ok("%%asset quick --timeout 60s\n7", "%materialize quick")
    assert nb.session.load("quick") == 7


def test_a_timeout_counts_for_each_attempt_and_is_retried(nb: Notebook) -> None:
    nb.ok("%%asset slow --timeout 0.2s --retries 2\nwhile context.retry_number < 2:\n    pass\n3")
    nb.ok("%materialize slow")
    events = nb.session.history.sql("select event_type from events where step_key = 'slow'").fetchall()
    assert [word for (word,) in events].count("STEP_UP_FOR_RETRY") == 2
    assert nb.session.load("slow") == 3


def test_a_body_that_swallows_every_interrupt_fails_and_makes_nothing(nb: Notebook) -> None:
    nb.ok(
        "import time",
        "%%asset slow --timeout 0.2s\nend = time.monotonic() + 0.5\nwhile time.monotonic() < end:\n"
        "    try:\n        time.sleep(0.01)\n    except BaseException:\n        pass\n'late'",
    )
    ran = nb("%materialize slow")
    assert str(ran.error) == SENTENCE
    assert not nb.session.values.has_asset("slow")


def test_a_step_that_does_not_stop_is_abandoned_and_another_thread_takes_its_place(
    nb: Notebook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jobkernel.engine.stopping.GRACE_S", 0.1)
    gate = threading.Event()
    nb.names["gate"] = gate
    nb.ok("%%asset slow --timeout 0.2s\ngate.wait(60)\n'late'")
    pool = nb.session.pool
    threads = pool.size
    try:
        handle = nb.ok("%materialize slow --bg").value.wait(10)
        assert handle.status == "FAILURE"
        assert pool.size == threads + 1
    finally:
        gate.set()
    nb.ok("%%asset again\n1", "%materialize again")
    assert not nb.session.values.has_asset("slow")
    events = nb.session.history.sql("select event_type from events where step_key = 'slow' order by seq").fetchall()
    words = [word for (word,) in events]
    assert words.count("STEP_FAILURE") == 1
    assert not {"STEP_SUCCESS", "STEP_CANCELED", "ASSET_MATERIALIZATION"} & set(words)


def test_each_thread_that_an_abandoned_attempt_holds_is_named_until_it_ends(
    nb: Notebook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jobkernel.engine.stopping.GRACE_S", 0.1)
    gate = threading.Event()
    nb.names["gate"] = gate
    nb.ok("%%asset slow --timeout 0.1s --retries 1\ngate.wait(60)\n'late'")
    try:
        handle = nb.ok("%materialize slow --bg").value.wait(10)
        held = handle.live.active.notes.abandoned()["slow"]
        assert len(set(held)) == 2, "one for each attempt"
        words = f"slow was abandoned; threads {held[0]} and {held[1]} still run it."
        assert words in repr(handle)
        assert words in nb.ok("%logs slow").text
    finally:
        gate.set()


def test_a_query_that_takes_too_long_is_stopped(nb: Notebook) -> None:
    nb.ok("%%asset slow --sql --timeout 0.2s\nselect count(*) as n from range(100000000) a, range(100000) b")
    ran = nb("%materialize slow")
    assert str(ran.error) == SENTENCE


def test_a_query_of_a_body_on_its_own_connection_is_stopped_and_its_thread_kept(nb: Notebook) -> None:
    query = "select count(*) as n from range(100000000) a, range(100000) b"
    nb.ok(f"%%asset slow --timeout 0.2s\nimport duckdb\nown = duckdb.connect()\nown.execute('{query}').fetchall()")
    handle = nb.ok("%materialize slow --bg").value.wait(10)
    assert handle.status == "FAILURE"
    assert not handle.live.active.notes.lost


def test_a_job_run_in_process_keeps_to_timeouts_too(nb: Notebook) -> None:
    nb.ok("%%op slow --timeout 0.2s\nwhile True:\n    pass\n", "%%job nightly\nslow()")
    run = nb.session.registry.jobs["nightly"].execute_in_process(raise_on_error=False)
    assert run.failure_data_for_node("slow").error.message.strip().endswith(SENTENCE)


def test_no_thread_is_made_for_timeouts_until_one_is_watched(nb: Notebook) -> None:
    nb.ok("%%asset plain\n1", "%materialize plain")
    assert "jobkernel-deadlines" not in {thread.name for thread in threading.enumerate()}


def test_cancelling_a_run_stops_its_query(nb: Notebook) -> None:
    nb.ok("%%asset slow --sql\nselect count(*) as n from range(100000000) a, range(100000) b")
    handle = nb.ok("%materialize slow --bg").value
    deadline = time.monotonic() + 10
    while not handle.live.active.in_flight and time.monotonic() < deadline:
        time.sleep(0.01)
    handle.cancel()
    assert handle.wait(10).status == "CANCELED"


def test_a_call_that_holds_the_interpreter_fails_when_it_returns_too_late(nb: Notebook) -> None:
    nb.ok(f"%%asset slow --timeout 0.2s\nimport re\nre.match(r'(a+)+$', {'a' * 25 + 'b'!r})\n'late'")
    ran = nb("%materialize slow")
    assert str(ran.error) == SENTENCE
    assert not nb.session.values.has_asset("slow")
