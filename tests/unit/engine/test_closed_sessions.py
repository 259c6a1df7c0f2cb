"""A closed session says that it runs nothing any more."""

from __future__ import annotations

import pytest

import jobkernel as jk
from jobkernel.engine.opening import test_session as session_in_memory
from jobkernel.errors import InvariantViolation


def test_a_launch_after_closing_is_refused_in_a_sentence_and_leaves_no_run() -> None:
    ran: list[str] = []

    @jk.asset
    def late() -> None:
        ran.append("late")

    session = session_in_memory()
    session.add(late)
    plan = session.plan(["late"])
    session.close()
    with pytest.raises(InvariantViolation, match=r"^This session is closed and runs nothing any more; [^.]*\.$"):
        session.launch(plan)
    assert ran == []
    assert session.launcher.runs == {}
