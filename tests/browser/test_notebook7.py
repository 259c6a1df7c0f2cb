"""The same in Notebook 7, where that is installed."""

from __future__ import annotations

from importlib.metadata import distributions
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.browser.lab import Lab, opened, write_notebook

IS_INSTALLED = any(distribution.name == "notebook" for distribution in distributions(name="notebook"))
pytestmark = [
    pytest.mark.browser,
    pytest.mark.timeout(300),
    pytest.mark.skipif(not IS_INSTALLED, reason="Notebook 7 is not installed."),
]


def test_the_graph_is_live_in_notebook_7(browser: Browser, tmp_path: Path) -> None:
    lab = Lab(tmp_path, application="notebook")
    try:
        lab.wait()
        write_notebook(lab.files / "work.ipynb", ["%load_ext jobkernel", "%%asset numbers\n[1]", "%jk"])
        with opened(lab, browser, "work.ipynb", width=1200, height=900) as page:
            page.open()
            page.run(0, 1, 2)
            page.view.press("Materialize 1 missing")
            page.view.wait_for(numbers="fresh")
    finally:
        lab.close()
