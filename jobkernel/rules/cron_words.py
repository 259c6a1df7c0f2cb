"""Says crons in words, for echoes and the screen: "At 09:00, Monday through Friday". Names no zone; the caller does."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from jobkernel.rules.cron import Crons
from jobkernel.rules.cron_fields import LAST, Cron, Entry

Entries = tuple[Entry, ...] | None


def in_words(crons: Crons | Cron) -> str:
    """Return what one cron or several say, in English and by the 24-hour clock."""
    if isinstance(crons, Cron):
        return _said(crons)
    return _joined(list(dict.fromkeys(map(_said, crons.crons))))


@lru_cache(maxsize=4096)
def _said(cron: Cron) -> str:
    from cron_descriptor import ExpressionDescriptor, Options  # loaded when a schedule is first shown

    options = Options()
    options.use_24hour_time_format = True
    return _joined([ExpressionDescriptor(text, options).get_full_description() for text in _plainest(cron)])


def _joined(sentences: Sequence[str]) -> str:
    return "; ".join([sentences[0], *(words[:1].lower() + words[1:] for words in sentences[1:])])


def _plainest(cron: Cron) -> list[str]:
    """Return crons that together say the same and read best: steps where they are even, ranges rather than lists."""
    minutes, hours = _even(cron.minutes, 60, fewest=2), _even(cron.hours, 24, fewest=4)
    months = _ranged(cron.months, cron.spec.split()[3])
    return [
        f"{minutes} {hours} {_days(days)} {months} {_days(weekdays)}"
        for days, weekdays in _kinds_of_days(cron.days, cron.weekdays)
    ]


def _kinds_of_days(days: Entries, weekdays: Entries) -> list[tuple[Entries, Entries]]:
    """Return days and weekdays, those apart that no list can say: the last day, the second Friday."""
    special = [each for each in (*(days or ()), *(weekdays or ())) if isinstance(each, str)]
    if not special or len(days or ()) + len(weekdays or ()) == 1:
        return [(days, weekdays)]
    plain_days, plain_weekdays = (
        tuple(each for each in entries or () if isinstance(each, int)) or None for entries in (days, weekdays)
    )
    plain = [(plain_days, plain_weekdays)] if plain_days or plain_weekdays else []
    return plain + [((each,), None) if each == LAST else (None, (each,)) for each in special]


def _days(entries: Entries) -> str:
    return "6-7" if entries == (0, 6) else _ranged(entries, "*" if entries is None else ",".join(map(str, entries)))


def _even(numbers: tuple[int, ...], whole: int, *, fewest: int) -> str:
    """Return a star, a step, a range or a list, whichever is the first to say the same."""
    step = whole // len(numbers)
    if numbers == tuple(range(0, whole, step)) and len(numbers) >= fewest:
        return "*" if step == 1 else f"*/{step}"
    return _ranged(numbers, ",".join(map(str, numbers)))


def _ranged(entries: Sequence[int | str] | None, written: str) -> str:
    if not entries or written == "*" or len(entries) < 3:
        return written
    numbers = sorted(entry for entry in entries if isinstance(entry, int))
    in_a_row = numbers == list(range(numbers[0], numbers[-1] + 1)) if numbers else False
    return f"{numbers[0]}-{numbers[-1]}" if in_a_row and len(numbers) == len(entries) else written
