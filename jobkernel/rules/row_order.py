"""Order the things in each layer of a drawing so that few edges cross and each group stays in its lane.

Barycentre sweeps keep the best order seen, then neighbours change places where that helps. Knows indexes only;
the second step of ``rules.layout``. Source: Sugiyama's method.
"""

from __future__ import annotations

from bisect import bisect_right

from jobkernel.records import dataclass
from jobkernel.rules.layering import FREE, Layered

SWEEPS = 12
PATIENCE = 4
EXCHANGES = 3
QUICK_ABOVE = 15_000

Rows = list[list[int]]


@dataclass(slots=True)
class Ordering:
    """Rows under work. ``place`` is where a thing stands in its row, ``key`` where it would like to stand.

    ``ends`` holds for each bend the nodes that its edge joins.
    """

    rows: Rows
    up: Rows
    down: Rows
    lane: list[int]
    lane_count: int
    place: list[int]
    key: list[float]
    lane_key: list[float]
    ends: dict[int, tuple[int, int]]


def ordered(drawing: Layered) -> Ordering:
    """Return the rows of a drawing, ordered. In each row the members of a lane stand together, and lanes stand in
    the same order in every row; ``lane_key`` rises along each row."""
    work = _begin(drawing)
    _number(work)
    if work.lane_count > 1:
        _settle_lanes(work)
    best, kept = crossings(work), [list(row) for row in work.rows]
    hurry = 2 if len(work.lane) > QUICK_ABOVE else 1
    vain = 0
    for sweep in range(SWEEPS // hurry):
        if best == 0 or vain == PATIENCE // hurry:
            break
        _sweep(work, is_downward=sweep % 2 == 0)
        if work.lane_count > 1:
            _settle_lanes(work)
        found = crossings(work)
        vain = 0 if found < best else vain + 1
        if found < best:
            best, kept = found, [list(row) for row in work.rows]
    work.rows = kept
    _number(work)
    for _ in range(EXCHANGES // hurry if best else 0):
        if not _exchange(work):
            break
    return work


def _begin(drawing: Layered) -> Ordering:
    size = len(drawing.layer)
    up: Rows = [[] for _ in range(size)]
    down: Rows = [[] for _ in range(size)]
    for start, end in drawing.steps():
        down[start].append(end)
        up[end].append(start)
    lanes = {lane for lane in drawing.lane if lane != FREE}
    is_plain = len(set(drawing.lane)) <= 1
    return Ordering(
        rows=_first_rows(drawing, up, down),
        up=up,
        down=down,
        lane=drawing.lane,
        lane_count=1 if is_plain else max(lanes) + 2,
        place=[0] * size,
        key=[0.0] * size,
        lane_key=[0.0] * size,
        ends={bend: (chain[0], chain[-1]) for chain in drawing.chains for bend in chain[1:-1]},
    )


def _first_rows(drawing: Layered, up: Rows, down: Rows) -> Rows:
    """Rows in the order of a walk in depth, which already lets most edges run side by side."""
    rows: Rows = [[] for _ in range(max(drawing.layer, default=-1) + 1)]
    seen = bytearray(len(drawing.layer))
    for root in range(drawing.count):
        waiting = [] if up[root] else [root]
        while waiting:
            thing = waiting.pop()
            if not seen[thing]:
                seen[thing] = 1
                rows[drawing.layer[thing]].append(thing)
                waiting.extend(reversed(down[thing]))
    return rows


def _number(work: Ordering) -> None:
    for row in work.rows:
        for place, thing in enumerate(row):
            work.place[thing] = place


def _sweep(work: Ordering, *, is_downward: bool) -> None:
    """Sort each row by the mean place of its neighbours in the row before (or, upward, after)."""
    place, key = work.place, work.key
    neighbours = work.up if is_downward else work.down
    for row in work.rows if is_downward else reversed(work.rows):
        for thing in row:
            others = neighbours[thing]
            key[thing] = sum([place[other] for other in others]) / len(others) if others else place[thing]
        row.sort(key=key.__getitem__)
        if work.lane_count > 1:
            row.sort(key=work.lane_key.__getitem__)
        for at, thing in enumerate(row):
            place[thing] = at


def _settle_lanes(work: Ordering) -> None:
    """Move each lane to the mean place of its members, and things between lanes to where they would like to be."""
    total = [0.0] * work.lane_count
    members = [0] * work.lane_count
    wish = [0.0] * len(work.lane)
    for row in work.rows:
        middle = (len(row) - 1) / 2
        for thing in row:
            wish[thing] = work.place[thing] - middle
            total[work.lane[thing]] += wish[thing]
            members[work.lane[thing]] += 1
    # the small share of the number keeps two lanes apart that would like the same place
    centre = [sum_ / max(count, 1) + lane * 1e-7 for lane, (sum_, count) in enumerate(zip(total, members, strict=True))]
    for thing, lane in enumerate(work.lane):
        work.lane_key[thing] = centre[lane] if lane != FREE else _between(work, thing, centre, wish)
    for row in work.rows:
        row.sort(key=work.lane_key.__getitem__)
    _number(work)


def _between(work: Ordering, thing: int, centre: list[float], wish: list[float]) -> float:
    """Where a thing in no lane wants to stand: a bend half way between the lanes that its edge joins."""
    joined = work.ends.get(thing) or (*work.up[thing], *work.down[thing])
    wishes = [wish[other] if work.lane[other] == FREE else centre[work.lane[other]] for other in joined]
    return sum(wishes) / len(wishes) + 5e-8 if wishes else wish[thing]


def crossings(work: Ordering) -> int:
    """Return how many pairs of edge steps cross."""
    return sum([_crossings_above(row, work) for row in work.rows[1:]])


def _crossings_above(row: list[int], work: Ordering) -> int:
    """How many of the steps that end in a row cross: for each, those before it that begin further right."""
    place, crossed = work.place, 0
    seen: list[int] = []
    for thing in row:
        ends = [place[other] for other in work.up[thing]]
        if len(ends) > 1:
            ends.sort()
        for end in ends:
            at = bisect_right(seen, end)
            crossed += len(seen) - at
            seen.insert(at, end)
    return crossed


def _exchange(work: Ordering) -> bool:
    """Let neighbours change places where fewer edges cross then; return whether any did."""
    changed = False
    place = work.place
    for row in work.rows:
        for at in range(len(row) - 1):
            left, right = row[at], row[at + 1]
            if work.lane[left] == work.lane[right] and _gain(work, left, right) > 0:
                row[at], row[at + 1] = right, left
                place[left], place[right] = at + 1, at
                changed = True
    return changed


def _gain(work: Ordering, left: int, right: int) -> int:
    """How many crossings fewer there are when two neighbours change places."""
    place, gain = work.place, 0
    for neighbours in (work.up, work.down):
        theirs = [place[other] for other in neighbours[right]]
        if theirs:
            for other in neighbours[left]:
                mine = place[other]
                for one in theirs:
                    gain += (mine > one) - (mine < one)
    return gain
