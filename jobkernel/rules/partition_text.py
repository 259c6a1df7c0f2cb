"""Partitions as people type them: a definition after ``--partitions``, keys after ``--partition``. Pure.

Definitions: ``daily:2024-01-01``, ``hourly:…``, ``weekly:…``, ``monthly:…``, ``cron:"0 9 * * 1":2024-01-01`` (each
with ``..LAST`` and ``@ZONE`` where wanted), ``static:a,b``, ``dynamic:NAME``; of two dimensions
``date=daily:2024-01-01;region=static:eu,us``. Keys: ``KEY``, ``A,B``, ``FIRST..LAST``, or one of the words
``latest all missing failed stale``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Final

from jobkernel.errors import InvalidDefinition, InvariantViolation, UnknownName, did_you_mean
from jobkernel.model.partition_range import PartitionKeyRange
from jobkernel.model.partitions import DynamicPartitionsDefinition, PartitionsDefinition, StaticPartitionsDefinition
from jobkernel.rules.partition_calendar import (
    DailyPartitionsDefinition,
    HourlyPartitionsDefinition,
    MonthlyPartitionsDefinition,
    WeeklyPartitionsDefinition,
)
from jobkernel.rules.partition_multi import MultiPartitionsDefinition
from jobkernel.rules.partition_run import checked_key, keys_of_range
from jobkernel.rules.partition_table import DAY_FORMAT, HOUR_FORMAT
from jobkernel.rules.partition_windows import TimeWindowPartitionsDefinition

_BY_TIME: Final[Mapping[str, Callable[..., TimeWindowPartitionsDefinition]]] = {
    "hourly": HourlyPartitionsDefinition,
    "daily": DailyPartitionsDefinition,
    "weekly": WeeklyPartitionsDefinition,
    "monthly": MonthlyPartitionsDefinition,
}
KINDS: Final = (*_BY_TIME, "cron", "static", "dynamic")
"""The words with which a definition begins."""
FORMS: Final = (
    "daily:2024-01-01, hourly:…, weekly:…, monthly:…, cron:'0 9 * * 1':2024-01-01, static:a,b or dynamic:NAME"
)
_START: Final = r"(?P<start>\d{4}-\d\d-\d\d(?:-\d\d:\d\d)?)(?:\.\.(?P<last>[^@]+))?(?:@(?P<zone>\S+))?"
_TIMED: Final = re.compile(_START)
_CRON: Final = re.compile(rf"(?P<cron>.+?):{_START}")


def read_partitions(text: str) -> PartitionsDefinition:
    """Return the definition that a text says.

    Raises:
        InvalidDefinition: it says none; the sentence names what may be said.
    """
    if re.match(r"\s*\w+\s*=", text):
        return _read_dimensions(text)
    kind, colon, rest = text.strip().partition(":")
    if kind not in KINDS or not colon or not rest:
        guess = "" if kind in KINDS else did_you_mean(kind, KINDS)
        raise InvalidDefinition(f"'{text}' says no partitions.{guess} Write {FORMS}.")
    if kind == "static":
        return StaticPartitionsDefinition(_words(rest))
    if kind == "dynamic":
        return DynamicPartitionsDefinition(name=rest)
    return _read_windows(kind, rest, text)


def read_keys(
    text: str,
    definition: PartitionsDefinition,
    *,
    made: Callable[[], Collection[str]] = tuple,
    failed: Callable[[], Collection[str]] = tuple,
    stale: Callable[[], Collection[str]] = tuple,
) -> list[str]:
    """Return the keys that a text says, in order, each once. ``made`` and the others are asked where they are needed.

    Raises:
        UnknownName: a key does not exist; the sentence names the nearest, the first and the last.
        InvariantViolation: the text says no key at all.
    """
    found = list(dict.fromkeys(_keys(text.strip(), definition, made, {"failed": failed, "stale": stale})))
    if not found:
        raise InvariantViolation(_nothing(text.strip(), definition))
    return found


def _keys(
    text: str,
    definition: PartitionsDefinition,
    made: Callable[[], Collection[str]],
    asked: Mapping[str, Callable[[], Collection[str]]],
) -> Iterable[str]:
    if text and definition.has_partition_key(text):
        return [checked_key(text, definition)]
    if text == "latest":
        last = definition.get_last_partition_key()
        return [last] if last is not None else []
    if text in ("all", "missing"):
        done = set(made()) if text == "missing" else set()
        return [key for key in definition.get_partition_keys() if key not in done]
    if text in asked:
        among = set(asked[text]())
        return [key for key in definition.get_partition_keys() if key in among]
    return [key for part in _words(text) for key in _one_or_range(part, definition)]


def _one_or_range(part: str, definition: PartitionsDefinition) -> Iterable[str]:
    first, dots, last = part.partition("..")
    if not dots or definition.has_partition_key(part):
        return [checked_key(part, definition)]
    if not first.strip() or not last.strip() or last.startswith("."):
        raise UnknownName(f"'{part}' is no range of partitions; write it as FIRST..LAST.")
    return keys_of_range(PartitionKeyRange(first.strip(), last.strip()), definition)


def _nothing(text: str, definition: PartitionsDefinition) -> str:
    if not definition.get_partition_keys():
        return "No partition exists yet."
    said = {"missing": "No partition is missing.", "failed": "No partition failed.", "stale": "No partition is stale."}
    words = "KEY, A,B, FIRST..LAST, latest, all, missing, failed or stale"
    return said.get(text, f"'{text}' says no partition; write {words}.")


def _read_dimensions(text: str) -> MultiPartitionsDefinition:
    parts = [part for part in text.split(";") if part.strip()]
    found: dict[str, PartitionsDefinition] = {}
    for part in parts:
        name, _, rest = part.partition("=")
        if name.strip() in found:
            raise InvalidDefinition(f"'{text}' names the dimension '{name.strip()}' twice.")
        found[name.strip()] = read_partitions(rest)
    if len(found) != 2:
        raise InvalidDefinition(
            f"'{text}' has {len(found)} dimensions and needs two: date=daily:2024-01-01;region=static:eu,us."
        )
    return MultiPartitionsDefinition(found)


def _read_windows(kind: str, rest: str, text: str) -> TimeWindowPartitionsDefinition:
    said = (_CRON if kind == "cron" else _TIMED).fullmatch(rest.strip())
    if said is None:
        form = "cron:'0 9 * * 1':2024-01-01" if kind == "cron" else f"{kind}:2024-01-01"
        raise InvalidDefinition(f"'{text}' says no partitions; write the first day as {form}.")
    start = said["start"] + ("-00:00" if kind == "hourly" and len(said["start"]) == len("2024-01-01") else "")
    last = said["last"]
    endless = _windows(kind, said.groupdict(), start, None)
    return endless if last is None else _windows(kind, said.groupdict(), start, _end(endless, last, text))


def _windows(kind: str, said: Mapping[str, str | None], start: str, end: str | None) -> TimeWindowPartitionsDefinition:
    zone = said["zone"]
    if kind != "cron":
        return _BY_TIME[kind](start, end, timezone=zone)
    fmt = DAY_FORMAT if len(start) == len("2024-01-01") and _is_of_days(str(said["cron"])) else HOUR_FORMAT
    begins = start if fmt == DAY_FORMAT or len(start) > len("2024-01-01") else f"{start}-00:00"
    return TimeWindowPartitionsDefinition(begins, fmt, end, timezone=zone, cron_schedule=str(said["cron"]))


def _is_of_days(cron: str) -> bool:
    """Whether a cron comes at most once a day, so that the day alone is a key."""
    fields = cron.split()
    return cron in ("@daily", "@weekly", "@monthly", "@yearly") or all(field.isdigit() for field in fields[:2])


def _end(definition: TimeWindowPartitionsDefinition, last: str, text: str) -> str:
    """Return the end after which no partition begins, so that ``last`` is the last one."""
    try:
        window = definition.time_window_for_partition_key(last.strip())
    except ValueError:
        raise InvalidDefinition(f"'{text}' ends with '{last}'; write the last partition as a key.") from None
    return window.end.strftime(definition.fmt)


def _words(text: str) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()]
