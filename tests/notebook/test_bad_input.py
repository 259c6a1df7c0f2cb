"""Whatever is typed wrongly gets one sentence with the remedy, changes nothing and loses nothing."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
from shells import Notebook, notebook_in

from jobkernel.executors import stored


@pytest.mark.parametrize(
    ("cell", "words"),
    [
        ("%%asset a --gruop g\n1", ["--gruop", "--group"]),
        ("%%asset a --retries\n1", ["--retries", "needs a value"]),
        ("%%asset a --retries many\n1", ["many", "whole number"]),
        ("%%asset a --retries 1 --retry-delay soon\n1", ["soon", "30s"]),
        ("%%asset a --timeout=-5s\n1", ["-5s", "below zero"]),
        ("%%asset a b\n1", ["'b'", "one word too many"]),
        ("%%asset\n1", ["name"]),
        ("%%asset 'a b'\n1", ["a b"]),
        ("%%asset a\n", ["empty"]),
        ("%%asset a\n# only a comment", ["a"]),
        ("%%asset a\nx ===", ["Line 2", "x ==="]),
        ("%%asset\ndef a():\n    return 1\ndef b():\n    return 2", ["a", "b"]),
        ("%%asset other\ndef a():\n    return 1", ["other", "a"]),
        ("%%asset my-data\n1", ["'my-data'", "letters, digits and underscores", "try 'my_data'"]),
        ("%%asset a --group 'b c'\n1", ["b c"]),
        ("%%asset a --owner nobody\n1", ["nobody"]),
        ("%%asset a --tag =x\n1", ["--tag"]),
        ("%%asset a --param 1x=3\n1", ["1x"]),
        ("%%asset a --param x:integer=3\n1", ["integer", "int"]),
        ("%%asset a --as pandas\n1", ["--as", "--sql"]),
        ("%%asset a --sql\nselect 1; select 2", ["one"]),
        ("%%asset a --sql\nselect from where", ["a"]),
        ("%%asset a --sql --as csv\nselect 1", ["csv", "pandas"]),
        ("%%asset a --backoff linear\n1", ["--retries"]),
        ("%%asset a --backoff sideways --retries 1\n1", ["sideways", "linear"]),
        ("%%asset a --partitions dayly:2024-01-01\n1", ["'dayly:2024-01-01'", "Did you mean 'daily'?"]),
        ("%%asset a --automation egaer\n1", ["--automation", "eager"]),
        ("%%asset a --executor thread\n1", ["no 'thread'", "Did you mean 'threads'?", "processes", "dask:ADDRESS"]),
        ("%%op a --executor processes:4\n1", ["no 'processes:4'"]),
        ("%%asset a --pool 'd b'\n1", ["'d b'", "no blanks"]),
        ("%%op a --pool 'd b'\n1", ["'d b'", "no blanks"]),
        ("%%asset a --retries -1\n1", ["--retries", "below 0"]),
        ("%%asset a --retries 1 --retry-delay soon\n1", ["--retry-delay", "'soon'", "30s"]),
        ("%%asset a --retries 1 --retry-delay 1s --jitter ful\n1", ["--jitter", "Did you mean 'full'?", "plus-minus"]),
        ("%%job j --executor dusk\n1", ["no 'dusk'", "Did you mean 'dask'?"]),
        ("%%job j --max-concurrent 0\n1", ["--max-concurrent", "below 1"]),
        ("%%job j --priority high\n1", ["--priority", "'high'"]),
        ("%%asset a --description 'open\n1", ["quote"]),
        ("%%op\n1", ["name"]),
        ("%%op a-b\n1", ["a-b"]),
        ("%%job j\n", ["j"]),
        ("%%op a", ["empty"]),
        ("%asset a", ["%asset is for cells", "write %%asset a as a cell's first line"]),
        ("%check", ["%check is for cells", "write %%check as"]),
        ("%%check nowhere big\nTrue", ["nowhere", "no cell defines"]),
        ("%%check\nTrue", ["missing"]),
        ("%%resource r\ndef r(x, y):\n    return 1", ["x", "y"]),
        ("%materialize nothing_here", ["nothing_here"]),
        ("%materialize", ["No asset"]),
        ("%materialize +(", ["("]),
        ("%materialize colour:red", ["colour"]),
        ("%materialize a --partition x", ["nothing defines 'a'"]),
        ("%launch nothing", ["nothing"]),
        ("%launch", ["missing"]),
        ("%job j", ["SELECTION"]),
        ("%job j +a --config {", ["neither JSON nor"]),
        ("%job j +a --max-concurrent two", ["--max-concurrent", "'two'"]),
        ("%job j +a --executor proceses", ["Did you mean 'processes'?"]),
        ("%jk ticks nothing", ["nothing"]),
        ("%jk preview nothing", ["nothing"]),
        ("%schedule nothing on", ["nothing"]),
        ("%schedule a --job j", ["--cron"]),
        ("%schedule a --cron '* * * * *'", ["--job"]),
        ("%schedule a --job j --cron '* * * *'", ["* * * *"]),
        ("%schedule a --job j --cron '0 0 31 4 *'", ["0 0 31 4 *"]),
        ("%schedule a --job j --cron '0 9 * * *' --timezone Europe/Berln", ["Europe/Berln", "Europe/Berlin"]),
        ("%schedule a --job j --cron '0 9 * * *' --catchup some", ["some"]),
        ("%schedule a --job j --cron 0 9 * * *", ["'9'", "A value with blanks is quoted."]),
        ("%schedule a --on", ["--on", "--job and --cron", "%schedule a on"]),
        ("%schedule a on --tag x=y", ["--tag", "use two lines"]),
        ("%schedule --job j --cron '0 9 * * *'", ["--job", "%schedule NAME"]),
        ("%sensor --files '*.csv'", ["--files", "%sensor NAME"]),
        ("%sensor s --every 3s", ["--every", "--files or --asset"]),
        ("%%sensor s --job j --every often\n1", ["often"]),
        ("%%sensor s\n1", ["--job"]),
        ("%logs zzz", ["zzz"]),
        ("%why nothing", ["nothing"]),
        ("%graph nothing", ["nothing"]),
        ("%runs --limit few", ["few"]),
        ("%runs --since yesterday", ["yesterday"]),
        ("%runs --status LOST", ["LOST", "SUCCESS"]),
        ("%jk cancle x", ["cancle", "cancel"]),
        ("%jk cancel zzz", ["zzz"]),
        ("%jk reexecute zzz", ["zzz"]),
        ("%jk forget nothing", ["nothing"]),
        ("%jk forget", ["missing"]),
        ("%jk use", ["missing"]),
        ("%jk use 'a b'", ["a b"]),
    ],
)
def test_wrong_usage_is_one_sentence_and_changes_nothing(nb: Notebook, cell: str, words: list[str]) -> None:
    sentence = nb.refused(cell)
    for word in words:
        assert word in sentence, sentence


def test_a_cycle_lists_its_cells_in_order_and_keeps_what_was_there(nb: Notebook) -> None:
    nb.ok("%%asset a\nc", "%%asset b\na")
    sentence = nb.refused("%%asset c\nb")
    _, _, cells = sentence.partition(" Cells: ")
    assert [part.partition(" in cell ")[0] for part in cells.strip(".").split(", ")] in (
        ["a", "c", "b"],
        ["c", "b", "a"],
        ["b", "a", "c"],
    )
    assert nb.session.registry.assets.keys() == {"a", "b"}


def test_an_upstream_that_no_cell_defines_names_the_nearest(nb: Notebook) -> None:
    nb.ok("%%asset orders\n1", "%%asset total --ins o=order\no")
    sentence = nb.refused("%materialize total")
    assert "'order'" in sentence
    assert "orders" in sentence


def test_a_job_is_no_asset_and_an_asset_no_job_and_each_has_its_own_magic(nb: Notebook) -> None:
    nb.ok("%%asset orders\n1", "%job nightly_report orders")
    assert nb.refused("%materialize nightly_report") == (
        "'nightly_report' is a job; run it with %launch nightly_report."
    )
    assert nb.refused("%launch orders") == "'orders' is an asset; use %materialize orders."
    assert "Did you mean 'nightly_report'?" in nb.refused("%graph nightly_reprt")
    assert "Did you mean 'orders'?" in nb.refused("%graph ordrs")


def test_config_of_the_wrong_type_names_its_path(nb: Notebook) -> None:
    nb.ok("%%asset a --param n:int=1\nn")
    assert "n" in nb.refused("%materialize a --set a.n=many")
    assert "config.m" in nb.refused("%materialize a --set a.m=1")
    assert "neither JSON nor" in nb.refused("%materialize a --config missing_name")
    nb.refused("%materialize a --set n")
    assert nb.session.states.made("a") is None
    assert nb.session.history.query("latest_runs", limit=5) == []


def test_a_value_that_cannot_be_stored_names_io_memory_and_keeps_the_last_good_one(nb: Notebook) -> None:
    nb.ok("%%asset a\n1", "%materialize a", "%%asset a\nimport threading\nthreading.Lock()")
    ran = nb("%materialize a")
    assert "--io memory" in ran.complaint + ran.text
    assert nb.session.load("a") == 1


@pytest.mark.parametrize("body", ["lambda: 1", "import math\nmath", "(n for n in [1])"])
def test_functions_modules_and_generators_are_no_values(nb: Notebook, body: str) -> None:
    nb.ok(f"%%asset a\nx = 1\n{body}")
    ran = nb("%materialize a")
    assert ran.error is not None
    assert nb.session.states.made("a") is None


def test_a_full_disk_fails_the_step_in_a_sentence_and_keeps_the_last_value(
    nb: Notebook, monkeypatch: pytest.MonkeyPatch
) -> None:
    nb.ok("%%asset a\n1", "%materialize a", "%%asset a\n2")

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr("os.replace", full)
        ran = nb("%materialize a")
    assert "No space left" in ran.complaint + ran.text + ran.printed or "full" in ran.complaint + ran.text + ran.printed
    assert nb.session.load("a") == 1
    nb.ok("%materialize a")
    assert nb.session.load("a") == 2


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_project_gets_a_session_in_memory_and_one_line(project: Path) -> None:
    project.chmod(0o555)
    try:
        with notebook_in(project, load=False) as notebook:
            told = notebook.ok("%load_ext jobkernel").printed
            assert told.count("\n") == 1
            assert "memory" in told
            notebook.ok(
                "%%asset a --run\nprint('x')\n1",
                "%logs " + notebook.session.history.query("latest_runs", limit=1)[0]["run_id"],
            )
    finally:
        project.chmod(0o755)


def test_a_project_that_cannot_be_made_gets_a_session_in_memory_and_one_line(project: Path) -> None:
    (project / ".jobkernel").write_text("a file where the folder should be")
    with notebook_in(project, load=False) as notebook:
        ran = notebook("%load_ext jobkernel")
        told = ran.printed + ran.complaint
        assert "memory" in told
        notebook.ok("%%asset a --run\nprint('said')\n1")
        run_id = notebook.session.history.query("latest_runs", limit=1)[0]["run_id"]
        assert "said" in notebook.ok(f"%logs {run_id}").text
    assert (project / ".jobkernel").is_file()


def test_a_history_that_is_no_history_is_refused_at_loading_and_left_as_it_is(project: Path) -> None:
    (project / ".jobkernel").mkdir()
    file = project / ".jobkernel" / "history.duckdb"
    file.write_bytes(b"this is no database" * 100)
    with notebook_in(project, load=False) as notebook:
        ran = notebook("%load_ext jobkernel")
        assert type(ran.error).__name__ == "UsageError"
        assert "history" in str(ran.error)
        assert "\n" not in str(ran.error)
    assert file.read_bytes() == b"this is no database" * 100


def test_a_key_of_another_live_notebook_is_refused_and_can_be_taken_over(
    nb: Notebook, monkeypatch: pytest.MonkeyPatch
) -> None:
    from jobkernel.errors import KeyOwnedElsewhere

    asked: list[bool] = []
    original = nb.session.history.request

    def request(operation: str, **fields: object) -> object:
        if operation == "claim_keys":
            asked.append(bool(fields["take_over"]))
            if not fields["take_over"]:
                raise KeyOwnedElsewhere(
                    "Asset 'a' is defined by other.ipynb, whose kernel is alive; --take-over takes it."
                )
        return original(operation, **fields)

    monkeypatch.setattr(nb.session.history, "request", request)
    assert "other.ipynb" in nb.refused("%%asset a\n1")
    nb.ok("%%asset a --take-over\n1")
    assert asked == [False, True]


NASTY = "<script>alert(1)</script> \x1b[31mred\x1b[0m 🦆 " + "x" * 50


def test_markup_escapes_and_emoji_are_text_wherever_they_come_from(nb: Notebook) -> None:
    nb.names["nasty"] = NASTY
    nb.ok(
        "%%asset a --description '<script>alert(2)</script>' --meta note=nasty --tag k=v\n"
        "import jobkernel as jk\nprint(nasty)\ncontext.log.info(nasty)\n"
        "jk.MaterializeResult(value=nasty, metadata={'<b>name</b>': nasty, 'md': jk.MetadataValue.md(nasty)})",
        "%%asset bad\nraise ValueError(nasty)",
    )
    shown = [nb.ok("%materialize a")]
    run_id = nb.session.history.query("latest_runs", limit=1)[0]["run_id"]
    shown += [
        nb("%materialize bad"),
        nb.ok(f"%logs {run_id}"),
        nb.ok("%why bad"),
        nb.ok("%why a"),
        nb.ok("%runs"),
    ]
    shown += [nb.ok("%graph"), nb.ok("%jk"), nb.ok("%jk sql select * from materializations")]
    for each in shown:
        assert "<script" not in each.markup
        assert "\x1b" not in each.markup
        assert "\x1b" not in "\n".join(str(one["data"].get("text/plain", "")) for one in each.shown)
    assert "🦆" in shown[2].text
    assert "&lt;script&gt;" in shown[2].markup


def test_a_text_of_a_megabyte_is_kept_whole_and_shown_in_part(nb: Notebook) -> None:
    nb.ok(
        "%%asset a\nimport jobkernel as jk\nlong = 'y' * 1_000_000\nprint(long)\n"
        "jk.MaterializeResult(value=long, metadata={'long': long})",
        "%%asset bad\nraise ValueError('z' * 1_000_000)",
    )
    assert len(str(nb.ok("%materialize a").shown)) < 100_000
    assert len(nb.session.load("a")) == 1_000_000
    shown = nb("%materialize bad").shown
    assert len(str(shown)) < 100_000
    assert len(nb.ok("%runs").text) < 100_000
    assert len(nb.ok("%why bad").text) < 100_000


def test_names_with_markup_are_refused_everywhere(nb: Notebook) -> None:
    for cell in ("%%asset '<script>'\n1", "%%op '<b>'\n1", "%%job '<b>'\n1", "%%asset a --group '<b>'\n1"):
        assert "<" in nb.refused(cell)


def test_the_constant_that_names_a_value_s_kind_is_not_shown_as_metadata() -> None:
    assert stored.KIND.startswith("jobkernel/")


@pytest.mark.parametrize(
    "error",
    [
        "HistoryTooNew",
        "HistoryHeld",
        "HistoryCorrupt",
        "NetworkFilesystem",
        "SocketPathTooLong",
        "DiskFull",
        "VersionMismatch",
    ],
)
def test_a_history_that_cannot_be_used_is_one_sentence_at_loading_and_leaves_nothing_loaded(
    project: Path, monkeypatch: pytest.MonkeyPatch, error: str
) -> None:
    from jobkernel import errors
    from jobkernel.engine import opening
    from jobkernel.notebook import current

    def refuse(_folder: Path, **_who: object) -> None:
        raise getattr(errors, error)("The history cannot be used; do this.")

    monkeypatch.setattr(opening.HistoryClient, "connect", refuse)
    with notebook_in(project, load=False) as notebook:
        ran = notebook("%load_ext jobkernel")
        assert type(ran.error).__name__ == "UsageError"
        assert str(ran.error) == "The history cannot be used; do this."
        assert current.find(notebook.shell) is None
        assert "asset" not in notebook.shell.magics_manager.magics["cell"]


def test_a_value_that_another_user_signed_is_not_loaded(nb: Notebook, monkeypatch: pytest.MonkeyPatch) -> None:
    nb.ok("class Thing: pass", "%%asset a\nThing()", "%%asset b\ntype(a).__name__", "%materialize +b")
    pickled = [
        path for path in Path(".jobkernel/values").rglob("*") if path.is_file() and b"Thing" in path.read_bytes()
    ]
    assert pickled
    for path in pickled:
        path.write_bytes(path.read_bytes().replace(b"Thing", b"Think"))
    nb.ok("%unload_ext jobkernel", "%load_ext jobkernel", "%%asset b\ntype(a).__name__", "%jk use a")
    ran = nb("%materialize b")
    assert ran.error is not None
    assert "pickled by somebody else" in ran.complaint
