"""Schedules and sensors in a real JupyterLab: looks arrive as they happen, switches act while a cell is busy, previews
do nothing until they are launched, a restarted kernel is restored, pinned notebooks are listed and unpinned."""

from __future__ import annotations

import json

import pytest
from playwright.sync_api import Locator

from tests.browser.conftest import Open
from tests.browser.lab import NotebookPage, View

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

LOAD = "%load_ext jobkernel\nimport pathlib, time"
BUSY = "print('be' + 'gun')\nwhile not pathlib.Path('go').exists():\n    time.sleep(0.05)"
ASSET = "%%asset orders\n1"
JOB = "%job load orders"
SENSOR = "%%sensor incoming --job load --every 1s --on\nprint('looked around')\nSkipReason('nothing new')"
SCHEDULE = '%schedule nightly --job load --cron "0 2 * * *" --timezone Europe/Berlin'
KEYED = "%%sensor keyed --job load --every 30s\ncontext.update_cursor('7')\nRunRequest(run_key='first')"


def line(view: View, name: str) -> Locator:
    return view.root.locator(f".jk-ar[data-automation={json.dumps(name)}]")


def switch(within: Locator) -> Locator:
    return within.get_by_role("switch")


def pane(view: View) -> Locator:
    return view.root.locator(".jk-look")


def looks(view: View) -> int:
    return pane(view).locator(".jk-tk").count()


def opened(page: NotebookPage, cell: int) -> View:
    view = page.view_in(cell)
    view.root.wait_for()
    view.go("Automation")
    return view


def test_looks_arrive_by_themselves_and_a_switch_acts_while_a_cell_is_busy(notebook: Open) -> None:
    page = notebook(LOAD, ASSET, JOB, SENSOR, SCHEDULE, "%jk", BUSY)
    page.run(0, 1, 2, 3, 4, 5)
    view = opened(page, 5)
    page.start(6)
    page.output(6).get_by_text("begun").wait_for()

    line(view, "incoming").get_by_text("nothing new").wait_for()
    line(view, "incoming").locator(".jk-arname").click()
    page.until(lambda: looks(view) >= 2, "two looks are listed")
    before = looks(view)
    page.until(lambda: looks(view) > before, "another look arrives by itself")
    pane(view).locator(".jk-tk").first.click()
    pane(view).get_by_text("looked around").first.wait_for()

    switch(line(view, "incoming")).click()
    view.banner.get_by_text("incoming is off").wait_for()
    assert switch(line(view, "incoming")).get_attribute("aria-checked") == "false"
    view.press("Undo")
    view.banner.get_by_text("incoming is on").wait_for()

    switch(line(view, "nightly")).click()
    line(view, "nightly").get_by_text("in ").first.wait_for()
    assert page.is_running(6)
    (page.lab.files / page.path).with_name("go").touch()
    page.until(lambda: not page.is_running(6), "the cell ends")


def test_a_preview_launches_nothing_until_it_is_told_to(notebook: Open) -> None:
    page = notebook(LOAD, ASSET, JOB, KEYED, "%jk")
    page.run(0, 1, 2, 3, 4)
    view = opened(page, 4)
    line(view, "keyed").locator(".jk-arname").click()
    pane(view).get_by_role("button", name="Preview", exact=True).click()
    pane(view).get_by_text("It would launch 1 run").wait_for()
    pane(view).get_by_text("The cursor would be 7.").wait_for()
    view.go("Runs")
    view.root.get_by_text("No runs yet").wait_for()

    view.go("Automation")
    line(view, "keyed").locator(".jk-arname").click()
    pane(view).get_by_role("button", name="Preview", exact=True).click()
    pane(view).get_by_role("button", name="Launch 1 run").click()
    view.run.get_by_text("load").first.wait_for()
    view.go("Automation")
    line(view, "keyed").locator(".jk-arname").click()
    page.until(lambda: pane(view).get_by_label("Cursor", exact=True).input_value() == "7", "the cursor is kept")


def test_cells_of_schedules_and_sensors_have_a_line_with_a_switch(notebook: Open) -> None:
    page = notebook(LOAD, ASSET, JOB, SENSOR, SCHEDULE, "%jk")
    page.run(0, 1, 2, 3, 4, 5)
    page.strip(3).get_by_text("nothing new").wait_for()
    page.strip(4).get_by_text("never looked").wait_for()
    switch(page.strip(4)).click()
    page.strip(4).get_by_text("next ").wait_for()
    page.strip(3).get_by_role("button", name="sensor").click()
    page.until(lambda: looks(page.tab) >= 1, "the tab shows its looks")


def test_a_restarted_kernel_is_restored_by_a_cell_that_stays_in_the_notebook(notebook: Open) -> None:
    page = notebook(LOAD, ASSET, JOB, SENSOR, "%jk")
    page.run(0, 1, 2, 3, 4)
    page.view_in(4).root.wait_for()
    page.restart()
    page.run(0)
    view = page.view_in(4)
    view.banner.get_by_text("3 definitions of this notebook are known whose cells have not run").wait_for()
    view.press("Restore")
    page.output(1).get_by_text("defined orders, load, incoming").wait_for()
    view = page.view_in(5)
    page.until(lambda: not view.root.locator(".jk-unrun").count(), "nothing is missing any more")
    view.go("Automation")
    line(view, "incoming").get_by_text("nothing new").wait_for()


def test_pinned_notebooks_are_listed_with_how_they_are_and_are_unpinned(notebook: Open) -> None:
    page = notebook(LOAD, ASSET, JOB, SCHEDULE, "%jk pin", "%jk")
    page.run(0, 1, 2, 3)
    page.save()
    page.run(4, 5)
    view = opened(page, 5)
    view.root.locator(".jk-pin").get_by_text("Live").wait_for()
    row = view.root.locator(".jk-pinline")
    row.get_by_text("work.ipynb").wait_for()

    page.write(1, "%%asset orders\n2")
    page.run(1)
    view.root.get_by_text("the notebook has moved on: %jk pin").wait_for()

    row.get_by_role("button", name="Unpin").click()
    row.get_by_role("button", name="Unpin for good").click()
    page.until(lambda: not row.count(), "it is listed no longer")
    page.until(lambda: not view.root.locator(".jk-pin").count(), "the badge is gone")
