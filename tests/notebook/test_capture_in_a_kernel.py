"""In a real kernel: three concurrent steps and a cell write at once, and each finds its own."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
from jupyter_client.manager import start_new_kernel

SETUP = """
import logging, os, subprocess, sys, threading, time, warnings
from IPython.display import display, HTML, clear_output
from jobkernel.executors import capture
from jobkernel.executors.capture import StepOutput, capturing, current_output
capture.install()
hub = threading.Barrier(4)

class Shy:
    def _repr_html_(self):
        raise RuntimeError('shy')

def concurrently(body, count=3):
    records = {}
    def step(number):
        records[number] = []
        take = lambda lines: records[number].extend((line.level, line.text, sorted(line.data or {})) for line in lines)
        sink = StepOutput(None, lambda: 0, take)
        with capturing(sink):
            body(number)
        sink.close()
    threads = [threading.Thread(target=step, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    return records, threads

def show(records):
    import json
    print(json.dumps(records))
"""


class Notebook:
    """Runs cells and keeps every message that each of them shows."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def run(self, code: str) -> list[dict[str, Any]]:
        """Return the contents of the cell's outputs, each with its ``type``; an error in the cell fails the test."""
        outputs: list[dict[str, Any]] = []

        def take(message: dict[str, Any]) -> None:
            kind = message["header"]["msg_type"]
            if kind not in ("status", "execute_input"):
                outputs.append({"type": kind, **message["content"]})

        reply = self._client.execute_interactive(code, output_hook=take, timeout=60, allow_stdin=False)
        assert reply["content"]["status"] == "ok", "\n".join(reply["content"].get("traceback", []))
        return outputs

    def text(self, code: str) -> str:
        """Return what the cell wrote to stdout, where it shows nothing else."""
        outputs = self.run(code)
        assert [output for output in outputs if output.get("name") != "stdout"] == []
        return "".join(output["text"] for output in outputs)


@pytest.fixture(scope="module")
def notebook() -> Iterator[Notebook]:
    manager, client = start_new_kernel(startup_timeout=60)
    try:
        kernel = Notebook(client)
        kernel.run(SETUP)
        yield kernel
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


BUSY_STEPS = """
def body(number):
    hub.wait(20)
    for n in range(30):
        print(f"step {number}", n)
        logging.getLogger(f"lib{number}").warning("logged %d", n)
        time.sleep(0.002)
    display(HTML(f"<b>{number}</b>"))
    clear_output()
    warnings.warn(f"warned {number}")
    child = threading.Thread(target=lambda: (print("child of", number), display(f"shown by child {number}")))
    child.start(); child.join()
    get_ipython().system(f"echo shell {number}; echo trouble {number} >&2")
    word = "local"
    get_ipython().system_raw("echo {word} {number}")
    os.system("true")
    display(Shy())
"""


def test_everything_lands_in_its_step_and_nothing_in_the_cell_that_runs(notebook: Notebook) -> None:
    notebook.run(BUSY_STEPS)

    cell = notebook.run(
        "records, threads = concurrently(body)\n"
        "hub.wait(20)\n"
        "for n in range(30):\n"
        "    print('cell', n)\n"
        "    time.sleep(0.002)\n"
        "logging.getLogger('cell').warning('the cell logs')\n"
        "display(HTML('<i>cell</i>'))\n"
        "for thread in threads: thread.join()\n"
    )

    stdout = "".join(each["text"] for each in cell if each.get("name") == "stdout")
    stderr = "".join(each["text"] for each in cell if each.get("name") == "stderr")
    shown = [each["data"]["text/html"] for each in cell if each["type"] == "display_data"]
    assert stdout == "".join(f"cell {n}\n" for n in range(30))
    assert (stderr, shown) == ("the cell logs\n", ["<i>cell</i>"])
    for number, lines in json.loads(notebook.text("show(records)")).items():
        assert_whole(number, [tuple(line[:2]) for line in lines], lines)


def assert_whole(number: str, lines: list[tuple[str, str]], records: list[list[Any]]) -> None:
    for n in range(30):
        assert ("stdout", f"step {number} {n}") in lines
        assert ("WARNING", f"lib{number}: logged {n}") in lines
    assert any(level == "stderr" and text.endswith(f"UserWarning: warned {number}") for level, text in lines)
    assert ["display", "<IPython.core.display.HTML object>", ["text/html"]] in records
    assert ("stdout", f"child of {number}") in lines
    assert ("display", f"'shown by child {number}'") in lines
    assert ("stdout", f"shell {number}") in lines
    assert ("stderr", f"trouble {number}") in lines
    assert ("stdout", f"local {number}") in lines
    assert any(level == "stderr" and "shy" in text for level, text in lines)
    others = [text for _, text in lines if any(f"step {other} " in text for other in "012" if other != number)]
    assert others == []


def test_nothing_shows_up_between_cells_either(notebook: Notebook) -> None:
    notebook.run("def body(number):\n    time.sleep(0.2)\n    print('late'); display(number)\n")
    notebook.run("records, threads = concurrently(body)")

    assert notebook.run("for thread in threads: thread.join()") == []
    assert json.loads(notebook.text("show(records[1])")) == [["stdout", "late", []], ["display", "1", []]]


def test_cells_keep_their_shell_their_threads_and_their_locals(notebook: Notebook) -> None:
    assert notebook.text("x = 5\n!echo $x {x + 1}").split() == ["5", "6"]
    assert notebook.text("def f():\n    y = 'deep'\n    get_ipython().system('echo {y}')\nf()").strip() == "deep"
    assert notebook.text("t = threading.Thread(target=print, args=('thread',)); t.start(); t.join()") == "thread\n"
    assert notebook.text("got = !echo caught\nprint(got[0])") == "caught\n"


def test_a_thread_started_in_a_cell_keeps_writing_to_that_cell(notebook: Notebook) -> None:
    """The kernel follows threads by asking what class the streams are."""
    plain, plain_client = start_new_kernel(startup_timeout=60)
    try:
        bare = Notebook(plain_client)
        bare.run("import threading, time")
        outcomes = [shown_by_late_thread(each) for each in (bare, notebook)]
    finally:
        plain_client.stop_channels()
        plain.shutdown_kernel(now=True)

    assert outcomes[0] == outcomes[1]


def shown_by_late_thread(notebook: Notebook) -> list[str]:
    code = "go = threading.Event()\nt = threading.Thread(target=lambda: (go.wait(20), print('late')))\nt.start()"
    notebook.run(code)
    outputs = notebook.run("go.set(); t.join(); time.sleep(0.3)")
    return [each.get("text", "") for each in outputs]


def test_a_step_cannot_ask_for_input(notebook: Notebook) -> None:
    notebook.run(
        "def body(number):\n"
        "    import getpass\n"
        "    for ask in (input, getpass.getpass, sys.stdin.readline):\n"
        "        try:\n"
        "            ask()\n"
        "        except Exception as refused:\n"
        "            print(type(refused).__name__)\n"
    )

    during = notebook.text("records, threads = concurrently(body, 1)\nfor t in threads: t.join()\nshow(records[0])")
    notebook.run("def late(number):\n    time.sleep(0.3)\n    body(number)\nrecords, threads = concurrently(late, 1)")
    between = notebook.text("for t in threads: t.join()\nshow(records[0])")

    refused = ["InvariantViolation"] * 3
    assert [text for level, text, _ in json.loads(during) if level == "stdout"] == refused
    assert [text for level, text, _ in json.loads(between) if level == "stdout"] == refused


def test_forked_workers_print_into_the_step(notebook: Notebook) -> None:
    notebook.run(
        "import multiprocessing\n"
        "def work(n):\n"
        "    print('worker', n)\n"
        "    return n\n"
        "def body(number):\n"
        "    print('half', end='')\n"
        "    with warnings.catch_warnings():\n"
        "        warnings.simplefilter('ignore')\n"
        "        with multiprocessing.get_context('fork').Pool(2) as pool:\n"
        "            print(sum(pool.map(work, range(20))))\n"
    )

    shown = notebook.text("records, threads = concurrently(body, 1)\nfor t in threads: t.join()\nshow(records[0])")

    lines = [text for level, text, _ in json.loads(shown) if level == "stdout"]
    assert sorted(lines) == sorted([f"worker {n}" for n in range(20)] + ["half190"])


def test_figures_stay_with_their_step_under_the_inline_backend(notebook: Notebook) -> None:
    notebook.run(
        "%matplotlib inline\n"
        "import matplotlib.pyplot as plt\n"
        "def body(number):\n"
        "    plt.figure()\n"
        "    hub.wait(30)\n"
        "    for n in range(number + 1):\n"
        "        plt.plot([n, n + 1])\n"
        "    print(len(plt.gca().lines), plt.get_fignums())\n"
        "    if number == 1:\n"
        "        plt.show()\n"
        "    if number == 2:\n"
        "        display(plt.gcf())\n"
        "        plt.close('all')\n"
    )

    cell = notebook.run(
        "records, threads = concurrently(body)\n"
        "fig, axes = plt.subplots()\n"
        "axes.set_title('cell')\n"
        "hub.wait(30)\n"
        "for t in threads: t.join()\n"
        "print(plt.get_fignums())\n"
    )

    pictures = [each for each in cell if each["type"] == "display_data"]
    assert [each.get("text") for each in cell if each["type"] == "stream"] == ["[1]\n"]
    assert ["image/png" in each["data"] for each in pictures] == [True]
    records = json.loads(notebook.text("show(records)"))
    for number in range(3):
        kinds = [(level, data) for level, _, data in records[str(number)]]
        assert records[str(number)][0][:2] == ["stdout", f"{number + 1} [1]"]
        assert kinds.count(("display", ["image/png"])) == 1
    assert notebook.run("pass") == []


def test_a_redirected_cell_does_not_swallow_a_step(notebook: Notebook) -> None:
    notebook.run("def body(number):\n    hub.wait(20)\n    print('mine'); display('shown')\n")

    cell = notebook.run(
        "import io, contextlib\n"
        "from IPython.utils.capture import capture_output\n"
        "with contextlib.redirect_stdout(io.StringIO()) as got, capture_output() as seen:\n"
        "    records, threads = concurrently(body)\n"
        "    print('theirs')\n"
        "    hub.wait(20)\n"
        "    for t in threads: t.join()\n"
    )

    assert cell == []
    assert json.loads(notebook.text("show([records[0], got.getvalue() + seen.stdout, len(seen.outputs)])")) == [
        [["stdout", "mine", []], ["display", "'shown'", []]],
        "theirs\n",
        0,
    ]


def test_after_uninstalling_the_kernel_is_as_before(notebook: Notebook) -> None:
    names = (
        "[type(sys.stdout).__name__, type(sys.stdin).__name__, type(get_ipython()).system.__qualname__, "
        "type(get_ipython().display_pub).publish.__qualname__, get_ipython().kernel.raw_input.__func__.__module__, "
        "'Router' in repr(type(sys.stdout)), repr(sys.stdout).startswith('<per step')]"
    )

    hooked = notebook.text(f"import builtins; print({names})")
    bare = notebook.text(f"capture.uninstall(); print({names})")
    again = notebook.text(f"capture.install(); print({names})")

    assert hooked == again != bare
    assert "OutStream" in bare
    assert "False, False]" in bare
    assert notebook.text("print('still works')") == "still works\n"


def test_a_reader_sees_a_line_at_once(notebook: Notebook, tmp_path: Any) -> None:
    path = tmp_path / "step.jsonl"
    notebook.run(
        "from pathlib import Path\n"
        f"sink = StepOutput(Path({str(path)!r}), lambda: 0)\n"
        "def slow():\n"
        "    with capturing(sink):\n"
        "        print(time.time())\n"
        "        done.wait(20)\n"
        "done = threading.Event()\n"
        "t = threading.Thread(target=slow); t.start()\n"
    )

    deadline = time.monotonic() + 5
    while not (path.exists() and path.read_text().endswith("\n")):
        assert time.monotonic() < deadline
        time.sleep(0.005)
    written = float(json.loads(path.read_text())["text"])
    assert time.time() - written < 2  # the kernel's answer travels meanwhile; the line itself waits for nothing
    notebook.run("done.set(); t.join()")
