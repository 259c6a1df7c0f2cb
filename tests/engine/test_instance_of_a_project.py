"""``DagsterInstance.get()`` in a notebook: scripts leave their runs and values in the project, and find them there."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from live_sessions import a_session, define, ended

import jobkernel as jk
from jobkernel.engine import live
from jobkernel.engine.session import Session


@pytest.fixture
def session() -> Iterator[Session]:
    with a_session() as session:
        live.opened(session)
        yield session


@jk.asset
def orders() -> list[int]:
    return [1, 2, 3]


@jk.asset
def total(orders: list[int]) -> int:
    return sum(orders)


def test_what_is_materialized_in_a_cell_is_kept_in_the_project(session: Session) -> None:
    define(session, orders, total)

    result = jk.materialize([orders], instance=jk.DagsterInstance.get(), tags={"a": "b"})

    assert result.success
    assert session.load("orders") == [1, 2, 3]
    row = session.records.row(result.run_id)
    assert (row["status"], row["tags"], row["trigger"]) == ("SUCCESS", {"a": "b"}, "in_process")
    handle = session.launch(session.plan(["total"]))
    assert ended(handle) == "SUCCESS"
    assert session.load("total") == 6


def test_what_the_notebook_ran_is_found_by_a_script(session: Session) -> None:
    define(session, orders, total)
    handle = session.launch(session.plan(["orders", "total"]))
    assert ended(handle) == "SUCCESS"

    instance = jk.DagsterInstance.get()
    run = instance.get_run_by_id(handle.run_id)

    assert run is not None
    assert (run.status, run.is_success) == ("SUCCESS", True)
    assert [each.run_id for each in instance.get_runs(limit=5)] == [handle.run_id]
    assert sorted(key.to_user_string() for key in instance.all_asset_keys()) == ["orders", "total"]
    latest = instance.get_latest_materialization_event(jk.AssetKey("total"))
    assert latest is not None
    assert latest.run_id == handle.run_id
    stats = instance.get_run_stats(handle.run_id)
    assert (stats.steps_succeeded, stats.materializations, stats.enqueued_time is not None) == (2, 2, True)
    assert jk.materialize([orders, total], selection=[total], instance=instance).asset_value("total") == 6


def test_a_job_of_a_script_goes_through_the_projects_queue(session: Session) -> None:
    job = jk.Definitions(assets=[orders, total], jobs=[jk.define_asset_job("both")]).resolve_job_def("both")
    instance = jk.DagsterInstance.get()

    result = jk.execute_job(job, instance)

    assert result.asset_value("total") == 6
    run = instance.get_run_by_id(result.run_id)
    assert run is not None
    assert run.job_name == "both"
    with pytest.raises(jk.DagsterError, match="delete_run"):
        instance.delete_run(result.run_id)


def test_a_project_that_was_closed_is_not_found() -> None:
    with a_session() as session:
        live.opened(session)
        assert not jk.DagsterInstance.get().is_ephemeral

    with pytest.raises(jk.DagsterInvariantViolationError, match="load_ext"):
        jk.DagsterInstance.get()
