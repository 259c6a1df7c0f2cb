"""What screens are told of runs: why they wait, what cancels will do, attempts, pools, abandoned threads, checks."""

from __future__ import annotations

import re
from typing import Any

import pytest
from screens import ask, publisher
from shells import Notebook
from waiting import eventually

LOOP = "import time\nwhile not pathlib.Path('go').exists():\n    time.sleep(0.01)"


def row(nb: Notebook, run_id: str) -> dict[str, Any]:
    return next(each for each in ask(nb, "snapshot")["runs"] if each["run_id"] == run_id)


def step(nb: Notebook, run_id: str, key: str) -> dict[str, Any]:
    return next(each for each in ask(nb, "run", run_id=run_id)["steps"] if each["step_key"] == key)


@pytest.fixture
def gated(nb: Notebook) -> Notebook:
    nb.ok("import pathlib", f"%%asset slow --pool db\n{LOOP}\n1", "%%asset quick --pool db\n1", "%job one slow")
    nb.ok("%job two quick", "%job both slow or quick")
    return nb


def let_go(nb: Notebook) -> None:
    nb.ok("pathlib.Path('go').touch()")


def test_a_queued_run_says_why_it_waits_and_that_a_cancel_takes_it_out_of_the_queue(gated: Notebook) -> None:
    gated.ok("%config JobKernel.max_concurrent_runs = 1")
    first, second = gated.ok("%launch one").value, gated.ok("%launch two --priority 2").value
    queued = row(gated, second.run_id)
    assert (queued["status"], queued["cancel"], queued["priority"]) == ("QUEUED", "it leaves the queue", 2)
    assert "max_concurrent_runs" in queued["waiting"]
    assert ask(gated, "snapshot")["queue"]["waiting"] == 1
    assert ask(gated, "cancel", run_id=second.run_id)["text"] == "it leaves the queue"
    eventually(lambda: row(gated, second.run_id)["status"] == "CANCELED", "the queued run is canceled")
    let_go(gated)
    first.wait(20)


def test_a_step_that_waits_for_its_pool_says_so_and_the_pool_is_named(gated: Notebook) -> None:
    gated.ok("%config JobKernel.pools = {'db': 1}")
    run = gated.ok("%launch both").value
    eventually(lambda: run.live.active.notes.waits, "a step waits for its pool")
    (waiting,) = run.live.active.notes.waits
    assert "pool 'db' is full" in step(gated, run.run_id, waiting)["reason"]
    publisher(gated)._standing.forget_queue()
    pools = ask(gated, "snapshot")["queue"]["pools"]
    assert pools == [{"name": "db", "held": 1, "waiting": 1, "limit": 1}]
    let_go(gated)
    run.wait(20)
    assert run.success
    assert step(gated, run.run_id, waiting)["reason"] is None


def test_what_a_cancel_does_is_said_before_it_and_other_words_before_the_next(gated: Notebook) -> None:
    run = gated.ok("%launch one").value
    eventually(lambda: run.live.active.in_flight, "the step runs")
    assert row(gated, run.run_id)["cancel"] == "stops after this step: slow"
    ask(gated, "cancel", run_id=run.run_id)
    said = row(gated, run.run_id)["cancel"]
    assert said.startswith("interrupts slow, its DuckDB queries and its child processes; abandoned")
    let_go(gated)
    run.wait(20)
    assert row(gated, run.run_id)["cancel"] is None


def test_priorities_are_listed_where_a_run_has_one(gated: Notebook) -> None:
    let_go(gated)
    gated.ok("_ = %launch two --wait")
    assert "priority" not in gated.ok("%runs").value.columns
    gated.ok("_ = %launch two --wait --priority 3")
    table = gated.ok("%runs").value
    place = table.columns.index("priority")
    assert [cells[place] for cells in table.fetchall()] == [3, 0]


def test_the_thread_of_an_abandoned_step_is_named_until_it_ends(gated: Notebook) -> None:
    run = gated.ok("%launch one").value
    eventually(lambda: run.live.active.in_flight, "the step runs")
    run.cancel()
    run.live.active.abandon("slow")
    run.wait(20)
    (named,) = row(gated, run.run_id)["abandoned"]
    assert named.startswith("slow on thread jobkernel-step")
    assert step(gated, run.run_id, "slow")["reason"].startswith("abandoned; thread jobkernel-step")
    words = re.compile(r"slow was abandoned; thread jobkernel-step\S* still runs it\.")
    texts = (
        lambda: repr(run),
        lambda: gated.ok("%jk queue").text,
        lambda: gated.ok(f"%logs {run.run_id[:8]}").text,
        lambda: gated.ok(f"%logs {run.run_id[:8]} -f").text,
    )
    for text in texts:
        assert words.search(text())
    let_go(gated)
    eventually(lambda: row(gated, run.run_id)["abandoned"] == [], "the thread is back")
    for text in texts:
        assert not words.search(text())


def test_attempts_have_their_errors_and_delays_and_a_step_between_them_its_next_moment(nb: Notebook) -> None:
    nb.ok("%%asset flaky --retries 1 --retry-delay 60\nraise OSError('no route')", "%job one flaky")
    run = nb.ok("%launch one").value
    eventually(lambda: run.live.active.notes.retries, "the step is to be tried again")
    nb.session.history.flush()
    shown = step(nb, run.run_id, "flaky")
    (attempt,) = shown["attempts"]
    assert (attempt["number"], attempt["error"], attempt["delay_s"]) == (1, "OSError: no route", 60)
    assert (shown["status"], shown["again_at"]) == ("queued", pytest.approx(attempt["ended_at"] + 60_000, abs=1))
    run.cancel()
    run.wait(20)
    ended = step(nb, run.run_id, "flaky")
    assert (ended["status"], ended["again_at"]) == ("canceled", None)
    assert ended["attempts"][0]["ended_at"] == attempt["ended_at"], "waiting was no part of the attempt"


def test_a_failed_check_counts_by_its_severity_and_whether_it_blocks(nb: Notebook) -> None:
    nb.ok("%%asset sums\n1", "%%check sums hard --blocking\nFalse")
    nb.ok("%%check sums soft --severity warn\nFalse", "%%check sums fine\nTrue")
    nb.ok("%job one sums")
    nb.ok("%launch one").value.wait(20)
    status = ask(nb, "snapshot")["status"]["sums"]
    counts = ("checks_passed", "checks_failed", "checks_warned", "checks_blocking")
    assert [status.get(name, 0) for name in counts] == [1, 1, 1, 1]


def test_what_would_run_again_is_told_before_it_does(nb: Notebook) -> None:
    nb.ok("%%asset first\n1", "%%asset second\nfirst + 1", "%%asset third\nsecond + 1", "%job all +third")
    run = nb.ok("%launch all").value.wait(20)
    assert ask(nb, "replan", run_id=run.run_id, steps=["second*"])["steps"] == ["second", "third"]
    assert ask(nb, "replan", run_id=run.run_id)["text"].startswith("3 steps")
    again = ask(nb, "reexecute", run_id=run.run_id, steps=["third"])["run_id"]
    nb.session.run_of(again).active.wait(20)
    shown = row(nb, again)
    assert (shown["status"], shown["root_run_id"], shown["steps_total"]) == ("SUCCESS", run.run_id, 1)


def test_the_steps_of_a_run_name_the_assets_that_they_are_named_after(nb: Notebook) -> None:
    nb.ok("%%asset raw/orders\n1", "%%asset clean/orders\n2", "%materialize raw/orders clean/orders")

    steps = ask(nb, "run", run_id=ask(nb, "snapshot")["runs"][0]["run_id"])["steps"]

    named = {"raw__orders": "raw/orders", "clean__orders": "clean/orders"}
    assert {each["step_key"]: each["key"] for each in steps} == named


def test_the_steps_of_a_job_of_ops_name_no_asset(nb: Notebook) -> None:
    nb.ok("%%op fetch\n1", "%%job nightly\nfetch()", "%launch nightly --wait")

    (only,) = ask(nb, "run", run_id=ask(nb, "snapshot")["runs"][0]["run_id"])["steps"]

    assert (only["step_key"], only["key"]) == ("fetch", None)


def test_a_run_tells_what_its_checks_came_to_by_step(nb: Notebook) -> None:
    nb.ok("%%asset orders\n[1, -2]", "%%check orders positive --severity warn\nall(n > 0 for n in orders)")
    nb.ok("%%check orders short\nlen(orders) == 2")
    nb.ok("%materialize orders")
    (found,) = [each for each in ask(nb, "snapshot")["runs"] if each["status"] == "SUCCESS"]

    told = {
        check["name"]: check for each in ask(nb, "run", run_id=found["run_id"])["steps"] for check in each["checks"]
    }

    assert {name: (each["passed"], each["severity"], each["key"]) for name, each in told.items()} == {
        "positive": (False, "WARN", "orders"),
        "short": (True, "ERROR", "orders"),
    }


def test_mapped_steps_stand_where_they_ran_and_the_longest_path_goes_through_one_of_each(nb: Notebook) -> None:
    nb.ok(
        "import jobkernel as jk",
        "%%job parts\n@jk.op(out=jk.DynamicOut())\ndef keys():\n    yield jk.DynamicOutput(1, mapping_key='a')\n"
        "    yield jk.DynamicOutput(2, mapping_key='b')\n@jk.op\ndef double(x):\n    return x * 2\n"
        "@jk.op\ndef half(x):\n    return x / 2\n@jk.op\ndef total(them):\n    return sum(them)\n"
        "total(keys().map(lambda x: half(double(x))).collect())",
    )
    run = nb.ok("%launch parts --wait").value
    told = ask(nb, "run", run_id=run.run_id)
    shown = [each["step_key"] for each in told["steps"]]
    assert (shown[0], shown[-1]) == ("keys", "total")
    assert sorted(shown[1:-1]) == ["double[a]", "double[b]", "half[a]", "half[b]"]
    assert told["longest_path"] in [["keys", f"double[{key}]", f"half[{key}]", "total"] for key in "ab"]
