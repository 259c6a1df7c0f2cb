"""What every history promises, in memory, in a file, and through a project server: one suite over all three."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from waiting import eventually

from jobkernel.errors import HistoryError, InvalidConfig, QueryRefused
from jobkernel.model.events import Event
from jobkernel.storage.client import HistoryClient
from jobkernel.storage.history import History, LocalHistory

US = 1_000_000


@pytest.fixture(scope="module")
def runtime(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path_factory.mktemp("rt")))
        yield


@pytest.fixture(params=["memory", "file", "server"])
def history(request: pytest.FixtureRequest, tmp_path: Path, runtime: None) -> Iterator[History]:
    if request.param == "server":
        opened: History = HistoryClient.connect(tmp_path, kernel_id="k1", notebook="first.ipynb", linger_s=0.0)
    else:
        (tmp_path / ".jobkernel").mkdir()
        path = ":memory:" if request.param == "memory" else str(tmp_path / "history.duckdb")
        opened = LocalHistory(path, folder=tmp_path / ".jobkernel", kernel_id="k1", notebook="first.ipynb")
    yield opened
    opened.close()


def event(event_type: str, run_id: str | None = "r1", step_key: str | None = None, at: int = 1, **body: Any) -> Event:
    return Event(event_type, run_id, step_key, at, body or None)


def a_run(
    run_id: str = "r1", *, job_name: str = "nightly", start: int = 1 * US, end: str = "RUN_SUCCESS"
) -> list[Event]:
    return [
        event("RUN_ENQUEUED", run_id, at=start, job_name=job_name, tags={"team": "a"}, steps=["x"], priority=3),
        event("RUN_START", run_id, at=start + 1),
        event("STEP_START", run_id, "x", start + 2, attempt=1, executor="threads"),
        event("LOG_MESSAGE", run_id, "x", start + 3, level="INFO", message="hello"),
        event("STEP_SUCCESS", run_id, "x", start + 4, attempt=1, duration_s=0.5),
        event(end, run_id, at=start + 2 * US),
    ]


def kept(history: History, *events: Event) -> None:
    history.emit_many(events)
    history.flush()


def test_a_run_is_remembered_with_its_steps_and_events(history: History) -> None:
    kept(history, *a_run())

    (run,) = history.query("run", run_id="r1")
    assert (run["status"], run["job_name"], run["tags"], run["priority"]) == ("SUCCESS", "nightly", {"team": "a"}, 3)
    assert (run["queued_at"], run["started_at"], run["ended_at"]) == (US, US + 1, 3 * US)
    (step,) = history.query("run_steps", run_id="r1")
    assert (step["step_key"], step["attempt"], step["status"], step["duration_s"]) == ("x", 1, "SUCCESS", 0.5)
    assert [row["event_type"] for row in history.query("run_events", run_id="r1")] == [
        row.event_type for row in a_run()
    ]


def test_rows_follow_the_events_batch_by_batch(history: History) -> None:
    statuses = []
    for each in a_run():
        kept(history, each)
        statuses.append(history.query("run", run_id="r1")[0]["status"])

    assert statuses == ["QUEUED", "STARTED", "STARTED", "STARTED", "STARTED", "SUCCESS"]
    assert len(history.query("run_steps", run_id="r1")) == 1
    assert history.sql("select count(*), min(status) from steps").fetchone() == (1, "SUCCESS")


def test_a_final_status_never_changes(history: History) -> None:
    kept(history, *a_run(end="RUN_FAILURE"))
    kept(history, event("RUN_SUCCESS", at=9 * US), event("RUN_CANCELING"), event("RUN_ENQUEUED"))

    assert history.query("run", run_id="r1")[0]["status"] == "FAILURE"
    assert len(history.query("run_events", run_id="r1")) == 9


def test_attempts_are_rows_of_their_own(history: History) -> None:
    kept(
        history,
        event("RUN_ENQUEUED"),
        event("STEP_START", step_key="x", attempt=1),
        event("STEP_UP_FOR_RETRY", step_key="x", attempt=1, error={"message": "no"}),
        event("STEP_RESTARTED", step_key="x", attempt=2),
        event("STEP_SUCCESS", step_key="x", attempt=2),
        event("STEP_NOT_RUN", step_key="z", because="y"),
        event("STEP_SKIPPED", step_key="w", reason="no output"),
    )

    rows = [
        (row["step_key"], row["attempt"], row["status"], row["reason"])
        for row in history.query("run_steps", run_id="r1")
    ]
    assert rows == [
        ("x", 1, "UP_FOR_RETRY", None),
        ("x", 2, "SUCCESS", None),
        ("z", 1, "NOT_RUN", "y"),
        ("w", 1, "SKIPPED", "no output"),
    ]


def test_the_latest_materialization_of_an_asset_is_its_state(history: History) -> None:
    kept(history, *a_run("r1"), event("ASSET_MATERIALIZATION", "r1", "x", 5, asset_key="x", metadata={"rows": 1}))
    kept(history, event("RUN_ENQUEUED", "r2"), event("ASSET_MATERIALIZATION_PLANNED", "r2", asset_key="x"))
    assert history.query("asset_state", asset_key="x")[0]["status"] == "MATERIALIZING"

    made = event("ASSET_MATERIALIZATION", "r2", "x", 9, asset_key="x", metadata={"rows": 2}, fingerprint={"code": "f"})
    kept(history, made)

    (state,) = history.query("asset_states")
    assert (state["status"], state["metadata"], state["fingerprint"]) == ("MATERIALIZED", {"rows": 2}, {"code": "f"})
    assert [row["run_id"] for row in history.query("materializations", asset_key="x")] == ["r2", "r1"]
    assert [row["value"] for row in history.query("metadata_history", asset_key="x")] == [1.0, 2.0]


def test_a_failed_asset_says_so_and_a_planned_one_is_let_go_when_its_run_ends(history: History) -> None:
    kept(
        history,
        event("RUN_ENQUEUED"),
        *[event("ASSET_MATERIALIZATION_PLANNED", asset_key=key) for key in ("a", "b")],
        event("ASSET_FAILED_TO_MATERIALIZE", asset_key="a", error={"message": "no"}),
        event("RUN_FAILURE"),
    )

    statuses = {row["asset_key"]: row["status"] for row in history.query("asset_states")}
    assert statuses == {"a": "FAILED", "b": "MISSING"}


def test_checks_show_their_latest_result(history: History) -> None:
    for passed in (True, False):
        body = {"asset_key": "x", "check_name": "positive", "passed": passed, "severity": "ERROR", "blocking": True}
        kept(history, event("ASSET_CHECK_EVALUATION", **body))

    (latest,) = history.query("checks_latest")
    assert (latest["check_name"], latest["passed"], latest["blocking"]) == ("positive", False, True)
    assert history.sql("select count(*) from checks").fetchone() == (2,)


def test_definitions_are_known_until_forgotten(history: History) -> None:
    body = {"kind": "asset", "name": "x", "notebook": "first.ipynb", "source": "1", "deps": ["y"], "group_name": "g"}
    kept(
        history, event("DEFINITION_CHANGED", None, **body), event("DEFINITION_CHANGED", None, **body | {"source": "2"})
    )
    (row,) = history.query("definitions", kind="asset")
    assert (row["source"], row["deps"]) == ("2", ["y"])
    assert history.sql("select asset_key, group_name, status from assets").fetchall() == [("x", "g", "MISSING")]

    kept(history, event("DEFINITION_FORGOTTEN", None, kind="asset", name="x"))
    assert history.query("definitions") == []
    assert len(history.sql("from assets")) == 0


def test_the_documented_views_have_their_columns(history: History) -> None:
    promised = {
        "runs": "run_id job_name status queued_at started_at ended_at duration_s trigger trigger_name tick_id run_key"
        " priority partition_key parent_run_id root_run_id tags config kernel_id notebook error",
        "steps": "run_id step_key attempt status started_at ended_at duration_s executor worker error",
        "events": "seq occurred_at event_type run_id step_key body",
        "logs": "run_id step_key occurred_at level message",
        "materializations": "asset_key partition_key run_id step_key occurred_at data_version code_version metadata",
        "assets": "asset_key group_name notebook status last_run_id last_materialized_at",
        "checks": "asset_key check_name run_id passed severity blocking occurred_at metadata",
        "ticks": "tick_id automation_name automation_type status scheduled_at evaluated_at skip_reason cursor run_ids"
        " error",
        "backfills": "backfill_id status job_name selection partitions done failed not_run canceled running"
        " requested_at ended_at policy max_runs tags notebook error",
    }
    for view, columns in promised.items():
        assert set(columns.split()) <= set(history.sql(f"from {view}").columns), view


def test_times_in_views_are_naive_utc_timestamps(history: History) -> None:
    kept(history, *a_run(start=1_700_000_000 * US))

    table = history.sql("select queued_at, duration_s from runs")
    assert table.types == ["TIMESTAMP", "DOUBLE"]
    queued_at, duration_s = table.fetchall()[0]
    assert queued_at.isoformat() == "2023-11-14T22:13:20"
    assert duration_s == pytest.approx(1.999999)


def test_bodies_of_any_kind_are_kept_as_text(history: History) -> None:
    odd = {
        "nan": float("nan"),
        "object": Path("/x"),
        "surrogate": "\ud800",
        "markup": "<script>\x1b[31m</script>",
        "emoji": "🦆",
        "nul": "a\x00b",
        "long": "x" * 1_000_000,
    }
    kept(history, event("ENGINE_EVENT", **odd))

    (row,) = history.query("run_events", run_id="r1")
    assert row["body"]["nan"] == "nan"
    assert (row["body"]["object"], row["body"]["surrogate"]) == ("/x", "?")
    assert (row["body"]["markup"], row["body"]["emoji"]) == (odd["markup"], "🦆")
    assert len(row["body"]["long"]) == 1_000_000


def test_latest_runs_can_be_filtered(history: History) -> None:
    for number in range(30):
        end = "RUN_FAILURE" if number % 10 == 0 else "RUN_SUCCESS"
        kept(history, *a_run(f"r{number}", job_name=f"j{number % 2}", start=number * US, end=end))

    newest = [row["run_id"] for row in history.query("latest_runs", limit=3)]
    assert newest == ["r29", "r28", "r27"]
    failed = [row["run_id"] for row in history.query("latest_runs", status="FAILURE", limit=5)]
    assert failed == ["r20", "r10", "r0"]
    assert len(history.query("latest_runs", job_name="j1", since=10 * US, before=20 * US)) == 5


def test_a_question_that_does_not_exist_is_refused_with_the_nearest(history: History) -> None:
    with pytest.raises(HistoryError, match="latest_runs"):
        history.query("latest_run")
    with pytest.raises(HistoryError, match="takes no wrong"):
        history.query("latest_runs", wrong=1)
    with pytest.raises(HistoryError, match="needs run_id"):
        history.query("run")


def test_runs_beyond_the_limit_wait_by_priority_and_are_admitted_when_one_ends(history: History) -> None:
    history.request("set_setting", name="max_concurrent_runs", value=1)
    admitted: list[str] = []
    history.listen("admitted", lambda fields: admitted.append(fields["run_id"]))

    assert history.request("submit_runs", runs=[{"run_id": "r1"}]) == {"admitted": ["r1"]}
    waiting = [{"run_id": "low", "priority": 0}, {"run_id": "high", "priority": 5}]
    assert history.request("submit_runs", runs=waiting) == {"admitted": []}
    why = "1 of 1 runs are running (max_concurrent_runs)"
    assert history.request("queue")["waiting"] == [
        {"run_id": "high", "ahead": 0, "why": why},
        {"run_id": "low", "ahead": 1, "why": why},
    ]
    kept(history, *a_run("r1"))
    eventually(lambda: admitted == ["high"])
    kept(history, *a_run("high"))
    eventually(lambda: admitted == ["high", "low"])


def test_cancel_reaches_the_owner_of_the_run(history: History) -> None:
    asked: list[dict[str, Any]] = []
    history.listen("cancel", asked.append)
    history.request("submit_runs", runs=[{"run_id": "r1"}])

    assert history.request("cancel_run", run_id="r1", forced=True, by="me")["asked"] == "first.ipynb"
    eventually(lambda: asked == [{"run_id": "r1", "forced": True, "by": "me"}])
    with pytest.raises(HistoryError, match="no run 'nope'"):
        history.request("cancel_run", run_id="nope")
    kept(history, *a_run("r1"))
    assert history.request("cancel_run", run_id="r1") == {"asked": None, "status": "SUCCESS"}


def test_settings_are_checked_kept_and_told(history: History) -> None:
    told: list[Any] = []
    history.listen("settings", lambda fields: told.append(fields["settings"]["keep_runs"]))

    with pytest.raises(InvalidConfig, match="keep_runs"):
        history.request("set_setting", name="keep_run", value=1)
    with pytest.raises(InvalidConfig, match="whole number"):
        history.request("set_setting", name="keep_runs", value=0)
    history.request("set_setting", name="keep_runs", value=7)

    assert history.request("settings")["keep_runs"] == 7
    assert [row["value"] for row in history.query("settings")] == [7]
    eventually(lambda: told == [7])


def test_changes_are_told_to_those_who_subscribed(history: History) -> None:
    seen: list[int] = []
    history.listen("changed", lambda fields: seen.append(fields["seq"]))
    kept(history, event("ENGINE_EVENT"))
    history.request("subscribe")
    kept(history, *a_run("r2"))

    eventually(lambda: seen and seen[-1] == history.query("counts")[0]["last_seq"])


@pytest.mark.parametrize(
    "text",
    [
        "drop table kept.execution",
        "copy (select 1) to '/tmp/never.csv'",
        "attach '/tmp/never.duckdb'",
        "select 1; select 2",
        "pragma database_size",
        "set threads = 1",
        "install httpfs",
        "insert into kept.meta values ('a', 'b')",
        "select * from read_csv('/etc/passwd')",
        "select * from '/etc/passwd'",
        "from glob('/*')",
        "with gone as (delete from kept.execution returning *) from gone",
        "select nothing from runs",
        "",
    ],
)
def test_sql_that_is_not_one_harmless_select_is_refused(history: History, text: str) -> None:
    kept(history, *a_run())

    with pytest.raises(QueryRefused):
        history.sql(text)

    assert history.sql("select count(*) from runs").fetchone() == (1,)


def test_sql_is_cut_at_the_row_limit(history: History) -> None:
    table = history.sql("from range(1000000)")

    assert (len(table), table.truncated) == (100_000, True)


def test_sql_answers_turn_into_frames(history: History) -> None:
    kept(history, *a_run())
    table = history.sql("select run_id, queued_at, tags, 1.5::decimal(3,1) as d, [1, 2] as l, null as n from runs")

    assert table.arrow().column_names == ["run_id", "queued_at", "tags", "d", "l", "n"]
    assert table.df()["run_id"].tolist() == ["r1"]
    assert table.pl()["run_id"].to_list() == ["r1"]


def test_captured_output_shows_in_the_log_and_in_sql(history: History, tmp_path: Path) -> None:
    from jobkernel.storage.output_files import output_path

    path = output_path("r1", "a/b")
    (tmp_path / ".jobkernel" / path).parent.mkdir(parents=True)
    lines = ['{"at": 2, "level": "stdout", "text": "printed"}\n', '{"at": 3, "level"']
    (tmp_path / ".jobkernel" / path).write_text("".join(lines))
    kept(history, event("RUN_ENQUEUED"), event("LOG_MESSAGE", step_key="a/b", at=4, level="INFO", message="logged"))
    kept(history, event("LOGS_CAPTURED", step_key="a/b", path=path))

    answer = history.request("log_lines", run_id="r1", step_key="a/b")
    assert [(line["level"], line["message"]) for line in answer["lines"]] == [("stdout", "printed"), ("INFO", "logged")]
    assert history.request("log_lines", run_id="r1", after=answer["after"])["lines"] == []
    for _ in range(2):
        rows = history.sql("select message from logs order by occurred_at").fetchall()
        assert rows == [("printed",), ("logged",)]


def test_prune_forgets_old_runs_and_never_the_latest_materialization(history: History) -> None:
    history.request("set_setting", name="keep_runs", value=1)
    for number in (1, 2):
        made = event("ASSET_MATERIALIZATION", f"r{number}", "x", asset_key=f"only{number}", metadata={"rows": number})
        kept(history, *a_run(f"r{number}", start=time.time_ns() // 1000)[:-1], made, event("RUN_SUCCESS", f"r{number}"))
    kept(history, event("RUN_ENQUEUED", "open"))

    counted = history.request("prune", dry_run=True)
    gone = history.request("prune")

    assert sorted(gone.pop("run_ids")) == ["r1", "r2"]
    assert counted == gone
    assert gone["runs"] == 2
    assert [row["run_id"] for row in history.query("latest_runs")] == ["open"]
    assert [row["metadata"] for row in history.query("asset_states")] == [{"rows": 1}, {"rows": 2}]
    kept(history, *a_run("r3"))
    assert len(history.query("run_events", run_id="r3")) == 6


def test_the_rows_can_be_rebuilt_from_the_log(history: History) -> None:
    kept(history, *a_run("r1"), *a_run("r2", end="RUN_FAILURE")[:4])
    kept(history, event("ASSET_MATERIALIZATION", "r1", "x", 5, asset_key="x", metadata={"rows": 1}))
    names = ("latest_runs", "asset_states", "definitions", "settings", "open_runs")
    before = [history.query(name) for name in names]

    assert history.request("rebuild") == 11

    assert [history.query(name) for name in names] == before
    kept(history, event("RUN_SUCCESS", "r2"))
    assert history.query("open_runs") == []


def test_emitting_from_many_threads_keeps_each_threads_order(history: History) -> None:
    def emit(name: str) -> None:
        for number in range(500):
            history.emit(event("ENGINE_EVENT", None, name, number))

    threads = [threading.Thread(target=emit, args=(f"t{index}",)) for index in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    history.flush()

    rows = history.sql("select step_key, list(epoch_us(occurred_at) order by seq) from events group by 1").fetchall()
    assert sorted(rows) == [(f"t{index}", list(range(500))) for index in range(4)]


def test_a_forked_child_neither_writes_nor_hangs(history: History) -> None:
    kept(history, event("ENGINE_EVENT"))
    child = os.fork()
    if child == 0:
        history.emit(event("ENGINE_EVENT"))
        try:
            history.flush(timeout=5)
        except HistoryError:
            os._exit(7)
        os._exit(1)

    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
    kept(history, event("ENGINE_EVENT"))
    assert history.query("counts")[0]["events"] == 2


def test_a_closed_history_refuses_in_a_sentence(history: History) -> None:
    history.close()
    history.close()

    with pytest.raises(HistoryError, match="closed"):
        history.flush()


def test_keys_that_one_holds_are_held(history: History) -> None:
    assert history.request("claim_keys", keys=["x", "y"]) == {"taken": {}, "inherited": {}}
    assert history.request("claim_keys", keys=["x"])["taken"] == {}
    history.request("release_keys", keys=["x"])
    kept(history, event("DEFINITION_CHANGED", None, kind="asset", name="old", notebook="gone.ipynb"))
    assert history.request("claim_keys", keys=["old"])["inherited"] == {"old": "gone.ipynb"}
