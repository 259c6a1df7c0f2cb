"""Pictures of the development page, both themes, several widths. Run: python dev/shots.py FOLDER [NAME...]"""

import http.server
import os
import shutil
import subprocess
import sys
import threading
from functools import partial
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

HERE = Path(__file__).parent
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking"]
FLAGS += ["--disable-component-update", "--disable-sync", "--disable-quic"]


def click(page: Page, selector: str) -> None:
    page.click(selector)
    page.wait_for_timeout(350)


def select_stale(page: Page) -> None:
    click(page, '[data-key="clean_flights"]')
    page.wait_for_selector('[data-section="code"]')


def open_run(page: Page, run: str) -> None:
    click(page, '[data-tab="runs"]')
    if not page.locator(f'[data-run="{run}"]').count():
        click(page, "[data-backfill]")
    click(page, f'[data-run="{run}"]')
    page.wait_for_selector(".jk-gantt")


def open_checked(page: Page) -> None:
    open_run(page, "d3c0b7de11")
    click(page, '[data-step="planes"]')


def run_again(page: Page, *steps: str) -> None:
    open_run(page, "7f3a91c2e0")
    for step in steps:
        page.click(f'[data-step="{step}"]', modifiers=["Control"])
    click(page, ".jk-rhead .jk-half")


def search(page: Page, text: str) -> None:
    page.fill(".jk-input", text)
    page.wait_for_timeout(400)


def refuse(page: Page) -> None:
    click(page, '[data-key="delay_by_carrier"]')
    page.wait_for_selector(".jk-acts")
    click(page, ".jk-acts .jk-btn")


def gone(page: Page) -> None:
    page.evaluate("host.push({push: 'gone', reason: 'The kernel stopped'})")


def open_backfill(page: Page, name: str) -> None:
    click(page, '[data-tab="runs"]')
    click(page, f'[data-backfill="{name}"]')


def open_look(page: Page, name: str) -> None:
    click(page, '[data-tab="automation"]')
    click(page, f'[data-automation="{name}"]')
    page.wait_for_selector(".jk-tk")
    if page.locator(".jk-condone").count():
        page.locator(".jk-condone summary").first.click()


def open_condition(page: Page, key: str) -> None:
    click(page, f'[data-key="{key}"]')
    if page.locator(".jk-taller").is_visible():
        page.click(".jk-taller")
    page.locator('[data-section="condition"]').scroll_into_view_if_needed()


SCENES = {
    "graph": ("project=flights&width=960&fill", select_stale),
    "wide": ("project=flights&width=1160", None),
    "plain": ("project=flights&width=760", None),
    "search": ("project=flights&width=960&fill", lambda page: search(page, "status:stale or +report_plot")),
    "menu": ("project=flights&width=960&fill", lambda page: click(page, ".jk-bar .jk-half")),
    "refused": ("project=flights&width=960&fill", refuse),
    "failed": ("project=flights&width=960&fill", lambda page: click(page, '[data-key="flights_weather"]')),
    "backfill": ("project=flights&width=960&fill", lambda page: open_backfill(page, "qwertzui")),
    "backfill-over": ("project=flights&width=960&fill", lambda page: open_backfill(page, "asdfghjk")),
    "narrow-backfill": ("project=flights&width=420&fill&height=600", lambda page: open_backfill(page, "qwertzui")),
    "condition": ("project=flights&width=960&fill", lambda page: open_condition(page, "clean_flights")),
    "narrow-condition": ("project=flights&width=420&fill", lambda page: open_condition(page, "clean_flights")),
    "look": ("project=flights&width=960&fill", lambda page: open_look(page, "weather_sensor")),
    "narrow-look": ("project=flights&width=420&fill", lambda page: open_look(page, "weather_sensor")),
    "runs": ("project=flights&width=960&fill", lambda page: click(page, '[data-tab="runs"]')),
    "run": ("project=flights&width=960&fill", lambda page: open_run(page, "7f3a91c2e0")),
    "checked": ("project=flights&width=960&fill", lambda page: open_checked(page)),
    "running": ("project=flights&width=960&fill", lambda page: open_run(page, "90c4aa18d1")),
    "again": ("project=flights&width=960&fill", lambda page: run_again(page, "flights_weather")),
    "again-many": ("project=flights&width=960&fill", lambda page: run_again(page, "report_plot", "raw_flights")),
    "narrow-again": ("project=flights&width=480&fill&height=700", lambda page: run_again(page, "flights_weather")),
    "automation": ("project=flights&width=960", lambda page: click(page, '[data-tab="automation"]')),
    "narrow": ("project=flights&width=480&fill&height=600", lambda page: None),
    "narrow-pane": ("project=flights&width=480&fill&height=600", lambda page: click(page, '[data-key="clean_flights"]')),
    "narrow-runs": ("project=flights&width=480&fill&height=600", lambda page: click(page, '[data-tab="runs"]')),
    "narrow-run": ("project=flights&width=480&fill&height=700", lambda page: open_run(page, "7f3a91c2e0")),
    "empty": ("project=empty&width=480", None),
    "gone": ("project=flights&width=760", gone),
    "5": ("project=5&width=760", None),
    "500": ("project=500&width=960&fill", None),
    "500-focus": ("project=500&width=960&fill", lambda page: page.evaluate("0") or zoomed(page)),
    "10000": ("project=10000&width=960&fill", None),
    "10000-graph": ("project=10000&width=960&fill&way=TD", None),
}


def zoomed(page: Page) -> None:
    search(page, "asset_250")
    page.keyboard.press("Escape")
    page.evaluate("host.asked.length")
    page.click(".jk-canvas", position={"x": 480, "y": 400})
    page.wait_for_timeout(600)


def serve() -> http.server.ThreadingHTTPServer:
    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *args: object) -> None:
            return

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(HERE)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def chromium() -> str:
    found = os.environ.get("JOBKERNEL_CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    if not found:
        raise SystemExit("no chromium on PATH; set JOBKERNEL_CHROMIUM")
    return found


def main(folder: Path, names: list[str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    subprocess.run(["node", "scripts/build-dev.mjs"], cwd=HERE.parent, check=True)
    server = serve()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=FLAGS)
        for name in names or SCENES:
            for theme in ("light", "dark"):
                shoot(browser, server.server_port, name, theme, folder)
        browser.close()
    server.shutdown()


def shoot(browser, port: int, name: str, theme: str, folder: Path) -> None:
    query, act = SCENES[name]
    page = browser.new_page(viewport={"width": 1200, "height": 880})
    page.on("pageerror", lambda error: print(name, theme, "ERROR", error))
    page.on("console", lambda message: message.type == "error" and print(name, theme, message.text))
    page.goto(f"http://127.0.0.1:{port}/index.html?{query}{'&dark' if theme == 'dark' else ''}")
    page.wait_for_selector(".jk-root")
    page.wait_for_timeout(500)
    if act:
        act(page)
        page.wait_for_timeout(400)
    page.screenshot(path=str(folder / f"{name}-{theme}.png"))
    page.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
