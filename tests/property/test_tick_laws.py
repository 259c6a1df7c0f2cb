"""Laws of crons and ticks: for any cron, zone and instant; and weeks in which kernels die, sleep and come back.

The weeks are lived through twice: by the rules, look by look, and by a list of all ticks on paper. On paper each tick
is dealt with once, by the first look at or after it that is remembered.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from hypothesis import example, given
from hypothesis import strategies as st

from jobkernel.model.automation import Catchup
from jobkernel.rules.cron import TICK, Crons, crons_of, read_crons
from jobkernel.rules.cron_counts import count_ticks
from jobkernel.rules.cron_fields import read_cron
from jobkernel.rules.cron_words import in_words
from jobkernel.rules.ticks import ON_TIME, WRONG_CLOCK, CatchupPolicy, TickMemory, due_ticks

ZONES = [
    "UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Africa/Casablanca", "Antarctica/Troll",
    "America/Santiago", "Asia/Kathmandu", "Pacific/Chatham", "Asia/Beirut", "America/Scoresbysund",
]  # fmt: skip


def numbers(low: int, high: int) -> st.SearchStrategy[str]:
    one = st.integers(low, high)
    return st.one_of(
        st.just("*"),
        one.map(str),
        st.integers(1, high).map(lambda step: f"*/{step}"),
        st.lists(one, min_size=1, max_size=4).map(lambda listed: ",".join(map(str, listed))),
        st.tuples(one, one).filter(lambda ends: ends[0] < ends[1]).map(lambda ends: f"{ends[0]}-{ends[1]}"),
    )


days = st.one_of(st.just("*"), numbers(1, 28), st.sampled_from(["L", "?", "15,L", "31"]))
weekdays = st.one_of(st.just("*"), numbers(0, 6), st.sampled_from(["MON-FRI", "5#2", "L5", "SAT-SUN", "1,3#1"]))
months = st.one_of(st.just("*"), st.sampled_from(["1-6", "*/2", "DEC,JAN", "3,10,12"]))
texts = st.builds(lambda *fields: " ".join(fields), numbers(0, 59), numbers(0, 23), days, months, weekdays)
crons = st.builds(read_crons, st.lists(texts, min_size=1, max_size=3), st.sampled_from(ZONES))
instants = st.datetimes(datetime(2019, 1, 1), datetime(2031, 1, 1)).map(lambda naive: naive.replace(tzinfo=UTC))  # noqa: DTZ001
lengths = st.timedeltas(timedelta(), timedelta(days=120))


def anew(crons: Crons) -> Crons:
    """Return crons that have not found anything yet: those that are read share what they find."""
    return crons_of.__wrapped__(crons.texts, crons.timezone)


@given(crons, instants)
def test_what_comes_after_and_what_came_before_have_nothing_between_them(crons: Crons, instant: datetime) -> None:
    earlier, later = crons.before(instant), crons.after(instant)

    assert earlier < instant < later
    assert crons.after(earlier) == (instant if crons.upto(instant) == instant else later)
    assert crons.before(later) == crons.upto(instant)
    assert anew(crons).after(earlier - TICK) == earlier


@given(crons, instants)
def test_ticks_of_a_cron_fall_on_whole_minutes_that_its_clocks_show_or_where_they_jump(
    crons: Crons, instant: datetime
) -> None:
    zone = ZoneInfo(crons.timezone)
    tick = crons.after(instant)
    local = tick.astimezone(zone)
    jumped = local.utcoffset() != (tick - TICK).astimezone(zone).utcoffset()

    assert (tick.second, tick.microsecond) == (0, 0)
    assert jumped or any(local.minute in cron.minutes and local.hour in cron.hours for cron in crons.crons)


looked = st.lists(
    st.tuples(
        st.integers(-3, 3), st.integers(0, 3), st.sampled_from(Catchup), st.sampled_from([1, 100]), st.integers(0, 3)
    ),
    min_size=2,
    max_size=12,
)


@given(st.one_of(crons, st.just(read_crons("*/7 * * * *", "Asia/Kathmandu"))), instants, looked)
def test_schedules_that_fire_alike_are_decided_of_as_each_would_be_alone(
    crons: Crons, instant: datetime, looked: list[tuple[int, int, Catchup, int, int]]
) -> None:
    hour = timedelta(hours=1)
    for on, until, catchup, cap, now in looked:
        memory = TickMemory(starts_at=instant + on * hour, decided_until=instant + until * hour if until else None)
        policy = CatchupPolicy(catchup=catchup, cap=cap)
        moment = instant + now * hour
        assert due_ticks(crons, memory, policy, moment) == due_ticks(anew(crons), memory, policy, moment)


@given(crons, instants, lengths)
def test_counting_agrees_with_going_through(crons: Crons, start: datetime, length: timedelta) -> None:
    ticks = crons.between(start, start + min(length, timedelta(days=20)), cap=100_000)

    assert count_ticks(crons, start, start + min(length, timedelta(days=20))).number == len(ticks)


@given(texts)
def test_the_plain_form_of_a_cron_says_the_same_and_every_cron_has_words(text: str) -> None:
    cron = read_cron(text)

    assert read_cron(cron.spec) == cron
    assert "None" not in in_words(cron)
    assert in_words(read_cron(cron.spec)) == in_words(cron)


@dataclass(frozen=True)
class Awake:
    """A kernel looks so many times, every so often; ``dies`` is before the last look is remembered."""

    looks: int
    every: timedelta
    dies: bool


@dataclass(frozen=True)
class Asleep:
    """Nobody looks."""

    span: timedelta


@dataclass(frozen=True)
class SetBack:
    """Somebody sets the clock back, all in all by a day at most."""

    by: timedelta


@dataclass(frozen=True)
class Edited:
    """The schedule gets other crons, or is switched off and on, which is the same."""

    crons: Crons


Event = Awake | Asleep | SetBack | Edited
EVERY = st.sampled_from([timedelta(seconds=10), timedelta(seconds=7.3), timedelta(minutes=1), timedelta(minutes=37)])
schedules = st.sampled_from(
    [
        read_crons("*/15 * * * *", "America/New_York"),
        read_crons(["30 1 * * *", "0 2 * * *", "30 2 * * *"], "America/New_York"),
        read_crons(["0 * * * *", "*/20 1-3 * * *"], "Australia/Lord_Howe"),
        read_crons("0 9 * * 1-5", "Europe/Berlin"),
        read_crons("* * * * *"),
    ]
)
events = st.lists(
    st.one_of(
        st.builds(Awake, st.integers(1, 40), EVERY, st.booleans()),
        st.builds(Asleep, st.timedeltas(timedelta(), timedelta(days=6))),
        st.builds(SetBack, st.timedeltas(timedelta(), timedelta(hours=23))),
        st.builds(Edited, schedules),
    ),
    max_size=25,
)
policies = st.builds(
    CatchupPolicy,
    catchup=st.sampled_from(Catchup),
    cap=st.integers(1, 30),
    window=st.none() | st.timedeltas(timedelta(seconds=1), timedelta(days=3)),
)
beginnings = st.sampled_from(
    [datetime(2024, 3, 8, 6, tzinfo=UTC), datetime(2024, 10, 31, tzinfo=UTC), datetime(2024, 4, 5, 15, tzinfo=UTC)]
)


@dataclass
class Lived:
    """What the rules did: ticks launched, in order, and the ticks of the gaps they told of."""

    launched: list[datetime] = field(default_factory=list)
    missed: list[datetime] = field(default_factory=list)


@dataclass
class Paper:
    """What they should have done, from the whole list of ticks."""

    begun: datetime
    decided: datetime = datetime(1, 1, 1, tzinfo=UTC)
    launched: list[datetime] = field(default_factory=list)
    missed: list[datetime] = field(default_factory=list)

    def look(self, crons: Crons, policy: CatchupPolicy, now: datetime) -> None:
        ticks = crons.between(max(self.begun - TICK, self.decided), now, cap=100_000)
        chosen = wanted(ticks, policy, now)
        self.launched += chosen
        self.missed += ticks[: len(ticks) - len(chosen)]
        if ticks:  # a look that finds nothing is not worth remembering
            self.decided = now


def wanted(ticks: Sequence[datetime], policy: CatchupPolicy, now: datetime) -> list[datetime]:
    late = {tick: now - tick for tick in ticks}
    if policy.catchup is Catchup.NONE:
        return [tick for tick in ticks if late[tick] < ON_TIME]
    recent = [tick for tick in ticks if policy.window is None or late[tick] <= max(policy.window, ON_TIME)]
    return recent[-1:] if policy.catchup is Catchup.LAST else recent[-policy.cap :]


def live(crons: Crons, policy: CatchupPolicy, now: datetime, happened: list[Event]) -> tuple[Lived, Paper]:
    memory, lived, paper = TickMemory(starts_at=now), Lived(), Paper(begun=now)
    latest = now
    for event in happened:
        latest = max(latest, now)
        match event:
            case Awake(looks=looks, every=every, dies=dies):
                for number in range(looks):
                    now += every
                    if dies and number == looks - 1:
                        break
                    memory = look(crons, memory, policy, now, lived)
                    paper.look(crons, policy, now)
            case Asleep(span=span):
                now += span
            case SetBack(by=by):
                now = max(now - by, latest - WRONG_CLOCK)
            case Edited(crons=crons):
                memory = memory.started(now)
                paper.begun = now
    return lived, paper


def look(crons: Crons, memory: TickMemory, policy: CatchupPolicy, now: datetime, lived: Lived) -> TickMemory:
    due = due_ticks(crons, memory, policy, now)
    assert due == due_ticks(crons, memory, policy, now)  # a decision that nobody remembered is made again
    lived.launched += [tick.at for tick in due.launch]
    if due.missed is not None:
        gap = crons.between(due.missed.first - TICK, due.missed.last, cap=100_000)
        assert (gap[0], gap[-1], len(gap)) == (due.missed.first, due.missed.last, due.missed.count)
        lived.missed += gap
    assert due.next_at is not None
    assert due.next_at > now
    return due.memory


@given(schedules, policies, beginnings, events)
@example(
    read_crons("* * * * *"),
    CatchupPolicy(catchup=Catchup.ALL),
    datetime(2024, 3, 8, 6, tzinfo=UTC),
    [Awake(3, timedelta(minutes=1), False), SetBack(timedelta(minutes=2)), Awake(9, timedelta(seconds=10), True)],
)
def test_in_weeks_of_dying_sleeping_and_coming_back_each_tick_is_dealt_with_once(
    crons: Crons, policy: CatchupPolicy, beginning: datetime, happened: list[Event]
) -> None:
    lived, paper = live(crons, policy, beginning, happened)

    assert lived.launched == paper.launched
    assert lived.missed == paper.missed
    assert all(earlier < later for earlier, later in pairwise(lived.launched))
    assert not set(lived.launched) & set(lived.missed)
