"""The machine's clock is set back, or jumps ahead as after a sleep, while a run runs: it ends right all the same.

Nothing lasts less than no time, and what waits for a span of time is not hurried by the jump.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from live_sessions import ended, events_of

import jobkernel as jk
from jobkernel.clock import SystemClock
from jobkernel.engine.opening import test_session as session_in_memory
from jobkernel.model.runs import Launch
from jobkernel.notebook.log_tail import LogTail


class SettableClock(SystemClock):
    """The system's clock, with an error that a test sets: as when the machine's clock is put right, or it slept."""

    error_us = 0

    def now_us(self) -> int:
        """Return the present instant, wrong by the error."""
        return super().now_us() + self.error_us


@pytest.mark.parametrize("jump", [timedelta(hours=-1), timedelta(hours=8)], ids=["set-back", "slept"])
def test_a_run_ends_right_though_the_clock_jumps_under_it(jump: timedelta) -> None:
    clock = SettableClock()

    @jk.asset
    def first() -> int:
        clock.error_us = int(jump / timedelta(microseconds=1))
        return 1

    @jk.asset(retry_policy=jk.RetryPolicy(max_retries=1, delay=0.05))
    def second(context: jk.AssetExecutionContext, first: int) -> int:
        if context.retry_number == 0:
            raise ValueError("once")
        return first + 1

    with session_in_memory(clock) as session:
        session.add(first, second)
        handle = session.launch(session.plan(["first", "second"]), Launch(tags={"dagster/max_runtime": "60"}))
        assert ended(handle) == "SUCCESS"

        words = [
            word for word in events_of(session, handle) if word.startswith(("RUN_", "STEP_S", "STEP_UP", "STEP_R"))
        ]
        assert words[-1] == "RUN_SUCCESS"
        assert words.index("STEP_UP_FOR_RETRY") < words.index("STEP_RESTARTED") < words.index("RUN_SUCCESS")
        (seconds,) = session.history.sql("SELECT duration_s FROM runs").fetchall()[0]
        steps = session.history.sql("SELECT duration_s FROM steps").fetchall()
        assert 0.05 <= seconds < 60
        assert all(0 <= each < 60 for (each,) in steps)
        again = session.launch(session.plan(["first"]))
        assert ended(again) == "SUCCESS"


def test_a_log_stays_in_order_though_the_clock_is_set_back() -> None:
    clock = SettableClock()

    @jk.asset
    def first(context: jk.AssetExecutionContext) -> int:
        context.log.info("one")
        clock.error_us = -3_600_000_000
        context.log.info("two")
        return 1

    @jk.asset
    def second(context: jk.AssetExecutionContext, first: int) -> int:
        context.log.info("three")
        return first

    with session_in_memory(clock) as session:
        session.add(first, second)
        handle = session.launch(session.plan(["first", "second"]))
        assert ended(handle) == "SUCCESS"
        session.history.flush()
        told = [line.text for line in LogTail(session.history, handle.run_id).more()]
        assert [text for text in told if text in ("one", "two", "three")] == ["one", "two", "three"]


def test_lines_that_a_log_gives_in_order_are_told_in_order() -> None:
    class History:
        def query(self, _name: str, **_asked: Any) -> list[Any]:
            return []

        def request(self, _operation: str, **_fields: Any) -> dict[str, Any]:
            times = (30, 10, 20)
            lines = [{"step_key": "a", "occurred_at": at, "level": "stdout", "message": str(at)} for at in times]
            return {"lines": lines, "after": {}}

    assert [line.text for line in LogTail(History(), "run").more()] == ["30", "10", "20"]
