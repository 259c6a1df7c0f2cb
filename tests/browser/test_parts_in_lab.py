"""`%graph` of a selection or job in a real JupyterLab: live for what it names, a picture once nobody answers."""

from __future__ import annotations

from typing import Any

import pytest

from tests.browser.conftest import Open
from tests.browser.lab import NotebookPage

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

LOAD = "%load_ext jobkernel\nimport pathlib, time"
GATE = "while not pathlib.Path('go').exists():\n    time.sleep(0.05)"
BUSY = f"print('be' + 'gun')\n{GATE}"
ORDERS = ("%%asset orders\n1", "%%asset report\norders", "%%asset lonely\n1")
GRAPH_MIME = "application/vnd.jobkernel.graph+json"


def data_of(page: NotebookPage, cell: int) -> dict[str, Any]:
    """What the saved notebook holds of a cell's one output."""
    (output,) = page.save()["cells"][cell]["outputs"]
    data: dict[str, Any] = output["data"]
    return data


def test_graphs_of_selections_are_live_while_a_cell_runs_each_for_what_it_names(notebook: Open) -> None:
    page = notebook(LOAD, *ORDERS, "%graph +report", "%graph lonely", "%jk", BUSY)
    page.run(0, 1, 2, 3, 4, 5, 6)
    chosen, other, whole = page.view_in(4), page.view_in(5), page.view_in(6)
    chosen.wait_for(orders="never", report="never")
    page.start(7)
    page.output(7).get_by_text("begun").wait_for()

    chosen.press("Materialize 2 missing")
    chosen.wait_for(orders="fresh", report="fresh")
    whole.wait_for(orders="fresh", report="fresh", lonely="never")

    assert page.is_running(7)
    assert chosen.statuses().keys() == {"orders", "report"}
    assert other.statuses() == {"lonely": "never"}
    assert "fresh" not in other.root.locator(".jk-sum").inner_text()
    (page.lab.files / page.path).with_name("go").touch()
    page.until(lambda: not page.is_running(7), "the cell ends")


def test_a_saved_notebook_holds_the_picture_of_each_selection_as_it_stood(notebook: Open) -> None:
    page = notebook(LOAD, *ORDERS, "%graph +report", "%graph lonely")
    page.run(0, 1, 2, 3, 4, 5)
    page.view_in(4).press("Materialize 2 missing")
    page.until(lambda: "orders: fresh" in "".join(data_of(page, 4)["image/svg+xml"]), "the picture is new")

    assert "lonely" not in "".join(data_of(page, 4)["image/svg+xml"])
    assert data_of(page, 4)[GRAPH_MIME]["selection"] == "+report"
    assert "".join(data_of(page, 5)["text/plain"]) == "○ lonely"

    page.lab.end_kernels()
    page.open(with_kernel=False)
    page.still(4).wait_for()
    assert page.view_in(4).root.locator("[role=treeitem]").count() == 0


def test_a_picture_gives_way_to_the_live_graph_once_the_kernel_knows_what_it_names(notebook: Open) -> None:
    page = notebook(LOAD, *ORDERS, "%graph +report")
    page.run(0, 1, 2, 3, 4)
    page.view_in(4).wait_for(orders="never", report="never")
    page.save()
    page.lab.end_kernels()
    page.open()

    page.run(0, 3)
    page.strip(3).get_by_text("never run").wait_for()
    assert page.still(4).is_visible()
    page.run(1, 2)
    page.view_in(4).wait_for(orders="never", report="never")
    assert page.still(4).count() == 0


def test_cells_that_are_defined_anew_change_what_a_selection_shows(notebook: Open) -> None:
    page = notebook(LOAD, *ORDERS, "%graph +report")
    page.run(0, 1, 2, 3, 4)
    view = page.view_in(4)
    view.wait_for(orders="never", report="never")

    page.write(2, "%%asset report\n(orders, lonely)")
    page.run(2)
    view.wait_for(orders="never", report="never", lonely="never")
    page.write(2, "%%asset report\n2")
    page.run(2)
    page.until(lambda: view.statuses() == {"report": "never"}, "only the report is left")


def test_a_cell_that_runs_again_shows_what_it_says_now(notebook: Open) -> None:
    page = notebook(LOAD, *ORDERS, "%graph orders")
    page.run(0, 1, 2, 3, 4)
    page.view_in(4).wait_for(orders="never")

    page.write(4, "%graph status:failed")
    page.run(4)
    page.output(4).get_by_text("Nothing matches the selection 'status:failed'.").wait_for()
    page.write(4, "%graph lonely")
    page.run(4)
    page.until(lambda: page.view_in(4).statuses() == {"lonely": "never"}, "the other selection is shown")


def test_the_graph_of_an_op_job_is_live_and_ops_are_known_after_a_restart(notebook: Open) -> None:
    ops = ("%%op fetch\n1", "%%op store -i x\nraise OSError('no disk')", "%%job nightly\nstore(fetch())")
    page = notebook(LOAD, *ops, "%graph nightly")
    page.run(0, 1, 2, 3, 4)
    view = page.view_in(4)
    view.press("Launch nightly")
    view.wait_for(**{"op:nightly/fetch": "fresh", "op:nightly/store": "failed"})

    page.notifications.get_by_role("button", name="Re-run from failure").click()
    page.notifications.get_by_text("nightly runs again from its failure").wait_for()
    view.go("Runs")
    page.until(lambda: view.runs.count() == 2, "the second run is listed")
    page.until(lambda: view.runs.get_by_text("OSError: no disk").count() == 2, "it has ended")
    view.go("Graph")
    view.wait_for(**{"op:nightly/fetch": "fresh", "op:nightly/store": "failed"})

    page.restart()
    page.run(0, 1, 2, 3)
    page.strip(2).get_by_text("OSError: no disk").wait_for()
    page.strip(1).get_by_role("img", name="fresh").wait_for()


def test_a_selection_that_is_being_typed_is_no_mistake(notebook: Open) -> None:
    page = notebook(LOAD, *ORDERS, "%jk")
    page.run(0, 1, 2, 3, 4)
    view = page.view_in(4)
    field = view.root.get_by_label("Search or select")
    assert str(field.get_attribute("placeholder")).startswith("Search or select: +lonely, status:stale")

    field.fill("+rep")
    page.page.wait_for_timeout(1600)  # longer than a mistake is waited with
    assert view.root.locator(".jk-bad").count() == 0
    field.press("Enter")
    view.root.locator(".jk-bad").wait_for()
    field.fill("+report")
    page.until(lambda: view.dimmed() == {"lonely"}, "the rest is dimmed")
