"""Conditions in a real JupyterLab: why an asset does not make itself, and that it did once what it needs was made."""

from __future__ import annotations

import pytest

from tests.browser.conftest import Open

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

LOAD = "%load_ext jobkernel"
RAW = "%%asset raw\n1"
REPORT = "%%asset report --deps raw --automation eager\n2"
SENSOR = "default_automation_condition_sensor"


def test_the_details_say_why_an_asset_does_not_make_itself_and_follow_the_looks(notebook: Open) -> None:
    page = notebook(LOAD, RAW, REPORT, "%jk", "%materialize raw")
    page.run(0, 1, 2, 3)
    page.view.select("report")
    condition = page.view.section("condition")
    condition.get_by_text("'report' waits for").wait_for()
    assert condition.locator(".jk-cond > li > details > summary").inner_text().split() == ["eager", "all", "of"]
    assert condition.locator(".jk-cond [data-status=unmet]").count() > 0

    page.run(4)
    condition.get_by_text("'report' is requested").wait_for()
    page.view.wait_for(report="fresh")

    condition.get_by_role("button", name=SENSOR).click()
    one = page.view.root.locator(".jk-condone")
    one.get_by_text("report", exact=True).click()
    one.locator(".jk-cond").wait_for()
