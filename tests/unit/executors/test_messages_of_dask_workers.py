"""Messages of attempts on a Dask worker go home in rounds, and none is left lying."""

from __future__ import annotations

import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from jobkernel.executors import dask_task
from jobkernel.executors.dask_task import Post, Rounds, Sent

Call = Callable[[], None]


class Loop:
    """A worker's loop that is turned by hand."""

    def __init__(self) -> None:
        self.woken = 0
        self.later: list[Call] = []

    def add_callback(self, function: Callable[..., None], *args: Any) -> None:
        self.woken += 1
        function(*args)

    def call_later(self, _seconds: float, function: Callable[..., None], *args: Any) -> None:
        self.later.append(lambda: function(*args))

    def turn(self) -> None:
        due, self.later = self.later, []
        for call in due:
            call()


class Worker:
    address = "tcp://here"

    def __init__(self) -> None:
        self.loop = Loop()
        self.sent: list[tuple[str, int]] = []

    def log_event(self, _topic: str, message: list[Any]) -> None:
        key, _, messages = message
        self.sent.append((key, len(messages)))


@pytest.fixture
def worker(monkeypatch: pytest.MonkeyPatch) -> Worker:
    monkeypatch.setattr(dask_task, "_rounds", Rounds())
    return Worker()


def post_of(worker: Worker, key: str) -> Post:
    return Post(worker, Sent(key, "topic", "1", (3, 11), "values", None, None, None))


def test_messages_of_several_attempts_go_in_one_round_for_one_waking(worker: Worker) -> None:
    first, second = post_of(worker, "a"), post_of(worker, "b")
    first.add("began", 1)
    first.add("event", "STEP_START", None)
    second.add("began", 1)
    assert worker.sent == []
    worker.loop.turn()
    assert worker.sent == [("a", 2), ("b", 1)]
    assert worker.loop.woken == 1


def test_rounds_stop_where_nothing_waits_and_begin_again_with_the_next_message(worker: Worker) -> None:
    post = post_of(worker, "a")
    post.add("began", 1)
    worker.loop.turn()
    worker.loop.turn()
    assert worker.loop.later == []
    post.add("event", "STEP_SUCCESS", None)
    worker.loop.turn()
    assert (worker.sent, worker.loop.woken) == ([("a", 1), ("a", 1)], 2)


def test_a_round_that_was_interrupted_as_it_was_begun_holds_up_no_later_message(
    worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    post = post_of(worker, "a")
    with monkeypatch.context() as interrupted:
        interrupted.setattr(worker.loop, "add_callback", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt).send(None))
        with pytest.raises(KeyboardInterrupt):
            post.add("event", "LOGS_CAPTURED", None)
    later = time.monotonic() + dask_task.SEND_AFTER_S + dask_task.LATE_S + 1
    monkeypatch.setattr(dask_task, "time", SimpleNamespace(monotonic=lambda: later))
    post_of(worker, "b").add("began", 1)
    worker.loop.turn()
    assert worker.sent == [("a", 1), ("b", 1)]


def test_what_fills_a_message_is_sent_at_once_and_what_waits_at_the_end_too(worker: Worker) -> None:
    post = post_of(worker, "a")
    post.add("lines", ["x" * dask_task.SEND_AT])
    assert worker.sent == [("a", 1)]
    post.add("end", None)
    post.flush()
    post.flush()
    assert worker.sent == [("a", 1), ("a", 1)]
