"""A query that would take for ever is stopped with a sentence, and the server goes on answering meanwhile and after."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from jobkernel.errors import QueryRefused
from jobkernel.model.events import Event
from jobkernel.storage.client import HistoryClient

FOR_EVER = "select count(*) from range(10000000) a, range(10000000) b, range(10000000) c"


def test_a_cross_join_without_end_is_stopped_and_others_are_answered_meanwhile(project: Path) -> None:
    asking, working = (HistoryClient.connect(project, linger_s=0.0) for _ in range(2))
    refusals: list[str] = []

    def ask() -> None:
        with pytest.raises(QueryRefused) as refused:
            asking.sql(FOR_EVER)
        refusals.append(str(refused.value))

    question = threading.Thread(target=ask)
    question.start()
    while question.is_alive() and not refusals:
        working.emit(Event("ENGINE_EVENT", None, None, 1))
        working.flush(5)
        question.join(0.2)

    assert refusals == ["The query was stopped after 10 s; ask for less, or join on a key."]
    assert asking.sql("select count(*) > 3 from events").fetchall() == [(True,)]
    for client in (asking, working):
        client.close()
