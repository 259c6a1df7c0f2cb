"""What one thread defines, every other thread sees whole."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator

import pytest

from jobkernel.engine.registry import Entry, Registry
from jobkernel.model.definitions import Assets, AssetSpec


@pytest.fixture
def quick_switches() -> Iterator[None]:
    """Let threads take turns far more often than they do by themselves."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("quick_switches")
def test_a_definition_is_in_graph_and_universe_at_once_while_others_read_them() -> None:
    registry, stop = Registry(), threading.Event()
    troubles: list[BaseException] = []

    def read() -> None:
        try:
            while not stop.is_set():
                assert set(registry.universe.graph.keys) <= set(registry.graph.keys)
        except BaseException as error:
            troubles.append(error)

    reader = threading.Thread(target=read)
    reader.start()
    unseen = []
    for number in range(150):
        key = f"k{number}"
        registry.define(Entry(kind="asset", name=key, record=Assets(specs=(AssetSpec(key=key),))))
        if key not in registry.universe.graph:
            unseen.append(key)
    stop.set()
    reader.join()
    assert (unseen, troubles) == ([], [])
    assert set(registry.graph.keys) == set(registry.assets)
