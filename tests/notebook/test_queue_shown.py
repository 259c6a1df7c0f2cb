"""``%jk queue``, ``%jk cancel`` and ``%jk reexecute``: who waits and why, what a cancel does, what runs again."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from shells import Notebook

from jobkernel.engine.handle import RunHandle
from jobkernel.notebook.queue_view import queue_view

WAIT = "import time\nwhile True:\n    context.check_canceled()\n    time.sleep(0.01)"


@pytest.fixture
def full(nb: Notebook) -> Iterator[Notebook]:
    """A notebook in which ``first`` runs, and ``second`` and ``third`` wait for their turn, the third before it."""
    gate = threading.Event()
    nb.names["gate"] = gate
    nb.ok("%config JobKernel.max_concurrent_runs = 1", "%config JobKernel.pools = {'db': 2}")
    nb.ok("%%op hold --pool db\ngate.wait(60)", "%%job nightly\nhold()")
    for name, priority in (("first", 0), ("second", 0), ("third", 5)):
        nb.ok(f"{name} = %launch nightly --priority {priority}")
    yield nb
    gate.set()
    for name in ("first", "second", "third"):
        nb.names[name].wait(20)


def handle(nb: Notebook, name: str) -> RunHandle:
    found = nb.names[name]
    assert isinstance(found, RunHandle)
    return found


def running(nb: Notebook, name: str) -> RunHandle:
    found = handle(nb, name)
    while not found.live.active.in_flight:
        assert not found.live.active.wait(0.01)
    return found


def test_the_queue_says_who_runs_who_waits_where_and_why_and_how_full_pools_are(full: Notebook) -> None:
    running(full, "first")
    shown = full.ok("%jk queue").value
    ids = [handle(full, name).run_id[:8] for name in ("first", "third", "second")]
    rows = shown.fetchall()
    assert [row[:3] for row in rows] == [(None, ids[0], "nightly"), (1, ids[1], "nightly"), (2, ids[2], "nightly")]
    assert [row[4] for row in rows] == [0, 5, 0]
    assert rows[1][-1] == "1 of 1 runs are running (max_concurrent_runs)"
    assert shown.pools.fetchall() == [("db", 1, 0, 2)]
    assert repr(shown).startswith("1 running, 2 waiting; at most 1 run at once (JobKernel.max_concurrent_runs)\n")
    assert "db" in repr(shown)
    assert list(shown.df()["place"].dropna()) == [1, 2]
    assert "<table>" in shown._repr_mimebundle_()["text/html"]


@pytest.mark.parametrize("knows", ["that they wait", "nothing"])
def test_runs_admitted_before_the_history_hears_of_it_are_named_and_start(
    full: Notebook, monkeypatch: pytest.MonkeyPatch, knows: str
) -> None:
    running(full, "first")
    history = full.session.history
    history.flush()
    before = {status: history.query("latest_runs", status=status) for status in ("QUEUED", "STARTED")}

    def stale(name: str, **asked: Any) -> Any:
        assert name == "latest_runs"
        return before.get(asked["status"], []) if knows == "that they wait" else []

    full.ok("%config JobKernel.pools = {'db': 3}", "%config JobKernel.max_concurrent_runs = 3")
    monkeypatch.setattr(history, "query", stale)
    rows = queue_view(history).fetchall()
    ids = [handle(full, name).run_id[:8] for name in ("first", "third", "second")]
    assert [row[:3] for row in rows] == [(None, run_id, "nightly") for run_id in ids]
    assert [row[3] for row in rows[1:]] == ["STARTING", "STARTING"]
    assert [row[4] for row in rows] == [0, 5, 0]


def test_the_pools_count_runs_where_their_limits_do(nb: Notebook) -> None:
    gate = threading.Event()
    nb.names["gate"] = gate
    nb.ok("%config JobKernel.pool_granularity = 'run'", "%config JobKernel.pools = {'db': 1}")
    nb.ok("%%op hold --pool db\ngate.wait(60)", "%%op also --pool db\ngate.wait(60)")
    nb.ok("%%job nightly\nhold()\nalso()", "first = %launch nightly", "second = %launch nightly")
    try:
        while len(handle(nb, "first").live.active.in_flight) < 2:
            assert not handle(nb, "first").live.active.wait(0.01)
        assert nb.ok("%jk queue").value.pools.fetchall() == [("db", 1, 1, 1)]
    finally:
        gate.set()
        for name in ("first", "second"):
            handle(nb, name).wait(20)


def test_an_empty_queue_is_one_line(nb: Notebook) -> None:
    assert repr(nb.ok("%jk queue").value).startswith("0 running, 0 waiting; at most 10 runs at once")


def test_runs_that_wait_say_why_in_the_history(full: Notebook) -> None:
    table = full.ok("%runs").value
    assert table.columns[-1] == "waiting"
    assert "waits: 1 of 1 runs are running (max_concurrent_runs); 1 run is before it" in repr(table)


def test_a_run_that_waits_leaves_the_queue_at_once(full: Notebook) -> None:
    second = handle(full, "second")
    text = full.ok(f"%jk cancel {second.run_id[:8]}").text
    assert f"run {second.run_id[:8]}: it leaves the queue." in text
    assert "Cancel again" not in text
    assert second.wait(10).status == "CANCELED"
    assert full.ok(f"%jk cancel {second.run_id[:8]}").value.text.endswith("it has ended already: CANCELED")


def test_a_second_cancel_forces_what_the_first_announced(nb: Notebook) -> None:
    nb.ok("%%op stubborn\nimport time\nwhile True:\n    time.sleep(0.01)", "%%job j\nstubborn()", "run = %launch j")
    run = running(nb, "run")
    first = nb.ok(f"%jk cancel {run.run_id[:8]}").value.text
    assert ": stops after this step: stubborn. Cancel again: interrupts stubborn" in first
    assert not run.live.active.wait(0.2)
    second = nb.ok(f"%jk cancel {run.run_id[:8]}").value.text
    assert "interrupts stubborn" in second
    assert "Cancel again" not in second
    assert run.wait(20).status == "CANCELED"


def test_chosen_steps_run_again_by_clauses(nb: Notebook) -> None:
    nb.ok(
        "%%op load_a\n1",
        "%%op load_b\n2",
        "%%op add --ins x,y\nx + y",
        "%%job j\nadd(load_a(), load_b())",
        "run = %launch j --wait",
    )
    name = handle(nb, "run").run_id[:8]
    again = nb.ok(f"again = %jk reexecute {name} --only load_a*\nagain.wait()").value
    assert sorted(again.live.plan.steps) == ["add", "load_a"]
    one = nb.ok(f"again = %jk reexecute {name} --only load_b add\nagain.wait()").value
    assert (sorted(one.live.plan.steps), one.value("add")) == (["add", "load_b"], 3)
    assert "Did you mean 'add'?" in nb.refused(f"%jk reexecute {name} --only addd")
    assert "leave out --only" in nb.refused(f"%jk reexecute {name} --only add --from-failure")


def test_runs_of_one_origin_stand_together_and_say_where_they_come_from(nb: Notebook) -> None:
    nb.ok("%%op fragile --param ok:bool=false\nassert ok", "%%job j\nfragile()", "%%asset other\n1")
    first = nb.ok("run = %launch j\nrun.wait()").value
    nb.ok("%materialize other")
    assert "origin" not in nb.ok("%runs").value.columns
    again = nb.ok(f"again = %jk reexecute {first.run_id[:8]} --from-failure\nagain.wait()").value
    whole = nb.ok(f"again = %jk reexecute {again.run_id[:8]}\nagain.wait()").value
    table = nb.ok("%runs").value
    assert table.columns[-1] == "origin"
    assert [(row[0], row[-1]) for row in table] == [
        (whole.run_id[:8], f"re-execution of {again.run_id[:8]}"),
        (again.run_id[:8], f"from the failure of {first.run_id[:8]}"),
        (first.run_id[:8], None),
        (table.fetchall()[3][0], None),
    ]
    assert table.fetchall()[3][1] == "other"


def test_a_run_that_is_retried_by_itself_says_which_retry_it_is(nb: Notebook) -> None:
    nb.ok("%%op fragile\n1 / 0", "%%job j --tag dagster/max_retries=1\nfragile()")
    first = nb.ok("run = %launch j\nrun.wait()").value
    nb.session.launcher.runs[first.live.active.notes.end_tags["dagster/auto_retry_run_id"]].active.wait(20)
    origins = [row[-1] for row in nb.ok("%runs").value]
    assert origins == [f"retry 1 of {first.run_id[:8]}", None]


def test_runs_are_filtered_by_tags(nb: Notebook) -> None:
    nb.ok("%%asset a\n1", "%materialize a --tag team=ops", "%materialize a --tag team=web", "%materialize a")
    assert len(nb.ok("%runs").value) == 3
    assert len(nb.ok("%runs --tag team=ops").value) == 1
    assert len(nb.ok("%runs --tag team").value) == 2
    assert len(nb.ok("%runs --tag team=ops --tag team=web").value) == 1
    assert len(nb.ok("%runs --tag team=none").value) == 0
    assert "has no name" in nb.refused("%runs --tag =x")


@pytest.mark.parametrize(("status", "words"), [("stale", "Nothing is stale"), ("failed", "Nothing has failed")])
def test_nothing_of_a_status_is_good_news(nb: Notebook, status: str, words: str) -> None:
    nb.ok("%%asset a\n1", "%materialize a")
    assert nb.ok(f"%materialize status:{status}").text.strip() == f"✓ {words}; nothing to run."
    assert (
        "Nothing matches status:stale and group:default now"
        in nb.ok("%materialize status:stale and group:default").text
    )


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("pools = {'db': -1}", "'db': -1 is not"),
        ("pools = {'db': 5000}", "from 0 to 1000"),
        ("pools = 3", "pools"),
        ("tag_concurrency_limits = [{'key': 'a'}]", "needs a limit"),
        ("tag_concurrency_limits = [{'key': 'a', 'limit': 1, 'valu': 'x'}]", "Did you mean 'value'?"),
        ("tag_concurrency_limits = {'a': 1}", "tag_concurrency_limits"),
        ("default_pool_limit = -1", "default_pool_limit"),
        ("pool_granularity = 'step'", "pool_granularity"),
        ("run_retries = -1", "run_retries"),
        ("max_runtime = -1", "max_runtime"),
    ],
)
def test_a_bad_limit_is_one_sentence_and_changes_nothing(nb: Notebook, line: str, words: str) -> None:
    nb.ok(
        "%config JobKernel.pools = {'db': 2}", "%config JobKernel.tag_concurrency_limits = [{'key': 'a', 'limit': 1}]"
    )
    before = nb.session.history.request("settings")
    complaint = str(nb(f"%config JobKernel.{line}").error)
    assert words in complaint
    assert "\n" not in complaint
    assert nb.session.history.request("settings") == before
    name = line.partition(" ")[0]
    assert nb.ok(f"%config JobKernel.{name}").value == before[name]
