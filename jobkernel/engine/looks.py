"""Looks at schedules and sensors, on threads: bounded in time, claimed before anything is launched, never stopping.

A tick is claimed in the project's history before anything of it is launched, so that it is launched once whichever
kernel looks; what its claimant could not launch before it died, the next owner does. Called by ``automations``.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import Any, Final

from jobkernel.clock import Clock, ManualClock
from jobkernel.engine.deadlines import Timer
from jobkernel.engine.drafts import Draft, Drafts, Surroundings, has_user_code, too_long
from jobkernel.engine.quiet_looks import QuietLooks, nothing_of
from jobkernel.engine.tick_runs import TickRuns, Together
from jobkernel.engine.watched import Look, Watched, instant
from jobkernel.errors import JobkernelError, ServerUnreachable
from jobkernel.executors.cancel import interrupt_thread
from jobkernel.executors.failure import describe_error
from jobkernel.executors.threads import ThreadPool
from jobkernel.model import events as ev
from jobkernel.model.events import Event
from jobkernel.rules.ticks import Due
from jobkernel.storage.history import History

log = logging.getLogger(__name__)

THREADS: Final = 16
"""How many functions of schedules and sensors run at once; slow ones and those that hang are not counted."""
MOST_THREADS: Final = 256
QUICK_THREADS: Final = 4
"""For what runs no code of the user's, and so never waits for one that does."""
SLOW_S: Final = 2.0
GRACE_S: Final = 1.0
"""How long a function has to end after it was interrupted at its time limit."""
AGAIN_S: Final = 2.0

After = Callable[[Watched, Look, str | None], None]
LEASE: Final = "lease"
"""Told after a look whose tick another kernel may claim."""


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
        after: After,
    ) -> None:
        self._history = history
        self._clock = clock
        self._timer = timer
        self._runs = runs
        self._after = after
        self.drafts = Drafts(clock, runs, surroundings, self._timed)
        self.quiet = QuietLooks(history)
        self._pool = ThreadPool(THREADS, "jobkernel-look")
        self._quick = ThreadPool(QUICK_THREADS, "jobkernel-tick")
        self._lock = threading.Lock()  # protects _plain, _is_emptying, and the states of looks
        self._plain: deque[tuple[Watched, Due, Look]] = deque()
        self._is_emptying = False
        self._finished: set[str] = set()
        self._closing = threading.Event()

    def close(self) -> None:
        """Begin no more looks."""
        self._closing.set()
        self._pool.close()
        self._quick.close()
        with suppress(JobkernelError):
            self.quiet.write()

    def aside(self, work: Callable[[], None]) -> None:
        """Do something short that may wait for the project server."""
        self._submit(self._quick, work)

    def begin(self, watched: Watched, due: Due | None = None) -> None:
        """Have a look: at the ticks of a schedule that are due, or at a sensor."""
        now = self._clock.now()
        look = watched.look = Look(tick_id=_tick_id(watched, now), began=now)
        if due is None or has_user_code(watched):
            self._submit(self._pool, lambda: self._one(watched, due, look))
            return
        with self._lock:
            self._plain.append((watched, due, look))
            is_new, self._is_emptying = not self._is_emptying, True
        if is_new:
            self._submit(self._quick, self._empty)

    def finish(self, watched: Watched, ticks: Sequence[Mapping[str, Any]]) -> None:
        """Launch what a kernel that died had claimed and not queued."""
        self.aside(lambda: self._finish(watched, ticks))

    def _finish(self, watched: Watched, ticks: Sequence[Mapping[str, Any]]) -> None:
        for tick in ticks:
            if tick["tick_id"] in self._finished:
                continue
            self._finished.add(tick["tick_id"])
            word, also = ev.TICK_SUCCESS, {}
            try:
                self._runs.enqueue(*self._runs.again(watched.automation, tick))
            except ServerUnreachable:  # whoever has its lease is told of it again
                self._finished.discard(tick["tick_id"])
                continue
            except JobkernelError as error:
                word, also = ev.TICK_FAILURE, {"error": describe_error(error)}
            body = {"name": watched.name, "tick_id": tick["tick_id"], **also}
            self._history.emit(Event(word, None, None, self._clock.now_us(), body))

    def _submit(self, pool: ThreadPool, work: Callable[[], None]) -> None:
        if isinstance(self._clock, ManualClock):
            work()
        else:
            pool.submit(work)

    def _empty(self) -> None:
        """See to all schedules that are due and have no function, together: one claim for all."""
        while found := self._waiting():
            with self._ending([(watched, look) for watched, _, look in found]) as told:
                active, together = self._runs.active_of([watched.name for watched, _, _ in found]), Together()
                drafts = [
                    draft
                    for watched, due, look in found
                    for draft in self.drafts.of_schedule(watched, due, look, active.get(watched.name, ()), together)
                ]
                self._settle(drafts, told)

    def _waiting(self) -> list[tuple[Watched, Due, Look]]:
        with self._lock:
            found = list(self._plain)
            self._plain.clear()
            self._is_emptying = bool(found)
            return found

    def _one(self, watched: Watched, due: Due | None, look: Look) -> None:
        """Have one look; each tick of a schedule is claimed before the function is called for the next."""
        with self._ending([(watched, look)]) as told:
            for draft in self._drafts(watched, due, look):
                if look.is_given_up:
                    break
                self._settle([draft], told)
                if told:
                    break

    def _drafts(self, watched: Watched, due: Due | None, look: Look) -> Iterable[Draft]:
        if due is None:
            return [self.drafts.of_sensor(watched, look)]
        active = self._runs.active_of([watched.name])
        return self.drafts.of_schedule(watched, due, look, active.get(watched.name, ()))

    @contextmanager
    def _ending(self, looks: Sequence[tuple[Watched, Look]]) -> Iterator[dict[str, str]]:
        """Say that looks are over, whatever comes; in what is given, trouble is noted by the automation's name."""
        told: dict[str, str] = {}
        try:
            with _noting(told, [watched for watched, _ in looks]):
                yield told
        finally:
            for watched, look in looks:
                if look.is_given_up:
                    self._hang(watched, -1)
                elif watched.look is look:
                    watched.look = None
                self._tell(watched, look, told.get(watched.name))

    def _tell(self, watched: Watched, look: Look, trouble: str | None) -> None:
        try:
            self._after(watched, look, trouble)
        except Exception:
            log.exception("the look at %s could not be ended", watched.name)

    def _settle(self, drafts: Sequence[Draft], told: dict[str, str]) -> None:
        """Claim ticks and launch what they ask for, together; note trouble by the automation's name."""
        drafts = [draft for draft in drafts if not self.quiet.takes(draft)]
        launches: list[tuple[Draft, list[str]]] = []
        for draft, answer in zip(drafts, self._claim(drafts), strict=True):
            if not self._is_ours(draft, answer):
                told[draft.watched.name] = LEASE
            elif answer["claimed"]:
                self._go_on(draft, answer["status"])
                if answer["status"] == "STARTED":
                    launches.append((draft, [run_id for run_id in answer["run_ids"] if run_id in draft.runs]))
        if launches:
            self._launch(launches)

    def _claim(self, drafts: Sequence[Draft]) -> list[dict[str, Any]]:
        """Claim; where the project server is away, again until it is back: the same claim has the same answer."""
        if not drafts:
            return []
        ticks = [draft.tick for draft in drafts]
        while True:
            try:
                self.quiet.write()
                answers: list[dict[str, Any]] = self._history.request("claim_ticks", ticks=ticks)
                return answers
            except ServerUnreachable:
                if self._closing.wait(AGAIN_S):
                    raise

    def _is_ours(self, draft: Draft, answer: Mapping[str, Any]) -> bool:
        """Whether a tick was this kernel's to claim; then its time is dealt with, by whomever."""
        if not answer["claimed"] and answer["why"] == LEASE:
            return False
        draft.watched.reach(instant(draft.tick.get("last_us") or draft.tick.get("scheduled_us")))
        return True

    def _go_on(self, draft: Draft, status: str) -> None:
        """Take over what a claimed tick brought."""
        watched, tick = draft.watched, draft.tick
        watched.evaluated_at, watched.evaluated_by = instant(tick["evaluated_us"]), tick["token"]
        watched.nothing = nothing_of(tick)
        if "new_cursor" in tick:
            watched.cursor = tick["new_cursor"]
        if status != "MISSED":
            watched.failures = watched.failures + 1 if status == "FAILURE" else 0
        self.drafts.claimed(draft)
        if draft.evaluation is not None:
            self._runs.tell_reactions(watched, draft.evaluation)

    def _launch(self, launches: Sequence[tuple[Draft, list[str]]]) -> None:
        """Queue the runs of claimed ticks, with one question for all."""
        word, error = ev.TICK_SUCCESS, {}
        try:
            self._runs.enqueue(*(draft.runs[run_id] for draft, run_ids in launches for run_id in run_ids))
        except JobkernelError as failure:
            word, error = ev.TICK_FAILURE, {"error": describe_error(failure)}
        now = self._clock.now_us()
        for draft, run_ids in launches:
            keys = {request["run_id"]: request["run_key"] for request in draft.tick["requests"]}
            given = [keys[run_id] for run_id in run_ids if keys[run_id]]
            draft.watched.last_run_key = given[-1] if given and not error else draft.watched.last_run_key
            body = {"name": draft.watched.name, "tick_id": draft.tick["tick_id"], "run_ids": run_ids, **error}
            self._history.emit(Event(word, None, None, now, body))

    @contextmanager
    def _timed(self, watched: Watched, look: Look) -> Iterator[None]:
        """Bound a call of the user's function, which is on this thread."""
        with self._lock:
            look.thread_id = threading.get_ident()
            look.number += 1
            number = look.number
        slow = self._timer.watch(SLOW_S, self._make_room)
        late = self._timer.watch(watched.timeout_s, lambda: self._overdue(watched, look, number))
        try:
            yield
        finally:
            slow()
            late()
            with self._lock:
                look.thread_id = None

    def _make_room(self) -> None:
        if self._pool.size < MOST_THREADS:
            self._pool.grow(1)

    def _overdue(self, watched: Watched, look: Look, number: int) -> None:
        """Interrupt a function at its time limit; give it up where that does not end it."""
        with self._lock:
            thread_id = look.thread_id if look.number == number else None
        if thread_id is not None:
            interrupt_thread(thread_id)
            self._timer.watch(GRACE_S, lambda: self._quick.submit(lambda: self._give_up(watched, look, number)))

    def _give_up(self, watched: Watched, look: Look, number: int) -> None:
        with self._lock:
            if look.thread_id is None or look.number != number:
                return
            look.is_given_up = True
        self._hang(watched, 1)
        error = TimeoutError(f"{too_long(watched)} It is given up, and still runs.")
        told: dict[str, str] = {}
        with _noting(told, [watched]):
            self._settle([self.drafts.failed(watched, look, error, look.scheduled_at)], told)
        if watched.look is look:
            watched.look = None
        self._tell(watched, look, told.get(watched.name))

    def _hang(self, watched: Watched, by: int) -> None:
        with self._lock:
            watched.hanging += by


@contextmanager
def _noting(told: dict[str, str], concerned: Sequence[Watched]) -> Iterator[None]:
    try:
        yield
    except JobkernelError as error:
        told.update({watched.name: str(error) for watched in concerned})
    except Exception as error:
        log.exception("a tick could not be recorded")
        told.update({watched.name: f"A tick could not be recorded: {error}" for watched in concerned})


def _tick_id(watched: Watched, now: datetime) -> str:
    return f"{watched.name}@{now.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%fZ}"
