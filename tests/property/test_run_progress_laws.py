"""Whatever the order of events, a run's steps end as its rules say; ends are final; nothing precedes its inputs."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from run_plans import GOOD, Story, expected_endings, stories

from jobkernel.errors import InvariantViolation
from jobkernel.model.runs import RunStatus
from jobkernel.rules.plan import PlannedStep
from jobkernel.rules.run_state import RUN_TRANSITIONS, Advance, RunProgress

CALM = settings(max_examples=60, deadline=None, derandomize=True, database=None)


class Drive:
    """Tells a run's progress what happens, in an order that the test draws, and watches what it answers."""

    def __init__(self, story: Story, data: st.DataObject) -> None:
        self.story = story
        self.data = data
        self.progress = RunProgress(story.plan)
        self.ready: list[PlannedStep] = []
        self.running: list[str] = []
        self.tries: dict[str, int] = {}

    def follow(self, advance: Advance) -> None:
        for step in advance.ready:
            assert all(self.progress.statuses[feed.step_key].is_final for feed in step.sources)
            assert step not in self.ready
        self.ready += advance.ready

    def turn(self) -> None:
        """Start a ready step or end a running one."""
        chosen = self.data.draw(st.integers(0, len(self.ready) + len(self.running) - 1))
        if chosen < len(self.ready):
            step = self.ready.pop(chosen)
            self.progress.started(step.key)
            self.running.append(step.key)
        else:
            self.end(self.running.pop(chosen - len(self.ready)))

    def end(self, key: str) -> None:
        deed = self.story.deeds[key]
        self.tries[key] = self.tries.get(key, 0) + 1
        if self.tries[key] <= deed.retries:
            self.progress.retried(key)
            self.ready.append(self.progress.steps[key])
        elif deed.ending == GOOD:
            self.follow(self.progress.succeeded(key, deed.made))
        else:
            self.follow(self.progress.failed(key))

    def to_the_end(self) -> None:
        self.follow(self.progress.begin())
        while self.ready or self.running:
            self.turn()


@CALM
@given(stories(), st.data())
def test_every_order_of_events_gives_the_same_endings(story: Story, data: st.DataObject) -> None:
    drive = Drive(story, data)
    drive.to_the_end()
    assert drive.progress.is_over
    assert drive.progress.statuses == expected_endings(story)


@CALM
@given(stories(), st.data())
def test_an_end_is_final(story: Story, data: st.DataObject) -> None:
    drive = Drive(story, data)
    drive.to_the_end()
    before = dict(drive.progress.statuses)
    for key in before:
        for change in (drive.progress.started, drive.progress.failed, drive.progress.canceled, drive.progress.retried):
            with pytest.raises(InvariantViolation):
                change(key)
    assert drive.progress.statuses == before


@CALM
@given(stories(), st.data(), st.integers(0, 12))
def test_canceling_at_any_moment_leaves_no_step_open(story: Story, data: st.DataObject, turns: int) -> None:
    drive = Drive(story, data)
    drive.follow(drive.progress.begin())
    for _ in range(turns):
        if drive.ready or drive.running:
            drive.turn()
    for key in drive.progress.waiting():
        if not drive.progress.statuses[key].is_final:
            drive.progress.canceled(key)
    for key, status in list(drive.progress.statuses.items()):
        if not status.is_final:
            drive.progress.canceled(key)
    assert drive.progress.is_over
    assert all(status.is_final for status in drive.progress.statuses.values())


@CALM
@given(stories())
def test_of_what_may_start_the_first_is_the_most_urgent_and_ties_stand_in_plan_order(story: Story) -> None:
    ready = RunProgress(story.plan).begin().ready
    place = {key: at for at, key in enumerate(story.plan.steps)}
    assert ready == sorted(ready, key=lambda step: (-step.priority, place[step.key]))


def test_no_final_run_status_has_a_way_out_and_every_other_has_a_way_to_an_end() -> None:
    for status in RunStatus:
        ways_out = {after for before, after in RUN_TRANSITIONS if before is status}
        assert bool(ways_out) != status.is_final
    assert not any(after is RunStatus.NOT_STARTED for _, after in RUN_TRANSITIONS)
    assert {before for before, after in RUN_TRANSITIONS if after is RunStatus.SUCCESS} == {RunStatus.STARTED}
