"""The graph as screens draw it: what is shown, where it stands, in the protocol's words (labextension/src/protocol.ts).

Turns the registry and a :class:`GraphQuery` into JSON-able values; layouts are kept by structure. Knows no widget.
"""

from __future__ import annotations

import hashlib
from array import array
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import field
from itertools import chain
from typing import Any, Final

from jobkernel.engine.session import Session
from jobkernel.errors import JobkernelError
from jobkernel.executors.stored import KIND
from jobkernel.model.definitions import Assets, AssetSpec, Op
from jobkernel.notebook.packed_graph import Card, Places, packed_edges, packed_nodes, places_of
from jobkernel.records import dataclass
from jobkernel.rules.drawing import Drawn, DrawnEdge, DrawnNode, what_to_draw
from jobkernel.rules.graph import Graph
from jobkernel.rules.graph_plan import plan_graph
from jobkernel.rules.layout import layout
from jobkernel.rules.plan import Plan
from jobkernel.rules.short_names import shortest_endings

COLLAPSE_ABOVE: Final = 150
"""With more assets than this, groups open collapsed."""
KEPT_LAYOUTS: Final = 32
BOXLESS: Final = ("group", "op")
"""What stands in no group's box."""
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
    _places: OrderedDict[str, Places] = field(default_factory=OrderedDict)

    def view(self, query: GraphQuery) -> dict[str, Any]:
        """Return the protocol's ``PackedGraph``.

        Raises:
            InvalidSelection, UnknownName: the query names what is not there.
        """
        job = self.session.registry.jobs.get(query.job) if query.job else None
        if job is not None and job.graph is not None:
            return self._job_view(query, plan_graph(job.graph, job, input_values=job.input_values))
        return self._asset_view(query)

    def view_or_reason(self, query: GraphQuery) -> dict[str, Any]:
        """Return the same; of a query that names what is not there, a graph of nothing that says so."""
        try:
            return self.view(query)
        except JobkernelError as error:
            return self._nothing(query, str(error))

    def _nothing(self, query: GraphQuery, why: str) -> dict[str, Any]:
        empty = self._laid_out(query, Drawn(nodes=(), edges=(), hidden=0, divided=()), [], (), {}, {})
        return {**empty, "view": {**empty["view"], "problem": why}}

    def _asset_view(self, query: GraphQuery) -> dict[str, Any]:
        registry = self.session.registry
        keys = keys_of(self.session, query)
        specs = {key: registry.spec(key) for key in keys}
        groups = {key: spec.group if spec is not None else "default" for key, spec in specs.items()}
        collapsed = _collapsed(query, groups)
        only = keys if query.selection or query.job else None
        drawn = what_to_draw(
            registry.graph, groups, collapsed=collapsed, focus=query.focus, depth=query.depth, only=only
        )
        called = shortest_endings(keys)
        cards = [
            self._pile(each) if each.is_group else self._card(each.name, called[each.name], specs[each.name])
            for each in drawn.nodes
        ]
        inferred = {key: spec.inferred_deps for key, spec in specs.items() if spec is not None and spec.inferred_deps}
        return self._laid_out(query, drawn, cards, collapsed, inferred, called)

    def _job_view(self, query: GraphQuery, plan: Plan) -> dict[str, Any]:
        prefix = f"{OP_PREFIX}{plan.job_name}/"
        edges = {
            prefix + key: [prefix + feed.step_key for feed in step.sources if feed.step_key in plan.steps]
            for key, step in plan.steps.items()
        }
        drawn = what_to_draw(Graph.of(edges), {}, collapsed=(), focus=query.focus, depth=query.depth, only=None)
        cards = [Card(each.name, each.name.removeprefix(prefix), "op", "op", "") for each in drawn.nodes]
        return self._laid_out(query, drawn, cards, (), {}, {})

    def _pile(self, drawn: DrawnNode) -> Card:
        group = drawn.group or drawn.name
        return Card(f"group:{drawn.name}", group, "group", group=group, member_keys=drawn.members)

    def _card(self, key: str, label: str, spec: AssetSpec | None) -> Card:
        registry = self.session.registry
        assets = registry.assets.get(key)
        if assets is None or spec is None:
            return Card(key, label, "external")
        word = "external" if assets.is_external else "asset"
        checks = len(registry.checks_of(key)) if registry.checks else 0
        return Card(key, label, word, _kind(self.session, spec, assets), spec.group, checks)

    def _laid_out(
        self,
        query: GraphQuery,
        drawn: Drawn,
        cards: Sequence[Card],
        collapsed: Sequence[str],
        inferred: Mapping[str, frozenset[str]],
        called: Mapping[str, str],
    ) -> dict[str, Any]:
        edges = [(edge.start, edge.end) for edge in drawn.edges]
        groups = [None if card.type in BOXLESS or card.group in collapsed else card.group for card in cards]
        several = len({*groups, None}) > 2
        shown_groups = groups if several else [None] * len(cards)
        identity = _identity(cards, edges, shown_groups, query.direction)
        places = self._placed(identity, len(cards), edges, shown_groups, query.direction)
        return {
            "id": identity,
            "direction": query.direction,
            "width": places.width,
            "height": places.height,
            "view": _slice(query, drawn, collapsed, list(called)),
            "nodes": packed_nodes(cards, places),
            "edges": packed_edges(
                [_is_inferred(edge, inferred) for edge in drawn.edges] if inferred else [False] * len(edges),
                {at: _names(edge, called) for at, edge in enumerate(drawn.edges) if cards[edge.start].type == "group"},
                places,
            ),
            "groups": places.groups,
        }

    def _placed(
        self, identity: str, count: int, edges: Sequence[tuple[int, int]], groups: Sequence[str | None], direction: str
    ) -> Places:
        known = self._places.get(identity)
        if known is None:
            known = places_of(layout(count, edges, groups, direction))
            self._places[identity] = known
            while len(self._places) > KEPT_LAYOUTS:
                self._places.popitem(last=False)
        return known


def kind_of(session: Session, key: str, assets: Assets) -> str:
    """Return the word for what an asset is: its kinds, else what its last value was, else its language."""
    spec = session.registry.spec(key)
    return "" if spec is None else _kind(session, spec, assets)


def _kind(session: Session, spec: AssetSpec, assets: Assets) -> str:
    if spec.kinds:
        return ", ".join(sorted(spec.kinds))
    made = session.states.made(spec.key)
    word = (made.metadata.get(KIND) or {}).get("value") if made is not None else None
    if isinstance(word, str):
        return word
    node = assets.node
    if isinstance(node, Op) and node.source is not None:
        return "duckdb" if node.source.language == "sql" else "python"
    return "" if node is None else "python"


def keys_of(session: Session, query: GraphQuery) -> list[str]:
    """Return the assets that a query shows but for its focus.

    Raises:
        InvalidSelection, UnknownName: the query names what is not there.
    """
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


def _is_inferred(edge: DrawnEdge, inferred: Mapping[str, frozenset[str]]) -> bool:
    return all(parent in inferred.get(key, ()) for parent, key in edge.pairs)


def _names(edge: DrawnEdge, called: Mapping[str, str]) -> list[str]:
    return list(dict.fromkeys(called.get(parent, parent) for parent, _ in edge.pairs))[:5]


def _slice(query: GraphQuery, drawn: Drawn, collapsed: Sequence[str], keys: Sequence[str]) -> dict[str, Any]:
    return {
        "job": query.job,
        "selection": query.selection,
        "focus": query.focus,
        "depth": query.depth,
        "hidden": drawn.hidden,
        "collapsed": list(collapsed),
        "keys": list(keys) if query.selection else None,
        "problem": _why_empty(query) if not drawn.nodes else None,
    }


def _why_empty(query: GraphQuery) -> str | None:
    """Return a sentence for a graph of nothing; None where nothing in particular was asked for."""
    if query.selection:
        return f"Nothing matches the selection '{query.selection}'."
    return f"Job '{query.job}' makes nothing that is defined now." if query.job else None


def _identity(
    cards: Sequence[Card], edges: Sequence[tuple[int, int]], groups: Sequence[str | None], direction: str
) -> str:
    texts = "\0".join([direction, *[card.key for card in cards], *[group or "" for group in groups]])
    numbers = array("I", chain.from_iterable(edges))
    return hashlib.blake2b(texts.encode() + numbers.tobytes(), digest_size=8).hexdigest()
