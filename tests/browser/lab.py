"""A JupyterLab of one's own for tests: the server, and a notebook open in it, without a selector in sight.

The server keeps its settings in a folder of its own and serves the front end of this checkout. ``NotebookPage`` says
what a person does and sees; every wait is for a condition and has a deadline.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Locator, Page

CHECKOUT = Path(__file__).parents[2]
SERVER_WITHIN_S = 90
SEEN_WITHIN_S = 60
TOKEN = "for-tests-only"
FOLDERS = (
    "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR", "JUPYTERLAB_SETTINGS_DIR",
    "JUPYTERLAB_WORKSPACES_DIR",
)  # fmt: skip
CHROMIUM_FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-quic",
]  # fmt: skip


def chromium() -> str | None:
    """Return the browser to test with, or None."""
    named = os.environ.get("JOBKERNEL_CHROMIUM")
    return named or next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


def until(holds: Callable[[], Any], what: str, page: Page | None = None, within_s: float = SEEN_WITHIN_S) -> Any:
    """Return what ``holds`` gives as soon as it is true; fail with ``what`` after the time."""
    ends = time.monotonic() + within_s
    while True:
        found = holds()
        if found:
            return found
        assert time.monotonic() < ends, f"{within_s:.0f} s passed without: {what}"
        page.wait_for_timeout(100) if page is not None else time.sleep(0.1)


class Lab:
    """A running JupyterLab server."""

    def __init__(self, root: Path, application: str = "jupyterlab") -> None:
        self.root = root
        self.application = application
        self.files = root / "files"
        self.files.mkdir()
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        with (root / "server.log").open("w") as log:
            self._process = subprocess.Popen(self._command(), env=self._environment(), stdout=log, stderr=log)

    @property
    def _settings(self) -> Path:
        return self.root / "jupyterlab_settings_dir" / "@jupyterlab" / "apputils-extension"

    def _environment(self) -> dict[str, str]:
        environment = {**os.environ, **{name: str(self.root / name.lower()) for name in FOLDERS}}
        self._settings.mkdir(parents=True)
        quiet = {"fetchNews": "false", "checkForUpdates": False}
        (self._settings / "notification.jupyterlab-settings").write_text(json.dumps(quiet))
        environment.pop("JOBKERNEL_PROJECT", None)
        return environment

    def _command(self) -> list[str]:
        extensions = self.root / "labextensions"
        shutil.copytree(CHECKOUT / "jobkernel" / "labextension", extensions / "jobkernel")
        kind = "LabApp" if self.application == "jupyterlab" else "JupyterNotebookApp"
        return [
            sys.executable, "-m", self.application, "--no-browser", "--allow-root", "--ServerApp.ip=127.0.0.1",
            f"--ServerApp.port={self.port}", "--ServerApp.port_retries=0", f"--IdentityProvider.token={TOKEN}",
            f"--ServerApp.root_dir={self.files}", f"--{kind}.expose_app_in_browser=True",
            f"--{kind}.extra_labextensions_path={extensions}",
        ]  # fmt: skip

    def wait(self) -> None:
        """Return once it answers."""
        until(self._answers, f"JupyterLab answers; see {self.root / 'server.log'}", within_s=SERVER_WITHIN_S)

    def log(self) -> str:
        """What the server and its kernels have logged."""
        return (self.root / "server.log").read_text()

    def _answers(self) -> bool:
        assert self._process.poll() is None, self.log()[-2000:]
        with contextlib.suppress(OSError):
            self.ask("status")
            return True
        return False

    def ask(self, path: str, method: str = "GET") -> Any:
        """Ask the server's own interface."""
        headers = {"Authorization": f"token {TOKEN}"}
        request = urllib.request.Request(f"{self.url}/api/{path}", method=method, headers=headers)
        with urllib.request.urlopen(request, timeout=30) as answer:
            body = answer.read()
            return json.loads(body) if body else None

    def set(self, **settings: Any) -> None:
        """Change settings of jobkernel in JupyterLab, for pages that are opened from now on."""
        self._own_settings.parent.mkdir(exist_ok=True)
        self._own_settings.write_text(json.dumps(settings))

    @property
    def _own_settings(self) -> Path:
        return self.root / "jupyterlab_settings_dir" / "jobkernel" / "plugin.jupyterlab-settings"

    def clear(self) -> None:
        """Shut every kernel down and forget the theme and our settings."""
        (self._settings / "themes.jupyterlab-settings").unlink(missing_ok=True)
        self._own_settings.unlink(missing_ok=True)
        self.end_kernels()

    def end_kernels(self) -> None:
        """Shut every kernel down."""
        for session in self.ask("sessions"):
            self.ask(f"sessions/{session['id']}", "DELETE")

    def close(self) -> None:
        """End the server and its kernels."""
        self._process.terminate()
        try:
            self._process.wait(30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(30)


def write_notebook(path: Path, cells: list[str]) -> None:
    """Write a notebook of code cells."""
    path.parent.mkdir(parents=True, exist_ok=True)
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    written = [
        {"cell_type": "code", "id": f"cell-{place}", "source": text, "metadata": {}, "outputs": [],
         "execution_count": None}
        for place, text in enumerate(cells)
    ]  # fmt: skip
    path.write_text(
        json.dumps({"cells": written, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5})
    )


class NotebookPage:
    """A notebook open in a browser."""

    def __init__(self, lab: Lab, page: Page, path: str) -> None:
        self.lab = lab
        self.page = page
        self.path = path
        self.complaints: list[str] = []
        page.set_default_timeout(SEEN_WITHIN_S * 1000)
        page.on("console", lambda said: self.complaints.append(said.text) if said.type == "error" else None)
        page.on("pageerror", lambda error: self.complaints.append(error.stack or str(error)))

    def open(self, *, with_kernel: bool = True) -> NotebookPage:
        """Open the notebook and wait until its kernel, if it is to have one, is idle."""
        kind = "lab/tree" if self.lab.application == "jupyterlab" else "notebooks"
        self.page.goto(f"{self.lab.url}/{kind}/{self.path}?token={TOKEN}&reset")
        self.until(lambda: self.page.evaluate(_OPENED), "the notebook is open")
        if with_kernel:
            self.until(lambda: self.page.evaluate(_IDLE), "the kernel is idle")
        return self

    def until(self, holds: Callable[[], Any], what: str, within_s: float = SEEN_WITHIN_S) -> Any:
        """Wait for a condition while the page goes on."""
        return until(holds, what, self.page, within_s)

    # cells

    def run(self, *cells: int) -> None:
        """Run cells one after another, each to its end."""
        for cell in cells:
            self.start(cell)
            self.until(lambda cell=cell: self._ran(cell), f"cell {cell} has ended")

    def start(self, cell: int) -> None:
        """Start a cell and go on."""
        self.page.evaluate(_RUN, cell)

    def _ran(self, cell: int) -> bool:
        return bool(self.page.evaluate(_ENDED, cell))

    def is_running(self, cell: int) -> bool:
        """Whether a started cell has not ended."""
        return not self._ran(cell)

    def answer(self, op: str) -> Any:
        """Ask the kernel something as widgets do, and return its answer."""
        return self.page.evaluate(_ASK, op)

    def kernel_word(self) -> str:
        """What JupyterLab calls the kernel: idle or busy."""
        return str(self.page.evaluate("jkNotebook.sessionContext.session.kernel.status"))

    def output(self, cell: int) -> Locator:
        """What a cell shows."""
        return self.page.locator(".jp-Notebook .jp-Cell").nth(cell).locator(".jp-Cell-outputWrapper")

    def write(self, cell: int, text: str) -> None:
        """Replace a cell's text."""
        self.page.evaluate(
            "([i, text]) => jkNotebook.content.widgets[i].model.sharedModel.setSource(text)", [cell, text]
        )

    def restart(self) -> None:
        """Restart the kernel."""
        self.page.evaluate("() => { jkNotebook.context.sessionContext.session.kernel.restart() }")
        self.until(lambda: not self.page.evaluate(_IDLE), "the kernel restarts")
        self.until(lambda: self.page.evaluate(_IDLE), "the kernel is back")

    def save(self) -> dict[str, Any]:
        """Save the notebook and return what is in the file."""
        self.page.evaluate("() => jkNotebook.context.save()")
        return json.loads((self.lab.files / self.path).read_text())

    def theme(self, name: str) -> None:
        """Change JupyterLab's theme."""
        self.page.evaluate("name => jupyterapp.commands.execute('apputils:change-theme', { theme: name })", name)
        light = str("Dark" not in name).lower()
        self.until(lambda: self.page.evaluate("() => document.body.dataset.jpThemeLight") == light, name)

    # the screen: the view in a cell's output, or in a tab

    @property
    def view(self) -> View:
        """The view in the notebook."""
        return View(self, self.page.locator(".jp-Notebook .jk-root").first)

    def view_in(self, cell: int) -> View:
        """The view in a cell's output."""
        return View(self, self.output(cell).locator(".jk-root"))

    @property
    def tab(self) -> View:
        """The view in a tab of its own."""
        return View(self, self.page.locator(".jk-tab-host .jk-root"))

    @property
    def notifications(self) -> Locator:
        """JupyterLab's notifications that are on screen."""
        return self.page.locator(".Toastify__toast")

    def strip(self, cell: int) -> Locator:
        """The line above a cell that defines something."""
        return self.page.locator(".jp-Notebook .jp-Cell").nth(cell).locator(".jk-cellstrip")

    def still(self, cell: int) -> Locator:
        """The still picture in a cell's output."""
        return self.output(cell).locator("img.jk-still-picture")


class View:
    """The screen: graph, runs, details."""

    def __init__(self, page: NotebookPage, root: Locator) -> None:
        self._page = page
        self.root = root

    def node(self, key: str) -> Locator:
        """A node of the graph, as card or as row of the list."""
        return self.root.locator(f"[role=treeitem][data-key={json.dumps(key)}]")

    def statuses(self) -> dict[str, str]:
        """The status word of every node in view."""
        words = "fresh|failed|running|stale|never|queued|canceled|skipped"
        return dict(
            self.root.locator("[role=treeitem][data-key]").evaluate_all(
                f"all => all.map(e => [e.dataset.key, (e.className.match(/jk-({words})/) || [])[1]])"
            )
        )

    def wait_for(self, **wanted: str) -> None:
        """Wait until nodes have these statuses."""
        self._page.until(lambda: wanted.items() <= self.statuses().items(), f"{wanted}")

    def press(self, name: str) -> None:
        """Press the button of this name."""
        self.button(name).click()

    def button(self, name: str) -> Locator:
        """A button by its name."""
        return self.root.get_by_role("button", name=name, exact=True)

    def select(self, key: str) -> Locator:
        """Click a node; return the details pane, filled."""
        self.node(key).click()
        self.section("code").wait_for()
        return self.pane

    @property
    def pane(self) -> Locator:
        """The details pane."""
        return self.root.locator(".jk-pane")

    def section(self, name: str) -> Locator:
        """A section of the details pane."""
        return self.pane.locator(f"[data-section={name}]")

    def go(self, tab: str) -> None:
        """Open Graph, Runs or Automation."""
        self.root.get_by_role("tab", name=tab).click()

    @property
    def runs(self) -> Locator:
        """The rows of the runs list."""
        return self.root.locator(".jk-rr")

    def run_of(self, title: str) -> Locator:
        """The rows of the runs of this job or asset."""
        return self.runs.filter(has=self._page.page.locator(".jk-job").get_by_text(title, exact=True))

    def backfill_of(self, title: str) -> Locator:
        """The row of the backfill of this job or asset."""
        return self.root.locator(".jk-bf").filter(has=self._page.page.get_by_text(title, exact=True))

    @property
    def run(self) -> Locator:
        """The open run."""
        return self.root.locator(".jk-run")

    def step(self, key: str) -> Locator:
        """A step of the open run."""
        return self.run.locator(f"[data-step={json.dumps(key)}]")

    def run_again(self, choice: str) -> None:
        """Run the open run again in one of the ways that its menu has."""
        self.run.locator(".jk-rhead .jk-half").click()
        self.root.get_by_role("menuitem", name=choice).click()

    @property
    def banner(self) -> Locator:
        """What is said across the screen."""
        return self.root.locator(".jk-banner")

    def search(self, text: str) -> None:
        """Type into the search field."""
        self.root.get_by_label("Search or select").fill(text)

    def dimmed(self) -> set[str]:
        """The keys of nodes that do not match the search."""
        return set(self.root.locator("[role=treeitem].jk-dim").evaluate_all("all => all.map(e => e.dataset.key)"))


@contextlib.contextmanager
def opened(lab: Lab, browser: Browser, path: str, *, width: int, height: int) -> Iterator[NotebookPage]:
    """A page on a notebook; afterwards its kernels and its theme are gone."""
    page = browser.new_page(viewport={"width": width, "height": height})
    try:
        yield NotebookPage(lab, page, path)
    finally:
        page.close()
        lab.clear()


_OPENED = """() => {
  const app = window.jupyterapp;
  const found = app && [...app.shell.widgets('main')].find(one => one?.context?.sessionContext);
  window.jkNotebook = found;
  return !!found?.content?.activeCell;
}"""
_IDLE = """() => {
  const kernel = window.jkNotebook.context.sessionContext.session?.kernel;
  return !!kernel && kernel.connectionStatus === 'connected' && kernel.status === 'idle';
}"""
_ASK = """op => new Promise(reply => document.dispatchEvent(new CustomEvent("jobkernel:request", {
  detail: {request: {op, id: 1}, kernel: jkNotebook.sessionContext.session.kernel.id, handled: false, reply}
})))"""
_RUN = """cell => {
  const { shell, commands } = window.jupyterapp;
  shell.activateById(window.jkNotebook.id);
  window.jkNotebook.content.activeCellIndex = cell;
  window.jkNotebook.content.widgets[cell].jkEnded = false;
  const end = () => { window.jkNotebook.content.widgets[cell].jkEnded = true };
  commands.execute('notebook:run-cell').then(end, end);
}"""
_ENDED = "cell => window.jkNotebook.content.widgets[cell].jkEnded === true"
