"""Random plans of ops, what each step is to do, and what must come of it, worked out the slow way."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from hypothesis import strategies as st

from jobkernel.model.definitions import Input, Op, Output
from jobkernel.model.policies import RetryPolicy
from jobkernel.model.runs import StepStatus
from jobkernel.rules.plan import FromStep, Plan, PlannedInput, PlannedStep, in_order

GOOD, BAD = "good", "bad"
OUTPUTS = ("x", "y")


@dataclass(frozen=True)
class Deed:
    """What a step does: fails ``retries`` times, then ends well or badly, making some of its optional outputs."""

    ending: str = GOOD
    made: frozenset[str] = frozenset(OUTPUTS)
    retries: int = 0


@dataclass(frozen=True)
class Story:
    """A plan and what its steps do."""

    plan: Plan
    deeds: Mapping[str, Deed] = field(default_factory=dict)


@st.composite
def stories(draw: st.DrawFn, compute_of: Callable[[str], Any] | None = None, most: int = 8) -> Story:
    count = draw(st.integers(1, most))
    keys = [f"s{number}" for number in range(count)]
    steps = [_step(draw, key, keys[:place], compute_of) for place, key in enumerate(keys)]
    shuffled = draw(st.permutations(steps))
    deeds = {key: draw(_deeds()) for key in keys}
    return Story(Plan(job_name="story", steps=in_order(shuffled)), deeds)


def _deeds() -> st.SearchStrategy[Deed]:
    return st.builds(
        Deed,
        ending=st.sampled_from([GOOD, GOOD, GOOD, BAD]),
        made=st.frozensets(st.sampled_from(OUTPUTS)).map(lambda made: made or frozenset({"x"})),
        retries=st.sampled_from([0, 0, 1]),
    )


def _step(draw: st.DrawFn, key: str, above: list[str], compute_of: Callable[[str], Any] | None) -> PlannedStep:
    inputs = []
    for place in range(draw(st.integers(0, 3)) if above else 0):
        feeds = tuple(_feed(draw, above) for _ in range(draw(st.integers(1, 3))))
        is_fan_in = len(feeds) > 1
        inputs.append(PlannedInput(Input(name=f"i{place}"), feeds, is_fan_in))
    after = tuple(_feed(draw, above) for _ in range(draw(st.integers(0, 1)))) if above else ()
    op = Op(
        name=key,
        compute=compute_of(key) if compute_of is not None else None,
        inputs=tuple(planned.input for planned in inputs),
        outputs=tuple(Output(name=name, is_required=False) for name in OUTPUTS),
        retry=RetryPolicy(max_retries=1),
    )
    priority = draw(st.sampled_from([0, 0, 1, -1]))
    return PlannedStep(
        key=key, op=op, path=(key,), inputs=tuple(inputs), after=after, priority=priority, retry=op.retry
    )


def _feed(draw: st.DrawFn, above: list[str]) -> FromStep:
    return FromStep(draw(st.sampled_from(above)), draw(st.sampled_from(OUTPUTS)))


def expected_endings(story: Story) -> dict[str, StepStatus]:
    """Return how every step must end, whatever the order of events."""
    ends: dict[str, StepStatus] = {}
    for key, step in story.plan.steps.items():
        ends[key] = _expected(step, story.deeds, ends)
    return ends


def _expected(step: PlannedStep, deeds: Mapping[str, Deed], ends: Mapping[str, StepStatus]) -> StepStatus:
    if any(ends[feed.step_key] in (StepStatus.FAILURE, StepStatus.NOT_RUN) for feed in step.sources):
        return StepStatus.NOT_RUN
    if any(_is_unfed(planned.feeds, deeds, ends) for planned in step.inputs):
        return StepStatus.SKIPPED
    if not all(_exists(feed, deeds, ends) for feed in step.after):
        return StepStatus.SKIPPED
    return StepStatus.SUCCESS if deeds[step.key].ending == GOOD else StepStatus.FAILURE


def _is_unfed(feeds: Iterable[Any], deeds: Mapping[str, Deed], ends: Mapping[str, StepStatus]) -> bool:
    """An input is unfed where its only output is absent, a fan-in where all are."""
    return not any(_exists(feed, deeds, ends) for feed in feeds)


def _exists(feed: FromStep, deeds: Mapping[str, Deed], ends: Mapping[str, StepStatus]) -> bool:
    return ends[feed.step_key] is StepStatus.SUCCESS and feed.output in deeds[feed.step_key].made
