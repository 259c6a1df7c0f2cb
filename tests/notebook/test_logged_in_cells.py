"""What steps of a foreground run log, shown in the cell that runs them."""

from __future__ import annotations

from shells import Notebook

from jobkernel.notebook.step_echo import SHOWN_LINES


def test_a_quiet_cell_that_runs_shows_what_is_printed_and_warned_of(nb: Notebook) -> None:
    body = "print('said')\ncontext.log.info('logged')\ncontext.log.warning('mind')\n1"
    ran = nb.ok(f"%%asset a --run --quiet\n{body}")
    assert (ran.printed, ran.complaint) == ("said\n", "WARNING mind\n")
    assert "INFO logged" in nb.ok(f"%%asset b --run\n{body}").printed


def test_a_flood_of_logged_lines_is_left_to_the_log_of_its_step(nb: Notebook) -> None:
    nb.ok("%%asset a\nfor n in range(5000): context.log.info(n)\n1")
    printed = nb.ok("%materialize a").printed.splitlines()
    assert printed[0] == "INFO 0"
    assert len(printed) == SHOWN_LINES + 1
    assert "more lines are in %logs" in printed[-1]
