"""The graph as screens draw it: what is shown, where it stands, in the protocol's words (labextension/src/protocol.ts).

Turns the registry and a :class:`GraphQuery` into JSON-able values; layouts are kept by structure. Knows no widget.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from jobkernel.engine.session import Session
from jobkernel.engine.stored import KIND
from jobkernel.model.definitions import Assets, Op
from jobkernel.model.keys import variable_name
from jobkernel.rules.drawing import Drawn, DrawnNode, what_to_draw
from jobkernel.rules.graph import Graph
from jobkernel.rules.layout import Layout, layout
from jobkernel.rules.plan import Plan, plan_graph

COLLAPSE_ABOVE: Final = 150
"""With more assets than this, groups open collapsed."""
KEPT_LAYOUTS: Final = 32
OP_PREFIX: Final = "op:"
"""Ops are drawn under keys of their own, ``op:<job>/<step>``, so that none is taken for an asset."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphQuery:
    """What part of the graph is asked for, and how it is to run. ``collapsed`` None leaves that to the size."""

    job: str | None = None
    selection: str | None = None
    focus: str | None = None
    depth: int = 1
    collapsed: tuple[str, ...] | None = None
    direction: str = "LR"


@dataclass(slots=True)
class GraphViews:
    """Makes graph views and remembers the layouts of the last few."""

    session: Session
    _layouts: OrderedDict[str, Layout] = field(default_factory=OrderedDict)

    def view(self, query: GraphQuery) -> dict[str, Any]:
        """Return the protocol's ``Graph``.

        Raises:
            InvalidSelection, UnknownName: the query names what is not there.
        """
        job = self.session.registry.jobs.get(query.job) if query.job else None
        if job is not None and job.graph is not None:
            return self._job_view(query, plan_graph(job.graph, job, input_values=job.input_values))
        return self._asset_view(query)

    def _asset_view(self, query: GraphQuery) -> dict[str, Any]:
        session = self.session
        keys = _keys_of(session, query)
        facts = session.registry.universe.facts
        groups = {key: facts[key].group for key in keys}
        collapsed = _collapsed(query, groups)
        drawn = what_to_draw(
            session.registry.graph, groups, collapsed=collapsed, focus=query.focus, depth=query.depth, only=keys
        )
        nodes = [self._asset_node(each) for each in drawn.nodes]
        return self._laid_out(query, drawn, nodes, collapsed, self._inferred())

    def _job_view(self, query: GraphQuery, plan: Plan) -> dict[str, Any]:
        prefix = f"{OP_PREFIX}{plan.job_name}/"
        edges = {
            prefix + key: [prefix + feed.step_key for feed in step.sources if feed.step_key in plan.steps]
            for key, step in plan.steps.items()
        }
        drawn = what_to_draw(Graph.of(edges), {}, collapsed=(), focus=query.focus, depth=query.depth, only=None)
        by_key = {prefix + key: _op_node(prefix + key, step.op, key) for key, step in plan.steps.items()}
        return self._laid_out(query, drawn, [by_key[each.name] for each in drawn.nodes], (), frozenset())

    def _asset_node(self, drawn: DrawnNode) -> dict[str, Any]:
        key = drawn.name
        if drawn.is_group:
            members = {"members": len(drawn.members), "group": drawn.group, "member_keys": list(drawn.members)}
            return {**_node(f"group:{key}", drawn.group or key, "group"), **members}
        assets = self.session.registry.assets.get(key)
        spec = self.session.registry.spec(key)
        node = _node(key, variable_name(key), "external" if assets is None or assets.is_external else "asset")
        if spec is not None and assets is not None:
            node["group"] = spec.group
            node["kind"] = kind_of(self.session, key, assets)
            node["description"] = spec.description or ""
            node["checks"] = len(self.session.registry.checks_of(key))
        return node

    def _inferred(self) -> frozenset[tuple[str, str]]:
        found: set[tuple[str, str]] = set()
        for key, assets in self.session.registry.assets.items():
            for spec in assets.specs:
                if spec.key == key:
                    found.update((parent, key) for parent in spec.inferred_deps)
        return frozenset(found)

    def _laid_out(
        self,
        query: GraphQuery,
        drawn: Drawn,
        nodes: list[dict[str, Any]],
        collapsed: Sequence[str],
        inferred: frozenset[tuple[str, str]],
    ) -> dict[str, Any]:
        edges = [(edge.start, edge.end) for edge in drawn.edges]
        groups = [_boxed(node, collapsed) for node in nodes]
        several = len({group for group in groups if group}) > 1
        shown_groups = groups if several else [None] * len(nodes)
        identity = _identity(nodes, edges, shown_groups, query.direction)
        found = self._layout(identity, len(nodes), edges, shown_groups, query.direction)
        for node, at in zip(nodes, found.nodes, strict=True):
            node.update(
                x=at.x, y=at.y, w=at.width, h=at.height, layer=at.layer, index=at.index, layer_size=at.layer_size
            )
        return {
            "id": identity,
            "direction": query.direction,
            "width": found.width,
            "height": found.height,
            "view": _slice(query, drawn, collapsed),
            "nodes": nodes,
            "edges": [
                {
                    "from": route.start,
                    "to": route.end,
                    "inferred": all(pair in inferred for pair in edge.pairs),
                    "names": list(dict.fromkeys(variable_name(pair[0]) for pair in edge.pairs))[:5],
                    "points": [list(point) for point in route.points],
                }
                for edge, route in zip(drawn.edges, found.edges, strict=True)
            ],
            "groups": [
                {"name": box.name, "x": box.x, "y": box.y, "w": box.width, "h": box.height, "collapsed": False}
                for box in found.groups
            ],
        }

    def _layout(
        self, identity: str, count: int, edges: Sequence[tuple[int, int]], groups: Sequence[str | None], direction: str
    ) -> Layout:
        known = self._layouts.get(identity)
        if known is None:
            known = layout(count, edges, groups, direction)
            self._layouts[identity] = known
            while len(self._layouts) > KEPT_LAYOUTS:
                self._layouts.popitem(last=False)
        return known


def kind_of(session: Session, key: str, assets: Assets) -> str:
    """Return the word for what an asset is: its kinds, else what its last value was, else its language."""
    spec = session.registry.spec(key)
    if spec is not None and spec.kinds:
        return ", ".join(sorted(spec.kinds))
    made = session.states.made(key)
    word = (made.metadata.get(KIND) or {}).get("value") if made is not None else None
    if isinstance(word, str):
        return word
    node = assets.node
    if isinstance(node, Op) and node.source is not None:
        return "duckdb" if node.source.language == "sql" else "python"
    return "" if node is None else "python"


def _keys_of(session: Session, query: GraphQuery) -> list[str]:
    if query.selection:
        return session.select(query.selection)
    if query.job:
        return session.select(session.registry.job(query.job).selection)
    return list(session.registry.graph.keys)


def _collapsed(query: GraphQuery, groups: Mapping[str, str]) -> tuple[str, ...]:
    if query.collapsed is not None:
        return query.collapsed
    names = tuple(dict.fromkeys(groups.values()))
    return names if len(groups) > COLLAPSE_ABOVE and len(names) > 1 and not query.focus else ()


def _boxed(node: Mapping[str, Any], collapsed: Sequence[str]) -> str | None:
    return None if node["type"] in ("group", "op") or node["group"] in collapsed else node["group"]


def _node(key: str, label: str, kind: str) -> dict[str, Any]:
    return {
        "key": key, "label": label, "type": kind, "kind": "", "group": "default", "members": 0, "checks": 0,
        "description": "",
    }  # fmt: skip


def _op_node(key: str, op: Op, label: str) -> dict[str, Any]:
    return {**_node(key, label, "op"), "kind": "op", "group": "", "description": op.description or ""}


def _slice(query: GraphQuery, drawn: Drawn, collapsed: Sequence[str]) -> dict[str, Any]:
    return {
        "job": query.job,
        "selection": query.selection,
        "focus": query.focus,
        "depth": query.depth,
        "hidden": drawn.hidden,
        "collapsed": list(collapsed),
    }


def _identity(
    nodes: Sequence[Mapping[str, Any]], edges: Sequence[tuple[int, int]], groups: Sequence[str | None], direction: str
) -> str:
    text = repr(([node["key"] for node in nodes], edges, groups, direction))
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()
