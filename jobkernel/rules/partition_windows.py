"""Partitions by time: one for every window between two ticks of a cron. Names and parameters are Dagster's.

Which windows exist is worked out in :mod:`jobkernel.rules.partition_table`; this file is what people call. Methods
that ask for the present take it from the question, else from the loading context.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence, Set
from datetime import date, datetime
from functools import lru_cache
from typing import Any

from jobkernel.errors import InvalidDefinition, InvariantViolation
from jobkernel.model.partition_loading import DynamicKeys, present
from jobkernel.model.partition_range import PartitionKeyRange, TimeWindow
from jobkernel.model.partitions import PartitionsDefinition
from jobkernel.rules.cron_fields import read_cron
from jobkernel.rules.partition_cadence import zone_named
from jobkernel.rules.partition_schedule import NOT_FOR, SHAPES, ScheduleType, cron_at, cron_of
from jobkernel.rules.partition_table import Extent, Table, Windows, keys_of, table_at


class TimeWindowPartitionsDefinition(PartitionsDefinition):
    """One partition for every window between ticks of ``cron_schedule``; its key is the window's start in ``fmt``.

    The first begins at the first tick at or after ``start``; the last ends before now, or before ``end``.
    """

    __slots__ = ("start", "fmt", "end", "timezone", "end_offset", "cron_schedule", "exclusions")  # noqa: RUF023
    start: datetime
    fmt: str
    end: datetime | None
    timezone: str
    end_offset: int
    cron_schedule: str
    exclusions: tuple[str | datetime, ...] | None

    def __init__(
        self,
        start: datetime | str,
        fmt: str,
        end: datetime | str | None = None,
        schedule_type: ScheduleType | None = None,
        timezone: str | None = None,
        end_offset: int = 0,
        minute_offset: int | None = None,
        hour_offset: int | None = None,
        day_offset: int | None = None,
        cron_schedule: str | None = None,
        exclusions: Sequence[str | datetime] | None = None,
    ) -> None:
        """Take the cadence by ``cron_schedule``, or by ``schedule_type`` and offsets.

        Raises:
            InvalidDefinition: no such cron, no such zone, or ``start`` or ``end`` is not of the format.
            TypeError: ``start`` or ``end`` is neither text nor datetime.
        """
        cron = cron_of(cron_schedule, schedule_type, minute_offset, hour_offset, day_offset)
        zone = timezone or "UTC"
        windows = Windows(cron, zone, fmt)
        self._set(
            start=_moment(start, windows, "start"),
            fmt=fmt,
            end=_moment(end, windows, "end") if end else None,
            timezone=zone,
            end_offset=_whole(end_offset, "end_offset"),
            cron_schedule=cron,
            exclusions=tuple(_exclusion(each, windows) for each in exclusions) if exclusions else None,
        )

    def get_partition_keys(
        self, current_time: datetime | None = None, dynamic_partitions_store: DynamicKeys | None = None
    ) -> list[str]:
        """Return the keys of the windows that exist at ``current_time``, in order."""
        table, count = self._table(current_time)
        return table.keys[:count]

    def get_num_partitions(self) -> int:
        """Return how many windows exist."""
        return self._table()[1]

    def has_partition_key(self, partition_key: str) -> bool:
        """Whether a window of that key exists."""
        table, count = self._table()
        return table.places.get(partition_key, count) < count

    def filter_valid_partition_keys(self, partition_keys: set[str]) -> Set[str]:
        """Return those of the keys that exist."""
        table, count = self._table()
        return {key for key in partition_keys if table.places.get(key, count) < count}

    def get_first_partition_key(self) -> str | None:
        """Return the first key; None where no window exists."""
        table, count = self._table()
        return table.keys[0] if count else None

    def get_last_partition_key(self) -> str | None:
        """Return the last key; None where no window exists."""
        table, count = self._table()
        return self.windows.key_of(table.starts[count - 1]) if count else None

    def get_first_partition_window(self) -> TimeWindow | None:
        """Return the first window that exists."""
        table, count = self._table()
        return self.window(table.starts[0], table.ends[0]) if count else None

    def get_last_partition_window(self) -> TimeWindow | None:
        """Return the last window that exists."""
        table, count = self._table()
        return self.window(table.starts[count - 1], table.ends[count - 1]) if count else None

    def time_window_for_partition_key(self, partition_key: str) -> TimeWindow:
        """Return the window of a key, also of one that does not exist yet.

        Raises:
            ValueError: the text is not of the format.
        """
        return self.window(*_span_of_key(self.windows, partition_key))

    def start_time_for_partition_key(self, partition_key: str) -> datetime:
        """Return when a key's window begins."""
        return self.time_window_for_partition_key(partition_key).start

    def end_time_for_partition_key(self, partition_key: str) -> datetime:
        """Return when a key's window ends."""
        return self.time_window_for_partition_key(partition_key).end

    def get_partition_key(self, key: str | date | datetime) -> str:
        """Return the key of a day or moment.

        Raises:
            ValueError: no such partition exists.
        """
        text = key.strftime(self.fmt) if isinstance(key, date) else key
        if not self.has_partition_key(text):
            raise ValueError(f"Got invalid partition key {text!r}")
        return text

    def get_partition_key_for_timestamp(self, timestamp: float, end_closed: bool = False) -> str:
        """Return the key of the window around an instant; with ``end_closed`` a window's end belongs to it."""
        begins = self.windows.after(timestamp)[0][0]
        if begins == timestamp and not end_closed:
            return self.windows.key_of(begins)
        return self.windows.key_of(self.windows.start_before(timestamp))

    def get_next_partition_key(self, partition_key: str) -> str | None:
        """Return the key after this one; None where it is the last."""
        _, following = self.windows.after(self.windows.instant_of(partition_key), 2)
        table, count = self._table()
        return self.windows.key_of(following[0]) if count and following[0] < table.ends[count - 1] else None

    def get_next_partition_window(self, end_dt: datetime, respect_bounds: bool = True) -> TimeWindow | None:
        """Return the first window that begins at or after a moment; None beyond the last that exists."""
        start, end = self.windows.after(end_dt.timestamp())[0]
        if respect_bounds:
            table, count = self._table()
            if not count or start >= table.ends[count - 1]:
                return None
        return self.window(start, end)

    def get_prev_partition_window(self, start_dt: datetime, respect_bounds: bool = True) -> TimeWindow | None:
        """Return the last window that ends at or before a moment; None before the first that exists."""
        start, end = self.windows.before(start_dt.timestamp())[0]
        if respect_bounds:
            table, count = self._table()
            if not count or start < table.starts[0]:
                return None
        return self.window(start, end)

    def get_partition_keys_in_range(self, partition_key_range: PartitionKeyRange) -> list[str]:
        """Return the keys from a range's start to its end, both included.

        Raises:
            InvariantViolation: the range goes beyond the definition's start or end.
        """
        first, _ = _span_of_key(self.windows, partition_key_range.start)
        _, end = _span_of_key(self.windows, partition_key_range.end)
        if first < self.extent.start:
            raise InvariantViolation(f"Partition '{partition_key_range.start}' lies before the first one.")
        if self.extent.end is not None and end > self.extent.end:
            raise InvariantViolation(f"Partition '{partition_key_range.end}' lies after the last one.")
        return self.keys_between(first, end)

    def get_partition_keys_in_time_window(self, time_window: TimeWindow) -> list[str]:
        """Return the keys of the windows that begin within a span of time, also where they do not exist yet."""
        return self.keys_between(time_window.start.timestamp(), time_window.end.timestamp())

    def get_partition_key_range_for_time_window(
        self,
        time_window: TimeWindow,
        respect_bounds: bool = True,
    ) -> PartitionKeyRange:
        """Return the first and the last key of a span of time."""
        last = self.get_prev_partition_window(time_window.end, respect_bounds)
        if last is None:
            raise InvariantViolation("No partition exists before the end of that span of time.")
        first = self.get_partition_key_for_timestamp(time_window.start.timestamp())
        return PartitionKeyRange(first, self.get_partition_key_for_timestamp(last.start.timestamp()))

    def get_num_partitions_in_window(self, time_window: TimeWindow) -> int:
        """Return how many windows begin within a span of time."""
        return len(self.windows.between(time_window.start.timestamp(), time_window.end.timestamp()))

    def keys_between(self, first: float, end: float) -> list[str]:
        """Return the keys of the windows that begin from one instant up to but without another."""
        windows = self.windows
        return keys_of(windows, [start for start, _ in windows.between(first, end)]) if end > first else []

    @property
    def windows(self) -> Windows:
        """What the windows follow from."""
        left_out = tuple(each if isinstance(each, str) else each.timestamp() for each in self.exclusions or ())
        return Windows(self.cron_schedule, self.timezone, self.fmt, left_out)

    @property
    def extent(self) -> Extent:
        """From when to when the windows go."""
        return Extent(self.start.timestamp(), self.end.timestamp() if self.end else None, self.end_offset)

    @property
    def schedule_type(self) -> ScheduleType | None:
        """How often windows begin; None for other crons."""
        return next((kind for kind, shape in SHAPES.items() if shape.fullmatch(self.cron_schedule)), None)

    @property
    def minute_offset(self) -> int:
        """The minute of the hour at which windows begin."""
        return self._field(0, "minute")

    @property
    def hour_offset(self) -> int:
        """The hour of the day at which windows begin."""
        return self._field(1, "hour")

    @property
    def day_offset(self) -> int:
        """The day of the week (0 is Sunday) or of the month at which windows begin."""
        places = {ScheduleType.WEEKLY: 4, ScheduleType.MONTHLY: 2}
        if self.schedule_type not in places:
            raise InvariantViolation(f"Partitions of '{self.cron_schedule}' have no day offset.")
        return self._field(places[self.schedule_type], "day")

    def get_cron_schedule(
        self,
        minute_of_hour: int | None = None,
        hour_of_day: int | None = None,
        day_of_week: int | None = None,
        day_of_month: int | None = None,
    ) -> str:
        """Return a cron of the same cadence, at another minute, hour or day where one is given.

        Raises:
            InvariantViolation: the cadence has no such part.
        """
        given = {"hour_of_day": hour_of_day, "day_of_week": day_of_week, "day_of_month": day_of_month}
        if minute_of_hour is None and not any(value is not None for value in given.values()):
            return self.cron_schedule
        kind = self.schedule_type
        if kind is None:
            raise InvariantViolation(f"Partitions of '{self.cron_schedule}' cannot be scheduled at another time.")
        for name, value in given.items():
            if value is not None and name in NOT_FOR.get(kind, ()):
                raise InvariantViolation(f"{kind.value.capitalize()} partitions take no '{name}'.")
        minute = self.minute_offset if minute_of_hour is None else minute_of_hour
        hour = 0 if kind is ScheduleType.HOURLY else (self.hour_offset if hour_of_day is None else hour_of_day)
        day = day_of_week if kind is ScheduleType.WEEKLY else day_of_month
        if day is None and kind in (ScheduleType.WEEKLY, ScheduleType.MONTHLY):
            day = self.day_offset
        return cron_at(kind, minute, hour, day)

    def is_window_start_excluded(self, window_start: datetime) -> bool:
        """Whether the window that begins then is left out."""
        return self.windows.is_excluded(window_start.timestamp())

    def equal_except_for_start_or_end(self, other: TimeWindowPartitionsDefinition) -> bool:
        """Whether the two differ at most in where they begin and end."""
        return self.windows == other.windows and self.end_offset == other.end_offset

    def get_serializable_unique_identifier(self) -> str:
        """Return a text that is equal for equal definitions."""
        return hashlib.sha256(repr(self).encode()).hexdigest()

    def span_of(self, key: str) -> tuple[int, int]:
        """Return a key's window in seconds since the epoch."""
        return _span_of_key(self.windows, key)

    def window(self, start: float, end: float) -> TimeWindow:
        """Return a window of these instants, in the definition's zone."""
        zone = self.windows.zone
        return TimeWindow(datetime.fromtimestamp(start, zone), datetime.fromtimestamp(end, zone))

    def _table(self, current_time: datetime | None = None) -> tuple[Table, int]:
        now = present(current_time)
        if now.tzinfo is None:
            now = now.replace(tzinfo=self.windows.zone)
        return table_at(self.windows, self.extent, now.timestamp())

    def _field(self, place: int, name: str) -> int:
        field = self.cron_schedule.split()[place] if " " in self.cron_schedule else ""
        if not field.isdigit():
            raise InvariantViolation(f"Partitions of '{self.cron_schedule}' have no {name} offset.")
        return int(field)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, TimeWindowPartitionsDefinition) and self._fields() == other._fields()

    def __hash__(self) -> int:
        return hash(self._fields())

    def __str__(self) -> str:
        kind = self.schedule_type.value.capitalize() if self.schedule_type else self.cron_schedule
        shown = f"{kind}, starting {self.windows.key_of(self.start.timestamp())} {self.timezone}."
        many = "" if self.end_offset == 1 else "s"
        return f"{shown} End offsetted by {self.end_offset} partition{many}." if self.end_offset else shown

    def __repr__(self) -> str:
        end = self.end.timestamp() if self.end else None
        shown = (
            f"TimeWindowPartitionsDefinition(start={self.start.timestamp()}, end={end}, timezone='{self.timezone}', "
            f"fmt='{self.fmt}', end_offset={self.end_offset}, cron_schedule='{self.cron_schedule}')"
        )
        return f"{shown}, exclusions={list(self.exclusions)}" if self.exclusions else shown

    def __reduce__(self) -> Any:
        return _restored, (type(self), self._fields())


@lru_cache(maxsize=20_000)
def _span_of_key(windows: Windows, key: str) -> tuple[int, int]:
    return windows.after(windows.instant_of(key))[0]


def _restored(kind: type[TimeWindowPartitionsDefinition], fields: tuple[Any, ...]) -> TimeWindowPartitionsDefinition:
    made = object.__new__(kind)
    made._set(**dict(zip(kind._names(), fields, strict=True)))
    return made


def _moment(given: Any, windows: Windows, what: str) -> datetime:
    if isinstance(given, str):
        try:
            return datetime.fromtimestamp(windows.instant_of(given), zone_named(windows.timezone))
        except ValueError:
            raise InvalidDefinition(
                f"Time partitions cannot read their {what} '{given}'; write it as {windows.fmt}."
            ) from None
    if not isinstance(given, datetime):
        raise TypeError(f"Time partitions take their {what} as a text or a datetime, not {given!r}.")
    return datetime.fromtimestamp(given.replace(tzinfo=windows.zone).timestamp(), windows.zone)


def _exclusion(given: Any, windows: Windows) -> str | datetime:
    if isinstance(given, str):
        read_cron(given)
        return given
    return _moment(given, windows, "exclusions")


def _whole(number: Any, what: str) -> int:
    if not isinstance(number, int):
        raise TypeError(f"Time partitions take '{what}' as a whole number, not {number!r}.")
    return number
