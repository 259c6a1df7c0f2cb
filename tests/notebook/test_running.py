"""Running in a real shell: foreground and background, plans, options, failures, output, figures, metadata, binding."""

from __future__ import annotations

import threading

import pytest
from shells import Notebook, Ran
from waiting import eventually

from jobkernel.errors import RunCanceled, RunFailed


def chain(nb: Notebook) -> None:
    nb.ok("%%asset a\n1", "%%asset b\na + 1", "%%asset c\nb + 1")


def test_materialize_binds_what_is_named_literally_and_nothing_else(nb: Notebook) -> None:
    chain(nb)
    told = nb.ok("%materialize +c").text
    assert nb.names["c"] == 3
    assert "a" not in nb.names
    assert "bound c" in told
    assert "3 steps" in told


def test_materialize_says_what_it_replaced(nb: Notebook) -> None:
    nb.ok("a = 'mine'", "%%asset a\n1")
    assert "replaced a" in nb.ok("%materialize a").text
    assert nb.names["a"] == 1


def test_a_selection_by_group_binds_nothing(nb: Notebook) -> None:
    nb.ok("%%asset a -g shop\n1")
    nb.ok("%materialize group:shop")
    assert "a" not in nb.names


def test_a_dry_run_shows_the_plan_and_runs_nothing(nb: Notebook) -> None:
    chain(nb)
    told = nb.ok("%materialize +c --dry-run").text
    assert "3 steps" in told
    assert "Nothing was run" in told
    assert nb.session.states.made("a") is None


def test_a_dry_run_of_what_is_stale_says_what_is_left_out(nb: Notebook) -> None:
    chain(nb)
    nb.ok("%materialize +c", "%%asset c\nb + 2")
    told = nb.ok("%materialize --stale --dry-run").text
    assert "1 step" in told
    assert "Left out, a: fresh" in told


def test_stale_runs_only_what_is_not_fresh(nb: Notebook) -> None:
    chain(nb)
    nb.ok("%materialize +c", "%%asset b\na + 5")
    assert "2 steps" in nb.ok("%materialize --stale").text
    assert nb.session.load("c") == 7
    assert "nothing to run" in nb.ok("%materialize --stale").text


def test_a_background_run_gives_a_handle_at_once(nb: Notebook) -> None:
    nb.ok("import threading\ngate = threading.Event()", "%%asset a --io memory\ngate.wait(10)")
    handle = nb.ok("%materialize a --bg").value
    assert handle.status in ("STARTING", "STARTED")
    nb.names["gate"].set()
    assert handle.wait(10).success
    assert handle.value("a") is True
    assert "SUCCESS" in repr(handle)


def test_config_as_a_notebook_variable_and_tags_and_priority_reach_the_run(nb: Notebook) -> None:
    nb.ok("%%asset a --param n:int=1\nn", "given = {'ops': {'a': {'config': {'n': 9}}}}")
    nb.ok("%materialize a --config given --tag team=data --priority 3")
    assert nb.session.load("a") == 9
    row = nb.session.history.query("latest_runs", limit=1)[0]
    assert (row["tags"]["team"], row["priority"]) == ("data", 3)


def test_a_failed_step_stops_what_is_below_and_no_other_branch(nb: Notebook) -> None:
    nb.ok(
        "%%asset root\n1", "%%asset bad\nroot / 0", "%%asset below\nbad", "%%asset other\nroot", "%%asset leaf\nother"
    )
    ran = nb("%materialize +below +leaf")
    assert isinstance(ran.error, ZeroDivisionError)
    assert "failed after 3 of 5 steps" in ran.text
    assert "ZeroDivisionError: division by zero" in ran.text
    assert "not run: something above it failed" in ran.text
    assert nb.session.load("leaf") == 1


def test_the_last_good_value_survives_a_failure(nb: Notebook) -> None:
    nb.ok("%%asset a\n1", "%materialize a", "%%asset a\n1 / 0")
    nb("%materialize a")
    assert nb.session.load("a") == 1
    told = nb.ok("%why a").text
    assert "failed" in told
    assert "last good value" in told


def test_raise_for_status_names_the_steps_of_a_background_run(nb: Notebook) -> None:
    nb.ok("%%asset bad\n1 / 0", "%%asset below\nbad")
    handle = nb.ok("%materialize bad below --bg").value.wait(10)
    with pytest.raises(RunFailed, match=r"failed at bad; 1 below did not run") as raised:
        handle.raise_for_status()
    assert isinstance(raised.value.__cause__, ZeroDivisionError)


def test_an_upstream_that_was_never_made_is_named_with_the_remedy(nb: Notebook) -> None:
    chain(nb)
    sentence = nb.refused("%materialize c")
    assert "'b'" in sentence
    assert "+c" in sentence


def test_output_of_a_background_run_goes_to_its_log_and_into_no_cell(nb: Notebook) -> None:
    nb.ok(
        "import threading\nbegun, gate = threading.Event(), threading.Event()",
        "%%asset a --io memory\nimport sys, logging\nprint('out')\nprint('err', file=sys.stderr)\n"
        "logging.getLogger('mine').warning('logged')\ncontext.log.info('told')\nbegun.set()\ngate.wait(10)\nprint('end')",
    )
    handle = nb.ok("%materialize a --bg").value
    assert nb.names["begun"].wait(10)
    ran = nb.ok("print('mine')")
    assert ran.printed.strip() == "mine"
    nb.names["gate"].set()
    handle.wait(10).raise_for_status()
    told = nb.ok(f"%logs {handle.run_id[:8]}").text
    for word in ("out", "err", "logged", "told", "end"):
        assert word in told
    assert "stderr" in told


def test_displayed_objects_and_figures_stay_with_their_step(nb: Notebook) -> None:
    nb.ok(
        "import matplotlib\nmatplotlib.use('agg')\nimport matplotlib.pyplot as plt",
        "%%asset drawn\nfrom IPython.display import display, HTML\ndisplay(HTML('<b>bold</b>'))\n"
        "plt.figure()\nplt.plot([1, 2])\nplt.show()\nlen(plt.get_fignums())",
    )
    handle = nb.ok("%materialize drawn --bg").value.wait(20)
    handle.raise_for_status()
    assert nb.ok("plt.get_fignums()").value == []
    levels = {line["level"] for line in nb.session.records.log_lines(handle.run_id)}
    assert "display" in levels


def test_a_figure_that_is_the_value_is_shown_once(nb: Notebook) -> None:
    nb.ok(
        "import matplotlib\nmatplotlib.use('agg')\nimport matplotlib.pyplot as plt",
        "%%asset plot\nfig, ax = plt.subplots()\nax.plot([1, 3, 2])\nax.set_title('one')\nfig",
        "%%asset other\nfrom matplotlib.figure import Figure\nplt.plot([1, 2])\nfig = Figure()\nfig.subplots()\nfig",
    )
    assert pictures(nb.ok("%materialize plot")) == 1
    assert pictures(nb.ok("%materialize other")) == 2


def pictures(ran: Ran) -> int:
    return sum("image/png" in each["data"] for each in ran.shown) + ran.markup.count("<img ")


def test_retries_try_again_and_say_so(nb: Notebook) -> None:
    nb.ok(
        "%%asset a --retries 2 --retry-delay 0.01s\nprint('try', context.retry_number)\n"
        "if context.retry_number < 2: raise ValueError('no')\n'made'",
        "%materialize a",
    )
    assert nb.session.load("a") == "made"
    found = nb.session.history.sql("select status, run_id from steps order by attempt").fetchall()
    assert [row[0] for row in found] == ["UP_FOR_RETRY", "UP_FOR_RETRY", "SUCCESS"]
    for asked in (found[0][1], f"{found[0][1]} a"):
        told = nb.ok(f"%logs {asked}").text
        assert [f"try {number}" in told for number in range(3)] == [True] * 3


def test_a_canceled_background_run_says_so_and_lets_the_kernel_go_on(nb: Notebook) -> None:
    nb.ok("%%asset slow\nimport time\nfor _ in range(1000): time.sleep(0.01)", "%%asset below\nslow")
    handle = nb.ok("%materialize slow below --bg").value
    eventually(lambda: handle.live.active.in_flight)
    assert "slow" in nb.ok(f"%jk cancel {handle.run_id[:8]}").text
    nb.ok(f"%jk cancel {handle.run_id[:8]} --force")
    assert handle.wait(10).status == "CANCELED"
    assert nb.ok("1 + 1").value == 2


def test_reexecution_from_failure_runs_what_failed_and_what_is_below(nb: Notebook) -> None:
    nb.ok("broken = True", "%%asset a\n1", "%%asset b\nif broken: raise ValueError('no')\na", "%%asset c\nb")
    nb("%materialize +c")
    run_id = nb.session.history.query("latest_runs", limit=1)[0]["run_id"]
    nb.ok("broken = False")
    handle = nb.ok(f"%jk reexecute {run_id[:8]} --from-failure").value.wait(10)
    assert list(handle.live.plan.steps) == ["b", "c"]
    assert handle.success
    row = nb.session.history.query("latest_runs", limit=1)[0]
    assert (row["parent_run_id"], row["trigger"]) == (run_id, "reexecution")


def test_automatic_metadata_says_rows_columns_bytes_and_time(nb: Notebook) -> None:
    nb.ok("import pandas", "%%asset t\npandas.DataFrame({'n': [1, 2, 3], 'w': ['a', 'b', 'c']})", "%materialize t")
    made = nb.session.states.made("t")
    assert made is not None
    assert made.metadata["dagster/row_count"]["value"] == 3
    row = nb.session.history.sql("select metadata from materializations").fetchall()[0][0]
    for word in ("row_count", "column_schema", "bytes"):
        assert word in str(row)
    shown = nb.ok("%materialize t").markup
    assert "3 rows × 2 columns" in shown


METADATA = """import jobkernel as jk
jk.MaterializeResult(value=1, metadata={
    'text': 'plain', 'int': 3, 'float': 2.5, 'bool': True, 'none': None, 'list': [1, 2],
    'md': jk.MetadataValue.md('**bold**'), 'url': jk.MetadataValue.url('https://example.org'),
    'path': jk.MetadataValue.path('/data/x'), 'json': jk.MetadataValue.json({'k': 1}),
    'notebook': jk.MetadataValue.notebook('/n.ipynb'), 'when': jk.MetadataValue.timestamp(1.0),
    'asset': jk.MetadataValue.asset(jk.AssetKey('other')), 'job': jk.MetadataValue.job('j', 'here'),
    'run': jk.MetadataValue.dagster_run('abc'),
})"""


def test_every_kind_of_metadata_is_kept_and_shown(nb: Notebook) -> None:
    nb.ok(f"%%asset a\n{METADATA}", "%materialize a")
    from jobkernel.notebook import current

    kernel = current.find(nb.shell)
    assert kernel is not None
    answer = kernel.publisher.requests.answer({"id": 1, "op": "details", "key": "a"})
    shown = {row["name"]: row for row in answer["result"]["metadata"]}
    for name in ("text", "int", "float", "bool", "none", "list", "md", "url", "path", "json", "notebook", "when"):
        assert isinstance(shown[name]["text"], str)
    assert shown["url"]["kind"] == "url"
    assert shown["asset"]["value"] is not None


def test_a_run_shows_no_progress_when_quick_and_one_line_when_slow(nb: Notebook) -> None:
    nb.ok("%%asset quick\n1", "%%asset slow\nimport time\ncontext.log.info('x')\ntime.sleep(0.6)\n2")
    assert len(nb.ok("%materialize quick").shown) == 1
    ran = nb.ok("%materialize slow")
    assert len(ran.shown) == 1, "the result takes the place of the progress"
    assert "1 step" in ran.text


def test_an_interrupt_in_the_foreground_cancels_the_run_and_nothing_else(nb: Notebook) -> None:
    import signal

    nb.ok("%%asset slow\nimport time\nfor _ in range(2000): time.sleep(0.01)", "%%asset below\nslow")
    timer = threading.Timer(0.8, signal.raise_signal, (signal.SIGINT,))
    timer.start()
    ran = nb("%materialize slow below")
    timer.join()
    assert isinstance(ran.error, RunCanceled)
    told = ran.text + ran.complaint
    assert told.count("canceled after") == 1
    assert "UsageError" not in told
    assert "This cell stopped with its run." in told
    assert "Traceback" not in told
    row = nb.session.history.query("latest_runs", limit=1)[0]
    assert row["status"] == "CANCELED"
    assert nb.ok("1 + 1").value == 2


def test_the_history_is_a_table_and_sql_asks_it(nb: Notebook) -> None:
    nb.ok("%%asset a\n1", "%materialize a", "%%asset b\n1/0")
    nb("%materialize b")
    told = nb.ok("%runs").text
    assert "SUCCESS" in told
    assert "FAILURE" in told
    assert len(nb.ok("%runs --status failure").value.fetchall()) == 1
    assert len(nb.ok("%runs --limit 1").value.fetchall()) == 1
    assert len(nb.ok("%runs --since 24h").value.df()) == 2
    found = nb.ok("import jobkernel as jk", "jk.sql('select count(*) from runs')").value
    assert found.fetchall() == [(2,)]
    assert nb.ok("%jk sql select status from runs order by queued_at limit 1").value.fetchall() == [("SUCCESS",)]


@pytest.mark.parametrize(
    "query",
    [
        "drop table runs",
        "copy runs to 'x.csv'",
        "attach 'x.db'",
        "select 1; select 2",
        "select * from 'secrets.csv'",
        "",
    ],
)
def test_sql_refuses_all_but_one_select_over_the_history(nb: Notebook, query: str) -> None:
    nb.refused(f"%jk sql {query}")


def test_the_door_functions_say_the_same_as_the_magics(nb: Notebook) -> None:
    nb.ok("import jobkernel as jk", "%%asset a\n[1]", "%materialize a")
    assert nb.ok("jk.load('a')").value == [1]
    assert nb.ok("jk.why('a')").text == nb.ok("%why a").text
    assert nb.ok("jk.session()").value is nb.session


def test_prune_says_what_it_would_delete(nb: Notebook) -> None:
    nb.ok("%%asset a\n1", "%materialize a")
    assert "would delete" in nb.ok("%jk prune --dry-run").text
    assert "deleted" in nb.ok("%jk prune").text
    assert nb.session.load("a") == 1


def test_a_log_is_followed_until_its_run_ends(nb: Notebook) -> None:
    nb.ok("%%asset a\nimport time\nprint('one')\ntime.sleep(0.5)\nprint('two')")
    handle = nb.ok("%materialize a --bg").value
    ran = nb.ok(f"%logs {handle.run_id[:8]} a -f")
    assert [line.split()[-1] for line in ran.printed.splitlines()] == ["one", "two"]
    assert ran.value.text == f"✓ run {handle.run_id[:8]} of a: SUCCESS"


def test_a_foreground_run_shows_what_its_steps_print_and_display_in_its_cell(nb: Notebook) -> None:
    nb.ok(
        "%%asset a\nimport sys\nfrom IPython.display import HTML, display\nprint('said')\n"
        "print('warned', file=sys.stderr)\ndisplay(HTML('<i>shown</i>'))\ncontext.log.info('logged %s', 1)\n"
        "context.log.warning('mind')\ncontext.log.debug('detail')\n1"
    )
    ran = nb.ok("%materialize a")
    assert (ran.printed, ran.complaint) == ("said\nINFO logged 1\n", "warned\nWARNING mind\n")
    assert "<i>shown</i>" in ran.markup
    assert ran.text.index("1 step") < ran.text.index("HTML")


def test_a_foreground_run_of_several_steps_names_who_prints(nb: Notebook) -> None:
    nb.ok("%%asset a\nprint('one')\n1", "%%asset b\nprint('two')\na")
    assert nb.ok("%materialize +b").printed == "a: one\nb: two\n"


def test_what_is_printed_while_a_foreground_run_goes_on_comes_at_once(nb: Notebook) -> None:
    nb.ok("%%asset a\nimport time\nprint('early')\ntime.sleep(0.9)\n1")
    seen: list[str] = []
    timer = threading.Timer(0.8, lambda: seen.append(nb.out.getvalue()))
    timer.start()
    nb.ok("%materialize a")
    timer.join()
    assert seen == ["early\n"]


def test_a_flood_of_lines_is_left_to_the_log_of_its_step(nb: Notebook) -> None:
    nb.ok("%%asset a\nfor n in range(5000): print(n)\n1")
    printed = nb.ok("%materialize a").printed.splitlines()
    run_id = nb.session.history.query("latest_runs", limit=1)[0]["run_id"]
    assert printed[:500] == [str(n) for n in range(500)]
    assert printed[500:] == [f"… more lines are in %logs {run_id[:8]} a (its first and last 5 MB)"]


def test_as_many_lines_as_a_cell_shows_are_no_flood(nb: Notebook) -> None:
    nb.ok("%%asset a\nfor n in range(500): print(n)\n1")
    assert len(nb.ok("%materialize a").printed.splitlines()) == 500


def test_a_step_over_its_timeout_is_stopped_and_fails_with_a_sentence(nb: Notebook) -> None:
    nb.ok("%%asset a --timeout 0.2s\nimport time\nwhile True: time.sleep(0.01)", "%%asset b\na")
    ran = nb("%materialize a b")
    assert "took longer than its timeout of 0.2 s" in ran.complaint + ran.text
    row = nb.session.history.query("latest_runs", limit=1)[0]
    assert row["status"] == "FAILURE"


def test_a_timeout_is_per_attempt_and_retries_apply(nb: Notebook) -> None:
    nb.ok(
        "%%asset a --timeout 0.3s --retries 1\nimport time\n"
        "for _ in range(500 if context.retry_number == 0 else 1): time.sleep(0.01)\n'made'",
        "%materialize a",
    )
    assert nb.session.load("a") == "made"


def test_sql_keeps_its_quotes(nb: Notebook) -> None:
    nb.ok("%%asset a\n1", "%materialize a")
    assert nb.ok("%jk sql select 'it''s' as \"x y\" from runs where status = 'SUCCESS'").value.fetchall() == [("it's",)]


def test_a_plan_names_assets_by_their_keys(nb: Notebook) -> None:
    nb.ok("%%asset sales/eu\nprint('x')\n1", "%%asset b\neu")
    assert "sales/eu" in nb.ok("%materialize +b --dry-run").text
    assert nb.ok("%materialize +b").printed == "sales/eu: x\n"


def test_runs_of_assets_are_called_by_them_with_times_to_the_second_in_utc(nb: Notebook) -> None:
    nb.ok("%%asset a --param n:int=1\nn", "%%asset b\na", "%materialize a b")
    table = nb.ok("%runs").value
    (row,) = (dict(zip(table.columns, cells, strict=True)) for cells in table.fetchall())
    assert row["job"] == "a, b"
    assert row["queued_at (UTC)"].microsecond == 0
    assert "of a:" in repr(nb.ok("%materialize a --bg").value.wait(10))
    assert "__ASSET_JOB" not in nb.refused('%materialize a --config \'{"ops": {"zzz": {}}}\'')
