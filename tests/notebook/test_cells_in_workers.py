"""Cells run in worker processes as in the kernel: with what they use of the notebook, and where the notebook stands."""

from __future__ import annotations

import os
import signal
import threading
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from shells import Notebook

ELSEWHERE = "import os\nassert os.getpid() != kernel\n"


@pytest.fixture
def workers(nb: Notebook) -> Notebook:
    nb.ok("%config JobKernel.executor = 'processes'", "import os\nkernel = os.getpid()")
    return nb


def made(nb: Notebook, body: str, name: str = "made") -> Any:
    nb.ok(f"%%asset {name}\n{ELSEWHERE}{body}")
    nb.ok(f"%materialize {name}")
    return nb.session.load(name)


def test_a_body_has_the_functions_classes_and_constants_of_the_notebook(workers: Notebook) -> None:
    workers.ok(
        "import dataclasses, functools\nfactor = 3\ntable = {'a': [1]}",
        "def scaled(x): return x * factor\n@functools.cache\ndef cached(): return scaled(2)",
        "@dataclasses.dataclass\nclass Row:\n    n: int\n    def twice(self): return scaled(self.n)",
    )
    row = made(workers, "table['a'].append(2)\n[Row(cached()), Row(1).twice(), table]")
    assert row[1:] == [3, {"a": [1, 2]}]
    assert (isinstance(row[0], workers.names["Row"]), row[0].n) == (True, 6)
    assert workers.names["table"] == {"a": [1]}


def test_redefining_a_helper_counts_for_the_next_run(workers: Notebook) -> None:
    workers.ok("def helper(): return 1")
    assert made(workers, "helper()") == 1
    workers.ok("def helper(): return 2", "%materialize made")
    assert workers.session.load("made") == 2


def test_a_module_beside_the_notebook_is_imported_there(workers: Notebook, project: Path) -> None:
    (project / "beside_cells.py").write_text("def six():\n    return 6\n")
    workers.ok(f"import sys\nsys.path.insert(0, {str(project)!r})", "import beside_cells\nfrom beside_cells import six")
    try:
        assert made(workers, "six() + beside_cells.six()") == 12
    finally:
        workers.ok(f"sys.path.remove({str(project)!r})\ndel sys.modules['beside_cells']")


def test_cd_and_environment_reach_the_body(workers: Notebook, tmp_path: Path) -> None:
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    assert made(workers, "os.getcwd()") == os.getcwd()
    workers.ok(f"%cd {folder}", "%env JOBKERNEL_TEST_CELL=7", "%materialize made")
    assert workers.session.load("made") == str(folder)
    assert made(workers, "os.environ['JOBKERNEL_TEST_CELL']", "told") == "7"
    workers.ok("%env JOBKERNEL_TEST_CELL=", "del os.environ['JOBKERNEL_TEST_CELL']")


def test_all_kinds_of_bodies_run_there(workers: Notebook) -> None:
    workers.ok(
        f"%%asset numbers\n{ELSEWHERE}import pandas\npandas.DataFrame({{'n': [1, 2, 3]}})",
        "%%asset total --sql\nselect sum(n)::int as total from numbers",
        f"%%asset waited\nimport asyncio\n{ELSEWHERE}await asyncio.sleep(0)\n4",
        "%%asset doubled\ndef doubled(context, waited: int, limit: int = 5):\n    assert context.run_id\n"
        "    return waited * 2 + limit",
        "%%check numbers full\nlen(numbers) == 3",
        "%%resource greeting\n'hello'",
        "%%asset greeted\ndef greeted(context, greeting): return f'{greeting} {context.resources.greeting}'",
        "%materialize total doubled greeted waited numbers",
    )
    assert workers.session.load("total").to_pydict() == {"total": [6]}
    assert workers.session.load("doubled") == 13
    assert workers.session.load("greeted") == "hello hello"
    rows = workers.session.history.sql("select distinct executor, worker is null from steps").fetchall()
    assert rows == [("processes", False)]


def test_what_cells_print_and_display_is_in_the_log_and_shown(workers: Notebook) -> None:
    ran = workers.ok(
        f"%%asset made\n{ELSEWHERE}print('printed')\nos.system('echo from a child')\n"
        "import subprocess\nsubprocess.run(['echo', 'from another'])\n!echo from a shell\n"
        "from IPython.display import display, HTML\ndisplay(HTML('<b>bold</b>'))\n1",
        "%materialize made",
    )
    assert ran.error is None
    run_id = workers.session.history.query("latest_runs", limit=1)[0]["run_id"]
    texts = [line["text"] for line in workers.session.records.log_lines(run_id)]
    assert {"printed", "from a child", "from another", "from a shell"} <= set(texts)
    assert "<b>bold</b>" in workers.ok("%materialize made").markup


@pytest.mark.parametrize(
    ("cell", "name"),
    [("import threading\nlock = threading.Lock()", "lock"), ("import numpy\nlarge = numpy.zeros(20_000_000)", "large")],
)
def test_a_variable_that_does_not_travel_is_named(workers: Notebook, cell: str, name: str) -> None:
    workers.ok(cell, f"%%asset made\nstr({name})")
    ran = workers("%materialize made")
    assert ran.error is not None
    assert f"'{name}'" in str(ran.error)
    assert "\n" not in str(ran.error)


def test_a_value_that_only_the_kernel_holds_is_refused_with_the_remedy(workers: Notebook) -> None:
    workers.ok("%%asset kept --io memory\nobject()", "%%asset below\nstr(kept)")
    ran = workers("%materialize kept --executor processes")
    assert "'kept'" in str(ran.error)
    assert "--executor threads" in str(ran.error)
    workers.ok("%materialize kept --executor threads")
    assert "--io memory" in str(workers("%materialize below").error)


def test_an_asset_says_its_own_executor(nb: Notebook) -> None:
    nb.ok(
        "%%asset here\nimport os\nos.getpid()",
        "%%asset there --executor processes\nimport os\n[here, os.getpid()]",
        "%materialize here there",
    )
    here, there = nb.session.load("there")
    assert (here, there != here) == (os.getpid(), True)


def test_interrupting_the_cell_stops_the_step_and_keeps_no_process(workers: Notebook, tmp_path: Path) -> None:
    began = tmp_path / "began"
    workers.ok(
        f"%%asset made\nfrom pathlib import Path\nPath({str(began)!r}).write_text(str(os.getpid()))\nwhile True: pass"
    )
    stop = threading.Event()
    watcher = threading.Thread(target=when, args=(began.exists, lambda: os.kill(os.getpid(), signal.SIGINT), stop))
    watcher.start()
    try:
        ran = workers("%materialize made")
    finally:
        stop.set()
        watcher.join()
    assert ran.error is not None or "CANCELED" in ran.text.upper()
    assert workers.session.history.query("latest_runs", limit=1)[0]["status"] == "CANCELED"
    pid = int(began.read_text())
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def when(holds: Callable[[], bool], act: Callable[[], None], stop: threading.Event) -> None:
    """Act as soon as something holds."""
    while not stop.wait(0.01):
        if holds():
            act()
            return


@pytest.mark.parametrize(("how", "link"), [(" from wrong", "__cause__"), ("", "__context__")])
def test_what_an_exception_was_raised_from_is_shown_in_the_cell(workers: Notebook, how: str, link: str) -> None:
    workers.ok(
        "def helper(x):\n    return x['missing']",
        f"%%asset broken\n{ELSEWHERE}try:\n    helper({{}})\nexcept KeyError as wrong:\n"
        f"    raise ValueError('no such row'){how}",
    )
    ran = workers("%materialize broken")
    assert isinstance(ran.error, ValueError)
    cause = getattr(ran.error, link)
    assert isinstance(cause, KeyError)
    frames = traceback.extract_tb(cause.__traceback__)
    assert [(each.name, each.line) for each in frames[-1:]] == [("helper", "return x['missing']")]
    assert "return x['missing']" in ran.printed + ran.complaint


def test_a_failing_cell_shows_its_own_lines_as_it_does_in_the_kernel(workers: Notebook) -> None:
    workers.ok("def helper(x):\n    return x['missing']", f"%%asset broken\n{ELSEWHERE}helper({{}})")
    ran = workers("%materialize broken")
    assert isinstance(ran.error, KeyError)
    frames = traceback.extract_tb(ran.error.__traceback__)
    assert [(each.name, each.line) for each in frames[-2:]] == [
        ("broken", "helper({})"),
        ("helper", "return x['missing']"),
    ]
    shown = ran.printed + ran.complaint
    assert "helper({})" in shown
    assert "jobkernel/notebook" not in shown, "nothing of jobkernel's own"
