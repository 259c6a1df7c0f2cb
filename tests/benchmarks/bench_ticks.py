"""The next tick of 1 000 mixed crons on the day before clocks change; a month of them and of 1 000 of every minute."""

from __future__ import annotations

import heapq
import itertools
import random
import time
from collections import Counter
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from jobkernel.model.automation import Catchup
from jobkernel.rules import cron, cron_fields, cron_times
from jobkernel.rules.cron import TICK, Crons, read_crons
from jobkernel.rules.ticks import CatchupPolicy, TickMemory, due_ticks
from tests.benchmarks.timing import median_ms

SCHEDULES = 1000
ZONE = "Europe/Berlin"
EVE = datetime(2026, 3, 28, 12, 34, 56, tzinfo=UTC)
MONTH = (datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 4, 1, tzinfo=UTC))
MINUTE = timedelta(minutes=1)


def texts() -> list[str]:
    """Return crons as people write them: every few minutes, hourly, daily, weekdays, monthly."""
    chance = random.Random(5)
    return [_text(chance) for _ in range(SCHEDULES)]


def _text(chance: random.Random) -> str:
    minute, hour, weekday = chance.randrange(60), chance.randrange(24), chance.randrange(7)
    few = chance.choice([1, 2, 5, 10, 15, 30])
    forms = [f"*/{few} * * * *", f"{minute} * * * *", f"{minute} {hour} * * *", f"{minute} {hour} * * 1-5",
             f"{minute} {hour} 1 * *", f"{minute} {hour} * * {weekday}", f"{minute} {hour} 1,15 * *",
             f"0 {hour} 28 2 *"]  # fmt: skip
    return chance.choice(forms)


def every_minute() -> list[tuple[Crons, CatchupPolicy]]:
    """Return a thousand schedules of every minute, of twelve kinds: four zones, three policies of what was missed."""
    zones = [ZONE, "UTC", "America/New_York", "Asia/Kolkata"]
    ways = list(
        itertools.product(
            [read_crons("* * * * *", zone) for zone in zones], [CatchupPolicy(catchup=each) for each in Catchup]
        )
    )
    return list(itertools.islice(itertools.cycle(ways), SCHEDULES))


def measure() -> dict[str, float]:
    """Return µs for a next tick (read and found, found, known), and seconds for the month."""
    listed = texts()
    mixed = [(read_crons(text, ZONE), CatchupPolicy()) for text in listed]
    seconds, ticks = a_month(mixed)
    alone, _ = a_month(mixed, together=False)
    each_minute, many = a_month([(read_crons("* * * * *", ZONE), CatchupPolicy())] * SCHEDULES)
    of_kinds, as_many = a_month(every_minute())
    assert many == as_many == SCHEDULES * 31 * 24 * 60, (many, as_many)
    return {
        "next_tick_read_us": _each_us(lambda: [_read_anew(text).after(EVE) for text in listed]),
        "next_tick_first_us": _first_us(listed),
        "next_tick_unchanged_us": _unchanged_us(listed),
        "month_of_1000_schedules_s": seconds,
        "month_ticks_per_s": ticks / seconds,
        "month_of_1000_schedules_each_alone_s": alone,
        "month_of_1000_schedules_every_minute_s": each_minute,
        "month_of_1000_every_minute_12_kinds_s": of_kinds,
    }


def measure_peer() -> dict[str, float]:
    """Return the same for Dagster's iterator, which reads a cron anew each time and keeps nothing."""
    from dagster._utils.schedules import CroniterShim, cron_string_iterator

    listed = texts()

    def read_anew() -> None:
        CroniterShim.expand.cache_clear()
        for text in listed:
            next(cron_string_iterator(EVE.timestamp(), text, ZONE))

    each = _each_us(lambda: [next(cron_string_iterator(EVE.timestamp(), text, ZONE)) for text in listed])
    return {"next_tick_read_us": _each_us(read_anew), "next_tick_first_us": each, "next_tick_unchanged_us": each}


class Alike(NamedTuple):
    """Schedules of which the same is decided: they fire at the same times, by one policy, and remember the same."""

    crons: Crons
    policy: CatchupPolicy
    memory: TickMemory


def a_month(schedules: Iterable[tuple[Crons, CatchupPolicy]], *, together: bool = True) -> tuple[float, int]:
    """Wake each minute of a month and decide what is due, of those that are alike once (or of each by itself).

    Return the seconds it took, and how many ticks of schedules there were.
    """
    start, end = MONTH
    began, now, ticks = time.perf_counter(), start, 0
    counts: Counter[Alike] = Counter(Alike(*each, TickMemory(starts_at=start)) for each in schedules)
    alone = [each for each, count in counts.items() for _ in range(1 if together else count)]
    numbers = itertools.count()
    line = [(each.crons.after(start - TICK), next(numbers), each, counts[each] if together else 1) for each in alone]
    heapq.heapify(line)
    while now < end:
        while line[0][0] <= now:
            _, _, each, count = line[0]
            due = due_ticks(each.crons, each.memory, each.policy, now)
            ticks += len(due.launch) * count
            assert due.next_at is not None
            heapq.heapreplace(line, (due.next_at, next(numbers), each._replace(memory=due.memory), count))
        now += MINUTE
    return time.perf_counter() - began, ticks


def _read_anew(text: str) -> Crons:
    cron_fields.read_cron.cache_clear()
    cron_times.local_times.cache_clear()
    return _anew(text)


def _anew(text: str) -> Crons:
    cron.crons_of.cache_clear()
    return read_crons(text, ZONE)


def _first_us(listed: list[str]) -> float:
    rounds: list[list[Crons]] = [[_anew(text) for text in listed] for _ in range(9)]
    return _each_us(lambda: [crons.after(EVE) for crons in rounds.pop()])


def _unchanged_us(listed: list[str]) -> float:
    known = [read_crons(text, ZONE) for text in listed]
    return _each_us(lambda: [crons.after(EVE) for crons in known])


def _each_us(work: Callable[[], Any]) -> float:
    return median_ms(work) * 1e3 / SCHEDULES
