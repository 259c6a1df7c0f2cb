"""What a person who has just defined a schedule or sensor may doubt is said before it goes wrong."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from shells import Notebook, notebook_in
from waiting import eventually


@pytest.fixture
def nb(project: Path) -> Iterator[Notebook]:
    with notebook_in(project) as nb:
        nb.ok("%%asset orders\n[1]", "%%asset report\nsum(orders)", "%job make_report report")
        yield nb


def test_a_preview_says_that_its_run_would_be_refused(nb: Notebook) -> None:
    nb.ok('%schedule nightly --job make_report --cron "0 2 * * *"')
    preview = nb("%jk preview nightly").value
    assert "This would fail as things are: 'report' needs 'orders', which was never made." in repr(preview)
    nb.ok("%materialize +report")
    preview = nb("%jk preview nightly").value
    assert preview.refusal is None
    assert "fail" not in repr(preview)


def test_a_schedule_that_was_renamed_in_its_cell_says_that_the_old_one_goes_on(nb: Notebook) -> None:
    define = '%schedule {} --job make_report --cron "0 2 * * *"'
    both = "\n".join([define.format("nightly"), define.format("weekly")])
    for _ in range(2):
        assert "goes on too" not in nb(both, cell_id="c1").text
    shown = nb(define.format("new_nightly"), cell_id="c1").text
    for name in ("nightly", "weekly"):
        assert f"{name}, which this cell defined before, goes on too: %jk forget {name}" in shown
    nb.ok("%jk forget nightly weekly")
    assert "goes on too" not in nb(define.format("new_nightly"), cell_id="c1").text


def test_a_preview_says_what_of_its_config_does_not_fit(nb: Notebook) -> None:
    nb.ok("%materialize +report", '%%schedule nightly --job make_report --cron "0 2 * * *"\n{"ops": {"reprot": {}}}')
    assert "reprot" in nb("%jk preview nightly").value.refusal


def test_a_run_of_an_asset_that_its_job_does_not_make_is_refused(nb: Notebook) -> None:
    nb.ok("import jobkernel as jk", "%%sensor s --job make_report\nRunRequest(asset_selection=[jk.AssetKey('orders')])")
    refusal = nb("%jk preview s").value.refusal
    assert refusal == "Sensor 's' asks for 'orders', which job 'make_report' does not make."


def test_a_failed_look_shows_where_it_failed(nb: Notebook) -> None:
    nb.ok("def helper():\n    return 1 / 0", "%%sensor s --job make_report --every 1h --on\nhelper()")
    eventually(lambda: "FAILURE" in nb("%sensor s").text, "a look")
    shown = nb("%sensor s").text
    assert "Last error:" in shown
    assert "return 1 / 0" in shown
    assert "ZeroDivisionError: division by zero" in shown


def test_a_job_that_no_cell_defines_is_told_with_the_nearest_one(nb: Notebook) -> None:
    shown = nb('%schedule nightly --job make_reprot --cron "0 2 * * *"').text
    assert "no cell defines job make_reprot yet (did you mean 'make_report'?)" in shown


def test_an_asset_that_nobody_has_made_is_told_with_the_nearest_one(nb: Notebook) -> None:
    assert "nobody has made asset ordres yet (did you mean 'orders'?)" in nb("%sensor s --job j --asset ordres").text
    assert "nobody" not in nb("%sensor s --job make_report --asset orders").text


def test_a_sensor_of_files_says_which_and_when_it_looks_next(nb: Notebook) -> None:
    shown = nb('%sensor files --job make_report --files "inbox/*.csv" --every 1h --on').text
    assert "looks when inbox/*.csv change, and every 3600 s" in shown
    assert "next look " in nb("%sensor files").text
