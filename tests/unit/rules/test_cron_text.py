"""Every form of a cron that Dagster takes is read; what is wrong is refused in a sentence that says where and what."""

from __future__ import annotations

import pytest

from jobkernel.errors import InvalidDefinition
from jobkernel.rules.cron import read_crons
from jobkernel.rules.cron_fields import read_cron


@pytest.mark.parametrize(
    ("text", "spec"),
    [
        ("@hourly", "0 * * * *"),
        ("@daily", "0 0 * * *"),
        ("@midnight", "0 0 * * *"),
        ("@weekly", "0 0 * * 0"),
        ("@monthly", "0 0 1 * *"),
        ("@yearly", "0 0 1 1 *"),
        ("@Annually", "0 0 1 1 *"),
        ("  5  4 * * * ", "5 4 * * *"),
        ("*/20 */8 * * *", "0,20,40 0,8,16 * * *"),
        ("10/25 9-11 * * *", "10,35 9,10,11 * * *"),
        ("0-59 0-23 * 1-12 *", "* * * * *"),
        ("5,35,5 1 * * *", "5,35 1 * * *"),
        ("0 0 * JAN,mar-May *", "0 0 * 1,3,4,5 *"),
        ("0 0 * * MON-FRI", "0 0 * * 1,2,3,4,5"),
        ("0 0 * * 7", "0 0 * * 0"),
        ("0 0 * * 6-7", "0 0 * * 0,6"),
        ("0 0 * * SAT-SUN", "0 0 * * 0,6"),
        ("0 0 * * FRI-MON", "0 0 * * 0,1,5,6"),
        ("0 0 * * 1-7/2", "0 0 * * 0,1,3,5"),
        ("0 0 * * 0-7", "0 0 * * 0,1,2,3,4,5,6"),
        ("0 0 * * 1/2", "0 0 * * 1,3,5"),
        ("0 0 ? * MON", "0 0 * * 1"),
        ("0 0 1 * ?", "0 0 1 * *"),
        ("0 0 L * *", "0 0 L * *"),
        ("0 0 15,L * *", "0 0 15,L * *"),
        ("0 0 29-L * *", "0 0 29,30,31 * *"),
        ("0 0 1-L/10 * *", "0 0 1,11,21,31 * *"),
        ("0 0 * * 5#2", "0 0 * * 5#2"),
        ("0 0 * * FRI#2,MON#1", "0 0 * * 1#1,5#2"),
        ("0 0 * * 1-2#3", "0 0 * * 1#3,2#3"),
        ("0 0 * * L5", "0 0 * * 5L"),
        ("0 0 * * 5L", "0 0 * * 5L"),
        ("0 0 * * l7", "0 0 * * 0L"),
    ],
)
def test_a_form_is_read(text: str, spec: str) -> None:
    assert read_cron(text).spec == spec


NUMBERS = "*, lists (1,3), ranges (1-5), steps (*/2)"
DAYS = f"allowed are 1-31, {NUMBERS}, L (the last day) and ?."
WEEKDAYS = f"allowed are 0-7, SUN-SAT, {NUMBERS}, 5#2 (the second Friday), L5 (the last Friday) and ?."
EXAMPLE = "'0 9 * * 1-5' (at 9:00 from Monday to Friday)"
FIVE = "a cron has five: minute, hour, day of month, month, day of week."
REFUSALS = [
    ("", f"A cron is needed, such as {EXAMPLE}; got an empty text."),
    ("0 0 * *", f"Cron '0 0 * *' has 4 fields; {FIVE}"),
    ("daily", f"Cron 'daily' has 1 field; {FIVE}"),
    (
        "0 0 9 * * 1-5",
        f"Cron '0 0 9 * * 1-5' has 6 fields; {FIVE} Seconds are not supported: without them it is '0 9 * * 1-5'.",
    ),
    ("@reboot", "Cron '@reboot' names no time; a schedule fires at times, such as '@daily' or '0 9 * * *'."),
    (
        "@dayly",
        "Cron '@dayly' is none of @hourly, @daily, @midnight, @weekly, @monthly, @yearly, @annually."
        " Did you mean '@daily'?",
    ),
    ("60 * * * *", f"Cron '60 * * * *', minute: '60' is out of range; allowed are 0-59, {NUMBERS}."),
    ("* 24 * * *", f"Cron '* 24 * * *', hour: '24' is out of range; allowed are 0-23, {NUMBERS}."),
    ("0 0 0 * *", f"Cron '0 0 0 * *', day of month: '0' is out of range; {DAYS}"),
    ("0 0 32 1 *", f"Cron '0 0 32 1 *', day of month: '32' is out of range; {DAYS}"),
    ("a b c d e", f"Cron 'a b c d e', minute: 'A' cannot be read; allowed are 0-59, {NUMBERS}."),
    (
        "0 0 L-3 * *",
        f"Cron '0 0 L-3 * *', day of month: 'L-3' begins with L; no day is counted back from the last one; {DAYS}",
    ),
    ("0 0 W * *", f"Cron '0 0 W * *', day of month: 'W' cannot be read; {DAYS}"),
    ("0 0 * 13 *", f"Cron '0 0 * 13 *', month: '13' is out of range; allowed are 1-12, JAN-DEC, {NUMBERS}."),
    (
        "0 0 * FEBR *",
        f"Cron '0 0 * FEBR *', month: 'FEBR' cannot be read; allowed are 1-12, JAN-DEC, {NUMBERS}. Did you mean 'FEB'?",
    ),
    ("0 0 * * 8", f"Cron '0 0 * * 8', day of week: '8' is out of range; {WEEKDAYS}"),
    ("0 0 * * MOM", f"Cron '0 0 * * MOM', day of week: 'MOM' cannot be read; {WEEKDAYS} Did you mean 'MON'?"),
    (
        "0 0 * * 5#6",
        "Cron '0 0 * * 5#6', day of week: '5#6' names no week of a month: after # stands a number from 1 to 5;"
        f" {WEEKDAYS}",
    ),
    ("0 0 * * L", f"Cron '0 0 * * L', day of week: 'L' alone names no day: write L5 for the last Friday; {WEEKDAYS}"),
    ("H * * * *", f"Cron 'H * * * *', minute: 'H' cannot be read; allowed are 0-59, {NUMBERS}."),
    ("? * * * *", f"Cron '? * * * *', minute: '?' may stand in the two day fields only; allowed are 0-59, {NUMBERS}."),
    (
        "5-1 * * * *",
        "Cron '5-1 * * * *', minute: the range '5-1' runs backwards: write 1-5, or 5-59,0-1 to go round;"
        f" allowed are 0-59, {NUMBERS}.",
    ),
    (
        "0 5-5 * * *",
        "Cron '0 5-5 * * *', hour: the range '5-5' begins and ends with the same: write 5;"
        f" allowed are 0-23, {NUMBERS}.",
    ),
    (
        "*/0 * * * *",
        f"Cron '*/0 * * * *', minute: the step of '*/0' is no whole number from 1; allowed are 0-59, {NUMBERS}.",
    ),
    (
        "5/ * * * *",
        f"Cron '5/ * * * *', minute: the step of '5/' is no whole number from 1; allowed are 0-59, {NUMBERS}.",
    ),
    ("/5 * * * *", f"Cron '/5 * * * *', minute: '/5' has nothing before the step; allowed are 0-59, {NUMBERS}."),
    ("1,,2 * * * *", f"Cron '1,,2 * * * *', minute: an entry between commas is empty; allowed are 0-59, {NUMBERS}."),
    ("-5 * * * *", f"Cron '-5 * * * *', minute: a number is missing; allowed are 0-59, {NUMBERS}."),
    (
        "0 0 31 4 *",
        "Cron '0 0 31 4 *' never fires: day of month 31 with month April, which has at most 30 days;"
        " write L for the last day of a month.",
    ),
    (
        "0 0 30,31 2 *",
        "Cron '0 0 30,31 2 *' never fires: day of month 30 with month February, which has at most 29 days;"
        " write L for the last day of a month.",
    ),
]


@pytest.mark.parametrize(("text", "sentence"), REFUSALS, ids=[text or "empty" for text, _ in REFUSALS])
def test_what_is_wrong_is_said(text: str, sentence: str) -> None:
    with pytest.raises(InvalidDefinition) as refused:
        read_crons(text)

    assert str(refused.value) == sentence


@pytest.mark.parametrize("text", ["0 0 29 2 *", "0 0 31 4,5 *", "0 0 31 4 MON", "0 0 L 2 *", "0 0 31,L 4 *"])
def test_a_cron_that_fires_now_and_then_is_taken(text: str) -> None:
    assert read_crons(text).texts == (text,)


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ([], "A schedule needs at least one cron, such as '0 9 * * 1-5'; got an empty list."),
        (5, "A cron is a text such as '0 9 * * 1-5', or a list of such texts; got 5."),
        (["@daily", None], "A cron is a text such as '0 9 * * 1-5', or a list of such texts; got ['@daily', None]."),
    ],
    ids=str,
)
def test_what_is_no_cron_at_all_is_refused(given: object, sentence: str) -> None:
    with pytest.raises(InvalidDefinition) as refused:
        read_crons(given)  # type: ignore[arg-type]

    assert str(refused.value) == sentence


@pytest.mark.parametrize(
    ("zone", "hint"),
    [
        ("Berlin", " Did you mean 'Europe/Berlin'?"),
        ("europe/berlin", " Did you mean 'Europe/Berlin'?"),
        ("Europe/Berln", " Did you mean 'Europe/Berlin'?"),
        ("../etc/passwd", ""),
        ("/etc/passwd", ""),
        ("", ""),
    ],
)
def test_an_unknown_zone_is_refused_with_the_nearest(zone: str, hint: str) -> None:
    with pytest.raises(InvalidDefinition) as refused:
        read_crons("@daily", zone)

    said = f"Time zone '{zone}' is not known; give an IANA name such as 'Europe/Berlin' or 'UTC'."
    assert str(refused.value) == said + hint


def test_a_folder_of_zones_is_no_zone() -> None:
    with pytest.raises(InvalidDefinition, match="Time zone 'America' is not known; give an IANA name"):
        read_crons("@daily", "America")


def test_a_step_beyond_its_field_is_complained_of() -> None:
    assert read_crons(["*/90 * * * *", "*/15 * * * *"]).complaints == (
        "Cron '*/90 * * * *', minute: the step of '*/90' goes beyond 59, so only the first of '*' is left; a step"
        " counts within one field and begins anew with the next one.",
    )


def test_crons_are_equal_that_say_the_same_in_the_same_zone() -> None:
    weekend = read_crons(["0 0 * * 6-7", "@daily"], "Europe/Berlin")

    assert weekend == read_crons(["0 0 * * SAT,SUN", "0 0 * * *"], "Europe/Berlin")
    assert weekend != read_crons(["0 0 * * SAT,SUN", "0 0 * * *"], "Europe/Paris")
    assert weekend != read_crons(["0 0 * * SAT", "0 0 * * *"], "Europe/Berlin")
    assert hash(weekend.crons[0]) == hash(read_cron("0 0 * * SAT,SUN"))
