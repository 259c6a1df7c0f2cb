"""Where a sensor of several assets is in each of their histories, and where it is after events were consumed.

For each asset: the newest consumed event with its partition, and for up to 25 partitions the newest event before it
that was passed over. Source: Dagster's ``MultiAssetSensorAssetCursorComponent``, whose JSON is read and written.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Iterable, Mapping
from dataclasses import field
from typing import Any, Final, NamedTuple

from jobkernel.errors import InvariantViolation
from jobkernel.model.definitions import EMPTY
from jobkernel.model.keys import AssetKey
from jobkernel.records import dataclass

MOST_TRAILING: Final = 25


@dataclass(frozen=True, slots=True, kw_only=True)
class AssetCursor:
    """The place in one asset's history; ``trailing`` maps partitions to events before it that were passed over."""

    partition: str | None = None
    event_id: int | None = None
    trailing: Mapping[str, int] = field(default=EMPTY)


class Made(NamedTuple):
    """A materialization, as far as cursors know it."""

    event_id: int
    partition: str | None


def read_cursors(text: str | None) -> dict[AssetKey, AssetCursor]:
    """Return the places of a cursor by asset; what is no cursor of several assets has none."""
    try:
        loaded = json.loads(text) if text else {}
    except ValueError:
        loaded = {}
    found = {}
    for key, place in loaded.items() if isinstance(loaded, dict) else ():
        asset_key = _key_of(key)
        if asset_key is not None and isinstance(place, list) and len(place) == 3:
            found[asset_key] = AssetCursor(partition=place[0], event_id=place[1], trailing=place[2] or {})
    return found


def write_cursors(cursors: Mapping[AssetKey, AssetCursor]) -> str:
    """Return a cursor as it is kept."""
    return json.dumps(
        {
            f"AssetKey({list(key.parts)!r})": [at.partition, at.event_id, dict(at.trailing)]
            for key, at in cursors.items()
        }
    )


def advanced(cursor: AssetCursor, consumed: Iterable[Made], passed: Iterable[Made], asset: str) -> AssetCursor:
    """Return the place after events were consumed.

    ``passed`` are the events between the old place and the newest consumed one, and the trailing ones, oldest first.

    Raises:
        InvariantViolation: 25 partitions or more would trail; ``asset`` is named.
    """
    ids = {each.event_id: each.partition for each in consumed}
    if not ids:
        return cursor
    newest = max(ids)
    is_further = newest > (cursor.event_id or 0)
    trailing = dict(cursor.trailing)
    for each in passed if is_further else ():
        if each.partition is None:
            continue
        if each.event_id not in ids:
            trailing[each.partition] = each.event_id
        else:
            trailing.pop(each.partition, None)
    trailing.pop(ids[newest] or "", None)
    if len(trailing) >= MOST_TRAILING:
        raise InvariantViolation(
            f"{MOST_TRAILING} partitions of asset '{asset}' have materializations that the sensor passed over, and no "
            "more are remembered; consume them by advance_cursor(), or all by advance_all_cursors()."
        )
    return AssetCursor(
        partition=ids[newest] if is_further else cursor.partition,
        event_id=newest if is_further else cursor.event_id,
        trailing=trailing,
    )


def _key_of(text: Any) -> AssetKey | None:
    """Return the key that a text such as ``AssetKey(['a', 'b'])`` names."""
    if not isinstance(text, str) or not text.startswith("AssetKey([") or not text.endswith("])"):
        return None
    try:
        parts = ast.literal_eval(text[len("AssetKey(") : -1])
    except (ValueError, SyntaxError):
        return None
    return AssetKey(parts) if parts else None
