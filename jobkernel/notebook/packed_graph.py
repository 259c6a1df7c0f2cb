"""A graph as screens are sent it: columns, of which most are shorter than their rows; and its rows again, for pictures.

The words are those of labextension/src/protocol.ts (``PackedGraph``). Knows no session and no layout rules.
"""

from __future__ import annotations

import sys
from array import array
from base64 import b64decode, b64encode
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from jobkernel.rules.layout import Layout

UNIT: Final = 4
"""Places are sent as whole numbers, so many to a pixel."""


_CODES: Final = {"i16": "h", "i32": "i"}
"""What Python's arrays call whole numbers of so many bits."""


class Card(NamedTuple):
    """One node but for its place. ``member_keys`` are those that a collapsed group stands for."""

    key: str
    label: str
    type: str
    kind: str = ""
    group: str = "default"
    checks: int = 0
    member_keys: tuple[str, ...] = ()


class Places(NamedTuple):
    """What of a packed graph depends on its structure alone, so that it is kept as long as that."""

    width: float
    height: float
    nodes: Mapping[str, Any]
    edges: Mapping[str, Any]
    groups: list[dict[str, Any]]


def column(values: Sequence[Any]) -> Any:
    """Return values as a list, as ``words`` with the number of each at its place, or as the ``most`` and all others."""
    counts = Counter(values)
    most, times = counts.most_common(1)[0] if counts else (None, 0)
    if len(values) - times <= len(values) // 8:
        return {"most": most, "but": {str(at): value for at, value in enumerate(values) if value != most}}
    if len(counts) > len(values) // 4:
        return list(values)
    number = {word: at for at, word in enumerate(counts)}
    return {"words": list(counts), "at": [number[value] for value in values]}


def numbers(values: Sequence[int]) -> Any:
    """Return whole numbers as base64 of 16 or 32 bits each, which JSON writes at once; as a column where all agree."""
    if len(set(values)) < 2:
        return column(values)
    name = "i16" if min(values) >= -(2**15) and max(values) < 2**15 else "i32"
    return {name: b64encode(_bytes_in_order(array(_CODES[name], values))).decode()}


def _bytes_in_order(numbers: array[int]) -> bytes:
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers.tobytes()


def values_of(packed: Any, count: int) -> list[Any]:
    """Return the values of a column, one for each of ``count`` rows."""
    if isinstance(packed, list):
        return packed
    for name in packed.keys() & _CODES.keys():
        return array(_CODES[name], _bytes_in_order(array(_CODES[name], b64decode(packed[name])))).tolist()
    if "words" in packed:
        return [packed["words"][at] for at in packed["at"]]
    found = [packed["most"]] * count
    for at, value in packed["but"].items():
        found[int(at)] = value
    return found


def places_of(found: Layout) -> Places:
    """Return where everything of a layout stands."""
    nodes, edges = found.nodes, found.edges
    points = [length for route in edges for point in route.points[1:-1] for length in point]
    cross = 1 if found.direction == "LR" else 0
    middles = [node.y + node.height / 2 if cross else node.x + node.width / 2 for node in nodes]
    return Places(
        width=found.width,
        height=found.height,
        nodes={
            "x": _units([node.x for node in nodes]),
            "y": _units([node.y for node in nodes]),
            "w": _units([node.width for node in nodes]),
            "h": _units([node.height for node in nodes]),
            "layer": numbers([node.layer for node in nodes]),
            "index": numbers([node.index for node in nodes]),
        },
        edges={
            "from": numbers([route.start for route in edges]),
            "to": numbers([route.end for route in edges]),
            "leaves": _units([route.points[0][cross] - middles[route.start] for route in edges]),
            "arrives": _units([route.points[-1][cross] - middles[route.end] for route in edges]),
            "bends": numbers([len(route.points) - 2 for route in edges]),
            "points": _units(points),
        },
        groups=[
            {"name": box.name, "x": box.x, "y": box.y, "w": box.width, "h": box.height, "collapsed": False}
            for box in found.groups
        ],
    )


def _units(lengths: Sequence[float]) -> Any:
    return numbers([round(length * UNIT) for length in lengths])


def packed_nodes(cards: Sequence[Card], places: Places) -> dict[str, Any]:
    """Return the columns of nodes; a label that is the last part of its key is left out."""
    return {
        "count": len(cards),
        "key": [card.key for card in cards],
        "label": {str(at): card.label for at, card in enumerate(cards) if card.label != label_of(card.key)},
        "type": column([card.type for card in cards]),
        "kind": column([card.kind for card in cards]),
        "group": column([card.group for card in cards]),
        "checks": column([card.checks for card in cards]),
        "member_keys": {str(at): list(card.member_keys) for at, card in enumerate(cards) if card.member_keys},
        **places.nodes,
    }


def label_of(key: str) -> str:
    """Return what a node is called unless it says otherwise: what follows the last ``/`` of its key."""
    return key.rpartition("/")[2]


def packed_edges(inferred: Sequence[bool], names: Mapping[int, list[str]], places: Places) -> dict[str, Any]:
    """Return the columns of edges; ``names`` holds those that are not just the label of where they begin."""
    return {
        "count": len(inferred),
        "inferred": column(inferred),
        "names": {str(at): said for at, said in names.items()},
        **places.edges,
    }


def rows_of(graph: Mapping[str, Any]) -> dict[str, Any]:
    """Return a packed graph with a record for each node and each edge, in pixels."""
    nodes = _node_rows(graph["nodes"])
    return {**graph, "nodes": nodes, "edges": _edge_rows(graph["edges"], nodes, graph["direction"])}


def _node_rows(packed: Mapping[str, Any]) -> list[dict[str, Any]]:
    names = ("type", "kind", "group", "checks", "x", "y", "w", "h", "layer", "index")
    columns = [values_of(packed[name], packed["count"]) for name in names]
    rows = [dict(zip(names, values, strict=True)) for values in zip(*columns, strict=True)]
    for at, (key, row) in enumerate(zip(packed["key"], rows, strict=True)):
        row.update({name: row[name] / UNIT for name in "xywh"})
        row.update(key=key, label=packed["label"].get(str(at), label_of(key)))
        row["member_keys"] = packed["member_keys"].get(str(at), [])
        row["members"] = len(row["member_keys"])
    return rows


def _edge_rows(packed: Mapping[str, Any], nodes: Sequence[Mapping[str, Any]], direction: str) -> list[dict[str, Any]]:
    count = packed["count"]
    bends = values_of(packed["bends"], count)
    lengths = [length / UNIT for length in values_of(packed["points"], 2 * sum(bends))]
    points = list(zip(lengths[::2], lengths[1::2], strict=True))
    columns = [values_of(packed[name], count) for name in ("from", "to", "inferred", "leaves", "arrives")]
    rows, at = [], 0
    for number, (start, end, inferred, leaves, arrives) in enumerate(zip(*columns, strict=True)):
        names = packed["names"].get(str(number), [nodes[start]["label"]])
        first = _port(nodes[start], leaves / UNIT, direction, 1)
        last = _port(nodes[end], arrives / UNIT, direction, 0)
        own = [first, *points[at : at + bends[number]], last]
        rows.append({"from": start, "to": end, "inferred": inferred, "names": names, "points": own})
        at += bends[number]
    return rows


def _port(node: Mapping[str, Any], offset: float, direction: str, side: int) -> tuple[float, float]:
    """Return where an edge meets a node: so far off the middle of the side where it leaves (1) or arrives (0)."""
    if direction == "LR":
        return node["x"] + side * node["w"], node["y"] + node["h"] / 2 + offset
    return node["x"] + node["w"] / 2 + offset, node["y"] + side * node["h"]
