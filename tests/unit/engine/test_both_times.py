"""Times are shown in the schedule's zone, in UTC, and as the clocks of this machine have them: each once."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import pytest

from jobkernel.clock import both_times

MOMENT = datetime(2024, 7, 1, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("machine", "zone", "shown"),
    [
        ("UTC", "UTC", "Mon 01 Jul 2024 12:00 UTC"),
        ("UTC", "Europe/Berlin", "Mon 01 Jul 2024 14:00 CEST (12:00 UTC)"),
        ("Europe/Berlin", "UTC", "Mon 01 Jul 2024 12:00 UTC (14:00 here)"),
        ("Europe/Berlin", "Europe/Berlin", "Mon 01 Jul 2024 14:00 CEST (12:00 UTC)"),
        ("Asia/Tokyo", "Europe/Berlin", "Mon 01 Jul 2024 14:00 CEST (12:00 UTC, 21:00 here)"),
        ("Asia/Tokyo", "UTC", "Mon 01 Jul 2024 12:00 UTC (21:00 here)"),
    ],
)
def test_each_clock_is_shown_once(monkeypatch: pytest.MonkeyPatch, machine: str, zone: str, shown: str) -> None:
    monkeypatch.setenv("TZ", machine)
    time.tzset()
    try:
        assert both_times(MOMENT, zone) == shown
    finally:
        monkeypatch.undo()
        time.tzset()
