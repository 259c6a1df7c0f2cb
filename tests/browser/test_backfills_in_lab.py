"""Backfills in a real JupyterLab: one row that moves while it goes on, its runs under it, cancel and retry."""

from __future__ import annotations

import pytest

from tests.browser.conftest import Open

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

LOAD = "%load_ext jobkernel\n%config JobKernel.max_concurrent_runs = 2\nimport pathlib"
DAYS = """%%asset days --partitions daily:2024-01-01..2024-01-08
import time
key = context.partition_key
if key == '2024-01-02' and not pathlib.Path('mended').exists():
    raise ValueError('not today')
while key > '2024-01-03' and not pathlib.Path('go').exists():
    time.sleep(0.02)
key"""
ALL = "%materialize days --partition 2024-01-01..2024-01-08 --bg"
MEND = "pathlib.Path('mended').touch(); pathlib.Path('go').touch()"


def test_a_backfill_is_seen_going_on_canceled_and_retried(notebook: Open) -> None:
    page = notebook(LOAD, DAYS, ALL, "%jk", MEND)
    page.run(0, 1, 2, 3)
    page.view.go("Runs")
    row = page.view.backfill_of("days")
    row.get_by_text("2 of 8 · 1 failed · 2 running · 3 waiting").wait_for()

    row.click()
    page.view.run_of("2024-01-05").wait_for()
    cancel = row.locator(".jk-rowstop")
    assert (
        cancel.get_attribute("title") == "Cancel: starts none of the 3 waiting partitions, asks the 2 running to stop"
    )
    cancel.click()
    page.view.banner.get_by_text("3 partitions are not launched; 2 running runs are canceled").wait_for()
    page.run(4)
    row.locator("[data-status=canceled]").wait_for()

    page.view.press("Retry failed")
    row.get_by_text("8 of 8", exact=True).wait_for()
    row.locator("[data-status=fresh]").wait_for()
