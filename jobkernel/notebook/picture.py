"""A still picture of a graph view: our own SVG, which needs no program, and the ``graphviz`` package's Digraph.

Colours follow the page's theme where there is one and fall back to plain values. All text is escaped. Knows no session.
"""

from __future__ import annotations

import html
import shutil
from collections.abc import Mapping, Sequence
from itertools import groupby, pairwise
from pathlib import Path
from typing import Any, Final

from jobkernel.errors import JobkernelError, Unsupported
from jobkernel.notebook.shown import MARKS, count_of, plain

MIME: Final = "application/vnd.jobkernel.graph+json"
FORMATS: Final = (".svg", ".dot", ".pdf", ".png")
_TONE: Final = {"fresh": "#388e3c", "failed": "#d32f2f", "running": "#1976d2", "stale": "#c25e00"}
_QUIET: Final = "#616161"
_FILLS: Final = {"fresh": "#e8f5e9", "failed": "#ffebee", "running": "#e3f2fd", "stale": "#fff3e0"}
_WORST_FIRST: Final = ("failed", "running", "stale", "never", "queued", "canceled", "skipped", "fresh")
_STYLE: Final = (
    "<style>.jkp-paper{fill:var(--jp-layout-color1,#fff)}.jkp-ink{fill:var(--jp-ui-font-color1,#212121)}"
    ".jkp-quiet{fill:var(--jp-ui-font-color2,#616161)}.jkp-box{fill:var(--jp-ui-font-color1,#212121)}"
    ".jkp-line{stroke:var(--jp-ui-font-color1,#212121)}.jkp-rim{stroke:var(--jp-border-color1,#bdbdbd)}</style>"
)
"""What follows the page's theme; each element also has a plain colour for readers that know no styles."""
_FONT: Final = "var(--jp-ui-font-family,system-ui),'Segoe UI',Helvetica,Arial,sans-serif"
_CELLS: Final = {
    "f": ("#388e3c", 4),
    "s": ("#c25e00", 2),
    "x": ("#d32f2f", 6),
    "r": ("#1976d2", 4),
    "-": ("#616161", 1),
}
"""The colour and height of a cell of a bar of partitions, by its letter."""
CARDS_AT_MOST: Final = 200
"""A picture of more nodes shows blocks without names."""
EDGES_AT_MOST: Final = 4000
LINES_AT_MOST: Final = 200
_RING: Final = '<circle cx="8" cy="8" r="6.2" fill="none" stroke="{c}" stroke-width="1.5"'
_WHITE: Final = 'fill="none" stroke="#fff" stroke-width="1.75"'
_GLYPHS: Final[Mapping[str, str]] = {
    "fresh": f'<circle cx="8" cy="8" r="7" fill="{{c}}"/><path d="M4.8 8.3l2.2 2.2 4.2-4.6" {_WHITE}/>',
    "failed": '<rect x="1.5" y="1.5" width="13" height="13" rx="2.5" fill="{c}"/>'
    f'<path d="M5.3 5.3l5.4 5.4M10.7 5.3l-5.4 5.4" {_WHITE}/>',
    "running": f'{_RING} opacity=".3"/><path d="M8 1.8a6.2 6.2 0 0 1 6.2 6.2" fill="none" stroke="{{c}}"'
    ' stroke-width="1.5"/>',
    "stale": f'{_RING}/><path d="M8 1.8a6.2 6.2 0 0 0 0 12.4z" fill="{{c}}"/>',
    "never": f'{_RING} stroke-dasharray="2.2 2.67"/>',
    "queued": f'{_RING}/><path d="M8 4.6V8l2.3 1.6" fill="none" stroke="{{c}}"/>',
    "canceled": f'{_RING}/><path d="M3.8 12.2l8.4-8.4" stroke="{{c}}"/>',
    "skipped": '<path d="M3.5 8h9" stroke="{c}" stroke-width="2"/>',
}


def svg_of(graph: Mapping[str, Any], status: Mapping[str, Mapping[str, Any]]) -> str:
    """Return a graph view as SVG text; ``status`` are the protocol's node statuses by key."""
    if not graph["nodes"]:
        return _svg_of_nothing(why_empty(graph))
    width, height = graph["width"] + 24, graph["height"] + 24
    parts = [_group(group) for group in graph["groups"]]
    if len(graph["nodes"]) > CARDS_AT_MOST:
        parts += [_straight_edges(graph), _blocks(graph["nodes"], status)]
    else:
        parts += [_edge(edge, graph["direction"]) for edge in graph["edges"]]
        parts += [_card(node, status) for node in graph["nodes"]]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="-12 -12 {width:g} {height:g}" width="{width:g}" '
        f'style="max-width:100%;height:auto" role="img" aria-label="{_summary(graph)}" font-family="{_FONT}" '
        f'font-size="12">{_STYLE}<rect class="jkp-paper" x="-12" y="-12" width="{width:g}" height="{height:g}" '
        f'rx="4" fill="#fff"/>{"".join(parts)}</svg>'
    )


def _svg_of_nothing(sentence: str) -> str:
    sentence = _cut(plain(sentence), 120)
    width = 24 + 7 * len(sentence)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} 36" width="{width}" '
        f'style="max-width:100%;height:auto" role="img" aria-label="{html.escape(sentence)}" font-family="{_FONT}">'
        f'{_STYLE}<rect class="jkp-paper" width="{width}" height="36" rx="4" fill="#fff"/>'
        f"{_text(12, 22, sentence, tone='quiet')}</svg>"
    )


def _summary(graph: Mapping[str, Any]) -> str:
    nodes, edges = count_of(len(graph["nodes"]), "node"), count_of(len(graph["edges"]), "edge")
    return f"A graph of {nodes} and {edges}"


def _word(node: Mapping[str, Any], status: Mapping[str, Mapping[str, Any]]) -> str:
    """Return a node's status; of a pile, the worst in it."""
    words = {str(status.get(key, {}).get("status", "never")) for key in node.get("member_keys") or (node["key"],)}
    return next((word for word in _WORST_FIRST if word in words), "never")


def _group(group: Mapping[str, Any]) -> str:
    x, y, w, h = (group[name] for name in "xywh")
    label = _text(x + 12, y + 17, group["name"], size=11, tone="quiet")
    return (
        f'<rect class="jkp-box" x="{x:g}" y="{y:g}" width="{w:g}" height="{h:g}" rx="8" fill="#212121" '
        f'fill-opacity=".04"/>{label}'
    )


def _edge(edge: Mapping[str, Any], direction: str) -> str:
    points = edge["points"]
    path = f"M{points[0][0]:g} {points[0][1]:g}"
    for (x1, y1), (x2, y2) in pairwise(points):
        bend = (y2 - y1) / 2 if direction == "TD" else (x2 - x1) / 2
        first, second = ((x1, y1 + bend), (x2, y2 - bend)) if direction == "TD" else ((x1 + bend, y1), (x2 - bend, y2))
        path += f"C{first[0]:g} {first[1]:g} {second[0]:g} {second[1]:g} {x2:g} {y2:g}"
    x, y = points[-1]
    head = (
        f"M{x - 3:g} {y - 4:g}L{x:g} {y:g}L{x + 3:g} {y - 4:g}"
        if direction == "TD"
        else f"M{x - 4:g} {y - 3:g}L{x:g} {y:g}L{x - 4:g} {y + 3:g}"
    )
    dash = ' stroke-dasharray="4 3"' if edge["inferred"] else ""
    style = 'class="jkp-line" fill="none" stroke="#212121" stroke-opacity=".42" stroke-width="1.25"'
    return f'<path d="{path}" {style}{dash}/><path d="{head}" {style}/>'


def _straight_edges(graph: Mapping[str, Any]) -> str:
    ends = [(edge["points"][0], edge["points"][-1]) for edge in graph["edges"][:EDGES_AT_MOST]]
    path = "".join(f"M{x1:.0f} {y1:.0f}L{x2:.0f} {y2:.0f}" for (x1, y1), (x2, y2) in ends)
    return f'<path class="jkp-line" d="{path}" fill="none" stroke="#212121" stroke-opacity=".2"/>'


def _blocks(nodes: Sequence[Mapping[str, Any]], status: Mapping[str, Mapping[str, Any]]) -> str:
    paths: dict[str, list[str]] = {}
    for node in nodes:
        block = f"M{node['x']:.0f} {node['y']:.0f}h{node['w']:.0f}v{node['h']:.0f}h{-node['w']:.0f}z"
        paths.setdefault(_word(node, status), []).append(block)
    return "".join(
        f'<path d="{"".join(blocks)}" fill="{_TONE.get(word, "#bdbdbd")}"><title>{word}: {len(blocks)}</title></path>'
        for word, blocks in paths.items()
    )


def _card(node: Mapping[str, Any], statuses: Mapping[str, Mapping[str, Any]]) -> str:
    x, y, w, h = (node[name] for name in "xywh")
    word, status = _word(node, statuses), statuses.get(node["key"], {})
    is_loud = word in ("failed", "running")
    rim = f'class="jkp-paper" stroke="{_TONE[word]}"' if is_loud else 'class="jkp-paper jkp-rim" stroke="#bdbdbd"'
    dash = ' stroke-dasharray="3 3"' if word == "never" else ""
    glyph = _GLYPHS[word].format(c=_TONE.get(word, _QUIET))
    kind = f"{node['members']:,} assets" if node["type"] == "group" else node["kind"]
    return (
        f"<g><title>{html.escape(plain(node['key'], 200))}: {word}</title>"
        f'<rect {rim} x="{x:g}" y="{y:g}" width="{w:g}" height="{h:g}" rx="4" fill="#fff"{dash}/>'
        f'<svg x="{x + 8:g}" y="{y + 10:g}" width="14" height="14" viewBox="0 0 16 16">{glyph}</svg>'
        f"{_text(x + 28, y + 21, _cut(node['label'], 18), weight=600)}"
        f"{_text(x + 10, y + 40, _cut(kind, 12), size=11, tone='quiet')}"
        f"{_text(x + w - 8, y + 40, _fact(word, status), size=11, tone=word, end=True)}"
        f"{_bar(status.get('partitions'), x + 8, y + h - 5, w - 16)}</g>"
    )


def _bar(partitions: Mapping[str, Any] | None, x: float, y: float, width: float) -> str:
    """Return the bar of an asset's partitions: tall where made, low where stale, a line where missing."""
    cells = str(partitions["cells"]) if partitions else ""
    each = width / max(len(cells), 1)
    runs = [(word, len(list(same))) for word, same in groupby(cells)]
    drawn, at = [], 0
    for letter, count in runs:
        tone, height = _CELLS[letter]
        size = f'x="{x + at * each:.2f}" y="{y - height:g}" width="{count * each:.2f}" height="{height:g}"'
        drawn.append(f'<rect {size} fill="{tone}"/>')
        at += count
    return "".join(drawn)


def _fact(word: str, status: Mapping[str, Any]) -> str:
    """Return the one thing to say beside a node's kind: trouble, else how much there is."""
    rows = status.get("rows")
    partitions = status.get("partitions")
    if partitions and word in ("fresh", "stale", "never"):
        return f"{partitions['made']:,} of {partitions['of']:,}"
    if word == "fresh":
        return "" if rows is None else f"{rows:,} row" if rows == 1 else f"{rows:,} rows"
    return (status.get("cause") or word) if word == "stale" else "never run" if word == "never" else word


_LOOKS: Final = {
    "ink": 'class="jkp-ink" fill="#212121"',
    "quiet": f'class="jkp-quiet" fill="{_QUIET}"',
    **{word: f'fill="{_TONE[word]}"' for word in ("failed", "running", "stale")},
}


def _text(
    x: float, y: float, text: str, *, size: int = 12, weight: int = 400, tone: str = "ink", end: bool = False
) -> str:
    look = _LOOKS.get(tone, _LOOKS["quiet"])
    more = (f' font-weight="{weight}"' if weight != 400 else "") + (' text-anchor="end"' if end else "")
    return f'<text x="{x:g}" y="{y:g}" font-size="{size}" {look}{more}>{html.escape(plain(text, 200))}</text>'


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - 1] + "…"


def text_of(graph: Mapping[str, Any], status: Mapping[str, Mapping[str, Any]]) -> str:
    """Return a graph view as lines of text: each node under what it comes from, with its status."""
    nodes = graph["nodes"]
    above: dict[int, list[int]] = {index: [] for index in range(len(nodes))}
    for edge in graph["edges"]:
        above[edge["to"]].append(edge["from"])
    lines = []
    order = sorted(range(len(nodes)), key=lambda index: (nodes[index]["layer"], nodes[index]["index"]))
    for index in order[:LINES_AT_MOST]:
        node = nodes[index]
        word = _word(node, status)
        sources = ", ".join(nodes[each]["label"] for each in above[index])
        lines.append(
            f"{MARKS.get(word, '·')} {'  ' * node['layer']}{plain(node['label'], 80)}"
            + (f"  ← {sources}" if sources else "")
            + _checks(node, status)
            + _partitions(status.get(node["key"], {}))
        )
    if len(order) > LINES_AT_MOST:
        lines.append(f"… and {len(order) - LINES_AT_MOST:,} more")
    return "\n".join(lines) or why_empty(graph)


def _partitions(status: Mapping[str, Any]) -> str:
    """Return how an asset's partitions stand; nothing for one without."""
    partitions = status.get("partitions")
    return f"  {partitions['text']}" if partitions else ""


def why_empty(graph: Mapping[str, Any]) -> str:
    """Return what to say instead of a picture of nothing."""
    return _view(graph).get("problem") or "Nothing is defined yet. A first cell: %%asset numbers"


def _view(graph: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what a graph was asked for as."""
    return graph.get("view") or {}


def _checks(node: Mapping[str, Any], status: Mapping[str, Mapping[str, Any]]) -> str:
    """Return how many checks failed of a node, or of all in a pile; nothing where none did."""
    keys = node.get("member_keys") or (node["key"],)
    failed, warned = (
        sum(status.get(key, {}).get(name, 0) for key in keys) for name in ("checks_failed", "checks_warned")
    )
    words = [f"  {MARKS['failed']} {count_of(failed, 'check')} failed"] if failed else []
    words += [f"  {MARKS['warning']} {count_of(warned, 'check')} warned"] if warned else []
    return "".join(words)


def digraph_of(graph: Mapping[str, Any], status: Mapping[str, Mapping[str, Any]]) -> Any:
    """Return the ``graphviz`` package's Digraph of a graph view."""
    import graphviz  # on first use

    drawn = graphviz.Digraph("jobkernel", graph_attr={"rankdir": "TB" if graph["direction"] == "TD" else "LR"})
    drawn.attr("node", shape="box", style="rounded,filled", fillcolor="#ffffff", fontname="Helvetica", fontsize="11")
    drawn.attr("edge", color="#757575", arrowhead="open")
    for node in graph["nodes"]:
        word = status.get(node["key"], {}).get("status", "never")
        label = graphviz.escape(plain(node["label"], 80))
        drawn.node(graphviz.escape(node["key"]), label=label, fillcolor=_FILLS.get(word, "#fafafa"))
    for edge in graph["edges"]:
        ends = [graphviz.escape(graph["nodes"][edge[end]]["key"]) for end in ("from", "to")]
        drawn.edge(*ends, style="dashed" if edge["inferred"] else "solid")
    return drawn


def write_picture(path: Path, graph: Mapping[str, Any], status: Mapping[str, Mapping[str, Any]]) -> str:
    """Write a picture to a file by its ending; return a sentence that says what was done.

    Raises:
        Unsupported: an ending that is none of svg, dot, pdf, png, or one that needs ``dot`` where it is missing.
    """
    ending = path.suffix.lower()
    if ending not in FORMATS:
        raise Unsupported(f"'{path.name}' ends in none of {', '.join(FORMATS)}.")
    has_dot = shutil.which("dot") is not None
    try:
        if ending == ".dot":
            path.write_text(digraph_of(graph, status).source, encoding="utf-8")
        elif ending == ".svg" and not has_dot:
            path.write_text(svg_of(graph, status), encoding="utf-8")
            return f"wrote {path}, drawn by jobkernel, since graphviz' dot is not installed"
        elif not has_dot:
            raise Unsupported(
                f"{ending[1:].upper()} needs graphviz' dot, which is not installed; "
                f"--to {path.stem}.svg works without it."
            )
        else:
            path.write_bytes(digraph_of(graph, status).pipe(format=ending[1:]))
    except OSError as error:
        raise JobkernelError(f"'{path}' cannot be written: {error.strerror or error}.") from error
    return f"wrote {path}"


def bundle_of(
    graph: Mapping[str, Any], status: Mapping[str, Mapping[str, Any]], at_ms: int, *, live: bool = False
) -> dict[str, Any]:
    """Return a still picture for a saved notebook: SVG, text, and what lets our JupyterLab extension draw it.

    Where ``live``, the extension shows the live view instead while a kernel answers it.
    """
    asked = {name: _view(graph).get(name) for name in ("job", "selection")}
    note = {"version": 1, "live": live, "at": at_ms, "nodes": len(graph["nodes"]), **asked}
    return {MIME: note, "image/svg+xml": svg_of(graph, status), "text/plain": text_of(graph, status)}


class GraphPicture:
    """What ``%graph`` gives: shows itself as SVG or text; ``to_graphviz`` for those who like dot."""

    def __init__(
        self, graph: Mapping[str, Any], status: Mapping[str, Mapping[str, Any]], at_ms: int, *, live: bool = False
    ) -> None:
        self.graph = graph
        self.status = status
        self.at_ms = at_ms
        self._live = live

    def to_graphviz(self) -> Any:
        """Return the ``graphviz`` package's Digraph."""
        return digraph_of(self.graph, self.status)

    def save(self, path: str | Path) -> str:
        """Write it to a .svg, .dot, .pdf or .png file; return a sentence that says so."""
        return write_picture(Path(path), self.graph, self.status)

    def __repr__(self) -> str:
        return text_of(self.graph, self.status)

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        return bundle_of(self.graph, self.status, self.at_ms, live=self._live)
