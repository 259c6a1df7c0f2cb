"""The last words of a step that crashes are in its log; a memory limit and tags without sense are said."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator

import pytest
from live_sessions import a_session, define, ended

import jobkernel as jk
from jobkernel.engine.session import Session
from jobkernel.model.runs import Launch


@pytest.fixture
def session() -> Iterator[Session]:
    with a_session() as session:
        yield session


@jk.op
def crash() -> None:
    print("last words")
    ctypes.string_at(0)


@jk.op
def hog() -> int:
    return len(bytearray(10**12))


@jk.op
def one() -> int:
    return 1


@jk.job
def crashing() -> None:
    crash()


@jk.job
def hogging() -> None:
    hog()


@jk.job
def plain() -> None:
    one()


def test_the_last_words_of_a_step_that_crashes_are_in_its_log(session: Session) -> None:
    define(session, crashing)
    handle = session.launch(session.plan_job("crashing"), Launch(executor="processes"))

    assert ended(handle) == "FAILURE"
    assert "last words" in [line["text"] for line in session.records.log_lines(handle.run_id)]


def test_a_handle_says_what_limit_was_met(session: Session) -> None:
    session.executors.memory_limit = 500_000_000
    define(session, hogging)
    handle = session.launch(session.plan_job("hogging"), Launch(executor="processes"))

    assert ended(handle) == "FAILURE"
    assert "A worker may use 500 MB here: raise JobKernel.worker_memory_limit." in str(handle.live.active.error)


@pytest.mark.parametrize("tag", ["dagster/priority", "dagster/max_retries", "dagster/max_runtime"])
def test_a_tag_whose_value_has_no_sense_is_told(session: Session, tag: str) -> None:
    define(session, plain)
    handle = session.launch(session.plan_job("plain"), Launch(tags={tag: "soon"}))

    assert ended(handle) == "SUCCESS"
    assert f"The tag {tag}=soon is not a" in repr(handle)
    assert "The tag" not in repr(session.launch(session.plan_job("plain"), Launch(tags={tag: "1"})))
