"""A pinned notebook's schedules and sensors go on without its kernel: proven, kept, given back, kept again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
from kernels import Kernel, text_of
from nbformat.v4 import new_code_cell, new_notebook

from jobkernel.labserver.keeper import Keeper
from jobkernel.storage import pins
from jobkernel.storage.history import open_history
from jobkernel.storage.pins import Pin

CELLS = (
    "%load_ext jobkernel",
    "from pathlib import Path\nseen = 2",
    "%%asset a\nseen",
    "%job j a",
    "%%sensor watch --job j --every 1s --on\nn = int(context.cursor or 0) + 1\ncontext.update_cursor(str(n))\n"
    "SkipReason(f'look {n} in {Path.cwd().name}')",
)
PATIENCE_S = 40.0


@pytest.fixture
def own_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder of its own for pins."""
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path / "data"))
    return tmp_path / "data"


@pytest.fixture
def opened(project: Path, own_data: Path) -> Iterator[Kernel]:
    """A real kernel of a notebook whose cells have run."""
    nbformat.write(new_notebook(cells=[new_code_cell(cell) for cell in CELLS]), project / "n.ipynb")
    kernel = Kernel(project, "n.ipynb")
    for cell in CELLS:
        kernel.run(cell)
    yield kernel
    kernel.close()


@pytest.fixture
def keeper(own_data: Path) -> Iterator[Keeper]:
    """What a Jupyter server has running."""
    keeper = Keeper()
    keeper.start()
    yield keeper
    keeper.close()


def waited(wanted: Callable[[], Any], what: str) -> Any:
    """Wait until something is true, and return it."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        if found := wanted():
            return found
        time.sleep(0.1)
    raise AssertionError(f"{what} did not happen within {PATIENCE_S:g} s")


def looks(project: Path) -> int:
    history = open_history(project, notebook="looker").history
    try:
        return int(history.sql("select count(*) from ticks").fetchall()[0][0])
    finally:
        history.close()


def state(project: Path) -> str:
    [pin] = pins.of_project(project)
    return str(pins.state_of(pin)["state"])


def test_ticks_go_on_without_the_kernel_and_come_back_to_it(opened: Kernel, keeper: Keeper, project: Path) -> None:
    shown = text_of(opened.run("%jk pin"))
    assert "✓ pinned n.ipynb: 1 sensor, 4 cells, proven in a kernel of its own." in shown
    assert "The Jupyter server keeps them going" in shown
    waited(lambda: state(project) == "keeping", "the headless kernel")
    assert "this kernel" in text_of(opened.run("%sensor"))  # while it lives it has them
    opened.close()
    before = looks(project)
    waited(lambda: looks(project) >= before + 3, "three looks of the headless kernel")
    [row] = (
        open_history(project, notebook="x")
        .history.sql("select skip_reason from ticks order by evaluated_at desc limit 1")
        .fetchall()
    )
    assert row[0].endswith(f"in {project.name}")  # in the notebook's own folder

    again = Kernel(project, "n.ipynb")
    try:
        greeting = text_of(again.run("%load_ext jobkernel"))
        assert "until then its pinned schedules and sensors go on in a kernel of the Jupyter server's." in greeting
        refusal = text_of(again.run("%jk pin", is_failing=True))
        assert "there is nothing to keep going. 1 was when it last ran: %jk restore." in refusal
        again.run("%jk restore")
        waited(lambda: "this kernel" in text_of(again.run("%sensor")), "taking it back")
        assert "Live: this kernel sees to it, and gives it to the Jupyter server's" in text_of(again.run("%jk pins"))
    finally:
        again.close()


def test_a_killed_headless_kernel_is_started_again(opened: Kernel, keeper: Keeper, project: Path) -> None:
    opened.run("%jk pin")
    waited(lambda: state(project) == "keeping", "the headless kernel")
    opened.close()
    [pin] = pins.of_project(project)
    first = pins.state_of(pin)["pid"]
    os.kill(first, signal.SIGKILL)
    waited(lambda: state(project) == "keeping" and pins.state_of(pin)["pid"] != first, "another process")
    before = looks(project)
    waited(lambda: looks(project) > before, "a look")


def test_a_keeper_that_comes_back_takes_its_pins_up(opened: Kernel, own_data: Path, project: Path) -> None:
    assert "No Jupyter server that keeps pins runs now" in text_of(opened.run("%jk pin"))
    assert "Live: this kernel sees to it; no Jupyter server runs that would" in text_of(opened.run("%jk pins"))
    opened.close()
    for _ in range(2):
        keeper = Keeper()
        keeper.start()
        waited(lambda: state(project) == "keeping", "the headless kernel")
        pid = pins.state_of(pins.of_project(project)[0])["pid"]
        keeper.close()
        assert not Path(f"/proc/{pid}").exists()
    before = looks(project)
    time.sleep(2)
    assert looks(project) == before  # nobody is left


def test_a_headless_kernel_goes_with_a_keeper_that_is_killed(opened: Kernel, own_data: Path, project: Path) -> None:
    opened.run("%jk pin")
    opened.close()
    keeping = (
        "import threading; from jobkernel.labserver.keeper import Keeper; Keeper().start(); threading.Event().wait()"
    )
    keeper = subprocess.Popen([sys.executable, "-c", keeping])
    waited(lambda: state(project) == "keeping", "the headless kernel")
    keeper.kill()
    keeper.wait()
    waited(lambda: state(project) == "ended", "the end of the headless kernel")


def test_a_notebook_that_was_renamed_is_told_of_its_old_pin(opened: Kernel, keeper: Keeper, project: Path) -> None:
    opened.run("%jk pin")
    opened.close()
    waited(lambda: state(project) == "keeping", "the headless kernel")
    headless = pins.state_of(pins.of_project(project)[0])["pid"]
    (project / "n.ipynb").rename(project / "m.ipynb")
    renamed = Kernel(project, "m.ipynb")
    try:
        renamed.run("%load_ext jobkernel")
        refusal = text_of(renamed.run("%%asset a\n2", is_failing=True))
        assert "'a' (in n.ipynb)" in refusal
        assert "n.ipynb is pinned: %jk pin --off n.ipynb ends that." in refusal
        assert "There is no such notebook any more: %jk pin --off n.ipynb" in text_of(renamed.run("%jk pins"))
        assert "This notebook is not pinned. Pinned are n.ipynb" in text_of(renamed.run("%jk pin --off"))
        assert "No notebook 'x.ipynb' is pinned." in text_of(renamed.run("%jk pin --off x.ipynb", is_failing=True))
        assert "end with its own kernel" in text_of(renamed.run("%jk pin --off n.ipynb"))
        waited(lambda: not Path(f"/proc/{headless}").exists(), "the end of the headless kernel")
        renamed.run("%%asset a\n2")
    finally:
        renamed.close()


def test_a_notebook_that_moved_on_says_so(opened: Kernel, own_data: Path) -> None:
    opened.run("%jk pin")
    assert "moved on" not in text_of(opened.run("%jk pins"))
    opened.run("%%asset a\nseen + 1")
    assert "The notebook has moved on since: %jk pin takes up what is new." in text_of(opened.run("%jk pins"))
    opened.run("%jk pin")
    assert "moved on" not in text_of(opened.run("%jk pins"))
    assert "pinned no longer" in text_of(opened.run("%jk pin --off"))
    assert "No notebook of this project is pinned." in text_of(opened.run("%jk pins"))


@pytest.mark.parametrize(
    ("cells", "sentence"),
    [
        (("get_ipython().user_ns['hidden'] = 5", "%%asset b\nhidden"), "no cell that ran in this kernel makes hidden"),
        (("import os\nos.environ['ONLY_HERE'] = '1'",
          "%%asset c\nlimit", "limit = int(os.environ['NOT_THERE']) if 'ONLY_HERE' not in os.environ else 1"),
         ""),
    ],
)  # fmt: skip
def test_what_cannot_be_pinned_says_which_name(
    opened: Kernel, own_data: Path, cells: tuple[str, ...], sentence: str
) -> None:
    for cell in cells:
        opened.run(cell)
    if not sentence:
        opened.run("%jk pin")
        return
    assert sentence in text_of(opened.run("%jk pin", is_failing=True))
    assert list(pins.of_user()) == []


def test_a_cell_that_fails_in_a_kernel_of_its_own_keeps_it_from_being_pinned(
    opened: Kernel, own_data: Path, project: Path
) -> None:
    (project / "once.txt").write_text("1")
    opened.run("once = Path('once.txt').read_text()\nPath('once.txt').unlink()")
    opened.run("%%asset d\nonce")
    said = text_of(opened.run("%jk pin", is_failing=True))
    assert "It cannot be pinned. In a kernel of its own, this cell fails: once = Path('once.txt')" in said
    assert list(pins.of_user()) == []


def test_a_pin_that_cannot_be_read_is_passed_over(own_data: Path, project: Path) -> None:
    pin = Pin(notebook="n", path=str(project / "n"), project=str(project), folder=str(project), python="python")
    pins.save(pin)
    assert list(pins.of_user()) == [pin]
    pin.file.write_text("{")
    assert list(pins.of_user()) == []
    pin.file.unlink()
    assert list(pins.of_user()) == []
    assert not list((own_data / "jobkernel" / "pins").glob("*"))
