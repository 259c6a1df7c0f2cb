"""A graph as screens are sent it: columns, of which most are shorter than their rows; and its rows again, for pictures.

The words are those of labextension/src/protocol.ts (``PackedGraph``). Knows no session and no layout rules.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from jobkernel.rules.layout import Layout

UNIT: Final = 4
"""Places are sent as whole numbers, so many to a pixel."""


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


def values_of(packed: Any, count: int) -> list[Any]:
    """Return the values of a column, one for each of ``count`` rows."""
    if isinstance(packed, list):
        return packed
    if "words" in packed:
        return [packed["words"][at] for at in packed["at"]]
    found = [packed["most"]] * count
    for at, value in packed["but"].items():
        found[int(at)] = value
    return found


def places_of(found: Layout) -> Places:
    """Return where everything of a layout stands."""
    nodes, edges = found.nodes, found.edges
    points = [length for route in edges for point in route.points for length in point]
    return Places(
        width=found.width,
        height=found.height,
        nodes={
            "x": _units([node.x for node in nodes]),
            "y": _units([node.y for node in nodes]),
            "w": column(_units([node.width for node in nodes])),
            "h": column(_units([node.height for node in nodes])),
            "layer": column([node.layer for node in nodes]),
            "index": column([node.index for node in nodes]),
        },
        edges={
            "from": [route.start for route in edges],
            "to": [route.end for route in edges],
            "bends": column([len(route.points) for route in edges]),
            "points": _units(points),
        },
        groups=[
            {"name": box.name, "x": box.x, "y": box.y, "w": box.width, "h": box.height, "collapsed": False}
            for box in found.groups
        ],
    )


def _units(lengths: Sequence[float]) -> list[int]:
    return [round(length * UNIT) for length in lengths]


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
    return {**graph, "nodes": nodes, "edges": _edge_rows(graph["edges"], nodes)}


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


def _edge_rows(packed: Mapping[str, Any], nodes: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    count = packed["count"]
    lengths = [length / UNIT for length in packed["points"]]
    points = list(zip(lengths[::2], lengths[1::2], strict=True))
    rows, at = [], 0
    columns = (packed["from"], packed["to"], values_of(packed["inferred"], count), values_of(packed["bends"], count))
    for number, (start, end, inferred, bends) in enumerate(zip(*columns, strict=True)):
        names = packed["names"].get(str(number), [nodes[start]["label"]])
        own = points[at : at + bends]
        rows.append({"from": start, "to": end, "inferred": inferred, "names": names, "points": own})
        at += bends
    return rows
