"""Two real kernels on one project: each sees, follows and cancels runs of the other, and limits hold in both."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from kernels import Kernel, text_of
from waiting import eventually

from jobkernel.storage.control import stop_server

TALK = """%%op talk --pool db
import time
for n in range(600):
    print('line', n)
    context.check_canceled()
    time.sleep(0.05)
"""


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[tuple[Kernel, Kernel]]:
    """Two notebooks of one project."""
    (tmp_path / ".jobkernel").mkdir()
    one, two = Kernel(tmp_path, "one.ipynb"), Kernel(tmp_path, "two.ipynb")
    try:
        one.run("%load_ext jobkernel")
        two.run("%load_ext jobkernel")
        yield one, two
    finally:
        one.close()
        two.close()
        stop_server(tmp_path)


def launched(kernel: Kernel, name: str, job: str) -> str:
    return text_of(kernel.run(f"{name} = %launch {job}\nprint({name}.run_id[:8])")).strip()


def test_a_run_of_another_notebook_is_followed_canceled_and_its_place_given_on(pair: tuple[Kernel, Kernel]) -> None:
    one, two = pair
    two.run("%config JobKernel.pools = {'db': 1}")
    one.run("%config JobKernel.max_concurrent_runs = 1")
    one.run(TALK)
    one.run("%%job talking\ntalk()")
    two.run("%%op quick\n1")
    two.run("%%job brief\nquick()")
    first = launched(one, "first", "talking")
    second = launched(two, "second", "brief")

    eventually(lambda: f"{first}" in text_of(two.run("%jk queue")) and "db" in text_of(two.run("%jk queue")))
    queue = text_of(two.run("%jk queue"))
    assert "1 running, 1 waiting; at most 1 run at once" in queue
    assert "1 of 1 runs are running (max_concurrent_runs)" in queue
    assert f"{second}" in queue

    cell = two.begin(f"%logs {first} talk -f")
    eventually(lambda: "line 1" in text_of(one.run(f"%logs {first}")))
    told = text_of(one.run(f"%jk cancel {first}"))
    assert "Cancel again" in told or "ends at once" in told
    followed = text_of(two.finish(cell))
    assert "line 0" in followed
    assert "line 1" in followed
    assert followed.count("line 0\n") == 1
    assert f"run {first} of talking: CANCELED" in followed

    assert "SUCCESS" in text_of(two.run("second.wait(20)\nsecond.status"))


def test_a_run_that_waits_is_canceled_from_another_notebook_and_a_stubborn_one_by_asking_twice(
    pair: tuple[Kernel, Kernel],
) -> None:
    one, two = pair
    one.run("%config JobKernel.max_concurrent_runs = 1")
    one.run("%%op stubborn\nimport time\nwhile True:\n    time.sleep(0.01)")
    one.run("%%job forever\nstubborn()")
    first, waiting = launched(one, "first", "forever"), launched(one, "waiting", "forever")
    eventually(lambda: "STARTED" in text_of(two.run("%jk queue")))

    assert f"⊘ run {waiting}: it leaves the queue." in text_of(two.run(f"%jk cancel {waiting}"))
    told = text_of(two.run(f"%jk cancel {first}"))
    assert f"⊘ run {first}: asks one.ipynb: stops after the steps that run now. Cancel again: " in told
    eventually(lambda: "CANCELING" in text_of(two.run("%runs")))
    assert "asks one.ipynb to stop its steps at once" in text_of(two.run(f"%jk cancel {first}"))
    assert "CANCELED" in text_of(one.run("first.wait(30)\nfirst.status"))
    assert "CANCELED" in text_of(one.run("waiting.wait(30)\nwaiting.status"))


def test_limits_that_one_notebook_sets_hold_in_the_other_at_once(pair: tuple[Kernel, Kernel]) -> None:
    one, two = pair
    one.run("%config JobKernel.tag_concurrency_limits = [{'key': 'team', 'limit': 0}]")
    eventually(lambda: "'team'" in text_of(two.run("%config JobKernel.tag_concurrency_limits")))
    two.run("%%asset a\n1")
    two.run("run = %materialize a --bg --tag team=ops")
    assert "the tag limit on team is reached" in text_of(two.run("%runs"))
    one.run("%config JobKernel.tag_concurrency_limits = []")
    assert "SUCCESS" in text_of(two.run("run.wait(20)\nrun.status"))


def test_stop_ends_the_following_and_not_the_run(pair: tuple[Kernel, Kernel]) -> None:
    one, two = pair
    one.run(TALK)
    one.run("%%job talking\ntalk()")
    first = launched(one, "first", "talking")
    eventually(lambda: first in text_of(two.run("%runs")))
    cell = two.begin(f"%logs {first} -f")
    two.wait_for_text(cell, "line 1")
    two.interrupt()
    assert f"Stopped following; run {first} goes on." in text_of(two.finish(cell))
    assert "STARTED" in text_of(one.run("first.status"))
    one.run("first.cancel(forced=True)\nfirst.wait(20)")
