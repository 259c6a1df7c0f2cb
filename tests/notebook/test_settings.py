"""``%config JobKernel``: the kernel's settings count at once, the project's are one for all its kernels."""

from __future__ import annotations

from pathlib import Path

import pytest
from IPython.core.error import UsageError
from shells import Notebook, notebook_in
from traitlets.config import Config
from waiting import eventually

from jobkernel.engine.opening import open_session
from jobkernel.settings import JobKernel, SettingRefused
from jobkernel.storage.history import HistoryClient


def test_a_project_setting_reaches_the_history_as_an_event(nb: Notebook) -> None:
    nb.ok("%config JobKernel.max_concurrent_runs = 4")
    assert nb.session.history.request("settings")["max_concurrent_runs"] == 4
    body = nb.session.history.sql("select body from events where event_type = 'SETTING_CHANGED'").fetchall()
    assert len(body) == 1
    assert "max_concurrent_runs" in str(body[0][0])


def test_every_kernel_of_the_project_sees_what_one_of_them_sets(project: Path) -> None:
    with notebook_in(project) as nb:
        other = HistoryClient.connect(project)
        try:
            nb.ok("%config JobKernel.retention_days = 7")
            assert eventually(lambda: other.settings["retention_days"] == 7)
            other.request("set_setting", name="keep_runs", value=123)
            assert eventually(lambda: nb.ok("%config JobKernel.keep_runs").value == 123)
            assert nb.ok("%config JobKernel.retention_days").value == 7
        finally:
            other.close()
    with notebook_in(project) as again:
        assert again.ok("%config JobKernel.keep_runs").value == 123
        changes = again.session.history.sql("select count(*) from events where event_type = 'SETTING_CHANGED'")
        assert changes.fetchall() == [(2,)]


def test_retention_days_may_be_none(nb: Notebook) -> None:
    nb.ok("%config JobKernel.retention_days = None")
    assert nb.session.history.request("settings")["retention_days"] is None


@pytest.mark.parametrize(
    "line", ["max_concurrent_runs = -2", "max_concurrent_runs = 'many'", "retention_days = 0", "keep_runs = 1.5"]
)
def test_a_bad_value_ends_its_cell_with_one_sentence_and_changes_nothing(nb: Notebook, line: str) -> None:
    before = nb.session.history.request("settings")
    ran = nb(f"%config JobKernel.{line}")
    assert isinstance(ran.error, SettingRefused)
    complaint = (ran.printed + ran.complaint).strip()
    assert line.partition(" ")[0] in complaint
    assert "\n" not in complaint
    assert nb.session.history.request("settings") == before
    name = line.partition(" ")[0]
    assert nb.ok(f"%config JobKernel.{name}").value == before[name]


def test_a_refused_value_is_not_met_again_when_jobkernel_is_loaded_again(nb: Notebook) -> None:
    nb.ok("%config JobKernel.max_workers = 3")
    nb("%config JobKernel.max_workers = 'many'")
    nb("%config JobKernel.keep_runs = 'many'")
    nb.ok("%unload_ext jobkernel", "%load_ext jobkernel")
    assert nb.ok("%config JobKernel.max_workers").value == 3
    assert nb.ok("%config JobKernel.keep_runs").value == 10_000


def test_a_configuration_file_that_makes_no_sense_is_refused_in_one_sentence(project: Path) -> None:
    with notebook_in(project, load=False) as nb:
        nb.shell.config.JobKernel.max_workers = "many"
        ran = nb("%load_ext jobkernel")
        assert type(ran.error) is UsageError
        assert "max_workers" in str(ran.error)
        assert "Mend it in ipython_config.py" in str(ran.error)
        nb.shell.config.JobKernel.max_workers = 2
        nb.ok("%load_ext jobkernel")


def test_a_setting_that_is_not_there_ends_its_cell_with_the_nearest(nb: Notebook) -> None:
    ran = nb("%config JobKernel.max_worker = 3")
    assert isinstance(ran.error, SettingRefused)
    assert str(ran.error) == "JobKernel has no setting 'max_worker'. Did you mean 'max_workers'?"
    nb.ok("%config InlineBackend.close_figures = True")


def test_a_configuration_file_gives_the_first_value_and_never_overwrites(project: Path) -> None:
    given = Config({"JobKernel": {"keep_runs": 50}})
    for expected, then in ((50, 60), (60, None)):
        settings = JobKernel(config=given)
        session = open_session(folder=project, settings=settings).session
        try:
            assert settings.keep_runs == expected
            assert session.history.request("settings")["keep_runs"] == expected
            if then is not None:
                settings.keep_runs = then
        finally:
            session.close()


def test_the_kernels_own_settings_count_at_once(nb: Notebook) -> None:
    nb.ok("%config JobKernel.max_workers = 2")
    assert nb.session.pool.size == 2
