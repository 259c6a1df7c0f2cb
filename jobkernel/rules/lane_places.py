"""Place the lanes of a drawing's groups beside each other, near what they are joined to.

Holds the records of places (cells, lanes, stops). Knows indexes only; called by ``rules.placing``.
"""

from __future__ import annotations

from jobkernel.records import dataclass
from jobkernel.rules.layering import Layered

LANE_GAP = 24.0
ROUNDS = 24


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
class Lane:
    """The cells of one group, placed relative to ``left``, from the ``first`` layer to the ``last``."""

    number: int
    cells: list[Cell]
    first: int
    last: int
    width: float
    left: float = 0.0


@dataclass(slots=True)
class Stop:
    """Something with a width that has its place in a row: a cell that may move, or a lane that stays."""

    width: float
    gap: float
    cell: Cell | None = None
    lane: Lane | None = None

    @property
    def centre(self) -> float:
        if self.cell is not None:
            return self.cell.centre
        return self.lane.left + self.width / 2 if self.lane else 0.0


Following = dict[int, dict[int, float]]


def place_lanes(lanes: list[Lane], stops: list[list[Stop]], drawing: Layered, cell_of: dict[int, Cell]) -> None:
    """Set each lane's ``left``: no two lanes that share a layer overlap, and what is between them has room.

    A wish list is made feasible from the left and from the right; the mean of the two keeps every distance too.
    """
    following = _following(lanes, stops)
    sequence = _sequence(lanes, following)
    pulls = _pulls(lanes, drawing, cell_of)
    _spread(sequence, following, {lane.number: -lane.width / 2 for lane in lanes})
    for _ in range(ROUNDS):
        wishes = {lane.number: _wish(lane, pulls[lane.number]) for lane in lanes}
        _spread(sequence, following, wishes)


def _pulls(lanes: list[Lane], drawing: Layered, cell_of: dict[int, Cell]) -> dict[int, list[tuple[Lane, float]]]:
    """For each lane, by each edge to another lane: that lane, and how far right the edge's other end is in it."""
    by_number = {lane.number: lane for lane in lanes}
    found: dict[int, list[tuple[Lane, float]]] = {lane.number: [] for lane in lanes}
    for chain in drawing.chains:
        one, other = cell_of[chain[0]], cell_of[chain[-1]]
        if one.lane != other.lane and one.lane in found and other.lane in found:
            found[one.lane].append((by_number[other.lane], other.centre - one.centre))
            found[other.lane].append((by_number[one.lane], one.centre - other.centre))
    return found


def _wish(lane: Lane, pulls: list[tuple[Lane, float]]) -> float:
    if not pulls:
        return lane.left
    # half of the way: two lanes that wish to meet would otherwise change places for ever
    return (lane.left + sum(other.left + distance for other, distance in pulls) / len(pulls)) / 2


def _following(lanes: list[Lane], stops: list[list[Stop]]) -> Following:
    """For each lane those right of it in some layer, with the distance that their left sides must keep."""
    found: Following = {lane.number: {} for lane in lanes}
    for row in stops:
        before: Stop | None = None
        distance, gap = 0.0, 0.0
        for stop in row:
            distance += max(gap, stop.gap)
            if stop.lane:
                if before and before.lane:
                    known = found[before.lane.number].get(stop.lane.number, 0.0)
                    found[before.lane.number][stop.lane.number] = max(known, distance)
                before, distance = stop, 0.0
            distance += stop.width
            gap = stop.gap
    return found


def _sequence(lanes: list[Lane], following: Following) -> list[Lane]:
    """Lanes so that each comes before all that are right of it."""
    by_number = {lane.number: lane for lane in lanes}
    waiting = dict.fromkeys(by_number, 0)
    for ones in following.values():
        for one in ones:
            waiting[one] += 1
    ready = [number for number, count in waiting.items() if not count]
    for number in ready:
        for one in following[number]:
            waiting[one] -= 1
            if not waiting[one]:
                ready.append(one)
    return [by_number[number] for number in ready]


def _spread(sequence: list[Lane], following: Following, wishes: dict[int, float]) -> None:
    pushed = dict(wishes)
    for lane in sequence:
        for one, distance in following[lane.number].items():
            pushed[one] = max(pushed[one], pushed[lane.number] + distance)
    pulled = dict(wishes)
    for lane in reversed(sequence):
        for one, distance in following[lane.number].items():
            pulled[lane.number] = min(pulled[lane.number], pulled[one] - distance)
    for lane in sequence:
        lane.left = (pushed[lane.number] + pulled[lane.number]) / 2
