"""Give every thing of an ordered drawing its place across the layers, in cells that fold wide layers.

``cross`` runs along a layer, ``along`` from layer to layer. Knows indexes and sizes only; the third step of
``rules.layout``.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import ceil, sqrt

from jobkernel.records import dataclass
from jobkernel.rules.lane_places import LANE_GAP, Cell, Lane, Stop, place_lanes
from jobkernel.rules.layering import FREE, Layered
from jobkernel.rules.row_order import Ordering

GAP = 8.0
FOLDED_GAP = 20.0
BEND = 8.0
ROUNDS = 8
FIXED = 1e7
SETTLED = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Measures:
    """How big things are across and along, when a layer folds, and the room a lane needs around its members."""

    cross: Sequence[float]
    along: Sequence[float]
    fold_above: int
    fold_share: float
    lane_before: float
    lane_after: float


def placed(drawing: Layered, order: Ordering, measures: Measures) -> tuple[list[list[Cell]], list[Lane]]:
    """Return the cells of every layer with their centres across, and the lanes that hold them.

    A drawing without groups has no lanes.
    """
    rows = [_cells_of(row, number, drawing, measures) for number, row in enumerate(order.rows)]
    links = _links(rows, drawing, order)
    if order.lane_count == 1 and measures.lane_before == 0:
        _place_rows([[_as_one(cell) for cell in row] for row in rows], links)
        return rows, []
    lanes = [_lane_of(number, cells, links, measures) for number, cells in sorted(_by_lane(rows).items())]
    _place_among_lanes(rows, lanes, links, drawing, order)
    return rows, lanes


def _cells_of(row: list[int], number: int, drawing: Layered, measures: Measures) -> list[Cell]:
    """Cut a row into cells: things of one lane that stand together fold when they are too many."""
    runs: list[list[int]] = []
    for thing in row:
        if runs and drawing.lane[runs[-1][0]] == drawing.lane[thing]:
            runs[-1].append(thing)
        else:
            runs.append([thing])
    return [cell for run in runs for cell in _cells_of_run(run, number, drawing, measures)]


def _cells_of_run(run: list[int], number: int, drawing: Layered, measures: Measures) -> list[Cell]:
    nodes = [thing for thing in run if thing < drawing.count]
    if len(nodes) <= measures.fold_above:
        return [_cell([thing], number, drawing, measures, GAP) for thing in run]
    columns = max(measures.fold_above, ceil(sqrt(len(nodes) * measures.fold_share)))
    folds = iter(batched(nodes, ceil(len(nodes) / columns)))
    cells: list[Cell] = []
    fold: list[int] = []
    for thing in run:
        # a bend that stands amid the nodes of a fold moves behind them
        if thing >= drawing.count:
            cells.append(_cell([thing], number, drawing, measures, FOLDED_GAP))
        elif thing not in fold:
            fold = next(folds)
            cells.append(_cell(fold, number, drawing, measures, FOLDED_GAP))
    return cells


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


def _by_lane(rows: list[list[Cell]]) -> dict[int, list[list[Cell]]]:
    found: dict[int, list[list[Cell]]] = {}
    for row in rows:
        in_row: dict[int, list[Cell]] = {}
        for cell in row:
            if cell.lane != FREE:
                in_row.setdefault(cell.lane, []).append(cell)
        for lane, cells in in_row.items():
            found.setdefault(lane, []).append(cells)
    return found


def _lane_of(number: int, rows: list[list[Cell]], links: Links, measures: Measures) -> Lane:
    """Place the cells of a lane by themselves."""
    own = {id(cell): [one for one in links[id(cell)] if one.lane == number] for row in rows for cell in row}
    _place_rows([[_as_one(cell) for cell in row] for row in rows], own)
    cells = [cell for row in rows for cell in row]
    low = min(cell.centre - cell.width / 2 for cell in cells)
    high = max(cell.centre + cell.width / 2 for cell in cells)
    for cell in cells:
        cell.centre += measures.lane_before - low
    layers = [cell.layer for cell in cells]
    return Lane(number, cells, min(layers), max(layers), high - low + measures.lane_before + measures.lane_after)


def _as_one(cell: Cell) -> Stop:
    return Stop(cell.width, cell.gap, cell=cell)


def _place_rows(rows: list[list[Stop]], links: Links) -> None:
    """Bring each movable cell near the mean of what it is joined to, keeping order and gaps."""
    offsets = [_offsets(row) for row in rows]
    for row, offset in zip(rows, offsets, strict=True):
        if all(stop.cell for stop in row):
            for stop, at in zip(row, offset, strict=True):
                if stop.cell:
                    stop.cell.centre = at - offset[-1] / 2
    work = [
        _Row(row, [_wishing(stop, links) for stop in row], offset) for row, offset in zip(rows, offsets, strict=True)
    ]
    for round_ in range(ROUNDS):
        moved = max([_place_row(row) for row in (work if round_ % 2 == 0 else reversed(work))], default=0.0)
        if moved < SETTLED:
            break


@dataclass(frozen=True, slots=True)
class _Row:
    """A row under work: what stands there, what each would like to be near, and the least distances."""

    stops: list[Stop]
    near: list[list[Cell]]
    offsets: list[float]


def _wishing(stop: Stop, links: Links) -> list[Cell]:
    return links[id(stop.cell)] if stop.cell else []


def _offsets(row: list[Stop]) -> list[float]:
    """How far each centre is from the first one's when all stand as close as they may."""
    found = [0.0]
    for before, stop in pairwise(row):
        found.append(found[-1] + before.width / 2 + max(before.gap, stop.gap) + stop.width / 2)
    return found


def _place_row(row: _Row) -> float:
    """Least squares that keeps the order: neighbouring wishes that clash are pooled (pool adjacent violators).

    Return how far the cell that moved furthest went.
    """
    means: list[float] = []
    weights: list[float] = []
    counts: list[int] = []
    for stop, near, offset in zip(row.stops, row.near, row.offsets, strict=True):
        wish = sum([one.centre for one in near]) / len(near) if near else stop.centre
        mean, weight, count = wish - offset, 1.0 if stop.cell else FIXED, 1
        while means and means[-1] > mean:
            heavier = weights.pop()
            mean = (mean * weight + means.pop() * heavier) / (weight + heavier)
            weight += heavier
            count += counts.pop()
        means.append(mean)
        weights.append(weight)
        counts.append(count)
    return _move(row, [mean for mean, count in zip(means, counts, strict=True) for _ in range(count)])


def _move(row: _Row, means: list[float]) -> float:
    furthest = 0.0
    for stop, mean, offset in zip(row.stops, means, row.offsets, strict=True):
        if stop.cell:
            furthest = max(furthest, abs(stop.cell.centre - mean - offset))
            stop.cell.centre = mean + offset
    return furthest


def _place_among_lanes(
    rows: list[list[Cell]], lanes: list[Lane], links: Links, drawing: Layered, order: Ordering
) -> None:
    """Place the lanes beside each other, then what is free between them."""
    stops = _stops(rows, lanes, order)
    place_lanes(lanes, stops, drawing, {thing: cell for row in rows for cell in row for thing in cell.members})
    for lane in lanes:
        for cell in lane.cells:
            cell.centre += lane.left
    _spread_free(stops)
    _place_rows(stops, links)


def _stops(rows: list[list[Cell]], lanes: list[Lane], order: Ordering) -> list[list[Stop]]:
    """What stands in each row, from left to right: lanes as a whole, those that only pass included."""
    key = {lane.number: order.lane_key[lane.cells[0].members[0]] for lane in lanes}
    sequence = sorted(lanes, key=lambda lane: key[lane.number])
    stop_of = {lane.number: Stop(lane.width, LANE_GAP, lane=lane) for lane in lanes}
    found: list[list[Stop]] = []
    for number, row in enumerate(rows):
        present = list({id(stop): stop for stop in (stop_of.get(cell.lane) or _as_one(cell) for cell in row)}.values())
        standing = {stop.lane.number for stop in present if stop.lane}
        for lane in sequence:
            if lane.first < number < lane.last and lane.number not in standing:
                after = (at for at, one in enumerate(present) if one.lane and key[one.lane.number] > key[lane.number])
                present.insert(next(after, len(present)), stop_of[lane.number])
        found.append(present)
    return found


def _spread_free(stops: list[list[Stop]]) -> None:
    """Give free cells a first place: just right of the lane before them, or left of the first lane."""
    for row in stops:
        at = min((stop.centre - stop.width / 2 for stop in row if stop.lane), default=0.0)
        first = next((number for number, stop in enumerate(row) if stop.lane), len(row))
        at -= sum(stop.width + stop.gap for stop in row[:first])
        for stop in row:
            if stop.cell:
                stop.cell.centre = at + stop.width / 2
                at += stop.width + stop.gap
            else:
                at = stop.centre + stop.width / 2 + stop.gap
