"""``%logs``: which run is meant, and why one failed that never came to a step; metadata of an op in its details."""

from __future__ import annotations

from typing import Any

import pytest
from shells import Notebook

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
        ("%logs orders", "Asset 'orders' has not run yet, so there are no logs."),
        ("%logs daily", "Job 'daily' has not run yet, so there are no logs."),
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
