"""``%jk reexecute`` of the latest run of a job or asset, with other config, and where its definitions are not here."""

from __future__ import annotations

from pathlib import Path

import pytest
from shells import Notebook, notebook_in


def a_job(nb: Notebook) -> None:
    nb.ok("%%op load --param n:int=1 --param m:int=1\nprint(n, m)\nn + m", "%%job nightly\nload()")


def test_the_latest_run_of_a_job_or_asset_is_run_again(nb: Notebook) -> None:
    a_job(nb)
    nb.ok("%%asset orders\n1")
    nb.ok("_ = %launch nightly --wait")
    last = nb.ok("run = %launch nightly --wait\nrun").value
    nb.ok("%materialize orders")
    again = nb.ok("%jk reexecute nightly").value.wait(20)
    assert again.live.options.parent_run_id == last.run_id
    assert nb.ok("%jk reexecute orders").value.wait(20).live.plan.asset_keys == ["orders"]


def test_config_values_go_over_those_of_that_run(nb: Notebook) -> None:
    a_job(nb)
    nb.ok("_ = %launch nightly --wait --set load.n=5 --set load.m=6")
    again = nb.ok("%jk reexecute nightly --set load.n=7").value.wait(20)
    assert again.output_for_node("load") == 13
    assert "names no op" in nb("%jk reexecute nightly --set laod.n=7").complaint


def test_what_never_ran_is_said_to_be_so(nb: Notebook) -> None:
    a_job(nb)
    assert "Job 'nightly' has not run yet." in nb("%jk reexecute nightly").complaint


def test_what_another_notebook_defines_is_refused_with_the_notebook_to_open(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JPY_SESSION_NAME", str(project / "one.ipynb"))
    with notebook_in(project) as one:
        a_job(one)
        one.ok("_ = %launch nightly --wait")
    monkeypatch.setenv("JPY_SESSION_NAME", str(project / "two.ipynb"))
    with notebook_in(project) as two:
        complaint = two("%jk reexecute nightly").complaint
    assert "or open one.ipynb, run its cells, and run it again there." in complaint


def test_the_latest_run_of_a_job_is_canceled_by_its_name(nb: Notebook) -> None:
    a_job(nb)
    nb.ok("%config JobKernel.max_concurrent_runs = 0", "run = %launch nightly")
    assert "it leaves the queue" in nb.ok("%jk cancel nightly").text
    assert nb.names["run"].status == "CANCELED"
    assert "it has ended already" in nb.ok("%jk cancel nightly").text
    assert "Give a run's id as %runs shows it, an asset or a job." in nb.refused("%jk cancel weekly")
