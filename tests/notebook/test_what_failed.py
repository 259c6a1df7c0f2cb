"""What failed is seen: checks, each step's own error, the log's end and the handle's text."""

from __future__ import annotations

from shells import Notebook


def test_a_failed_check_is_seen_in_the_result_the_reasons_and_the_graph(nb: Notebook) -> None:
    nb.ok("%%asset a\n[]", "%%check a filled\nlen(a) > 0", "%%check a small --severity WARN\nlen(a) > 3")
    told = nb.ok("%materialize a").text
    assert "✕ check filled of a failed (ERROR)" in told
    assert "⚠ check small of a failed (WARN)" in told
    assert "✕ check filled of a failed (ERROR)" in nb.ok("%why a").text
    assert "a  ✕ 1 check failed  ⚠ 1 check warned" in nb.ok("%graph").text


def test_a_check_that_passed_is_not_called_failed(nb: Notebook) -> None:
    nb.ok("%%asset a\n[1]", "%%check a filled\nlen(a) > 0")
    told = nb.ok("%materialize a").text + nb.ok("%why a").text + nb.ok("%graph").text
    assert "fail" not in told


def test_a_check_that_was_only_defined_has_a_neutral_mark(nb: Notebook) -> None:
    assert nb.ok("%%asset a\n1", "%%check a big\na > 0").text.strip().startswith("○ check big of a")


def test_each_failed_step_names_its_own_error(nb: Notebook) -> None:
    nb.ok("%%asset a\n1 / 0", "%%asset b\n{}['y']")
    told = nb("%materialize a b").text
    assert "ZeroDivisionError: division by zero" in told
    assert "KeyError: 'y'" in told


def test_the_log_of_a_failed_run_ends_with_the_error_of_each_failed_attempt(nb: Notebook) -> None:
    nb.ok("%%asset x --retries 1\nprint('looking')\n{}['y']", "%%asset z\n1 / 0")
    handle = nb.ok("%materialize x z --bg").value.wait(10)
    told = nb.ok(f"%logs {handle.run_id} x").text
    assert (
        told.index("looking")
        < told.index("✕ x (attempt 1) failed: KeyError: 'y'")
        < told.index("✕ x (attempt 2) failed")
    )
    assert told.count("Traceback (most recent call last)") == 2
    assert "ZeroDivisionError" not in told
    assert "✕ z failed: ZeroDivisionError" in nb.ok(f"%logs {handle.run_id}").text


def test_the_handle_of_a_failed_run_names_the_error(nb: Notebook) -> None:
    nb.ok("%%asset x\n{}['y']")
    assert "failed at x: KeyError: 'y'" in repr(nb.ok("%materialize x --bg").value.wait(10))
