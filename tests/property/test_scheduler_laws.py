"""Weeks of kernels that die, sleep and come back: each time of a schedule is launched once, or one gap says why not.

Real schedules of several kernels over one real history; time, processes and runs are played, clocks are set. On paper:
what comes while a kernel is awake is launched, what came before as was asked, what comes again after a jump is not.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from jobkernel.clock import ManualClock
from jobkernel.engine.automations import Automations
from jobkernel.engine.deadlines import timer_of
from jobkernel.engine.tick_runs import Wanted, record_of
from jobkernel.model.automation import Catchup, RunRequest, Schedule, Target
from jobkernel.model.events import Event
from jobkernel.storage import automation_requests
from jobkernel.storage.desk import Desk
from jobkernel.storage.encoding import stored
from jobkernel.storage.process import this_process
from jobkernel.storage.pushes import Callback
from jobkernel.storage.store import Batch, Store

START = datetime(2024, 3, 1, 0, 30, tzinfo=UTC)
EVERY = timedelta(hours=4)
CAP = 5
NAMES = {Catchup.NONE: "none", Catchup.LAST: "last", Catchup.ALL: "all"}
NOBODYS_PID = 2**22 + 1


class Died(BaseException):
    """A kernel was killed between a claim and its launch."""


class History:
    """One kernel's way to a desk in this process."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.who = this_process(None, None, "n.ipynb")._replace(pid=NOBODYS_PID)
        self.number, self.sent = desk.committer.call(lambda: desk.store.register(self.who, 1))
        self.listeners: dict[str, Callback] = {}
        self.is_written = True
        desk.join(self)

    def emit(self, event: Event) -> None:
        self.sent += 1
        self.is_written = False
        self.desk.append(Batch(self.number, self.sent, [stored(event)]), lambda *_: None)

    def emit_many(self, events: Iterable[Event]) -> None:
        for event in events:
            self.emit(event)

    def flush(self, timeout: float = 30.0) -> None:
        if not self.is_written:
            self.desk.committer.call(lambda: None)
            self.is_written = True

    def request(self, operation: str, *, timeout: float = 30.0, **fields: Any) -> Any:
        self.flush()
        return self.desk.handle(self, operation, fields)

    def listen(self, push: str, callback: Callback) -> Callable[[], None]:
        self.listeners[push] = callback
        return lambda: None

    def push(self, name: str, **fields: Any) -> None:
        if name in self.listeners:
            self.listeners[name](fields)


class Runs:
    """Makes runs that are nothing but launched; all kernels note theirs in one list."""

    def __init__(self, launched: list[str]) -> None:
        self.launched = launched
        self.dies_next = False

    def prepare(self, automation: Any, _evaluation: Any, tick_id: str, _at: Any, **_options: Any) -> list[Wanted]:
        live: Any = SimpleNamespace(run_id=tick_id)
        return [Wanted(tick_id, live, record_of(RunRequest(), {}, tick_id))]

    def again(self, _automation: Any, tick: Mapping[str, Any]) -> list[Any]:
        asked = [request["run_id"] for request in tick["details"]["requests"]]
        return [SimpleNamespace(run_id=run_id) for run_id in asked if run_id not in self.launched]

    def enqueue(self, *lives: Any) -> None:
        for live in lives[: len(lives) // 2] if self.dies_next else lives:
            self.launched.append(live.run_id)
        if self.dies_next:
            raise Died(self)

    def active_of(self, _names: Sequence[str]) -> dict[str, list[str]]:
        return {}

    def tell_reactions(self, *_: Any) -> None:
        return


class Kernel:
    """A kernel that defines a schedule for each way of catching up, by a clock that only moves while it is awake."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.clock = ManualClock(world.clock.now())
        self.history = History(world.desk)
        self.runs = Runs(world.launched)
        self.is_awake = True
        surroundings: Any = SimpleNamespace(resources={}, news=None, reports=None, instance=None, definitions=None)
        history, runs, known, handle = (
            self._any(each) for each in (self.history, self.runs, SimpleNamespace(jobs={"j": None}), None)
        )
        self.automations = Automations(
            history=history,
            clock=self.clock,
            timer=timer_of(self.clock),
            runs=runs,
            surroundings=surroundings,
            known=known,
            notebook="n.ipynb",
            on_change=lambda: None,
            handle=handle,
        )
        self.automations.watch([_schedule(name, catchup) for catchup, name in NAMES.items()])

    @staticmethod
    def _any(value: Any) -> Any:
        return value

    @property
    def is_owner(self) -> bool:
        return any(watched.is_ours for watched in self.automations.watched.values())

    def come(self) -> None:
        """Be where the time is, through all on the way."""
        self._live(lambda: self.clock.move(self.world.clock.now() - self.clock.now()))

    def jump(self) -> None:
        """Be where the time is at once: after sleep, or as the clock was set. The scheduler sees that."""
        self.clock._now = self.world.clock.now()

        def see() -> None:
            self.automations._jumped()
            self.automations._scheduler.wake()

        self._live(see)

    def _live(self, act: Callable[[], None]) -> None:
        try:
            act()
        except Died:
            self.world.note_claimed()
            self.world.die(self)


class World:
    """Kernels over one history, and the time that they live in. ``seconds`` is what leases go by."""

    def __init__(self, desk: Desk, clock: ManualClock) -> None:
        self.desk = desk
        self.clock = clock
        self.seconds = 0.0
        self.latest = clock.now()
        self.launched: list[str] = []
        self.kernels: list[Kernel] = []
        self.claimed: set[tuple[str, datetime]] = set()

    def note_claimed(self) -> None:
        """Keep what a kernel that dies had claimed: whoever comes next launches it."""
        self.desk.committer.call(lambda: None)
        rows = self.desk.cursor().execute(
            "select automation_name, scheduled_us from kept.tick where status = 'STARTED'"
        )
        self.claimed |= {(name, instant(at)) for name, at in rows.fetchall()}

    @property
    def awake(self) -> list[Kernel]:
        return [kernel for kernel in self.kernels if kernel.is_awake]

    def begin(self) -> None:
        self.kernels.append(Kernel(self))

    def die(self, kernel: Kernel) -> None:
        if kernel in self.kernels:
            self.kernels.remove(kernel)
            try:
                self.desk.leave(kernel.history)
            except Died as died:  # who has the lease next dies of what this one left
                self.die(next(each for each in self.kernels if each.runs is died.args[0]))
            kernel.automations.close()

    def wake(self, kernel: Kernel) -> None:
        kernel.is_awake = True
        kernel.jump()

    def set_clock(self, by: timedelta) -> None:
        """Have somebody set the machine's clock; less than a day back, after which it counts as put right."""
        self.clock._now = max(self.clock.now() + by, self.latest - timedelta(hours=22))
        self.latest = max(self.latest, self.clock.now())
        for kernel in sorted(self.awake, key=lambda kernel: not kernel.is_owner):
            kernel.jump()

    def move(self, by: timedelta) -> None:
        self.clock.move(by)
        self.latest = max(self.latest, self.clock.now())
        for kernel in sorted(self.awake, key=lambda kernel: not kernel.is_owner):
            kernel.come()

    def settle(self) -> None:
        """Let a few seconds pass, in which kernels say that they live and leases go on."""
        for _ in range(4):
            self.seconds += 3.0
            self.move(timedelta(seconds=1))
            for kernel in self.awake:
                kernel.automations._beat()


def _schedule(name: str, catchup: Catchup) -> Schedule:
    crons = ("0 */4 * * *",)
    target = (Target(job_name="j"),)
    return Schedule(name=name, crons=crons, targets=target, starts_on=True, catchup=catchup, catchup_cap=CAP)


class Paper:
    """What should be launched, by schedule."""

    def __init__(self) -> None:
        self.decided = dict.fromkeys(NAMES.values(), START)
        self.expected: dict[str, list[datetime]] = {name: [] for name in NAMES.values()}

    def claimed(self, claimed: set[tuple[str, datetime]]) -> None:
        """These are launched whatever comes."""
        for name, at in sorted(claimed):
            if at > self.decided[name]:
                self.expected[name].append(at)
        for name, at in claimed:
            self.decided[name] = max(at, self.decided[name])
        claimed.clear()

    def attended(self, now: datetime) -> None:
        """All times up to now came while somebody looked."""
        for name, times in self.expected.items():
            times += self.pending(name, now)
            self.decided[name] = max(self.decided[name], now)

    def attended_again(self, now: datetime) -> None:
        """Somebody looks again, and finds what came while nobody did."""
        self.expected["last"] += self.pending("last", now)[-1:]
        self.expected["all"] += self.pending("all", now)[-CAP:]
        self.decided = {name: max(decided, now) for name, decided in self.decided.items()}

    def pending(self, name: str, now: datetime) -> list[datetime]:
        """The times of a schedule that nothing was decided of."""
        first = datetime(2024, 3, 1, tzinfo=UTC)
        done = (self.decided[name] - first) // EVERY
        return [first + number * EVERY for number in range(done + 1, (now - first) // EVERY + 1)]


@contextmanager
def a_world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    clock = ManualClock(START)
    desk = Desk(Store.open(), clock, None)
    world = World(desk, clock)
    monkeypatch.setattr(automation_requests, "time", SimpleNamespace(monotonic=lambda: world.seconds))
    yield world
    for kernel in list(world.kernels):
        world.die(kernel)
    desk.close()


of_kernels = st.tuples(st.sampled_from(["begin", "die", "die in the middle", "sleep", "wake"]), st.integers(0, 2))
happenings = of_kernels | st.tuples(st.just("set the clock"), st.sampled_from([-22, -14, -4, -2, 2, 6, 30, 80]))
# an hour and a few minutes at least: nobody comes back within the minute in which a time is still on time
spans = st.integers(1, 18).map(lambda halves: timedelta(hours=2 * halves))
lives = st.lists(st.tuples(happenings, spans), min_size=1, max_size=8)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(lives)
@example([(("die in the middle", 0), timedelta(hours=8)), (("begin", 0), timedelta(hours=8))])
@example([(("sleep", 0), timedelta(hours=30)), (("begin", 0), timedelta(hours=8)), (("wake", 0), timedelta(hours=8))])
@example([(("set the clock", 30), timedelta(hours=8)), (("set the clock", -22), timedelta(hours=30))])
def test_each_time_is_launched_once_as_the_policy_says(monkeypatch: pytest.MonkeyPatch, life: Any) -> None:
    relive(monkeypatch, life)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@settings(max_examples=600, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(happenings, spans), min_size=1, max_size=16))
def test_the_same_of_many_longer_lives(monkeypatch: pytest.MonkeyPatch, life: Any) -> None:
    relive(monkeypatch, life)


def test_a_clock_that_was_a_week_ahead_launches_what_comes_and_nothing_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    with a_world(monkeypatch) as world:
        world.begin()
        world.settle()
        world.set_clock(timedelta(days=7))
        world.settle()
        ahead = set(world.launched)
        assert ahead
        world.latest = START  # so that it may be set back that far
        world.set_clock(timedelta(days=-7))
        for _ in range(7 * 6 + 1):
            world.move(EVERY)
            world.settle()
        times = Paper().pending("none", world.clock.now())
        assert len(world.launched) == len(set(world.launched))
        assert (
            set(world.launched) - ahead
            == {f"{name}@{at:%Y-%m-%dT%H:%M:%SZ}" for name in NAMES.values() for at in times} - ahead
        )


def relive(monkeypatch: pytest.MonkeyPatch, life: Any) -> None:
    """Have kernels and a clock live so, and compare what was launched with what is reckoned on paper."""
    with a_world(monkeypatch) as world:
        paper = Paper()
        world.begin()
        for (what, which), span in life:
            happen(world, what, which)
            world.settle()
            lived_through(world, paper, span)
        if not world.awake:
            world.begin()
        world.settle()
        paper.claimed(world.claimed)
        paper.attended_again(world.clock.now())
        check(world, paper)


def happen(world: World, what: str, which: int) -> None:
    """Let something happen to one of the kernels, where there is one, or to the clock, which moves by hours."""
    if what == "begin" and len(world.kernels) < 3:
        world.begin()
    elif what == "set the clock":
        world.set_clock(timedelta(hours=which))
    elif which < len(world.kernels):
        kernel = world.kernels[which]
        if what == "die":
            world.die(kernel)
        elif what == "die in the middle":
            kernel.runs.dies_next = True
        elif what == "sleep":
            kernel.is_awake = False
        elif what == "wake" and not kernel.is_awake:
            world.wake(kernel)


def lived_through(world: World, paper: Paper, span: timedelta) -> None:
    """Let time go by, four hours at a time; leases of who died on the way go on at once."""
    left = span
    while left:
        step = min(left, EVERY)
        paper.claimed(world.claimed)
        if world.awake:
            paper.attended_again(world.clock.now())
        world.move(step)
        world.settle()
        paper.claimed(world.claimed)
        if world.awake:
            paper.attended(world.clock.now())
        left -= step


def check(world: World, paper: Paper) -> None:
    cursor = world.desk.cursor()
    rows = cursor.execute(
        "select automation_name, status, scheduled_us, details from kept.tick order by row_seq"
    ).fetchall()
    assert len(world.launched) == len(set(world.launched))
    for name, expected in paper.expected.items():
        times = [instant(at) for each, status, at, _ in rows if each == name and status == "SUCCESS"]
        assert times == expected, name
        assert [run_id.partition("@")[2] for run_id in sorted(world.launched) if run_id.startswith(f"{name}@")] == [
            f"{at:%Y-%m-%dT%H:%M:%SZ}" for at in expected
        ]
        all_times = Paper().pending(name, paper.decided[name])
        missed = sum(_count(details) for each, status, _, details in rows if each == name and status == "MISSED")
        assert missed + len(expected) == len(all_times), name
        assert {status for each, status, _, _ in rows if each == name} <= {"SUCCESS", "MISSED"}


def instant(microseconds: int) -> datetime:
    return datetime.fromtimestamp(microseconds / 1e6, UTC)


def _count(details: str) -> int:
    return int(json.loads(details)["count"])
