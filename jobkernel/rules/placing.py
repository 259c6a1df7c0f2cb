"""Give every thing of an ordered drawing its place across the layers, in cells that fold wide layers.

``cross`` runs along a layer, ``along`` from layer to layer. Knows indexes and sizes only; the third step of
``rules.layout``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import ceil, sqrt

from jobkernel.rules.layering import FREE, Layered
from jobkernel.rules.row_order import Ordering

GAP = 8.0
FOLDED_GAP = 20.0
LANE_GAP = 24.0
BEND = 8.0
ROUNDS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Measures:
    """How big things are across and along, when a layer folds, and the room a lane needs around its members."""

    cross: Sequence[float]
    along: Sequence[float]
    fold_above: int
    fold_share: float
    lane_before: float
    lane_after: float


@dataclass(slots=True)
class Cell:
    """Things of one layer at one place across: one bend, or one or (in a folded layer) several nodes."""

    members: list[int]
    layer: int
    lane: int
    width: float
    gap: float
    centre: float = 0.0


@dataclass(slots=True)
class Item:
    """What is moved as one: a lane with all its cells, or one free cell. ``left`` is where it begins."""

    cells: list[Cell]
    first: int
    last: int
    width: float
    lane: int
    left: float = 0.0


def placed(drawing: Layered, order: Ordering, measures: Measures) -> tuple[list[list[Cell]], list[Item]]:
    """Return the cells of every layer with their centres across, and the items that hold them."""
    rows = [_cells_of(row, number, drawing, measures) for number, row in enumerate(order.rows)]
    links = _links(rows, drawing, order)
    items = _items(rows, links, order, measures)
    if len(items) > 1:
        _place_items(items, rows, links, order)
    for item in items:
        if item.lane == FREE or len(items) > 1:
            for cell in item.cells:
                cell.centre += item.left
    return rows, items


def _cells_of(row: list[int], number: int, drawing: Layered, measures: Measures) -> list[Cell]:
    """Cut a row into cells; members of a lane share cells only with each other."""
    nodes = sum(thing < drawing.count for thing in row)
    columns = max(measures.fold_above, ceil(sqrt(nodes * measures.fold_share)))
    height = ceil(nodes / columns) if nodes > measures.fold_above else 1
    if height == 1:
        return [_cell([thing], number, drawing, measures, GAP) for thing in row]
    runs: list[list[int]] = []
    for thing in row:
        last = runs[-1] if runs else []
        is_node = thing < drawing.count
        if is_node and last and last[0] < drawing.count and drawing.lane[last[0]] == drawing.lane[thing]:
            last.append(thing)
        else:
            runs.append([thing])
    return [
        _cell(list(members), number, drawing, measures, FOLDED_GAP) for run in runs for members in batched(run, height)
    ]


def batched(run: list[int], size: int) -> list[list[int]]:
    """Cut a run into as few parts as can be, each at most ``size`` long and all about equally long."""
    parts = ceil(len(run) / size)
    return [run[len(run) * part // parts : len(run) * (part + 1) // parts] for part in range(parts)]


def _cell(members: list[int], number: int, drawing: Layered, measures: Measures, gap: float) -> Cell:
    width = max([measures.cross[thing] if thing < drawing.count else BEND for thing in members])
    return Cell(list(members), number, drawing.lane[members[0]], width, gap)


Links = dict[int, list[Cell]]


def _links(rows: list[list[Cell]], drawing: Layered, order: Ordering) -> Links:
    """The cells that each cell is joined to, once per edge step."""
    cell_of: list[Cell] = [Cell([], 0, 0, 0, 0)] * len(drawing.layer)
    for row in rows:
        for cell in row:
            for thing in cell.members:
                cell_of[thing] = cell
    return {
        id(cell): [
            cell_of[other]
            for thing in cell.members
            for neighbours in (order.up[thing], order.down[thing])
            for other in neighbours
        ]
        for row in rows
        for cell in row
    }


def _items(rows: list[list[Cell]], links: Links, order: Ordering, measures: Measures) -> list[Item]:
    """Place the cells of each lane by themselves, and make items of the lanes and of the free cells."""
    by_lane: dict[int, list[list[Cell]]] = {}
    items: list[Item] = []
    for row in rows:
        in_row: dict[int, list[Cell]] = {}
        for cell in row:
            if cell.lane == FREE and order.lane_count > 1:
                cell.centre = cell.width / 2
                items.append(Item([cell], cell.layer, cell.layer, cell.width, FREE))
            else:
                in_row.setdefault(cell.lane, []).append(cell)
        for lane, cells in in_row.items():
            by_lane.setdefault(lane, []).append(cells)
    for lane, lane_rows in by_lane.items():
        _place_rows(lane_rows, links, lane if order.lane_count > 1 else None)
        items.append(_lane_item(lane, lane_rows, measures))
    return items


def _lane_item(lane: int, rows: list[list[Cell]], measures: Measures) -> Item:
    cells = [cell for row in rows for cell in row]
    low = min(cell.centre - cell.width / 2 for cell in cells)
    high = max(cell.centre + cell.width / 2 for cell in cells)
    before, after = (0.0, 0.0) if lane == FREE else (measures.lane_before, measures.lane_after)
    for cell in cells:
        cell.centre += before - low
    layers = [cell.layer for cell in cells]
    return Item(cells, min(layers), max(layers), high - low + before + after, lane)


def _place_rows(rows: list[list[Cell]], links: Links, lane: int | None) -> None:
    """Bring each cell near the mean of what it is joined to, keeping order and gaps."""
    joined = [
        [[other for other in links[id(cell)] if lane is None or other.lane == lane] for cell in row] for row in rows
    ]
    offsets = [_offsets(row) for row in rows]
    for row, offset in zip(rows, offsets, strict=True):
        for cell, at in zip(row, offset, strict=True):
            cell.centre = at - offset[-1] / 2
    for round_ in range(ROUNDS):
        numbers = range(len(rows)) if round_ % 2 == 0 else range(len(rows) - 1, -1, -1)
        for number in numbers:
            _place_row(rows[number], joined[number], offsets[number])


def _offsets(row: list[Cell]) -> list[float]:
    """How far each cell's centre is from the first one's when they stand as close as they may."""
    found = [0.0]
    for before, cell in pairwise(row):
        found.append(found[-1] + before.width / 2 + max(before.gap, cell.gap) + cell.width / 2)
    return found


def _place_row(row: list[Cell], joined: list[list[Cell]], offsets: list[float]) -> None:
    """Least squares that keeps the order: neighbouring wishes that clash are pooled (pool adjacent violators)."""
    sums: list[float] = []
    counts: list[int] = []
    for cell, others, offset in zip(row, joined, offsets, strict=True):
        wish = sum([other.centre for other in others]) / len(others) if others else cell.centre
        total, count = wish - offset, 1
        while sums and sums[-1] * count > total * counts[-1]:
            total += sums.pop()
            count += counts.pop()
        sums.append(total)
        counts.append(count)
    at = 0
    for total, count in zip(sums, counts, strict=True):
        for _ in range(count):
            row[at].centre = total / count + offsets[at]
            at += 1


def _place_items(items: list[Item], rows: list[list[Cell]], links: Links, order: Ordering) -> None:
    """Move whole items near what they are joined to; no two come closer than their gap in any layer.

    A wish list is made feasible from the left and from the right; the mean of the two keeps every distance too.
    """
    item_of = {id(cell): item for item in items for cell in item.cells}
    following = _following(items, rows, item_of, order)
    sequence = _sequence(items, following)
    outer = {
        id(item): [(cell, other) for cell in item.cells for other in links[id(cell)] if item_of[id(other)] is not item]
        for item in items
    }
    for item in items:
        item.left = 0.0
    _spread(sequence, following, {id(item): 0.0 for item in items})
    for _ in range(ROUNDS * 2):
        wishes = {id(item): _wish(item, outer[id(item)], item_of) for item in items}
        _spread(sequence, following, wishes)


def _wish(item: Item, joined: list[tuple[Cell, Cell]], item_of: dict[int, Item]) -> float:
    if not joined:
        return item.left
    distances = [item_of[id(other)].left + other.centre - cell.centre - item.left for cell, other in joined]
    return item.left + sum(distances) / len(distances)


Following = dict[int, list[tuple[Item, float]]]


def _following(items: list[Item], rows: list[list[Cell]], item_of: dict[int, Item], order: Ordering) -> Following:
    """For each item those right of it in some layer, with the distance their left sides must keep."""
    key = {item.lane: order.lane_key[item.cells[0].members[0]] for item in items if item.lane != FREE}
    lanes = sorted((item for item in items if item.lane != FREE), key=lambda item: key[item.lane])
    found: dict[int, dict[int, tuple[Item, float]]] = {id(item): {} for item in items}
    for number, row in enumerate(rows):
        present = list({id(item): item for item in (item_of[id(cell)] for cell in row)}.values())
        _add_passing(present, number, lanes, key)
        for left, right in pairwise(present):
            gap = LANE_GAP if left.lane != FREE and right.lane != FREE else GAP
            found[id(left)][id(right)] = (right, left.width + max(gap, left.cells[0].gap, right.cells[0].gap))
    return {name: list(ones.values()) for name, ones in found.items()}


def _add_passing(present: list[Item], number: int, lanes: list[Item], key: dict[int, float]) -> None:
    """Put lanes that only pass through a layer where they belong among its lanes."""
    for lane in lanes:
        if lane.first < number < lane.last and all(one is not lane for one in present):
            later = (at for at, one in enumerate(present) if one.lane != FREE and key[one.lane] > key[lane.lane])
            present.insert(next(later, len(present)), lane)


def _sequence(items: list[Item], following: Following) -> list[Item]:
    """Items so that each comes before all that are right of it."""
    waiting = {id(item): 0 for item in items}
    for ones in following.values():
        for one, _ in ones:
            waiting[id(one)] += 1
    ready = [item for item in items if not waiting[id(item)]]
    for item in ready:
        for one, _ in following[id(item)]:
            waiting[id(one)] -= 1
            if not waiting[id(one)]:
                ready.append(one)
    return ready


def _spread(sequence: list[Item], following: Following, wishes: dict[int, float]) -> None:
    pushed = dict(wishes)
    for item in sequence:
        for one, distance in following[id(item)]:
            pushed[id(one)] = max(pushed[id(one)], pushed[id(item)] + distance)
    pulled = dict(wishes)
    for item in reversed(sequence):
        for one, distance in following[id(item)]:
            pulled[id(item)] = min(pulled[id(item)], pulled[id(one)] - distance)
    for item in sequence:
        item.left = (pushed[id(item)] + pulled[id(item)]) / 2
