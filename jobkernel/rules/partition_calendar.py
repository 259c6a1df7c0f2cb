"""Partitions of every hour, day, week and month: time partitions whose cron is said by offsets. Dagster's names."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from jobkernel.rules.partition_schedule import ScheduleType
from jobkernel.rules.partition_table import DAY_FORMAT, HOUR_FORMAT
from jobkernel.rules.partition_windows import TimeWindowPartitionsDefinition


class HourlyPartitionsDefinition(TimeWindowPartitionsDefinition):
    """One partition for every hour, from ``minute_offset`` past."""

    __slots__ = ()

    def __init__(
        self,
        start_date: datetime | str,
        end_date: datetime | str | None = None,
        minute_offset: int = 0,
        timezone: str | None = None,
        fmt: str | None = None,
        end_offset: int = 0,
        exclusions: Sequence[str | datetime] | None = None,
    ) -> None:
        """Take the first hour as a datetime, or as text like ``2024-01-01-00:00``."""
        kind = ScheduleType.HOURLY
        super().__init__(
            start_date, fmt or HOUR_FORMAT, end_date, kind, timezone, end_offset, minute_offset, exclusions=exclusions
        )


class DailyPartitionsDefinition(TimeWindowPartitionsDefinition):
    """One partition for every day, from ``hour_offset`` and ``minute_offset`` on."""

    __slots__ = ()

    def __init__(
        self,
        start_date: datetime | str,
        end_date: datetime | str | None = None,
        minute_offset: int = 0,
        hour_offset: int = 0,
        timezone: str | None = None,
        fmt: str | None = None,
        end_offset: int = 0,
        exclusions: Sequence[str | datetime] | None = None,
    ) -> None:
        """Take the first day as a datetime, or as text like ``2024-01-01``."""
        offsets = {"minute_offset": minute_offset, "hour_offset": hour_offset, "exclusions": exclusions}
        kind = ScheduleType.DAILY
        super().__init__(start_date, fmt or DAY_FORMAT, end_date, kind, timezone, end_offset, **offsets)  # type: ignore[arg-type]


class WeeklyPartitionsDefinition(TimeWindowPartitionsDefinition):
    """One partition for every week, from the day ``day_offset`` (0 is Sunday) on."""

    __slots__ = ()

    def __init__(
        self,
        start_date: datetime | str,
        end_date: datetime | str | None = None,
        minute_offset: int = 0,
        hour_offset: int = 0,
        day_offset: int = 0,
        timezone: str | None = None,
        fmt: str | None = None,
        end_offset: int = 0,
        exclusions: Sequence[str | datetime] | None = None,
    ) -> None:
        """Take the first day as a datetime, or as text like ``2024-01-01``."""
        kind, offsets = ScheduleType.WEEKLY, (minute_offset, hour_offset, day_offset)
        super().__init__(
            start_date, fmt or DAY_FORMAT, end_date, kind, timezone, end_offset, *offsets, exclusions=exclusions
        )


class MonthlyPartitionsDefinition(TimeWindowPartitionsDefinition):
    """One partition for every month, from the day ``day_offset`` on."""

    __slots__ = ()

    def __init__(
        self,
        start_date: datetime | str,
        end_date: datetime | str | None = None,
        minute_offset: int = 0,
        hour_offset: int = 0,
        day_offset: int = 1,
        timezone: str | None = None,
        fmt: str | None = None,
        end_offset: int = 0,
        exclusions: Sequence[str | datetime] | None = None,
    ) -> None:
        """Take the first day as a datetime, or as text like ``2024-01-01``."""
        kind, offsets = ScheduleType.MONTHLY, (minute_offset, hour_offset, day_offset)
        super().__init__(
            start_date, fmt or DAY_FORMAT, end_date, kind, timezone, end_offset, *offsets, exclusions=exclusions
        )
