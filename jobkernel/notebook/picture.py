"""A still picture of a graph view: our own SVG, which needs no program, and the ``graphviz`` package's Digraph.

Colours follow the page's theme where there is one and fall back to plain values. All text is escaped. Knows no session.
"""

from __future__ import annotations

import html
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from jobkernel.errors import JobkernelError, Unsupported
from jobkernel.notebook.shown import MARKS, plain

FORMATS: Final = (".svg", ".dot", ".pdf", ".png")
_TONE: Final = {
    "fresh": "var(--jp-success-color1,#388e3c)",
    "failed": "var(--jp-error-color1,#d32f2f)",
    "running": "var(--jp-brand-color1,#1976d2)",
    "stale": "var(--jp-warn-color1,#f57c00)",
}
_INK: Final = "var(--jp-ui-font-color1,#212121)"
_QUIET: Final = "var(--jp-ui-font-color2,#6b6b6b)"
_EDGE: Final = "var(--jp-border-color1,#bdbdbd)"
_FONT: Final = "var(--jp-ui-font-family,system-ui,'Segoe UI',Helvetica,Arial,sans-serif)"
_FILLS: Final = {"fresh": "#e8f5e9", "failed": "#ffebee", "running": "#e3f2fd", "stale": "#fff3e0"}
_GLYPHS: Final[Mapping[str, str]] = {
    "fresh": '<circle cx="8" cy="8" r="7" fill="{c}"/><path d="M4.8 8.3l2.2 2.2 4.2-4.6" fill="none" stroke="#fff" stroke-width="1.75"/>',
    "failed": '<rect x="1.5" y="1.5" width="13" height="13" rx="2.5" fill="{c}"/>'
    '<path d="M5.3 5.3l5.4 5.4M10.7 5.3l-5.4 5.4" stroke="#fff" stroke-width="1.75"/>',
    "running": '<circle cx="8" cy="8" r="6" fill="none" stroke="{c}" stroke-width="2" opacity=".3"/>'
    '<path d="M8 2a6 6 0 0 1 6 6" fill="none" stroke="{c}" stroke-width="2"/>',
    "stale": '<circle cx="8" cy="8" r="6.2" fill="none" stroke="{c}" stroke-width="1.5"/><path d="M8 1.8a6.2 6.2 0 0 0 0 12.4z" fill="{c}"/>',
    "never": '<circle cx="8" cy="8" r="6.2" fill="none" stroke="{c}" stroke-width="1.5" stroke-dasharray="2.2 2.67"/>',
    "queued": '<circle cx="8" cy="8" r="6.2" fill="none" stroke="{c}" stroke-width="1.5"/><path d="M8 4.6V8l2.3 1.6" fill="none" stroke="{c}"/>',
    "canceled": '<circle cx="8" cy="8" r="6.2" fill="none" stroke="{c}" stroke-width="1.5"/><path d="M3.8 12.2l8.4-8.4" stroke="{c}"/>',
    "skipped": '<path d="M3.5 8h9" stroke="{c}" stroke-width="2"/>',
}


def svg_of(graph: Mapping[str, Any], status: Mapping[str, Mapping[str, Any]]) -> str:
    """Return a graph view as SVG text; ``status`` are the protocol's node statuses by key."""
    width, height = graph["width"] + 24, graph["height"] + 24
    parts = [_group(group) for group in graph["groups"]]
    parts += [_edge(edge, graph["direction"]) for edge in graph["edges"]]
    parts += [_card(node, status.get(node["key"], {})) for node in graph["nodes"]]
    body = "".join(parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="-12 -12 {width:g} {height:g}" width="{width:g}" '
        f'style="max-width:100%;height:auto" role="img" aria-label="{_summary(graph)}" font-family="{_FONT}" '
        f'font-size="12">{body}</svg>'
    )


def _summary(graph: Mapping[str, Any]) -> str:
    return html.escape(f"A graph of {len(graph['nodes'])} nodes and {len(graph['edges'])} edges")


def _group(group: Mapping[str, Any]) -> str:
    x, y, w, h = (group[name] for name in "xywh")
    label = _text(x + 12, y + 17, group["name"], size=11, fill=_QUIET)
    return (
        f'<rect x="{x:g}" y="{y:g}" width="{w:g}" height="{h:g}" rx="8" fill="currentColor" fill-opacity=".04"/>{label}'
    )


def _edge(edge: Mapping[str, Any], direction: str) -> str:
    points = edge["points"]
    path = f"M{points[0][0]:g} {points[0][1]:g}"
    for (x1, y1), (x2, y2) in zip(points, points[1:], strict=False):
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
    style = 'fill="none" stroke="currentColor" stroke-opacity=".42" stroke-width="1.25"'
    return f'<path d="{path}" {style}{dash}/><path d="{head}" {style}/>'


def _card(node: Mapping[str, Any], status: Mapping[str, Any]) -> str:
    x, y, w, h = (node[name] for name in "xywh")
    word = status.get("status", "never")
    border = _TONE[word] if word in ("failed", "running") else _EDGE
    dash = ' stroke-dasharray="3 3"' if word == "never" else ""
    tone = _TONE.get(word, _QUIET)
    glyph = _GLYPHS.get(word, _GLYPHS["never"]).format(c=tone)
    right = status.get("cause") if word == "stale" else {"failed": "failed", "never": "never run"}.get(word, "")
    return (
        f"<g><title>{html.escape(plain(node['key'], 200))}: {html.escape(word)}</title>"
        f'<rect x="{x:g}" y="{y:g}" width="{w:g}" height="{h:g}" rx="4" fill="var(--jp-layout-color1,#fff)" stroke="{border}"{dash}/>'
        f'<svg x="{x + 8:g}" y="{y + 10:g}" width="14" height="14" viewBox="0 0 16 16">{glyph}</svg>'
        f"{_text(x + 28, y + 21, _cut(node['label'], 18), weight=600)}"
        f"{_text(x + 10, y + 39, _cut(node['kind'], 12), size=11, fill=_QUIET)}"
        f"{_text(x + w - 8, y + 39, right or '', size=11, fill=tone if right else _QUIET, anchor='end')}</g>"
    )


def _text(
    x: float, y: float, text: str, *, size: int = 12, weight: int = 400, fill: str = _INK, anchor: str = "start"
) -> str:
    return (
        f'<text x="{x:g}" y="{y:g}" font-size="{size}" font-weight="{weight}" fill="{fill}" '
        f'text-anchor="{anchor}">{html.escape(plain(text, 200))}</text>'
    )


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - 1] + "…"


def text_of(graph: Mapping[str, Any], status: Mapping[str, Mapping[str, Any]]) -> str:
    """Return a graph view as lines of text: each node under what it comes from, with its status."""
    nodes = graph["nodes"]
    above: dict[int, list[int]] = {index: [] for index in range(len(nodes))}
    for edge in graph["edges"]:
        above[edge["to"]].append(edge["from"])
    lines = []
    for index in sorted(range(len(nodes)), key=lambda index: (nodes[index]["layer"], nodes[index]["index"])):
        node = nodes[index]
        word = status.get(node["key"], {}).get("status", "never")
        sources = ", ".join(nodes[each]["label"] for each in above[index])
        lines.append(
            f"{MARKS.get(word, '·')} {'  ' * node['layer']}{plain(node['label'], 80)}"
            + (f"  ← {sources}" if sources else "")
        )
    return "\n".join(lines) or "Nothing is defined yet. A first cell: %%asset numbers"


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
                f"{ending[1:].upper()} needs graphviz' dot, which is not installed; --to {path.stem}.svg works without it."
            )
        else:
            path.write_bytes(digraph_of(graph, status).pipe(format=ending[1:]))
    except OSError as error:
        raise JobkernelError(f"'{path}' cannot be written: {error.strerror or error}.") from error
    return f"wrote {path}"


def bundle_of(graph: Mapping[str, Any], status: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """Return a still picture for a saved notebook: SVG, and text for everything else."""
    return {"image/svg+xml": svg_of(graph, status), "text/plain": text_of(graph, status)}


class GraphPicture:
    """What ``%graph`` gives: shows itself as SVG or text; ``to_graphviz`` for those who like dot."""

    def __init__(self, graph: Mapping[str, Any], status: Mapping[str, Mapping[str, Any]]) -> None:
        self.graph = graph
        self.status = status

    def to_graphviz(self) -> Any:
        """Return the ``graphviz`` package's Digraph."""
        return digraph_of(self.graph, self.status)

    def save(self, path: str | Path) -> str:
        """Write it to a .svg, .dot, .pdf or .png file; return a sentence that says so."""
        return write_picture(Path(path), self.graph, self.status)

    def __repr__(self) -> str:
        return text_of(self.graph, self.status)

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        return bundle_of(self.graph, self.status)
