"""Looks at schedules and sensors: calls their functions, claims the tick, launches what it asked for. User code inside.

A tick is claimed in the project's history before anything of it is launched, so that it is launched once whichever
kernel looks; what its claimant could not launch before it died, the next owner does. Called by ``automations``.
"""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Protocol
from zoneinfo import ZoneInfo

from jobkernel.clock import Clock, ManualClock
from jobkernel.engine.deadlines import Timer
from jobkernel.engine.live_run import LiveRun
from jobkernel.engine.tick_runs import TickRuns
from jobkernel.engine.watched import Look, Watched, instant, microseconds
from jobkernel.errors import Interrupted, JobkernelError, ServerUnreachable
from jobkernel.executors.automation_context import (
    AutomationContext,
    ScheduleEvaluationContext,
    SensorEvaluationContext,
)
from jobkernel.executors.cancel import call_interruptible, interrupt_thread
from jobkernel.executors.capture import capturing
from jobkernel.executors.evaluating import evaluate
from jobkernel.executors.failure import describe_error
from jobkernel.executors.step_output import StepOutput
from jobkernel.executors.threads import ThreadPool
from jobkernel.model import events as ev
from jobkernel.model.automation import UNCHANGED, Evaluation, News, Schedule, Sensor
from jobkernel.model.events import Event
from jobkernel.rules.ticks import Due, Overlap, Verdict, decide_overlap
from jobkernel.storage.history import History

log = logging.getLogger(__name__)

THREADS: Final = 16
"""How many functions of schedules and sensors run at once; those that hang are not counted."""
GRACE_S: Final = 1.0
"""How long a function has to end after it was interrupted at its time limit."""
AGAIN_S: Final = 2.0
KEPT_CHARACTERS: Final = 20_000
"""How much of what a look printed and logged is kept with its tick: the end of it."""


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


@dataclass(slots=True)
class Draft:
    """A tick before it is claimed: its record, the runs it asks for, and what the look gave."""

    watched: Watched
    tick: dict[str, Any]
    runs: dict[str, LiveRun] = field(default_factory=dict)
    evaluation: Evaluation | None = None


class Looks:
    """Has the looks of one kernel, on threads of its own; inline where the clock is moved by hand."""

    def __init__(
        self,
        *,
        history: History,
        clock: Clock,
        timer: Timer,
        runs: TickRuns,
        surroundings: Surroundings,
        after: Callable[[Watched, str | None], None],
    ) -> None:
        self._history = history
        self._clock = clock
        self._timer = timer
        self._runs = runs
        self._around = surroundings
        self._after = after
        self._pool = ThreadPool(THREADS, "jobkernel-look")
        self._plain: queue.SimpleQueue[tuple[Watched, Due, Look]] = queue.SimpleQueue()
        self._lock = threading.Lock()  # protects _is_emptying
        self._is_emptying = False
        self._closing = threading.Event()

    def close(self) -> None:
        """Begin no more looks."""
        self._closing.set()
        self._pool.close()

    def aside(self, work: Callable[[], None]) -> None:
        """Do something short that may wait for the project server."""
        self._submit(work)

    def begin(self, watched: Watched, due: Due | None = None) -> None:
        """Have a look: at the ticks of a schedule that are due, or at a sensor."""
        look = watched.look = Look(tick_id=_tick_id(watched, self._clock.now()), began=self._clock.now())
        if due is not None and not _has_user_code(watched):
            self._plain.put((watched, due, look))
            with self._lock:
                if self._is_emptying:
                    return
                self._is_emptying = True
            self._submit(self._empty)
        else:
            self._submit(lambda: self._one(watched, due, look))

    def _submit(self, work: Callable[[], None]) -> None:
        if isinstance(self._clock, ManualClock):
            work()
        else:
            self._pool.submit(work)

    def _empty(self) -> None:
        """See to all schedules that are due and have no function, together: one claim for all."""
        found: list[tuple[Watched, Due, Look]] = []
        while True:
            while not self._plain.empty():
                found.append(self._plain.get())
            if found:
                drafts = [draft for watched, due, look in found for draft in self._guarded_drafts(watched, due, look)]
                self._settle(drafts, [(watched, look) for watched, _, look in found])
                found = []
            with self._lock:
                if self._plain.empty():
                    self._is_emptying = False
                    return

    def _one(self, watched: Watched, due: Due | None, look: Look) -> None:
        look.thread_id = threading.get_ident()
        call_off = self._timer.watch(watched.timeout_s, lambda: self._overdue(watched, look))
        try:
            drafts = self._guarded_drafts(watched, due, look)
        finally:
            call_off()
        if look.is_given_up:
            watched.look = None
            self._after(watched, None)
            return
        self._settle(drafts, [(watched, look)])

    def _guarded_drafts(self, watched: Watched, due: Due | None, look: Look) -> list[Draft]:
        try:
            return self._drafts_of_schedule(watched, due, look) if due is not None else [self._sensed(watched, look)]
        except Exception as error:  # noqa: BLE001 - the user's code is called inside: the thread must live on
            return [self._failed(watched, look, error, None if due is None else _newest(due))]

    def _settle(self, drafts: Sequence[Draft], looks: Sequence[tuple[Watched, Look]]) -> None:
        """Claim ticks, launch what they ask for, and say that the looks are over."""
        trouble: str | None = None
        try:
            for draft, answer in zip(drafts, self._claim(drafts), strict=True):
                trouble = self._claimed(draft, answer) or trouble
        except JobkernelError as error:
            trouble = str(error)
        except Exception as error:
            log.exception("a tick could not be recorded")
            trouble = f"A tick could not be recorded: {error}"
        for watched, look in looks:
            if watched.look is look:
                watched.look = None
            self._after(watched, trouble)

    def _claim(self, drafts: Sequence[Draft]) -> list[dict[str, Any]]:
        """Claim; where the project server is away, again until it is back: the same claim has the same answer."""
        if not drafts:
            return []
        ticks = [draft.tick for draft in drafts]
        while True:
            try:
                answers: list[dict[str, Any]] = self._history.request("claim_ticks", ticks=ticks)
                return answers
            except ServerUnreachable:
                if self._closing.wait(AGAIN_S):
                    raise

    def _claimed(self, draft: Draft, answer: Mapping[str, Any]) -> str | None:
        """Do what a claimed tick says; return a sentence where it was not ours to claim."""
        watched, tick = draft.watched, draft.tick
        if not answer["claimed"]:
            return "lease" if answer["why"] == "lease" else None
        status = answer["status"]
        watched.evaluated_at = instant(tick["evaluated_us"])
        reached = instant(tick.get("last_us") or tick.get("scheduled_us"))
        if reached is not None:
            watched.decided_until = max(reached, watched.decided_until or reached)
        if "new_cursor" in tick:
            watched.cursor = tick["new_cursor"]
        if status != "MISSED":
            watched.failures = watched.failures + 1 if status == "FAILURE" else 0
        if draft.evaluation is not None:
            self._runs.tell_reactions(watched, draft.evaluation)
        if status == "STARTED":
            self._launch(draft, answer["run_ids"])
        return None

    def _launch(self, draft: Draft, run_ids: Sequence[str]) -> None:
        body = {"name": draft.watched.name, "tick_id": draft.tick["tick_id"], "run_ids": list(run_ids)}
        keys = {request["run_id"]: request["run_key"] for request in draft.tick["requests"]}
        try:
            for run_id in run_ids:
                self._runs.enqueue(draft.runs[run_id])
                draft.watched.last_run_key = keys[run_id] or draft.watched.last_run_key
            word = ev.TICK_SUCCESS
        except JobkernelError as error:
            word, body = ev.TICK_FAILURE, {**body, "error": describe_error(error)}
        self._history.emit(Event(word, None, None, self._clock.now_us(), body))

    def _drafts_of_schedule(self, watched: Watched, due: Due, look: Look) -> list[Draft]:
        schedule = watched.automation
        assert isinstance(schedule, Schedule)
        drafts: list[Draft] = []
        if due.missed is not None:
            gap = due.missed
            tick = self._tick(watched, look, gap.last) | {
                "tick_id": f"{schedule.name}@missed-{_text(gap.first)}-{_text(gap.last)}",
                "status": "MISSED",
                "count": gap.count,
                "first_us": microseconds(gap.first),
                "last_us": microseconds(gap.last),
            }
            drafts.append(Draft(watched, tick))
        active = self._runs.active_of(schedule.name)
        overlap = Overlap(schedule.overlap)
        for number, each in enumerate(due.launch):
            tick = self._tick(watched, look, each.at)
            if each.late >= timedelta(seconds=1):
                tick["late_s"] = each.late.total_seconds()
            decision = decide_overlap(overlap, schedule.name, active)
            one_at_a_time = decision.verdict is Verdict.QUEUE or (number > 0 and overlap is not Overlap.ALLOW)
            if decision.verdict is Verdict.SKIP:
                drafts.append(Draft(watched, tick | {"status": "SKIPPED", "skip_reason": decision.reason}))
                continue
            drafts.append(self._evaluated(watched, tick, look, each.at, one_at_a_time=one_at_a_time))
        return drafts

    def _sensed(self, watched: Watched, look: Look) -> Draft:
        return self._evaluated(watched, self._tick(watched, look, None), look, None)

    def _evaluated(
        self,
        watched: Watched,
        tick: dict[str, Any],
        look: Look,
        scheduled_at: datetime | None,
        *,
        one_at_a_time: bool = False,
    ) -> Draft:
        output = StepOutput(None, self._clock.now_us)
        try:
            evaluation = self._evaluate(watched, look, scheduled_at, output)
            runs = self._runs.prepare(
                watched.automation, evaluation, tick["tick_id"], scheduled_at, one_at_a_time=one_at_a_time
            )
        except Exception as error:  # noqa: BLE001 - the user's own
            return self._failed(watched, look, error, scheduled_at, _lines(output, None))
        tick |= {"requests": [each.record for each in runs], "origin_run_ids": list(evaluation.origin_run_ids)}
        if watched.cursor != evaluation.cursor and evaluation.cursor is not UNCHANGED:
            tick["new_cursor"] = evaluation.cursor
        tick["cursor"] = tick.get("new_cursor", watched.cursor)
        if lines := _lines(output, evaluation):
            tick["log"] = lines
        if evaluation.error is not None:
            tick |= {"status": "FAILURE", "error": describe_error(evaluation.error)}
        elif runs:
            tick["status"] = "STARTED"
        else:
            tick["status"] = "SUCCESS" if evaluation.reactions else "SKIPPED"
            tick["skip_reason"] = evaluation.skip_reason
        return Draft(watched, tick, {each.run_id: each.live for each in runs}, evaluation)

    def _evaluate(self, watched: Watched, look: Look, scheduled_at: datetime | None, output: StepOutput) -> Evaluation:
        with self.context(watched, scheduled_at=scheduled_at) as context:
            if watched.automation.function is None and not _has_user_code(watched):
                return evaluate(watched.automation, context)
            try:
                with capturing(output):
                    return call_interruptible(evaluate, watched.automation, context)
            except Interrupted as stopped:
                raise TimeoutError(_too_long(watched)) from stopped

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
            news=around.news,
            **shared,
        )

    def _overdue(self, watched: Watched, look: Look) -> None:
        """Interrupt a function at its time limit; give it up where that does not end it."""
        if watched.look is look and look.thread_id is not None:
            interrupt_thread(look.thread_id)
            self._timer.watch(GRACE_S, lambda: self._submit(lambda: self._give_up(watched, look)))

    def _give_up(self, watched: Watched, look: Look) -> None:
        if watched.look is not look or look.is_given_up:
            return
        look.is_given_up = True
        self._pool.grow(1)
        draft = self._failed(watched, look, TimeoutError(f"{_too_long(watched)} It is given up, and still runs."), None)
        try:
            for each, answer in zip([draft], self._claim([draft]), strict=True):
                self._claimed(each, answer)
        except JobkernelError as error:
            watched.trouble = str(error)

    def _failed(
        self,
        watched: Watched,
        look: Look,
        error: BaseException,
        scheduled_at: datetime | None,
        lines: Sequence[Mapping[str, Any]] = (),
    ) -> Draft:
        tick = self._tick(watched, look, scheduled_at) | {"status": "FAILURE", "error": describe_error(error)}
        if lines:
            tick["log"] = list(lines)
        return Draft(watched, tick | {"cursor": watched.cursor})

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


def _has_user_code(watched: Watched) -> bool:
    automation = watched.automation
    extra = isinstance(automation, Schedule) and (automation.should_execute or automation.request_tags)
    return bool(automation.function or automation.capture or extra)


def _newest(due: Due) -> datetime | None:
    return due.launch[-1].at if due.launch else None


def _too_long(watched: Watched) -> str:
    what = "Schedule" if watched.automation.is_schedule else "Sensor"
    return f"{what} '{watched.name}' did not end within its {watched.timeout_s:g} s."


def _tick_id(watched: Watched, now: datetime) -> str:
    return f"{watched.name}@{now.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%fZ}"


def _text(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def _seconds(moment: datetime | None) -> float | None:
    return None if moment is None else moment.timestamp()


def _lines(output: StepOutput, evaluation: Evaluation | None) -> list[dict[str, Any]]:
    """Return what a look printed and logged by its context, in order; the end of it where it is much."""
    output.close()
    found: list[dict[str, Any]] = [
        {"at": line.at, "level": line.level, "message": line.text} for line in output.lines_after(0)
    ]
    if evaluation is not None:
        found += [{"at": line.occurred_at, "level": line.level, "message": line.message} for line in evaluation.log]
        found.sort(key=lambda line: line["at"])
    size = 0
    for place in range(len(found) - 1, -1, -1):
        size += len(found[place]["message"])
        if size > KEPT_CHARACTERS:
            return found[place + 1 :] or [{**found[-1], "message": found[-1]["message"][:KEPT_CHARACTERS]}]
    return found
