"""An asset has one maker: a second definition of it, beside one that makes several assets, is refused."""

from __future__ import annotations

from typing import Any

import pytest

import jobkernel as jk
from jobkernel.engine.entries import Entry
from jobkernel.engine.registry import Registry
from jobkernel.errors import InvalidDefinition


@jk.multi_asset(outs={"k0": jk.AssetOut(), "k1": jk.AssetOut()})
def pair() -> tuple[int, int]:
    return 1, 2


@jk.asset
def k0() -> int:
    return 3


def entry(name: str, definition: Any) -> Entry:
    return Entry(kind="asset", name=name, record=definition.record)


def test_a_second_maker_is_refused_and_the_first_stays() -> None:
    registry = Registry()
    registry.define(entry("pair", pair))

    with pytest.raises(InvalidDefinition, match=r"Asset 'k0' is made by 'pair' already; forget that first"):
        registry.define(entry("k0", k0))

    assert registry.assets["k0"] is pair.record
    assert sorted(registry.assets) == ["k0", "k1"]


def test_the_same_definition_may_be_made_again_and_after_forgetting_another() -> None:
    registry = Registry()
    registry.define(entry("pair", pair))
    registry.define(entry("pair", pair))
    registry.forget("asset", "pair")

    registry.define(entry("k0", k0))

    assert registry.assets["k0"] is k0.record
