"""The quickstart under nbclient, in real kernels: it runs, twice, and the history holds what it did."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
from whole_notebooks import asked, execute

import jobkernel
from jobkernel.demo import quickstart
from jobkernel.storage.control import stop_server

pytestmark = pytest.mark.timeout(240)

DRY_RUN = "%materialize * --stale --dry-run"


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


def test_the_committed_notebook_has_no_outputs() -> None:
    notebook = nbformat.read(quickstart(), as_version=4)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]

    assert [cell.outputs for cell in code if cell.outputs] == []
    assert [cell.execution_count for cell in code if cell.execution_count] == []
    assert {len({cell.id for cell in notebook.cells})} == {len(notebook.cells)}


def test_it_is_a_dozen_cells_whose_first_definition_runs_at_once() -> None:
    notebook = nbformat.read(quickstart(), as_version=4)
    code = [cell.source for cell in notebook.cells if cell.cell_type == "code"]

    assert 10 <= len(code) <= 12
    assert code[1].splitlines()[0].endswith("--run")
    assert code[-1] == "%jk"


def test_every_cell_says_what_the_text_around_it_promises(executed: list[dict[str, str]]) -> None:
    first = executed[0]

    assert "✓ 1 step in " in first["raw_flights"]
    assert "336,776 rows × 19 columns" in first["raw_flights"]
    assert first["flights"] == "○ asset flights · from raw_flights · never run"
    assert first["weather_delay"] == "○ asset weather_delay · from flights_in_weather · never run"
    assert first["daily_note"] == "✓ job daily_note · 2 steps"
    assert first["run"].startswith("✓ 8 steps in ")
    assert [line.split()[1] for line in first["run"].splitlines()[-4:-1]] == ["daily_note", "report", "raw_flights"]
    assert "✓         delay_chart  ← carrier_delay, weather_delay" in first["widget"]


def test_a_second_kernel_finds_what_the_first_one_made_and_all_of_it_fresh(executed: list[dict[str, str]]) -> None:
    second = executed[1]

    assert second["flights"] == "✓ asset flights · from raw_flights"
    assert second["delay_chart"] == "✓ asset delay_chart · from carrier_delay, weather_delay"


def test_the_history_holds_both_executions(executed: list[dict[str, str]], project: Path) -> None:
    runs = asked(
        project, "select job_name, status, count(*), count(distinct kernel_id) from runs group by all order by 1"
    )
    made = asked(project, "select asset_key, count(*) from materializations group by all order by 1")
    checks = asked(project, "select distinct asset_key, check_name, passed, blocking from checks order by 1")

    assert runs == [("__ASSET_JOB", "SUCCESS", 2, 2), ("daily_note", "SUCCESS", 2, 2), ("report", "SUCCESS", 2, 2)]
    assert dict(made)["raw_flights"] == 4
    assert dict(made)["delay_chart"] == 2
    assert checks == [("carrier_delay", "plausible", True, False), ("flights", "nothing_lost", True, True)]


def test_what_the_op_printed_is_in_its_log(executed: list[dict[str, str]], project: Path) -> None:
    lines = asked(project, "select message from logs where step_key = 'write_note' and level = 'stdout'")

    assert len(lines) == 6
    assert all(message.endswith(" flights late") for (message,) in lines)


def test_a_constant_of_its_first_cell_makes_stale_what_the_text_says(
    executed: list[dict[str, str]], project: Path
) -> None:
    path = project / "changed.ipynb"
    notebook = nbformat.read(project / "quickstart.ipynb", as_version=4)
    kept = [cell for cell in notebook.cells if cell.id not in ("run", "widget")]
    for cell in kept:
        cell.source = cell.source.replace("late_after = 15", "late_after = 30")
        if cell.source.startswith("%%"):
            head, _, body = cell.source.partition("\n")
            cell.source = f"{head.removesuffix(' --run')}\n{body}"
    asks = [nbformat.v4.new_code_cell(line, id=name) for name, line in (("why", "%why flights"), ("plan", DRY_RUN))]
    notebook.cells = [*kept, *asks]
    nbformat.write(notebook, path)

    said = execute(path)

    assert "late_after" in said["why"]
    assert [line.strip() for line in said["why"].splitlines()[-2:]] == ["- 15", "+ 30"]
    assert said["plan"].startswith("7 steps")
    assert "Left out, raw_flights: fresh" in said["plan"]
