"""Definitions: start-up, registering, redefining one of many, selecting, layout, the graph to the browser."""

from __future__ import annotations

import itertools
import json
import tempfile
from pathlib import Path
from typing import Any

import jobkernel as jk
from jobkernel.clock import SystemClock
from jobkernel.engine.entries import Entry
from jobkernel.engine.opening import test_session
from jobkernel.engine.registry import Registry
from jobkernel.engine.session import Session
from jobkernel.model.events import ASSET_MATERIALIZATION, Event
from jobkernel.notebook.graph_view import GraphQuery, GraphViews
from jobkernel.notebook.snapshot import Standing
from jobkernel.notebook.statuses import Statuses
from jobkernel.rules.layout import layout
from jobkernel.rules.selecting import select
from tests.benchmarks.graphs import Edges, chain, layered
from tests.benchmarks.timing import median_ms, process_ms

SIZES = (50, 500, 1000, 10_000)


def entries(module: Any, edges: Edges) -> list[Entry]:
    """Return an asset for each name, as entries of a registry."""
    return [
        Entry(kind="asset", name=name, record=asset_of(module, name, sources).record) for name, sources in edges.items()
    ]


def asset_of(module: Any, name: str, sources: list[str]) -> Any:
    """Return an asset that waits for others."""
    return module.asset(name=name, deps=sources, group_name=f"g{len(name) % 7}")(_body)


def _body() -> None:
    return None


def measure() -> dict[str, float]:
    """Return our figures."""
    found = {
        "import_ms": process_ms("import jobkernel") - process_ms("pass"),
        "import_asset_ms": process_ms("import jobkernel as jk; jk.asset") - process_ms("pass"),
        "load_ext_ms": _load_ext_ms(),
    }
    edges = layered(10_000)
    found["register_10000_ms"] = median_ms(lambda: _registered(edges), 5)
    found |= _redefining(500) | _redefining(10_000)
    found |= _selecting(1000) | _selecting(10_000)
    for size in SIZES:
        edges = _indexed(layered(size))
        found[f"layout_{size}_ms"] = median_ms(lambda size=size, edges=edges: layout(size, edges), 3)
    found["layout_deep_1000_ms"] = median_ms(lambda: layout(1000, _indexed(chain(1000))), 3)
    return found | _to_the_browser(1000) | _to_the_browser(5000)


def _load_ext_ms() -> float:
    with tempfile.TemporaryDirectory() as folder:
        head = (
            f"import os; os.chdir({folder!r}); os.environ['JUPYTER_RUNTIME_DIR'] = {str(Path(folder, 'rt'))!r}\n"
            "from IPython.core.interactiveshell import InteractiveShell\nshell = InteractiveShell.instance()\n"
        )
        load = "shell.run_cell('%load_ext jobkernel')\n"
        return process_ms(head + load, 5) - process_ms(head, 5)


def _registered(edges: Edges) -> Registry:
    registry = Registry()
    for entry in entries(jk, edges):
        registry.define(entry)
    assert len(registry.graph) == len(edges)
    return registry


def _redefining(size: int) -> dict[str, float]:
    """One asset of many, defined again by code: until a run of it is planned."""
    session = test_session()
    for entry in entries(jk, layered(size)):
        session.define(entry)
    name = list(layered(size))[size // 2]

    def redefine() -> None:
        session.define(Entry(kind="asset", name=name, record=asset_of(jk, name, []).record))
        assert list(session.plan([name]).steps) == [name]

    found = {f"redefine_one_of_{size}_ms": median_ms(redefine, 20)}
    session.close()
    return found


def _selecting(size: int) -> dict[str, float]:
    universe = _registered(layered(size)).universe
    middle = list(layered(size))[size // 2]
    text = f"+{middle}+"
    assert middle in select(text, universe)
    return {f"select_up_and_down_{size}_ms": median_ms(lambda: select(text, universe), 30)}


def _indexed(edges: dict[str, list[str]]) -> list[tuple[int, int]]:
    place = {name: index for index, name in enumerate(edges)}
    return [(place[source], place[name]) for name, sources in edges.items() for source in sources]


def _to_the_browser(size: int) -> dict[str, float]:
    session = test_session(SystemClock())
    for entry in entries(jk, layered(size)):
        session.define(entry)
    views, standing = GraphViews(session), Standing(session)
    query = GraphQuery(collapsed=())
    snapshot = standing.snapshot(views, query, 1)
    text = json.dumps(snapshot["graph"])
    found = {
        f"graph_json_{size}_ms": median_ms(lambda: json.dumps(views.view(query)), 5),
        f"graph_json_{size}_kb": len(text) / 1e3,
        f"statuses_{size}_ms": median_ms(lambda: Statuses(session).all(), 5),
        f"status_bytes_a_node_{size}": len(json.dumps(snapshot["status"])) / size,
    }
    for key in layered(size):
        _made(session, key, "first")
    keys = list(layered(size))
    found[f"status_change_{size}_ms"] = _status_change(session, standing.statuses, keys[-1])
    found[f"status_change_with_all_below_{size}_ms"] = _status_change(session, standing.statuses, keys[size // 2])
    found[f"made_status_bytes_a_node_{size}"] = len(json.dumps(standing.statuses.all())) / size
    session.close()
    return found


def _made(session: Session, key: str, version: str) -> None:
    above = dict.fromkeys(session.registry.graph.parents(key), "first")
    body = {"asset_key": key, "data_version": version, "fingerprint": {"parts": {}, "upstream": above}}
    session.states.note(Event(ASSET_MATERIALIZATION, "a run", key, session.clock.now_us(), body))


def _status_change(session: Session, statuses: Statuses, key: str) -> float:
    """Return how long it takes to know what a push says after one asset was made, with what is below it."""
    versions = itertools.cycle(("second", "first"))
    seen, _ = statuses.moved_since(-1)

    def change() -> str:
        nonlocal seen
        _made(session, key, next(versions))
        seen, moved = statuses.moved_since(seen)
        assert key in moved
        return json.dumps(moved)

    return median_ms(change, 40)


def measure_peer() -> dict[str, float]:
    """Return Dagster's figures for the same, in this hour."""
    import dagster as dg

    def defined(edges: Edges) -> Any:
        assets = [asset_of(dg, name, sources) for name, sources in edges.items()]
        return dg.Definitions(assets=assets).resolve_asset_graph()

    few, many = layered(500), layered(10_000)
    graph = defined(layered(1000))
    middle = list(layered(1000))[500]
    text = f'+key:"{middle}"+'
    return {
        "import_ms": process_ms("import dagster", 3) - process_ms("pass"),
        "import_asset_ms": process_ms("import dagster; dagster.asset", 3) - process_ms("pass"),
        "register_10000_ms": median_ms(lambda: defined(many), 1, warm=0),
        "redefine_one_of_500_ms": median_ms(lambda: defined(few), 3),
        "select_up_and_down_1000_ms": median_ms(lambda: dg.AssetSelection.from_string(text).resolve(graph), 10),
    }
