"""Refuse notebooks that hold outputs: ``python -m tests.stripped_notebooks FILE …``, before each commit."""

from __future__ import annotations

import json
import sys
from pathlib import Path


def outputs_in(path: Path) -> int:
    """Return how many cells of a notebook hold outputs or an execution count."""
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return sum(bool(cell.get("outputs") or cell.get("execution_count")) for cell in cells)


def main(names: list[str]) -> int:
    """Say which notebooks hold outputs; 1 where one does."""
    full = [name for name in names if outputs_in(Path(name))]
    for name in full:
        sys.stderr.write(f"{name} holds outputs; clear them before committing.\n")
    return 1 if full else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
