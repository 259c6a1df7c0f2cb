"""What the contexts of outputs and inputs share: names, asset, partitions, resources, metadata, log."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from jobkernel.errors import InvariantViolation, Unsupported
from jobkernel.model.definitions import EMPTY
from jobkernel.model.keys import AssetKey
from jobkernel.model.metadata import MetadataValue
from jobkernel.model.partition_range import PartitionKeyRange

Emit = Callable[[str, "dict[str, Any] | None"], None]
"""Record an event of the step: its type and body."""


class Resources:
    """Resources as attributes."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self.__dict__.update(values)

    def __repr__(self) -> str:
        return f"Resources({', '.join(f'{name}={value!r}' for name, value in self.__dict__.items())})"

    def __getattr__(self, name: str) -> Any:
        known = ", ".join(sorted(self.__dict__)) or "none"
        raise AttributeError(f"The context has no resource '{name}'; it has: {known}.")


class ValueContext:
    """Base of :class:`OutputContext` and :class:`InputContext`; every field a keyword, as in Dagster.

    ``asset_partition_keys`` are the partitions of the asset itself; where they are not given, an asset in a
    partitioned run is taken to be of the run's partition. Reading what was not given raises InvariantViolation; what
    contexts in runs never have, Unsupported.
    """

    def __init__(
        self,
        *,
        name: str | None = None,
        job_name: str | None = None,
        definition_metadata: Mapping[str, Any] | None = None,
        metadata: Mapping[str, Any] | None = None,
        config: Any = None,
        dagster_type: Any = None,
        log_manager: Any = None,
        resource_config: Mapping[str, Any] | None = None,
        resources: Any = None,
        step_context: Any = None,
        op_def: Any = None,
        asset_key: AssetKey | None = None,
        partition_key: str | None = None,
        asset_partitions_def: Any = None,
        asset_partition_keys: Sequence[str] | None = None,
        asset_partition_key_range: PartitionKeyRange | None = None,
        emit: Emit | None = None,
    ) -> None:
        self._name = name
        self._job_name = job_name
        self._definition_metadata = definition_metadata or metadata or EMPTY
        self._config = config
        self._dagster_type = dagster_type
        self._log = log_manager
        self._resource_config = resource_config
        self._resources = Resources(resources or {}) if resources is None or _is_mapping(resources) else resources
        self._step_context = step_context
        self._op_def = op_def
        self._asset_key = asset_key
        self._partition_key = partition_key
        self._asset_partitions_def = asset_partitions_def
        self._asset_partition_keys = asset_partition_keys
        self._asset_partition_key_range = asset_partition_key_range
        self._emit = emit
        self._logged_metadata: dict[str, MetadataValue[Any]] = {}

    def _given(self, value: Any, field: str) -> Any:
        if value is None and self._emit is not None and field in _NOT_IN_RUNS:
            raise Unsupported(f"context.{field} is not offered to IO managers in a run; {_NOT_IN_RUNS[field]}.")
        if value is None:
            raise InvariantViolation(f"This {type(self).__name__} was made without '{field}'.")
        return value

    @property
    def name(self) -> str:
        """The name of the output or input."""
        return str(self._given(self._name, "name"))

    @property
    def job_name(self) -> str:
        """The job of the run."""
        return str(self._given(self._job_name, "job_name"))

    @property
    def definition_metadata(self) -> Mapping[str, Any]:
        """The metadata written at the output, asset or input, as given there."""
        return self._definition_metadata

    @property
    def metadata(self) -> Mapping[str, Any]:
        """The older name of :attr:`definition_metadata`."""
        return self._definition_metadata

    @property
    def config(self) -> Any:
        """The config of this output or input."""
        return self._config

    @property
    def op_def(self) -> Any:
        """The op."""
        return self._given(self._op_def, "op_def")

    @property
    def dagster_type(self) -> Any:
        """The declared type."""
        return self._given(self._dagster_type, "dagster_type")

    @property
    def log(self) -> Any:
        """The log of the step, a :class:`logging.Logger` or like one."""
        return self._log if self._log is not None else _LOG

    @property
    def resource_config(self) -> Mapping[str, Any] | None:
        """The config of the IO manager's resource."""
        return self._resource_config

    @property
    def resources(self) -> Any:
        """The resources of the step, as attributes."""
        return self._resources

    @property
    def step_context(self) -> Any:
        """The context of the step."""
        return self._given(self._step_context, "step_context")

    @property
    def has_asset_key(self) -> bool:
        """Whether this is the value of an asset."""
        return self._asset_key is not None

    @property
    def asset_key(self) -> AssetKey:
        """The asset's key."""
        key: AssetKey = self._given(self._asset_key, "asset_key")
        return key

    @property
    def asset_partitions_def(self) -> Any:
        """How the asset is partitioned."""
        return self._given(self._asset_partitions_def, "asset_partitions_def")

    @property
    def has_partition_key(self) -> bool:
        """Whether the run is of one partition."""
        return self._partition_key is not None

    @property
    def partition_key(self) -> str:
        """The partition of the run."""
        if self._partition_key is None:
            raise InvariantViolation("Tried to read partition_key, but the run is not of a partition.")
        return self._partition_key

    @property
    def has_asset_partitions(self) -> bool:
        """Whether the asset is partitioned."""
        return self._range() is not None or bool(self._keys())

    @property
    def asset_partition_key(self) -> str:
        """The asset's partition, where it is exactly one."""
        keys = self.asset_partition_keys
        if len(keys) != 1:
            raise InvariantViolation(f"Tried to read asset_partition_key, but there are {len(keys)} partitions.")
        return keys[0]

    @property
    def asset_partition_keys(self) -> Sequence[str]:
        """The asset's partitions."""
        if not self.has_asset_partitions:
            raise InvariantViolation("Tried to read asset_partition_keys, but the asset is not partitioned.")
        return list(self._keys() or ())

    @property
    def asset_partition_key_range(self) -> PartitionKeyRange:
        """The first and the last of the asset's partitions."""
        given = self._range()
        if given is not None:
            return given
        keys = self.asset_partition_keys
        return PartitionKeyRange(keys[0], keys[-1])

    @property
    def asset_partitions_time_window(self) -> Any:
        """The time that the asset's partitions cover."""
        keys = self.asset_partition_key_range
        if not hasattr(self._asset_partitions_def, "time_window_for_partition_key"):
            raise InvariantViolation(
                "Tried to read asset_partitions_time_window, but the asset is not partitioned by time."
            )
        first = self._asset_partitions_def.time_window_for_partition_key(keys.start)
        last = self._asset_partitions_def.time_window_for_partition_key(keys.end)
        return type(first)(first.start, last.end)

    def get_asset_identifier(self) -> Sequence[str]:
        """Return the parts of the asset's key, and its partition where it has one."""
        parts = self.asset_key.path
        return [*parts, self.asset_partition_key] if self.has_asset_partitions else parts

    def consume_logged_metadata(self) -> Mapping[str, MetadataValue[Any]]:
        """Return the metadata added since the last call; for the engine."""
        logged, self._logged_metadata = self._logged_metadata, {}
        return logged

    consume_metadata = consume_logged_metadata

    def __enter__(self) -> Any:
        return self

    def __exit__(self, *exception: object) -> None:
        """Nothing is open."""

    def _range(self) -> PartitionKeyRange | None:
        return self._asset_partition_key_range

    def _keys(self) -> Sequence[str] | None:
        if self._asset_partition_keys is not None:
            return self._asset_partition_keys
        given = self._range()
        if given is not None:
            return self._keys_between(given)
        is_of_run = self._asset_key is not None and self._partition_key is not None
        return [self._partition_key] if is_of_run and self._partition_key is not None else None

    def _keys_between(self, given: PartitionKeyRange) -> Sequence[str]:
        if given.start == given.end:
            return [given.start]
        definition = self.asset_partitions_def
        return list(definition.get_partition_keys_in_range(given))


def _is_mapping(resources: Any) -> bool:
    return isinstance(resources, Mapping)


_LOG: Final = logging.getLogger("jobkernel.io")
_NOT_IN_RUNS: Final[Mapping[str, str]] = {
    "asset_spec": "context.asset_key and context.definition_metadata say which asset it is",
    "instance": "use jk.sql for the history, jk.load for values",
    "step_context": "the context itself says what step and run it is of",
}
