"""The demo: JupyterLab on the quickstart, on this machine's own address and with its token; and what it refuses."""

from __future__ import annotations

import re
import socket
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from jobkernel import demo
from tests.unit.cli.conftest import CommandLine, words


def a_free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def status_of(url: str) -> int:
    """Return what the server answers; it says where it is a moment before it listens."""
    deadline = time.monotonic() + 60
    while True:
        try:
            with urllib.request.urlopen(url, timeout=20) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            with error:
                return error.code
        except urllib.error.URLError:
            assert time.monotonic() < deadline, f"nobody listens at {url}"
            time.sleep(0.1)


def test_jupyterlab_opens_the_quickstart_on_loopback_with_its_token(tmp_path: Path) -> None:
    port = a_free_port()
    process = subprocess.Popen(
        words("demo", "--no-browser", "--port", str(port), "--dir", str(tmp_path / "tour")),
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    try:
        url = None
        while url is None:
            line = process.stderr.readline()
            assert line, "JupyterLab ended before it said where it is"
            url = re.search(rf"http://127\.0\.0\.1:{port}/lab/tree/quickstart\.ipynb\?token=(\w+)", line)

        assert status_of(f"http://127.0.0.1:{port}/api/contents") == 403
        assert status_of(f"http://127.0.0.1:{port}/api/contents?token={url[1]}") == 200
    finally:
        process.terminate()
        process.communicate(timeout=60)
    assert (tmp_path / "tour" / "quickstart.ipynb").is_file()


def test_an_edited_copy_is_kept(tmp_path: Path) -> None:
    (tmp_path / demo.NOTEBOOK).write_text("mine")

    assert demo.prepare(tmp_path).read_text() == "mine"


def test_a_missing_package_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo, "NEEDS", ("pandas", "no_such_package"))

    with pytest.raises(demo.DemoUnavailable, match=r"uses no_such_package; run pip install 'jobkernel\[demo\]' first"):
        demo.prepare(tmp_path)


def test_a_folder_that_cannot_be_made_is_one_sentence(command: CommandLine, project: Path) -> None:
    done = command("demo", "--headless", "--dir", str(project / "small.ipynb" / "inside"))

    assert done.returncode == 2
    assert "choose another --dir" in done.stderr
    assert done.stderr.count("\n") == 1
