"""What resources print goes to the run's log; a check that is declared to warn never fails a run."""

from __future__ import annotations

from shells import Notebook

RESOURCE = "%%resource db\ndef db():\n    print('opened db')\n    yield 1\n    print('closed db')"


def test_what_a_resource_prints_is_in_the_log_of_the_run_and_in_no_cell(nb: Notebook) -> None:
    nb.ok(RESOURCE, "%%asset r\ndef r(db):\n    print('body')\n    return db")
    handle = nb.ok("%materialize r --bg").value.wait(10)

    assert "closed db" not in nb.ok("import time; time.sleep(0.05)").printed
    told = nb.ok(f"%logs {handle.run_id}").text
    assert told.index("opened db") < told.index("body") < told.index("closed db")


def test_a_check_declared_to_warn_only_warns_whatever_its_result_says(nb: Notebook) -> None:
    nb.ok("import jobkernel as jk", "%%asset orders\n1")
    nb.ok("%%check orders full --severity WARN --blocking\njk.AssetCheckResult(passed=False)", "%%asset below\norders")

    told = nb.ok("%materialize orders below").text

    assert "⚠ check full of orders failed (WARN)" in told
    assert nb.session.load("below") == 1
    assert nb.session.history.sql("SELECT severity FROM checks").fetchall() == [("WARN",)]
