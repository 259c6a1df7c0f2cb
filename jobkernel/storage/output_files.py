"""Where a step's captured output lies, and how its lines are read: one JSON object a line, {at, level, text}.

The executors write these files by ``output_path``; the history reads them. Half a last line, as a killed kernel
leaves it, is passed over until it is whole.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote, unquote

LOGS = "logs"
STREAMS = ("stdout", "stderr")


class Line(NamedTuple):
    """One captured line. ``end`` is the byte after it in its file."""

    step_key: str | None
    occurred_at: int
    level: str
    message: str
    end: int


def output_path(run_id: str, step_key: str, stream: str) -> str:
    """Return the path of a step's captured stream, relative to the ``.jobkernel`` folder."""
    return f"{LOGS}/{run_folder(run_id)}/{_name(step_key)}.{_name(stream)}.jsonl"


def run_folder(run_id: str) -> str:
    """Return the name of the folder that holds a run's files."""
    return _name(run_id)


def output_files(folder: Path, run_id: str) -> list[tuple[str, Path]]:
    """Return the run's captured files under the ``.jobkernel`` folder, each with its step key."""
    found = sorted((folder / LOGS / run_folder(run_id)).glob("*.jsonl"))
    return [(unquote(_step_and_stream(path)[0]), path) for path in found]


def _step_and_stream(path: Path) -> tuple[str, str]:
    """Return the quoted step key and the stream of a file; a file of both streams says in each line which."""
    name = path.name.removesuffix(".jsonl")
    step, _, stream = name.rpartition(".")
    return (step, stream) if stream in STREAMS else (name, STREAMS[0])


def lines_of(path: Path, step_key: str | None, after: int = 0) -> Iterator[Line]:
    """Yield the whole lines of a file from byte ``after`` on; a file that is gone has none."""
    try:
        file = path.open("rb")
    except OSError:
        return
    _, level = _step_and_stream(path)
    with file:
        file.seek(after)
        end = after
        for raw in file:
            if not raw.endswith(b"\n"):
                return
            end += len(raw)
            yield _line(raw, step_key, level, end)


def _line(raw: bytes, step_key: str | None, level: str, end: int) -> Line:
    try:
        record: Any = json.loads(raw)
        at, text = int(record.get("at") or 0), str(record.get("text", ""))
        return Line(step_key, at, str(record.get("level") or level), text, end)
    except (ValueError, TypeError, AttributeError):
        return Line(step_key, 0, level, raw.decode("utf-8", "replace").rstrip("\n"), end)


def _name(word: str) -> str:
    quoted = quote(word, safe="")
    return "%2E" + quoted[1:] if quoted.startswith(".") else quoted
