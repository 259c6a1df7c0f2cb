"""Give every node of a drawing its layer, keep groups together, and cut long edges into steps of one layer.

Knows indexes only; the first step of ``rules.layout``.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from jobkernel.errors import CircularDependency
from jobkernel.records import dataclass

FREE = -1
Edge = tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Layered:
    """Nodes ``0..count-1`` and behind them the bends of long edges, all with a layer and a lane.

    A lane is one group's strip through the layers; FREE things stand between the lanes. ``chains`` holds for
    each edge what it passes: its first node, its bends, its last node.
    """

    count: int
    layer: list[int]
    lane: list[int]
    chains: list[list[int]]

    def steps(self) -> list[Edge]:
        """Every step of every edge, each from one layer to the next."""
        return [step for chain in self.chains for step in pairwise(chain)]


def layered(count: int, edges: Sequence[Edge], lanes: Sequence[int]) -> Layered:
    """Return the layers of ``count`` nodes; a circle raises CircularDependency."""
    outs: list[list[int]] = [[] for _ in range(count)]
    for start, end in edges:
        outs[start].append(end)
    order = _topological(count, outs)
    if any(lane != FREE for lane in lanes) and len(set(lanes)) > 1:
        layer = _layers_of_blocks(order, outs, _blocks(count, outs, lanes))
    else:
        layer = _longest_paths(order, outs)
    return _with_bends(count, edges, layer, list(lanes))


def _topological(count: int, outs: list[list[int]]) -> list[int]:
    waiting = [0] * count
    for ends in outs:
        for end in ends:
            waiting[end] += 1
    order = [node for node in range(count) if not waiting[node]]
    for node in order:
        for end in outs[node]:
            waiting[end] -= 1
            if not waiting[end]:
                order.append(end)
    if len(order) < count:
        raise CircularDependency("What is to be drawn depends on itself in a circle, so it has no layers.")
    return order


def _longest_paths(order: list[int], outs: list[list[int]]) -> list[int]:
    """Layers by the longest path from a source; then each source moves next to its first use."""
    layer = [0] * len(order)
    is_fed = [False] * len(order)
    for node in order:
        below = layer[node] + 1
        for end in outs[node]:
            is_fed[end] = True
            if layer[end] < below:
                layer[end] = below
    for node, ends in enumerate(outs):
        if ends and not is_fed[node]:
            layer[node] = min([layer[end] for end in ends]) - 1
    return layer


def _layers_of_blocks(order: list[int], outs: list[list[int]], block: list[int]) -> list[int]:
    """Layers in which each block is first layered by itself and then moved as a whole below what feeds it."""
    inner = _longest_paths(
        order, [[end for end in outs[node] if block[end] == block[node]] for node in range(len(outs))]
    )
    between = [(node, end) for node in order for end in outs[node] if block[node] != block[end]]
    outs_of_block: list[list[int]] = [[] for _ in range(max(block) + 1)]
    for node, end in between:
        outs_of_block[block[node]].append(block[end])
    leaving: dict[int, list[Edge]] = {}
    for node, end in between:
        leaving.setdefault(block[node], []).append((node, end))
    base = [0] * len(outs_of_block)
    is_fed = {block[end] for _, end in between}
    sequence = _topological(len(base), outs_of_block)
    for one in sequence:
        for node, end in leaving.get(one, ()):
            base[block[end]] = max(base[block[end]], base[one] + inner[node] + 1 - inner[end])
    for one in reversed(sequence):
        if one in leaving and one not in is_fed:
            base[one] = min(base[block[end]] + inner[end] - 1 - inner[node] for node, end in leaving[one])
    return [base[block[node]] + inner[node] for node in range(len(outs))]


def _blocks(count: int, outs: list[list[int]], lanes: Sequence[int]) -> list[int]:
    """Which nodes move as one: those of a group, and those of groups that feed each other both ways."""
    lane_count = max(lanes) + 1
    start = [lane if lane != FREE else lane_count + node for node, lane in enumerate(lanes)]
    numbers = {name: number for number, name in enumerate(dict.fromkeys(start))}
    block = [numbers[name] for name in start]
    following: list[set[int]] = [set() for _ in numbers]
    for node in range(count):
        following[block[node]].update(block[end] for end in outs[node])
    merged = mutual([sorted(ends) for ends in following])
    return [merged[one] for one in block]


def mutual(following: list[list[int]]) -> list[int]:
    """Return a number for each point, shared by those that reach each other (Tarjan, without recursion)."""
    number = [-1] * len(following)
    lowest = [0] * len(following)
    component = [-1] * len(following)
    pending: list[int] = []
    counter = found = 0
    for root in range(len(following)):
        walk = [(root, 0)] if number[root] < 0 else []
        while walk:
            point, at = walk.pop()
            if at == 0:
                number[point] = lowest[point] = counter
                counter += 1
                pending.append(point)
            if at < len(following[point]):
                walk.append((point, at + 1))
                other = following[point][at]
                if number[other] < 0:
                    walk.append((other, 0))
                elif component[other] < 0:
                    lowest[point] = min(lowest[point], number[other])
                continue
            if lowest[point] == number[point]:
                found = _close(pending, point, component, found)
            if walk:
                above = walk[-1][0]
                lowest[above] = min(lowest[above], lowest[point])
    return component


def _close(pending: list[int], point: int, component: list[int], found: int) -> int:
    while True:
        member = pending.pop()
        component[member] = found
        if member == point:
            return found + 1


def _with_bends(count: int, edges: Sequence[Edge], layer: list[int], lane: list[int]) -> Layered:
    lowest = min(layer, default=0)
    layer = [one - lowest for one in layer]
    is_one_lane = len(set(lane)) <= 1
    chains: list[list[int]] = []
    for start, end in edges:
        bend_lane = lane[start] if is_one_lane or lane[start] == lane[end] else FREE
        first = len(layer)
        between = range(layer[start] + 1, layer[end])
        layer.extend(between)
        lane.extend([bend_lane] * len(between))
        chains.append([start, *range(first, first + len(between)), end])
    return Layered(count=count, layer=layer, lane=lane, chains=chains)
