"""Turn event bodies into the JSON text that the history keeps, and rows back into Python values.

Never fails on what user code can put into a body: unknown objects become text, NaN and infinities become their names,
lone surrogates become question marks. Called by clients before events leave the process, and when rows come back.
"""

from __future__ import annotations

import json
import json.encoder
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from jobkernel.model.events import Event

StoredEvent = tuple[str, str | None, str | None, int, str | None]
"""Event type, run id, step key, microseconds, body as JSON text."""

DEEPEST = 60
"""Nesting beyond this becomes text."""


def _compact_encoder() -> Callable[[Any], str]:
    """Return what makes compact JSON: C's encoder made once, where it is there; ``encode`` makes one for each value."""
    encoder = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=str)
    make = getattr(json.encoder, "c_make_encoder", None)
    if make is None:
        return encoder.encode
    quoted = json.encoder.encode_basestring
    pieces = make(None, encoder.default, quoted, None, ":", ",", False, False, False)
    return lambda value: "".join(pieces(value, 0))


_compact = _compact_encoder()


def json_text(value: Any) -> str:
    """Return JSON that any reader accepts, whatever ``value`` holds."""
    try:
        return _compact(value)
    except (ValueError, TypeError, RecursionError):
        return _compact(_plain(value, 0))


def stored(event: Event) -> StoredEvent:
    """Return the event as it travels and is kept."""
    event_type, run_id, step_key, at, body = event
    occurred_at = at if at.__class__ is int else int(at)
    return (event_type, run_id, step_key, occurred_at, json_text(body) if body else None)


def cleaned(event: StoredEvent) -> StoredEvent:
    """Return the event with texts that UTF-8 can hold."""
    event_type, run_id, step_key, occurred_at, body = event
    return (utf8(event_type) or "", utf8(run_id), utf8(step_key), occurred_at, utf8(body))


def utf8(text: object) -> str | None:
    """Return ``text`` as a string without lone surrogates; None stays None."""
    return None if text is None else str(text).encode("utf-8", "replace").decode()


def _plain(value: Any, depth: int) -> Any:
    if depth > DEEPEST:
        return str(type(value))
    if isinstance(value, Mapping):
        return {str(key): _plain(item, depth + 1) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_plain(item, depth + 1) for item in value]
    if isinstance(value, float):
        return value if value - value == 0 else str(value)
    if value is None or isinstance(value, (str, int)):
        return value
    return str(value)


def rows_as_dicts(
    columns: Sequence[str], json_columns: Iterable[int], rows: Sequence[Sequence[Any]]
) -> list[dict[str, Any]]:
    """Return one dict a row, its JSON columns parsed."""
    positions = tuple(json_columns)
    found = []
    for row in rows:
        values = list(row)
        for position in positions:
            if values[position] is not None:
                values[position] = json.loads(values[position])
        found.append(dict(zip(columns, values, strict=True)))
    return found
