"""The part of a step's context that is about the partitions it makes and loads. Knows the step call only.

Source of names, and of what is refused: Dagster's contexts.
"""

from __future__ import annotations

from typing import Any

from jobkernel.clock import SystemClock
from jobkernel.errors import InvariantViolation
from jobkernel.executors.call import StepCall
from jobkernel.executors.partition_values import input_keys, partitions_def_of
from jobkernel.model.partition_loading import tell_time_by
from jobkernel.model.partition_range import PartitionKeyRange, TimeWindow
from jobkernel.model.partition_subset import PartitionsSubset

tell_time_by(SystemClock().now)  # a body may ask definitions for their keys, in every process


class PartitionPart:
    """What a body may ask of its run's partitions."""

    __slots__ = ()
    _call: StepCall

    @property
    def has_partition_key(self) -> bool:
        """Whether the run is for one partition."""
        return self._call.run.partition_key is not None

    @property
    def has_partition_key_range(self) -> bool:
        """Whether the run is for a range of partitions."""
        return self._call.run.partition_range is not None

    @property
    def has_partitions(self) -> bool:
        """Whether the run is for any partition."""
        return self.has_partition_key or self.has_partition_key_range

    @property
    def partition_key(self) -> Any:
        """The partition that the run is for; of two dimensions, a key of two parts.

        Raises:
            InvariantViolation: it is for none, or for a range of several.
        """
        key = self._call.run.partition_key
        between = self._call.run.partition_range
        if key is None and between is not None and between.start == between.end:
            key = between.start
        if key is not None:
            from jobkernel.rules.partition_multi import MultiPartitionsDefinition

            definition = self._partitions()
            is_multi = isinstance(definition, MultiPartitionsDefinition)
            return definition.get_partition_key_from_str(str(key)) if is_multi else key
        if self.has_partition_key_range:
            raise InvariantViolation("This run is for a range of partitions; ask for partition_keys.")
        raise InvariantViolation(
            f"This run of '{self._call.run.job_name}' is for no partition; launch it with a partition key."
        )

    @property
    def partition_key_range(self) -> PartitionKeyRange:
        """The first and the last partition that the run is for.

        Raises:
            InvariantViolation: it is for none.
        """
        between = self._call.run.partition_range
        return between if between is not None else PartitionKeyRange(self.partition_key, self.partition_key)

    asset_partition_key_range = partition_key_range

    @property
    def partition_keys(self) -> list[Any]:
        """The partitions that the run is for."""
        known = self._call.run.partitions
        if known is not None and known.keys:
            return list(known.keys)
        definition = self._partitions()
        if self.has_partition_key_range and definition is not None:
            return list(definition.get_partition_keys_in_range(self.partition_key_range))
        return [self.partition_key]

    @property
    def partition_time_window(self) -> TimeWindow:
        """The span of time of the run's partitions.

        Raises:
            InvariantViolation: they are no span of time.
        """
        return self._window(self._partitions(), self.partition_key_range)

    @property
    def multi_partition_key(self) -> Any:
        """The partition that the run is for, of two dimensions."""
        return self.partition_key

    def asset_partitions_def_for_output(self, output_name: str = "result") -> Any:
        """Return the partitions of the asset behind an output."""
        return self._output_def(output_name)

    def asset_partition_key_for_output(self, output_name: str = "result") -> str:
        """Return the partition of the asset behind an output, where it is one."""
        return self._only(self.asset_partition_key_range_for_output(output_name), f"output '{output_name}'")

    def asset_partition_keys_for_output(self, output_name: str = "result") -> list[str]:
        """Return the partitions of the asset behind an output."""
        self._output_def(output_name)
        return self.partition_keys

    def asset_partition_key_range_for_output(self, output_name: str = "result") -> PartitionKeyRange:
        """Return the first and the last partition of the asset behind an output."""
        self._output_def(output_name)
        return self.partition_key_range

    def asset_partitions_time_window_for_output(self, output_name: str = "result") -> TimeWindow:
        """Return the span of time of the asset's partitions behind an output."""
        return self._window(self._output_def(output_name), self.partition_key_range)

    def asset_partitions_def_for_input(self, input_name: str) -> Any:
        """Return the partitions of the asset behind an input."""
        return self._input_def(input_name)

    def asset_partition_key_for_input(self, input_name: str) -> str:
        """Return the partition that an input is of, where it is one."""
        return self._only(self.asset_partition_key_range_for_input(input_name), f"input '{input_name}'")

    def asset_partition_keys_for_input(self, input_name: str) -> list[str]:
        """Return the partitions that an input is of."""
        self._input_def(input_name)
        return list(input_keys(self._call, self._call.step.input_keys[input_name]) or ())

    def asset_partition_key_range_for_input(self, input_name: str) -> PartitionKeyRange:
        """Return the first and the last partition that an input is of.

        Raises:
            InvariantViolation: they are no one range.
        """
        keys = self.asset_partition_keys_for_input(input_name)
        ranges = PartitionsSubset(self._input_def(input_name), keys).get_partition_key_ranges()
        if len(ranges) != 1:
            raise InvariantViolation(f"Input '{input_name}' is of {len(ranges)} ranges of partitions, not of one.")
        return ranges[0]

    def asset_partitions_time_window_for_input(self, input_name: str = "result") -> TimeWindow:
        """Return the span of time of the partitions that an input is of."""
        return self._window(self._input_def(input_name), self.asset_partition_key_range_for_input(input_name))

    def _partitions(self) -> Any:
        known = self._call.run.partitions
        if known is not None and known.definition is not None:
            return known.definition
        assets = self._call.step.assets
        found = [spec.partitions for spec in assets.specs if spec.partitions is not None] if assets is not None else []
        return found[0] if found else None

    def _output_def(self, output_name: str) -> Any:
        key = self._call.step.asset_keys.get(output_name)
        found = partitions_def_of(self._call, key) if key is not None else None
        if found is None and key is not None and self._call.run.partitions is None:
            found = self._partitions()
        if found is None:
            raise InvariantViolation(f"Output '{output_name}' of step '{self._call.step.key}' has no partitions.")
        return found

    def _input_def(self, input_name: str) -> Any:
        key = self._call.step.input_keys.get(input_name)
        found = partitions_def_of(self._call, key) if key is not None else None
        if found is None:
            raise InvariantViolation(f"Input '{input_name}' of step '{self._call.step.key}' has no partitions.")
        return found

    def _only(self, between: PartitionKeyRange, what: str) -> str:
        if between.start != between.end:
            raise InvariantViolation(f"{what.capitalize()} is of partitions '{between.start}' to '{between.end}'.")
        return between.start

    def _window(self, definition: Any, between: PartitionKeyRange) -> TimeWindow:
        from jobkernel.rules.partition_multi import MultiPartitionsDefinition
        from jobkernel.rules.partition_windows import TimeWindowPartitionsDefinition

        is_timed = isinstance(definition, TimeWindowPartitionsDefinition) or (
            isinstance(definition, MultiPartitionsDefinition) and definition.has_time_window_dimension
        )
        if not is_timed:
            raise InvariantViolation(f"The partitions of step '{self._call.step.key}' are no spans of time.")
        first, last = (definition.time_window_for_partition_key(key) for key in between)
        return TimeWindow(first.start, last.end)
