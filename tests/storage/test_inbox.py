"""The inbox of what is to be sent: in order, gathered while much comes, at once where somebody waits."""

from __future__ import annotations

import pytest

from jobkernel.storage import inbox
from jobkernel.storage.inbox import BUSY, ENOUGH, Inbox


@pytest.fixture
def busy_inbox(monkeypatch: pytest.MonkeyPatch) -> Inbox:
    """An inbox of which so much was just taken that it would gather for an hour."""
    monkeypatch.setattr(inbox, "GATHER_S", 3600.0)
    busy = Inbox()
    for number in range(BUSY + 1):
        busy.put(number)
    assert busy.take() == list(range(BUSY + 1))
    return busy


def test_things_are_taken_in_the_order_they_were_put() -> None:
    things = Inbox()
    for number in range(5):
        things.put(number)
    assert things.take() == [0, 1, 2, 3, 4]


def test_who_hurries_ends_the_gathering(busy_inbox: Inbox) -> None:
    busy_inbox.put("flush")
    busy_inbox.hurry()
    assert busy_inbox.take() == ["flush"]


def test_enough_is_not_gathered_further(busy_inbox: Inbox) -> None:
    for number in range(ENOUGH):
        busy_inbox.put(number)
    assert busy_inbox.take() == list(range(ENOUGH))


def test_after_little_came_nothing_is_gathered(busy_inbox: Inbox) -> None:
    busy_inbox.put("one")
    busy_inbox.hurry()
    busy_inbox.take()
    busy_inbox.put("two")
    assert busy_inbox.take() == ["two"]
