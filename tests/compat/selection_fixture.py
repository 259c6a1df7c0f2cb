"""One asset graph for both sides: real Dagster's, and our universe made from what Dagster says about it."""

from __future__ import annotations

from collections.abc import Iterable

import dagster as dg

from jobkernel.rules.graph import Graph
from jobkernel.rules.universe import Facts, Universe


def universe_of(definitions: Iterable[object]) -> tuple[object, Universe]:
    """Return Dagster's asset graph of the definitions and our universe with the same facts."""
    asset_graph = dg.Definitions(assets=list(definitions)).resolve_asset_graph()
    nodes = sorted(asset_graph.asset_nodes, key=lambda node: node.key)
    upstream = {node.key.to_user_string(): [key.to_user_string() for key in node.parent_keys] for node in nodes}
    facts = {node.key.to_user_string(): _facts_of(node, asset_graph) for node in nodes}
    return asset_graph, Universe(Graph.of(upstream), facts)


def _facts_of(node: object, asset_graph: object) -> Facts:
    return Facts(
        group=node.group_name,
        tags=node.tags,
        owners=node.owners,
        is_external=node.is_external,
        siblings=[key.to_user_string() for key in node.execution_set_asset_keys],
        checks=[check.name for check in asset_graph.asset_check_keys if check.asset_key == node.key],
        partitions=_partitions_of(node),
    )


def _partitions_of(node: object) -> str | None:
    match node.partitions_def:
        case None:
            return None
        case dg.StaticPartitionsDefinition():
            return "static"
        case dg.DynamicPartitionsDefinition():
            return "dynamic"
        case dg.MultiPartitionsDefinition():
            return "multipartitions"
    return "time"


def family() -> list[object]:
    """The graph of the tables: earth -> alice -> bob, candace; candace -> danny -> edgar, fiona; george."""
    edges = {
        "alice": ["celestial/earth"],
        "bob": ["alice"],
        "candace": ["alice"],
        "danny": ["candace"],
        "edgar": ["danny"],
        "fiona": ["danny"],
        "george": ["bob", "fiona"],
        "animals/zebra": [],
    }
    groups = dict.fromkeys(("alice", "candace", "fiona"), "ladies")
    groups |= dict.fromkeys(("bob", "danny", "edgar", "george"), "gentlemen")
    tags = {"alice": {"foo": "bar"}, "edgar": {"foo": "baz"}, "danny": {"empty": ""}}
    owners = {"alice": ["team:billing"], "animals/zebra": ["a@b.com"]}
    kinds = {"bob": {"python"}, "candace": {"sql", "dbt"}}
    partitions = {"bob": dg.StaticPartitionsDefinition(["x"]), "fiona": dg.DailyPartitionsDefinition("2024-01-01")}
    made: list[object] = [dg.AssetSpec(["celestial", "earth"], group_name="planets", tags={"foo": "bar"})]
    for name, upstream in edges.items():

        @dg.asset(
            key=name.split("/"),
            deps=[dg.AssetKey(key.split("/")) for key in upstream],
            group_name=groups.get(name),
            tags=tags.get(name),
            owners=owners.get(name),
            kinds=kinds.get(name),
            partitions_def=partitions.get(name),
        )
        def make() -> None:
            return None

        made.append(make)
    return made
