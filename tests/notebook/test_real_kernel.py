"""A real ipykernel: requests while a cell runs, pushes, interrupts, completion, two notebooks, restarts."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from kernels import Kernel, text_of

from jobkernel.errors import HistoryError
from jobkernel.storage.control import stop_server

sys.path.insert(0, str(Path(__file__).parents[1] / "contract"))
from protocol_shapes import problems, problems_of_result

DEFINITIONS = [
    "%load_ext jobkernel",
    "def helper(x): return x + 1",
    "%%asset a --group raw --tag team=data\nprint('making a')\n[1, 2, 3]",
    "import pandas\n",
    "%%asset table --group raw\npandas.DataFrame({'n': a})",
    "%%asset b --owner team:data\nhelper(sum(a))",
    "%%asset broken\nb / 0",
    "%%asset below\nbroken",
    "%%asset slow\nimport time\nprint('slow begins')\nfor i in range(600): time.sleep(0.05)\na",
    "%%check a has_rows\nlen(a) > 0",
    "%%op one\n1",
    "%%op add --ins x,y\nx + y",
    "%%job ops\nadd(one(), one())",
    "%job upto_b +b",
]
BUSY = "import time\nbusy_until = time.time() + 60\nwhile time.time() < busy_until: time.sleep(0.02)"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    place = tmp_path_factory.mktemp("kernels")
    (place / "rt").mkdir()
    (place / "project").mkdir()
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("JUPYTER_RUNTIME_DIR", str(place / "rt"))
        patched.setenv("IPYTHONDIR", str(place / "ipython"))
        patched.delenv("JOBKERNEL_PROJECT", raising=False)
        yield place / "project"
        with contextlib.suppress(HistoryError):
            stop_server(place / "project")


@pytest.fixture(scope="module")
def kernel(folder: Path) -> Iterator[Kernel]:
    kernel = Kernel(folder, "first.ipynb")
    try:
        for cell in DEFINITIONS:
            kernel.run(cell)
        kernel.run("%materialize +b table")
        kernel.run("%materialize broken below", is_failing=True)
        yield kernel
    finally:
        kernel.close()


@contextlib.contextmanager
def busy(kernel: Kernel) -> Iterator[None]:
    """A cell runs all the while."""
    cell = kernel.begin(BUSY)
    try:
        yield
    finally:
        kernel.interrupt()
        kernel.finish(cell, is_failing=True)


def asked(kernel: Kernel, op: str, **fields: Any) -> Any:
    found = kernel.result(op, **fields)
    assert problems_of_result(op, found) == []
    return found


def test_every_question_is_answered_in_the_protocol_s_shape_while_a_cell_runs(kernel: Kernel) -> None:
    with busy(kernel):
        snapshot = asked(kernel, "snapshot")
        assert set(snapshot["graph"]["nodes"]["key"]) >= {"a", "b", "slow"}
        assert {job["name"]: job["kind"] for job in snapshot["jobs"]} == {"ops": "op", "upto_b": "asset"}
        assert snapshot["status"]["a"]["status"] == "fresh"
        assert snapshot["status"]["broken"]["status"] == "failed"
        assert asked(kernel, "layout", job="ops", direction="TD")["nodes"]["type"] == {"most": "op", "but": {}}
        assert asked(kernel, "layout", focus="b", depth=1)["nodes"]["count"] >= 2
        assert asked(kernel, "layout", selection="+b")["nodes"]["count"]
        assert asked(kernel, "select", text="group:raw")["keys"] == ["a", "table"]
        for key in ("a", "table", "b", "broken", "below", "slow", "op:ops/add", "op:ops/one_2"):
            asked(kernel, "details", key=key)
        for scope in ("only", "downstream", "upstream", "stale", "missing", "all"):
            asked(kernel, "plan", keys=["b"], scope=scope)
        assert asked(kernel, "runs", limit=1)["more"] is True
        for row in asked(kernel, "runs")["rows"]:
            asked(kernel, "run", run_id=row["run_id"])
            asked(kernel, "log", run_id=row["run_id"], step_key=None, after=0)


def test_details_say_what_was_made_why_and_how(kernel: Kernel) -> None:
    table = asked(kernel, "details", key="table")
    assert table["preview"]["form"] == "table"
    assert table["preview"]["shape"] == [3, 1]
    assert {row["name"]: row["value"] for row in table["metadata"]}["rows"] == 3
    made = asked(kernel, "details", key="a")
    assert made["checks"][0]["status"] == "fresh"
    assert "making a" in [line["text"] for line in made["log"]["lines"]]
    assert made["code"]["source"].startswith(("%%asset a", "print"))
    failed = asked(kernel, "details", key="broken")
    assert failed["error"]["type"] == "ZeroDivisionError"
    assert failed["error"]["line"] == 2
    assert failed["error"]["cell"] is not None


def test_a_run_is_started_watched_and_canceled_while_a_cell_runs(kernel: Kernel) -> None:
    kernel.pushes.clear()
    with busy(kernel):
        run_id = asked(kernel, "materialize", keys=["slow"], scope="only", include_missing=False)["run_id"]
        push = kernel.push_where(
            lambda push: push["push"] == "status" and push["status"].get("slow", {}).get("status") == "running"
        )
        assert problems(push, "Push") == []
        assert kernel.push_where(
            lambda push: any("slow" in (row["cancel"] or "") for row in push.get("runs", ()) if row["run_id"] == run_id)
        )
        assert "slow" in asked(kernel, "cancel", run_id=run_id, force=False)["text"]
        asked(kernel, "cancel", run_id=run_id, force=True)
        ended = kernel.run_ended(run_id)
        assert ended["status"] == "CANCELED"
        assert problems_of_result("run", ended) == []


def test_a_job_is_launched_and_run_again_from_the_screen(kernel: Kernel) -> None:
    with busy(kernel):
        first = kernel.run_ended(asked(kernel, "launch", job="ops")["run_id"])
        assert first["status"] == "SUCCESS"
        assert [step["step_key"] for step in first["steps"]] == first["longest_path"] or len(first["steps"]) == 3
        again = kernel.run_ended(asked(kernel, "reexecute", run_id=first["run_id"], from_failure=False)["run_id"])
        assert again["parent_run_id"] == first["run_id"]


def test_a_failed_run_names_its_step_and_what_did_not_run(kernel: Kernel) -> None:
    run_id = asked(kernel, "materialize", keys=["broken", "below"], scope="only", include_missing=False)["run_id"]
    found = kernel.run_ended(run_id)
    assert problems_of_result("run", found) == []
    assert found["error_step"] == "broken"
    assert {step["step_key"]: step["status"] for step in found["steps"]} == {"broken": "failed", "below": "skipped"}
    assert found["error"]["type"] == "ZeroDivisionError"


@pytest.mark.parametrize(
    ("op", "fields", "words"),
    [
        ("details", {"key": "nothing"}, "nothing"),
        ("details", {"key": "op:ops/nothing"}, "nothing"),
        ("details", {}, "key"),
        ("select", {"text": "group:("}, "("),
        ("launch", {"job": "opps"}, "ops"),
        ("cancel", {"run_id": "zzz"}, "zzz"),
        ("run", {"run_id": "zzz"}, "zzz"),
        ("log", {"run_id": "zzz"}, "zzz"),
        ("layout", {"job": "nothing"}, "nothing"),
        ("materialize", {"keys": ["below"], "scope": "only", "include_missing": False}, "broken"),
        ("materialize", {"keys": ["nothing"], "scope": "only"}, ""),
        ("explode", {}, "explode"),
        ("runs", {"limit": "many"}, "many"),
    ],
)
def test_a_wrong_request_is_refused_in_a_sentence(kernel: Kernel, op: str, fields: Any, words: str) -> None:
    reply = kernel.ask(op, **fields)
    assert reply["ok"] is False
    assert words in reply["error"]
    assert "\n" not in reply["error"]
    assert "failed in the kernel" not in reply["error"]


def test_a_missing_upstream_is_made_too_when_asked_for(kernel: Kernel) -> None:
    kernel.run("%%asset base\n1")
    kernel.run("%%asset top\nbase + 1")
    plan = asked(kernel, "plan", keys=["top"], scope="only")
    assert plan["missing_upstream"] == ["base"]
    assert kernel.ask("materialize", keys=["top"], scope="only", include_missing=False)["ok"] is False
    run_id = asked(kernel, "materialize", keys=["top"], scope="only", include_missing=True)["run_id"]
    assert kernel.run_ended(run_id)["status"] == "SUCCESS"


def test_a_new_definition_is_pushed_as_a_new_graph(kernel: Kernel) -> None:
    kernel.pushes.clear()
    kernel.run("%%asset newcomer\n1")
    push = kernel.push_where(
        lambda push: push["push"] == "graph" and "newcomer" in push["snapshot"]["graph"]["nodes"]["key"]
    )
    assert problems(push, "Push") == []


def test_an_interrupt_cancels_the_foreground_run_and_the_kernel_goes_on(kernel: Kernel) -> None:
    kernel.pushes.clear()
    cell = kernel.begin("%materialize slow")
    kernel.push_where(lambda push: push.get("status", {}).get("slow", {}).get("status") == "running")
    began = time.monotonic()
    kernel.interrupt()
    told = text_of(kernel.finish(cell, is_failing=True))
    assert time.monotonic() - began < 10
    assert "canceled after 0 of 1 steps" in told
    assert told.rstrip().endswith("This cell stopped with its run.")
    assert "UsageError" not in told
    assert "Traceback" not in told
    assert "2" in text_of(kernel.run("1 + 1"))


@pytest.mark.parametrize(
    ("text", "offered"),
    [
        ("%%asset x --gro", "--group"),
        ("%%asset x --group ra", "raw"),
        ("%%asset x --tag te", "team=data"),
        ("%%asset x --owner te", "team:data"),
        ("%%asset x --backoff ex", "exponential"),
        ("%%asset x --io me", "memory"),
        ("%%asset x --ins ta", "table"),
        ("# jk: asset x --gro", "--group"),
        ("%materialize ta", "table"),
        ("%materialize +ta", "table"),
        ("%materialize group:r", "raw"),
        ("%materialize status:st", "stale"),
        ("%materialize --dr", "--dry-run"),
        ("%launch op", "ops"),
        ("%why brok", "broken"),
        ("%runs --status FAI", "FAILURE"),
        ("%runs --job up", "upto_b"),
        ("%jk ca", "cancel"),
        ("%jk forget sl", "slow"),
        ("%graph up", "upto_b"),
        ("%%check ta", "table"),
    ],
)
def test_tab_offers_what_may_stand_there(kernel: Kernel, text: str, offered: str) -> None:
    matches = kernel.complete(text)
    assert any(match.endswith(offered) for match in matches), matches


def test_tab_in_ordinary_code_is_ipython_s_own(kernel: Kernel) -> None:
    assert "helper" in kernel.complete("hel")


def test_two_notebooks_share_a_project_but_not_a_key(kernel: Kernel, folder: Path) -> None:
    second = Kernel(folder, "second.ipynb")
    try:
        second.run("%load_ext jobkernel")
        told = text_of(second.run("%%asset a\n2", is_failing=True))
        assert "first.ipynb" in told
        assert "--take-over" in told
        assert "Traceback" not in told
        second.run("%jk use a")
        second.run("%%asset far\nlen(a)")
        second.run("%materialize far")
        assert "3" in text_of(second.run("far"))
        assert "second.ipynb" in text_of(second.run("%runs --limit 1"))
        second.run("%%asset b --take-over\n7")
        assert "b was taken over by second.ipynb" in text_of(kernel.run("1"))
        assert "b" not in asked(kernel, "snapshot")["status"]
        kernel.run("%%asset b --owner team:data --take-over\nhelper(sum(a))")
    finally:
        second.close()


@pytest.fixture
def lone(folder: Path) -> Iterator[Kernel]:
    """A kernel of its own in a project of its own."""
    own = folder.parent / "lone"
    own.mkdir()
    kernel = Kernel(own, "lone.ipynb")
    try:
        kernel.run("%load_ext jobkernel")
        yield kernel
    finally:
        kernel.close()
        with contextlib.suppress(HistoryError):
            stop_server(own)


def test_a_restart_keeps_history_values_and_statuses_and_unloading_says_goodbye(lone: Kernel) -> None:
    cells = ["%%asset a\nprint('making a')\n[1, 2, 3]", "%%asset broken\na / 0"]
    for cell in cells:
        lone.run(cell)
    lone.run("%materialize a")
    lone.run("%materialize broken", is_failing=True)
    lone.restart()
    assert "project" in text_of(lone.run("%load_ext jobkernel"))
    for cell in cells:
        lone.run(cell)
    statuses = asked(lone, "snapshot")["status"]
    assert {key: each["status"] for key, each in statuses.items()} == {"a": "fresh", "broken": "failed"}
    assert len(asked(lone, "runs")["rows"]) == 2
    assert "[1, 2, 3]" in text_of(lone.run("import jobkernel as jk\njk.load('a')"))
    assert "making a" in [line["text"] for line in asked(lone, "details", key="a")["log"]["lines"]]
    lone.pushes.clear()
    lone.run("%unload_ext jobkernel")
    lone.push_where(lambda push: push["push"] == "gone")
    lone.run("assert 'jobkernel_request' not in get_ipython().kernel.control_handlers")
