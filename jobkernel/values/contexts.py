"""What an IO manager is told: :class:`OutputContext`, :class:`InputContext`, and builders for tests.

Source: Dagster's classes and functions of these names. The engine makes them for custom managers only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from jobkernel.errors import InvalidMetadata, InvariantViolation
from jobkernel.model.definitions import EMPTY
from jobkernel.model.keys import AssetKey
from jobkernel.model.kinds import DICT, TEXT, expect, expect_named
from jobkernel.model.metadata import MetadataValue, normalize_metadata
from jobkernel.model.partition_range import PartitionKeyRange
from jobkernel.model.results import AssetMaterialization, AssetObservation
from jobkernel.values.asset_events import event_told
from jobkernel.values.context_base import ValueContext

RUN_ID_PLACEHOLDER: Final = "__EPHEMERAL_RUN_ID"


class OutputContext(ValueContext):
    """What ``handle_output`` is told of the output it stores."""

    def __init__(
        self,
        *,
        step_key: str | None = None,
        run_id: str | None = None,
        mapping_key: str | None = None,
        version: str | None = None,
        output_metadata: Mapping[str, Any] | None = None,
        asset_spec: Any = None,
        **shared: Any,
    ) -> None:
        super().__init__(**shared)
        self._step_key = step_key
        self._run_id = run_id
        self._mapping_key = mapping_key
        self._version = version
        self._output_metadata = output_metadata or EMPTY
        self._asset_spec = asset_spec
        self._events: list[AssetMaterialization | AssetObservation] = []

    @property
    def step_key(self) -> str:
        """The step that made the output."""
        return str(self._given(self._step_key, "step_key"))

    @property
    def run_id(self) -> str:
        """The run that made the output."""
        return str(self._given(self._run_id, "run_id"))

    @property
    def mapping_key(self) -> str | None:
        """The key of a dynamic output, else None."""
        return self._mapping_key

    @property
    def version(self) -> str | None:
        """The version of the output."""
        return self._version

    @property
    def output_metadata(self) -> Mapping[str, Any]:
        """The metadata that the step gave with the value."""
        return self._output_metadata

    @property
    def asset_spec(self) -> Any:
        """The asset's spec."""
        return self._given(self._asset_spec, "asset_spec")

    def get_identifier(self) -> Sequence[str]:
        """Return run id, step key, output name and, of a dynamic output, its mapping key."""
        if self._version is not None:
            if self._mapping_key is not None:
                raise InvariantViolation(f"Output '{self.name}' has both a version and a mapping key.")
            return ["versioned_outputs", self._version, self.step_key, self.name]
        return self.get_run_scoped_output_identifier()

    def get_run_scoped_output_identifier(self) -> Sequence[str]:
        """Return the identifier by run id, whatever the version."""
        identifier = [self.run_id, self.step_key, self.name]
        return [*identifier, self._mapping_key] if self._mapping_key else identifier

    def get_output_identifier(self) -> Sequence[str]:
        """Return the same as :meth:`get_identifier`, its newer name."""
        return self.get_identifier()

    def get_asset_output_identifier(self) -> Sequence[str]:
        """Return the same as :meth:`get_asset_identifier`, its newer name."""
        return self.get_asset_identifier()

    def add_output_metadata(self, metadata: Mapping[str, Any]) -> None:
        """Add metadata to the output's materialization.

        Raises:
            InvalidMetadata: a name was added before, or a value is of no known kind.
        """
        again = sorted(self._logged_metadata.keys() & metadata.keys())
        if again:
            raise InvalidMetadata(f"Metadata was already added under: {', '.join(again)}.")
        self._logged_metadata = {**self._logged_metadata, **normalize_metadata(metadata)}

    def get_logged_metadata(self) -> Mapping[str, MetadataValue[Any]]:
        """Return the metadata added so far."""
        return self._logged_metadata

    def log_event(self, event: AssetMaterialization | AssetObservation) -> None:
        """Record that an asset was made or seen.

        Raises:
            InvariantViolation: the event is neither.
        """
        if not isinstance(event, AssetMaterialization | AssetObservation):
            raise InvariantViolation(f"log_event takes an AssetMaterialization or AssetObservation, not {event!r}.")
        self._events.append(event)
        if self._emit is not None:
            self._emit(*event_told(event))

    def get_logged_events(self) -> Sequence[AssetMaterialization | AssetObservation]:
        """Return the events logged so far."""
        return self._events


class InputContext(ValueContext):
    """What ``load_input`` is told of the input it loads."""

    def __init__(self, *, upstream_output: OutputContext | None = None, instance: Any = None, **shared: Any) -> None:
        super().__init__(**shared)
        self._upstream_output = upstream_output
        self._instance = instance
        self._observations: list[AssetObservation] = []

    @property
    def has_input_name(self) -> bool:
        """Whether a step's input is loaded; no where a value is read from outside a run."""
        return self._name is not None

    @property
    def upstream_output(self) -> OutputContext | None:
        """The output that made the value."""
        return self._upstream_output

    @property
    def instance(self) -> Any:
        """The instance."""
        return self._given(self._instance, "instance")

    def get_identifier(self) -> Sequence[str]:
        """Return the identifier of the output that made the value."""
        upstream: OutputContext = self._given(self._upstream_output, "upstream_output")
        return upstream.get_identifier()

    def add_input_metadata(self, metadata: Mapping[str, Any], description: str | None = None) -> None:
        """Add metadata to the LOADED_INPUT event and, of an asset, observe it."""
        self._logged_metadata = {**self._logged_metadata, **normalize_metadata(metadata)}
        if self._asset_key is None:
            return
        partition = self.asset_partition_key if self.has_asset_partitions else None
        event = AssetObservation(
            asset_key=self._asset_key, description=description, metadata=metadata, partition=partition
        )
        self._observations.append(event)
        if self._emit is not None:
            self._emit(*event_told(event))

    def get_observations(self) -> Sequence[AssetObservation]:
        """Return the observations made by :meth:`add_input_metadata`."""
        return self._observations


def build_output_context(
    step_key: str | None = None,
    name: str | None = None,
    definition_metadata: Mapping[str, Any] | None = None,
    run_id: str | None = None,
    mapping_key: str | None = None,
    config: Any = None,
    dagster_type: Any = None,
    version: str | None = None,
    resource_config: Mapping[str, Any] | None = None,
    resources: Any = None,
    op_def: Any = None,
    asset_key: Any = None,
    partition_key: str | None = None,
    asset_partitions_def: Any = None,
    asset_partition_key_range: PartitionKeyRange | None = None,
    instance: Any = None,
    asset_spec: Any = None,
    metadata: Mapping[str, Any] | None = None,
    output_metadata: Mapping[str, Any] | None = None,
) -> OutputContext:
    """Return an output context for a test of an IO manager; also usable in ``with``.

    Raises:
        TypeError: naming an argument of a wrong kind.
    """
    where = "build_output_context"
    expect(where, TEXT, step_key=step_key, name=name, run_id=run_id, mapping_key=mapping_key, version=version)
    expect(where, TEXT, partition_key=partition_key)
    expect(where, DICT, definition_metadata=definition_metadata, metadata=metadata, output_metadata=output_metadata)
    expect(where, DICT, resource_config=resource_config, resources=resources)
    expect_named(where, ("PartitionKeyRange",), asset_partition_key_range=asset_partition_key_range)
    expect_named(where, ("DagsterInstance",), instance=instance)
    return OutputContext(
        step_key=step_key,
        name=name,
        run_id=RUN_ID_PLACEHOLDER if run_id is None else run_id,
        definition_metadata=definition_metadata,
        metadata=metadata,
        mapping_key=mapping_key,
        config=config,
        dagster_type=dagster_type,
        version=version,
        resource_config=resource_config or {},
        resources=resources,
        op_def=op_def,
        asset_key=_key(asset_key),
        partition_key=partition_key,
        asset_partitions_def=asset_partitions_def,
        asset_partition_key_range=asset_partition_key_range,
        asset_spec=asset_spec,
        output_metadata=output_metadata,
    )


def build_input_context(
    name: str | None = None,
    config: Any = None,
    definition_metadata: Mapping[str, Any] | None = None,
    upstream_output: OutputContext | None = None,
    dagster_type: Any = None,
    resource_config: Mapping[str, Any] | None = None,
    resources: Any = None,
    op_def: Any = None,
    step_context: Any = None,
    asset_key: Any = None,
    partition_key: str | None = None,
    asset_partition_key_range: PartitionKeyRange | None = None,
    asset_partitions_def: Any = None,
    instance: Any = None,
    metadata: Mapping[str, Any] | None = None,
) -> InputContext:
    """Return an input context for a test of an IO manager; also usable in ``with``.

    Raises:
        TypeError: naming an argument of a wrong kind.
    """
    where = "build_input_context"
    expect(where, TEXT, name=name, partition_key=partition_key)
    expect(where, DICT, definition_metadata=definition_metadata, metadata=metadata)
    expect(where, DICT, resource_config=resource_config, resources=resources)
    expect_named(where, ("OutputContext",), upstream_output=upstream_output)
    expect_named(where, ("PartitionKeyRange",), asset_partition_key_range=asset_partition_key_range)
    return InputContext(
        name=name,
        config=config,
        definition_metadata=definition_metadata,
        metadata=metadata,
        upstream_output=upstream_output,
        dagster_type=dagster_type,
        resource_config=resource_config or {},
        resources=resources,
        op_def=op_def,
        step_context=step_context,
        asset_key=_key(asset_key),
        partition_key=partition_key,
        asset_partition_key_range=asset_partition_key_range,
        asset_partitions_def=asset_partitions_def,
        instance=instance,
    )


def _key(given: Any) -> AssetKey | None:
    return AssetKey.from_coercible(given) if given else None
