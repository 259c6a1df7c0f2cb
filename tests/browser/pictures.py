"""Make the README's pictures from the real screen on the quickstart: ``python -m tests.browser.pictures``.

The notebook runs to its end, then its first cell is edited: the graph shows what is fresh, what is stale, and why. Then
schedules and sensors are taken as their own notebook makes them, with a sensor open.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from tests.browser.lab import CHECKOUT, CHROMIUM_FLAGS, Lab, NotebookPage, chromium, opened, write_notebook

IMAGES = CHECKOUT / "docs" / "images"
QUICKSTART = CHECKOUT / "notebooks" / "01_quickstart.ipynb"
AUTOMATION = CHECKOUT / "notebooks" / "03_schedules_and_sensors.ipynb"
SENSOR = "arrivals"
SWITCHED_OFF = "%sensor arrivals off"
EDIT = ("late_after = 15", "late_after = 30")
THEMES = {"light": "JupyterLab Light", "dark": "JupyterLab Dark"}
HEIGHT = 500


def main() -> None:
    """Write docs/images/widget-light.png, widget-dark.png and automation-light.png."""
    with tempfile.TemporaryDirectory() as folder:
        lab = Lab(Path(folder))
        try:
            lab.wait()
            with sync_playwright() as playwright:
                browser = playwright.chromium.launch(executable_path=chromium(), args=CHROMIUM_FLAGS)
                photograph(lab, browser)
                photograph_automation(lab, browser)
                browser.close()
        finally:
            lab.close()


def photograph(lab: Lab, browser: Browser) -> None:
    """Run the quickstart, change what its text tells to change, and take the pictures."""
    target = lab.files / "quickstart" / QUICKSTART.name
    target.parent.mkdir()
    shutil.copy(QUICKSTART, target)
    cells = json.loads(target.read_text())["cells"]
    code = [place for place, cell in enumerate(cells) if cell["cell_type"] == "code"]
    with opened(lab, browser, f"quickstart/{target.name}", width=1500, height=1000) as page:
        page.open()
        page.page.evaluate("() => jupyterapp.shell.collapseLeft()")
        page.run(*code)
        page.write(code[0], "".join(cells[code[0]]["source"]).replace(*EDIT))
        page.run(code[0])
        page.view.wait_for(flights="stale", raw_flights="fresh")
        page.view.select("flights")
        page.view.section("reason").wait_for()
        for word, theme in THEMES.items():
            page.theme(theme)
            take(page, IMAGES / f"widget-{word}.png")


def photograph_automation(lab: Lab, browser: Browser) -> None:
    """Run the notebook until before it switches all off, and take the picture of its schedules and sensors."""
    cells = ["".join(cell["source"]) for cell in json.loads(AUTOMATION.read_text())["cells"]]
    kinds = [cell["cell_type"] for cell in json.loads(AUTOMATION.read_text())["cells"]]
    code = [text for text, kind in zip(cells, kinds, strict=True) if kind == "code"]
    shown = code[: next(place for place, text in enumerate(code) if SWITCHED_OFF in text)]
    write_notebook(lab.files / "automation" / AUTOMATION.name, [*shown, "%jk"])
    with opened(lab, browser, f"automation/{AUTOMATION.name}", width=1500, height=1000) as page:
        page.open()
        page.page.evaluate("() => jupyterapp.shell.collapseLeft()")
        page.run(*range(len(shown) + 1))
        page.view.go("Automation")
        page.view.root.locator(f"[data-automation={SENSOR}]").click()
        page.view.root.locator(".jk-tk").first.wait_for()
        take(page, IMAGES / "automation-light.png", height=640)


def take(page: NotebookPage, path: Path, height: int = HEIGHT) -> None:
    """Photograph the screen once its colours are those of the theme."""
    root = page.view.root
    root.evaluate("(e, height) => { e.style.height = `${height}px` }", height)
    root.evaluate("e => e.querySelector('.jk-arscroll')?.scrollTo(0, 0)")
    root.scroll_into_view_if_needed()
    page.page.wait_for_timeout(1500)  # for looks alone: edges are redrawn after the theme's colours have faded in
    path.parent.mkdir(parents=True, exist_ok=True)
    root.screenshot(path=path, animations="disabled")


if __name__ == "__main__":
    main()
