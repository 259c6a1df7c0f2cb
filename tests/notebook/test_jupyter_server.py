"""Pinned notebooks in a real Jupyter server: kept over its restart, given back when opened, routes guarded."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import nbformat
import pytest
from jupyter_client import BlockingKernelClient
from nbformat.v4 import new_code_cell, new_notebook
from test_pinning import CELLS, looks, own_data, state, waited
from waiting import eventually

from jobkernel.storage import pins
from jobkernel.storage.history import open_history

__all__ = ["own_data"]

TOKEN = "a-token-of-this-test"


class Server:
    """A Jupyter server of its own, and what a browser asks it."""

    def __init__(self, folder: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.folder = folder
        self.log = (folder / "server.log").open("ab")
        command = [
            sys.executable, "-m", "jupyter", "server", "--no-browser", "--allow-root", "--ip=127.0.0.1",
            f"--port={self.port}", "--ServerApp.port_retries=0", f"--IdentityProvider.token={TOKEN}",
            "--ServerApp.jpserver_extensions={'jobkernel.labserver': True}",
        ]  # fmt: skip
        self.process = subprocess.Popen(command, cwd=folder, stdout=self.log, stderr=self.log)
        waited(self.answers, "the Jupyter server")

    def answers(self) -> bool:
        try:
            return self.ask("/api/status") == 200
        except OSError:
            return False

    def ask(self, path: str, method: str = "GET", *, token: str | None = TOKEN, body: Any = None) -> int:
        """Return the status of a request."""
        return self.get(path, method, token=token, body=body)[0]

    def get(self, path: str, method: str = "GET", *, token: str | None = TOKEN, body: Any = None) -> tuple[int, Any]:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", method=method, data=data)
        if token is not None:
            request.add_header("Authorization", f"token {token}")
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                text = answer.read()
                return answer.status, json.loads(text) if text else None
        except urllib.error.HTTPError as error:
            error.close()
            return error.code, None

    def open_notebook(self, name: str) -> tuple[str, BlockingKernelClient]:
        """Open a notebook as Lab does: a session with a kernel of the server's; return its id and a client."""
        body = {"path": name, "name": name, "type": "notebook", "kernel": {"name": "python3"}}
        _, session = self.get("/api/sessions", "POST", body=body)
        runtime = Path(os.environ["JUPYTER_RUNTIME_DIR"])
        connection = runtime / f"kernel-{session['kernel']['id']}.json"
        waited(connection.exists, "the kernel's connection file")
        client = BlockingKernelClient(connection_file=str(connection))
        client.load_connection_file()
        client.start_channels()
        client.wait_for_ready(timeout=60)
        return session["kernel"]["id"], client

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(20)
        self.log.close()


@pytest.fixture
def place(project: Path, own_data: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with a notebook, and folders of Jupyter's of its own."""
    monkeypatch.setenv("JUPYTER_CONFIG_DIR", str(own_data / "config"))
    monkeypatch.setenv("PYTHONPATH", str(Path(pins.__file__).parents[2]))
    nbformat.write(new_notebook(cells=[new_code_cell(cell) for cell in CELLS]), project / "n.ipynb")
    return project


@pytest.fixture
def server(place: Path) -> Iterator[Server]:
    server = Server(place)
    yield server
    server.stop()


def run(client: BlockingKernelClient, code: str) -> str:
    """Run a cell and return what it printed and showed."""
    texts: list[str] = []

    def take(message: Any) -> None:
        content = message["content"]
        texts.append(content.get("text") or content.get("data", {}).get("text/plain", "") or content.get("evalue", ""))

    reply = client.execute_interactive(code, output_hook=take, timeout=60)
    assert reply["content"]["status"] == "ok", texts
    return "\n".join(texts)


def test_ticks_go_on_when_tab_kernel_and_server_are_gone_and_come_back(server: Server, place: Path) -> None:
    kernel_id, client = server.open_notebook("n.ipynb")
    for cell in CELLS:
        run(client, cell)
    assert "The Jupyter server keeps them going" in run(client, "%jk pin")
    waited(lambda: state(place) == "keeping", "the headless kernel")
    client.stop_channels()
    assert server.ask(f"/api/kernels/{kernel_id}", "DELETE") == 204
    before = looks(place)
    waited(lambda: looks(place) >= before + 2, "looks without the notebook's kernel")

    server.stop()
    waited(lambda: state(place) == "ended", "the end of the headless kernel")
    again = Server(place)
    try:
        before = looks(place)
        waited(lambda: looks(place) >= before + 2, "looks after the server's restart")
        _, client = again.open_notebook("n.ipynb")
        for cell in CELLS:
            run(client, cell)
        waited(lambda: "this kernel" in run(client, "%sensor"), "taking it back")
        client.stop_channels()
    finally:
        again.stop()


def test_routes_are_for_those_who_may(server: Server, place: Path) -> None:
    pin = pins.Pin(notebook="n", path=str(place / "n"), project=str(place), folder=str(place), python=sys.executable)
    pins.save(pin)
    for path, method in (("/jobkernel/pins", "GET"), (f"/jobkernel/pins/{pin.key}", "DELETE")):
        assert server.ask(path, method, token=None) == 403
        assert server.ask(path, method, token="wrong") == 403
    status, answer = server.get("/jobkernel/pins")
    assert status == 200
    assert [each["notebook"] for each in answer["pins"]] == ["n"]
    assert server.ask("/jobkernel/pins/0123456789abcdef", "DELETE") == 404
    assert server.ask(f"/jobkernel/pins/{pin.key}", "DELETE") == 204
    assert server.get("/jobkernel/pins")[1] == {"pins": []}


def test_the_server_says_that_it_keeps_pins_while_it_lives(place: Path) -> None:
    assert pins.has_keeper() is False
    server = Server(place)
    waited(pins.has_keeper, "the keeper's word")
    server.stop()
    deadline = time.monotonic() + 10
    while pins.has_keeper() and time.monotonic() < deadline:
        time.sleep(0.1)
    assert pins.has_keeper() is False


CONDITIONED = (
    "%load_ext jobkernel",
    "%%asset orders\n[1, 2]",
    "%%asset report --automation eager\nlen(orders)",
    "%job make_orders orders",
)
ASKED_FOR = "select kernel_id from runs where trigger_name is not null"


def asked_for(project: Path) -> list[str]:
    """Return the kernels of the runs that conditions asked for and that succeeded."""
    with closing(open_history(project, notebook="looker").history) as history:
        return [row[0] for row in history.sql(f"{ASKED_FOR} and status = 'SUCCESS'").fetchall()]


@pytest.mark.slow  # the sensor of conditions looks every 30 s
@pytest.mark.timeout(300)
def test_a_pinned_asset_with_a_condition_is_made_once_without_its_notebook(server: Server, place: Path) -> None:
    nbformat.write(new_notebook(cells=[new_code_cell(cell) for cell in CONDITIONED]), place / "n.ipynb")
    kernel_id, client = server.open_notebook("n.ipynb")
    for cell in CONDITIONED:
        run(client, cell)
    waited(lambda: "waits for" in run(client, "%why report"), "a first look")
    assert "pinned n.ipynb: 1 sensor, " in run(client, "%jk pin")
    waited(lambda: state(place) == "keeping", "the headless kernel")
    client.stop_channels()
    assert server.ask(f"/api/kernels/{kernel_id}", "DELETE") == 204

    upstream = [sys.executable, "-m", "jobkernel", "run", "n.ipynb", "make_orders"]
    assert subprocess.run(upstream, cwd=place, capture_output=True, timeout=90, check=False).returncode == 0
    eventually(lambda: asked_for(place), "the run that the headless kernel starts", 90)
    [maker] = asked_for(place)
    assert maker != kernel_id

    _, client = server.open_notebook("n.ipynb")
    for cell in CONDITIONED:
        run(client, cell)
    waited(lambda: "this kernel" in run(client, "%sensor"), "taking it back")
    assert run(client, "import jobkernel\nprint(jobkernel.load('report'))").strip().endswith("2")
    eventually(lambda: "waits for" in run(client, "%why report"), "a look of the notebook's own kernel", 90)
    client.stop_channels()
    assert asked_for(place) == [maker]
