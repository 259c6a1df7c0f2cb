"""A name that a body does not find at run time: the error stays Python's, and a hint stands below it."""

from __future__ import annotations

from pathlib import Path

import pytest
from shells import Notebook
from waiting import eventually

from jobkernel.errors import nearest


def test_the_nearest_asset_is_named_below_the_error(nb: Notebook) -> None:
    nb.ok("%%asset total\n1", "%%asset report\ntotl + 1")
    ran = nb("%materialize report")
    assert type(ran.error) is NameError
    assert ran.error.args == ("name 'totl' is not defined",)
    assert "Did you mean the asset 'total'?" in ran.printed + ran.complaint


def test_the_nearest_variable_is_named_below_the_error(nb: Notebook) -> None:
    nb.ok("threshold_of_all = 3", "%%asset report\nthreshold_of_al + 1")
    ran = nb("%materialize report")
    assert "Did you mean 'threshold_of_all'?" in ran.printed + ran.complaint


def test_a_name_like_nothing_is_said_to_be_nobody_s(nb: Notebook) -> None:
    nb.ok("%%asset report\nqqzzxxy + 1")
    ran = nb("%materialize report")
    assert "No asset and no variable of the notebook is called 'qqzzxxy'." in ran.printed + ran.complaint


def test_a_name_that_only_text_names_is_told_to_be_there(nb: Notebook) -> None:
    nb.ok("late = 3", "%%asset report\neval('late') + 1")
    ran = nb("%materialize report")
    assert "'late' is defined in the notebook now; it was not when the run was launched" in ran.printed + ran.complaint


def test_the_log_of_a_run_in_the_background_has_the_hint_too(nb: Notebook) -> None:
    nb.ok("%%asset report\nlate + 1")
    handle = nb.session.launch(nb.session.plan(["report"])).wait()
    nb.ok("late = 3")
    told = nb.ok(f"%logs {handle.run_id[:8]}").text
    assert told.rstrip().endswith(
        "NameError: name 'late' is not defined\n'late' is defined in the notebook now; it was not when the run was"
        " launched, or the code does not name it."
    )


def test_a_variable_of_the_shell_is_not_needed_of_the_notebook(nb: Notebook, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHELLS_OWN", "from the shell")
    told = nb.ok("%%asset said\nlines = !echo $SHELLS_OWN\nlines[0]").text
    assert "needs" not in told
    nb.ok("%materialize said")
    assert nb.session.load("said") == "from the shell"


def test_a_variable_of_the_notebook_and_an_asset_come_before_the_shell_s(nb: Notebook) -> None:
    nb.ok("user = 'Ada'", "%%asset home\n'/h'")
    told = nb.ok("%%asset said\nlines = !echo $user $home\nlines[0]").text
    assert "from home" in told
    nb.ok("%materialize home said")
    assert nb.session.load("said") == "Ada /h"


@pytest.mark.parametrize("line", ["!echo {nobodys}", "!echo $nobodys\nnobodys", "!echo $nobodys {nobodys + 1}"])
def test_what_only_python_can_know_is_needed(nb: Notebook, line: str) -> None:
    assert "needs nobodys, which nothing defines yet" in nb.ok(f"%%asset said\n{line}\n1").text


@pytest.mark.parametrize("file", ["x.csv", "data/*.parquet", "https://host/x", "~/x", "/abs/x", "s3://bucket/x"])
def test_a_file_that_a_query_reads_is_no_name_that_is_needed(nb: Notebook, file: str) -> None:
    told = nb.ok(f"%%asset said --sql\nselect * from '{file}' join nobodys using (id)").text
    assert "needs nobodys, which nothing defines yet" in told
    assert file not in told


def test_a_file_beside_the_notebook_is_read_by_a_query(nb: Notebook, project: Path) -> None:
    (project / "x.csv").write_text("a\n1\n2\n")
    nb.ok(f"%%asset said --sql\nselect sum(a) as s from '{project / 'x.csv'}'", "%materialize said")
    assert nb.session.load("said").to_pylist() == [{"s": 3}]


@pytest.mark.parametrize(
    ("name", "near"), [("or", None), ("o", None), ("sal", None), ("tax", "taxi"), ("ordes", "orders")]
)
def test_a_short_name_is_like_names_of_its_length_only(name: str, near: str | None) -> None:
    assert nearest(name, ["orders", "sales_by_day", "taxi", "customers"]) == near


@pytest.mark.parametrize(
    ("name", "known", "near"),
    [
        ("src2", ["s", "src"], "src"),
        ("nosuch", ["o", "fn"], None),
        ("export", ["partition_loading_context"], None),
        ("rec", ["rec"], None),
        ("b", ["c", "a/b"], "a/b"),
        ("--bogus", ["--io", "--ins"], None),
        ("--grup", ["--io", "--group"], "--group"),
        ("delay", ["carriers", "carrier_delay"], "carrier_delay"),
    ],
)
def test_what_is_proposed_is_like_the_whole_name_and_never_the_name_itself(
    name: str, known: list[str], near: str | None
) -> None:
    assert nearest(name, known) == near


def test_an_asset_that_reads_itself_is_told_so_and_not_its_own_name(nb: Notebook) -> None:
    ran = nb("%%asset rec --run\nrec")
    assert "needs rec, which is itself: assign it before it is used" in ran.text
    assert "Did you mean" not in ran.text
    assert "or makes it itself" in str(getattr(ran.error, "__notes__", ""))


@pytest.mark.parametrize("word", ["exit", "quit"])
def test_a_body_that_would_end_the_kernel_is_told_that_its_step_ends_with_it(nb: Notebook, word: str) -> None:
    ran = nb(f"%%asset last --run\n{word}()")
    assert type(ran.error) is NameError
    assert ran.error.__notes__ == [
        f"A step ends with its body; '{word}' is for the notebook. To fail it, raise an error."
    ]


def test_other_errors_get_no_hint(nb: Notebook) -> None:
    nb.ok("%%asset report\ndef report():\n    if False:\n        x = 1\n    return x", "x = 2")
    ran = nb("%materialize report")
    assert type(ran.error) is UnboundLocalError
    assert not hasattr(ran.error, "__notes__")


@pytest.mark.parametrize("magic", ["%%sensor s --job j --every 1h --on", '%%schedule s --job j --cron "* * * * *"'])
def test_the_body_of_a_schedule_or_sensor_is_told_how_to_read_an_asset(nb: Notebook, magic: str) -> None:
    nb.ok("%%asset orders\n[1]", "%job j orders", f"{magic}\nSkipReason(str(orders))")
    hint = "'orders' is an asset, and the body of a schedule or sensor gets none: jk.load(\"orders\") reads its value."
    ran = nb("%jk preview s")
    assert type(ran.error) is NameError
    assert hint in ran.printed + ran.complaint
    if magic.startswith("%%sensor"):
        eventually(lambda: "FAILURE" in nb("%sensor s").text, "a look")
        assert hint in nb("%sensor s").text
    nb.ok(f"{magic}\nSkipReason(str(ordres))")
    ran = nb("%jk preview s")
    assert "Did you mean the asset 'orders'?" in ran.printed + ran.complaint
