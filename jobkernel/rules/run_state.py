"""Which steps of a run may start, and what follows when one ends. Pure bookkeeping, each step touched once per input.

Knows no threads, no clock and no store: the engine tells it facts and does what it returns. A step starts when all
it waits for has ended well; is skipped when an output it needs was never made; is not run when something above failed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import field
from typing import Final

from jobkernel.errors import InvariantViolation
from jobkernel.model.runs import RunStatus, StepStatus
from jobkernel.records import dataclass
from jobkernel.rules.mapped_steps import copies
from jobkernel.rules.plan import Earlier, FromStep, Plan, PlannedStep

RUN_TRANSITIONS: Final = frozenset(
    {
        (RunStatus.NOT_STARTED, RunStatus.QUEUED),
        (RunStatus.NOT_STARTED, RunStatus.STARTING),
        (RunStatus.NOT_STARTED, RunStatus.STARTED),
        (RunStatus.NOT_STARTED, RunStatus.FAILURE),
        (RunStatus.NOT_STARTED, RunStatus.CANCELED),
        (RunStatus.QUEUED, RunStatus.STARTING),
        (RunStatus.QUEUED, RunStatus.STARTED),
        (RunStatus.QUEUED, RunStatus.FAILURE),
        (RunStatus.QUEUED, RunStatus.CANCELING),
        (RunStatus.QUEUED, RunStatus.CANCELED),
        (RunStatus.STARTING, RunStatus.STARTED),
        (RunStatus.STARTING, RunStatus.FAILURE),
        (RunStatus.STARTING, RunStatus.CANCELING),
        (RunStatus.STARTING, RunStatus.CANCELED),
        (RunStatus.STARTED, RunStatus.SUCCESS),
        (RunStatus.STARTED, RunStatus.FAILURE),
        (RunStatus.STARTED, RunStatus.CANCELING),
        (RunStatus.STARTED, RunStatus.CANCELED),
        (RunStatus.CANCELING, RunStatus.CANCELED),
        (RunStatus.CANCELING, RunStatus.FAILURE),
    }
)
"""Every legal change of a run's status; whatever is not here is refused. Final statuses never change."""

_BAD: Final = (StepStatus.FAILURE, StepStatus.NOT_RUN, StepStatus.CANCELED)


@dataclass(slots=True)
class Advance:
    """What follows from one fact: steps that may start now (best first), steps that never will, with the reason."""

    ready: list[PlannedStep] = field(default_factory=list)
    skipped: list[tuple[str, str]] = field(default_factory=list)
    not_run: list[tuple[str, str]] = field(default_factory=list)


class RunProgress:
    """The statuses of one run's steps. Owned by one run, which calls it under its own lock."""

    def __init__(self, plan: Plan) -> None:
        self.steps: dict[str, PlannedStep] = dict(plan.steps)
        self.statuses: dict[str, StepStatus] = dict.fromkeys(self.steps, StepStatus.WAITING)
        self._waits: dict[str, int] = {}
        self._followers: dict[str, list[str]] = {key: [] for key in self.steps}
        self._earlier = plan.earlier or Earlier()
        self._made: dict[str, frozenset[str]] = {}
        for feed in self._earlier.made_by:
            if feed.step_key not in self.steps:
                self._made[feed.step_key] = self._made.get(feed.step_key, frozenset()) | {feed.output}
        self._copies: dict[str, tuple[str, ...]] = {}
        self._open = len(self.steps)
        self._is_smooth = True  # all that ended made all its outputs, none dynamic: no verdict is in doubt
        for step in self.steps.values():
            self._connect(step)

    @property
    def is_over(self) -> bool:
        """Whether every step has come to its end."""
        return self._open == 0

    @property
    def has_failed(self) -> bool:
        """Whether a step failed."""
        return any(status is StepStatus.FAILURE for status in self.statuses.values())

    def failed_steps(self) -> list[str]:
        """Return the steps that failed, in order."""
        return [key for key, status in self.statuses.items() if status is StepStatus.FAILURE]

    def begin(self) -> Advance:
        """Return the steps that wait for nothing."""
        return self._settle([key for key, count in self._waits.items() if count == 0])

    def started(self, key: str) -> None:
        """Note that a step runs (again)."""
        self._move(key, StepStatus.STARTED)

    def retried(self, key: str) -> None:
        """Note that a step failed and will be tried again."""
        self._move(key, StepStatus.UP_FOR_RETRY)

    def succeeded(
        self, key: str, made: Iterable[str], mapping_keys: Mapping[str, Iterable[str]] | None = None
    ) -> Advance:
        """Note that a step succeeded and which outputs it made; dynamic outputs with their mapping keys."""
        self._move(key, StepStatus.SUCCESS)
        self._made[key] = names = frozenset(made)
        self._open -= 1
        if mapping_keys is None and len(names) == len(self.steps[key].op.outputs):
            return self._settle(self._released_by(key))
        self._is_smooth = False
        unfolded: list[str] = []
        for output, keys in (mapping_keys or {}).items():
            self._made[key] |= {f"{output}[{each}]" for each in keys} | {output}
            unfolded += self._unfold(FromStep(key, output), tuple(keys))
        return self._settle(self._released_by(key) + unfolded)

    def failed(self, key: str) -> Advance:
        """Note that a step failed for good; what depends on it will not run."""
        return self._ended_badly(key, StepStatus.FAILURE)

    def canceled(self, key: str) -> Advance:
        """Note that a step was stopped, or will not start, because its run was canceled."""
        return self._ended_badly(key, StepStatus.CANCELED)

    def given_up(self, reason: str) -> Advance:
        """Note that the run failed before its first step; none of its steps will run."""
        advance = Advance()
        for key in self.waiting():
            self._move(key, StepStatus.NOT_RUN)
            self._open -= 1
            advance.not_run.append((key, reason))
        return advance

    def waiting(self) -> list[str]:
        """Return the steps that have not started, or wait for another attempt, in order."""
        open_ones = (StepStatus.WAITING, StepStatus.UP_FOR_RETRY)
        return [key for key, status in self.statuses.items() if status in open_ones]

    def collected(self, feed: FromStep) -> tuple[FromStep, ...]:
        """Return the step outputs that a collected feed stands for, in the order of their mapping keys."""
        if feed.step_key in self._copies:
            return tuple(
                FromStep(key, feed.output)
                for key in self._copies[feed.step_key]
                if feed.output in self._made.get(key, frozenset())
            )
        prefix = f"{feed.output}["
        return tuple(FromStep(feed.step_key, name) for name in self._order_of(feed) if name.startswith(prefix))

    def has_made(self, feed: FromStep) -> bool:
        """Whether that output exists, of this run or of an earlier one that it goes on from."""
        return feed.output in self._made.get(feed.step_key, frozenset())

    def step_of(self, key: str) -> PlannedStep | None:
        """Return a step of this run, or of the earlier one that it goes on from."""
        return self.steps.get(key) or self._earlier.steps.get(key)

    def earlier_run_of(self, feed: FromStep) -> str | None:
        """Return the id of the earlier run whose output this is; None for an output of this run."""
        return None if feed.step_key in self.steps else self._earlier.made_by.get(feed)

    def made_by(self, key: str) -> list[str]:
        """Return the values that a step made, by output; those of a dynamic output with their mapping keys."""
        step, made = self.steps[key], self._made.get(key, frozenset())
        valued = [each for each in step.op.outputs if not each.is_nothing and each.name not in step.checks]
        names = [
            name
            for each in valued
            for name in (self._order_of(FromStep(key, each.name)) if each.is_dynamic else (each.name,))
        ]
        return [name for name in names if name in made]

    def _order_of(self, feed: FromStep) -> tuple[str, ...]:
        return self._copies.get(f"{feed.step_key}\0{feed.output}", ())

    def _connect(self, step: PlannedStep) -> None:
        sources = {feed.step_key for feed in step.sources if feed.step_key in self.statuses}
        open_sources = [key for key in sources if not self.statuses[key].is_final]
        self._waits[step.key] = len(open_sources)
        for key in open_sources:
            self._followers[key].append(step.key)

    def _move(self, key: str, status: StepStatus) -> None:
        if self.statuses[key].is_final:
            raise InvariantViolation(f"Step '{key}' has ended as {self.statuses[key]} and cannot become {status}.")
        self.statuses[key] = status

    def _ended_badly(self, key: str, status: StepStatus) -> Advance:
        self._move(key, status)
        self._open -= 1
        self._is_smooth = False
        return self._settle(self._released_by(key))

    def _released_by(self, key: str) -> list[str]:
        released = []
        waits, is_bad = self._waits, self.statuses[key] in _BAD
        for follower in self._followers[key]:
            waits[follower] -= 1
            # below a failure nobody waits for the rest: the verdict is known
            if is_bad or waits[follower] == 0:
                released.append(follower)
        return released

    def _settle(self, released: list[str]) -> Advance:
        advance = Advance()
        queue = list(released)
        for key in queue:
            if self.statuses[key] is not StepStatus.WAITING:
                continue
            verdict, reason = self._verdict(self.steps[key])
            if verdict is StepStatus.WAITING:
                advance.ready.append(self.steps[key])
                continue
            self.statuses[key] = verdict
            self._open -= 1
            (advance.skipped if verdict is StepStatus.SKIPPED else advance.not_run).append((key, reason))
            queue.extend(self._released_by(key))
        if len(advance.ready) > 1:
            advance.ready.sort(key=lambda step: -step.priority)  # stable: ties stay in plan order
        return advance

    def _verdict(self, step: PlannedStep) -> tuple[StepStatus, str]:
        if self._is_smooth:
            return StepStatus.WAITING, ""
        for source in self._source_keys(step):
            if self.statuses.get(source) in _BAD:
                return StepStatus.NOT_RUN, source
        if step.mapped_over is not None and step.mapping_key is None:
            if self.statuses[step.mapped_over.step_key] is StepStatus.SUCCESS:
                return StepStatus.SKIPPED, f"'{step.mapped_over.step_key}' made no outputs to map over"
            return StepStatus.SKIPPED, f"'{step.mapped_over.step_key}' was skipped"
        for feed in self._needed_but_absent(step):
            return StepStatus.SKIPPED, f"'{feed.step_key}' did not make its output '{feed.output}'"
        return StepStatus.WAITING, ""

    def _source_keys(self, step: PlannedStep) -> Iterable[str]:
        """Every step that this one waits for; in the place of a mapped one its copies."""
        for feed in step.sources:
            yield from self._copies.get(feed.step_key, (feed.step_key,))

    def _needed_but_absent(self, step: PlannedStep) -> Iterable[FromStep]:
        for planned in step.inputs:
            sources = [f for f in planned.feeds if isinstance(f, FromStep) and not f.is_collected]
            absent = [f for f in sources if f.step_key in self.statuses and not self.has_made(f)]
            if absent and (not planned.is_fan_in or len(absent) == len(planned.feeds)):
                yield absent[0]
        for feed in step.after:
            if feed.output and feed.step_key in self.statuses and not self.has_made(feed):
                yield feed

    def _unfold(self, root: FromStep, mapping_keys: tuple[str, ...]) -> list[str]:
        """Replace the steps mapped over a dynamic output by one copy for each of its keys; return who waits no more."""
        self._copies[f"{root.step_key}\0{root.output}"] = tuple(f"{root.output}[{key}]" for key in mapping_keys)
        mapped = [
            step
            for key, step in self.steps.items()
            if step.mapped_over == root and step.mapping_key is None and self.statuses[key] is StepStatus.WAITING
        ]
        for step in mapped:
            made = copies(step, mapping_keys)
            self._copies[step.key] = tuple(copy.key for copy in made)
            for copy in made:
                self.steps[copy.key] = copy
                self.statuses[copy.key] = StepStatus.WAITING
                self._followers[copy.key] = []
                self._open += 1
        patterns = {step.key for step in mapped}
        touched = [key for step in mapped for key in self._replace_pattern(step, patterns)]
        return [key for key in dict.fromkeys(touched) if not self._waits[key]]

    def _replace_pattern(self, step: PlannedStep, patterns: set[str]) -> list[str]:
        made = self._copies[step.key]
        for source in {feed.step_key for feed in step.sources} & self._followers.keys():
            self._followers[source].remove(step.key)
        for key in made:
            self._connect(self.steps[key])
        collectors = [key for key in self._followers.pop(step.key) if key not in patterns]
        for follower in collectors:
            self._waits[follower] += len(made) - 1
            for key in made:
                self._followers[key].append(follower)
        self._open -= 1
        del self.steps[step.key], self.statuses[step.key], self._waits[step.key]
        return [*made, *collectors]
