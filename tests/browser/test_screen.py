"""What a person does and sees in a real JupyterLab: the live graph under a cell, details, runs, lines above cells."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.browser.conftest import Open
from tests.browser.lab import NotebookPage, until

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

LOAD = "%load_ext jobkernel\nimport pathlib, time"
NUMBERS = "%%asset numbers --group source\nprint('counting')\n[1, 2, 3]"
SCALE = "def scaled(number):\n    return number * 10"
SCALED = "%%asset tens --group report --description 'Ten times as much'\n[scaled(each) for each in numbers]"
TOTAL = "%%asset total --group report\nsum(tens)"
GATE = "while not pathlib.Path('go').exists():\n    time.sleep(0.05)"
"""Keeps whatever runs it busy until the test lets it go on, so that no test depends on how long things take."""
GATE_OF_STEP = GATE.replace("'go'", "'go, step'")
BUSY = f"print('be' + 'gun')\n{GATE}\nprint('cell', 'done')"
PIPELINE = (LOAD, NUMBERS, SCALE, SCALED, TOTAL, "%jk")
WIDGET_CELL = 5


def let_go(page: NotebookPage, word: str = "go") -> None:
    (page.lab.files / page.path).with_name(word).touch()


def test_materialize_pressed_while_a_cell_runs_turns_the_graph_fresh_before_the_cell_has_ended(notebook: Open) -> None:
    page = notebook(*PIPELINE, BUSY)
    page.run(0, 1, 2, 3, 4, 5)
    page.view.wait_for(numbers="never", tens="never", total="never")
    page.start(6)
    page.output(6).get_by_text("begun").wait_for()

    page.view.press("Materialize 3 missing")
    page.view.wait_for(numbers="fresh", tens="fresh", total="fresh")

    assert page.is_running(6)
    let_go(page)
    page.until(lambda: not page.is_running(6), "the cell ends")


def test_jupyterlab_goes_on_calling_the_kernel_busy_when_it_has_answered(notebook: Open) -> None:
    page = notebook(LOAD, BUSY)
    page.run(0)
    page.start(1)
    page.output(1).get_by_text("begun").wait_for()

    assert page.answer("snapshot")["ok"]

    assert page.is_running(1)
    assert page.kernel_word() == "busy"
    let_go(page)
    page.until(lambda: page.kernel_word() == "idle", "JupyterLab calls the kernel idle")


def test_a_kernel_without_jobkernel_is_asked_nothing_that_it_does_not_know(notebook: Open) -> None:
    page = notebook("1 + 1", "# import jobkernel, later", LOAD, "%jk")
    page.run(0, 1)
    page.page.wait_for_timeout(3500)  # longer than the last question after a cell that speaks of jobkernel
    page.run(2, 3)
    page.view.wait_for()

    assert "UNKNOWN CONTROL MESSAGE" not in page.lab.log()


def test_cancel_pressed_while_a_cell_runs_ends_the_run_and_nothing_else(notebook: Open) -> None:
    page = notebook(LOAD, f"%%asset slow\n{GATE_OF_STEP}\n1", "%%asset after\nslow", "%jk", BUSY)
    page.run(0, 1, 2, 3)
    page.start(4)
    page.output(4).get_by_text("begun").wait_for()
    page.view.press("Materialize 2 missing")
    page.view.wait_for(slow="running", after="queued")

    page.view.press("Cancel")
    page.view.banner.get_by_text("Canceling: stops after this step").wait_for()
    let_go(page, "go, step")
    page.until(lambda: page.view.button("Cancel").count() == 0, "the run has ended")

    assert page.view.statuses()["after"] in ("never", "canceled")
    assert page.is_running(4)
    page.view.go("Runs")
    page.view.runs.first.get_by_role("img", name="canceled").wait_for()
    let_go(page)
    page.output(4).get_by_text("cell done").wait_for()


def test_the_details_pane_shows_what_was_made_and_why_it_no_longer_holds(notebook: Open) -> None:
    page = notebook(*PIPELINE)
    page.run(0, 1, 2, 3, 4, 5)
    page.view.press("Materialize 3 missing")
    page.view.wait_for(total="fresh")

    pane = page.view.select("tens")
    assert "Ten times as much" in pane.inner_text()
    assert page.view.section("value").inner_text().split() == ["Last", "value", "[10,", "20,", "30]"]
    assert page.view.section("metadata").is_visible()
    page.view.section("code").get_by_text("Code: cell 4").click()
    page.view.section("code").get_by_text("[scaled(each) for each in numbers]").wait_for()
    page.view.select("numbers")
    page.view.section("log").get_by_text("counting").wait_for()

    page.write(2, SCALE.replace("10", "100"))
    page.run(2)
    page.view.wait_for(tens="stale", total="stale", numbers="fresh")
    page.view.select("tens")
    reason = page.view.section("reason")
    reason.get_by_text("scaled").first.wait_for()
    assert "number * 100" in reason.inner_text()


def test_a_failed_run_says_where_and_why_and_runs_again_from_there(notebook: Open) -> None:
    page = notebook(LOAD, NUMBERS, "%%asset broken\nnumbers[7]", "%%asset after\nbroken", "%jk")
    page.run(0, 1, 2, 3, 4)
    page.view.press("Materialize 3 missing")
    page.view.wait_for(numbers="fresh", broken="failed", after="never")

    page.view.go("Runs")
    page.view.runs.first.get_by_text("list index out of range").wait_for()
    page.view.runs.first.click()
    page.view.run.get_by_text("failed at broken").wait_for()
    page.view.run.get_by_text("not run: broken did not succeed").wait_for()
    assert "numbers[7]" in page.view.run.inner_text()
    assert "IndexError" in page.view.run.inner_text()

    first = page.view.run.locator(".jk-rhead code").inner_text()
    page.view.press("Re-run from failure")
    page.until(lambda: page.view.run.locator(".jk-rhead code").inner_text() != first, "the second run is open")
    page.view.go("Runs")
    page.until(lambda: page.view.runs.count() == 2, "the second run is listed")


def test_the_line_above_a_cell_materializes_and_cancels_and_tells(notebook: Open) -> None:
    page = notebook(LOAD, f"%%asset slow\n{GATE}\n[1]", f"%%asset slower\n{GATE_OF_STEP}\n[2]")
    page.run(0, 1, 2)

    page.strip(1).get_by_role("button", name="Materialize").click()
    page.strip(1).get_by_text("Running").wait_for()
    let_go(page)
    page.strip(1).get_by_role("img", name="fresh").wait_for()

    page.strip(2).get_by_role("button", name="Materialize").click()
    page.strip(2).get_by_role("button", name="Cancel").click()
    let_go(page, "go, step")
    page.strip(2).get_by_role("button", name="Materialize").wait_for()


def test_the_line_above_an_op_runs_the_one_job_that_uses_it(notebook: Open) -> None:
    page = notebook(
        LOAD, "%%op fetch --retries 1\n1", "%%op lonely\n2", "%%job nightly\nfetch()", "%%asset -g g named\n1"
    )
    page.run(0, 1, 2, 3, 4)

    page.strip(2).get_by_text("op · used by no job").wait_for()
    assert page.strip(2).get_by_role("button").count() == 0
    page.strip(4).get_by_role("button", name="Materialize").wait_for()
    page.strip(1).get_by_text("op · used by job nightly").wait_for()
    page.strip(1).get_by_role("button", name="Run nightly").click()
    page.strip(1).get_by_role("img", name="fresh").wait_for()


def test_keys_that_end_alike_are_told_apart_in_the_graph_and_in_a_run(notebook: Open) -> None:
    page = notebook(LOAD, "%%asset raw/orders\n1", "%%asset clean/orders -i o=raw/orders\no", "%jk")
    page.run(0, 1, 2, 3)
    page.view.root.get_by_text("raw/orders", exact=True).wait_for()
    page.view.press("Materialize 2 missing")
    page.view.wait_for(**{"raw/orders": "fresh", "clean/orders": "fresh"})

    page.view.go("Runs")
    page.view.runs.first.get_by_text("raw/orders, clean/orders").first.click()
    page.view.run.get_by_text("clean/orders", exact=True).first.wait_for()
    assert "raw__orders" not in page.view.run.inner_text()


def test_search_dims_and_keys_walk_the_graph(notebook: Open) -> None:
    page = notebook(*PIPELINE)
    page.run(0, 1, 2, 3, 4, 5)
    view = page.view
    view.wait_for(numbers="never")

    view.search("tens+")
    page.until(lambda: view.dimmed() == {"numbers"}, "only what is upstream is dimmed")
    view.root.press("Escape")
    view.search("")
    page.until(lambda: not view.dimmed(), "nothing is dimmed")

    view.node("numbers").focus()
    page.page.keyboard.press("ArrowRight")
    page.until(lambda: view.node("tens").evaluate("e => e === document.activeElement"), "the arrow went to tens")
    page.page.keyboard.press("Enter")
    view.section("code").wait_for()
    assert view.pane.inner_text().startswith("tens")
    page.page.keyboard.press("Escape")
    view.pane.wait_for(state="hidden")
    page.page.keyboard.press("m")
    page.until(lambda: "numbers" in view.banner.inner_text(), "the missing upstream is named")


def test_the_screen_opens_as_a_tab_and_leads_back_to_the_cell(notebook: Open) -> None:
    page = notebook(*PIPELINE)
    page.run(0, 1, 2, 3, 4, 5)
    page.view.wait_for(total="never")

    page.view.press("Open in a tab")
    page.tab.wait_for(numbers="never")
    page.tab.press("Materialize 3 missing")
    page.tab.wait_for(numbers="fresh", tens="fresh", total="fresh")
    page.tab.select("total")
    page.tab.pane.get_by_role("button", name="Cell 5").click()
    page.until(lambda: page.page.evaluate("() => jkNotebook.content.activeCellIndex") == 4, "the cell is selected")


def test_a_restarted_kernel_is_told_and_comes_back_by_itself(notebook: Open) -> None:
    page = notebook(*PIPELINE)
    page.run(0, 1, 2, 3, 4, 5)
    page.view.press("Materialize 3 missing")
    page.view.wait_for(total="fresh")

    page.restart()
    page.view.banner.get_by_text("The kernel was restarted").wait_for()
    assert page.view.statuses()["total"] == "fresh", "what was last seen stays"

    page.run(0, 1, 2, 3, 4)
    page.view.wait_for(numbers="fresh", tens="fresh", total="fresh")
    page.until(lambda: page.view.banner.count() == 0, "the line is gone")
    page.view.press("Materialize all")
    page.view.go("Runs")
    page.until(lambda: page.view.runs.count() == 2, "the run before the restart is in the history")


def test_names_and_texts_that_look_like_markup_are_text(notebook: Open) -> None:
    nasty = "<img src=x onerror=window.hacked=1><script>window.hacked=1</script>"
    odd = f"%%asset odd --description '{nasty}'\nprint('{nasty}')\nraise ValueError('{nasty}')"
    page = notebook(LOAD, odd, "%jk")
    page.run(0, 1, 2)
    page.view.press("Materialize 1 missing")
    page.view.wait_for(odd="failed")
    page.view.select("odd")
    for section in ("error", "log"):
        page.view.section(section).get_by_text(nasty).first.wait_for()
    page.view.go("Runs")
    page.view.runs.first.click()
    page.view.run.get_by_text("failed at odd").wait_for()

    assert page.view.root.locator("script, img").count() == 0
    assert page.page.evaluate("() => window.hacked") is None


def test_the_dark_theme_changes_the_screen(notebook: Open) -> None:
    page = notebook(*PIPELINE)
    page.run(0, 1, 2, 3, 4, 5)
    page.view.wait_for(numbers="never")
    light = page.view.root.evaluate(_LIGHTNESS)
    page.theme("JupyterLab Dark")
    page.until(lambda: page.view.root.evaluate(_LIGHTNESS) < 80 < light, "the ground is dark")
    assert page.view.node("tens").locator("b").evaluate("e => getComputedStyle(e).color") != "rgb(0, 0, 0)"


_LIGHTNESS = "e => Math.max(...getComputedStyle(e).backgroundColor.match(/\\d+/g).slice(0, 3).map(Number))"


def test_where_no_extension_draws_it_the_widget_does(notebook: Open) -> None:
    """As in front ends that know anywidget but not our extension."""
    widget = "from jobkernel.notebook import current\nfrom jobkernel.notebook.graph_view import GraphQuery\n"
    widget += "from jobkernel.notebook.widget import JobsWidget\n"
    widget += "JobsWidget(current.find(get_ipython()).publisher, GraphQuery())"
    page = notebook(LOAD, NUMBERS, widget)
    page.run(0, 1, 2)
    page.view.wait_for(numbers="never")
    page.view.press("Materialize 1 missing")
    page.view.wait_for(numbers="fresh")
    assert page.output(2).locator(".jk-output").count() == 0


def test_a_saved_notebook_shows_its_newest_picture_without_its_kernel(notebook: Open, tmp_path: Path) -> None:
    page = notebook(*PIPELINE)
    page.run(0, 1, 2, 3, 4, 5)
    page.view.press("Materialize 3 missing")
    page.view.wait_for(total="fresh")

    def saved() -> dict[str, str]:
        return page.save()["cells"][WIDGET_CELL]["outputs"][0]["data"]

    until(lambda: "numbers: fresh" in "".join(saved()["image/svg+xml"]), "the saved picture is fresh", page.page)
    assert "✓" in "".join(saved()["text/plain"])
    page.lab.end_kernels()
    page.open()
    page.still(WIDGET_CELL).wait_for()
    assert "this is how it looked today" in page.output(WIDGET_CELL).inner_text()
    assert page.still(WIDGET_CELL).evaluate("e => e.complete && e.naturalWidth > 300")
    assert not page.page.evaluate("() => jkNotebook.context.model.dirty"), "looking at it changes nothing"

    page.run(0, 1)
    page.view.wait_for(numbers="fresh")
