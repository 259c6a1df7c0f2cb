"""``%jk restore``: run the cells of this notebook that the history knows and this kernel has not run, in order."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from typing import Any

from jobkernel.errors import InvalidDefinition
from jobkernel.notebook.cell_order import OrderedCell, Place, run_order
from jobkernel.notebook.kernel import NotebookKernel
from jobkernel.notebook.shown import Shown, count_of, one_line

Row = Mapping[str, Any]


def restore(kernel: NotebookKernel, _given: argparse.Namespace) -> None:
    """Run what is missing: cells that define what is not defined here, and those that make what they use.

    Raises:
        InvalidDefinition: a cell failed; those after it were not run.
    """
    cells = missing_cells(kernel)
    if not cells:
        kernel.show(Shown("Nothing to restore: all that the history knows of this notebook is defined."))
        return
    before = set(kernel.session.registry.entries)
    for place, row in enumerate(cells, 1):
        result = kernel.shell.run_cell(row["source"], store_history=False, cell_id=row["options"]["key"])
        if not result.success:
            what = one_line(row["source"], 80)
            raise InvalidDefinition(
                f"Restored {place - 1} of {count_of(len(cells), 'cell')}; this one failed: {what}. Mend it in the"
                " notebook and run it, then restore again."
            )
    defined = [name for kind, name in kernel.session.registry.entries if (kind, name) not in before]
    names = ", ".join(defined[:12]) + (f" and {len(defined) - 12} more" if len(defined) > 12 else "")
    kernel.show(Shown(f"✓ ran {count_of(len(cells), 'cell')} · defined {names}"))


def missing_cells(kernel: NotebookKernel) -> list[Row]:
    """Return the cells to run: those that define what is not defined here, and what they need, in order."""
    known = {row["name"]: row for row in kernel.kept.known()}
    by_key = {row["options"]["key"]: row for row in known.values()}
    wanted: dict[str, Row] = {}
    pending = [row for row in known.values() if _undefined(row, kernel.session.registry.entries)]
    while pending:
        row = pending.pop()
        key = row["options"]["key"]
        if key in wanted or not row["source"]:
            continue
        wanted[key] = row
        pending += [by_key[need] for need in row["deps"] or () if need in by_key and not kernel.kept.has_run(need)]
    as_they_ran = sorted(wanted.values(), key=lambda row: (row["options"]["ran_us"], row["options"]["number"]))
    order = run_order(
        OrderedCell(row["options"]["key"], row["options"]["defines"], row["deps"] or ()) for row in as_they_ran
    )
    return [wanted[key] for key in order]


def unrun_definitions(kernel: NotebookKernel, *kinds: str) -> list[str]:
    """Return the names that this notebook defined when it last ran, and that are not defined in this kernel.

    ``kinds`` chooses some of them, such as ``schedule``.
    """
    entries = kernel.session.registry.entries
    places = [place for row in kernel.kept.known() for place in _undefined(row, entries)]
    return [name for kind, name in places if not kinds or kind in kinds]


def remedy_of_unrun(kernel: NotebookKernel, *kinds: str) -> str:
    """Return, as the end of a sentence that nothing of these kinds is defined, how to have back what was."""
    count = len(unrun_definitions(kernel, *kinds))
    return f" {count} {'was' if count == 1 else 'were'} when it last ran: %jk restore." if count else ""


def unrun_in(kernel: NotebookKernel, message: str) -> str:
    """Return, as the end of a refusal, that the cell of a definition it names has not run in this kernel."""
    if "%jk restore" in message:
        return ""
    named = next((name for name in unrun_definitions(kernel) if f"'{name}'" in message), None)
    return f" The cell of '{named}' has not run in this kernel; run it, or %jk restore." if named else ""


def _undefined(row: Row, entries: Mapping[Place, Any]) -> Sequence[Place]:
    return [(kind, name) for kind, name in row["options"]["defines"] if (kind, name) not in entries]
