"""A run on real threads ends as the rules say: inputs come first, branches finish, cancels come to rest."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from run_plans import GOOD, Story, expected_endings, stories

from jobkernel.clock import SystemClock
from jobkernel.engine.run import ActiveRun
from jobkernel.engine.run_setup import RunSetup
from jobkernel.executors.call import RunFacts
from jobkernel.executors.exchange import MemoryDefault, RunExchange
from jobkernel.executors.threads import ThreadPool
from jobkernel.model import events as ev
from jobkernel.model.events import Event
from jobkernel.model.results import Output
from jobkernel.model.runs import RunStatus, StepStatus
from jobkernel.rules.run_state import RUN_TRANSITIONS, RunProgress

CALM = settings(max_examples=40, deadline=None, derandomize=True, database=None, phases=[Phase.generate])
PATIENCE_S = 10


class NoConfig:
    def for_op(self, path: tuple[str, ...]) -> Any:
        return None

    def input_value(self, path: tuple[str, ...], name: str) -> Any:
        raise AssertionError("no input of these plans comes from config")

    def stored(self) -> Any:
        return None


class Stage:
    """Runs a story on threads and writes down what happens."""

    def __init__(self, story: Story, opening: Callable[[Any], Any] | None = None) -> None:
        self.story = story
        self.events: list[Event] = []
        self.statuses: list[RunStatus] = [RunStatus.NOT_STARTED]
        self.tries: dict[str, int] = {}
        self.pool = ThreadPool(3)
        self.on_start: Callable[[str], None] = lambda _key: None
        self.run = ActiveRun(
            RunSetup(
                plan=story.plan,
                facts=RunFacts(run_id="r", job_name="story"),
                config=NoConfig(),
                emit=self.events.append,
                clock=SystemClock(),
                make_exchange=self._exchange,
                open_resources=opening or _nothing_to_open,
                max_workers=3,
                computes={key: self._compute(key) for key in story.plan.steps},
                on_change=lambda run: self.statuses.append(run.status),
            )
        )

    def _exchange(self, progress: RunProgress, resources: Mapping[str, Any]) -> RunExchange:
        return RunExchange(progress, resources, MemoryDefault())

    def _compute(self, key: str) -> Callable[..., Any]:
        deed = self.story.deeds[key]

        def body(**_inputs: Any) -> Iterator[Output]:
            self.on_start(key)
            self.tries[key] = self.tries.get(key, 0) + 1
            if self.tries[key] <= deed.retries or deed.ending != GOOD:
                raise ValueError(f"{key} fails")
            for name in sorted(deed.made):
                yield Output(f"{key}.{name}", name)

        return body

    def play(self) -> None:
        self.run.start(self.pool)
        assert self.run.wait(PATIENCE_S), "the run did not end"
        self.pool.close()

    def first(self, event_type: str, step_key: str | None = None) -> int | None:
        places = (
            place
            for place, event in enumerate(self.events)
            if event.event_type == event_type and event.step_key == step_key
        )
        return next(places, None)

    def check_legal(self) -> None:
        moves = [(a, b) for a, b in zip(self.statuses, self.statuses[1:], strict=False) if a is not b]
        assert set(moves) <= RUN_TRANSITIONS
        ends = [event.event_type for event in self.events if event.event_type in ev.FINAL_RUN_EVENTS]
        assert ends == [f"RUN_{self.run.status}"]
        assert self.events[-1].event_type == ends[0]


@contextmanager
def _nothing_to_open(_emit: Any) -> Iterator[Mapping[str, Any]]:
    yield {}


@CALM
@given(stories())
def test_a_run_ends_as_its_rules_say(story: Story) -> None:
    stage = Stage(story)
    stage.play()
    expected = expected_endings(story)
    assert stage.run.progress.statuses == expected
    is_failed = StepStatus.FAILURE in expected.values()
    assert stage.run.status is (RunStatus.FAILURE if is_failed else RunStatus.SUCCESS)
    stage.check_legal()


@CALM
@given(stories())
def test_no_step_starts_before_all_it_waits_for_has_ended(story: Story) -> None:
    stage = Stage(story)
    stage.play()
    for key, step in story.plan.steps.items():
        began = stage.first(ev.STEP_START, key)
        for feed in step.sources if began is not None else ():
            ended = stage.first(ev.STEP_SUCCESS, feed.step_key) or stage.first(ev.STEP_SKIPPED, feed.step_key)
            assert ended is not None
            assert ended < began


@CALM
@given(stories())
def test_each_step_has_the_events_of_its_ending_and_no_other(story: Story) -> None:
    stage = Stage(story)
    stage.play()
    ending_events = {ev.STEP_SUCCESS, ev.STEP_FAILURE, ev.STEP_SKIPPED, ev.STEP_NOT_RUN, ev.STEP_CANCELED}
    seen = {event.step_key: event.event_type for event in stage.events if event.event_type in ending_events}
    count = sum(event.event_type in ending_events for event in stage.events)
    assert count == len(story.plan.steps)
    assert seen == {key: f"STEP_{status}" for key, status in expected_endings(story).items()}


@CALM
@given(stories(), st.integers(0, 7), st.booleans())
def test_a_cancel_at_any_step_comes_to_rest_with_every_step_ended(story: Story, at: int, is_forced: bool) -> None:
    stage = Stage(story)
    keys = list(story.plan.steps)
    trigger = keys[at % len(keys)]
    stage.on_start = lambda key: stage.run.cancel(forced=is_forced) if key == trigger else None
    stage.play()
    assert all(status.is_final for status in stage.run.progress.statuses.values())
    if trigger in stage.tries or StepStatus.CANCELED in stage.run.progress.statuses.values():
        assert stage.run.status is RunStatus.CANCELED
    stage.check_legal()


def one_step(ending: str = GOOD) -> Story:
    from run_plans import Deed

    from jobkernel.model.definitions import Op
    from jobkernel.model.definitions import Output as Declared
    from jobkernel.rules.plan import Plan, PlannedStep

    op = Op(name="only", outputs=(Declared(name="x", is_required=False),))
    step = PlannedStep(key="only", op=op, path=("only",))
    return Story(Plan(job_name="story", steps={"only": step}), {"only": Deed(ending, frozenset({"x"}))})


def test_a_cancel_while_resources_open_ends_the_run_once_and_closes_them() -> None:
    opened, canceled, closed = threading.Event(), threading.Event(), threading.Event()

    @contextmanager
    def slow(_emit: Any) -> Iterator[Mapping[str, Any]]:
        opened.set()
        assert canceled.wait(PATIENCE_S)
        yield {}
        closed.set()

    stage = Stage(one_step(), slow)
    stage.run.start(stage.pool)
    assert opened.wait(PATIENCE_S)
    stage.run.cancel()
    canceled.set()
    assert stage.run.wait(PATIENCE_S)
    assert closed.wait(PATIENCE_S)
    assert stage.run.status is RunStatus.CANCELED
    assert stage.run.progress.statuses == {"only": StepStatus.CANCELED}
    stage.check_legal()


def test_a_resource_that_fails_to_open_in_a_canceled_run_leaves_it_canceled() -> None:
    opened, canceled = threading.Event(), threading.Event()

    @contextmanager
    def bad(_emit: Any) -> Iterator[Mapping[str, Any]]:
        opened.set()
        assert canceled.wait(PATIENCE_S)
        raise ValueError("no connection")
        yield {}

    stage = Stage(one_step(), bad)
    stage.run.start(stage.pool)
    assert opened.wait(PATIENCE_S)
    stage.run.cancel()
    canceled.set()
    assert stage.run.wait(PATIENCE_S)
    stage.pool.close()
    assert stage.run.status is RunStatus.CANCELED
    stage.check_legal()


def test_a_resource_that_fails_to_open_leaves_no_step_open() -> None:
    @contextmanager
    def bad(_emit: Any) -> Iterator[Mapping[str, Any]]:
        raise ValueError("no connection")
        yield {}

    stage = Stage(one_step(), bad)
    stage.play()
    assert stage.run.status is RunStatus.FAILURE
    assert stage.run.progress.statuses["only"].is_final
    stage.check_legal()


@pytest.mark.parametrize("ending", [GOOD, "bad"])
def test_a_run_that_ended_is_deaf_to_cancel(ending: str) -> None:
    stage = Stage(one_step(ending))
    stage.play()
    before = list(stage.events), stage.run.status
    stage.run.cancel(forced=True)
    assert (stage.events, stage.run.status) == before
