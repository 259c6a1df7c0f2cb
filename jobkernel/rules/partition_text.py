"""Partitions as people type them: a definition after ``--partitions``, keys after ``--partition``. Pure.

Definitions: ``daily:2024-01-01``, ``hourly:…``, ``weekly:…``, ``monthly:…``, ``cron:"0 9 * * 1":2024-01-01`` (each
with ``..LAST`` and ``@ZONE`` where wanted), ``static:a,b``, ``dynamic:NAME``; of two dimensions
``date=daily:2024-01-01;region=static:eu,us``. Keys: ``KEY``, ``A,B``, ``FIRST..LAST``, one of the words
``latest all missing failed stale``, or of two dimensions ``date=FIRST..LAST;region=eu``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from itertools import product
from typing import Final

from jobkernel.errors import InvalidDefinition, InvariantViolation, UnknownName, did_you_mean, nearest
from jobkernel.model.partition_keys import MultiPartitionKey
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
WORDS: Final = ("latest", "all", "missing", "failed", "stale")
"""What says partitions without naming any."""
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
    of: str = "",
) -> list[str]:
    """Return the keys that a text says, in order, each once. ``made`` and the others are asked where they are needed.

    ``of`` names what is made, for the sentence that nothing of it is missing.

    Raises:
        UnknownName: a key does not exist; the sentence names the nearest, the first and the last.
        InvariantViolation: the text says no key at all.
    """
    found = list(dict.fromkeys(_keys(text.strip(), definition, made, {"failed": failed, "stale": stale})))
    if not found:
        raise InvariantViolation(_nothing(text.strip(), definition, of))
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
    if isinstance(definition, MultiPartitionsDefinition) and "=" in text and "|" not in text:
        return _of_dimensions(text, definition)
    return [key for part in _words(text) for key in _one_or_range(part, definition)]


def _of_dimensions(text: str, definition: MultiPartitionsDefinition) -> Iterable[str]:
    """Give the keys of ``date=2024-01-01..2024-01-31;region=eu``; a dimension that is not named has all of its keys."""
    said: dict[str, list[str]] = {}
    for part in (part for part in text.split(";") if part.strip()):
        name, _, rest = part.partition("=")
        dimension = definition.get_partitions_def_for_dimension(name.strip())
        if rest.strip() in ("missing", "failed", "stale"):
            raise InvariantViolation(
                f"'{part.strip()}': {rest.strip()} is said of whole keys; leave out {name.strip()}=."
            )
        said.setdefault(name.strip(), []).extend(read_keys(rest, dimension))
    names = definition.partition_dimension_names
    keys = (said.get(each.name) or each.partitions_def.get_partition_keys() for each in definition.partitions_defs)
    return [MultiPartitionKey(dict(zip(names, pair, strict=True))) for pair in product(*keys)]


def _one_or_range(part: str, definition: PartitionsDefinition) -> Iterable[str]:
    if ".." not in part or definition.has_partition_key(part):
        return [_one(part, definition)]
    ends = _ends(part, definition)
    if not all(ends) or ends[1].startswith("."):
        raise UnknownName(f"'{part}' is no range of partitions; write it as FIRST..LAST.")
    return keys_of_range(PartitionKeyRange(*ends), definition)


def _ends(part: str, definition: PartitionsDefinition) -> tuple[str, str]:
    """Return the two ends of a range; keys may hold two dots themselves."""
    places = [found.start() for found in re.finditer(r"(?=\.\.)", part)]
    ends = [(part[:place].strip(), part[place + 2 :].strip()) for place in places]
    exist = (each for each in ends if all(end and definition.has_partition_key(end) for end in each))
    return next(exist, ends[0])


def _one(key: str, definition: PartitionsDefinition) -> str:
    if definition.has_partition_key(key):
        return checked_key(key, definition)
    if isinstance(definition, MultiPartitionsDefinition):
        for name, dimension in definition.partitions_defs:
            if dimension.has_partition_key(key):
                raise UnknownName(
                    f"'{key}' is a key of the dimension '{name}'; write {name}={key} for all that have it."
                )
    word = nearest(key, WORDS)
    if word is not None and nearest(key, definition.get_partition_keys()) is None:
        raise UnknownName(f"No partition '{key}' exists. Did you mean {word}?")
    return checked_key(key, definition)


def _nothing(text: str, definition: PartitionsDefinition, of: str) -> str:
    whose = f" of {of}" if of else ""
    if not definition.get_partition_keys():
        return f"No partition{whose} exists yet.{_how_to_add(definition)}"
    said = {"missing": "is missing", "failed": "failed", "stale": "is stale"}
    if text in said:
        return f"No partition{whose} {said[text]}."
    return f"'{text}' says no partition; write KEY, A,B, FIRST..LAST, {', '.join(WORDS[:-1])} or {WORDS[-1]}."


def _how_to_add(definition: PartitionsDefinition) -> str:
    if not isinstance(definition, DynamicPartitionsDefinition) or definition.name is None:
        return ""
    return f" DagsterInstance.get().add_dynamic_partitions('{definition.name}', […]) adds some."


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
    found = (_CRON if kind == "cron" else _TIMED).fullmatch(rest.strip())
    if found is None:
        form = "cron:'0 9 * * 1':2024-01-01" if kind == "cron" else f"{kind}:2024-01-01"
        raise InvalidDefinition(f"'{text}' says no partitions; write the first day as {form}.")
    said = found.groupdict()
    if kind == "cron":
        said["cron"] = said["cron"].strip().strip("'\"")
    start = said["start"] + ("-00:00" if kind == "hourly" and len(said["start"]) == len("2024-01-01") else "")
    last = said["last"]
    endless = _windows(kind, said, start, None)
    return endless if last is None else _windows(kind, said, start, _end(endless, last, text))


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
    if window.start < definition.start:
        raise InvalidDefinition(f"'{text}' ends before it starts; write the first day and then the last.")
    return window.end.strftime(definition.fmt)


def _words(text: str) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()]
