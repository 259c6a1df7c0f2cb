"""Things that show themselves in a cell: as text everywhere, as quiet HTML in a notebook. Everything is escaped.

Knows no session; ``views`` and the magics build these.
"""

from __future__ import annotations

import html
import unicodedata
from collections.abc import Iterable, Sequence
from typing import Any

STYLE = (
    "font-family:var(--jp-ui-font-family,system-ui,sans-serif);font-size:var(--jp-ui-font-size1,13px);"
    "color:var(--jp-ui-font-color1,inherit);line-height:1.5"
)
QUIET = "color:var(--jp-ui-font-color2,gray)"
TONES = {
    "fresh": "var(--jp-success-color1,#388e3c)",
    "failed": "var(--jp-error-color1,#d32f2f)",
    "running": "var(--jp-brand-color1,#1976d2)",
    "stale": "var(--jp-warn-color1,#f57c00)",
    "warning": "var(--jp-warn-color1,#f57c00)",
}
MARKS = {
    "fresh": "✓", "failed": "✕", "running": "◌", "stale": "◐", "never": "○", "queued": "◔", "canceled": "⊘",
    "skipped": "–", "missing": "○", "warning": "⚠",
}  # fmt: skip


def plain(value: Any, limit: int = 2000) -> str:
    """Return a text without control characters other than newlines and tabs, cut at ``limit`` characters."""
    text = str(value)
    cut = text[: limit - 1] + "…" if len(text) > limit else text
    return "".join(
        letter if letter in "\n\t" or unicodedata.category(letter) not in ("Cc", "Cs") else "�" for letter in cut
    )


def one_line(text: str, limit: int = 300) -> str:
    """Return the first line of a text, cut at ``limit`` characters; dots stand for the rest."""
    first, newline, _ = text.strip().partition("\n")
    return plain(f"{first} …" if newline else first, limit)


def escaped(value: Any, limit: int = 2000) -> str:
    """Return a text that is safe inside HTML."""
    return html.escape(plain(value, limit))


class Shown:
    """A text and the HTML that says the same."""

    def __init__(self, text: str, markup: str | None = None) -> None:
        self.text = plain(text, 1_000_000)
        self.markup = markup

    def __repr__(self) -> str:
        return self.text

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        bundle = {"text/plain": self.text}
        if self.markup is not None:
            bundle["text/html"] = f'<div style="{STYLE}">{self.markup}</div>'
        return bundle


def mark(status: str) -> str:
    """Return the character that stands for a status in text."""
    return MARKS.get(status, "·")


def mark_html(status: str) -> str:
    """Return the same, coloured; its meaning is also its title."""
    tone = TONES.get(status)
    color = f"color:{tone};" if tone else f"{QUIET};"
    return f'<span style="{color}font-weight:600" title="{html.escape(status)}">{mark(status)}</span>'


def quiet(text: Any) -> str:
    """Return secondary text as HTML."""
    return f'<span style="{QUIET}">{escaped(text)}</span>'


def rows_html(rows: Iterable[Sequence[str]]) -> str:
    """Return rows of ready markup as a table without lines."""
    cell = "padding:1px 12px 1px 0;text-align:left;vertical-align:top;background:none;border:none"
    body = "".join(
        '<tr style="background:none">' + "".join(f'<td style="{cell}">{each}</td>' for each in row) + "</tr>"
        for row in rows
    )
    return f'<table style="border-collapse:collapse;margin:2px 0;border:none">{body}</table>'


def columns_text(rows: Sequence[Sequence[str]]) -> str:
    """Return rows as text in columns."""
    if not rows:
        return ""
    widths = [max(len(row[place]) for row in rows) for place in range(len(rows[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


def span_of(seconds: float | None) -> str:
    """Return a time span as people say it: ``340 ms``, ``4.1 s``, ``1 m 42 s``, ``2 h``, ``3 d``."""
    if seconds is None:
        return ""
    if seconds < 0.9995:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 60:
        return f"{seconds:.1f} s"
    if seconds < 3600:
        return f"{int(seconds // 60)} m {int(seconds % 60)} s"
    return f"{seconds / 3600:.0f} h" if seconds < 86400 else f"{seconds / 86400:.0f} d"


def count_of(number: int, thing: str) -> str:
    """Return ``1 step``, ``2 steps``."""
    return f"{number:,} {thing}" if number == 1 else f"{number:,} {thing}s"
