"""What one thread defines is not lost to what another thread was reading at that moment."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from jobkernel.engine.entries import Entry
from jobkernel.engine.registry import Registry
from jobkernel.model.definitions import Assets, AssetSpec

PATIENCE_S = 10.0


def define(registry: Registry, key: str) -> None:
    registry.define(Entry(kind="asset", name=key, record=Assets(specs=(AssetSpec(key=key),))))


def test_a_definition_made_while_another_thread_reads_is_in_what_is_read_next(monkeypatch: pytest.MonkeyPatch) -> None:
    registry = Registry()
    define(registry, "early")
    reading, defined = threading.Event(), threading.Event()
    facts = registry._facts

    def slow(key: str) -> Any:
        if threading.current_thread() is reader:
            reading.set()
            defined.wait(0.2)  # where the definition may come in between, it does
        return facts(key)

    monkeypatch.setattr(registry, "_facts", slow)
    reader = threading.Thread(target=lambda: registry.universe)
    reader.start()
    assert reading.wait(PATIENCE_S)
    define(registry, "late")
    defined.set()
    reader.join()

    assert set(registry.universe.graph.keys) == {"early", "late"}
    assert set(registry.graph.keys) == set(registry.assets)
