"""How a step is tried, limited and run is said on its cell, its job or its launch; a launch has the last word."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise

import pytest
from shells import Notebook

from jobkernel.model.definitions import Op
from jobkernel.model.policies import Backoff, Jitter, RetryPolicy
from jobkernel.notebook import current
from jobkernel.notebook.completion import complete_line
from jobkernel.notebook.run_details import run_details
from jobkernel.notebook.snapshot import Standing

LINE = (
    "--pool db --executor processes --timeout 5m"
    " --retries 3 --retry-delay 10s --backoff exponential --jitter plus-minus"
)


def op_of(nb: Notebook, kind: str) -> Op:
    registry = nb.session.registry
    node = {
        "asset": lambda: registry.assets["a"].node,
        "op": lambda: registry.ops["a"],
        "check": lambda: registry.checks["b", "a"].node,
    }[kind]()
    assert isinstance(node, Op)
    return node


@pytest.mark.parametrize(("kind", "head"), [("asset", "%%asset a"), ("op", "%%op a"), ("check", "%%check b a")])
def test_a_cell_says_how_its_step_is_tried_limited_and_run(nb: Notebook, kind: str, head: str) -> None:
    nb.ok("%%asset b\n1", f"{head} {LINE}\nTrue")

    op = op_of(nb, kind)

    assert (op.pool, op.executor, op.timeout) == ("db", "processes", timedelta(minutes=5))
    assert op.retry == RetryPolicy(3, 10.0, Backoff.EXPONENTIAL, Jitter.PLUS_MINUS)


@pytest.mark.parametrize("line", ["%%job j {}\nmake()", "%job j a {}"])
def test_a_job_says_where_its_steps_run_and_how_many_at_once(nb: Notebook, line: str) -> None:
    nb.ok("%%asset a\n1", "%%op make\n1")
    nb.ok(line.format("--executor processes --max-concurrent 2 --priority 4 --tag team=ops"))
    job = nb.session.registry.jobs["j"]
    assert (job.executor, job.max_concurrent, job.priority, dict(job.tags)) == ("processes", 2, 4, {"team": "ops"})


def executor_of_last(nb: Notebook) -> str:
    (row,) = nb.session.history.query("latest_runs", limit=1)
    return str(row["executor"])


def test_max_concurrent_holds_the_steps_of_a_run_back(nb: Notebook) -> None:
    nb.ok(
        "%%op one\nimport time\ntime.sleep(0.02)",
        "%%job j --max-concurrent 1\nfor n in range(4):\n    one.alias(f'one_{n}')()",
        "run = %launch j --wait",
    )
    steps = nb.session.history.query("run_steps", run_id=nb.names["run"].run_id)
    spans = sorted((step["started_at"], step["ended_at"]) for step in steps)
    assert len(spans) == 4
    assert all(before[1] <= after[0] for before, after in pairwise(spans))


def test_a_launch_says_the_executor_for_all_steps(nb: Notebook) -> None:
    nb.ok("%%asset a --executor processes\nimport os\nos.getpid()", "%materialize a --executor in_process")
    assert executor_of_last(nb) == "in_process"
    import os

    assert nb.session.load("a") == os.getpid()


@pytest.mark.parametrize("executor", ["threads", "in_process"])
def test_the_steps_say_on_which_executor_and_thread_they_ran(nb: Notebook, executor: str) -> None:
    nb.ok("%%asset a\nimport threading\nthreading.current_thread().name", f"%materialize a --executor {executor}")
    places = nb.session.history.sql("select executor, worker from steps where step_key = 'a'").fetchall()
    assert places == [(executor, nb.session.load("a"))]


def test_the_page_of_a_run_says_where_its_steps_ran(nb: Notebook) -> None:
    nb.ok("%%asset a --executor processes\n1", "%%asset b\n2")
    said = []
    for line in ("a", "a b", "a b --executor in_process"):
        handle = nb.ok(f"%materialize {line} --bg").value.wait(20)
        said.append(run_details(nb.session, Standing(nb.session), handle.run_id)["executor"])
    assert [set(each.split(" and ")) for each in said] == [{"processes"}, {"processes", "threads"}, {"in_process"}]


def test_a_failing_step_is_tried_again_after_its_delay_and_succeeds(nb: Notebook) -> None:
    nb.ok(
        "%%asset a --retries 2 --retry-delay 0.01s --jitter full\nassert context.retry_number == 2\n7", "%materialize a"
    )
    assert nb.session.load("a") == 7
    attempts = nb.session.history.sql("select attempt, status from steps order by attempt").fetchall()
    assert attempts == [(1, "UP_FOR_RETRY"), (2, "UP_FOR_RETRY"), (3, "SUCCESS")]


def test_a_pool_without_a_limit_is_pointed_out_with_the_nearest(nb: Notebook) -> None:
    said = nb.ok("%%asset a --pool api\n1").text
    assert "pool api has no limit; %config JobKernel.pools = {'api': 1} gives it one" in said
    nb.ok("%config JobKernel.pools = {'database': 2}")
    assert "pool databse has no limit; did you mean 'database'?" in nb.ok("%%op b --pool databse\n1").text
    assert "limit" not in nb.ok("%%op c --pool database\n1").text
    nb.ok("%config JobKernel.default_pool_limit = 3")
    assert "limit" not in nb.ok("%%asset d --pool other\n1").text


def offered(nb: Notebook, line: str) -> list[str]:
    kernel = current.find(nb.shell)
    assert kernel is not None
    found, _ = complete_line(kernel, line)
    return [text for text, _ in found or ()]


def test_tab_offers_executors_pools_and_the_steps_of_a_run(nb: Notebook) -> None:
    nb.ok("%config JobKernel.pools = {'database': 2}", "%%op load_one --pool api\n1", "%%job j\nload_one()")
    run_id = nb.ok("run = %launch j --wait\nrun").value.run_id
    assert offered(nb, "%%asset a --executor ") == ["threads", "processes", "dask", "in_process"]
    assert offered(nb, "%launch j --executor p") == ["processes"]
    assert offered(nb, "%%op a --pool ") == ["database", "api"]
    assert offered(nb, f"%jk reexecute {run_id[:8]} --only lo") == ["load_one"]
    assert offered(nb, f"%jk reexecute {run_id[:8]} --only load_one lo") == ["load_one"]
    assert "--from-failure" in offered(nb, f"%jk reexecute {run_id[:8]} --f")


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("%%asset --help", ["--jitter full|plus-minus", "Examples: ", "--executor processes --pool gpu"]),
        ("%job --help", ["--max-concurrent N", "how many of its steps run at once"]),
        ("%jk reexecute --help", ["--only STEP …", "--only clean load*"]),
        ("%materialize --help", ["--executor EXECUTOR", "threads, processes, dask, dask:ADDRESS or in_process"]),
    ],
)
def test_help_shows_examples_and_nothing_that_is_not_there(nb: Notebook, line: str, words: list[str]) -> None:
    cell = f"{line}\n" if line.startswith("%%") else line
    text = nb.ok(cell).text
    for each in words:
        assert each in text
