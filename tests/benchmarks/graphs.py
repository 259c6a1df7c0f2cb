"""The graphs that benchmarks run: a chain, a fan, layers; as ours and as Dagster's, from one description."""

from __future__ import annotations

import itertools
import random
from typing import Any

Edges = dict[str, list[str]]
"""Step name → the steps whose results it takes, upstream first."""


def chain(size: int) -> Edges:
    """Return steps one after another."""
    return {f"s{place}": [f"s{place - 1}"] if place else [] for place in range(size)}


def fan(size: int) -> Edges:
    """Return one source, many beside each other, one sink."""
    middle = [f"m{place}" for place in range(size - 2)]
    return {"source": [], **{name: ["source"] for name in middle}, "sink": middle}


def layered(size: int, layers: int = 20, seed: int = 7) -> Edges:
    """Return layers in which each step takes one or two of the layer above."""
    draw = random.Random(seed)
    width = size // layers
    rows = [[f"l{layer}_{place}" for place in range(width)] for layer in range(layers)]
    edges: Edges = {name: [] for name in rows[0]}
    for above, row in itertools.pairwise(rows):
        edges.update({name: sorted(set(draw.choices(above, k=draw.choice((1, 2))))) for name in row})
    return edges


def job_of(module: Any, name: str, edges: Edges) -> Any:
    """Return an op job over the edges, made with ``jobkernel`` or with ``dagster``."""
    ops = {}
    for step, sources in edges.items():
        if len(sources) > 2:
            ops[step] = module.op(name=step, ins={"xs": module.In()})(_summed)
        else:
            ops[step] = module.op(name=step)(_BODIES[len(sources)])

    def compose() -> None:
        results: dict[str, Any] = {}
        for step, sources in edges.items():
            given = [results[source] for source in sources]
            results[step] = ops[step](given) if len(given) > 2 else ops[step](*given)

    return module.job(name=name)(compose)


def _none() -> int:
    return 1


def _one(a: int) -> int:
    return a


def _two(a: int, b: int) -> int:
    return a + b


def _summed(xs: list) -> int:  # type: ignore[type-arg]
    return len(xs)


for _body in (_none, _one, _two, _summed):
    _body.__annotations__.clear()
_BODIES = {0: _none, 1: _one, 2: _two}
