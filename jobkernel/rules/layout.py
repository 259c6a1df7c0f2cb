"""Lay out a dependency graph in layers: where each node, edge and group box of the picture stands.

Pure and deterministic: sizes, edges and groups in, places out; the caller keeps the result as long as the
structure stays. Knows no keys, statuses or screens. The graph view and the exports call it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import field

from jobkernel.records import dataclass
from jobkernel.rules.lane_places import Cell, Lane
from jobkernel.rules.layering import FREE, Layered, layered
from jobkernel.rules.placing import FOLDED_GAP, GAP, Measures, placed
from jobkernel.rules.row_order import ordered

CARD = (152.0, 56.0)
LAYER_GAP = 52.0
LABEL = 28.0
MARGIN = 12.0
PORT_STEP = 16.0
FOLDS = {"LR": (12, 1.56), "TD": (8, 0.64)}

Point = tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacedNode:
    """A node's top left corner and size, its layer, and its place among the ``layer_size`` nodes of that layer."""

    x: float
    y: float
    width: float
    height: float
    layer: int
    index: int
    layer_size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """An edge from one node to another, through ``points``: where it leaves, its bends, where it arrives."""

    start: int
    end: int
    points: tuple[Point, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupBox:
    """The box around the nodes of a group; its label stands in the topmost ``LABEL`` pixels."""

    name: str
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """A whole picture, its corner at (0, 0). Nodes and edges are in the order given, groups by first member."""

    direction: str
    width: float
    height: float
    nodes: tuple[PlacedNode, ...]
    edges: tuple[Route, ...]
    groups: tuple[GroupBox, ...]


def layout(
    sizes: int | Sequence[Point],
    edges: Sequence[tuple[int, int]],
    groups: Sequence[str | None] | None = None,
    direction: str = "LR",
) -> Layout:
    """Place nodes (their number, or each one's width and height), edges between their indexes, and groups.

    ``groups`` names each node's group (None: none); a group's box holds no other node and crosses no other box.
    Layers run from left to right (``LR``) or top down (``TD``) and fold when they are too wide to read.

    Raises:
        CircularDependency: the edges go in a circle.
        ValueError: another direction.
    """
    if direction not in FOLDS:
        raise ValueError(f"A drawing runs LR or TD, not {direction!r}.")
    boxes = [CARD] * sizes if isinstance(sizes, int) else list(sizes)
    names = list(dict.fromkeys(name for name in groups or () if name is not None))
    numbers: dict[str | None, int] = {name: number for number, name in enumerate(names)}
    lanes = [numbers.get(name, FREE) for name in groups] if groups else [FREE] * len(boxes)
    drawing = layered(len(boxes), edges, lanes)
    measures = _measures(boxes, direction, has_boxes=bool(names))
    rows, frames = placed(drawing, ordered(drawing), measures)
    return _Sheet(drawing, rows, frames, measures, direction, names).drawn(boxes, edges)


def _measures(boxes: list[Point], direction: str, *, has_boxes: bool) -> Measures:
    fold_above, fold_share = FOLDS[direction]
    widths, heights = [box[0] for box in boxes], [box[1] for box in boxes]
    is_across = direction == "LR"
    return Measures(
        cross=heights if is_across else widths,
        along=widths if is_across else heights,
        fold_above=fold_above,
        fold_share=fold_share,
        lane_before=(LABEL if is_across else GAP) if has_boxes else 0.0,
        lane_after=GAP if has_boxes else 0.0,
    )


@dataclass(frozen=True, slots=True)
class _Band:
    """Where a layer begins along, how high one row of it is, and how many rows it is folded into."""

    start: float
    row: float
    rows: int

    @property
    def end(self) -> float:
        return self.start + self.rows * self.row + (self.rows - 1) * FOLDED_GAP

    def row_start(self, number: int) -> float:
        return self.start + number * (self.row + FOLDED_GAP)


@dataclass(slots=True)
class _Sheet:
    """Turns cells into places on the sheet; ``spot`` is each thing's (cell, row in the cell)."""

    drawing: Layered
    rows: list[list[Cell]]
    lanes: list[Lane]
    measures: Measures
    direction: str
    names: list[str]
    bands: list[_Band] = field(default_factory=list)
    spot: list[tuple[Cell, int]] = field(default_factory=list)
    shift: float = 0.0

    def drawn(self, boxes: list[Point], edges: Sequence[tuple[int, int]]) -> Layout:
        self.bands = self._bands()
        lefts = [cell.centre - cell.width / 2 for row in self.rows for cell in row]
        lefts += [self._lane_left(lane) for lane in self.lanes]
        self.shift = MARGIN - min(lefts, default=0.0)
        self.spot = self._spots()
        nodes = self._nodes(boxes)
        routes = self._routes(nodes, edges)
        frames = [self._box(lane) for lane in self.lanes]
        ends = [(one.x + one.width, one.y + one.height) for one in nodes]
        ends += [(one.x + one.width, one.y + one.height) for one in frames]
        ends += [point for route in routes for point in route.points]
        return Layout(
            direction=self.direction,
            width=max((x for x, _ in ends), default=0.0) + MARGIN,
            height=max((y for _, y in ends), default=0.0) + MARGIN,
            nodes=tuple(nodes),
            edges=tuple(routes),
            groups=tuple(frames),
        )

    def _bands(self) -> list[_Band]:
        """Layers one after the other, with room for the frames of the groups that end and begin between them."""
        beginning, ending = {lane.first for lane in self.lanes}, {lane.last for lane in self.lanes}
        before = GAP if self.direction == "LR" else LABEL
        bands: list[_Band] = []
        at = MARGIN
        for number, row in enumerate(self.rows):
            at += before if number in beginning else 0.0
            nodes = [thing for cell in row for thing in cell.members if thing < self.drawing.count]
            high = max((self.measures.along[node] for node in nodes), default=0.0)
            bands.append(_Band(at, high, max((len(cell.members) for cell in row), default=1)))
            at = bands[-1].end + LAYER_GAP + (GAP if number in ending else 0.0)
        return bands

    def _spots(self) -> list[tuple[Cell, int]]:
        found: list[tuple[Cell, int]] = [(Cell([], 0, 0, 0, 0), 0)] * len(self.drawing.layer)
        for row in self.rows:
            for cell in row:
                cell.centre = _quarter(cell.centre + self.shift)
                for at, thing in enumerate(cell.members):
                    found[thing] = (cell, at)
        return found

    def _point(self, cross: float, along: float) -> Point:
        return (along, cross) if self.direction == "LR" else (cross, along)

    def _nodes(self, boxes: list[Point]) -> list[PlacedNode]:
        index_of: dict[int, tuple[int, int]] = {}
        for row in self.rows:
            nodes = [thing for cell in row for thing in cell.members if thing < self.drawing.count]
            index_of.update((node, (index, len(nodes))) for index, node in enumerate(nodes))
        return [self._node(node, boxes[node], index_of[node]) for node in range(self.drawing.count)]

    def _node(self, node: int, size: Point, place: tuple[int, int]) -> PlacedNode:
        cell, number = self.spot[node]
        band = self.bands[cell.layer]
        cross = cell.centre - self.measures.cross[node] / 2
        along = band.row_start(number) + (band.row - self.measures.along[node]) / 2
        x, y = self._point(cross, along)
        return PlacedNode(
            x=x, y=y, width=size[0], height=size[1], layer=cell.layer, index=place[0], layer_size=place[1]
        )

    def _routes(self, nodes: list[PlacedNode], edges: Sequence[tuple[int, int]]) -> list[Route]:
        leaving = self._ports(lambda chain: (chain[0], chain[1]))
        arriving = self._ports(lambda chain: (chain[-1], chain[-2]))
        routes: list[Route] = []
        for number, (start, end) in enumerate(edges):
            points = [
                *self._leave(nodes[start], start, leaving[number], self.drawing.chains[number][1]),
                *(point for bend in self.drawing.chains[number][1:-1] for point in self._pass(bend)),
                *self._arrive(nodes[end], end, arriving[number], self.drawing.chains[number][-2]),
            ]
            routes.append(Route(start=start, end=end, points=_without_idle(points)))
        return routes

    def _ports(self, ends_of: Callable[[list[int]], tuple[int, int]]) -> list[float]:
        """How far from its node's middle each edge meets it, so that several edges do not meet in one point."""
        meeting: dict[int, list[tuple[float, int]]] = {}
        for number, chain in enumerate(self.drawing.chains):
            node, other = ends_of(chain)
            meeting.setdefault(node, []).append((self.spot[other][0].centre, number))
        offsets = [0.0] * len(self.drawing.chains)
        for node, ones in meeting.items():
            step = min(PORT_STEP, self.measures.cross[node] * 0.6 / len(ones))
            for at, (_, number) in enumerate(sorted(ones)):
                offsets[number] = _quarter((at - (len(ones) - 1) / 2) * step)
        return offsets

    def _leave(self, box: PlacedNode, node: int, offset: float, following: int) -> list[Point]:
        cell, number = self.spot[node]
        end = box.x + box.width if self.direction == "LR" else box.y + box.height
        points = [self._point(cell.centre + offset, end)]
        if number < len(cell.members) - 1:
            beside = self._beside(cell, following)
            points += [self._point(beside, end + GAP), self._point(beside, self.bands[cell.layer].end)]
        return points

    def _arrive(self, box: PlacedNode, node: int, offset: float, before: int) -> list[Point]:
        cell, number = self.spot[node]
        start = box.x if self.direction == "LR" else box.y
        points = [self._point(cell.centre + offset, start)]
        if number > 0:
            beside = self._beside(cell, before)
            points = [self._point(beside, self.bands[cell.layer].start), self._point(beside, start - GAP), *points]
        return points

    def _beside(self, cell: Cell, other: int) -> float:
        """The lane beside a folded column, on the side that the other end of the edge lies."""
        side = 1 if self.spot[other][0].centre > cell.centre else -1
        return cell.centre + side * (cell.width + FOLDED_GAP) / 2

    def _pass(self, bend: int) -> list[Point]:
        cell, _ = self.spot[bend]
        band = self.bands[cell.layer]
        return [self._point(cell.centre, band.start), self._point(cell.centre, band.end)]

    def _lane_left(self, lane: Lane) -> float:
        return min(cell.centre - cell.width / 2 for cell in lane.cells) - self.measures.lane_before

    def _box(self, lane: Lane) -> GroupBox:
        left = _quarter(self._lane_left(lane))
        start = self.bands[lane.first].start - (GAP if self.direction == "LR" else LABEL)
        x, y = self._point(left, start)
        right, bottom = self._point(_quarter(left + lane.width), self.bands[lane.last].end + GAP)
        return GroupBox(name=self.names[lane.number], x=x, y=y, width=right - x, height=bottom - y)


def _quarter(length: float) -> float:
    """The length in whole quarters of a pixel, which add up without rounding errors."""
    return round(length * 4) / 4


def _without_idle(points: list[Point]) -> tuple[Point, ...]:
    """The points without those that stand on the straight line between their neighbours along one axis."""
    if len(points) <= 2:
        return tuple(points)
    kept = points[:1]
    (x, y), (next_x, next_y) = points[0], points[1]
    for point in points[2:]:
        if not (x == next_x == point[0] or y == next_y == point[1]):
            kept.append((next_x, next_y))
        (x, y), (next_x, next_y) = (next_x, next_y), point
    return (*kept, points[-1])
