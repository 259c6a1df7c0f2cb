"""``%logs``: which run is meant, and why one failed that never came to a step; metadata of an op in its details."""

from __future__ import annotations

import signal
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from shells import Notebook, notebook_in

from jobkernel.notebook.details import node_details
from jobkernel.notebook.snapshot import Standing


def test_a_run_that_failed_before_its_first_step_says_why(nb: Notebook) -> None:
    nb.ok("%%resource broken\nraise ValueError('no such place')", "%%asset needs\ncontext.resources.broken")
    handle = nb.ok("%materialize needs --bg").value.wait(20)
    assert handle.status == "FAILURE"
    text = nb.ok(f"%logs {handle.run_id[:8]}").value.text
    assert text.startswith(f"run {handle.run_id[:8]} of needs: FAILURE")
    assert "✕ the run failed: " in text
    assert "no such place" in text
    assert "Nothing was printed" not in text


def test_logs_of_an_asset_or_job_or_nothing_are_those_of_the_latest_run(nb: Notebook) -> None:
    nb.ok("%%asset one\nprint('from one')\n1", "%%asset two\nprint('from two')\n2", "%job both one or two")
    nb.ok("%materialize two")
    nb.ok("%materialize one")
    nb.ok("%materialize one")
    last = nb.session.states.of("one").last_run_id
    assert "from two" in nb.ok("%logs two").value.text
    for line in ("%logs one", "%logs"):
        text = nb.ok(line).value.text
        assert text.startswith(f"run {str(last)[:8]} of one: SUCCESS")
        assert "from one" in text
    handle = nb.ok("%launch both").value.wait(20)
    assert nb.ok("%logs both").value.text.startswith(f"run {handle.run_id[:8]} of both")


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("%logs", "Nothing has run yet, so there are no logs."),
        ("%logs orders", "Asset 'orders' has not run yet."),
        ("%logs daily", "Job 'daily' has not run yet."),
        ("%logs order", "Did you mean 'orders'? Give a run's id as %runs shows it, an asset or a job."),
    ],
)
def test_logs_that_are_not_there_are_refused_with_what_is_expected(nb: Notebook, line: str, sentence: str) -> None:
    nb.ok("%%asset orders\n1", "%job daily orders")
    assert sentence in nb.refused(line)


def test_a_step_that_the_run_has_not_is_refused_with_the_nearest(nb: Notebook) -> None:
    nb.ok("%%asset sales/orders\nprint('here')\n1", "%materialize sales/orders")
    assert "here" in nb.ok("%logs sales/orders sales/orders").value.text
    assert "has no step 'sales__order'. Did you mean 'sales__orders'?" in nb.refused("%logs sales/orders sales__order")


def details(nb: Notebook, key: str) -> dict[str, Any]:
    return node_details(nb.session, Standing(nb.session), key)


def test_what_an_op_says_of_its_outputs_is_in_its_events_and_its_details(nb: Notebook) -> None:
    nb.ok(
        "%%op one\ncontext.add_output_metadata({'rows': 1200, 'where': 'here'})\n1",
        "%%op two --outs a,b\ncontext.add_output_metadata({'n': 3}, output_name='b')\na, b = 1, 2",
        "%%job both\none()\ntwo()",
        "%launch both --wait",
    )
    nb.session.history.flush()
    rows = nb.session.history.sql("select body from events where event_type = 'STEP_OUTPUT' and step_key = 'one'")
    assert '"rows":{"kind":"int","value":1200}' in rows.fetchall()[0][0].replace(" ", "")
    assert [(row["name"], row["text"]) for row in details(nb, "op:both/one")["metadata"]] == [
        ("rows", "1,200"), ("where", "here"),
    ]  # fmt: skip
    assert [(row["name"], row["text"]) for row in details(nb, "op:both/two")["metadata"]] == [("b: n", "3")]


def test_attempts_are_told_apart(nb: Notebook) -> None:
    nb.ok(
        "%%asset a --retries 1\nn = context.retry_number\nprint('try', n)\n"
        "context.log.warning(f'number {n}')\nassert n",
        "%materialize a",
    )
    text = nb.ok("%logs a").value.text
    rows = [line.split("  ", 1)[1].split() for line in text.splitlines() if "try" in line or "number" in line]
    assert rows[:2] == [["a", "stdout", "try", "0"], ["a", "WARNING", "number", "0"]]
    assert rows[2:4] == [
        ["a", "(attempt", "2)", "stdout", "try", "1"],
        ["a", "(attempt", "2)", "WARNING", "number", "1"],
    ]
    assert nb.ok("%logs a a").value.text.count("(attempt 2)") == 2


def test_following_prints_each_line_once_and_ends_with_the_run(nb: Notebook) -> None:
    gate = threading.Event()
    nb.names["gate"] = gate
    nb.ok("%%op talk\nprint('one')\ngate.wait(60)\nprint('two')\n1 / 0", "%%job j\ntalk()", "run = %launch j")
    threading.Timer(0.5, gate.set).start()
    ran = nb.ok("%logs j -f")
    assert [line.split()[-1] for line in ran.printed.splitlines()] == ["one", "two"]
    assert nb.names["run"].status == "FAILURE"
    assert f"✕ run {nb.names['run'].run_id[:8]} of j: FAILURE" in ran.value.text
    assert "ZeroDivisionError" in ran.value.text


def test_an_interrupt_ends_the_following_and_not_the_run(project: Path) -> None:
    with notebook_in(project) as nb:
        gate = threading.Event()
        nb.names["gate"] = gate
        nb.ok("%%op talk\nprint('one')\ngate.wait(60)", "%%job j\ntalk()", "run = %launch j")

        def interrupt() -> None:
            while "one" not in nb.out.getvalue():
                time.sleep(0.01)
            signal.raise_signal(signal.SIGINT)

        watcher = threading.Thread(target=interrupt)
        watcher.start()
        ran = nb.ok("%logs j -f")
        watcher.join()
        name = nb.names["run"].run_id[:8]
        assert ran.value.text == f"Stopped following; run {name} goes on. %jk cancel {name} cancels it."
        gate.set()
        assert nb.names["run"].wait(20).success
