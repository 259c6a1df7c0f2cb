"""The quickstart as a stranger meets it: run the cells, change what its text tells to change, press the button."""

from __future__ import annotations

import json
import shutil

import pytest
from playwright.sync_api import Browser

from tests.browser.lab import Lab, opened
from tests.browser.pictures import EDIT, QUICKSTART

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

ASSETS = ("raw_flights", "flights", "flights_in_weather", "weather_delay", "carrier_delay", "delay_chart")


def test_the_quickstart_runs_shows_what_a_change_makes_stale_and_makes_it_again(browser: Browser, lab: Lab) -> None:
    target = lab.files / "stranger" / QUICKSTART.name
    target.parent.mkdir()
    shutil.copy(QUICKSTART, target)
    cells = json.loads(target.read_text())["cells"]
    code = [place for place, cell in enumerate(cells) if cell["cell_type"] == "code"]
    with opened(lab, browser, f"stranger/{target.name}", width=1400, height=1000) as page:
        page.open()
        page.run(*code)
        page.view.wait_for(**dict.fromkeys(ASSETS, "fresh"))

        page.write(code[0], "".join(cells[code[0]]["source"]).replace(*EDIT))
        page.run(code[0])
        page.view.wait_for(raw_flights="fresh", **dict.fromkeys(ASSETS[1:], "stale"))
        page.view.select("flights")
        page.view.section("reason").get_by_text("late_after").wait_for()

        page.view.press("Materialize 5 stale")
        page.view.wait_for(**dict.fromkeys(ASSETS, "fresh"))
        page.view.go("Runs")
        page.until(lambda: page.view.runs.count() == 4, "the run is in the history")
        assert page.complaints == []
