"""A kernel that comes back runs just the cells that its definitions need, in order, from what the history keeps."""

from __future__ import annotations

from pathlib import Path

import pytest
from shells import Notebook, notebook_in

from jobkernel.notebook import current

CELLS = (
    "import math\nbase = 3",
    "big = print('a heavy cell that nothing needs')",
    "def helper(x):\n    return x * base + round(math.pi)",
    "base = 4",
    "%%asset a --run\nhelper(2)",
    "%job j a\n%schedule nightly --job j --cron '0 9 * * *' --on",
    "cfg = {}",
    "%%sensor watch --job j\nSkipReason(str(cfg['k']))",
    "cfg['k'] = 3",
    "%materialize a\nprint('never again')",
)


@pytest.fixture
def earlier(project: Path) -> Path:
    """A project whose notebook ran its cells in a kernel that is gone."""
    with notebook_in(project) as nb:
        nb.ok(*CELLS)
    return project


def test_restoring_runs_what_definitions_need_and_nothing_else(earlier: Path) -> None:
    with notebook_in(earlier) as nb:
        assert "heavy" not in nb("%jk restore").printed
        assert sorted(nb.session.registry.entries) == [
            ("asset", "a"),
            ("job", "j"),
            ("schedule", "nightly"),
            ("sensor", "watch"),
        ]
        assert nb("helper(2)").value == 11
        assert "big" not in nb.shell.user_ns
        assert nb("%jk preview watch").value.skip_reason == "3"


def test_what_has_not_run_yet_is_told_of_where_it_is_asked_for(earlier: Path) -> None:
    with notebook_in(earlier) as nb:
        assert nb("%schedule").text.endswith(
            "No schedule is defined in this notebook. 1 was when it last ran: %jk restore."
        )
        assert nb("%jk scheduler").text.endswith("2 were when it last ran: %jk restore.")
        refused = "The cell of 'nightly' has not run in this kernel; run it, or %jk restore."
        for line in ("%schedule nightly off", "%jk preview nightly"):
            assert str(nb(line).error) == refused


def test_a_name_whose_cell_has_not_run_in_this_kernel_is_refused_with_the_remedy(earlier: Path) -> None:
    with notebook_in(earlier) as nb:
        for line, name in (("%materialize +a", "a"), ("%launch j", "j"), ("%why a", "a"), ("%%check a ok\nTrue", "a")):
            remedy = f" The cell of '{name}' has not run in this kernel; run it, or %jk restore."
            assert nb.refused(line).endswith(remedy), line
        assert "restore" not in nb.refused("%materialize never_heard_of")


def test_a_cell_that_only_ran_again_changes_nothing_of_what_is_pinned(project: Path) -> None:
    with notebook_in(project) as nb:
        for key, text in enumerate(CELLS):
            nb(text, cell_id=str(key))
        before = digest(nb)
        nb(CELLS[2], cell_id="2")
        assert digest(nb) == before
        nb(CELLS[4] + " + 1", cell_id="4")
        assert digest(nb) != before


def digest(nb: Notebook) -> str:
    kernel = current.find(nb.shell)
    assert kernel is not None
    return kernel.kept.snapshot(nb.session.registry.entries, nb.names).digest


def test_restoring_runs_no_asset_again(earlier: Path) -> None:
    with notebook_in(earlier) as nb:
        before = nb.session.history.sql("select count(*) from runs").fetchall()
        nb.ok("%jk restore")
        assert nb.session.history.sql("select count(*) from runs").fetchall() == before


def test_what_has_run_already_is_not_run_again(earlier: Path) -> None:
    with notebook_in(earlier) as nb:
        nb.ok(*CELLS[:-1])
        assert "Nothing to restore" in nb("%jk restore").text


def test_a_switch_outlives_the_kernel(earlier: Path) -> None:
    with notebook_in(earlier) as nb:
        nb.ok("%jk restore", "%schedule nightly off")
    with notebook_in(earlier) as nb:
        nb.ok("%jk restore")
        assert nb.session.automations.find("nightly").is_on is False
        nb.ok("%schedule nightly reset")
        assert nb.session.automations.find("nightly").is_on is True


def test_a_cell_that_fails_says_which_and_how_far_it_came(project: Path) -> None:
    (project / "limit.txt").write_text("3")
    reading = f"from pathlib import Path\nlimit = int(Path({str(project / 'limit.txt')!r}).read_text())"
    with notebook_in(project) as nb:
        nb.ok("step = 1", reading, "%%asset a\nstep + limit")
    (project / "limit.txt").unlink()
    with notebook_in(project) as nb:
        ran = nb("%jk restore")
        assert "Restored 1 of 3 cells; this one failed: from pathlib import Path" in str(ran.error)
        assert ("asset", "a") not in nb.session.registry.entries


def test_a_cell_that_ran_again_alone_is_restored_before_the_cells_that_need_it(project: Path) -> None:
    with notebook_in(project) as nb:
        nb("size = 2", cell_id="size")
        nb("double = size * 2", cell_id="double")
        nb("%%asset a\ndouble", cell_id="a")
        nb("%%check a ok\na > 0", cell_id="check")
        nb("size = 3", cell_id="size")
        nb("%%asset a\ndouble + 0", cell_id="a")
    with notebook_in(project) as nb:
        nb.ok("%jk restore")
        assert sorted(nb.session.registry.entries) == [("asset", "a"), ("check", "a:ok")]
        assert nb("double").value == 6


def test_a_cell_edited_before_all_ran_again_is_restored_before_the_cells_that_need_it(project: Path) -> None:
    with notebook_in(project) as nb:
        for size in (2, 3):
            nb(f"size = {size}", cell_id="size")
            nb("double = size * 2", cell_id="double")
            nb("%%asset a\ndouble", cell_id="a")
    with notebook_in(project) as nb:
        nb.ok("%jk restore")
        assert nb("double").value == 6


def test_a_definition_that_was_forgotten_does_not_come_back(earlier: Path) -> None:
    with notebook_in(earlier) as nb:
        nb.ok("%jk restore", "%jk forget watch")
        nb.ok("1")
    with notebook_in(earlier) as nb:
        nb.ok("%jk restore")
        assert ("sensor", "watch") not in nb.session.registry.entries


def test_loading_the_extension_says_what_is_known(earlier: Path) -> None:
    with notebook_in(earlier) as nb:
        kernel = current.find(nb.shell)
        assert kernel is not None
        greeting = kernel.greeting("0")
        assert greeting.endswith(
            "4 definitions of this notebook known; %jk restore runs their cells; until then this kernel sees to none of"
            " its schedules and sensors."
        )
        nb.ok("%jk restore")
