"""The stored values of a session's assets: which IO manager has each, and loading it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jobkernel.engine.partitions import partitions_of
from jobkernel.engine.registry import Registry
from jobkernel.engine.states import AssetStates
from jobkernel.errors import InvariantViolation, MissingUpstream, did_you_mean
from jobkernel.executors.exchange import STORED_BY_DEFAULT
from jobkernel.executors.stored import StoredValues
from jobkernel.model.definitions import DEFAULT_IO, EMPTY, Op
from jobkernel.model.keys import key_text


class AssetValues:
    """Values of one session. Safe from any thread."""

    def __init__(self, registry: Registry, states: AssetStates, values: StoredValues) -> None:
        self._registry = registry
        self._states = states
        self._values = values

    def load(self, key: Any, partition: str | None = None) -> Any:
        """Return the stored value of an asset, or of one of its partitions.

        Raises:
            MissingUpstream: it was never made.
            InvariantViolation: it has partitions, and none is named; or the other way round.
        """
        text = key_text(key)
        if (partitions_of(self._registry, text) is None) is not (partition is None):
            what = "has partitions; name one" if partition is None else "has no partitions; leave it out"
            raise InvariantViolation(f"Asset '{text}' {what}: load('{text}', partition=…).")
        if partition is not None:
            return self._values.load_key(text, partition)
        if self._states.made(text) is None and not self._values.has_asset(text):
            known = [other for other in self._registry.assets if other != text]
            raise MissingUpstream(f"Asset '{text}' was never made, so it has no value.{did_you_mean(text, known)}")
        io, metadata = self.io_of(text)
        if self.is_stored_here(io):
            return self._values.load_key(text)
        return self._values.load_custom(text, io, metadata, self._registry.resources)

    def has(self, key: str) -> bool:
        """Whether :meth:`load` has something to return; an asset that was made without a value has none."""
        io, _ = self.io_of(key)
        return self._values.has_asset(key) if self.is_stored_here(io) else self._states.made(key) is not None

    def has_partition(self, key: str, partition: str) -> bool:
        """Whether the value of a partition is kept here."""
        return self._values.has_asset(key, partition)

    def is_stored_here(self, io: str) -> bool:
        """Whether an IO manager is one of ours, and nobody defines another of its name."""
        return io in STORED_BY_DEFAULT and io not in self._registry.resources

    def io_of(self, key: str) -> tuple[str, Mapping[str, Any]]:
        """Return the IO manager of an asset, and the metadata that it is told."""
        assets = self._registry.assets.get(key)
        if assets is None or not isinstance(assets.node, Op):
            return DEFAULT_IO, EMPTY
        told = next((spec.metadata for spec in assets.specs if spec.key == key), EMPTY)
        for output in assets.node.outputs:
            if assets.keys_by_output.get(output.name) == key and not output.is_nothing:
                return output.io, {**told, **output.metadata}
        return DEFAULT_IO, EMPTY
