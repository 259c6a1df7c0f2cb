"""Only edges that are there close a circle."""

from __future__ import annotations

import jobkernel as jk
from jobkernel.engine.entries import Entry
from jobkernel.engine.registry import Registry


def define(registry: Registry, key: str, deps: list[str]) -> None:
    record = jk.asset(name=key, deps=deps)(lambda: None).record
    registry.define(Entry(kind="asset", name=key, record=record))


def test_an_edge_that_was_turned_round_closes_no_circle_with_the_one_before() -> None:
    registry = Registry()
    define(registry, "a", [])
    define(registry, "b", ["a"])
    assert registry.graph.edges() == [("a", "b")]
    define(registry, "a", [])
    define(registry, "b", [])
    define(registry, "a", ["b"])
    assert registry.graph.edges() == [("b", "a")]
    assert registry.graph.topological() == ("b", "a")
