"""``%runs --job`` and ``%logs`` find a run by what the list calls it, in any notebook; errors have their class."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest
from shells import Notebook, notebook_in

from jobkernel.cli.main import main


def test_a_run_without_a_job_is_found_by_what_the_job_column_shows(nb: Notebook) -> None:
    nb.ok("%%asset sales/orders\n1", "%%asset total\n2", "%%asset far\n3", "%job both total or far")
    nb.ok(
        "%materialize sales/orders", '%materialize "sales/orders" or total', "%materialize far", "%launch both --wait"
    )
    shown = {row[1] for row in nb.ok("%runs").value}
    assert len(shown) == 4
    for title in shown:
        assert title in {row[1] for row in nb.ok(f"%runs --job '{title}'").value}
    for name, count in (("sales/orders", 2), ("total", 1), ("far", 1), ("both", 1)):
        assert len(nb.ok(f"%runs --job {name}").value) == count, name


def test_a_job_that_never_ran_lists_nothing_and_an_unknown_one_is_refused_with_the_nearest(nb: Notebook) -> None:
    nb.ok("%%asset orders\n1", "%job daily orders", "%materialize orders")
    assert len(nb.ok("%runs --job daily").value) == 0
    assert len(nb.ok("%runs --job orders --status FAILURE").value) == 0
    assert nb.refused("%runs --job dailly") == (
        "--job: the history knows no job and no asset 'dailly'. Did you mean 'daily'?"
    )


def test_the_logs_of_what_has_not_run_yet_say_so(nb: Notebook) -> None:
    nb.ok("%%asset orders\n1", "%job daily orders", "%materialize orders")
    assert nb.refused("%logs daily") == "Job 'daily' has not run yet."


def test_a_terminal_says_so_too(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with notebook_in(project) as nb:
        nb.ok("%%asset orders\n1", "%%asset late\n2", "%job daily late", "%materialize orders")
    for name, sentence in (("daily", "Job 'daily' has not run yet."), ("late", "Asset 'late' has not run yet.")):
        assert main(["logs", name, "--project", str(project)]) == 2
        assert capsys.readouterr().err == f"jobkernel: {sentence}\n"


def test_an_error_is_listed_with_its_class_as_sql_has_it(nb: Notebook) -> None:
    nb.ok("%%asset bad\n{}['k']")
    nb("%materialize bad")
    (listed,) = [row[-1] for row in nb.ok("%runs").value]
    ((told,),) = nb.ok("%jk sql select error from runs").value
    assert listed == told
    assert ": " in listed


def test_the_logs_of_a_canceled_run_are_found_by_the_name_of_its_asset(nb: Notebook) -> None:
    started = threading.Event()
    nb.names["started"] = started
    nb.ok("%%asset slow\nprint('was here')\nstarted.set()\nwhile True:\n    context.check_canceled()")
    handle = nb.ok("%materialize slow --bg").value
    assert started.wait(20)
    handle.cancel()
    handle.wait(20)
    assert nb.ok("%logs slow").value.text.startswith(f"run {handle.run_id[:8]} of slow: CANCELED")


def test_another_notebook_and_a_terminal_find_them_too(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with notebook_in(project) as nb:
        nb.ok("%%asset slow\nprint('was here')\n{}['k']", "%%op say\nprint('the op')", "%%job talk\nsay()")
        nb("%materialize slow")
        failed = nb.session.history.query("latest_runs", limit=1)[0]["run_id"]
        nb.ok("%launch talk --wait")
    with notebook_in(project) as other:
        assert other.ok("%logs slow").value.text.startswith(f"run {failed[:8]} of slow: FAILURE")
        assert "the op" in other.ok("%logs talk").value.text
        assert "Did you mean 'slow'?" in other.refused("%logs slwo")
    place = ["--project", str(project)]
    for words, expected in ((["logs", "slow"], "was here"), (["logs", "talk"], "the op"), (["logs"], "the op")):
        assert main([*words, *place]) == 0
        assert expected in capsys.readouterr().out
    assert main(["runs", "--job", "slow", "--json", *place]) == 0
    (told,) = json.loads(capsys.readouterr().out)
    assert told["error"].partition(": ")[0].isidentifier()
    assert main(["runs", "--job", "slwo", *place]) == 2
    assert "Did you mean 'slow'?" in capsys.readouterr().err
