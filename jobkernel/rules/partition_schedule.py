"""How often windows begin, and the crons that say so. Knows no windows."""

from __future__ import annotations

import re
from enum import Enum
from typing import Final

from jobkernel.errors import InvariantViolation
from jobkernel.rules.cron_fields import read_cron


class ScheduleType(Enum):
    """How often windows begin."""

    HOURLY = "HOURLY"
    DAILY = "DAILY"
    WEEKLY = "WEEKLY"
    MONTHLY = "MONTHLY"

    @property
    def ordinal(self) -> int:
        """The order: the oftener, the less."""
        return list(ScheduleType).index(self) + 1

    def __lt__(self, other: ScheduleType) -> bool:
        return self.ordinal < other.ordinal

    def __gt__(self, other: ScheduleType) -> bool:
        return self.ordinal > other.ordinal


SHAPES: Final = {
    ScheduleType.HOURLY: re.compile(r"(\d+) \* \* \* \*"),
    ScheduleType.DAILY: re.compile(r"(\d+) (\d+) \* \* \*"),
    ScheduleType.WEEKLY: re.compile(r"(\d+) (\d+) \* \* (\d+)"),
    ScheduleType.MONTHLY: re.compile(r"(\d+) (\d+) (\d+) \* \*"),
}
"""What the cron of each cadence looks like."""
NOT_FOR: Final = {
    ScheduleType.HOURLY: ("hour_of_day",),
    ScheduleType.DAILY: ("day_of_week", "day_of_month"),
}
"""Parts of a time that a cadence does not have."""


def cron_of(cron: str | None, kind: ScheduleType | None, minute: int | None, hour: int | None, day: int | None) -> str:
    """Return the cron of time partitions, from what was given of it.

    Raises:
        InvariantViolation: both or neither are given.
        InvalidDefinition: the cron cannot be read, or never comes.
    """
    if cron is not None and (kind is not None or minute or hour or day):
        raise InvariantViolation("Time partitions take a cron_schedule, or a schedule_type and offsets, not both.")
    if cron is None and kind is None:
        raise InvariantViolation("Time partitions need a cron_schedule or a schedule_type.")
    if cron is None:
        assert kind is not None
        cron = cron_at(kind, minute or 0, hour or 0, day or None)
    if not isinstance(cron, str):
        raise TypeError(f"Time partitions take one cron as a text, not {cron!r}.")
    read_cron(cron)
    return cron


def cron_at(kind: ScheduleType, minute: int, hour: int, day: int | None) -> str:
    """Return the cron of a cadence at these offsets."""
    hours = "*" if kind is ScheduleType.HOURLY else hour
    month_day = (1 if day is None else day) if kind is ScheduleType.MONTHLY else "*"
    weekday = (day or 0) if kind is ScheduleType.WEEKLY else "*"
    return f"{minute} {hours} {month_day} * {weekday}"
