"""Reads the text of one cron into the times it stands for. Knows every form that Dagster takes, and refuses in words.

Knows no zones and no dates; ``cron`` makes ticks of what is read here. A reading names the field, what was wrong in
it and what is allowed.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Final

from jobkernel.errors import InvalidDefinition, did_you_mean
from jobkernel.records import dataclass

ALIASES: Final = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}
MONTHS: Final = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
WEEKDAYS: Final = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
LONGEST_MONTHS: Final = (0, 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
LAST: Final = "L"
"""The last day of a month; after the number of a weekday, the last such day."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One of the five fields: its name, its bounds and the names that stand for numbers in it."""

    name: str
    low: int
    high: int
    names: tuple[str, ...] = ()
    names_from: int = 0
    extras: str = ""

    @property
    def allowed(self) -> str:
        """What may stand in it, in words."""
        words = f", {self.names[0]}-{self.names[-1]}" if self.names else ""
        return f"allowed are {self.low}-{self.high}{words}, *, lists (1,3), ranges (1-5), steps (*/2){self.extras}"


MINUTE: Final = Field(name="minute", low=0, high=59)
HOUR: Final = Field(name="hour", low=0, high=23)
DAY: Final = Field(name="day of month", low=1, high=31, extras=", L (the last day) and ?")
MONTH: Final = Field(name="month", low=1, high=12, names=MONTHS, names_from=1)
WEEKDAY: Final = Field(
    name="day of week",
    low=0,
    high=7,
    names=WEEKDAYS,
    extras=", 5#2 (the second Friday), L5 (the last Friday) and ?",
)
FIELDS: Final = (MINUTE, HOUR, DAY, MONTH, WEEKDAY)

Entry = int | str
"""A number; ``L`` among days of the month; ``5#2`` and ``5L`` among days of the week."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cron:
    """One cron as it was typed, and what it says. Equal crons are those that say the same.

    ``spec`` is the same in a plain form: aliases, names and steps written out. ``days`` and ``weekdays`` are None where
    any day will do; where both are given, either one will do. ``complaints`` are sentences on what is allowed and
    hardly meant.
    """

    text: str
    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: tuple[Entry, ...] | None
    months: tuple[int, ...]
    weekdays: tuple[Entry, ...] | None
    spec: str
    complaints: tuple[str, ...] = ()

    def __eq__(self, other: object) -> bool:
        return self.spec == other.spec if isinstance(other, Cron) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.spec)

    @property
    def is_every_hour(self) -> bool:
        """Whether it goes by the hour: it fires in every hour there is, also in both of a repeated one."""
        return len(self.hours) == 24


@lru_cache(maxsize=4096)
def read_cron(text: str) -> Cron:
    """Return what one cron says.

    Raises:
        InvalidDefinition: it is no cron, or one that never fires.
    """
    fields = _five_fields(text)
    minutes, hours = _numbers(MINUTE, fields[0], text), _numbers(HOUR, fields[1], text)
    days = _read_days(DAY, fields[2], text)
    months = _numbers(MONTH, fields[3], text)
    weekdays = _read_days(WEEKDAY, fields[4], text)
    if weekdays is None and days is not None:
        _refuse_never(text, days, months)
    return Cron(
        text=text,
        minutes=minutes,
        hours=hours,
        days=days,
        months=months,
        weekdays=weekdays,
        spec=" ".join(
            [_written(minutes, 60), _written(hours, 24), _written(days), _written(months, 12), _written(weekdays)]
        ),
        complaints=tuple(_complaints(text, fields)),
    )


def _five_fields(text: str) -> list[str]:
    given = text.strip().upper()
    if given.startswith("@"):
        return _alias(text, given.lower()).split()
    fields = given.split()
    if len(fields) == 5:
        return fields
    if not fields:
        raise InvalidDefinition(
            "A cron is needed, such as '0 9 * * 1-5' (at 9:00 from Monday to Friday); got an empty text."
        )
    said = f"Cron '{text}' has {len(fields)} field{'s' if len(fields) != 1 else ''}"
    said += "; a cron has five: minute, hour, day of month, month, day of week."
    if len(fields) == 6:
        said += f" Seconds are not supported: without them it is '{' '.join(text.split()[1:])}'."
    raise InvalidDefinition(said)


def _alias(text: str, alias: str) -> str:
    if alias in ALIASES:
        return ALIASES[alias]
    if alias == "@reboot":
        raise InvalidDefinition(
            "Cron '@reboot' names no time; a schedule fires at times, such as '@daily' or '0 9 * * *'."
        )
    known = ", ".join(ALIASES)
    raise InvalidDefinition(f"Cron '{text}' is none of {known}.{did_you_mean(alias, ALIASES)}")


def _numbers(field: Field, text: str, cron: str) -> tuple[int, ...]:
    if "?" in text:
        raise _wrong(field, cron, "'?' may stand in the two day fields only")
    found: set[int] = set()
    for term in text.split(","):
        found.update(_term(field, term, cron))
    return tuple(sorted(found))


def _read_days(field: Field, text: str, cron: str) -> tuple[Entry, ...] | None:
    """Return the days that one of the two day fields names, or None for any."""
    if text == "?":
        return None
    terms = text.split(",")
    if "*" in terms:
        return None
    found: set[Entry] = set()
    for term in terms:
        found.update(_days_of_month(term, cron) if field is DAY else _days_of_week(term, cron))
    return tuple(sorted(found, key=str))


def _days_of_month(term: str, cron: str) -> Iterable[Entry]:
    if term == LAST:
        return (LAST,)
    first, dash, end = term.partition("-")
    if dash and (end == LAST or end.startswith("L/")):
        term = f"{first}-31{end[1:]}"
    elif dash and first == LAST:
        raise _wrong(DAY, cron, f"'{term}' begins with L; no day is counted back from the last one")
    return _term(DAY, term, cron)


def _days_of_week(term: str, cron: str) -> Iterable[Entry]:
    base, hash_sign, nth = term.partition("#")
    if hash_sign:
        if nth not in ("1", "2", "3", "4", "5"):
            raise _wrong(WEEKDAY, cron, f"'{term}' names no week of a month: after # stands a number from 1 to 5")
        return [f"{day}#{nth}" for day in _term(WEEKDAY, base, cron)]
    if term.startswith(LAST) or (term.endswith(LAST) and term[:-1].isdigit()):
        day = term[1:] if term.startswith(LAST) else term[:-1]
        if not day:
            raise _wrong(WEEKDAY, cron, "'L' alone names no day: write L5 for the last Friday")
        return [f"{_value(WEEKDAY, day, cron) % 7}L"]
    return _term(WEEKDAY, term, cron)


def _term(field: Field, term: str, cron: str) -> list[int]:
    """Return the numbers of one entry: a star, a number or name, or a range, each with or without a step."""
    base, slash, step = term.partition("/")
    if not base:
        raise _wrong(
            field, cron, f"'{term}' has nothing before the step" if slash else "an entry between commas is empty"
        )
    return _span(field, base, cron, is_stepped=bool(slash))[:: _step(field, term, step, cron) if slash else 1]


def _step(field: Field, term: str, step: str, cron: str) -> int:
    if not _is_number(step) or int(step) == 0:
        raise _wrong(field, cron, f"the step of '{term}' is no whole number from 1")
    return int(step)


def _span(field: Field, base: str, cron: str, *, is_stepped: bool) -> list[int]:
    top = 6 if field is WEEKDAY else field.high
    if base == "*":
        return list(range(field.low, top + 1))
    first, dash, last = base.partition("-")
    begin = _value(field, first, cron)
    if dash:
        return _range(field, base, cron, begin, _value(field, last, cron))
    if field is WEEKDAY:
        begin %= 7
    return list(range(begin, top + 1)) if is_stepped else [begin]


def _range(field: Field, base: str, cron: str, begin: int, end: int) -> list[int]:
    if begin == end:
        raise _wrong(field, cron, f"the range '{base}' begins and ends with the same: write {base.partition('-')[0]}")
    if field is WEEKDAY:  # a week goes round: FRI-MON, and Sunday ends it as well as begins it
        return [day % 7 for day in range(begin, end + 1 if begin < end else end + 8)]
    if begin > end:
        meant = f"{end}-{begin}, or {begin}-{field.high},{field.low}-{end} to go round"
        raise _wrong(field, cron, f"the range '{base}' runs backwards: write {meant}")
    return list(range(begin, end + 1))


def _value(field: Field, word: str, cron: str) -> int:
    if _is_number(word):
        if not field.low <= int(word) <= field.high:
            raise _wrong(field, cron, f"'{word}' is out of range")
        return int(word)
    if word in field.names:
        return field.names.index(word) + field.names_from
    if not word:
        raise _wrong(field, cron, "a number is missing")
    raise _wrong(field, cron, f"'{word}' cannot be read", did_you_mean(word, field.names))


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit()


def _wrong(field: Field, cron: str, what: str, hint: str = "") -> InvalidDefinition:
    return InvalidDefinition(f"Cron '{cron}', {field.name}: {what}; {field.allowed}.{hint}")


def _refuse_never(text: str, days: tuple[Entry, ...], months: tuple[int, ...]) -> None:
    longest = max(LONGEST_MONTHS[month] for month in months)
    first = min((day for day in days if isinstance(day, int)), default=0)
    if LAST not in days and first > longest:
        import calendar  # needed for its names alone

        named = ", ".join(calendar.month_name[month] for month in months)
        raise InvalidDefinition(
            f"Cron '{text}' never fires: day of month {first} with month {named}, which has at most {longest} days;"
            " write L for the last day of a month."
        )


def _complaints(text: str, fields: list[str]) -> Iterable[str]:
    for field, given in zip(FIELDS, fields, strict=True):
        for term in given.split(","):
            base, _, step = term.partition("/")
            if step and int(step) > field.high:
                yield (
                    f"Cron '{text}', {field.name}: the step of '{term}' goes beyond {field.high}, so only the first of"
                    f" '{base}' is left; a step counts within one field and begins anew with the next one."
                )


def _written(entries: tuple[Entry, ...] | None, how_many: int = 0) -> str:
    return "*" if entries is None or len(entries) == how_many else ",".join(map(str, entries))
