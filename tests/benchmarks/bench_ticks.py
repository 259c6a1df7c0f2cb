"""The next tick of 1 000 mixed crons on the day before clocks change; a month of them, decided minute by minute."""

from __future__ import annotations

import heapq
import random
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from jobkernel.rules import cron_fields, cron_times
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


def measure() -> dict[str, float]:
    """Return µs for a next tick (read and found, found, known), and seconds for the month."""
    listed = texts()
    seconds, ticks = a_month([read_crons(text, ZONE) for text in listed])
    return {
        "next_tick_read_us": _each_us(lambda: [_read_anew(text).after(EVE) for text in listed]),
        "next_tick_first_us": _first_us(listed),
        "next_tick_unchanged_us": _unchanged_us(listed),
        "month_of_1000_schedules_s": seconds,
        "month_ticks_per_s": ticks / seconds,
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


def a_month(schedules: list[Crons]) -> tuple[float, int]:
    """Wake each minute of a month and decide what is due; return the seconds it took and how many ticks there were."""
    start, end = MONTH
    memories, policy, ticks = [TickMemory(starts_at=start)] * len(schedules), CatchupPolicy(), 0
    line = [(crons.after(start - TICK), place) for place, crons in enumerate(schedules)]
    heapq.heapify(line)
    began, now = time.perf_counter(), start
    while now < end:
        while line[0][0] <= now:
            place = line[0][1]
            due = due_ticks(schedules[place], memories[place], policy, now)
            memories[place] = due.memory
            ticks += len(due.launch)
            assert due.next_at is not None
            heapq.heapreplace(line, (due.next_at, place))
        now += MINUTE
    return time.perf_counter() - began, ticks


def _read_anew(text: str) -> Crons:
    cron_fields.read_cron.cache_clear()
    cron_times.local_times.cache_clear()
    return read_crons(text, ZONE)


def _first_us(listed: list[str]) -> float:
    rounds: list[list[Crons]] = [[read_crons(text, ZONE) for text in listed] for _ in range(9)]
    return _each_us(lambda: [crons.after(EVE) for crons in rounds.pop()])


def _unchanged_us(listed: list[str]) -> float:
    known = [read_crons(text, ZONE) for text in listed]
    return _each_us(lambda: [crons.after(EVE) for crons in known])


def _each_us(work: Callable[[], Any]) -> float:
    return median_ms(work) * 1e3 / SCHEDULES
