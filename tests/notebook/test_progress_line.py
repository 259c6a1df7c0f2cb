"""The line below a cell that waits for its run: what runs, what waits and for what, what is tried again and when."""

from __future__ import annotations

import threading

import pytest
from shells import Notebook

from jobkernel.engine.handle import RunHandle
from jobkernel.errors import RunFailed
from jobkernel.notebook.progress_view import progress_line


def until(handle: RunHandle, words: str) -> str:
    """Return the line as soon as it has these words."""
    while words not in (text := progress_line(handle).text):
        assert not handle.live.active.wait(0.01), text
    return text


def test_a_step_that_is_tried_again_says_which_attempt_and_when(nb: Notebook) -> None:
    nb.ok("%%asset a --retries 3 --retry-delay 30s\n1 / 0", "run = %materialize a --bg")
    handle = nb.names["run"]
    text = until(handle, "again in")
    assert text.startswith("◌ 0/1 steps · a attempt 2/4, again in ")
    handle.cancel()
    assert handle.wait(10).status == "CANCELED"


def test_a_second_attempt_says_so_while_it_runs(nb: Notebook) -> None:
    gate = threading.Event()
    nb.names["gate"] = gate
    nb.ok("%%asset a --retries 1\nassert context.retry_number\ngate.wait(60)", "run = %materialize a --bg")
    assert until(nb.names["run"], "attempt").endswith(", attempt 2/2")
    gate.set()
    nb.names["run"].wait(10)


def test_a_step_that_waits_for_its_pool_says_so(nb: Notebook) -> None:
    gate = threading.Event()
    nb.names["gate"] = gate
    nb.ok(
        "%config JobKernel.pools = {'db': 1}",
        "%%op hold --pool db\ngate.wait(60)",
        "%%op before\n1",
        "%%op want --pool db --ins x\nx",
        "%%job holding\nhold()",
        "%%job wanting\nwant(before())",
        "first = %launch holding",
    )
    until(nb.names["first"], "hold")
    nb.ok("second = %launch wanting")
    assert "want waits: pool 'db' is full, 1 of 1 slots are taken" in until(nb.names["second"], "waits")
    gate.set()
    assert nb.names["second"].wait(10).success


def test_a_run_in_the_queue_says_what_it_waits_for(nb: Notebook) -> None:
    nb.ok("%config JobKernel.max_concurrent_runs = 0", "%%asset a\n1", "run = %materialize a --bg")
    assert progress_line(nb.names["run"]).text == "◔ waits: max_concurrent_runs is 0, so no run may start"
    nb.ok("%config JobKernel.max_concurrent_runs = 1")
    assert nb.names["run"].wait(10).success


def test_many_steps_are_counted(nb: Notebook) -> None:
    gate = threading.Event()
    nb.names["gate"] = gate
    nb.ok("%config JobKernel.max_workers = 8", "%%op one\ngate.wait(60)")
    nb.ok("%%job j\nfor n in range(6):\n    one.alias(f's{n}')()", "run = %launch j")
    assert until(nb.names["run"], "3 more running").count(" · ") == 4
    gate.set()
    nb.names["run"].wait(10)


def test_the_error_of_a_background_run_has_the_hint_of_an_undefined_name(nb: Notebook) -> None:
    nb.ok("%%asset orders\n1", "%%asset total --no-infer\norder + 1", "run = %materialize total --bg")
    with pytest.raises(RunFailed) as raised:
        nb.names["run"].wait(10).raise_for_status()
    cause = raised.value.__cause__
    assert isinstance(cause, NameError)
    assert cause.__notes__ == ["Did you mean the asset 'orders'?"]
