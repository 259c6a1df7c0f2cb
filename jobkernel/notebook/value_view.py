"""A value as a cell shows it: its preview as table, text or picture, or the value itself where it draws itself.

Only a run in the foreground shows a value itself: it is the person's own object in their own kernel, as a cell's last
expression is. Screens and histories get previews, which are text. Called by ``launching``.
"""

from __future__ import annotations

import html
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from jobkernel.notebook.foreground import Progress
from jobkernel.notebook.shown import Shown, count_of, escaped, quiet
from jobkernel.notebook.step_echo import StepEcho
from jobkernel.notebook.views import together
from jobkernel.values.collections_text import brief

MORE: Final = "…"
"""Stands for rows and columns that are left out."""


def end_with_value(
    shell: Any, progress: Progress, echo: StepEcho, *, result: Shown, preview: Mapping[str, Any] | None, value: Any
) -> None:
    """Put a run's result in the progress line's place, and show the value that it made.

    A table is shown as our preview of it; a picture that a step displayed already is not shown again.
    """
    if preview is None or echo.has_picture(preview):
        progress.end(result)
        return
    form = None if preview.get("form") == "table" else _own_form(shell, value)
    if form is None:
        progress.end(together([result, preview_view(preview)]))
        return
    progress.end(result)
    form()


def _own_form(shell: Any, value: Any) -> Callable[[], object] | None:
    """Return what shows the value as itself; None where a front end would show no more than its text."""
    from IPython.display import display

    if callable(getattr(type(value), "_ipython_display_", None)):
        return lambda: display(value)
    data, metadata = shell.display_formatter.format(value, exclude={"text/plain"})
    if not data:
        return None
    return lambda: display({"text/plain": brief(value), **data}, metadata=metadata, raw=True)


def preview_view(preview: Mapping[str, Any] | None) -> Shown | None:
    """Show a value's preview: a table, a text or a picture."""
    match preview:
        case {"form": "table"}:
            return _table_view(dict(preview or {}))
        case {"form": "text", "text": text}:
            return Shown(str(text), f'<pre style="margin:0;font-size:12px">{escaped(text)}</pre>')
        case {"form": "image", "data": data} if str(data).startswith("data:image/png;base64,"):
            return Shown("[picture]", f'<img style="max-width:100%;max-height:360px" src="{html.escape(data)}">')
    return None


def _table_view(preview: Mapping[str, Any]) -> Shown:
    columns, rows = list(preview["columns"]), [list(row) for row in preview["rows"]]
    left = _left_out(preview)
    if left[0] and rows:
        rows.append([MORE] * len(columns))
    if left[1]:
        columns.append({"name": MORE})
        rows = [[*row, MORE] for row in rows]
    words = _shape_words(preview["shape"], left)
    return Shown(f"{_table_text(columns, rows)}\n{words}", f"{_table_html(columns, rows)}<div>{quiet(words)}</div>")


def _left_out(preview: Mapping[str, Any]) -> tuple[int, int]:
    """Return how many rows and columns a table's preview leaves out."""
    shown = sum(not column.get("index") for column in preview["columns"])
    rows, columns = preview["shape"]
    return max(0, rows - len(preview["rows"])), max(0, columns - shown)


def _shape_words(shape: Sequence[int], left: tuple[int, int]) -> str:
    words = f"{count_of(shape[0], 'row')} × {count_of(shape[1], 'column')}"
    things = zip(left, ("more row", "more column"), strict=True)
    more = [count_of(count, thing) for count, thing in things if count]
    return f"{MORE} and {' and '.join(more)} · {words}" if more else words


def _table_text(columns: Sequence[Mapping[str, Any]], rows: Sequence[Sequence[str]]) -> str:
    lines = [[str(column["name"]) for column in columns], *rows]
    widths = [max(len(line[place]) for line in lines) for place in range(len(columns))]
    sides = [str.rjust if column.get("numeric") else str.ljust for column in columns]
    return "\n".join(
        "  ".join(side(cell, width) for side, cell, width in zip(sides, line, widths, strict=True)).rstrip()
        for line in lines
    )


def _table_html(columns: Sequence[Mapping[str, Any]], rows: Sequence[Sequence[str]]) -> str:
    sides = ["right" if column.get("numeric") else "left" for column in columns]
    tags = ["th" if column.get("index") else "td" for column in columns]
    head = "".join(_cell("th", column["name"], side) for column, side in zip(columns, sides, strict=True))
    body = "".join(
        "<tr>" + "".join(_cell(tag, cell, side) for tag, cell, side in zip(tags, row, sides, strict=True)) + "</tr>"
        for row in rows
    )
    return f'<div style="overflow-x:auto"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def _cell(tag: str, text: Any, side: str) -> str:
    return f'<{tag} style="text-align:{side}">{escaped(text, 200)}</{tag}>'
