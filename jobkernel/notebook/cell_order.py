"""The order in which cells run again: what a cell needs comes before it, and else they run as they last did.

Knows cells by their keys, what they define and what they need. Called for ``%jk restore`` and ``%jk pin``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

Place = tuple[str, str]
"""Kind and name of a definition."""


class OrderedCell(NamedTuple):
    """A cell: its key, what it defines, and the keys of the cells that it needs."""

    key: str
    defines: Iterable[Sequence[str]]
    needs: Iterable[str]


def run_order(as_they_ran: Iterable[OrderedCell]) -> list[str]:
    """Return the keys of cells, each after those that it needs; where they need each other, as they ran."""
    cells = {cell.key: cell for cell in as_they_ran}
    makers = {(kind, name): cell.key for cell in cells.values() for kind, name in cell.defines}
    order: dict[str, None] = {}
    seen: set[str] = set()
    pending = list(reversed(cells))
    while pending:
        key = pending[-1]
        above = (
            [] if key in seen else [need for need in _above(cells[key], makers) if need in cells and need not in seen]
        )
        seen.add(key)
        if above:
            pending += reversed(above)
            continue
        order.setdefault(pending.pop())
    return list(order)


def _above(cell: OrderedCell, makers: dict[Place, str]) -> list[str]:
    """Return the cells that must have run: those it needs, and for a check the one that defines its asset."""
    checked = [("asset", name.rpartition(":")[0]) for kind, name in cell.defines if kind == "check"]
    return [*cell.needs, *(makers[place] for place in checked if place in makers)]
