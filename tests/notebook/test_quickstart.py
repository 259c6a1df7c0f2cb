"""The quickstart under nbclient, in real kernels: it runs, twice, and the history holds what it did."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

import jobkernel
from jobkernel.demo import quickstart
from jobkernel.storage.client import HistoryClient
from jobkernel.storage.control import stop_server

pytestmark = pytest.mark.timeout(240)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("quick")
    (folder / "rt").mkdir()
    shutil.copy(quickstart(), folder / "quickstart.ipynb")
    home = str(Path(jobkernel.__file__).parents[1])
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JUPYTER_RUNTIME_DIR", str(folder / "rt"))
        patch.setenv("PYTHONPATH", home)
        patch.delenv("JOBKERNEL_PROJECT", raising=False)
        yield folder
        stop_server(folder)


@pytest.fixture(scope="module")
def executed(project: Path) -> list[Any]:
    """The notebook's code cells after each of two executions, each in a kernel of its own."""
    return [execute(project / "quickstart.ipynb") for _ in range(2)]


def execute(path: Path) -> dict[str, Any]:
    notebook = nbformat.read(path, as_version=4)
    client = NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(path.parent)}})
    client.execute(env={**os.environ, "JPY_SESSION_NAME": str(path)})
    return {cell.id: text_of(cell) for cell in notebook.cells if cell.cell_type == "code"}


def text_of(cell: Any) -> str:
    shown = [output.get("text") or output.get("data", {}).get("text/plain", "") for output in cell.outputs]
    return "\n".join(shown)


def asked(project: Path, query: str) -> list[tuple[Any, ...]]:
    history = HistoryClient.connect(project)
    try:
        return history.sql(query).fetchall()
    finally:
        history.close()


def test_the_committed_notebook_has_no_outputs() -> None:
    notebook = nbformat.read(quickstart(), as_version=4)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]

    assert [cell.outputs for cell in code if cell.outputs] == []
    assert [cell.execution_count for cell in code if cell.execution_count] == []
    assert {len({cell.id for cell in notebook.cells})} == {len(notebook.cells)}


def test_every_cell_says_what_the_text_around_it_promises(executed: list[dict[str, str]]) -> None:
    first = executed[0]

    assert "✓ 1 step in " in first["raw_flights"]
    assert "336,776 rows × 19 columns" in first["raw_flights"]
    assert first["flights_in_weather"].startswith("○ asset flights_in_weather · from flights, hourly_weather")
    assert first["materialize"].startswith("✓ 10 steps in ")
    assert "helper is_late changed" in first["why"]
    assert first["stale"].startswith("✓ 7 steps in ")
    assert first["launch"].startswith("✓ 2 steps in ")
    assert first["history_logs"].rstrip().endswith("5 rows")


def test_a_second_kernel_finds_what_the_first_one_made(executed: list[dict[str, str]]) -> None:
    second = executed[1]

    assert second["hourly_weather"] == "✓ asset hourly_weather"
    assert "stale: helper is_late changed" in second["flights"]


def test_the_history_holds_both_executions(executed: list[dict[str, str]], project: Path) -> None:
    runs = asked(
        project, "select job_name, status, count(*), count(distinct kernel_id) from runs group by all order by 1"
    )
    made = asked(project, "select asset_key, count(*) from materializations group by all order by 1")
    checks = asked(project, "select distinct asset_key, check_name, passed, blocking from checks order by 1")

    assert runs == [("__ASSET_JOB", "SUCCESS", 6, 2), ("daily_note", "SUCCESS", 2, 2)]
    assert dict(made)["flights"] == 4
    assert dict(made)["raw_flights"] == 4
    assert checks == [("carrier_delay", "plausible", True, False), ("flights", "nothing_lost", True, True)]


def test_what_the_op_printed_is_in_its_log(executed: list[dict[str, str]], project: Path) -> None:
    lines = asked(project, "select message from logs where step_key = 'write_note' and level = 'stdout'")

    assert len(lines) == 10
    assert all(message.endswith(" flights late") for (message,) in lines)
