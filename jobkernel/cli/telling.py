"""How the command line speaks: lines, tables, JSON and exit codes. Knows no command."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import Any, Final

from jobkernel.errors import JobkernelError

OK: Final = 0
FAILED: Final = 1
REFUSED: Final = 2
INTERRUPTED: Final = 130


class Refused(JobkernelError):
    """The command line was used wrongly."""


def say(text: str) -> None:
    """Print a line at once, without control characters that a name or a log may hold."""
    from jobkernel.notebook.shown import plain

    sys.stdout.write(f"{plain(text, 1_000_000)}\n")
    sys.stdout.flush()


def complain(error: object) -> None:
    """Print a sentence on stderr."""
    sys.stderr.write(f"jobkernel: {error}\n")


def is_terminal() -> bool:
    """Whether a person reads along."""
    return sys.stdout.isatty()


def show_table(table: Any) -> None:
    """Print a table: fitted to a terminal, else as plain columns."""
    if not is_terminal():
        say(repr(table))
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    drawn = Table(box=None, pad_edge=False, header_style="bold")
    for name in table.columns:
        drawn.add_column(name, overflow="fold")
    for row in table:
        drawn.add_row(*(Text(_cell(value)) for value in row))
    Console(highlight=False).print(drawn)


def _cell(value: Any) -> str:
    from jobkernel.notebook.shown import plain

    return "" if value is None else plain(value).replace("\n", " ")


def say_json(columns: Sequence[str], rows: Any) -> None:
    """Print rows as a JSON list of objects; times as ISO text with their zone, UTC."""
    found = [{name: _plain(value) for name, value in zip(columns, row, strict=True)} for row in rows]
    say(json.dumps(found, indent=2, ensure_ascii=False))


def _plain(value: Any) -> Any:
    return f"{value.isoformat()}Z" if hasattr(value, "isoformat") else value
