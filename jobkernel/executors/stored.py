"""The default exchange of a session: values in the project's store, objects under ``--io memory``, described as made.

Knows no runs; the exchange of each run and the session call it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from jobkernel.errors import InvalidDefinition, MissingUpstream
from jobkernel.executors.call import StepCall
from jobkernel.executors.partition_values import kept, loaded
from jobkernel.executors.resources import open_resources, require_resources
from jobkernel.model.keys import AssetKey
from jobkernel.model.metadata import to_json
from jobkernel.values.addresses import Address, AssetAddress, OutputAddress
from jobkernel.values.describe import automatic_metadata, kind_word
from jobkernel.values.io import InputContext, OutputContext
from jobkernel.values.memory import MemoryValues
from jobkernel.values.preview import preview
from jobkernel.values.pruning import Keep, Pruned
from jobkernel.values.store import Stored, Values, ValueStore
from jobkernel.values.table_formats import is_settled, settled

MEMORY: Final = "memory"
PREVIEW: Final = "preview"
KIND: Final = "jobkernel/kind"
"""The metadata entry that says in a word what a value was: polars, pandas, json, …"""


class StoredValues:
    """Keeps and finds the values of one project."""

    def __init__(self, store: Values) -> None:
        self.store = store
        self.memory = MemoryValues()

    def keep_asset(self, call: StepCall, key: str, value: Any) -> dict[str, Any]:
        """Keep an asset's value; return what is recorded of it."""
        output = next(name for name, made in call.step.asset_keys.items() if made == key)
        place, other = self._places(call, output)

        def keep(partition: str | None, given: Any) -> dict[str, Any]:
            address = AssetAddress(key, partition)
            ready = settled(given)
            stored = place.put(address, ready)
            other.delete(address)  # a value of before, under the other manager, must not hide this one
            return self._described(stored, ready)

        return kept(call, key, value, keep)

    def keep_output(self, call: StepCall, step_key: str, output: str, value: Any) -> dict[str, Any]:
        """Keep an op's output for this run."""
        place, _ = self._places(call, output.partition("[")[0])
        stored = place.put(OutputAddress(call.run.run_id, step_key, output), settled(value))
        return {"bytes": stored.bytes, "format": stored.format}

    def load_asset(self, call: StepCall, key: str) -> Any:
        """Return an asset's value."""
        return loaded(call, key, lambda partition: self._get(AssetAddress(key, partition)))

    def load_output(self, run_id: str, step_key: str, output: str) -> Any:
        """Return an op's output of a run."""
        return self._get(OutputAddress(run_id, step_key, output))

    def has_output(self, run_id: str, step_key: str, output: str) -> bool:
        """Whether an op's output of a run is still kept."""
        address = OutputAddress(run_id, step_key, output)
        return self.memory.exists(address) or self.store.exists(address)

    def has_asset(self, key: str, partition: str | None = None) -> bool:
        """Whether a value of the asset, or of one of its partitions, is kept."""
        address = AssetAddress(key, partition)
        return self.memory.exists(address) or self.store.exists(address)

    def has_in_memory(self, key: str) -> bool:
        """Whether the asset's value is an object of this process alone."""
        return self.memory.exists(AssetAddress(key))

    def load_key(self, key: str, partition: str | None = None) -> Any:
        """Return the value of an asset, or of one of its partitions, outside any run."""
        return self._get(AssetAddress(key, partition))

    def load_custom(self, key: str, io: str, metadata: Mapping[str, Any], resources: Mapping[str, Any]) -> Any:
        """Return an asset's value through the IO manager among these definitions, opened for as long as that takes.

        Raises:
            UnknownResource: nobody defines the IO manager, or what it needs.
            InvalidDefinition: it is no IO manager.
        """
        require_resources(resources, {io: f"'{key}'"})
        asset_key = AssetKey.from_escaped_user_string(key)
        with open_resources(resources, None, [io], _unrecorded) as opened:
            load = getattr(opened[io], "load_input", None)
            if load is None:
                raise InvalidDefinition(f"Asset '{key}' is kept by '{io}', which is no IO manager.")
            upstream = OutputContext(
                name="result",
                step_key=None,
                run_id=None,
                asset_key=asset_key,
                definition_metadata=metadata,
                resources=opened,
            )
            name = asset_key.path[-1]
            return load(InputContext(name=name, upstream_output=upstream, asset_key=asset_key, resources=opened))

    def flush(self, run_id: str) -> None:
        """Make a run's outputs durable, and let go of those that only it could read."""
        self.store.flush(run_id)
        self.memory.delete_run(run_id)

    def delete_runs(self, run_ids: Iterable[str]) -> None:
        """Delete every output of these runs; values of assets stay."""
        if isinstance(self.store, ValueStore):
            for run_id in run_ids:
                self.store.delete_run(run_id)

    def prune(self, keep: Keep, *, now: float, dry_run: bool = False) -> Pruned:
        """Delete what ``keep`` does not keep; with ``dry_run`` only say how much that is. ``now`` in seconds."""
        if isinstance(self.store, ValueStore):
            return self.store.prune(keep, now=now, dry_run=dry_run)
        return Pruned(0, 0)

    def close(self) -> None:
        """Write what waits."""
        if isinstance(self.store, ValueStore):
            self.store.close()

    def _places(self, call: StepCall, output: str) -> tuple[Values, Values]:
        """Return where an output's value goes, and the place where it does not."""
        declared = call.step.op.output(output)
        if declared is not None and declared.io == MEMORY:
            return self.memory, self.store
        return self.store, self.memory

    def _get(self, address: Address) -> Any:
        if self.memory.exists(address):
            return self.memory.get(address)
        try:
            return self.store.get(address)
        except MissingUpstream as error:
            raise MissingUpstream(
                str(error), keys=[address.key] if isinstance(address, AssetAddress) else ()
            ) from error

    def _described(self, stored: Stored, value: Any) -> dict[str, Any]:
        return {
            "path": stored.path,
            "bytes": stored.bytes,
            "format": stored.format,
            "data_version": stored.data_version,
            **self.describe(value, stored.bytes),
        }

    def describe(self, value: Any, stored_bytes: int | None = None) -> dict[str, Any]:
        """Return what a materialization tells of a value itself, whoever keeps it; nothing of what reads only once."""
        if not is_settled(value):
            return {}
        return {
            "metadata": {
                **{name: to_json(each) for name, each in automatic_metadata(value, stored_bytes).items()},
                KIND: {"kind": "text", "value": kind_word(value)},
            },
            PREVIEW: preview(value),
        }


def _unrecorded(event_type: str, body: dict[str, Any] | None) -> None:
    """Record nothing: no run is there to which it belongs."""
