"""Partitions in a real JupyterLab: the bar of a card, the list in the details, and making what is missing."""

from __future__ import annotations

import pytest

from tests.browser.conftest import Open

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

LOAD = "%load_ext jobkernel"
DAYS = "%%asset days --partitions daily:2024-01-01..2024-01-04\ncontext.partition_key"
TWO = "%materialize days --partition 2024-01-01..2024-01-02"


def test_a_card_shows_its_partitions_and_the_details_make_what_is_missing(notebook: Open) -> None:
    page = notebook(LOAD, DAYS, TWO, "%jk")
    page.run(0, 1, 2, 3)
    page.view.wait_for(days="stale")
    card = page.view.node("days")
    assert card.locator(".jk-parts").get_attribute("aria-label") == "2 of 4 made"

    page.view.select("days")
    page.view.press("Materialize 2 missing")

    page.view.wait_for(days="fresh")
    card.get_by_label("4 of 4 made").wait_for()
