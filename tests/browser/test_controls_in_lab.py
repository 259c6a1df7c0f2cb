"""Runs in a real JupyterLab: why they wait, what canceling does, running again, and who is told of their end."""

from __future__ import annotations

import pytest

from tests.browser.conftest import Open
from tests.browser.lab import Lab, NotebookPage
from tests.browser.test_screen import GATE_OF_STEP, LOAD, let_go

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

SLOW = f"%%asset slow\n{GATE_OF_STEP}\n1"
ONE_AT_A_TIME = "%config JobKernel.max_concurrent_runs = 1"
STUCK = "%%asset stuck\nprint('begun')\nwhile True:\n    time.sleep(0.01)"
FLAKY = "%%asset middle\nif not pathlib.Path('mended').exists():\n    raise ValueError('broken')\nfirst + 1"
CHAIN = ("%%asset first\n1", FLAKY, "%%asset last\nmiddle + 1")
NASTY = "<img src=x onerror=window.hacked=1>"


def mend(page: NotebookPage) -> None:
    let_go(page, "mended")


def test_a_queued_run_says_why_it_waits_in_every_notebook_and_leaves_the_queue_from_any(notebook: Open) -> None:
    page = notebook(
        LOAD, ONE_AT_A_TIME, SLOW, "%%asset quick\n1", "%job long slow\n%job brief quick --priority 3", "%launch long",
        "%launch brief", "%jk",
    )  # fmt: skip
    page.run(0, 1, 2, 3, 4, 5, 6, 7)
    page.view.go("Runs")
    waiting = page.view.run_of("brief")
    waiting.get_by_text("1 of 1 runs are running (max_concurrent_runs)").wait_for()
    assert "priority 3" in waiting.inner_text()

    other = notebook(LOAD, "%jk", name="other.ipynb")
    other.run(0, 1)
    other.view.go("Runs")
    other.view.run_of("brief").get_by_text("1 of 1 runs are running (max_concurrent_runs)").wait_for()
    other.view.run_of("brief").get_by_role("button", name="Cancel: it leaves the queue").click()

    waiting.get_by_role("img", name="canceled").wait_for()
    other.view.run_of("brief").get_by_role("img", name="canceled").wait_for()
    let_go(page, "go, step")
    other.view.run_of("long").get_by_role("img", name="succeeded").wait_for()


def test_a_paused_queue_is_named_above_every_page(notebook: Open) -> None:
    page = notebook(LOAD, "%%asset quick\n1", "%jk", ONE_AT_A_TIME.replace("1", "0"), ONE_AT_A_TIME)
    page.run(0, 1, 2, 3)
    page.view.button("The queue is paused (max_concurrent_runs is 0)").wait_for()
    page.view.press("Materialize 1 missing")
    page.view.button("The queue is paused (max_concurrent_runs is 0), 1 run waits").wait_for()
    page.run(4)
    page.view.wait_for(quick="fresh")
    page.until(lambda: page.view.root.locator(".jk-queue button").count() == 0, "nothing of the queue is said")


def test_cancel_says_what_it_will_do_and_the_second_press_forces(notebook: Open) -> None:
    page = notebook(LOAD, STUCK, "%jk")
    page.run(0, 1, 2)
    page.view.press("Materialize 1 missing")
    page.view.wait_for(stuck="running")
    page.view.go("Runs")
    page.view.runs.first.click()
    page.view.run.get_by_text("begun").wait_for()

    first = page.view.run.get_by_role("button", name="Cancel", exact=True)
    page.until(lambda: first.get_attribute("title") == "Cancel: stops after this step: stuck", "the title says it")
    first.click()
    again = page.view.run.get_by_role("button", name="Cancel again")
    again.wait_for()
    assert str(again.get_attribute("title")).startswith("Cancel again: interrupts stuck, its DuckDB queries and")
    again.click()
    page.view.run.locator(".jk-became", has_text="canceled").wait_for()


def test_a_run_goes_on_from_its_failure_and_a_chosen_step_runs_again(notebook: Open) -> None:
    page = notebook(LOAD, *CHAIN, "%jk")
    page.run(0, 1, 2, 3, 4)
    page.view.press("Materialize 3 missing")
    page.view.wait_for(middle="failed")
    page.view.go("Runs")
    page.view.runs.first.click()
    page.view.run.locator(".jk-became", has_text="failed at middle").wait_for()
    mend(page)
    page.view.press("Re-run from failure")
    page.view.run.locator(".jk-became", has_text="succeeded").wait_for()
    assert page.view.step("first").count() == 0, "what was done is not done again"
    assert "Run again from failure of" in page.view.run.inner_text()

    page.view.step("last").click()
    page.view.run_again("Only last")
    page.until(lambda: page.view.step("middle").count() == 0, "the new run is open")
    page.view.run.locator(".jk-became", has_text="succeeded").wait_for()

    page.view.press("Back to runs (Esc)")
    page.until(lambda: page.view.runs.count() == 3, "three runs")
    under = page.view.runs.evaluate_all("all => all.map(e => e.classList.contains('jk-under'))")
    assert under == [False, True, True]


def test_attempts_at_a_step_are_shown_with_their_errors(notebook: Open) -> None:
    again = (
        "%%asset again --retries 1 --retry-delay 0.5\nif context.retry_number == 0:\n    raise ValueError('once')\n1"
    )
    page = notebook(LOAD, again, "%jk")
    page.run(0, 1, 2)
    page.view.press("Materialize 1 missing")
    page.view.wait_for(again="fresh")
    page.view.go("Runs")
    page.view.runs.first.click()
    page.view.step("again").get_by_text("2 attempts").wait_for()
    page.view.step("again").click()
    lines = page.view.run.locator(".jk-try")
    page.until(lambda: lines.count() == 2, "a line for each attempt")
    assert lines.nth(0).inner_text().split("\n")[:3] == ["attempt 1", "ValueError: once", "again in 0.5 s"]


def test_a_run_that_fails_in_the_background_is_told_of_once_and_its_button_opens_it(notebook: Open) -> None:
    broken = f"%%asset broken\nraise ValueError('{NASTY}')"
    page = notebook(LOAD, "%%asset seen\nraise ValueError('here')", broken, "%materialize seen", "%jk", "%jk")
    page.run(0, 1, 2, 3, 4, 5)
    page.view.press("Open in a tab")
    page.tab.wait_for(broken="never", seen="failed")
    page.tab.select("broken")
    page.tab.pane.get_by_role("button", name="Materialize", exact=True).click()

    page.notifications.get_by_text("broken failed").wait_for()
    page.tab.wait_for(broken="failed")
    assert page.notifications.count() == 1, "one, and none of the run whose cell was in view"
    assert NASTY in page.notifications.inner_text()
    page.notifications.get_by_role("button", name="Show").click()
    page.tab.run.locator(".jk-became", has_text="failed at broken").wait_for()
    assert page.page.evaluate("() => window.hacked") is None


def test_a_long_run_that_succeeds_is_told_of_as_the_settings_say(notebook: Open, lab: Lab) -> None:
    lab.set(longRunSeconds=0)
    page = notebook(LOAD, "%%asset quick\ntime.sleep(0.01)", "%jk")
    page.run(0, 1, 2)
    page.view.press("Materialize 1 missing")
    page.notifications.get_by_text("quick succeeded").wait_for()

    lab.set(longRunSeconds=0, notifications="failures")
    page = notebook(LOAD, "%%asset calm\ntime.sleep(0.01)", "%%asset bad\n1 / 0", "%jk", name="calm.ipynb")
    page.run(0, 1, 2, 3)
    page.view.press("Materialize 2 missing")
    page.notifications.get_by_text("failed").wait_for()
    page.view.wait_for(calm="fresh", bad="failed")
    assert page.notifications.count() == 1
