"""The log of a run says what became of steps that were canceled, and which hook failed."""

from __future__ import annotations

from shells import Notebook


def test_a_canceled_step_says_so_in_the_log(nb: Notebook) -> None:
    nb.ok("import time", "%%asset sleepy\nwhile True:\n    context.check_canceled()\n    time.sleep(0.01)")
    handle = nb.ok("%materialize sleepy --bg").value
    while not handle.live.active.in_flight:
        assert not handle.live.active.ended.wait(0.01)
    handle.cancel()
    assert handle.wait(10).status == "CANCELED"

    assert "⊘ sleepy was canceled: stopped" in nb.ok(f"%logs {handle.run_id}").text


def test_a_hook_that_fails_is_in_the_log_of_its_step(nb: Notebook) -> None:
    nb.ok(
        "import jobkernel as jk",
        "@jk.failure_hook\ndef alarm(context):\n    raise RuntimeError('mail server down')",
        "%%op boom\n1 / 0",
        "%%job alarming\nboom.with_hooks({alarm})()",
    )
    handle = nb.ok("%launch alarming").value.wait(10)

    assert handle.status == "FAILURE"
    assert "Hook 'alarm' failed: RuntimeError: mail server down" in nb.ok(f"%logs {handle.run_id}").text
