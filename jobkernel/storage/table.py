"""What ``jk.sql`` returns: columns and rows that show themselves as a table and turn into frames.

Holds plain Python values; pandas, polars and pyarrow are loaded when asked for. Knows no history.
"""

from __future__ import annotations

import html
import unicodedata
from collections.abc import Iterator, Sequence
from typing import Any

SHOWN_ROWS = 50
SHOWN_WIDTH = 60


class Table:
    """Rows of named, typed columns. ``types`` are DuckDB's names; ``truncated`` says that a cap cut the rows.

    ``widest`` is how many characters of a cell are shown.
    """

    def __init__(
        self,
        columns: Sequence[str],
        types: Sequence[str],
        rows: Sequence[Sequence[Any]],
        truncated: bool = False,
        *,
        widest: int = SHOWN_WIDTH,
    ) -> None:
        self.columns = list(columns)
        self.types = list(types)
        self.truncated = truncated
        self.widest = widest
        self._rows = [tuple(row) for row in rows]

    def parts(self) -> tuple[list[str], list[str], list[tuple[Any, ...]], bool]:
        """Return what another table can be made of."""
        return self.columns, self.types, self._rows, self.truncated

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        return iter(self._rows)

    def fetchall(self) -> list[tuple[Any, ...]]:
        """Return every row as a tuple."""
        return list(self._rows)

    def fetchone(self) -> tuple[Any, ...] | None:
        """Return the first row, or None where there is none."""
        return self._rows[0] if self._rows else None

    def arrow(self) -> Any:
        """Return a ``pyarrow.Table``."""
        import pyarrow  # heavy: on first use

        arrays = [
            _arrow_array(pyarrow, kind, [row[place] for row in self._rows]) for place, kind in enumerate(self.types)
        ]
        return pyarrow.Table.from_arrays(arrays, names=_distinct(self.columns))

    def df(self) -> Any:
        """Return a ``pandas.DataFrame``."""
        return self.arrow().to_pandas()

    def pl(self) -> Any:
        """Return a ``polars.DataFrame``."""
        import polars  # heavy: on first use

        return polars.from_arrow(self.arrow())

    def __repr__(self) -> str:
        cells = [[_shown(value, self.widest) for value in row] for row in self._rows[:SHOWN_ROWS]]
        heads = [_shown(name) for name in self.columns]
        widths = [max([len(head), *(len(row[place]) for row in cells)]) for place, head in enumerate(heads)]
        lines = [_line(heads, widths), "  ".join("-" * width for width in widths)]
        lines += [_line(row, widths) for row in cells]
        return "\n".join([*lines, self._footer()])

    def _repr_html_(self) -> str:
        head = "".join(f"<th>{html.escape(_shown(name))}</th>" for name in self.columns)
        body = "".join(
            "<tr>" + "".join(f"<td>{html.escape(_shown(value, self.widest))}</td>" for value in row) + "</tr>"
            for row in self._rows[:SHOWN_ROWS]
        )
        table = f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
        return f"{table}<p>{html.escape(self._footer())}</p>"

    def _footer(self) -> str:
        count = len(self._rows)
        footer = f"{count} row{'' if count == 1 else 's'}"
        if count > SHOWN_ROWS:
            footer += f", {SHOWN_ROWS} shown"
        return footer + (", cut at the limit" if self.truncated else "")


def _shown(value: Any, widest: int = SHOWN_WIDTH) -> str:
    """Return a cell's text without control characters, ANSI sequences' escapes included."""
    text = "" if value is None else str(value)
    cut = text[: widest - 1] + "…" if len(text) > widest else text
    return "".join(" " if unicodedata.category(letter) in ("Cc", "Cf", "Zl", "Zp") else letter for letter in cut)


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    return "  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip()


def _distinct(names: Sequence[str]) -> list[str]:
    found: list[str] = []
    for name in names:
        candidate, count = name, 1
        while candidate in found:
            candidate, count = f"{name}_{count}", count + 1
        found.append(candidate)
    return found


def _arrow_array(pyarrow: Any, kind: str, values: list[Any]) -> Any:
    known = {
        "BIGINT": pyarrow.int64(),
        "INTEGER": pyarrow.int32(),
        "DOUBLE": pyarrow.float64(),
        "BOOLEAN": pyarrow.bool_(),
        "VARCHAR": pyarrow.string(),
        "JSON": pyarrow.string(),
        "TIMESTAMP": pyarrow.timestamp("us"),
        "DATE": pyarrow.date32(),
        "BLOB": pyarrow.binary(),
    }
    if kind in known:
        return pyarrow.array(values, known[kind])
    try:
        return pyarrow.array(values)
    except (pyarrow.ArrowInvalid, pyarrow.ArrowTypeError, OverflowError):
        return pyarrow.array([None if value is None else str(value) for value in values], pyarrow.string())
