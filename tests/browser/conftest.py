"""One JupyterLab and one Chromium for all browser tests; a notebook and project of its own for each test."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

pytest.importorskip("playwright.sync_api", reason="playwright is not installed: pip install -e '.[test]'")

from playwright.sync_api import Browser, sync_playwright

from tests.browser.lab import CHROMIUM_FLAGS, Lab, NotebookPage, chromium, opened, write_notebook

Open = Callable[..., NotebookPage]


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    path = chromium()
    if path is None:
        sentence = "No Chromium was found; install one or name it in JOBKERNEL_CHROMIUM."
        pytest.fail(sentence) if os.environ.get("CI") else pytest.skip(sentence)
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=path, args=CHROMIUM_FLAGS)
        yield started
        started.close()


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    started = Lab(tmp_path_factory.mktemp("lab"))
    try:
        started.wait()
        yield started
    finally:
        started.close()


@pytest.fixture
def notebook(browser: Browser, lab: Lab, request: pytest.FixtureRequest) -> Iterator[Open]:
    """Open a notebook made of these cells; afterwards nothing may have been complained about in its console."""
    folder = re.sub(r"\W+", "_", request.node.name)[:60]
    pages: list[NotebookPage] = []
    with ExitStack() as closing:

        def open_notebook(*cells: str, width: int = 1400, height: int = 900, name: str = "work.ipynb") -> NotebookPage:
            path = f"{folder}/{name}"
            write_notebook(lab.files / path, list(cells))
            pages.append(closing.enter_context(opened(lab, browser, path, width=width, height=height)))
            return pages[-1].open()

        yield open_notebook
        keep_pictures(pages, request)
    complaints = [text for page in pages for text in page.complaints]
    assert complaints == []


def keep_pictures(pages: list[NotebookPage], request: pytest.FixtureRequest) -> None:
    """Where JOBKERNEL_SCREENSHOTS names a folder, leave there how each test's page looked at its end."""
    folder = os.environ.get("JOBKERNEL_SCREENSHOTS")
    for page in pages if folder else ():
        page.page.screenshot(path=Path(str(folder)) / f"{request.node.name}.png")
