"""``jk.session().prioritize_with``: a function of the user chooses priorities, and never keeps a run from starting."""

from __future__ import annotations

import pytest
from shells import Notebook


@pytest.fixture
def ready(nb: Notebook) -> Notebook:
    nb.ok(
        "%%asset orders --param limit:int=3\nlimit",
        "%%op hello\n1",
        "%%job nightly --tag team=ops --priority 2\nhello()",
    )
    return nb


def priority_of_last(nb: Notebook) -> int:
    (row,) = nb.session.history.query("latest_runs", limit=1)
    return int(row["priority"])


def choose(nb: Notebook, code: str) -> None:
    nb.ok(f"import jobkernel as jk\nseen = []\ndef choose(run):\n    {code}\njk.session().prioritize_with(choose)")


def test_the_function_is_shown_the_run_and_its_number_counts(ready: Notebook) -> None:
    choose(ready, "seen.append(run); return 7")
    ready.ok("%materialize orders --set orders.limit=5 --tag team=ops")
    (run,) = ready.names["seen"]
    assert (run.asset_keys, run.tags["team"], run.priority) == (("orders",), "ops", 0)
    assert run.config == {"ops": {"orders": {"config": {"limit": 5}}}}
    assert priority_of_last(ready) == 7


def test_it_sees_the_job_and_what_the_run_has_otherwise(ready: Notebook) -> None:
    choose(ready, "return run.priority + 1 if run.job_name == 'nightly' else None")
    ready.ok("%launch nightly --wait")
    assert priority_of_last(ready) == 3
    ready.ok("%materialize orders")
    assert priority_of_last(ready) == 0


def test_a_launch_that_says_a_priority_is_not_asked_about(ready: Notebook) -> None:
    choose(ready, "raise AssertionError")
    ready.ok("%launch nightly --wait --priority 9")
    assert priority_of_last(ready) == 9


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("1 / 0", "failed (ZeroDivisionError: division by zero)"),
        ("return 'high'", "returned 'high', which is no whole number in range"),
        ("return True", "returned True, which is no whole number in range"),
        ("return 1.5", "returned 1.5, which"),
        ("return [1]", "returned list, which"),
        ("return 10 ** 40", "returned 1000"),
    ],
)
def test_nonsense_is_one_sentence_on_the_launch_and_the_run_runs(ready: Notebook, code: str, words: str) -> None:
    choose(ready, code)
    sentence = f"The function of prioritize_with {words}"
    handle = ready.ok("run = %launch nightly\nrun.wait()").value
    assert handle.success
    assert priority_of_last(ready) == 2
    assert sentence in repr(handle)
    assert sentence in ready.ok("%materialize orders").text
    bodies = ready.session.history.sql("select body from events where event_type = 'ENGINE_EVENT'").fetchall()
    assert any("so the run keeps its priority 2." in str(body) for (body,) in bodies)


def test_none_ends_it_and_what_cannot_be_called_is_refused(ready: Notebook) -> None:
    choose(ready, "return 7")
    ran = ready("jk.session().prioritize_with(3)")
    assert str(ran.error) == "prioritize_with takes a function of a run that returns a whole number; 3 is none."
    ready.ok("%materialize orders")
    assert priority_of_last(ready) == 7
    ready.ok("jk.session().prioritize_with(None)", "%materialize orders")
    assert priority_of_last(ready) == 0


@pytest.mark.parametrize("number", ["99999999999999999999", "-99999999999999999999"])
def test_a_priority_that_no_queue_can_hold_is_refused(ready: Notebook, number: str) -> None:
    assert "A priority is a whole number from" in ready.refused(f"%materialize orders --priority {number}")
