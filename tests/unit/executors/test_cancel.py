"""Asking code to stop, and interrupting a thread only inside its step."""

from __future__ import annotations

import logging
import threading
import time

import pytest

from jobkernel.errors import Interrupted
from jobkernel.executors.cancel import CancelToken, call_interruptible, interrupt_thread


def test_a_token_is_asked_once_and_for_all() -> None:
    token = CancelToken()
    token.raise_if_requested()
    assert (token.is_requested, token.is_forced, token.wait(0)) == (False, False, False)

    token.request()
    token.request(forced=True)
    token.request()

    assert (token.is_requested, token.is_forced, token.wait(None)) == (True, True, True)
    with pytest.raises(Interrupted, match="asked to stop"):
        token.raise_if_requested()


def test_callbacks_are_called_once_late_ones_at_once_removed_ones_never() -> None:
    token = CancelToken()
    called: list[str] = []
    token.on_cancel(lambda: called.append("early"))
    remove = token.on_cancel(lambda: called.append("removed"))
    remove()
    remove()

    token.request()
    token.request(forced=True)
    token.on_cancel(lambda: called.append("late"))()

    assert called == ["early", "late"]


def test_a_callback_that_fails_does_not_keep_the_others_from_being_called(caplog: pytest.LogCaptureFixture) -> None:
    token = CancelToken()
    called: list[str] = []
    token.on_cancel(lambda: 1 / 0)
    token.on_cancel(lambda: called.append("second"))

    with caplog.at_level(logging.WARNING):
        token.request()

    assert called == ["second"]
    assert "division by zero" in caplog.text


def test_waiting_ends_as_soon_as_somebody_asks() -> None:
    token = CancelToken()
    seen: list[bool] = []
    thread = threading.Thread(target=lambda: seen.append(token.wait(30)))
    thread.start()

    token.request()
    thread.join(5)

    assert seen == [True]


def test_an_endless_loop_in_a_step_is_interrupted() -> None:
    inside = threading.Event()
    ends: list[str] = []

    def body() -> None:
        inside.set()
        while True:
            pass

    def step() -> None:
        try:
            call_interruptible(body)
        except Interrupted:
            ends.append("interrupted")

    thread = threading.Thread(target=step)
    thread.start()
    assert inside.wait(10)

    assert interrupt_thread(thread.ident or 0)
    thread.join(10)

    assert ends == ["interrupted"]


def test_a_thread_outside_a_step_is_left_alone() -> None:
    assert call_interruptible(lambda: 5) == 5
    assert not interrupt_thread(threading.get_ident())
    assert not interrupt_thread(0)


def test_arguments_and_errors_pass_through() -> None:
    assert call_interruptible(lambda a, *, b: (a, b), 1, b=2) == (1, 2)
    with pytest.raises(ZeroDivisionError):
        call_interruptible(lambda: 1 / 0)
    assert not interrupt_thread(threading.get_ident())


def test_no_interrupt_ever_lands_in_the_code_after_a_step() -> None:
    """Many short steps under constant interrupts: each ends whole or interrupted, and what follows is never hit."""
    outcomes = {"whole": 0, "interrupted": 0}
    hit_outside: list[BaseException] = []
    over = threading.Event()

    def body() -> None:
        for _ in range(20):
            pass

    def attempt() -> None:
        try:
            call_interruptible(body)
            outcomes["whole"] += 1
        except Interrupted:
            outcomes["interrupted"] += 1

    def steps() -> None:
        until = time.monotonic() + 2
        try:
            while time.monotonic() < until:
                attempt()
        except BaseException as error:
            hit_outside.append(error)
        finally:
            over.set()

    thread = threading.Thread(target=steps)
    thread.start()
    sent = 0
    while not over.is_set():
        sent += interrupt_thread(thread.ident or 0)
        time.sleep(0.0001)
    thread.join()

    assert hit_outside == []
    assert sent > 0
    assert outcomes["whole"] > 0


def test_a_step_inside_a_step_does_not_shut_the_outer_one() -> None:
    after_inner: list[str] = []

    def outer() -> None:
        call_interruptible(lambda: None)
        after_inner.append("inner has ended")
        interrupt_thread(threading.get_ident())
        for _ in range(10):
            time.sleep(0)

    with pytest.raises(Interrupted):
        call_interruptible(outer)

    assert after_inner == ["inner has ended"]
    assert not interrupt_thread(threading.get_ident())
