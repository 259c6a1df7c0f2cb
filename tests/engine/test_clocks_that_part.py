"""The machine's clock is set back, or jumps ahead as after a sleep, while a run runs: it ends right all the same.

Nothing lasts less than no time, and what waits for a span of time is not hurried by the jump.
"""

from __future__ import annotations

from datetime import timedelta

import pytest
from live_sessions import ended, events_of

import jobkernel as jk
from jobkernel.clock import SystemClock
from jobkernel.engine.opening import test_session as session_in_memory
from jobkernel.model.runs import Launch


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
        assert seconds >= 0
        assert all(0 <= each < 60 for (each,) in steps)
        again = session.launch(session.plan(["first"]))
        assert ended(again) == "SUCCESS"
