"""Crons in words, as the screen and the echo of a cell say them."""

from __future__ import annotations

import pytest

from jobkernel.rules.cron import read_crons
from jobkernel.rules.cron_fields import read_cron
from jobkernel.rules.cron_words import in_words


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("0 9 * * 1-5", "At 09:00, Monday through Friday"),
        ("0 9 * * MON,TUE,WED,THU,FRI", "At 09:00, Monday through Friday"),
        ("@daily", "At 00:00"),
        ("@hourly", "Every hour"),
        ("* * * * *", "Every minute"),
        ("*/15 * * * *", "Every 15 minutes"),
        ("*/90 * * * *", "Every hour"),
        ("*/25 * * * *", "At 0, 25, and 50 minutes past the hour"),
        ("*/30 1 * * *", "Every 30 minutes, between 01:00 and 01:59"),
        ("0 */2 * * *", "Every 2 hours"),
        ("0 0,12 * * *", "At 00:00 and 12:00"),
        ("0 0 */10 * *", "At 00:00, on day 1, 11, 21, and 31 of the month"),
        ("0 0 29-L * *", "At 00:00, between day 29 and 31 of the month"),
        ("0 0 L * *", "At 00:00, on the last day of the month"),
        ("0 0 * * 5#2", "At 00:00, on the second Friday of the month"),
        ("0 0 * * L5", "At 00:00, on the last Friday of the month"),
        ("0 0 * * SAT-SUN", "At 00:00, Saturday through Sunday"),
        ("0 0 13 * 5", "At 00:00, on day 13 of the month, or on Friday"),
        ("0 9 * 1-6 *", "At 09:00, January through June"),
        ("0 0 15,L * *", "At 00:00, on day 15 of the month; at 00:00, on the last day of the month"),
        ("0 9 * * 5,1#1", "At 09:00, only on Friday; at 09:00, on the first Monday of the month"),
    ],
)
def test_a_cron_in_words(text: str, words: str) -> None:
    assert in_words(read_cron(text)) == words


def test_several_crons_are_said_one_after_the_other_and_equal_ones_once() -> None:
    crons = read_crons(["0 9 * * *", "@daily", "0 0 * * *", "0 12 * * MON"])

    assert in_words(crons) == "At 09:00; at 00:00; at 12:00, only on Monday"
