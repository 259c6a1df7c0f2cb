"""Running again: from failure, chosen steps, all; with the values of that run, linked to it, on every executor."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from live_sessions import a_session, define, ended

import jobkernel as jk
from jobkernel.engine.handle import RunHandle
from jobkernel.engine.session import Session
from jobkernel.errors import InvalidSubset, UnknownName
from jobkernel.model.runs import Launch


@pytest.fixture
def session() -> Iterator[Session]:
    with a_session() as session:
        yield session


@jk.op
def load() -> list[int]:
    return [1, 2, 3]


@jk.op
def double(xs: list[int]) -> list[int]:
    if "double" in os.environ.get("JOBKERNEL_TEST_BROKEN", ""):
        raise ValueError("double is broken")
    return [2 * x for x in xs]


@jk.op
def total(xs: list[int], ys: list[int]) -> int:
    return sum(xs) + sum(ys)


@jk.job(tags={"team": "x"})
def adding() -> None:
    xs = load()
    total(xs, double(xs))


@jk.op(out=jk.DynamicOut())
def parts():  # type: ignore[no-untyped-def]
    for key in "abc":
        yield jk.DynamicOutput(ord(key), key)


@jk.op
def weigh(part: int) -> int:
    if part == ord("b") and "weigh" in os.environ.get("JOBKERNEL_TEST_BROKEN", ""):
        raise ValueError("too heavy")
    return part


@jk.op
def gather(weights: list[int]) -> int:
    return sum(weights)


@jk.job
def weighing() -> None:
    gather(parts().map(weigh).collect())


def failed_run(session: Session, monkeypatch: pytest.MonkeyPatch, job: jk.JobDefinition, broken: str) -> RunHandle:
    define(session, job)
    monkeypatch.setenv("JOBKERNEL_TEST_BROKEN", broken)
    handle = session.launch(session.plan_job(job.name))
    assert ended(handle) == "FAILURE"
    monkeypatch.delenv("JOBKERNEL_TEST_BROKEN")
    return handle


def steps_run(session: Session, handle: RunHandle) -> list[str]:
    session.history.flush()
    rows = session.history.query("run_steps", run_id=handle.run_id)
    return sorted({row["step_key"] for row in rows if row["status"] == "SUCCESS"})


@pytest.mark.parametrize("executor", ["threads", "processes"])
def test_an_op_job_goes_on_from_its_failure_with_the_values_it_had(
    session: Session, monkeypatch: pytest.MonkeyPatch, executor: str
) -> None:
    session.executors.default = executor
    failed = failed_run(session, monkeypatch, adding, "double")

    again = session.reexecute(failed.run_id, from_failure=True)

    assert ended(again) == "SUCCESS"
    assert steps_run(session, again) == ["double", "total"]
    assert session.values.load_output(again.run_id, "total", "result") == 18


@pytest.mark.parametrize("executor", ["threads", "processes"])
def test_only_the_mapped_step_that_failed_runs_again_and_the_collector_gathers_all(
    session: Session, monkeypatch: pytest.MonkeyPatch, executor: str
) -> None:
    session.executors.default = executor
    failed = failed_run(session, monkeypatch, weighing, "weigh")

    again = session.reexecute(failed.run_id, from_failure=True)

    assert ended(again) == "SUCCESS"
    assert steps_run(session, again) == ["gather", "weigh[b]"]
    assert session.values.load_output(again.run_id, "gather", "result") == sum(map(ord, "abc"))


def test_the_new_run_is_linked_and_keeps_the_tags(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    failed = failed_run(session, monkeypatch, adding, "double")
    monkeypatch.setenv("JOBKERNEL_TEST_BROKEN", "double")
    second = session.reexecute(failed.run_id, from_failure=True)
    assert ended(second) == "FAILURE"
    monkeypatch.delenv("JOBKERNEL_TEST_BROKEN")

    third = session.reexecute(second.run_id, from_failure=True)

    assert ended(third) == "SUCCESS"
    row = session.history.query("run", run_id=third.run_id)[0]
    assert (row["parent_run_id"], row["root_run_id"]) == (second.run_id, failed.run_id)
    assert row["tags"] == {
        "team": "x",
        "dagster/parent_run_id": second.run_id,
        "dagster/root_run_id": failed.run_id,
        "dagster/is_resume_retry": "true",
    }
    assert steps_run(session, third) == ["double", "total"]


def test_chosen_steps_read_what_the_others_made_in_that_run(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    define(session, adding)
    first = session.launch(session.plan_job("adding"))
    assert ended(first) == "SUCCESS"

    again = session.reexecute(first.run_id, steps=["double*"])

    assert ended(again) == "SUCCESS"
    assert steps_run(session, again) == ["double", "total"]


def test_all_steps_run_again(session: Session) -> None:
    define(session, adding)
    first = session.launch(session.plan_job("adding"))
    ended(first)

    again = session.reexecute(first.run_id)

    assert ended(again) == "SUCCESS"
    assert steps_run(session, again) == ["double", "load", "total"]
    assert "dagster/is_resume_retry" not in session.history.query("run", run_id=again.run_id)[0]["tags"]


def test_a_run_that_succeeded_cannot_go_on_from_a_failure(session: Session) -> None:
    define(session, adding)
    first = session.launch(session.plan_job("adding"))
    ended(first)

    with pytest.raises(InvalidSubset, match="is SUCCESS; only one that failed or was canceled goes on from there"):
        session.reexecute(first.run_id, from_failure=True)


def test_a_value_that_is_gone_is_named(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    failed = failed_run(session, monkeypatch, adding, "double")
    session.values.delete_runs([failed.run_id])

    with pytest.raises(UnknownName, match=r"needs what 'load' made in run .* not kept any more; run all steps again"):
        session.reexecute(failed.run_id, from_failure=True)


def test_what_a_launch_says_of_the_executor_is_kept_in_the_history(session: Session) -> None:
    define(session, adding)
    handle = session.launch(session.plan_job("adding"), Launch(executor="processes"))

    assert ended(handle) == "SUCCESS"
    assert session.history.query("run", run_id=handle.run_id)[0]["executor"] == "processes"


def test_a_run_of_what_is_not_defined_here_says_where_it_was(session: Session) -> None:
    define(session, adding)
    first = session.launch(session.plan_job("adding"))
    ended(first)
    session.forget("adding")

    with pytest.raises(UnknownName, match="define it, or open its own notebook, run its cells, and run it again there"):
        session.reexecute(first.run_id)
