"""The bars that stand for the steps of a run in the list of runs."""

from __future__ import annotations

from shells import Notebook

from jobkernel.notebook.snapshot import SEGMENTS, Standing, segments


def test_every_step_has_a_bar(nb: Notebook) -> None:
    cells = [f"%%asset a{number}\n{number}" for number in range(8)]

    nb.ok(*cells, "%materialize a0 a1 a2 a3 a4 a5 a6 a7")
    standing = Standing(nb.session)

    for (row,) in (standing.live_runs(), standing.runs_of_history()):
        assert (row["steps_total"], row["segments"]) == (8, ["fresh"] * 8)


def test_many_steps_share_bars_and_the_worst_is_seen() -> None:
    words = ["fresh"] * 500
    words[250] = "failed"

    shown = segments(words)

    assert len(shown) == SEGMENTS
    assert shown.count("failed") == 1
