"""How the assets of some definitions depend on each other, in keys: what ``resolve_asset_graph`` returns."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from jobkernel.api.keys import as_key
from jobkernel.model.keys import AssetCheckKey, AssetKey


class AssetGraph:
    """The assets, their edges and checks. Keys are :class:`AssetKey`; sets have no order."""

    __slots__ = ("_definitions",)

    def __init__(self, definitions: Any) -> None:
        self._definitions = definitions

    def get_all_asset_keys(self) -> set[AssetKey]:
        """Return every key, external ones included."""
        return _keys(self._definitions.universe.keys)

    @property
    def materializable_asset_keys(self) -> set[AssetKey]:
        """The keys that something here makes."""
        return _keys(self._definitions.universe.materializable)

    @property
    def external_asset_keys(self) -> set[AssetKey]:
        """The keys that nothing here makes."""
        return _keys(self._definitions.universe.external)

    @property
    def asset_check_keys(self) -> set[AssetCheckKey]:
        """Every check."""
        return {AssetCheckKey(_key(key), name) for key, name in self._definitions.universe.checks}

    @property
    def toposorted_asset_keys(self) -> list[AssetKey]:
        """Every key after all it depends on."""
        return [_key(text) for text in self._definitions.universe.graph.topological()]

    def parents(self, key: Any) -> set[AssetKey]:
        """Return the keys that ``key`` depends on directly."""
        return _keys(self._definitions.universe.graph.parents(as_key(key).text))

    def children(self, key: Any) -> set[AssetKey]:
        """Return the keys that depend on ``key`` directly."""
        return _keys(self._definitions.universe.graph.children(as_key(key).text))


def _key(text: str) -> AssetKey:
    return AssetKey.from_escaped_user_string(text)


def _keys(texts: Iterable[str]) -> set[AssetKey]:
    return {_key(text) for text in texts}
