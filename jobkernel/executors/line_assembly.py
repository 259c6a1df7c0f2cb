"""Turns pieces of terminal text into lines. Knows newlines, carriage returns and the cursor that moves up.

Knows no file, no thread and no step. Called by the step output, once per stream and writer.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

LINE_LIMIT = 32_768
ROW_LIMIT = 100
CURSOR_UP = "\x1b[A"
_MOVES = re.compile(r"(\n|\x1b\[A)")


class LineAssembler:
    """One stream as a terminal shows it: the rows that may still change, and the row that is written to.

    A progress bar redraws its row after a carriage return; only the last state of a row becomes a line. Bars below
    one another move the cursor up, so a row is finished when a newline leaves the lowest one.
    """

    __slots__ = ("_row", "_rows")

    def __init__(self) -> None:
        self._rows = [""]
        self._row = 0

    @property
    def is_empty(self) -> bool:
        """Whether nothing waits for its newline."""
        return self._rows == [""]

    def feed(self, text: str) -> list[str]:
        """Return the lines that ``text`` finishes, each at most ``LINE_LIMIT`` characters."""
        size = len(self._rows[self._row]) + len(text)
        if len(self._rows) == 1 and "\r" not in text and "\x1b" not in text and "\r" not in self._rows[0]:
            lines = (self._rows[0] + text).split("\n")
            self._rows[0] = lines.pop()
        else:
            lines = self._redraw(text)
        return lines if size <= LINE_LIMIT else self._cut(lines)

    def unfinished(self) -> list[str]:
        """Return the rows that wait for their newline, as they look now."""
        return [line for line in map(_shown, self._rows) if line.strip()]

    def _cut(self, lines: list[str]) -> list[str]:
        *full, self._rows[self._row] = _pieces(self._rows[self._row])
        return [piece for line in lines for piece in _pieces(line)] + full

    def _redraw(self, text: str) -> list[str]:
        finished: list[str] = []
        for piece in _MOVES.split(text):
            if piece == "\n":
                finished.extend(self._move_down())
            elif piece == CURSOR_UP:
                self._move_up()
            elif piece:
                self._rows[self._row] = _last_state(self._rows[self._row] + piece)
        return finished

    def _move_down(self) -> list[str]:
        self._row += 1
        if self._row < len(self._rows):
            return []
        rows = [_shown(row) for row in self._rows]
        self._rows, self._row = [""], 0
        return rows if len(rows) == 1 else [row for row in rows if row.strip()]

    def _move_up(self) -> None:
        if self._row:
            self._row -= 1
        elif len(self._rows) < ROW_LIMIT:
            self._rows.insert(0, "")


def _last_state(row: str) -> str:
    if "\r" not in row:
        return row
    state = next((part for part in reversed(row.split("\r")) if part), "").rstrip()
    # a return at the very end means that the next text starts over, and must be remembered until then
    return state + "\r" if state and row.endswith("\r") else state


def _shown(row: str) -> str:
    return _last_state(row).rstrip("\r")


def _pieces(line: str) -> Iterator[str]:
    for start in range(0, max(len(line), 1), LINE_LIMIT):
        yield line[start : start + LINE_LIMIT]
