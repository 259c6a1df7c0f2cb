"""Laws of backfills: whatever fails, is canceled, retried or left, each wanted partition is made once, and all ends."""

from __future__ import annotations

import threading
from collections import Counter
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import jobkernel as jk
from jobkernel.engine.backfill import Wish
from jobkernel.model.backfill_policy import BackfillPolicy
from jobkernel.rules.backfill_progress import BackfillProgress, BackfillStatus, RunState
from jobkernel.rules.backfills import BackfillRun

KEYS = [f"k{number}" for number in range(8)]
PATIENCE_S = 30


@st.composite
def orders(draw: st.DrawFn) -> list[BackfillRun]:
    """Runs of which each may need some that come before it."""
    count = draw(st.integers(1, 12))
    return [
        BackfillRun(
            number=number,
            keys=tuple(f"{number}-{part}" for part in range(draw(st.integers(1, 3)))),
            needs=tuple(sorted(draw(st.sets(st.integers(0, number - 1), max_size=3)))) if number else (),
        )
        for number in range(count)
    ]


@given(orders(), st.integers(1, 5), st.data())
def test_a_run_is_launched_once_after_all_that_it_needs_and_everything_ends(
    runs: list[BackfillRun], most: int, data: st.DataObject
) -> None:
    progress = BackfillProgress(runs)
    launched: list[int] = []
    is_canceled = False
    while True:
        while (run := progress.next_run(most)) is not None:
            assert not is_canceled
            assert all(progress.states[need] is RunState.DONE for need in run.needs)
            launched.append(run.number)
        assert len(progress.in_flight) <= most
        if progress.is_over:
            break
        number = data.draw(st.sampled_from(sorted(progress.in_flight)))
        if not is_canceled and data.draw(st.integers(0, 9)) == 0:
            progress.cancel()
            is_canceled = True
        failed = RunState.CANCELED if is_canceled else RunState.FAILED
        progress.ended(number, data.draw(st.sampled_from([RunState.DONE, RunState.DONE, failed])))

    assert max(Counter(launched).values(), default=0) <= 1
    assert RunState.WAITING not in progress.states
    assert RunState.RUNNING not in progress.states
    tally = progress.tally
    assert tally.partitions == sum(run.partitions for run in runs)
    assert tally.partitions == tally.done + tally.failed + tally.not_run + tally.canceled
    left = [number for number, state in enumerate(progress.states) if state is RunState.NOT_RUN]
    unmade = (RunState.FAILED, RunState.NOT_RUN, RunState.CANCELED)
    assert all(any(progress.states[need] in unmade for need in runs[number].needs) for number in left)
    if not is_canceled:
        assert set(launched) | set(left) == set(range(len(runs)))
        assert progress.verdict is (
            BackfillStatus.COMPLETED_FAILED if tally.failed else BackfillStatus.COMPLETED_SUCCESS
        )


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    wanted=st.lists(st.sampled_from(KEYS), min_size=1, unique=True),
    broken=st.sets(st.sampled_from(KEYS)),
    cancel_after=st.none() | st.integers(0, 4),
    most=st.integers(1, 4),
    per_run=st.sampled_from([1, 2, None]),
)
def test_after_failures_and_a_cancel_a_retry_makes_what_is_left_and_no_more(
    wanted: list[str], broken: set[str], cancel_after: int | None, most: int, per_run: int | None
) -> None:
    bad, made, lock = set(broken), Counter[str](), threading.Lock()
    reached = threading.Event()

    @jk.asset(partitions_def=jk.StaticPartitionsDefinition(KEYS), backfill_policy=BackfillPolicy(per_run))
    def part(context: jk.AssetExecutionContext) -> Any:
        keys = [str(key) for key in context.partition_keys]
        if bad.intersection(keys):
            raise ValueError("broken")
        with lock:
            made.update(keys)
            if cancel_after is not None and made.total() >= cancel_after:
                reached.set()
        return dict.fromkeys(keys, 1) if len(keys) > 1 else 1

    with jk.test_session() as session:
        session.add(part)
        plan = session.plan(["part"])
        backfill = session.backfills.launch(Wish(plan=plan, keys=tuple(wanted), selection="part", max_runs=most))
        if cancel_after is not None:
            reached.wait(0.01 if broken else 1)
            backfill.cancel()
        assert backfill.wait(PATIENCE_S).ended.is_set()
        first = backfill.progress
        assert BackfillStatus(backfill.status).is_final
        assert (first.running, first.waiting, first.partitions) == (0, 0, len(wanted))

        bad.clear()
        if backfill.status != "COMPLETED_SUCCESS":
            backfill.retry_failed().wait(PATIENCE_S)

        assert backfill.status == "COMPLETED_SUCCESS"
        rows = session.history.sql(
            "select tags ->> '.jobkernel/backfill_run', count(*) from runs where status = 'SUCCESS' group by 1"
        ).fetchall()
        assert sorted((int(number), count) for number, count in rows) == [(run.number, 1) for run in backfill.runs]
        assert sorted(key for run in backfill.runs for key in run.keys) == sorted(wanted)
