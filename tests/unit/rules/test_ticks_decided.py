"""Which ticks are launched, which were missed, and what is remembered, as tables and stories."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from jobkernel.errors import InvalidDefinition
from jobkernel.model.automation import Catchup, Overlap
from jobkernel.rules.cron import read_crons
from jobkernel.rules.ticks import (
    CatchupPolicy,
    Due,
    DueTick,
    Gap,
    OverlapDecision,
    TickMemory,
    Verdict,
    decide_overlap,
    due_ticks,
    replay,
)

DAILY, MINUTELY = read_crons("0 0 * * *"), read_crons("* * * * *")
NONE, LAST, ALL = (CatchupPolicy(catchup=each) for each in Catchup)
DAY, HOUR, MINUTE, SECOND = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1), timedelta(seconds=1)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def on_since(text: str) -> TickMemory:
    return TickMemory(starts_at=at(text))


def launched(due: Due) -> list[datetime]:
    return [tick.at for tick in due.launch]


MIDNIGHT = at("2024-02-02")
MEMORY = on_since("2024-02-01T23:59:59")


def test_nothing_is_due_before_its_time_and_nothing_has_to_be_remembered() -> None:
    due = due_ticks(DAILY, MEMORY, LAST, at("2024-02-01T23:59:59"))

    assert due == Due(next_at=MIDNIGHT, memory=MEMORY)
    assert due.memory is MEMORY


def test_a_tick_is_launched_a_second_later_with_its_own_time() -> None:
    now = MIDNIGHT + SECOND

    assert due_ticks(DAILY, MEMORY, LAST, now) == Due(
        launch=(DueTick(at=MIDNIGHT, late=SECOND),),
        next_at=MIDNIGHT + DAY,
        memory=TickMemory(starts_at=MEMORY.starts_at, decided_until=now),
    )


@pytest.mark.parametrize("policy", [NONE, LAST, ALL], ids=lambda policy: policy.catchup)
def test_a_tick_looked_at_exactly_on_time_counts_once(policy: CatchupPolicy) -> None:
    looks = [MIDNIGHT, MIDNIGHT, MIDNIGHT + timedelta(microseconds=1), MIDNIGHT + SECOND]

    assert [launched(due) for due in replay(DAILY, MEMORY, policy, looks)] == [[MIDNIGHT], [], [], []]


def test_switched_on_exactly_at_its_time_it_fires_at_once_and_once() -> None:
    looks = [MIDNIGHT, MIDNIGHT + SECOND]

    assert [launched(due) for due in replay(DAILY, TickMemory(starts_at=MIDNIGHT), LAST, looks)] == [[MIDNIGHT], []]


def test_switched_on_a_moment_after_its_time_it_waits_for_the_next() -> None:
    late = MIDNIGHT + timedelta(microseconds=1)

    assert due_ticks(DAILY, TickMemory(starts_at=late), ALL, late).next_at == MIDNIGHT + DAY
    assert launched(due_ticks(DAILY, TickMemory(starts_at=late), ALL, late)) == []


@pytest.mark.parametrize(
    ("policy", "expected", "gap"),
    [
        (NONE, ["02-06"], ("02-02", "02-05", 4)),
        (LAST, ["02-06"], ("02-02", "02-05", 4)),
        (ALL, ["02-02", "02-03", "02-04", "02-05", "02-06"], None),
        (CatchupPolicy(catchup=Catchup.ALL, cap=2), ["02-05", "02-06"], ("02-02", "02-04", 3)),
        (CatchupPolicy(catchup=Catchup.ALL, window=2 * DAY), ["02-05", "02-06"], ("02-02", "02-04", 3)),
        (CatchupPolicy(catchup=Catchup.ALL, cap=1, window=9 * DAY), ["02-06"], ("02-02", "02-05", 4)),
        (CatchupPolicy(catchup=Catchup.LAST, window=SECOND), ["02-06"], ("02-02", "02-05", 4)),
    ],
    ids=str,
)
def test_asleep_for_days_and_awake_a_second_after_a_tick(
    policy: CatchupPolicy, expected: list[str], gap: tuple[str, str, int] | None
) -> None:
    due = due_ticks(DAILY, MEMORY, policy, at("2024-02-06T00:00:01"))

    assert launched(due) == [at(f"2024-{day}") for day in expected]
    assert due.missed == (gap and Gap(first=at(f"2024-{gap[0]}"), last=at(f"2024-{gap[1]}"), count=gap[2]))
    assert due.next_at == at("2024-02-07")


@pytest.mark.parametrize(
    ("policy", "expected", "count"),
    [
        (NONE, [], 5),
        (LAST, [at("2024-02-06")], 4),
        (CatchupPolicy(catchup=Catchup.LAST, window=8 * HOUR), [], 5),
        (CatchupPolicy(catchup=Catchup.LAST, window=9 * HOUR), [at("2024-02-06")], 4),
    ],
    ids=str,
)
def test_asleep_for_days_and_awake_in_the_morning(policy: CatchupPolicy, expected: list[datetime], count: int) -> None:
    due = due_ticks(DAILY, MEMORY, policy, at("2024-02-06T09:00"))

    assert launched(due) == expected
    assert [tick.late for tick in due.launch] == [9 * HOUR] * len(expected)
    assert due.missed is not None
    assert (due.missed.first, due.missed.count) == (MIDNIGHT, count)
    assert due.missed.last == at("2024-02-06") - len(expected) * DAY


def test_a_gap_is_told_of_once() -> None:
    looks = [at("2024-02-06T09:00"), at("2024-02-06T09:01"), at("2024-02-07T00:00")]
    dues = list(replay(DAILY, MEMORY, NONE, looks))

    assert [due.missed is not None for due in dues] == [True, False, False]
    assert [launched(due) for due in dues] == [[], [], [at("2024-02-07")]]


def test_seconds_of_lateness_are_no_miss_even_without_catching_up() -> None:
    assert launched(due_ticks(DAILY, MEMORY, NONE, MIDNIGHT + 59 * SECOND)) == [MIDNIGHT]
    assert launched(due_ticks(DAILY, MEMORY, NONE, MIDNIGHT + 60 * SECOND)) == []


def test_a_short_window_lets_no_tick_go_that_is_seconds_late() -> None:
    policy = CatchupPolicy(catchup=Catchup.ALL, window=SECOND)

    assert launched(due_ticks(DAILY, MEMORY, policy, MIDNIGHT + MINUTE)) == [MIDNIGHT]
    assert launched(due_ticks(DAILY, MEMORY, policy, MIDNIGHT + MINUTE + SECOND)) == []


def test_a_gap_of_a_million_ticks_is_counted_without_going_through_it() -> None:
    due = due_ticks(MINUTELY, on_since("2022-01-01"), LAST, at("2024-01-01T00:00:30"))

    assert due.missed == Gap(count=2 * 365 * 1440, first=at("2022-01-01"), last=at("2023-12-31T23:59"))
    assert launched(due) == [at("2024-01-01")]


def test_a_gap_beyond_counting_says_at_least() -> None:
    due = due_ticks(MINUTELY, on_since("1990-01-01"), LAST, at("2024-01-01T00:00:30"))

    assert due.missed == Gap(count=3660 * 1440, first=at("1990-01-01"), last=at("2023-12-31T23:59"), is_exact=False)


def test_several_crons_that_fall_together_are_one_tick() -> None:
    crons = read_crons(["0 0 * * *", "0 12 * * *", "0 */12 * * *"])
    looks = [at("2024-02-02T00:00"), at("2024-02-02T12:00"), at("2024-02-03T00:00")]

    assert [launched(due) for due in replay(crons, MEMORY, LAST, looks)] == [[look] for look in looks]


def test_hours_are_launched_through_the_night_that_skips_one() -> None:
    hourly = read_crons("0 * * * *", "US/Central")
    looks = [at(f"2024-03-10T{hour:02}:00:01") for hour in (6, 7, 8, 9, 10)]
    ticks = [launched(due) for due in replay(hourly, on_since("2024-03-10T05:30"), LAST, looks)]

    assert ticks == [[look - SECOND] for look in looks]


def test_eastern_days_begin_an_hour_before_central_ones() -> None:
    eastern, central = (
        due_ticks(read_crons("@daily", zone), on_since("2024-01-10T12:00"), LAST, at("2024-01-10T12:00")).next_at
        for zone in ("US/Eastern", "US/Central")
    )

    assert (eastern, central) == (at("2024-01-11T05:00"), at("2024-01-11T06:00"))


def test_switched_off_nothing_is_due_and_switched_on_nothing_past_is_fired() -> None:
    memory = TickMemory(starts_at=MIDNIGHT, decided_until=MIDNIGHT + SECOND).stopped()
    off = due_ticks(DAILY, memory, ALL, MIDNIGHT + 3 * DAY)
    on = due_ticks(DAILY, memory.started(MIDNIGHT + 3 * DAY + HOUR), ALL, MIDNIGHT + 3 * DAY + HOUR)

    assert off == Due(memory=memory)
    assert on.launch == ()
    assert (on.missed, on.next_at) == (None, MIDNIGHT + 4 * DAY)


def test_other_crons_or_another_zone_fire_nothing_past() -> None:
    memory = due_ticks(DAILY, MEMORY, LAST, MIDNIGHT + SECOND).memory
    edited = MIDNIGHT + 9 * HOUR
    due = due_ticks(read_crons("0 8 * * *", "Europe/Berlin"), memory.started(edited), ALL, edited)

    assert (launched(due), due.missed, due.next_at) == ([], None, at("2024-02-03T07:00"))


def test_edited_in_the_moment_of_a_tick_it_fires_once() -> None:
    memory = due_ticks(DAILY, MEMORY, LAST, MIDNIGHT).memory.started(MIDNIGHT)

    assert launched(due_ticks(read_crons("0 */6 * * *"), memory, LAST, MIDNIGHT + SECOND)) == []


def test_a_clock_that_is_set_back_fires_nothing_again() -> None:
    looks = [MIDNIGHT + SECOND, MIDNIGHT - HOUR, MIDNIGHT, MIDNIGHT + SECOND, MIDNIGHT + DAY]
    dues = list(replay(DAILY, MEMORY, ALL, looks))

    assert [launched(due) for due in dues] == [[MIDNIGHT], [], [], [], [MIDNIGHT + DAY]]
    assert [due.behind for due in dues] == [timedelta(), HOUR + SECOND, SECOND, timedelta(), timedelta()]
    assert dues[1].next_at == MIDNIGHT + DAY


def test_a_clock_that_jumps_forward_is_as_a_sleep() -> None:
    dues = list(replay(DAILY, MEMORY, LAST, [MIDNIGHT + SECOND, MIDNIGHT + 30 * DAY]))

    assert launched(dues[1]) == [MIDNIGHT + 30 * DAY]
    assert dues[1].missed == Gap(count=29, first=MIDNIGHT + DAY, last=MIDNIGHT + 29 * DAY)


@pytest.mark.parametrize("memory", [MEMORY, TickMemory(starts_at=at("2031-01-01"))], ids=["it jumped", "begun then"])
def test_a_clock_that_was_years_ahead_does_not_stop_a_schedule_for_years(memory: TickMemory) -> None:
    looks = [at("2031-01-01T12:00"), MIDNIGHT + HOUR, MIDNIGHT + DAY, MIDNIGHT + 2 * DAY]
    dues = list(replay(DAILY, memory, LAST, looks))

    assert [launched(due) for due in dues] == [[at("2031-01-01")], [], [MIDNIGHT + DAY], [MIDNIGHT + 2 * DAY]]
    assert dues[1].missed is None


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"cap": 0}, "The cap of a catch-up is a whole number from 1; got 0."),
        ({"window": timedelta()}, "The window of a catch-up is a time longer than 0, such as 24h; got 0:00:00."),
    ],
    ids=["cap", "window"],
)
def test_a_catch_up_of_nothing_is_refused(options: dict[str, object], sentence: str) -> None:
    with pytest.raises(InvalidDefinition) as refused:
        CatchupPolicy(**options)  # type: ignore[arg-type]

    assert str(refused.value) == sentence


RUNS = ["0123456789ab", "fedcba987654"]


@pytest.mark.parametrize(
    ("policy", "active", "verdict", "reason"),
    [
        (Overlap.SKIP, [], Verdict.LAUNCH, None),
        (Overlap.QUEUE, [], Verdict.LAUNCH, None),
        (Overlap.ALLOW, RUNS, Verdict.LAUNCH, None),
        (
            Overlap.SKIP,
            RUNS[:1],
            Verdict.SKIP,
            "Run 01234567 of schedule 'nightly' is not over;"
            " --overlap queue waits for it, --overlap allow runs beside it.",
        ),
        (
            Overlap.QUEUE,
            RUNS,
            Verdict.QUEUE,
            "Run 01234567 of schedule 'nightly' and 1 more of its runs are not over; this one waits for it.",
        ),
    ],
)
def test_overlapping(policy: Overlap, active: list[str], verdict: Verdict, reason: str | None) -> None:
    assert decide_overlap(policy, "nightly", active) == OverlapDecision(verdict=verdict, reason=reason)
