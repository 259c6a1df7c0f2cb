"""The schedules and sensors of a kernel: which it sees to, when each is due, and the switches that people turn.

A schedule that several kernels define is seen to by one, which has its lease; the others wait for it. Decides nothing
of time by itself (``rules.ticks`` does) and calls no code of the user's (``looks`` does). The session owns one.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from jobkernel.clock import Clock
from jobkernel.engine.deadlines import Timer
from jobkernel.engine.drafts import Surroundings
from jobkernel.engine.entries import AUTOMATIONS, place_of
from jobkernel.engine.handle import RunHandle
from jobkernel.engine.live_run import LiveRun
from jobkernel.engine.looks import AGAIN_S, LEASE, Looks
from jobkernel.engine.preview import Preview
from jobkernel.engine.scheduler import Pulse, Scheduler
from jobkernel.engine.tick_runs import TickRuns
from jobkernel.engine.watched import KnownJobs, Look, Watched
from jobkernel.errors import InvalidConfig, JobkernelError, UnknownName, did_you_mean
from jobkernel.executors.evaluating import evaluate
from jobkernel.model import events as ev
from jobkernel.model.automation import UNCHANGED, Automation
from jobkernel.model.events import Event
from jobkernel.rules.ticks import ON_TIME
from jobkernel.storage.history import History

SETTLED: Final = timedelta(seconds=2)
"""What was missed is made up for so long after the last definition: cells run one after another."""
JOB_COMES: Final = timedelta(seconds=60)
"""How long after its definition a tick waits for a job that no cell has defined yet."""
LOOK_AGAIN: Final = timedelta(seconds=0.5)


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
        self._reports = surroundings.reports
        self._known = known
        self._notebook = notebook
        self._on_change = on_change
        self._handle = handle
        self._lock = threading.RLock()  # protects watched, and who holds what
        self.watched: dict[str, Watched] = {}
        self.gives_way = False
        self.rests = False
        self.trouble: str | None = None
        """Why the project server could not be told that the scheduler lives, if so."""
        self._settled_at: datetime | None = None
        self._emitted: set[str] = set()
        self._is_beating = threading.Lock()
        self._naming = threading.Lock()  # a beat that names all it wants, and what is being defined, go one by one
        self._scheduler = Scheduler(clock, self._due, self._beat, self._jumped)
        self.looks = Looks(
            history=history, clock=clock, timer=timer, runs=runs, surroundings=surroundings, after=self._looked
        )
        self._unlisten = [
            history.listen("lease", lambda fields: self._granted(fields["automation"])),
            history.listen("lease_lost", lambda fields: self._lost(fields["automation"])),
            history.listen("keys_taken", lambda fields: self._taken(fields["keys"])),
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
                if before is not None:
                    watched.look, watched.hanging = before.look, before.hanging
                self.watched[watched.name] = watched
            self._settled_at = now + SETTLED
        if self.rests:
            return
        with self._naming:  # a beat that knew nothing of these yet would give their leases back
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
        with self._lock:
            was_on, watched.switched = watched.is_on, on
            if watched.is_on and not was_on:
                watched.starts_at = self._clock.now()
            watched.failures = 0
        self._note(name, ev.AUTOMATION_SWITCHED, on=on, by=self._notebook, counts=watched.is_on)
        self._reschedule(watched)
        self._scheduler.wake()
        self._tell_owner(watched)
        self._on_change()

    def look_soon(self, name: str) -> None:
        """Have a sensor look now, or when the look that is under way is over: there is news for it."""
        with self._lock:
            watched = self.watched.get(name)
            if watched is None or not watched.is_ours or not watched.is_on or watched.crons is not None:
                return
            watched.evaluated_at = None if watched.look is not None else watched.evaluated_at
            if watched.look is None:
                self._scheduler.at(name, self._clock.now())
        self._scheduler.wake()

    def set_cursor(self, name: str, cursor: str | None) -> None:
        """Have a sensor's next look find this cursor.

        Raises:
            InvalidConfig: it is a schedule.
        """
        watched = self.find(name)
        if watched.automation.is_schedule:
            raise InvalidConfig(f"'{name}' is a schedule; only sensors have a cursor.")
        self._note(name, ev.CURSOR_SET, cursor=cursor)
        watched.cursor = cursor
        self._tell_owner(watched)
        self._on_change()

    def reset_run_keys(self, name: str, keys: Sequence[str] | None = None) -> None:
        """Let run keys of a sensor be used again; all of them where none are named."""
        self.find(name)
        self._note(name, ev.RUN_KEYS_RESET, run_keys=None if keys is None else list(keys))

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
        with self.looks.drafts.context(watched, scheduled_at=moment, cursor=cursor) as context:
            evaluation = evaluate(watched.automation, context)
        refusal = self._runs.refusal(watched.automation, evaluation, moment)
        return Preview(watched.automation, evaluation, moment, self._launch_previewed, refusal)

    def _launch_previewed(self, preview: Preview) -> list[RunHandle]:
        tick_id = f"{preview.automation.name}@preview-{self._clock.now_us()}"
        evaluation, _ = self._runs.with_new_keys(preview.automation, preview.evaluation)
        wanted = self._runs.prepare(preview.automation, evaluation, tick_id, preview.scheduled_at)
        self._reports.keep_now(preview.evaluation)
        for each in wanted:
            self._runs.enqueue(each.live)
        if preview.cursor is not None and preview.automation.name in self.watched:
            self.set_cursor(preview.automation.name, preview.cursor)
        return [self._handle(each.live) for each in wanted]

    def _note(self, name: str, word: str, **body: Any) -> None:
        self._emitted.add(name)
        self._history.emit(Event(word, None, None, self._clock.now_us(), {"name": name, **body}))

    def _flush(self, names: Iterable[str]) -> None:
        """See to it that the history has what was noted of these before it is asked for them."""
        if not self._emitted.isdisjoint(names):
            self._emitted.clear()
            self._history.flush()

    def _tell_owner(self, watched: Watched) -> None:
        if not watched.is_ours and not self.rests:
            self._flush([watched.name])
            self._history.request("tell_owner", name=watched.name)

    def _hold(self, names: Sequence[str], **also: Any) -> None:
        self._flush(names)
        answer = self._history.request("hold_automations", names=list(names), gives_way=self.gives_way, **also)
        with self._lock:
            for name in names:
                watched = self.watched.get(name)
                if watched is not None:
                    self._take_over(watched, answer)
        self._on_change()

    def _take_over(self, watched: Watched, answer: Mapping[str, Any]) -> None:
        name = watched.name
        watched.token = answer["tokens"].get(name)
        watched.owner = answer["owners"].get(name, {})
        row = answer["states"].get(name)
        watched.remember(row)
        if row is None or not watched.has_times(row) or watched.is_on == (watched.starts_at is None):
            self._note_change(watched)
        watched.unfinished = [tick for tick in answer["unfinished"] if tick["automation_name"] == name]
        self._reschedule(watched)

    def _note_change(self, watched: Watched) -> None:
        """Keep what it goes by now; other times than before, or of what was off before, count from now on."""
        crons, timezone = watched.times
        self._note(
            watched.name,
            ev.AUTOMATION_CHANGED,
            automation_type=str(watched.automation.kind),
            crons=crons,
            timezone=timezone,
            notebook=self._notebook,
            counts=watched.is_on,
        )
        watched.starts_at = self._clock.now()

    def _reschedule(self, watched: Watched, pause: timedelta = timedelta()) -> None:
        """Say when it is due next, from what is remembered of it; not before a pause."""
        with self._lock:
            if self.watched.get(watched.name) is not watched:
                return
            now, moment = self._clock.now(), watched.next_moment(self._clock.now())
            watched.next_at = moment and (max(moment, now + pause) if pause else moment)
            self._scheduler.at(watched.name, watched.next_at)

    def _due(self, name: str, now: datetime) -> None:
        """See to one whose moment has come. On the scheduler's thread."""
        with self._lock:
            watched = self.watched.get(name)
            if watched is None or not watched.is_ours or watched.look is not None:
                return
            if self._waits(watched, now):
                watched.trouble = "It is due, and waits for cells that may still define what it starts."
                self._scheduler.at(name, now + LOOK_AGAIN)
                return
            watched.trouble = None
            unfinished, watched.unfinished = watched.unfinished, []
            due = watched.due_ticks(now) if watched.crons is not None and watched.is_on else None
            is_due = watched.is_on and (due is None or due.missed is not None or bool(due.launch))
            if not is_due:
                self._reschedule(watched)
        if unfinished:
            self.looks.finish(watched, unfinished)
        if is_due:
            self.looks.begin(watched, due)

    def _waits(self, watched: Watched, now: datetime) -> bool:
        """Whether cells that run one after another may still define what the tick needs."""
        if now - (watched.next_at or now) >= ON_TIME and self._settled_at is not None and now < self._settled_at:
            return True
        missing = [t for t in watched.automation.targets if t.job is None and t.job_name not in self._known.jobs]
        return bool(missing) and watched.defined_at is not None and now < watched.defined_at + JOB_COMES

    def _taken(self, keys: Sequence[str]) -> None:
        """Another notebook has the names of some now; look at those no more."""
        for kind, name in map(place_of, keys):
            if kind in AUTOMATIONS:
                self.forget(name)

    def _looked(self, watched: Watched, look: Look, trouble: str | None) -> None:
        """A look is over. On the look's thread."""
        with self._lock:
            current = self.watched.get(watched.name)
            if current is None:
                return
            if current is not watched:  # defined again meanwhile
                current.look = None if current.look is look else current.look
                current.go_on_from(watched)
        if trouble == LEASE:
            current.token = None
            self._ask_again(watched.name)
        else:
            current.trouble = trouble
            self._reschedule(current, timedelta(seconds=AGAIN_S) if trouble else timedelta())
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
            watched.token = None
            self._scheduler.at(name, None)
            self._ask_again(name)

    def _jumped(self) -> None:
        """The clock was set, or the machine slept: say anew when each is due."""
        for watched in list(self.watched.values()):
            self._reschedule(watched)

    def keep_looks(self) -> None:
        """Have the history know of all looks before it is asked for ticks."""
        self.looks.quiet.write()

    def _beat(self) -> None:
        self.looks.quiet.write_old(self._clock.now_us())
        if not self.watched or self.rests or not self._is_beating.acquire(blocking=False):
            return

        def beat() -> None:
            try:
                self._compare(tuple(self._history.request("beat", timeout=5.0)))
                self.trouble = None
            except JobkernelError as error:
                self.trouble = str(error)
            finally:
                self._is_beating.release()

        self.looks.aside(beat)

    def _compare(self, known: tuple[int, ...]) -> None:
        """Ask again for all where the project server knows of other leases: a word was lost on the way."""
        tokens = [watched.token for watched in list(self.watched.values()) if watched.token is not None]
        if known != (len(tokens), sum(tokens)):
            with self._naming:
                self._hold(list(self.watched), no_others=True)
            self._scheduler.wake()
