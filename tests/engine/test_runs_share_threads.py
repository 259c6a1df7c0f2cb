"""Runs share the session's threads: none starves another, none is hit by what was meant for another."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable

import pytest
from live_sessions import PATIENCE_S, a_session, asset, define, ended, launch
from waiting import eventually

from jobkernel.executors import cancel
from jobkernel.executors.threads import ThreadPool


def test_a_small_run_does_not_wait_for_a_wide_one_to_end() -> None:
    turns, began = threading.Semaphore(0), threading.Semaphore(0)

    def one_turn() -> int:
        began.release()
        assert turns.acquire(timeout=PATIENCE_S)
        return 1

    with a_session(max_workers=2) as session:
        names = [f"n{number}" for number in range(20)]
        define(session, *(asset(one_turn, name) for name in names), asset(lambda: 1, "small"))
        wide = launch(session, *names)
        for _ in range(2):
            assert began.acquire(timeout=PATIENCE_S)
        small = launch(session, "small")
        turns.release(4)  # a few steps more, not all
        assert ended(small) == "SUCCESS"
        assert not wide.live.active.ended.is_set()
        turns.release(len(names))
        assert ended(wide) == "SUCCESS"


def test_a_forced_cancel_that_comes_late_does_not_hit_the_run_that_has_the_thread_now(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    gate, began_first, began_second, go_on = (threading.Event() for _ in range(4))

    def first() -> int:
        began_first.set()
        assert gate.wait(PATIENCE_S)
        return 1

    def second() -> int:
        began_second.set()
        while not go_on.wait(0.01):
            pass
        return 2

    def late(thread_id: int) -> bool:
        gate.set()
        began_second.wait(0.3)  # where the thread may change hands now, it does
        return cancel.interrupt_thread(thread_id)

    monkeypatch.setattr("jobkernel.executors.forced_stop.interrupt_thread", late)
    with a_session(max_workers=1) as session:
        define(session, asset(first, "first"), asset(second, "second"))
        canceled = launch(session, "first")
        assert began_first.wait(PATIENCE_S)
        innocent = launch(session, "second")
        canceled.cancel(forced=True)
        assert began_second.wait(PATIENCE_S)
        go_on.set()
        assert ended(innocent) == "SUCCESS"
        assert ended(canceled) == "CANCELED"


def test_work_that_raises_whatever_it_raises_costs_the_pool_no_thread(caplog: pytest.LogCaptureFixture) -> None:
    pool, done = ThreadPool(1, "pool-of-this-test"), threading.Event()

    def bad() -> None:
        raise SystemExit("bye")

    pool.submit(bad)
    pool.submit(done.set)
    assert done.wait(PATIENCE_S)
    pool.close()
    assert "failed" in caplog.text
    eventually(lambda: not [each for each in threading.enumerate() if each.name.startswith("pool-of-this-test")])


def test_a_closed_pool_makes_no_threads_for_what_its_busy_ones_still_ask() -> None:
    pool, began, gate = ThreadPool(1, "closed-pool-of-this-test"), threading.Event(), threading.Event()
    asked: list[bool] = []

    def busy() -> None:
        began.set()
        assert gate.wait(PATIENCE_S)
        asked.append(pool.has_waiting_work)
        pool.submit(lambda: asked.append(True))
        pool.grow(1)

    pool.submit(busy)
    assert began.wait(PATIENCE_S)
    pool.close()
    gate.set()
    eventually(lambda: not [each for each in threading.enumerate() if each.name.startswith("closed-pool")])
    assert asked == [False]


def test_a_run_that_comes_while_another_thread_asks_what_runs_troubles_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    with a_session() as session:
        define(session, asset(lambda: 1, "a"))
        handles = [launch(session, "a")]
        assert ended(handles[0]) == "SUCCESS"

        class Meanwhile(threading.Event):
            """Says that its run goes on, and starts another one at the first question."""

            def is_set(self) -> bool:
                if len(handles) == 1:
                    handles.append(launch(session, "a"))
                return False

        with monkeypatch.context() as patch:
            patch.setattr(handles[0].live.active, "ended", Meanwhile())
            alive = session.launcher.alive()
        assert handles[0].live in alive
        assert ended(handles[1]) == "SUCCESS"


def test_a_chain_asks_for_one_thread_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []
    submit = ThreadPool.submit

    def counted(pool: ThreadPool, work: Callable[[], None]) -> None:
        asked.append(work)
        submit(pool, work)

    monkeypatch.setattr(ThreadPool, "submit", counted)
    with a_session(max_workers=4) as session:
        names = [f"n{number}" for number in range(20)]
        below = [asset(lambda: 1, name, deps=[above]) for above, name in itertools.pairwise(names)]
        define(session, asset(lambda: 1, names[0]), *below)
        assert ended(launch(session, *names)) == "SUCCESS"
    assert len(asked) == 1


def test_steps_beside_each_other_have_threads_of_their_own() -> None:
    together = threading.Barrier(3)

    def meet() -> int:
        together.wait(PATIENCE_S)
        return 1

    with a_session(max_workers=4) as session:
        sides = [asset(meet, f"n{number}", deps=["first"]) for number in range(3)]
        define(session, asset(lambda: 1, "first"), *sides)
        assert ended(launch(session, "first", "n0", "n1", "n2")) == "SUCCESS"
