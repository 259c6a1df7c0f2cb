"""The schedules and sensors of a kernel: which it sees to, when each is due, and the switches that people turn.

A schedule that several kernels define is seen to by one, which has its lease; the others wait for it. Decides nothing
of time by itself (``rules.ticks`` does) and calls no code of the user's (``looks`` does). The session owns one.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, Protocol

from jobkernel.clock import Clock
from jobkernel.engine.deadlines import Timer
from jobkernel.engine.handle import RunHandle
from jobkernel.engine.live_run import LiveRun
from jobkernel.engine.looks import Looks, Surroundings
from jobkernel.engine.preview import Preview
from jobkernel.engine.scheduler import Pulse, Scheduler
from jobkernel.engine.tick_runs import TickRuns
from jobkernel.engine.watched import Watched
from jobkernel.errors import InvalidConfig, JobkernelError, UnknownName, did_you_mean
from jobkernel.executors.evaluating import evaluate
from jobkernel.model import events as ev
from jobkernel.model.automation import UNCHANGED, Automation, Schedule
from jobkernel.model.events import Event
from jobkernel.rules.cron import TICK
from jobkernel.rules.ticks import ON_TIME, due_ticks
from jobkernel.storage.history import History

SETTLED: Final = timedelta(seconds=2)
"""What was missed is made up for so long after the last definition: cells run one after another."""
JOB_COMES: Final = timedelta(seconds=60)
"""How long after its definition a tick waits for a job that no cell has defined yet."""
LOOK_AGAIN: Final = timedelta(seconds=0.5)


class KnownJobs(Protocol):
    """Where jobs are defined."""

    @property
    def jobs(self) -> Mapping[str, Any]:
        """Jobs by name."""
        ...


class Automations:
    """What starts runs by itself in one kernel. Safe from any thread.

    A kernel that ``gives_way`` sees only to what no other kernel wants; one that ``rests`` sees to nothing.
    """

    def __init__(
        self,
        *,
        history: History,
        clock: Clock,
        timer: Timer,
        runs: TickRuns,
        surroundings: Surroundings,
        known: KnownJobs,
        notebook: str | None,
        on_change: Callable[[], None],
        handle: Callable[[LiveRun], RunHandle],
    ) -> None:
        self._history = history
        self._clock = clock
        self._runs = runs
        self._known = known
        self._notebook = notebook
        self._on_change = on_change
        self._handle = handle
        self._lock = threading.RLock()  # protects watched, and who holds what
        self.watched: dict[str, Watched] = {}
        self.gives_way = False
        self.rests = False
        self._settled_at: datetime | None = None
        self._is_beating = threading.Lock()
        self._scheduler = Scheduler(clock, self._due, self._beat)
        self.looks = Looks(
            history=history, clock=clock, timer=timer, runs=runs, surroundings=surroundings, after=self._looked
        )
        self._unlisten = [
            history.listen("lease", lambda fields: self._granted(fields["automation"])),
            history.listen("lease_lost", lambda fields: self._lost(fields["automation"])),
        ]

    @property
    def pulse(self) -> Pulse:
        """How the scheduler is."""
        return self._scheduler.pulse

    @property
    def is_alive(self) -> bool:
        """Whether the scheduler's thread lives."""
        return self._scheduler.is_alive

    def close(self) -> None:
        """Look at nothing any more."""
        for unlisten in self._unlisten:
            unlisten()
        self._scheduler.close()
        self.looks.close()

    def watch(self, automations: Sequence[Automation]) -> None:
        """See to these from now on, or wait until their turn comes: they are new, or defined again.

        What the history keeps of each (on or off, cursor, how far it is) stays; other times count from now on.
        """
        if not automations:
            return
        now = self._clock.now()
        fresh = [Watched.of(automation) for automation in automations]  # all, before anything is changed
        with self._lock:
            for watched in fresh:
                before = self.watched.get(watched.name)
                watched.defined_at = now
                watched.look = before.look if before is not None else None
                self.watched[watched.name] = watched
            self._settled_at = now + SETTLED
        if self.rests:
            return
        self._hold([watched.name for watched in fresh])
        self._scheduler.wake()

    def forget(self, name: str) -> None:
        """Look at it no more. Its ticks and its state stay in the history."""
        with self._lock:
            watched = self.watched.pop(name, None)
        if watched is not None and not self.rests:
            self._scheduler.at(name, None)
            self._history.request("release_automations", names=[name])
            self._on_change()

    def find(self, name: str) -> Watched:
        """Return a schedule or sensor that is defined here.

        Raises:
            UnknownName: nothing is called that.
        """
        if name not in self.watched:
            known = did_you_mean(name, self.watched)
            raise UnknownName(f"No schedule or sensor '{name}' is defined in this notebook.{known}")
        return self.watched[name]

    def switch(self, name: str, on: bool | None) -> None:
        """Turn it on or off for good, over Run All and restarts; None leaves it to its definition again.

        What fell while it was off is not made up for.
        """
        watched = self.find(name)
        now_us = self._clock.now_us()
        body = {"name": name, "on": on, "by": self._notebook}
        self._history.emit(Event(ev.AUTOMATION_SWITCHED, None, None, now_us, body))
        with self._lock:
            if on and not watched.is_on:
                watched.starts_at = self._clock.now()
            watched.switched = on
            watched.failures = 0
        self._reschedule(watched)
        self._scheduler.wake()
        self._on_change()

    def set_cursor(self, name: str, cursor: str | None) -> None:
        """Have a sensor's next look find this cursor.

        Raises:
            InvalidConfig: it is a schedule.
        """
        watched = self.find(name)
        if watched.automation.is_schedule:
            raise InvalidConfig(f"'{name}' is a schedule; only sensors have a cursor.")
        body = {"name": name, "cursor": cursor}
        self._history.emit(Event(ev.CURSOR_SET, None, None, self._clock.now_us(), body))
        watched.cursor = cursor
        self._on_change()

    def reset_run_keys(self, name: str, keys: Sequence[str] | None = None) -> None:
        """Let run keys of a sensor be used again; all of them where none are named."""
        self.find(name)
        body = {"name": name, "run_keys": None if keys is None else list(keys)}
        self._history.emit(Event(ev.RUN_KEYS_RESET, None, None, self._clock.now_us(), body))

    def upcoming(self, name: str, count: int = 5) -> tuple[datetime, ...]:
        """Return the next times of a schedule, whether it is on or not."""
        watched = self.find(name)
        return () if watched.crons is None else watched.crons.upcoming(self._clock.now(), count)

    def preview(self, name: str, *, at: datetime | None = None, cursor: Any = UNCHANGED) -> Preview:
        """Have a look without any effect: at a time of a schedule (None: its next), or with a cursor of a sensor.

        Raises:
            UnknownName: nothing is called that.
            Exception: what its function raises.
        """
        watched = self.find(name)
        moment = at
        if watched.crons is not None and moment is None:
            moment = watched.crons.after(self._clock.now())
        with self.looks.context(watched, scheduled_at=moment, cursor=cursor) as context:
            evaluation = evaluate(watched.automation, context)
        return Preview(watched.automation, evaluation, moment, self._launch_previewed)

    def _launch_previewed(self, preview: Preview) -> list[RunHandle]:
        tick_id = f"{preview.automation.name}@preview-{self._clock.now_us()}"
        wanted = self._runs.prepare(preview.automation, preview.evaluation, tick_id, preview.scheduled_at)
        for each in wanted:
            self._runs.enqueue(each.live)
        if preview.cursor is not None and preview.automation.name in self.watched:
            self.set_cursor(preview.automation.name, preview.cursor)
        return [self._handle(each.live) for each in wanted]

    def _hold(self, names: Sequence[str]) -> None:
        answer = self._history.request("hold_automations", names=list(names), gives_way=self.gives_way)
        with self._lock:
            for name in names:
                watched = self.watched.get(name)
                if watched is not None:
                    self._take_over(watched, answer)
        for tick in answer["unfinished"]:
            self._finish(tick)
        self._on_change()

    def _take_over(self, watched: Watched, answer: Mapping[str, Any]) -> None:
        name = watched.name
        watched.token = answer["tokens"].get(name)
        watched.owner = answer["owners"].get(name, {})
        row = answer["states"].get(name)
        watched.remember(row)
        if row is None or _times(row) != _times_of(watched.automation):
            self._note_change(watched, is_new=row is None)
        self._reschedule(watched)

    def _note_change(self, watched: Watched, *, is_new: bool) -> None:
        """Keep what it goes by now; other times than before count from now on."""
        crons, timezone = _times_of(watched.automation)
        body = {
            "name": watched.name,
            "automation_type": str(watched.automation.kind),
            "crons": crons,
            "timezone": timezone,
            "notebook": self._notebook,
        }
        self._history.emit(Event(ev.AUTOMATION_CHANGED, None, None, self._clock.now_us(), body))
        if is_new or watched.automation.is_schedule:
            watched.starts_at = self._clock.now()

    def _reschedule(self, watched: Watched) -> None:
        """Say when it is due next, from what is remembered of it."""
        with self._lock:
            if self.watched.get(watched.name) is not watched:
                return
            watched.next_at = self._next_of(watched) if watched.is_ours and watched.is_on else None
            self._scheduler.at(watched.name, watched.next_at)

    def _next_of(self, watched: Watched) -> datetime | None:
        if watched.look is not None:
            return None  # when the look is over
        now = self._clock.now()
        if watched.crons is not None:
            starts_at = watched.starts_at or now
            return watched.crons.after(max(starts_at - TICK, watched.decided_until or starts_at - TICK))
        last = watched.evaluated_at
        if last is None or (watched.starts_at is not None and last < watched.starts_at) or last > now:
            return now
        return last + watched.interval

    def _due(self, name: str, now: datetime) -> None:
        """See to one whose moment has come. On the scheduler's thread."""
        with self._lock:
            watched = self.watched.get(name)
            if watched is None or not watched.is_ours or not watched.is_on or watched.look is not None:
                return
            if self._waits(watched, now):
                watched.trouble = "It is due, and waits for cells that may still define what it starts."
                self._scheduler.at(name, now + LOOK_AGAIN)
                return
            watched.trouble = None
            if watched.crons is None:
                self.looks.begin(watched)
                return
            due = due_ticks(watched.crons, watched.memory, watched.policy, now)
            watched.decided_until = due.memory.decided_until
            if due.missed is None and not due.launch:
                watched.next_at = due.next_at
                self._scheduler.at(name, due.next_at)
                return
        self.looks.begin(watched, due)

    def _waits(self, watched: Watched, now: datetime) -> bool:
        """Whether cells that run one after another may still define what the tick needs."""
        moment = watched.next_at or now
        if now - moment >= ON_TIME and self._settled_at is not None and now < self._settled_at:
            return True
        missing = [t for t in watched.automation.targets if t.job is None and t.job_name not in self._known.jobs]
        return bool(missing) and watched.defined_at is not None and now < watched.defined_at + JOB_COMES

    def _looked(self, watched: Watched, trouble: str | None) -> None:
        """A look is over. On the look's thread."""
        current = self.watched.get(watched.name)
        if current is None:
            return
        if current is not watched:  # defined again meanwhile
            current.look = None
        if trouble == "lease":
            current.token = None
            self._ask_again(watched.name)
        else:
            current.trouble = trouble
            self._reschedule(current)
        self._scheduler.wake()
        self._on_change()

    def _ask_again(self, name: str) -> None:
        try:
            self._hold([name])
        except JobkernelError as error:
            watched = self.watched.get(name)
            if watched is not None:
                watched.trouble = str(error)

    def _granted(self, name: str) -> None:
        if name in self.watched:
            self._ask_again(name)
            self._scheduler.wake()

    def _lost(self, name: str) -> None:
        watched = self.watched.get(name)
        if watched is not None:
            with self._lock:
                watched.token = None
            self._scheduler.at(name, None)
            self._ask_again(name)

    def _finish(self, tick: Mapping[str, Any]) -> None:
        """Launch what a kernel that died had claimed and not queued."""
        watched = self.watched.get(tick["automation_name"])
        if watched is None or not watched.is_ours:
            return
        body: dict[str, Any] = {"name": watched.name, "tick_id": tick["tick_id"]}
        word = ev.TICK_SUCCESS
        try:
            for live in self._runs.again(watched.automation, tick):
                self._runs.enqueue(live)
        except JobkernelError as error:
            word, body["error"] = ev.TICK_FAILURE, {"type": type(error).__name__, "message": str(error)}
        self._history.emit(Event(word, None, None, self._clock.now_us(), body))

    def _beat(self) -> None:
        if not self.watched or not self._is_beating.acquire(blocking=False):
            return

        def beat() -> None:
            try:
                self._history.request("beat", timeout=5.0)
            except JobkernelError as error:
                for watched in list(self.watched.values()):
                    watched.trouble = str(error)
            finally:
                self._is_beating.release()

        self.looks.aside(beat)


def _times(row: Mapping[str, Any]) -> tuple[list[str] | None, str | None]:
    return row["crons"], row["timezone"]


def _times_of(automation: Automation) -> tuple[list[str] | None, str | None]:
    return (list(automation.crons), automation.timezone) if isinstance(automation, Schedule) else (None, None)
