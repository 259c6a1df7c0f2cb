"""Where a sensor of several assets is in each of their histories."""

from __future__ import annotations

import pytest

from jobkernel.errors import InvariantViolation
from jobkernel.model.keys import AssetKey
from jobkernel.rules.asset_cursors import AssetCursor, Made, advanced, read_cursors, write_cursors


def test_cursors_are_read_back_as_written_and_as_dagster_writes_them() -> None:
    cursors = {
        AssetKey(["a", "b's"]): AssetCursor(partition="p", event_id=7, trailing={"q": 3}),
        AssetKey("c"): AssetCursor(),
    }

    text = write_cursors(cursors)

    assert read_cursors(text) == cursors
    assert read_cursors("""{"AssetKey(['c'])": ["p", 5, {}]}""") == {
        AssetKey("c"): AssetCursor(partition="p", event_id=5)
    }


@pytest.mark.parametrize("text", [None, "", "no json", "5", "[]", '{"c": [1, 2, 3]}', """{"AssetKey(['c'])": 5}"""])
def test_what_is_no_cursor_has_no_places(text: str | None) -> None:
    assert read_cursors(text) == {}


def test_partitions_passed_over_trail_until_they_are_consumed() -> None:
    made = [Made(1, "south"), Made(2, "north"), Made(3, "east"), Made(4, "north")]

    first = advanced(AssetCursor(), [made[3]], made[:3], "sales")
    second = advanced(first, [made[0]], [], "sales")

    assert first == AssetCursor(partition="north", event_id=4, trailing={"south": 1, "east": 3})
    assert second == AssetCursor(partition="north", event_id=4, trailing={"east": 3})


def test_a_partition_consumed_and_made_again_trails_by_its_newer_event() -> None:
    made = [Made(1, "south"), Made(2, "south"), Made(3, "north")]

    found = advanced(AssetCursor(), [made[0], made[2]], made[:2], "sales")

    assert found.trailing == {"south": 2}


def test_nothing_consumed_leaves_the_place() -> None:
    place = AssetCursor(partition="p", event_id=7, trailing={"q": 3})

    assert advanced(place, [], [Made(8, "r")], "sales") == place


def test_no_more_than_24_partitions_trail() -> None:
    made = [Made(number, str(number)) for number in range(1, 27)]

    assert len(advanced(AssetCursor(), [made[24]], made[:24], "sales").trailing) == 24
    with pytest.raises(InvariantViolation, match="25 partitions of asset 'sales' have materializations"):
        advanced(AssetCursor(), [made[25]], made[:25], "sales")
