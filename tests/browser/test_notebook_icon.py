"""The button above a notebook that opens the screen in a tab is drawn in the colour of its neighbours, in any theme."""

from __future__ import annotations

import pytest

from tests.browser.conftest import Open
from tests.browser.lab import NotebookPage

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]


def _colors(page: NotebookPage) -> tuple[str, str]:
    bar = page.page.locator(".jp-NotebookPanel-toolbar")
    ours = bar.locator("svg[data-icon='jobkernel:jobs'] path").first
    theirs = bar.locator("svg[data-icon='ui-components:save'] .jp-icon3").first
    return (
        str(ours.evaluate("path => getComputedStyle(path).stroke")),
        str(theirs.evaluate("path => getComputedStyle(path).fill")),
    )


def test_the_button_above_a_notebook_has_the_colour_of_its_neighbours_in_both_themes(notebook: Open) -> None:
    page = notebook("1")
    for theme in ("JupyterLab Light", "JupyterLab Dark"):
        page.theme(theme)
        page.until(lambda: len(set(_colors(page))) == 1, f"one colour in {theme}: {_colors(page)}")
