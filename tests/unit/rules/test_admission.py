"""Which waiting runs may start: by priority, then first come, first served, never over the limit."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from jobkernel.rules.admission import Limits, QueuedRun, admit, in_order


def queued(run_id: str, arrived: int, priority: int = 0) -> QueuedRun:
    return QueuedRun(run_id=run_id, arrived=arrived, priority=priority)


def test_higher_priority_goes_first_and_equals_in_the_order_they_came() -> None:
    waiting = [queued("late", 3, 1), queued("first", 1), queued("second", 2), queued("urgent", 4, 9)]

    assert [run.run_id for run in in_order(waiting)] == ["urgent", "late", "first", "second"]


def test_only_free_places_are_filled() -> None:
    waiting = [queued("a", 1), queued("b", 2)]
    running = [queued("x", 0)]

    assert [run.run_id for run in admit(waiting, running, Limits(max_concurrent_runs=2))] == ["a"]
    assert admit(waiting, running, Limits(max_concurrent_runs=1)) == []
    assert admit(waiting, [*running, queued("y", 0)], Limits(max_concurrent_runs=1)) == []


@given(st.lists(st.integers(-3, 3), max_size=20), st.integers(0, 10), st.integers(1, 10))
def test_the_limit_holds_and_nobody_overtakes_a_higher_priority(
    priorities: list[int], running: int, limit: int
) -> None:
    waiting = [queued(f"w{place}", place, priority) for place, priority in enumerate(priorities)]
    busy = [queued(f"r{place}", -1) for place in range(running)]

    admitted = admit(waiting, busy, Limits(max_concurrent_runs=limit))

    assert len(admitted) == max(0, min(len(waiting), limit - running))
    left = [run for run in waiting if run not in admitted]
    assert all(one.priority >= other.priority for one in admitted for other in left)
