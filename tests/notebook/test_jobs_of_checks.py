"""A job says which checks its runs evaluate: with their asset, without it, or none."""

from __future__ import annotations

import pytest
from shells import Notebook

DEFINE = """
import jobkernel as jk

@jk.asset
def orders():
    return [1, 2]

@jk.asset_check(asset=orders)
def few(orders):
    return len(orders) < 5

@jk.asset_check(asset=orders, blocking=True)
def even(orders):
    return len(orders) % 2 == 0

chosen = jk.AssetSelection.assets(orders)
jobs = [
    jk.define_asset_job("all_of_it", selection=chosen),
    jk.define_asset_job("unchecked", selection=chosen.without_checks()),
    jk.define_asset_job("checked", selection=jk.AssetSelection.checks_for_assets(orders)),
    jk.define_asset_job("nothing", selection=jk.AssetSelection.checks_for_assets("other")),
]
jk.session().add(orders, few, even, *jobs)
"""


@pytest.fixture
def checked(nb: Notebook) -> Notebook:
    nb.ok(DEFINE)
    return nb


def steps_of_latest(nb: Notebook) -> set[str]:
    nb.session.history.flush()
    run_id = nb.session.history.query("latest_runs", limit=1)[0]["run_id"]
    return {row["step_key"] for row in nb.session.history.query("run_steps", run_id=run_id)}


def test_a_job_evaluates_the_checks_that_its_selection_names(checked: Notebook) -> None:
    checked.ok("%launch unchecked --wait")
    assert steps_of_latest(checked) == {"orders"}
    checked.ok("%launch all_of_it --wait")
    assert steps_of_latest(checked) == {"orders", "orders_few", "orders_even"}


def test_checks_run_without_their_asset_and_run_again(checked: Notebook) -> None:
    checked.ok("%materialize orders", "%launch checked --wait")
    assert steps_of_latest(checked) == {"orders_few", "orders_even"}
    run = checked.ok("%jk reexecute checked").value.wait(10)
    assert run.status == "SUCCESS"
    assert steps_of_latest(checked) == {"orders_few", "orders_even"}
    made = checked.session.history.sql("select count(*) from materializations").fetchall()
    assert made == [(1,)]


def test_checks_of_an_asset_that_was_never_made_are_refused(checked: Notebook) -> None:
    assert "needs 'orders', which was never made" in checked.refused("%launch checked")


def test_a_job_of_checks_that_are_not_defined_is_refused(checked: Notebook) -> None:
    assert "Job 'nothing' selects nothing that is defined" in checked.refused("%launch nothing")
