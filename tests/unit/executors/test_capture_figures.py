"""pyplot figures belong to the step that made them."""

from __future__ import annotations

import base64
import importlib
import pickle
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest

from jobkernel.executors import capture
from jobkernel.executors.capture import StepOutput, capturing

pytest.importorskip("matplotlib").use("agg")
plt = importlib.import_module("matplotlib.pyplot")


@pytest.fixture(autouse=True)
def _hooks() -> Iterator[None]:
    capture.install()
    yield
    capture.uninstall()
    plt.close("all")


def a_sink() -> tuple[StepOutput, list[dict[str, str]]]:
    shown: list[dict[str, str]] = []
    return StepOutput(None, lambda: 0, lambda lines: shown.extend(dict(line.data or {}) for line in lines)), shown


def is_png(data: dict[str, str]) -> bool:
    return base64.b64decode(data["image/png"]).startswith(b"\x89PNG")


def test_a_step_and_the_notebook_never_see_each_others_figures() -> None:
    notebook = plt.figure()
    sink, shown = a_sink()

    with capturing(sink):
        assert plt.get_fignums() == []
        assert plt.figure() is plt.gcf()
        plt.figure(7)
        assert plt.get_fignums() == [1, 7]

    assert plt.get_fignums() == [1]
    assert plt.gcf() is notebook
    assert [is_png(data) for data in shown] == [True, True]


def test_concurrent_steps_draw_in_their_own_figures() -> None:
    barrier = threading.Barrier(3)
    counts: dict[int, list[int]] = {}
    shown: dict[int, list[dict[str, str]]] = {}

    def step(number: int) -> None:
        sink, shown[number] = a_sink()
        with capturing(sink):
            plt.figure()
            barrier.wait(20)
            for _ in range(number + 1):
                plt.plot([1, 2])
            counts[number] = [len(plt.gca().lines), len(plt.get_fignums())]
            barrier.wait(20)

    threads = [threading.Thread(target=step, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert counts == {number: [number + 1, 1] for number in range(3)}
    assert [len(shown[number]) for number in range(3)] == [1, 1, 1]
    assert plt.get_fignums() == []


def test_show_keeps_a_figure_at_once_and_closes_it() -> None:
    sink, shown = a_sink()

    with capturing(sink):
        plt.plot([1])
        plt.show()
        assert (len(shown), plt.get_fignums()) == (1, [])

    assert len(shown) == 1


def test_a_returned_figure_stays_usable_and_stored_ones_open_nothing() -> None:
    sink, _ = a_sink()

    with capturing(sink):
        figure, axes = plt.subplots()
        axes.plot([1, 2, 3])
        stored = pickle.dumps(figure)

    loaded = pickle.loads(stored)
    assert plt.get_fignums() == []
    assert [len(each.axes[0].lines) for each in (figure, loaded)] == [1, 1]


def test_a_figure_that_cannot_be_drawn_says_so_in_the_step() -> None:
    sink, shown = a_sink()

    with capturing(sink):
        plt.title("$\\nosuchcommand{$")

    assert not any(shown)
    assert sink.lines_after(0)[0].text.startswith("A figure could not be drawn: ")


def test_uninstalling_gives_pyplot_back_its_own_registry() -> None:
    registry = plt._pylab_helpers.Gcf
    notebook = plt.figure()

    capture.uninstall()

    assert type(vars(registry)["figs"]).__name__ == "OrderedDict"
    assert plt.gcf() is notebook
    assert plt._get_backend_mod.__module__ == "matplotlib.pyplot"


def test_pyplot_first_imported_inside_a_step_is_hooked_too() -> None:
    code = (
        "import sys\n"
        "from jobkernel.executors import capture\n"
        "capture.install()\n"
        "assert 'matplotlib' not in sys.modules\n"
        "sink = capture.StepOutput(None, lambda: 0)\n"
        "with capture.capturing(sink):\n"
        "    import matplotlib.pyplot as plt\n"
        "    plt.plot([1])\n"
        "print(plt.get_fignums(), [line.level for line in sink.lines_after(0)], type(plt.__loader__).__name__)\n"
        "capture.uninstall()\n"
    )

    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert ended.stdout == "[] ['display'] SourceFileLoader\n"
