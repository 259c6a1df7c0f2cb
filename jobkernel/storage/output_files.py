"""Where a step's captured output lies, and how its lines are read: one JSON object a line, {at, level, text}.

The executors write these files by ``output_path``; the history reads them. Half a last line, as a killed kernel
leaves it, is passed over until it is whole.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote, unquote

LOGS = "logs"
LONGEST_NAME = 150


class Line(NamedTuple):
    """One captured line. ``end`` is the byte after it in its file."""

    step_key: str | None
    occurred_at: int
    level: str
    message: str
    end: int


def output_path(run_id: str, step_key: str) -> str:
    """Return the path of a step's captured output, relative to the ``.jobkernel`` folder; any step key is safe."""
    name = quote(step_key, safe="[]=, ")
    if len(name) > LONGEST_NAME:
        name = f"{name[:120]}~{hashlib.sha256(step_key.encode()).hexdigest()[:16]}"
    return f"{LOGS}/{run_folder(run_id)}/{name}.jsonl"


def run_folder(run_id: str) -> str:
    """Return the name of the folder that holds a run's files; never one that leads out of the logs."""
    quoted = quote(run_id, safe="")
    return "%2E" + quoted[1:] if quoted.startswith(".") else quoted


def output_files(folder: Path, run_id: str, step_key: str | None = None) -> list[tuple[str, Path]]:
    """Return the run's captured files under the ``.jobkernel`` folder, each with its step key; or one step's alone."""
    if step_key is not None:
        return [(step_key, folder / output_path(run_id, step_key))]
    found = sorted((folder / LOGS / run_folder(run_id)).glob("*.jsonl"))
    return [(unquote(path.name.removesuffix(".jsonl")), path) for path in found]


def lines_of(path: Path, step_key: str | None, after: int = 0) -> Iterator[Line]:
    """Yield the whole lines of a file from byte ``after`` on; a file that is gone has none."""
    try:
        file = path.open("rb")
    except OSError:
        return
    with file:
        file.seek(after)
        end = after
        for raw in file:
            if not raw.endswith(b"\n"):
                return
            end += len(raw)
            yield _line(raw, step_key, end)


def _line(raw: bytes, step_key: str | None, end: int) -> Line:
    try:
        record: Any = json.loads(raw)
        at, text = int(record.get("at") or 0), str(record.get("text", ""))
        return Line(step_key, at, str(record.get("level") or "stdout"), text, end)
    except (ValueError, TypeError, AttributeError):
        return Line(step_key, 0, "stdout", raw.decode("utf-8", "replace").rstrip("\n"), end)
