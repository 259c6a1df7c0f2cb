"""What a look at a schedule or sensor makes: its context, and ticks as they are to be claimed. User code runs inside.

Claims and launches nothing and knows no thread; ``timed`` bounds each call of a function. Called by ``looks``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import field
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Protocol
from zoneinfo import ZoneInfo

from jobkernel.clock import Clock
from jobkernel.engine.live_run import LiveRun
from jobkernel.engine.reports import Reports
from jobkernel.engine.tick_runs import TickRuns, Together
from jobkernel.engine.watched import Look, Watched, microseconds
from jobkernel.errors import Interrupted, UserCodeError
from jobkernel.executors.automation_context import (
    AutomationContext,
    ScheduleEvaluationContext,
    SensorEvaluationContext,
)
from jobkernel.executors.cancel import call_interruptible
from jobkernel.executors.capture import capturing
from jobkernel.executors.evaluating import evaluate, evaluate_plain
from jobkernel.executors.failure import describe_error
from jobkernel.executors.step_output import StepOutput
from jobkernel.model.automation import UNCHANGED, Evaluation, LogLine, News, Overlap, Schedule, Sensor
from jobkernel.records import dataclass
from jobkernel.rules.evaluation import described
from jobkernel.rules.ticks import Due, DueTick, Gap, Verdict, decide_overlap

KEPT_CHARACTERS: Final = 20_000
"""How much of what a look printed and logged is kept with its tick: the end of it."""
REPOSITORY: Final = "__repository__"
"""What a repository is called that nobody named, as in Dagster."""
NOTHING_STALE: Final = "Nothing that was asked for is stale."

Timed = Callable[[Watched, Look], AbstractContextManager[None]]


class Surroundings(Protocol):
    """What functions of schedules and sensors see of their kernel."""

    @property
    def resources(self) -> Mapping[str, Any]:
        """The definitions of resources, by key."""
        ...

    @property
    def news(self) -> News:
        """What happened since."""
        ...

    @property
    def instance(self) -> Any:
        """What makes the instance they may ask for, or None."""
        ...

    @property
    def definitions(self) -> Any:
        """What has the ``universe`` of assets."""
        ...

    @property
    def reports(self) -> Reports:
        """Who has changes of partitions, and what became of assets elsewhere, kept with ticks."""
        ...

    def explain_error(self, error: BaseException) -> BaseException:
        """Return an error of a function with what people may want to know of it."""
        ...


@dataclass(slots=True)
class Draft:
    """A tick before it is claimed: its record, the runs it asks for, and what the look gave."""

    watched: Watched
    tick: dict[str, Any]
    runs: dict[str, LiveRun] = field(default_factory=dict)
    evaluation: Evaluation | None = None


class Drafts:
    """Makes the drafts of one kernel's looks."""

    def __init__(self, clock: Clock, runs: TickRuns, surroundings: Surroundings, timed: Timed) -> None:
        self._clock = clock
        self._runs = runs
        self._around = surroundings
        self._timed = timed

    def of_schedule(
        self, watched: Watched, due: Due, look: Look, active: Sequence[str], together: Together | None = None
    ) -> Iterator[Draft]:
        """Give the ticks of a schedule that are due, oldest first; ``active`` are its runs that are not over."""
        schedule = watched.automation
        assert isinstance(schedule, Schedule)
        if due.missed is not None:
            yield self._missed(watched, look, due.missed)
        decision = decide_overlap(schedule.overlap, schedule.name, active)
        one_at_a_time = schedule.overlap is Overlap.QUEUE or (schedule.overlap is Overlap.SKIP and len(due.launch) > 1)
        for each in due.launch:
            tick = self._tick(watched, look, each.at) | _lateness(each)
            if decision.verdict is Verdict.SKIP:
                yield Draft(watched, tick | {"status": "SKIPPED", "skip_reason": decision.reason})
                continue
            yield self._evaluated(watched, tick, look, each.at, one_at_a_time=one_at_a_time, together=together)

    def of_sensor(self, watched: Watched, look: Look) -> Draft:
        """Return the tick of a sensor's look."""
        return self._evaluated(watched, self._tick(watched, look, None), look, None)

    def failed(
        self,
        watched: Watched,
        look: Look,
        error: BaseException,
        scheduled_at: datetime | None,
        lines: Sequence[Mapping[str, Any]] = (),
    ) -> Draft:
        """Return the tick of a look that failed; the cursor stays."""
        error = self._around.explain_error(error)
        tick = self._tick(watched, look, scheduled_at) | {"status": "FAILURE", "error": describe_error(error)}
        if lines:
            tick["log"] = list(lines)
        return Draft(watched, tick | {"cursor": watched.cursor})

    def claimed(self, draft: Draft) -> None:
        """Tell the kernel of what the history took up with a tick."""
        if beside := draft.tick.get("beside"):
            self._around.reports.happened(beside)

    def context(
        self, watched: Watched, *, scheduled_at: datetime | None = None, cursor: Any = UNCHANGED
    ) -> AutomationContext:
        """Return the context of a look, at a time of a schedule or with a cursor of a sensor."""
        automation, around = watched.automation, self._around
        wanted = {*automation.required_resources, *automation.resource_arguments}
        shared: dict[str, Any] = {
            "name": automation.name,
            "resources": around.resources,
            "resource_keys": sorted(wanted),
            "instance": around.instance,
            "definitions": around.definitions,
            "now_us": self._clock.now_us,
        }
        if isinstance(automation, Schedule):
            local = scheduled_at.astimezone(ZoneInfo(automation.timezone)) if scheduled_at is not None else None
            return ScheduleEvaluationContext(scheduled_execution_time=local, **shared)
        return SensorEvaluationContext(
            cursor=watched.cursor if cursor is UNCHANGED else cursor,
            last_tick_completion_time=_seconds(watched.evaluated_at),
            last_run_key=watched.last_run_key,
            last_sensor_start_time=_seconds(watched.starts_at),
            repository_name=REPOSITORY,
            news=around.news,
            **shared,
        )

    def _missed(self, watched: Watched, look: Look, gap: Gap) -> Draft:
        tick = self._tick(watched, look, gap.last) | {
            "tick_id": f"{watched.name}@missed-{_text(gap.first)}-{_text(gap.last)}",
            "status": "MISSED",
            "count": gap.count,
            "first_us": microseconds(gap.first),
            "last_us": microseconds(gap.last),
        }
        return Draft(watched, tick)

    def _evaluated(
        self,
        watched: Watched,
        tick: dict[str, Any],
        look: Look,
        scheduled_at: datetime | None,
        **how: Any,
    ) -> Draft:
        look.scheduled_at = scheduled_at
        if not has_user_code(watched):
            return self._plain(watched, tick, look, scheduled_at, **how)
        output = StepOutput(None, self._clock.now_us)
        context = self.context(watched, scheduled_at=scheduled_at)
        try:
            evaluation = self._evaluate(watched, look, context, output)
            reports = self._around.reports.of(evaluation)
            wanted, used_keys = self._runs.with_new_keys(watched.automation, evaluation)
            runs = self._runs.prepare(watched.automation, wanted, tick["tick_id"], scheduled_at, **how)
        except Exception as error:  # noqa: BLE001 - the user's own
            return self.failed(watched, look, error, scheduled_at, _lines(output, context.lines))
        tick |= {"requests": [each.record for each in runs], "origin_run_ids": list(evaluation.origin_run_ids)}
        if watched.cursor != evaluation.cursor and evaluation.cursor is not UNCHANGED:
            tick["new_cursor"] = evaluation.cursor
        tick["cursor"] = tick.get("new_cursor", watched.cursor)
        tick |= reports | ({"skipped_keys": used_keys} if used_keys else {})
        if lines := _lines(output, evaluation.log):
            tick["log"] = lines
        if evaluation.error is not None:
            tick |= {"status": "FAILURE", "error": describe_error(evaluation.error)}
        elif runs:
            tick["status"] = "STARTED"
        else:
            tick["status"] = "SUCCESS" if evaluation.reactions else "SKIPPED"
            tick["skip_reason"] = evaluation.skip_reason or (NOTHING_STALE if evaluation.requests else None)
        return Draft(watched, tick, {each.run_id: each.live for each in runs}, evaluation)

    def _plain(
        self, watched: Watched, tick: dict[str, Any], look: Look, scheduled_at: datetime | None, **how: Any
    ) -> Draft:
        """Return the tick of a schedule that has no function: it asks for one run."""
        try:
            evaluation = _unchanging(watched)
            runs = self._runs.prepare(watched.automation, evaluation, tick["tick_id"], scheduled_at, **how)
        except Exception as error:  # noqa: BLE001 - the user's own definitions
            return self.failed(watched, look, error, scheduled_at)
        tick |= {"requests": [each.record for each in runs], "status": "STARTED"}
        return Draft(watched, tick, {each.run_id: each.live for each in runs}, evaluation)

    def _evaluate(self, watched: Watched, look: Look, context: AutomationContext, output: StepOutput) -> Evaluation:
        with context:
            try:
                with capturing(output), self._timed(watched, look):
                    return call_interruptible(evaluate, watched.automation, context)
            except Interrupted as stopped:
                raise TimeoutError(too_long(watched)) from stopped
            except Exception:
                raise
            except BaseException as error:  # such as sys.exit(), which would end no more than this thread
                raise UserCodeError(f"{described(watched.automation)} raised {error!r}, which ends nothing.") from error

    def _tick(self, watched: Watched, look: Look, scheduled_at: datetime | None) -> dict[str, Any]:
        automation = watched.automation
        return {
            "name": automation.name,
            "automation_type": str(automation.kind),
            "tick_id": look.tick_id if scheduled_at is None else f"{automation.name}@{_text(scheduled_at)}",
            "token": watched.token or 0,
            "scheduled_us": None if scheduled_at is None else microseconds(scheduled_at),
            "evaluated_us": microseconds(look.began),
            "keeps_keys": isinstance(automation, Sensor),
        }


def _unchanging(watched: Watched) -> Evaluation:
    """Return what a schedule without any function asks for, each time the same."""
    schedule = watched.automation
    assert isinstance(schedule, Schedule)
    if watched.unchanging is None or schedule.run_config:  # what a run may change is made anew for each
        watched.unchanging = evaluate_plain(schedule)
    return watched.unchanging


def has_user_code(watched: Watched) -> bool:
    """Whether a look calls code of the user's."""
    automation = watched.automation
    extra = isinstance(automation, Schedule) and (automation.should_execute or automation.request_tags)
    return bool(automation.function or automation.capture or extra)


def too_long(watched: Watched) -> str:
    """Say that a look went past its time limit."""
    what = "Schedule" if watched.automation.is_schedule else "Sensor"
    return f"{what} '{watched.name}' did not end within its {watched.timeout_s:g} s."


def _lateness(tick: DueTick) -> dict[str, float]:
    return {"late_s": tick.late.total_seconds()} if tick.late >= timedelta(seconds=1) else {}


def _text(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def _seconds(moment: datetime | None) -> float | None:
    return None if moment is None else moment.timestamp()


def _lines(output: StepOutput, logged: Sequence[LogLine]) -> list[dict[str, Any]]:
    """Return what a look printed and logged by its context, in order; the end of it where it is much."""
    output.close()
    found: list[dict[str, Any]] = [
        {"at": line.at, "level": line.level, "message": line.text} for line in output.lines_after(0)
    ]
    found += [{"at": line.occurred_at, "level": line.level, "message": line.message} for line in logged]
    found.sort(key=lambda line: line["at"])
    size = 0
    for place in range(len(found) - 1, -1, -1):
        size += len(found[place]["message"])
        if size > KEPT_CHARACTERS:
            return found[place + 1 :] or [{**found[-1], "message": found[-1]["message"][:KEPT_CHARACTERS]}]
    return found
