"""Steps mapped over dynamic outputs: one copy a key, each ends by itself, what is collected keeps its order."""

from __future__ import annotations

from typing import Any

from hypothesis import Phase, given, settings
from hypothesis import strategies as st

import jobkernel as jk

CALM = settings(max_examples=40, deadline=None, derandomize=True, database=None, phases=[Phase.generate])
FATES = st.lists(st.sampled_from(["good", "good", "bad"]), max_size=5)


def mapped_job(fates: list[str], stages: int, is_side_bad: bool) -> Any:
    @jk.op(out=jk.DynamicOut())
    def fan() -> Any:
        for place, fate in enumerate(fates):
            yield jk.DynamicOutput((place, fate), mapping_key=f"k{place}")

    @jk.op
    def side() -> int:
        if is_side_bad:
            raise ValueError("side fails")
        return 1

    @jk.op
    def work(item: Any, other: int) -> Any:
        if item[1] == "bad":
            raise ValueError("bad item")
        return item

    @jk.op
    def gather(items: list[Any]) -> list[int]:
        return [place for place, _ in items]

    @jk.job
    def spread() -> None:
        other = side()
        found = fan()
        for stage in range(stages):
            again = work.alias(f"work{stage}")
            found = found.map(lambda item, again=again: again(item, other))
        gather(found.collect())

    return spread


@CALM
@given(FATES, st.integers(1, 3), st.booleans())
def test_copies_end_by_themselves_and_what_is_collected_keeps_its_order(
    fates: list[str], stages: int, is_side_bad: bool
) -> None:
    result = mapped_job(fates, stages, is_side_bad).execute_in_process(raise_on_error=False)
    is_bad = is_side_bad or "bad" in fates
    assert result.success is not is_bad
    succeeded = {event.step_key for event in result.all_events if event.event_type_value == "STEP_SUCCESS"}
    if is_side_bad:
        assert succeeded == {"fan"}
        return
    good = [place for place, fate in enumerate(fates) if fate == "good"]
    copies = {f"work{stage}[k{place}]" for stage in range(stages) for place in good}
    assert succeeded - {"gather"} == copies | {"fan", "side"}
    if not is_bad and fates:
        assert result.output_for_node("gather") == good


@CALM
@given(FATES, st.integers(1, 2), st.booleans())
def test_mapped_runs_of_a_session_leave_no_step_open(fates: list[str], stages: int, is_side_bad: bool) -> None:
    from jobkernel.engine.entries import Entry
    from jobkernel.engine.opening import test_session as memory_session

    session = memory_session()
    try:
        session.define(Entry(kind="job", name="spread", record=mapped_job(fates, stages, is_side_bad)))
        handle = session.launch(session.plan_job("spread")).wait(10)
        assert handle.live.active.ended.is_set()
        assert handle.success is not (is_side_bad or "bad" in fates)
        assert all(status.is_final for status in handle.live.active.progress.statuses.values())
    finally:
        session.close()


@CALM
@given(FATES, st.integers(1, 3), st.integers(0, 5))
def test_a_cancel_in_the_middle_of_mapped_steps_leaves_no_step_open(fates: list[str], stages: int, at: int) -> None:
    from jobkernel.engine.entries import Entry
    from jobkernel.engine.opening import test_session as memory_session
    from jobkernel.model import events as ev

    session = memory_session()
    try:
        session.define(Entry(kind="job", name="spread", record=mapped_job(fates, stages, False)))
        plan = session.plan_job("spread")
        ended = 0
        note = session.states.note

        def cancel_at(event: Any) -> None:
            nonlocal ended
            note(event)
            ended += event.event_type == ev.STEP_START
            if event.event_type == ev.STEP_START and ended == at:
                session.cancel(event.run_id)

        session.launcher._note = cancel_at
        active = session.launch(plan).wait(10).live.active
        assert active.ended.is_set()
        assert all(status.is_final for status in active.progress.statuses.values())
    finally:
        session.close()
